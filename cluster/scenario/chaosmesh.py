"""Reads Chaos Mesh's resources: a file of them becomes a scenario whose timeline does the same to our cluster.

Kinds: NetworkChaos, PodChaos, TimeChaos, IOChaos, Schedule, Workflow (Serial, Parallel, Suspend and these kinds). All
resources of a file begin at the same time. Chaos Mesh knows no checks: what is read is checked by `faults-hit` and by
the steady state (all nodes Ready, the store writable). Must not drop a field without a word.

A Schedule's first strike comes one period after the start. A cron expression is read if it is a plain period (hourly,
every five minutes): a story has no wall clock. In a Workflow a chaos lasts as long as its `deadline`, and the next
task of a Serial begins after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath

from cluster.errors import UsageError
from cluster.scenario import document, meaning
from cluster.scenario.actions import ACTIONS
from cluster.scenario.condition import parse as condition
from cluster.scenario.document import Part
from cluster.scenario.meshdisk import disk
from cluster.scenario.meshfaults import Mesh, go_duration, network, pod, time
from cluster.scenario.meshselect import Fields
from cluster.scenario.model import CheckSpec, Scenario, Shape, SteadyState, Step
from cluster.scenario.reading import Reading

GROUP = "chaos-mesh.org/v1alpha1"
KINDS: Mapping[str, Callable[[Part, Mesh], list[Step]]] = {
    "NetworkChaos": network,
    "PodChaos": pod,
    "TimeChaos": time,
    "IOChaos": disk,
}
FIELDS = {kind: kind[0].lower() + kind[1:] if kind != "IOChaos" else "ioChaos" for kind in KINDS}
"""Where a Schedule or a Workflow's template has the spec of each kind."""
STRIKES = 3
"""Of a Schedule, which itself has no end."""
_CRON = {
    "@hourly": 3600.0,
    "@daily": 86400.0,
    "@midnight": 86400.0,
    "@weekly": 604800.0,
    "* * * * *": 60.0,
    "0 * * * *": 3600.0,
    "0 0 * * *": 86400.0,
}


def read(text: str, place: str) -> Scenario:
    """The scenario. FileError with every problem of the file."""
    parts = document.compose_all(text, place)
    reading = Reading(place)
    mesh = Mesh(reading)
    if not parts:
        raise UsageError("an empty file", place=place, remedy=f"a resource of {GROUP}")
    groups = [steps for part in parts if (steps := _resource(part, mesh))]
    timeline: tuple[Step, ...] = tuple(step for steps in groups for step in steps)
    if len(groups) > 1:
        timeline = (Step(parts[0].place, "parallel", steps=tuple(_one(steps) for steps in groups)),)
    stem = PurePath(place).stem or "chaos-mesh"
    scenario = Scenario(
        parts[0].place,
        stem,
        f"{_first_name(parts[0]) or stem}, from Chaos Mesh",
        teaches=" ".join(f"Note: {note}." for note in dict.fromkeys(mesh.notes)),
        shape=_shape(reading),
        steady=SteadyState((condition("all nodes are Ready"), condition("store is writable"))),
        timeline=timeline,
        seconds=max(10.0, meaning.least(timeline)),
        checks=(CheckSpec(parts[0].place, "faults-hit"), CheckSpec(parts[0].place, "steady-state")),
        text=text,
    )
    meaning.look_at_timeline(scenario, reading)
    reading.problems.raise_if_any()
    return scenario


def _first_name(part: Part) -> str:
    metadata = part.fields().get("metadata")
    name = metadata.fields().get("name") if metadata is not None else None
    return (name.text if name is not None else "") or ""


def _one(steps: list[Step]) -> Step:
    """One entry for what happens at the same time."""
    return steps[0] if len(steps) == 1 else Step(steps[0].place, "parallel", steps=tuple(steps))


def _shape(reading: Reading) -> Shape:
    """As large as the machines that are named need it, and at least 3 + 3."""
    names = [a.arg for t, _ in reading.targets for a in (*t.of, *t.but) if a.role == "name"]
    numbered = [m for name in names if (m := re.fullmatch(r"([a-z-]+)-(\d{1,4})", name, re.ASCII))]
    worker = ("worker", "kubelet", "proxy")
    workers = max([3, *(int(m[2]) + 1 for m in numbered if m[1] in worker)])
    masters = max([3, *(int(m[2]) + 1 for m in numbered if m[1] not in worker)])
    return Shape(masters=min(masters, 9), workers=min(workers, 2000))


