"""A run's strikes as a timeline that leaves nothing to chance: concrete times and targets instead of random ones.

Pure. What a shrinker then takes away, it takes from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from cluster.history.run import Run, Strike
from cluster.scenario.actions import ACTIONS
from cluster.scenario.model import Atom, Scenario, Step, Target

KEPT = ("objects", "control")
"""Groups of actions that are no faults: they stay as they are written, with what waits for them."""
DRAWN = "shape"


def pin(scenario: Scenario, run: Run) -> Scenario | None:
    """The same story with every strike at its time and on its targets; None if something of it cannot be said so: an
    entry that waits for a condition or changes objects (its time is not known from the strikes), or a shape whose rules
    are no partition of groups."""
    if any(not _plain(step) for step in scenario.timeline):
        return None
    began = run.meta.phases.get("timeline", (0.0, 0.0))[0]
    originals = {step.place: step for step in _all(scenario.timeline)}
    steps = []
    for strike in run.strikes:
        if strike.error:
            continue
        step = _step(strike, originals.get(strike.place), began)
        if step is None:
            return None
        steps.append(step)
    return replace(scenario, timeline=tuple(sorted(steps, key=lambda s: s.at or 0.0)), seed=run.meta.seed)


def _plain(step: Step) -> bool:
    if step.action in ("wait", "say"):
        return True
    if step.action in ("parallel", "sequence"):
        return all(_plain(inner) for inner in step.steps)
    return ACTIONS[step.action].group not in KEPT and step.when is None and step.until is None


def _all(steps: Sequence[Step]) -> Iterable[Step]:
    for step in steps:
        yield step
        yield from _all(step.steps)


def _step(strike: Strike, original: Step | None, began: float) -> Step | None:
    if original is None:
        return None
    args = dict(original.args)
    for name, field in ACTIONS[original.action].fields.items():
        if field.type in ("targets", "target") and name in args and args[name]:
            found = _resolved(strike, name, args)
            if found is None:
                return None
            args[name] = found
    if original.action == "partition":
        if args.get(DRAWN) in ("majorities-ring", "bridge"):
            return None
        args = {
            **args,
            "between": tuple(tuple(named(n) for n in group) for group in strike.groups),
            DRAWN: "",
            "of": (),
        }
    lasting = (strike.until - strike.since) if strike.until is not None and original.lasting else original.lasting
    return Step(
        original.place,
        original.action,
        args,
        original.name,
        at=round(strike.since - began, 6),
        lasting=round(lasting, 6),
    )


def _resolved(strike: Strike, name: str, args: dict[str, Any]) -> tuple[Target, ...] | None:
    """Whom that field meant. A rule between `from` and `to` has both in `targets`, in that order: it is known which is
    which only if one of them says everybody or both are names already."""
    others = [key for key in ("from", "to") if key in args and args[key] and key != name]
    if name in ("from", "to") and others:
        given: tuple[Target, ...] = args[name]
        return given if all(atom.role == "name" for target in given for atom in target.of) else None
    return tuple(named(target) for target in strike.targets)


def named(name: str) -> Target:
    """A host or machine by its name."""
    return Target(name, (Atom("name", name),))
