"""Chaos Mesh's kinds of chaos as entries of our timeline: NetworkChaos, PodChaos, TimeChaos, IOChaos.

Must not drop a field: what has no counterpart is a problem with its place; what has one only in part is a note that the
scenario carries in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cluster.scenario.actions import ACTIONS
from cluster.scenario.document import Part
from cluster.scenario.fields import defaults
from cluster.scenario.meshselect import Chosen, Fields, target_of
from cluster.scenario.model import Step, Target
from cluster.scenario.reading import Reading
from cluster.scenario.units import LONGEST

_UNITS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_GO = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_RATES = {"bps": 0, "kbps": 1, "mbps": 2, "gbps": 3, "tbps": 4}
"""Bytes a second, by powers of 1024, as Chaos Mesh counts them."""
_RATE = re.compile(r"(\d+)\s*(bps|kbps|mbps|gbps|tbps)", re.ASCII | re.IGNORECASE)
_CLUSTERS = {"remoteCluster": "is another cluster; run it there"}


class Mesh:
    """One file's conversion: its reading, the namespace of the resource at hand, notes for the reader of the story."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.namespace = "default"
        self.deadline = 0.0
        """Of the template of a Workflow that is read; 0 outside of one."""
        self.notes: list[str] = []

    def problem(self, part: Part, text: str, remedy: str = "") -> None:
        self.reading.problems.add(part, text, remedy)

    def duration(self, part: Part | None, *, signed: bool = False) -> float:
        """Seconds of Go's notation; 0 for none, and after a problem."""
        if part is None:
            return 0.0
        seconds = go_duration(part.text or "")
        if seconds is None or (seconds < 0 and not signed):
            self.problem(part, f"{part.text!r} is not a duration", "such as 300ms, 10s or 1m30s")
            return 0.0
        return seconds

    def percent(self, part: Part | None, default: float = 0.0) -> float:
        """A number from 0 to 100 as a share."""
        if part is None:
            return default
        text = part.text or ""
        if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or float(text) > 100:
            self.problem(part, f"{text!r} is not a percentage", "a number from 0 to 100")
            return default
        return float(text) / 100

    def entry(self, part: Part, action: str, args: Mapping[str, Any], lasting: float = 0.0) -> Step:
        step = Step(part.place, action, defaults(ACTIONS[action].fields, args), lasting=lasting)
        self.reading.steps.append((step, part))
        return step


def go_duration(text: str) -> float | None:
    """Seconds of a duration in Go's notation ("-1m30s"); None if it is none, or longer than anything here lasts."""
    bare = text[1:] if text[:1] in ("-", "+") else text
    parts = _GO.findall(bare)
    if bare != "0" and (not parts or "".join(n + u for n, u in parts) != bare):
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return None if seconds > LONGEST else -seconds if text.startswith("-") else seconds


def network(spec: Part, mesh: Mesh) -> list[Step]:
    given = Fields(spec, mesh.reading)
    action = given.text("action")
    source = target_of(spec, mesh.namespace, mesh.reading)
    lasting = mesh.duration(given.take("duration"))
    direction = given.text("direction", "to")
    other = given.take("target")
    given.taken |= {"selector", "mode", "value"}
    target = target_of(other, mesh.namespace, mesh.reading) if other is not None else None
    if other is not None:
        Fields(other, mesh.reading, {"selector", "mode", "value"}).rest()
    details = {name: part for name in NETEM if (part := given.take(name)) is not None}
    given.rest(
        {
            "externalTargets": "are outside of the cluster; nothing of ours reaches them",
            "device": "is a network card; our links have none",
            "targetDevice": "is a network card; our links have none",
            **_CLUSTERS,
        }
    )
    if direction not in ("to", "from", "both"):
        mesh.problem(spec.fields()["direction"], f"direction {direction!r} is not known", "to, from or both")
    if source is None or (other is not None and target is None):
        return []
    there = () if target is None else (target[0],)
    if action == "partition":
        for name, part in details.items():
            mesh.problem(part, f"{name!r} is not for a partition", "remove it")
        return [_cut(spec, mesh, (source[0], there), direction, lasting)]
    wanted = tuple(details) if action == "netem" else (action,)
    if action not in (*NETEM, "netem") or not all(name in details for name in wanted) or not wanted:
        where = spec.fields().get("action", spec)
        known = ("partition", "netem", *NETEM)
        mesh.problem(where, f"action {action!r} without its fields, or not known", f"one of {', '.join(known)}")
        return []
    for name in set(details) - set(wanted):
        mesh.problem(details[name], f"{name!r} beside action {action}", "action: netem has several at once")
    sides: dict[str, Any] = {"from": (source[0],), "to": there, "both": direction == "both"}
    if direction == "from":
        sides["from"], sides["to"] = there, (source[0],)
    return [step for name in wanted for step in NETEM[name](details[name], mesh, sides, lasting)]