def _resource(part: Part, mesh: Mesh) -> list[Step]:
    if not part.is_mapping:
        mesh.problem(part, f"{part.called()} where a resource of Chaos Mesh is meant", f"apiVersion: {GROUP}")
        return []
    given = Fields(part, mesh.reading)
    version, kind = given.text("apiVersion"), given.text("kind")
    if version != GROUP:
        mesh.problem(part.fields().get("apiVersion", part), f"apiVersion {version!r} is not known", GROUP)
    metadata = given.take("metadata")
    mesh.namespace = "default"
    if metadata is not None:
        fields = Fields(metadata, mesh.reading)
        mesh.namespace = fields.text("namespace", "default") or "default"
        for name in ("name", "labels", "annotations"):
            fields.take(name)
        _not_paused(metadata, mesh)
        fields.rest(dict.fromkeys(metadata.fields(), "is written by a cluster; remove it"))
    spec = given.need("spec", f"of a {kind}")
    given.rest({"status": "is written by a cluster; remove it"})
    readers = {**KINDS, "Schedule": schedule, "Workflow": workflow}
    if kind not in readers:
        where = part.fields().get("kind", part)
        mesh.problem(where, f"kind {kind!r} cannot be done here", document.suggest(kind, readers))
        return []
    if spec is None or not spec.is_mapping:
        return []
    return readers[kind](spec, mesh)


def _not_paused(metadata: Part, mesh: Mesh) -> None:
    annotations = metadata.fields().get("annotations")
    for key, part in annotations.fields().items() if annotations is not None else ():
        if key == "experiment.chaos-mesh.org/pause" and part.text == "true":
            mesh.problem(part, "the experiment is paused", "remove the annotation")


# ── Schedule ──


def schedule(spec: Part, mesh: Mesh) -> list[Step]:
    given = Fields(spec, mesh.reading)
    when, kind = given.need("schedule", "such as @every 30s"), given.text("type")
    inner = given.take(FIELDS.get(kind, kind))
    policy = given.text("concurrencyPolicy", "Forbid")
    for name in ("historyLimit", "startingDeadlineSeconds"):
        if given.take(name) is not None:
            mesh.notes.append(f"{name} is about how a controller keeps house, and means nothing in a story")
    given.rest()
    if kind not in KINDS or inner is None:
        where = spec.fields().get("type", spec)
        mesh.problem(
            where, f"a Schedule of {kind!r} without its spec, or of what cannot be done here", ", ".join(KINDS)
        )
        return []
    if policy not in ("Forbid", "Allow"):
        mesh.problem(spec.fields()["concurrencyPolicy"], f"{policy!r} is not known", "Forbid or Allow")
    period = _period(when, mesh) if when is not None else 0.0
    steps = KINDS[kind](inner, mesh)
    longest = max((step.lasting for step in steps), default=0.0)
    if period and policy == "Forbid" and longest > period:
        mesh.problem(
            inner, f"lasts {longest:g} s, and is forbidden to begin again every {period:g} s", "a shorter duration"
        )
    return [_again(step, mesh, period) for step in steps] if period else []


def _again(step: Step, mesh: Mesh, period: float) -> Step:
    repeated = replace(step, every=period, repeat=STRIKES, after=period)
    mesh.reading.steps[:] = [(repeated if s is step else s, part) for s, part in mesh.reading.steps]
    return repeated


def _period(part: Part, mesh: Mesh) -> float:
    text = " ".join((part.text or "").split())
    if text.startswith("@every "):
        found = go_duration(text.removeprefix("@every "))
        if not found or found < 0:
            mesh.problem(part, f"{text!r} is not a period", "such as @every 30s")
        return max(found or 0.0, 0.0)
    if text in _CRON:
        return _CRON[text]
    if match := re.fullmatch(r"\*/(\d{1,2}) \* \* \* \*", text, re.ASCII):
        return int(match[1]) * 60.0 if 60 % int(match[1] or 1) == 0 else _uneven(part, text, mesh)
    if match := re.fullmatch(r"0 \*/(\d{1,2}) \* \* \*", text, re.ASCII):
        return int(match[1]) * 3600.0 if 24 % int(match[1] or 1) == 0 else _uneven(part, text, mesh)
    return _uneven(part, text, mesh)


def _uneven(part: Part, text: str, mesh: Mesh) -> float:
    mesh.problem(
        part, f"{text!r} is not a plain period: a story has no wall clock", "such as @every 30s or */5 * * * *"
    )
    return 0.0


# ── Workflow ──


