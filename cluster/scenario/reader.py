"""A scenario file, read: `read(text, place, folder) -> Scenario`, or a `FileError` with all that is wrong with it.

Every problem has a place (file and line), the path of the field, and what would be right; as an exception they are one
line, the first problem and the number of the others. Pure but for manifests, which are read from the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from cluster.api.formats import label_value
from cluster.errors import UsageError
from cluster.scenario import document, fields, meaning, timeline, units
from cluster.scenario.actions import Field
from cluster.scenario.document import FileError, Part, suggest
from cluster.scenario.forms import CHECK, CLUSTER, FORMAT, STEADY, STORE_OPTIONS, TOP, WORKLOAD, WORKLOADS
from cluster.scenario.model import WORLDS, CheckSpec, Scenario, Shape, SteadyState, Workload
from cluster.scenario.reading import Known, Reading

__all__ = ["FileError", "entry", "read"]


def read(text: str, place: str, folder: str | Path | None = None, known: Known | None = None) -> Scenario:
    """The scenario in `text`. `place` names the file in messages; `folder` is where its manifests are looked for first;
    `known`: the checks that there are (`cluster.history.checks.CHECKS`; None: names and options of checks are left to
    whoever judges). FileError (a UsageError) with every problem of the file."""
    reading = Reading(place, None if folder is None else Path(folder), known)
    part = document.compose(text, place)
    if not part.is_mapping:
        raise UsageError(
            f"{part.called()} where a scenario is meant", place=part.place, remedy="begin with `capstan: 1`"
        )
    given = part.fields()
    _format(given, part, reading)
    for name, item in given.items():
        if name not in TOP:
            reading.problems.unknown(item, name, TOP)
    scenario = _assemble(given, part, reading)
    meaning.look(scenario, part, reading)
    reading.problems.raise_if_any()
    return replace(scenario, text=text)


def entry(text: str, shape: Shape, place: str = "entry") -> Scenario:
    """One entry of a timeline by itself ("kill: leader:store", or JSON), as a scenario of nothing else, for a cluster
    of that shape. FileError with all that is wrong with it."""
    reading = Reading(place)
    part = document.compose(f"[{text}]" if text.lstrip().startswith("{") else "- " + text.replace("\n", "\n  "), place)
    steps = timeline.steps(part, reading)
    scenario = Scenario(place, place, text, shape=shape, timeline=steps, seconds=meaning.least(steps), settle=0.0)
    meaning.look_at_timeline(scenario, reading)
    if reading.problems.found:  # of a list that the file does not have
        told = [(str(e.args[0]).removeprefix("[0]").lstrip(".: "), e.remedy) for _, e in reading.problems.found]
        raise FileError(UsageError(text, place=place, remedy=remedy) for text, remedy in told)
    return scenario


def _format(given: Mapping[str, Part], part: Part, reading: Reading) -> None:
    if "capstan" not in given:
        reading.problems.add(part, "'capstan' is missing", f"begin with `capstan: {FORMAT}`, the version of the format")
    elif given["capstan"].text != str(FORMAT):
        said = given["capstan"].text
        reading.problems.add(given["capstan"], f"format {said!r} is not known", f"capstan: {FORMAT}")


def _assemble(given: Mapping[str, Part], part: Part, reading: Reading) -> Scenario:
    plain = {}
    for name in ("name", "title", "teaches", "worlds", "seed", "duration", "settle"):
        if name in given:
            found = fields.value(TOP[name], given[name], reading)
            if found is not fields.WRONG:
                plain[name] = found
    stem = PurePath(part.file).stem or "scenario"
    steps = timeline.steps(given["timeline"], reading) if "timeline" in given else ()
    name = plain.get("name", stem)
    seconds = plain.get("duration", max(TOP["duration"].default, meaning.least(steps)))
    return Scenario(
        place=part.place,
        name=name,
        title=plain.get("title", name.replace("-", " ")),
        teaches=plain.get("teaches", "").strip(),
        worlds=plain.get("worlds", WORLDS) or WORLDS,
        seed=plain.get("seed", 0),
        shape=_shape(given["cluster"], reading) if "cluster" in given else Shape(),
        workloads=tuple(
            w for key in ("workload", "workloads") if key in given for w in _workloads(given[key], reading)
        ),
        steady=_steady(given["steadyState"], reading) if "steadyState" in given else SteadyState(),
        timeline=steps,
        seconds=seconds,
        settle=plain.get("settle", TOP["settle"].default),
        checks=_checks(given["checks"], reading) if "checks" in given else (),
    )


# ── cluster ──


def _shape(part: Part, reading: Reading) -> Shape:
    if not part.is_mapping:
        reading.problems.add(part, f"{part.called()} where a mapping is meant", "such as {masters: 3, workers: 3}")
        return Shape()
    found = fields.mapping(CLUSTER, part, reading)
    given = part.fields()
    for name, low, high in (("masters", 1, 9), ("workers", 0, 2000)):
        if name in found and not low <= found[name] <= high:
            reading.problems.add(given[name], f"{found.pop(name)} {name} are not possible", f"{low} to {high}")
    zones = found.get("zones", ())
    for zone in zones:
        if label_value(zone) is not None or (len(zones) == 1 and zone.isdecimal()):  # a count, most likely
            remedy = "such as [a, b, c]: one for each zone, and worker i is in zone i modulo their number"
            reading.problems.add(given["zones"], f"{zone!r} is no zone's name", remedy)
    if len(set(zones)) < len(zones):
        reading.problems.add(given["zones"], "a zone stands twice", "worker i is in zone i modulo their number anyway")
    if found.get("only") == "store" and found.get("objects"):
        reading.problems.add(given["objects"], "objects in a cluster of the store alone", "only: cluster")
    if "options" in found:
        engine = found.get("engine", Shape().engine)
        found["options"] = _store_options(found["options"], given["options"], engine, reading)
    return Shape(**found)


def _store_options(options: Mapping[str, Any], part: Part, engine: str, reading: Reading) -> dict[str, Any]:
    """By the names of `store.config.Config`; snapshotEntries is snapshot_entries."""
    result = {}
    for name, item in part.fields().items():
        plain = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        if engine == "raft" and plain not in STORE_OPTIONS:
            reading.problems.add(item, f"the store has no option {name!r}", suggest(plain, STORE_OPTIONS))
            continue
        value = options[name]
        if engine == "raft" and (isinstance(value, bool) or not isinstance(value, int | float)):
            try:
                value = units.duration(item.text or "?")
            except UsageError:
                reading.problems.add(item, f"{item.text!r} is not a number", "seconds, bytes or a count")
                continue
        result[plain] = value
    return result


# ── workload, steady state ──


def _workloads(part: Part, reading: Reading) -> tuple[Workload, ...]:
    parts = part.items() if part.is_list else [part]
    read = [_workload(item, reading) for item in parts]
    return tuple(w for w in read if w is not None)


def _workload(part: Part, reading: Reading) -> Workload | None:
    if part.text:
        found: dict[str, Any] = {"type": part.text}
        given = {"type": part}
    elif part.is_mapping:
        found, given = fields.mapping(WORKLOAD, part, reading), part.fields()
    else:
        reading.problems.add(part, f"{part.called()} where a workload is meant", f"a type: {', '.join(WORKLOADS)}")
        return None
    if "type" not in found:
        return None
    if found["type"] not in WORKLOADS:
        reading.problems.unknown(given["type"], found["type"], WORKLOADS, "type of workload")
        return None
    for name, low, what in (
        ("clients", 1, "clients"),
        ("keys", 1, "keys"),
        ("rate", 1e-6, "a second"),
        ("timeout", 1e-6, "s"),
    ):
        if name in found and found[name] < low:
            said = f"{found.pop(name):g}"
            reading.problems.add(given[name], f"{said} {what} are not possible", "more than 0")
    form = WORKLOADS[found["type"]]
    options = _options(form.options, given.get("options"), part, reading)
    workload = Workload(part.place, **{**fields.defaults(WORKLOAD, found), "options": options})
    reading.workloads.append((workload, part))
    return workload


def _options(specs: Mapping[str, Field], given: Part | None, part: Part, reading: Reading) -> dict[str, Any]:
    """Those that are given: what is not said is for whoever plays the workload to choose."""
    if given is None:
        fields.missing(specs, {}, part, reading)
        return {}
    return fields.mapping(specs, given, reading) if given.is_mapping else {}


def _steady(part: Part, reading: Reading) -> SteadyState:
    if part.is_mapping:
        return SteadyState(**fields.mapping(STEADY, part, reading))
    found = fields.value(STEADY["conditions"], part, reading)
    return SteadyState(found if found is not fields.WRONG else ())


# ── checks ──


def _checks(part: Part, reading: Reading) -> tuple[CheckSpec, ...]:
    parts = part.items() if part.is_list else [part]
    read = [_check(item, reading) for item in parts]
    return tuple(c for c in read if c is not None)


def _check(part: Part, reading: Reading) -> CheckSpec | None:
    """`name`, `{name: {options}, expect: violated, because: ...}`; options may also stand beside."""
    if part.text:
        name, item, inside, beside = part.text, part, None, {}
    elif part.is_mapping and part.fields():
        given = part.fields()
        name = next((key for key in given if key not in CHECK), "")
        if not name:
            reading.problems.add(part, "expect and because of no check", "- linearizable: {...}")
            return None
        item, inside = given[name], given[name]
        beside = {key: p for key, p in given.items() if key not in (name, *CHECK)}
    else:
        reading.problems.add(part, f"{part.called()} where a check is meant", "a name such as linearizable")
        return None
    common = {key: p for key, p in part.fields().items() if key in CHECK}
    said = fields.defaults(
        CHECK, {k: v for k, p in common.items() if (v := fields.value(CHECK[k], p, reading)) is not fields.WRONG}
    )
    options = _check_options(name, item, inside, beside, reading)
    check = CheckSpec(part.place, name, options, said["expect"], said["because"].strip())
    reading.checks.append((check, part))
    return check


def _check_options(
    name: str, item: Part, inside: Part | None, beside: Mapping[str, Part], reading: Reading
) -> dict[str, Any]:
    if inside is not None and not inside.is_null and not inside.is_mapping:
        reading.problems.add(inside, f"{inside.called()} where the options of {name} are meant", f"{name}: {{...}}")
        return {}
    parts = {**(inside.fields() if inside is not None else {}), **beside}
    if reading.known is None:
        return {key: p.data() for key, p in parts.items()}
    if name not in reading.known:
        reading.problems.unknown(item, name, reading.known, "check")
        return {}
    offered = reading.known[name].options
    found = {}
    for key, p in parts.items():
        if key not in offered:
            remedy = suggest(key, [*offered, *CHECK]) if offered else f"{name} has no options"
            reading.problems.add(p, f"{name} has no option {key!r}", remedy)
            continue
        option = offered[key]
        read = fields.value(Field(option.type, option.doc, choices=option.choices), p, reading)
        if option.type in ("number", "integer") and read is not fields.WRONG and not option.allows(read):
            reading.problems.add(p, f"{key} of {read:g} is not possible", option.bounds())
        elif read is not fields.WRONG:
            found[key] = read
    return found
