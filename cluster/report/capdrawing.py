"""Where things are in the pictures of the CAP page: lanes of answers over time, and what each server shows.

Pure geometry and choice of values; how it looks is the template's (cap.html.j2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.history.record import NEVER, Operation
from cluster.report.capreport import KINDS, SIDES, CapReport
from cluster.report.capwords import G
from cluster.report.ledger import Fate, fate, what_of

WIDTH, LABEL, LANE, TOP, BOTTOM = 1000.0, 190.0, 30.0, 34.0, 30.0
GAP = 16.0
"""Between the lanes of one side and of the other."""
MARK = 5.0
"""Least width of a mark."""
WAITED = 0.6
"""Seconds that an unanswered operation is drawn for: how long its client waited (`cluster.experiments.capside`)."""


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    width: float
    fate: Fate
    told: str


@dataclass(frozen=True, slots=True)
class Lane:
    label: str
    y: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """`cut`: from and to, on the x axis. `ticks`: (x, text)."""

    lanes: tuple[Lane, ...]
    cut: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]
    height: float


class Scale:
    """Seconds of the story to x, with a little room on both sides."""

    def __init__(self, report: CapReport) -> None:
        asked = [o for o in report.history if o.end < NEVER]
        self.zero = report.cut_from
        room = 0.08 * (report.cut_until - report.cut_from)
        first = min((o.start for o in asked), default=self.zero)
        last = max((o.end for o in asked), default=report.cut_until)
        self.low = max(first, self.zero - room)
        self.high = max(self.low + 0.001, min(last, report.cut_until + 2 * room))

    def x(self, time: float) -> float:
        share = (min(max(time, self.low), self.high) - self.low) / (self.high - self.low)
        return round(LABEL + share * (WIDTH - LABEL), 1)

    def shows(self, operation: Operation) -> bool:
        return operation.start <= self.high and (operation.end >= self.low or operation.end == NEVER)


def lanes_of(report: CapReport) -> Lanes:
    """A lane per side and way of asking. The fate of each operation is that of the ledger."""
    scale = Scale(report)
    writes = [o for o in report.history if o.kind == "write"]
    lanes: list[Lane] = []
    y = TOP
    for side in SIDES:
        for what in KINDS:
            mine = [o for o in report.history if (o.site, what_of(o)) == (side, what) and scale.shows(o)]
            marks = tuple(_mark(o, scale, fate(o, writes, report.values, report.lost)) for o in mine)
            lanes.append(Lane(f"{G[side]} {what}", y, marks))
            y += LANE
        y += GAP
    ticks = tuple((scale.x(scale.zero + s), f"{s:g} s") for s in _seconds(report))
    return Lanes(tuple(lanes), (scale.x(report.cut_from), scale.x(report.cut_until)), ticks, y - GAP + BOTTOM)


def _seconds(report: CapReport) -> Sequence[float]:
    """About five round numbers from 0 to the partition's end."""
    length = report.cut_until - report.cut_from
    step = next((s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if length / s <= 6), 60)
    return [round(step * i, 3) for i in range(int(length / step) + 1)]


def _mark(operation: Operation, scale: Scale, said: Fate) -> Mark:
    end = operation.start + WAITED if operation.end == NEVER else operation.end
    x, until = scale.x(operation.start), scale.x(end)
    return Mark(x, max(MARK, round(until - x, 1)), said, operation.sentence())


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers at one moment: what each shows to whoever asks it ("-": nothing, "?": nobody answered); `cut`:
    whether they are cut from each other; `note`: under the picture."""

    g1: str
    g2: str
    cut: bool
    note: str


def servers_of(report: CapReport) -> dict[str, Servers]:
    """The moments of the story: before, cut, written, late (the end of the cut), healed."""
    ack = report.first_write_seconds
    first = next((o for o in report.during() if (o.site, o.kind, o.outcome) == ("majority", "write", "ok")), None)
    written = "no write is acknowledged on G2"
    if first is not None and ack is not None:
        written = f"{first.value} is acknowledged on G2, {ack:.2f} s after the cut"
    other = next((o for o in report.during() if (o.site, o.kind, o.outcome) == ("minority", "write", "ok")), None)
    if other is not None:
        written += f"; {other.value} on G1, {other.end - report.cut_from:.2f} s after it"
    else:
        written += "; nothing on G1"
    begin, end = report.cut_from, report.cut_until
    moment = begin if first is None else first.end
    moment = max(moment, begin if other is None else other.end)
    finals = [report.finals.get(side, "?") or "-" for side in SIDES]
    return {
        "before": Servers(*_shown(report, begin), False, "both hold the same"),
        "cut": Servers(*_shown(report, begin), True, f"{report.leader} is alone"),
        "written": Servers(*_shown(report, moment, following=True), True, written),
        "late": Servers(*_shown(report, end), True, f"after {end - begin:.1f} s of it"),
        "healed": Servers(finals[0], finals[1], False, _healed(report)),
    }


def _healed(report: CapReport) -> str:
    if not report.finals:
        return "nobody answers"
    if report.heal_seconds is None:
        return "the replicas do not become equal"
    return f"equal again after {report.heal_seconds:.2f} s"


def _shown(report: CapReport, moment: float, *, following: bool = False) -> tuple[str, str]:
    """What each side's own replica last answered before that moment, or first after it."""
    found = []
    for side in SIDES:
        answers = [o for o in report.history if (o.site, o.mode, o.outcome) == (side, "serializable", "ok")]
        before = [o for o in answers if o.end <= moment]
        after = [o for o in answers if o.start >= moment]
        chosen = after[:1] if following and after else before[-1:]
        found.append(str(chosen[0].result) if chosen and chosen[0].result is not None else "-" if chosen else "?")
    return found[0], found[1]