def _cut(spec: Part, mesh: Mesh, sides: tuple[Target, tuple[Target, ...]], direction: str, lasting: float) -> Step:
    source, target = sides
    if not target:
        way = {"to": "out", "from": "in"}.get(direction, "both")
        return mesh.entry(spec, "isolate", {"targets": (source,), "direction": way}, lasting)
    groups = [(source,), target]
    if direction == "from":
        groups.reverse()
    return mesh.entry(spec, "partition", {"between": tuple(groups), "oneWay": direction != "both"}, lasting)


Sides = Mapping[str, Any]


def _delay(part: Part, mesh: Mesh, sides: Sides, lasting: float) -> list[Step]:
    given = Fields(part, mesh.reading)
    by = mesh.duration(given.need("latency", "how much"))
    jitter = mesh.duration(given.take("jitter"))
    correlation = mesh.percent(given.take("correlation"))
    given.rest({"reorder": "of a delay cannot be said here; an experiment of its own in our format: reorder"})
    more = {"by": by, "jitter": jitter, "correlation": correlation, "distribution": "uniform" if jitter else "constant"}
    return [mesh.entry(part, "delay", {**sides, **more}, lasting)]


def _share_of(name: str) -> Callable[[Part, Mesh, Sides, float], list[Step]]:
    def read(part: Part, mesh: Mesh, sides: Sides, lasting: float) -> list[Step]:
        given = Fields(part, mesh.reading)
        probability = mesh.percent(given.need(name, "a percentage"))
        correlation = mesh.percent(given.take("correlation"))
        given.rest()
        return [mesh.entry(part, name, {**sides, "probability": probability, "correlation": correlation}, lasting)]

    return read


def _bandwidth(part: Part, mesh: Mesh, sides: Sides, lasting: float) -> list[Step]:
    given = Fields(part, mesh.reading)
    rate, limit = given.need("rate", "such as 1mbps"), given.need("limit", "bytes that may wait")
    buffer = given.take("buffer")
    given.rest()
    match = _RATE.fullmatch((rate.text if rate else "") or "")
    if rate is not None and match is None:
        mesh.problem(rate, f"{rate.text!r} is not a rate", "such as 1mbps: bytes a second, by powers of 1024")
    if limit is not None and not (limit.text or "").isdecimal():
        mesh.problem(limit, f"{limit.text!r} is not a number of bytes", "such as 20971520")
    if rate is None or limit is None or match is None or not (limit.text or "").isdecimal():
        return []
    per_second = float(int(match[1]) * 1024 ** _RATES[match[2].lower()])
    if not per_second:
        mesh.problem(rate, "a rate of nothing", "loss: 100% is that")
        return []
    if buffer is not None:
        mesh.notes.append("a burst (`buffer`) is not told apart from the rate")
    queue = int(limit.text or "0") / per_second
    return [mesh.entry(part, "bandwidth", {**sides, "rate": per_second, "queue": queue}, lasting)]


NETEM: Mapping[str, Callable[[Part, Mesh, Sides, float], list[Step]]] = {
    "delay": _delay,
    "loss": _share_of("loss"),
    "duplicate": _share_of("duplicate"),
    "corrupt": _share_of("corrupt"),
    "bandwidth": _bandwidth,
}


