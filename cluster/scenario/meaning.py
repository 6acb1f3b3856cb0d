"""Whether a scenario can be meant, once all of it is read: targets that the cluster has, names that exist, checks that
have something to look at, entries that come before the end.

Must not parse, and must not know who leads what: only what follows from the file is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cluster.scenario import places
from cluster.scenario.actions import ACTIONS
from cluster.scenario.document import Part, suggest
from cluster.scenario.forms import LOOKS_AT, WORKLOADS
from cluster.scenario.model import Scenario, Step
from cluster.scenario.reading import Reading
from cluster.scenario.subjects import CLUSTER_ONLY

OBJECTS = ("api", "apply", "delete", "scale", "patch", "setImage", "cordon", "drain", "join", "leave")
"""Actions that need apiservers or workers."""


def look(scenario: Scenario, part: Part, reading: Reading) -> None:
    """Adds what is wrong to the problems."""
    given = part.fields()
    look_at_timeline(scenario, reading)
    _workloads(scenario, reading)
    names = [workload.name or workload.type for workload in scenario.workloads]
    for condition, where in reading.conditions:
        if condition.subject == "operations" and where.path.startswith("steadyState"):
            text = f"{condition.text!r} before there are operations: the workload begins with the timeline"
            reading.problems.add(where, text, "an `await` at the timeline's start")
        elif condition.subject == "operations" and condition.name and condition.name not in names:
            remedy = suggest(condition.name, names) if names else "a workload"
            reading.problems.add(where, f"there is no workload {condition.name!r}", remedy)
    _checks(scenario, given.get("checks", part), reading)
    if scenario.shape.only == "store":
        for condition, where in reading.conditions:
            if condition.subject in CLUSTER_ONLY:
                text = f"{condition.subject} in a cluster of the store alone"
                reading.problems.add(where, text, "cluster.only: cluster")


def look_at_timeline(scenario: Scenario, reading: Reading) -> None:
    """The same for targets and entries alone: what other formats have as well."""
    _targets(scenario, reading)
    _steps(scenario, reading)
    _names(scenario, reading)
    _times(scenario, reading)


def every_step(steps: Iterable[Step]) -> Iterator[Step]:
    """All entries, those inside of others as well."""
    for step in steps:
        yield step
        yield from every_step(step.steps)


def least(steps: Sequence[Step], start: float = 0.0) -> float:
    """How long the entries last at the least, in seconds from `start`: what conditions wait for is not known."""
    last, end = start, start
    for step in steps:
        begins, ends = _span(step, last)
        last = ends if ACTIONS[step.action].waits else begins
        end = max(end, ends)
    return end


def _span(step: Step, last: float) -> tuple[float, float]:
    begins = step.at if step.at is not None else last + step.after
    inside = 0.0
    if step.action == "parallel":
        inside = max((_span(child, begins)[1] - begins for child in step.steps), default=0.0)
    elif step.action == "sequence":
        inside = least(step.steps, begins) - begins
    elif step.action == "wait":
        inside = float(step.args.get("for") or 0.0)
    strikes = max(step.repeat, 1) - 1
    return begins, begins + strikes * step.every + max(inside, step.lasting)


def _targets(scenario: Scenario, reading: Reading) -> None:
    extent = places.extent(scenario.shape, list(every_step(scenario.timeline)))
    for target, part in reading.targets:
        for text, remedy in places.wrong(target, extent):
            reading.problems.add(part, text, remedy)
    for condition, part in reading.conditions:
        for text, remedy in places.wrong_condition(condition, extent):
            reading.problems.add(part, text, remedy)
    for step, part in reading.steps:
        if id(step) in reading.broken:
            continue
        for text, remedy in places.wrong_step(step, extent):
            reading.problems.add(part, f"{step.action}: {text}", remedy)


def _steps(scenario: Scenario, reading: Reading) -> None:
    for step, part in reading.steps:
        action = ACTIONS[step.action]
        if not set(scenario.worlds) & set(action.worlds):
            why = f": {action.only_because}" if action.only_because else ""
            text = f"{step.action} cannot be done in {', '.join(scenario.worlds)}{why}"
            reading.problems.add(part, text, f"worlds: [{', '.join(action.worlds)}]")
        if scenario.shape.only == "store" and step.action in OBJECTS:
            reading.problems.add(part, f"{step.action} in a cluster of the store alone", "cluster.only: cluster")
        if scenario.shape.engine != "raft" and action.group == "membership":
            reading.problems.add(part, f"{step.action} is not for engine {scenario.shape.engine}", "engine: raft")


def _names(scenario: Scenario, reading: Reading) -> None:
    seen: dict[str, str] = {}
    for step, part in reading.steps:
        if step.name and step.name in seen:
            reading.problems.add(part, f"the name {step.name!r} is taken by {seen[step.name]}", "another name")
        elif step.name:
            seen[step.name] = part.place
    for step, part in reading.steps:
        name = step.args.get("name", "") if step.action == "heal" else ""
        if not name:
            continue
        healed = next((s for s, _ in reading.steps if s.name == name), None)
        if healed is None:
            remedy = suggest(name, seen) if seen else "give an entry a `name`"
            reading.problems.add(part, f"heal of {name!r}, which no entry is called", remedy)
        elif not ACTIONS[healed.action].lasts:
            reading.problems.add(part, f"heal of {name!r}: {healed.action} is over at once", "leave it out")
    called: set[str] = set()
    for workload, part in reading.workloads:
        if workload.name and workload.name in called:
            reading.problems.add(part, f"two workloads are called {workload.name!r}", "names that tell them apart")
        called.add(workload.name)


def _times(scenario: Scenario, reading: Reading) -> None:
    """An entry that would begin after the end that `duration` sets."""
    parts = {id(step): part for step, part in reading.steps}
    last = 0.0
    for step in scenario.timeline:
        begins, ends = _span(step, last)
        last = ends if ACTIONS[step.action].waits else begins
        if begins > scenario.seconds and id(step) in parts:
            text = f"{step.action} begins at {begins:g} s, and the timeline ends at {scenario.seconds:g} s"
            reading.problems.add(parts[id(step)], text, "a longer `duration`, or none")
            return


def _workloads(scenario: Scenario, reading: Reading) -> None:
    for workload, part in reading.workloads:
        if scenario.shape.only == "store" and WORKLOADS[workload.type].cluster:
            text = f"workload {workload.type} in a cluster of the store alone"
            reading.problems.add(part, text, "cluster.only: cluster")
        worlds = WORKLOADS[workload.type].worlds
        if not set(scenario.worlds) & set(worlds):
            text = f"workload {workload.type} cannot be played in {', '.join(scenario.worlds)}"
            reading.problems.add(part, text, f"worlds: [{', '.join(worlds)}]")


def _checks(scenario: Scenario, part: Part, reading: Reading) -> None:
    """`part`: of the checks, or of the whole if there are none."""
    if not part.path or (part.is_list and not part.items()):
        reading.problems.add(part, "nothing to check", "checks: [linearizable], see `launch.py check --list`")
    if any(str(error.args[0]).startswith("workload") for _, error in reading.problems.found):
        return  # what there is to look at is not known
    types = {workload.type for workload, _ in reading.workloads}
    for check, where in reading.checks:
        wanted = LOOKS_AT.get(check.check, ())
        known = (reading.known or {}).get(check.check)
        at = set(known.looks_at) if known is not None else set()
        if wanted and not types & set(wanted):
            text = f"{check.check} has nothing to look at"
            reading.problems.add(where, text, f"a workload of type {' or '.join(wanted)}")
        elif at == {"operations"} and not types:
            reading.problems.add(where, f"{check.check} has nothing to look at: no workload", "workload: register")
        elif at == {"events"} and scenario.shape.only == "store":
            text = f"{check.check} looks at API objects, and this cluster is the store alone"
            reading.problems.add(where, text, "cluster.only: cluster")
