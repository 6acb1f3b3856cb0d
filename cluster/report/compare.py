"""Two runs beside each other: what differs first, then verdicts, checks, latency and rate overlaid, ledgers, messages.

Pure: runs and verdicts in, one page out. Must not judge. Nothing here says which run is better: it says what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.history.finding import Judged, Verdict
from cluster.history.run import Run
from cluster.report import bands, clocks, columns, latency, messages, sides, templates, traffic
from cluster.report.page import facts, honest

SCRIPTS = ("data.js", "compare.js")
Value = str | float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same. `change`: second minus first as a share of the first, if both are numbers."""

    what: str
    first: str
    second: str
    change: float | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs with what is derived from it."""

    name: str
    run: Run
    verdict: Verdict
    series: latency.Series
    overall: Mapping[str, float]
    rows: Sequence[sides.Row]
    clocks: Sequence[clocks.Clock]
    traffic: traffic.Traffic


def compare(run1: Run, verdict1: Verdict, run2: Run, verdict2: Verdict) -> str:
    """The whole page."""
    longest = max(run1.meta.seconds, run2.meta.seconds)
    width = latency.width_for(longest, 100)
    first, second = _side("first", run1, verdict1, width), _side("second", run2, verdict2, width)
    header = {"seconds": longest, "runs": [_plotted(first), _plotted(second)]}
    values: dict[str, Any] = {
        "first": first,
        "second": second,
        "pair": (first, second),
        "differences": differences(first, second),
        "facts": _paired(facts(run1), facts(run2)),
        "checks": _checks(verdict1, verdict2),
        "percentiles": _paired(first.overall.items(), second.overall.items()),
        "ledger": _ledger(first, second),
        "steps": _steps(first, second),
        "traffic": _traffic(first, second),
        "data": columns.pack(header, {}),
        "script": templates.script(*SCRIPTS),
        "css": templates.style(),
    }
    return templates.render("compare.html.j2", values)


def _side(name: str, run: Run, verdict: Verdict, width: float) -> Side:
    sent = messages.match(run.records)
    return Side(
        name,
        run,
        honest(run, verdict),
        latency.series(run.operations, run.meta.seconds, width),
        latency.overall(run.operations),
        sides.sides(run),
        clocks.clocks(run, sent),
        traffic.traffic(sent, run.operations),
    )


def _plotted(side: Side) -> dict[str, Any]:
    return {"series": side.series.data(), "bands": [band.data() for band in bands.bands(side.run)]}


def differences(first: Side, second: Side) -> list[Difference]:
    """What one would ask about first: verdicts, checks, what was found, then figures by how much they changed."""
    found: list[Difference] = []

    def add(what: str, one: Value, other: Value) -> None:
        if one != other:
            found.append(_difference(what, one, other))

    add("Verdict", first.verdict.outcome, second.verdict.outcome)
    for _, name, one, other in _checks(first.verdict, second.verdict):
        said = [None if judged is None else judged.finding.said for judged in (one, other)]
        add(f"Check {name}", said[0], said[1])
    for name, one_fact, other_fact in _paired(facts(first.run), facts(second.run)):
        if name not in ("Duration", "Operations", "Phases"):
            add(name, one_fact, other_fact)
    figures = _figures(first, second)
    figures.sort(key=lambda d: -abs(d.change) if d.change is not None else float("-inf"))
    return [*found, *figures]


def _figures(first: Side, second: Side) -> list[Difference]:
    """Numbers that changed by at least 5 %."""
    numbers = [_numbers(first), _numbers(second)]
    found = [_difference(name, numbers[0].get(name), numbers[1].get(name)) for name in {**numbers[0], **numbers[1]}]
    return [d for d in found if d.first != d.second and (d.change is None or abs(d.change) >= 0.05)]


def _numbers(side: Side) -> dict[str, float]:
    found: dict[str, float] = {f"Latency {name} (s)": value for name, value in side.overall.items()}
    count = len(side.run.operations)
    if count:
        for outcome, word in (("ok", "Answered"), ("fail", "Refused"), ("unknown", "Unanswered")):
            found[f"{word} (share)"] = sum(o.outcome == outcome for o in side.run.operations) / count
        found["Stale reads"] = sum(row.stale for row in side.rows)
        found["Messages per answered operation"] = side.traffic.per_operation(side.traffic.total.sent) or 0.0
    found["Messages lost"] = side.traffic.total.dropped
    for clock in side.clocks:
        for step in clock.steps:
            if step.seconds is not None:
                found[f"{clock.node}, {clock.workload}: {step.name} (s)"] = step.seconds
    for judged in side.verdict.judged:
        for name, value in judged.finding.figures.items():
            found[f"{judged.finding.check}: {name}"] = value
    return found


def _difference(what: str, one: Value, other: Value) -> Difference:
    change = None
    if isinstance(one, float | int) and isinstance(other, float | int) and one:
        change = (other - one) / abs(one)
    return Difference(what, _told(one), _told(other), change)


def _told(value: Value) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else templates.figure(value)


def _paired(first: Iterable[tuple[str, Any]], second: Iterable[tuple[str, Any]]) -> list[tuple[str, Any, Any]]:
    """(name, of the first, of the second) for every name of either; None where one has none."""
    one, other = dict(first), dict(second)
    return [(name, one.get(name), other.get(name)) for name in {**one, **other}]


def _checks(first: Verdict, second: Verdict) -> list[tuple[int, str, Judged | None, Judged | None]]:
    """By name; of one that is asked for several times, the first with the first."""
    places: dict[tuple[str, int], list[Judged | None]] = {}
    for side, verdict in enumerate((first, second)):
        seen: dict[str, int] = {}
        for judged in verdict.judged:
            name = judged.finding.check
            seen[name] = seen.get(name, 0) + 1
            places.setdefault((name, seen[name]), [None, None])[side] = judged
    return [(number, name, pair[0], pair[1]) for (name, number), pair in places.items()]


def _ledger(first: Side, second: Side) -> list[tuple[str, sides.Row | None, sides.Row | None]]:
    """Rows beside each other by what they are about: partitions by their order, sides by their first word."""
    tables = []
    for side in (first, second):
        strikes: dict[str, int] = {}
        table: dict[str, sides.Row] = {}
        for row in side.rows:
            number = strikes.setdefault(row.strike, len(strikes) + 1) if row.strike else 0
            when = f"partition {number}" if number else row.period
            table.setdefault(f"{when}, {row.side.partition(':')[0]}: {row.what}", row)
        tables.append(table)
    return [(name, tables[0].get(name), tables[1].get(name)) for name in {**tables[0], **tables[1]}]


def _steps(first: Side, second: Side) -> list[tuple[str, str, Value, Value]]:
    """(workload, step, seconds of the first, of the second), clocks by their order."""
    found: list[tuple[str, str, Value, Value]] = []
    for number in range(max(len(first.clocks), len(second.clocks))):
        pair = [side.clocks[number] if number < len(side.clocks) else None for side in (first, second)]
        names = [f"{clock.node}, {clock.workload}" for clock in pair if clock is not None]
        steps = [{} if clock is None else {s.name: s.seconds for s in clock.steps} for clock in pair]
        for step in {**steps[0], **steps[1]}:
            found.append((" / ".join(dict.fromkeys(names)), step, steps[0].get(step), steps[1].get(step)))
    return found


def _traffic(first: Side, second: Side) -> list[tuple[str, traffic.Count | None, traffic.Count | None]]:
    names = [name for name, _ in traffic.ranked(first.traffic.families)]
    names += [name for name, _ in traffic.ranked(second.traffic.families) if name not in names]
    return [(name, first.traffic.families.get(name), second.traffic.families.get(name)) for name in names]
