"""The entries of a timeline, read into steps.

    - kill: leader:store            the action's short form,
      for: 5s                       what every entry may have,
      disk: wipe                    and the action's other fields: beside it,
    - disk: {targets: store-1, way: slow, by: 20ms}         or all in one mapping
    - heal                          an action that needs nothing
    - parallel: [...]               entries of its own

Must not know what an action does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.scenario import fields
from cluster.scenario.actions import ACTIONS, Action
from cluster.scenario.document import Part, nothing, suggest
from cluster.scenario.forms import STEP
from cluster.scenario.model import Step
from cluster.scenario.reading import Reading

NESTS = ("parallel", "sequence")
_OWN = {"wait": "for", "heal": "name"}
"""What beside these actions is their own field, and not every entry's."""


def steps(part: Part, reading: Reading) -> tuple[Step, ...]:
    """Every entry that could be read."""
    if not part.is_list:
        reading.problems.add(part, f"{part.called()} where a list of entries is meant", "- kill: leader:store")
        return ()
    read = [_step(item, reading) for item in part.items()]
    return tuple(step for step in read if step is not None)


def _step(part: Part, reading: Reading) -> Step | None:
    if part.text:
        given = {part.text: nothing(part)}
    elif part.is_mapping:
        given = part.fields()
    else:
        reading.problems.add(part, f"{part.called()} where an entry is meant", "such as `kill: leader:store`")
        return None
    name = _action(given, part, reading)
    if name is None:
        return None
    action = ACTIONS[name]
    inner = given[name]
    common = {k: p for k, p in given.items() if k in STEP and k != name and k != _OWN.get(name)}
    before = len(reading.problems.found)
    args, children = _arguments(name, given, common, inner, reading)
    broken = len(reading.problems.found) > before
    read = {k: v for k, p in common.items() if (v := fields.value(STEP[k], p, reading)) is not fields.WRONG}
    step = Step(
        part.place,
        name,
        args,
        name=read.get("name", ""),
        at=read.get("at"),
        after=read.get("after", 0.0),
        lasting=read.get("for", 0.0),
        when=read.get("when"),
        within=read.get("within", 60.0),
        every=read.get("every", 0.0),
        repeat=read.get("repeat", 0),
        until=read.get("until"),
        chance=read.get("chance", 1.0),
        steps=children,
    )
    _agree(step, common, action, reading)
    reading.steps.append((step, part))
    if broken:
        reading.broken.add(id(step))
    return step


def _action(given: Mapping[str, Part], part: Part, reading: Reading) -> str | None:
    """The one key that names an action."""
    named = [key for key in given if key in ACTIONS]
    if len(named) > 1:
        owners = [key for key in named if all(k == key or k in ACTIONS[key].fields for k in named)]
        named = owners if len(owners) == 1 else named
    if len(named) == 1:
        return named[0]
    if named:
        first, second = named[:2]
        reading.problems.add(
            given[second], f"{first} and {second} in one entry", "an entry has one action: two entries, or `parallel`"
        )
        return None
    other = [key for key in given if key not in STEP]
    if other:
        reading.problems.unknown(given[other[0]], other[0], ACTIONS, "action")
    else:
        reading.problems.add(part, "an entry without an action", "such as `kill: leader:store`")
    return None


def _arguments(
    name: str, given: Mapping[str, Part], common: Mapping[str, Part], inner: Part, reading: Reading
) -> tuple[dict[str, Any], tuple[Step, ...]]:
    """The action's fields, defaults filled in; and the entries of those that have some."""
    action = ACTIONS[name]
    beside = {k: p for k, p in given.items() if k != name and k not in common}
    if name in NESTS:
        for key, item in beside.items():
            reading.problems.unknown(item, key, STEP)
        children = steps(inner, reading)
        if inner.is_list and not inner.items():
            reading.problems.add(inner, f"{name} of nothing", "at least one entry")
        return {}, children
    short = next((key for key, spec in action.fields.items() if spec.short), "")
    if inner.is_null:
        inside: dict[str, Part] = {}
    elif inner.is_mapping and not (short and action.fields[short].type == "object" and "apiVersion" in inner.fields()):
        inside = inner.fields()
    elif short:
        inside = {short: Part(inner.node, inner.file, inner.line, inner.path)}
    else:
        reading.problems.add(inner, f"{inner.called()} where the fields of {name} are meant", _example(action))
        return {}, ()
    found = {}
    for key, item in {**inside, **beside}.items():
        spec = action.fields.get(key)
        if key in inside and key in beside:
            reading.problems.add(item, f"{key!r} stands twice", f"beside {name}, or inside")
        elif spec is None:
            _unknown(name, key, item, key in inside, reading)
        elif (read := fields.value(spec, item, reading)) is not fields.WRONG:
            found[key] = read
    fields.missing(action.fields, {**inside, **beside}, inner, reading)
    return fields.defaults(action.fields, found), ()


def _example(action: Action) -> str:
    return ", ".join(f"{key}: {spec.doc}" for key, spec in action.fields.items() if spec.required) or "a mapping"


def _unknown(name: str, key: str, item: Part, inside: bool, reading: Reading) -> None:
    action = ACTIONS[name]
    if inside and key in STEP:
        reading.problems.add(item, f"{key!r} is not a field of {name}", f"put it beside {name}, not inside")
        return
    known = list(action.fields) if inside else [*action.fields, *STEP]
    remedy = suggest(key, known) if known else f"{name} has no fields"
    reading.problems.add(item, f"{name} has no field {key!r}", remedy)


def _agree(step: Step, common: Mapping[str, Part], action: Action, reading: Reading) -> None:
    """What the fields of one entry must not say together."""
    for key in ("repeat", "until"):
        if key in common and not step.every:
            reading.problems.add(common[key], f"{key} without `every`", "every: 5s says how often")
    if "at" in common and "after" in common:
        reading.problems.add(common["after"], "at and after in one entry", "one of the two")
    if "for" in common and not action.lasts and step.action != "wait":
        lasting = ", ".join(name for name, a in ACTIONS.items() if a.lasts and a.group == action.group)
        remedy = f"it is over at once; what lasts: {lasting}" if lasting else "leave it out"
        reading.problems.add(common["for"], f"{step.action} cannot last", remedy)
    if "within" in common and step.when is None and step.action != "await":
        reading.problems.add(common["within"], "within without `when`", "it is how long `when` or `await` waits")
    if "repeat" in common and step.repeat < 1:
        reading.problems.add(common["repeat"], f"{step.repeat} times is never", "1 or more")
