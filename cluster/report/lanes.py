"""Drawings with lanes: operations around one that fits nowhere, the lives of objects, intervals that overlap.

Pure: positions and texts out. Must not judge, and must not know HTML or SVG.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.api.meta import key_of
from cluster.history.containers import spells
from cluster.history.record import Operation
from cluster.history.run import Run, Seen
from cluster.report.embedded import brief as brief_of
from cluster.report.embedded import text_of


@dataclass(frozen=True, slots=True)
class Bar:
    """`left`, `width`: percent of the picture. `look`: "stuck", "placed", "left-out", "plain", "wrong". `open`: its end
    is not known. `place`: its number in the legal order, 0 for none; `point`: percent at which it took effect."""

    left: float
    width: float
    label: str
    told: str
    look: str
    open: bool = False
    place: int = 0
    point: float | None = None


@dataclass(slots=True)
class Lane:
    name: str
    bars: list[Bar] = field(default_factory=list)


@dataclass(slots=True)
class Lanes:
    """`path`: (percent, lane's number) of the points at which operations took effect, in the legal order."""

    since: float
    until: float
    lanes: list[Lane]
    path: list[tuple[float, int]] = field(default_factory=list)
    caption: str = ""
    skipped: int = 0
    shape: str = "lanes"

    def ticks(self, count: int = 4) -> list[tuple[float, str]]:
        """(percent, text) along the time axis."""
        span = self.until - self.since
        digits = max(0, min(6, 2 - math.floor(math.log10(span)))) if span > 0 else 3
        return [(100 * n / count, f"{self.since + span * n / count:.{digits}f} s") for n in range(count + 1)]


def operations(numbers: Sequence[int], order: Sequence[int], run: Run, most: int) -> Lanes:
    """About `most` at most: the named ones, the end of the longest legal order, what else went on around them."""
    focus = [run.operations[n] for n in numbers]
    shown = dict.fromkeys([*numbers[:most], *order[-(most * 2 // 3) :]])
    keys = {o.key for o in focus} or {run.operations[n].key for n in order}
    around = focus[0].start if focus else run.operations[order[-1]].start
    placed = set(order)
    near = sorted(
        (n for n, o in enumerate(run.operations) if o.key in keys and n not in placed and n not in shown),
        key=lambda n: _distance(run.operations[n], around),
    )
    spare = max(0, most - len(shown))
    shown.update(dict.fromkeys(near[:spare]))
    picked = [run.operations[n] for n in shown]
    since, until = _window(picked)
    span = _Span(since, until)
    points = _points([run.operations[n] for n in order])
    places = {n: place for place, n in enumerate(order, start=1)}
    lanes: dict[str, Lane] = {}
    for n in sorted(shown, key=lambda n: run.operations[n].start):
        o = run.operations[n]
        lane = lanes.setdefault(o.client, Lane(o.client))
        look = "stuck" if n in numbers else "placed" if n in placed else "left-out"
        point = span.percent(points[places[n] - 1]) if n in placed and points[places[n] - 1] >= since else None
        left, width = span.bar(o.start, o.end)
        lane.bars.append(Bar(left, width, short(o), o.sentence(), look, math.isinf(o.end), places.get(n, 0), point))
    names = sorted(lanes)
    path = [
        (span.percent(points[places[n] - 1]), names.index(run.operations[n].client))
        for n in order
        if n in shown and points[places[n] - 1] >= since
    ]
    caption = f"{len(order)} operations in the longest legal order" if order else ""
    return Lanes(since, until, [lanes[name] for name in names], path, caption, max(0, len(order) - len(path)))


def _points(order: Sequence[Operation]) -> list[float]:
    """When each may have taken effect: as early as its own call and those before it allow."""
    at, points = -math.inf, []
    for operation in order:
        at = max(at, operation.start)
        points.append(at)
    return points


def _distance(operation: Operation, time: float) -> float:
    if operation.start <= time <= operation.end:
        return 0.0
    return min(abs(operation.start - time), abs(operation.end - time))


def _window(operations: Sequence[Operation]) -> tuple[float, float]:
    starts = [o.start for o in operations]
    ends = [o.end for o in operations if not math.isinf(o.end)]
    since, until = min(starts), max([*ends, max(starts)])
    room = (until - since) * 0.04 or 0.01
    return since - room, until + room


@dataclass(frozen=True, slots=True)
class _Span:
    since: float
    until: float

    def percent(self, time: float) -> float:
        return round(100 * (min(max(time, self.since), self.until) - self.since) / (self.until - self.since), 3)

    def bar(self, start: float, end: float) -> tuple[float, float]:
        left = self.percent(start)
        return left, max(0.4, round(self.percent(min(end, self.until)) - left, 3))


def short(operation: Operation) -> str:
    """An operation in a few characters: "r 3", "w 4", "cas 3 4", "r ?" of one that nobody answered."""
    if operation.kind == "read":
        return f"r {text_of(operation.result) or 'nothing'}" if operation.outcome == "ok" else "r ?"
    if operation.kind == "write":
        return f"w {text_of(operation.value)}" + ("" if operation.outcome == "ok" else " ?")
    if operation.kind == "cas" and isinstance(operation.value, tuple) and len(operation.value) == 2:
        expected, new = operation.value
        told = f"cas {text_of(expected) or 'nothing'} {text_of(new)}"
        return told + {True: "", False: " no"}.get(operation.result, " ?")
    return f"{operation.kind} {text_of(operation.value)}".strip()


def lives(named: Any, run: Run, most: int) -> Lanes:
    """The lives of at most `most` objects that the evidence names, with the versions that it names marked; of a pod
    also where its containers really ran."""
    marked: dict[tuple[str, str], set[str]] = {}
    for entry in named:
        if isinstance(entry, list | tuple) and len(entry) >= 2:
            marked.setdefault((str(entry[0]), str(entry[1])), set()).add(str(entry[2]) if len(entry) > 2 else "")
    found: dict[tuple[str, str], list[Seen]] = {}
    eyes = run.events[0].observer if run.events else ""
    for event in run.events:
        place = (event.kind, key_of(event.object))
        if place in marked and event.observer == eyes:
            found.setdefault(place, []).append(event)
    picked = list(found.items())[:most]
    if not picked:
        return Lanes(0.0, 1.0, [])
    containers = _containers({place: events for place, events in picked if place[0] == "Pod"}, run)
    times = [event.time for _, events in picked for event in events]
    times += [time for _, _, since, until in containers for time in (since, min(until, run.meta.seconds))]
    room = (max(times) - min(times)) * 0.05 or 0.05
    span = _Span(min(times) - room, max(times) + room)
    lanes = [Lane(f"{kind} {key}", _life(events, marked[kind, key], span)) for (kind, key), events in picked]
    for name, told, since, until in containers:
        left, width = span.bar(since, until)
        words = f"{told}: {since:.3f} s to " + ("the end" if math.isinf(until) else f"{until:.3f} s")
        lane = next((lane for lane in lanes if lane.name == name), None)
        if lane is None:
            lanes.append(lane := Lane(name))
        lane.bars.append(Bar(left, width, "runs", words, "placed", math.isinf(until)))
    caption = "as the API said, version by version" + ("; and what ran" if containers else "")
    return Lanes(span.since, span.until, lanes, [], caption, len(found) - len(picked))


def _containers(pods: Mapping[tuple[str, str], Sequence[Seen]], run: Run) -> list[tuple[str, str, float, float]]:
    """(lane, what it was, from, to) of every container of these pods."""
    names = {str(e.object["metadata"].get("uid", "")): key for (_, key), events in pods.items() for e in events}
    return [
        (f"{names[s.uid].rpartition('/')[2]} on {s.node}", f"container {s.name} of {names[s.uid]}", s.since, s.until)
        for s in spells(run)
        if s.uid in names
    ]


def _life(events: Sequence[Seen], marked: set[str], span: _Span) -> list[Bar]:
    bars = []
    for event, following in zip(events, [*events[1:], None], strict=True):
        if event.type == "DELETED":
            continue
        revision = str(event.object.get("metadata", {}).get("resourceVersion", ""))
        left, width = span.bar(event.time, span.until if following is None else following.time)
        label = _state(event)
        told = f"{event.time:.3f} s, revision {revision}: {label}"
        bars.append(Bar(left, width, label, told, "wrong" if revision in marked else "plain", following is None))
    return bars


def _state(event: Seen) -> str:
    brief = brief_of(event)
    if event.kind == "Pod":
        place = f"on {brief['node']}" if brief["node"] else "not bound"
        return f"{brief['phase']} {place}{' ready' * brief['ready']}{' terminating' * brief['leaving']}"
    if event.kind == "Node":
        return f"Ready={brief['ready']}"
    return str(brief)


def intervals(spans: Any, run: Run) -> Lanes:
    """`spans`: {"what", "where", "since", "until"} or [what, since, until]; what overlaps is what is wrong."""
    read: list[tuple[str, str, float, float | None]] = []
    for entry in spans:
        if isinstance(entry, Mapping):
            where = str(entry.get("where") or entry.get("node") or "")
            what = str(entry.get("what") or entry.get("object") or entry.get("label") or "")
            since, until = entry.get("since", entry.get("from", 0.0)), entry.get("until", entry.get("to"))
        else:
            what, since, until = entry[0], entry[1], entry[2]
            where = ""
        read.append((str(what), where, float(since), None if until is None or math.isinf(until) else float(until)))
    ends = [run.meta.seconds if until is None else until for _, _, _, until in read]
    since, until = min(entry[2] for entry in read), max(ends)
    room = (until - since) * 0.05 or 0.05
    span = _Span(since - room, until + room)
    lanes: dict[str, Lane] = {}
    for (what, where, start, stop), end in zip(read, ends, strict=True):
        name = f"{what} on {where}" if where else what
        left, width = span.bar(start, end)
        told = f"{name}: {start:.3f} s to " + (f"{end:.3f} s" if stop is not None else "the end of the run")
        lanes.setdefault(name, Lane(name)).bars.append(Bar(left, width, where or what, told, "wrong", stop is None))
    return Lanes(span.since, span.until, list(lanes.values()), [], "what overlaps must not")
