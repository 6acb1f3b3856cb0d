"""Writes a scenario as an experiment of Chaos Toolkit, for `chaos run` against a cluster that is up.

    launch.py scenario convert FILE --to chaostoolkit -o experiment.json;  launch.py up;  chaos run experiment.json

Each entry of the timeline is an activity of a process provider: `capstan strike ENTRY` (the installed `launch.py`)
carries out one entry against a running cluster and undoes it when it is over. What lasts runs in the background; a
`wait` is a pause. Conditions of the steady state are probes. An extension `capstan` carries the whole scenario, so that
reading it back loses nothing; workload and checks are carried along, and not carried out by `chaos run`.

Must not pretend: what such activities cannot do is a UsageError that says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cluster.errors import UsageError
from cluster.scenario import meaning, write
from cluster.scenario.actions import ACTIONS
from cluster.scenario.model import Condition, Scenario, Step
from cluster.scenario.units import say_duration

LAUNCHER, CLUSTER = "capstan", "dev"
EXTENSION = "capstan"
PATIENCE = 30.0
"""Seconds that a process may take over what its entry needs, before Chaos Toolkit ends it."""

Experiment = dict[str, Any]


def experiment(
    scenario: Scenario, launcher: str = LAUNCHER, cluster: str = CLUSTER, without: list[str] | None = None
) -> Experiment:
    """The experiment as data. `launcher`: path of the program; `cluster`: name of the cluster that is up. UsageError
    for what cannot be expressed; with a list for `without` it is left out, and its reason put there."""
    process = _Process(launcher, cluster)
    steady = scenario.steady
    result: Experiment = {
        "version": "1.0.0",
        "title": scenario.title,
        "description": scenario.teaches or scenario.title,
        "tags": ["capstan", scenario.name],
        "configuration": {},
        "secrets": {},
    }
    if steady.conditions:
        kept = [c for c in steady.conditions if _kept(_alone, (c, scenario.place), without)]
        probes = [_probe(condition, steady.within, process) for condition in kept]
        result["steady-state-hypothesis"] = {"title": "the steady state", "probes": probes}
    result["method"] = _Method(process, scenario.seconds, without).activities(scenario.timeline)
    result["rollbacks"] = [
        {"type": "action", "name": "every rule healed", "provider": process.run(["heal"], PATIENCE)},
    ]
    result["runtime"] = {"rollbacks": {"strategy": "always"}}
    result["extensions"] = [{"name": EXTENSION, "scenario": write.data(scenario)}]
    return result


def dump(scenario: Scenario, launcher: str = LAUNCHER, cluster: str = CLUSTER, without: list[str] | None = None) -> str:
    return json.dumps(experiment(scenario, launcher, cluster, without), indent=2, ensure_ascii=False) + "\n"


def _kept(refuse: Callable[..., None], about: tuple[Any, ...], without: list[str] | None) -> bool:
    """Whether it can be expressed. UsageError if not, or its text is added to `without`."""
    try:
        refuse(*about)
    except UsageError as error:
        if without is None:
            raise
        without.append(str(error))
        return False
    return True


def _alone(condition: Condition, place: str) -> None:
    """Refuses a condition on what a process that has just begun cannot know."""
    if condition.subject == "operations":
        text = f"{condition.text!r}: `chaos run` starts no workload"
        raise UsageError(text, place=place, remedy="leave it out: --partly")
    if condition.predicate in ("changed", "changed hands") or condition.subject == "event":
        text = f"{condition.text!r}: an activity is a process of its own, and remembers nothing from before"
        raise UsageError(text, place=place, remedy="one `sequence` with the fault before it, or leave it out: --partly")


@dataclass(frozen=True, slots=True)
class _Process:
    launcher: str
    cluster: str

    def run(self, words: Sequence[str], timeout: float) -> dict[str, Any]:
        arguments = [*words, "--name", self.cluster]
        return {"type": "process", "path": self.launcher, "arguments": arguments, "timeout": round(timeout)}

    def strike(self, entry: dict[str, Any], timeout: float) -> dict[str, Any]:
        return self.run(["strike", json.dumps(entry, ensure_ascii=False)], timeout)


def _probe(condition: Condition, within: float, process: _Process) -> dict[str, Any]:
    """Exit status 0: it holds (or came to hold in that time)."""
    entry = {"await": condition.text, "within": say_duration(within)}
    provider = process.strike(entry, within + PATIENCE)
    return {"type": "probe", "name": condition.text, "tolerance": 0, "provider": provider}


@dataclass(slots=True)
class _Method:
    """The activities so far. `clock`: seconds since the timeline's start, as far as is known; `exact`: it is known, for
    nothing before has waited for a condition."""

    process: _Process
    seconds: float
    without: list[str] | None = None
    clock: float = 0.0
    exact: bool = True
    made: list[dict[str, Any]] = field(default_factory=list)
    pause: float = 0.0

    def activities(self, steps: Sequence[Step]) -> list[dict[str, Any]]:
        for step in steps:
            if _kept(self._refuse, (step,), self.without):
                self._add(step)
        if self.pause and self.without is not None and not self.made:
            return []
        if self.pause:
            if not self.made:
                raise UsageError(
                    "a timeline that only waits", remedy="Chaos Toolkit pauses before and after activities"
                )
            self.made[-1].setdefault("pauses", {})["after"] = self.pause
        return self.made

    def _add(self, step: Step) -> None:
        before = step.after if step.at is None else step.at - self.clock
        self.pause += before
        self.clock += before
        if step.action == "wait" and _plain(step):
            self.pause += step.args["for"]
            self.clock += step.args["for"]
            return
        inside = replace(step, at=None, after=0.0)
        if ACTIONS[step.action].lasts and not step.lasting:
            inside = replace(inside, lasting=max(1.0, self.seconds - self.clock))
        activity = self._activity(inside, step)
        if self.pause:
            activity["pauses"] = {"before": self.pause}
            self.pause = 0.0
        self.made.append(activity)
        if ACTIONS[step.action].waits:
            self.clock += meaning.least((inside,))
        if step.when is not None or _waits(step):
            self.exact = False

    def _activity(self, inside: Step, step: Step) -> dict[str, Any]:
        waits = ACTIONS[step.action].waits
        patience = meaning.least((inside,)) + _patience(inside) + PATIENCE
        kind = "probe" if step.action == "await" else "action"
        written = _nested(write.step(inside))
        activity: dict[str, Any] = {"type": kind, "name": step.name or _name(step)}
        activity["provider"] = self.process.strike(written, patience)
        if not waits and (inside.lasting or inside.every):
            activity["background"] = True
        return activity

    def _refuse(self, step: Step) -> None:
        if step.at is not None and not self.exact:
            text = f"{step.action}: `at` after an entry that waits for a condition"
            raise UsageError(text, place=step.place, remedy="Chaos Toolkit has pauses only: `after`, or wait before it")
        if step.at is not None and step.at < self.clock:
            raise UsageError(
                f"{step.action}: `at` before the entry above it", place=step.place, remedy="in their order"
            )
        for condition in (step.when, step.until, step.args.get("condition")):
            if isinstance(condition, Condition):
                _alone(condition, step.place)
        for inner in (step, *meaning.every_step(step.steps)):
            if inner.action == "heal":
                text = "heal: an activity of Chaos Toolkit is a process of its own, and cannot end another"
                raise UsageError(text, place=inner.place, remedy="say with `for` how long the fault lasts")
            if inner.every and not inner.repeat:
                text = f"{inner.action}: `every` without an end"
                raise UsageError(
                    text, place=inner.place, remedy="`repeat: 5`: a process of Chaos Toolkit ends by itself"
                )


def _plain(step: Step) -> bool:
    return step.when is None and not step.every and step.chance == 1.0 and not step.name


def _waits(step: Step) -> bool:
    return any(s.action == "await" or s.when is not None for s in (step, *meaning.every_step(step.steps)))


def _patience(step: Step) -> float:
    """Seconds that its conditions may take."""
    several = (step, *meaning.every_step(step.steps))
    return sum(s.within for s in several if s.action == "await" or s.when is not None)


def _nested(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of a process stands alone: what it is called is the activity's name."""
    return {key: value for key, value in entry.items() if key != "name"}


def _name(step: Step) -> str:
    """In words: "kill leader:store for 5s"."""
    written = write.step(step)
    value = written[step.action]
    said = value if isinstance(value, str | int | float) else "" if value is None else json.dumps(value)
    lasting = f" for {say_duration(step.lasting)}" if step.lasting else ""
    text = f"{step.action} {said}".strip() + lasting
    return text if len(text) <= 100 else text[:97] + "..."