def workflow(spec: Part, mesh: Mesh) -> list[Step]:
    given = Fields(spec, mesh.reading)
    entry, templates = given.need("entry", "the name of a template"), given.need("templates", "a list")
    given.rest()
    if entry is None or templates is None:
        return []
    named: dict[str, Part] = {}
    for item in templates.items():
        name = item.fields().get("name")
        if name is None or not name.text:
            mesh.problem(item, "a template without a name", "name: ...")
        elif name.text in named:
            mesh.problem(name, f"two templates are called {name.text!r}", "another name")
        else:
            named[name.text] = item
    return _template(entry, named, mesh, ())


def _template(ref: Part, named: Mapping[str, Part], mesh: Mesh, above: tuple[str, ...]) -> list[Step]:
    """What a template does, as entries one after the other."""
    name = ref.text or ""
    if name not in named:
        remedy = document.suggest(name, named) if named else "templates: [...]"
        mesh.problem(ref, f"there is no template {name!r}", remedy)
        return []
    if name in above:
        mesh.problem(ref, f"{name!r} is inside of itself", "templates form a tree")
        return []
    part = named[name]
    given = Fields(part, mesh.reading)
    given.take("name")
    kind = given.text("templateType")
    deadline = mesh.duration(given.take("deadline"))
    if kind in ("Serial", "Parallel"):
        children = given.need("children", "names of templates")
        given.rest()
        inner = [_template(c, named, mesh, (*above, name)) for c in (children.items() if children is not None else ())]
        return _nest(part, kind, [steps for steps in inner if steps], deadline, mesh)
    if kind == "Suspend":
        given.rest()
        if not deadline:
            mesh.problem(part, "Suspend needs a deadline", "deadline: 10s")
        return [mesh.entry(part, "wait", {"for": deadline})]
    if kind == "Schedule":
        inner_spec = given.need("schedule", "what and when")
        given.rest()
        found = schedule(inner_spec, mesh) if inner_spec is not None else []
        if found and not deadline:
            mesh.problem(part, "a Schedule in a Workflow needs a deadline", "deadline: 5m")
        again = [_until(step, mesh, deadline) for step in found]
        both = (*again, mesh.entry(part, "wait", {"for": deadline}))
        return [Step(part.place, "parallel", steps=both)] if found else []
    if kind not in KINDS:
        where = part.fields().get("templateType", part)
        remedy = (
            "tasks run containers: an `await` in our format"
            if kind == "Task"
            else document.suggest(kind, [*KINDS, "Serial"])
        )
        mesh.problem(where, f"templateType {kind!r} cannot be done here", remedy)
        return []
    inner_spec = given.need(FIELDS[kind], f"the spec of the {kind}")
    given.rest()
    mesh.deadline = deadline
    steps = KINDS[kind](inner_spec, mesh) if inner_spec is not None else []
    mesh.deadline = 0.0
    return _during(part, steps, deadline, mesh)


def _until(step: Step, mesh: Mesh, deadline: float) -> Step:
    """A repeated strike, as often as the deadline allows."""
    times = max(1, int(deadline // step.every)) if step.every else step.repeat
    repeated = replace(step, repeat=times)
    mesh.reading.steps[:] = [(repeated if s is step else s, part) for s, part in mesh.reading.steps]
    return repeated


def _during(part: Part, steps: list[Step], deadline: float, mesh: Mesh) -> list[Step]:
    """The chaos for as long as its deadline, and then the next."""
    lasting = [s for s in steps if ACTIONS[s.action].lasts and not s.every]
    if lasting and not deadline:
        mesh.problem(part, "a chaos in a Workflow needs a deadline", "deadline: 30s")
    found = []
    for step in steps:
        if step in lasting and (not step.lasting or step.lasting > deadline):
            changed = replace(step, lasting=deadline)
            mesh.reading.steps[:] = [(changed if s is step else s, p) for s, p in mesh.reading.steps]
            step = changed
        found.append(step)
    return [*found, mesh.entry(part, "wait", {"for": deadline})] if deadline and found else found


def _nest(part: Part, kind: str, inner: list[list[Step]], deadline: float, mesh: Mesh) -> list[Step]:
    if not inner:
        return []
    if kind == "Serial":
        nested = Step(part.place, "sequence", steps=tuple(step for steps in inner for step in steps))
    else:
        whole = [steps[0] if len(steps) == 1 else Step(part.place, "sequence", steps=tuple(steps)) for steps in inner]
        nested = Step(part.place, "parallel", steps=tuple(whole))
    needs = meaning.least((nested,))
    if deadline and needs > deadline:
        mesh.problem(part, f"its tasks last {needs:g} s, and it is cut off after {deadline:g} s", "a longer deadline")
    mesh.reading.steps.append((nested, part))
    return [nested]
