"""How long answers took: percentiles, over a run and over windows of it.

Must not judge but by the bound that it is given. Only answered operations have a latency: what was refused, or never
answered, is `availability`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.record import Operation
from cluster.history.run import Run
from cluster.history.spans import DURING, spans, within

PERCENTS = (50.0, 95.0, 99.0, 100.0)


@dataclass(frozen=True, slots=True)
class Window:
    """`percentiles`: of PERCENTS, in seconds; of operations that began in it."""

    since: float
    until: float
    count: int
    percentiles: tuple[float, ...]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest value that so many percent do not exceed. `ordered` is sorted, not empty."""
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def over_time(history: Sequence[Operation], width: float) -> list[Window]:
    """Windows of `width` seconds, from the first call on; those without an answer are left out."""
    answered = [o for o in history if o.outcome == "ok"]
    if not answered:
        return []
    began = min(o.start for o in answered)
    windows: dict[int, list[float]] = {}
    for o in answered:
        windows.setdefault(int((o.start - began) // width), []).append(o.end - o.start)
    return [
        Window(began + at * width, began + (at + 1) * width, len(found), _percentiles(sorted(found)))
        for at, found in sorted(windows.items())
    ]


def _percentiles(ordered: Sequence[float]) -> tuple[float, ...]:
    return tuple(percentile(ordered, p) for p in PERCENTS)


def _judge(run: Run, options: Options) -> Finding:
    chosen = spans(run, options["during"])
    numbers = [
        n
        for n, o in enumerate(run.operations)
        if o.outcome == "ok"
        and within(o.start, chosen)
        and (not options["kind"] or o.kind == options["kind"])
        and (not options["mode"] or o.mode == options["mode"])
    ]
    if not numbers:
        return saw_nothing("latency", "answered operations of that kind, in that time")
    took = sorted(run.operations[n].end - run.operations[n].start for n in numbers)
    value, percent = percentile(took, options["percentile"]), options["percentile"]
    names = ("p50", "p95", "p99", "max")
    figures = {**dict(zip(names, _percentiles(took), strict=True)), f"p{percent:g}": value}
    summary = f"{percent:g} % of {len(took)} operations took at most {1000 * value:.1f} ms"
    if options["atMost"] is None:
        return Finding("latency", "unknown", f"{summary}; no bound was given", len(took), figures=figures)
    if value <= options["atMost"]:
        return Finding("latency", "ok", summary, len(took), figures=figures)
    slowest = sorted(numbers, key=lambda n: run.operations[n].start - run.operations[n].end)[:5]
    because = [
        f"{1000 * (run.operations[n].end - run.operations[n].start):.1f} ms: the {run.operations[n].sentence()}"
        for n in slowest
    ]
    summary = f"{summary}, which is over {1000 * options['atMost']:.1f} ms"
    return Finding("latency", "violated", summary, len(took), because, {"operations": slowest}, figures)


CHECKS: Mapping[str, Check] = {
    "latency": Check(
        "A percentile of the answers' latency is within its bound.",
        _judge,
        ("operations",),
        {
            "percentile": Option("number", "which", 99.0, above=0, most=100),
            "atMost": Option("duration", "its bound"),
            "during": DURING,
            "kind": Option("word", "only operations of this kind", ""),
            "mode": Option("word", "only reads of this mode", ""),
        },
    )
}