def pod(spec: Part, mesh: Mesh) -> list[Step]:
    given = Fields(spec, mesh.reading, {"selector", "mode", "value"})
    action = given.text("action")
    found = target_of(spec, mesh.namespace, mesh.reading)
    duration = given.take("duration")
    lasting = mesh.duration(duration) or mesh.deadline
    grace = given.take("gracePeriod")
    containers = given.take("containerNames")
    given.rest(_CLUSTERS)
    where = spec.fields().get("action", spec)
    if action not in ("pod-kill", "pod-failure", "container-kill"):
        mesh.problem(where, f"action {action!r} is not known", "pod-kill, pod-failure or container-kill")
    if found is None:
        return []
    target, chosen = found
    if action != "pod-kill" and grace is not None:
        mesh.problem(grace, "gracePeriod is for pod-kill", "remove it")
    if action == "pod-kill" and not chosen.hosts:
        if containers is not None:
            mesh.problem(containers, "containerNames is for container-kill", "remove it")
        return _delete_pods(spec, mesh, target, chosen, grace)
    if not chosen.hosts:
        remedy = "poweroff or isolate the machine (node-of:POD), or delete the pod: pod-kill"
        mesh.problem(
            where, f"{action} of pods that are no component: no fault of ours ends a container by itself", remedy
        )
        return []
    if action == "pod-failure":
        if not lasting:
            mesh.problem(duration or spec, "pod-failure needs a duration", "duration: 30s")
        return [mesh.entry(spec, "kill", {"targets": (target,)}, lasting)]
    if containers is not None:
        mesh.notes.append("a component is one process: containerNames names all of it")
    return [mesh.entry(spec, "restart", {"targets": (target,)})]


def _delete_pods(spec: Part, mesh: Mesh, target: Target, chosen: Chosen, grace: Part | None) -> list[Step]:
    seconds = -1.0
    if grace is not None:
        if not re.fullmatch(r"\d{1,6}", grace.text or "", re.ASCII):
            mesh.problem(grace, f"{grace.text!r} is not a number of seconds", "0 or more")
        else:
            seconds = float(grace.text or "0")
    if not chosen.pods:
        mesh.problem(spec, "pods by their nodes cannot be deleted here", "labelSelectors or pods")
        return []
    words = target.text.partition(" of ")
    amount = words[0] if words[1] else "all"
    if amount != "all" and (len(chosen.pods) > 1 or chosen.pods[0][1]):
        mesh.problem(
            spec, f"{amount} of several sets of pods cannot be said here", "mode: all, or one namespace and label"
        )
        return []
    steps = []
    for namespace, name, labels in chosen.pods:
        if not name and not labels:
            mesh.problem(spec, "all pods of a namespace cannot be deleted at once here", "labelSelectors or pods")
            continue
        args = {
            "kind": "Pod",
            "name": name,
            "labels": labels.replace("+", ","),
            "namespace": namespace,
            "grace": seconds,
        }
        steps.append(mesh.entry(spec, "delete", {**args, "amount": amount}))
    return steps


def time(spec: Part, mesh: Mesh) -> list[Step]:
    given = Fields(spec, mesh.reading, {"selector", "mode", "value"})
    found = target_of(spec, mesh.namespace, mesh.reading)
    offset = given.need("timeOffset", "such as -10m")
    by = mesh.duration(offset, signed=True)
    lasting = mesh.duration(given.take("duration"))
    clocks = given.take("clockIds")
    given.rest({"containerNames": "cannot be said here; a machine has one clock", **_CLUSTERS})
    for item in clocks.items() if clocks is not None else ():
        if item.text != "CLOCK_REALTIME":
            mesh.problem(item, f"{item.text} cannot be moved here", "CLOCK_REALTIME; for what is measured: clockDrift")
    if found is None:
        return []
    mesh.notes.append("the clock of the whole machine jumps, not of a container alone")
    return [mesh.entry(spec, "clockJump", {"targets": (found[0],), "by": by}, lasting)]
