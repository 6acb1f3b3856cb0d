"""Latency percentiles and rates over time: what the plots show, and the figures of a summary.

Pure. Must not draw. A percentile is of answered operations only, in the interval in which they were called; an
operation that nobody answered has no latency, and the rate by outcome says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.history.record import Operation

BINS = 200
ENOUGH = 12
"""Operations in an interval, on average, below which percentiles of it would say little: then it is longer."""
WIDTHS = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
OUTCOMES = ("ok", "fail", "unknown")


@dataclass(frozen=True, slots=True)
class Series:
    """`times`: the middle of each interval; `latency`: percentile name to seconds or None; `rates`: outcome to
    operations per second, by the time of their call."""

    width: float
    times: Sequence[float]
    latency: dict[str, list[float | None]]
    rates: dict[str, list[float]]

    def data(self) -> dict[str, Any]:
        return {"width": self.width, "times": list(self.times), "latency": self.latency, "rates": self.rates}


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile of sorted numbers, of which there is at least one."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def width_for(seconds: float, bins: int = BINS) -> float:
    """The shortest interval of `WIDTHS` with which the run has at most so many."""
    return next((width for width in WIDTHS if seconds / width <= bins), max(WIDTHS[-1], seconds / bins))


def series(operations: Sequence[Operation], seconds: float, width: float = 0.0) -> Series:
    """`width` 0: as fits the run's length and the number of its operations."""
    width = width or width_for(seconds, max(10, min(BINS, len(operations) // ENOUGH)))
    count = max(1, math.ceil(seconds / width - 1e-9))
    taken: list[list[float]] = [[] for _ in range(count)]
    tallies = {outcome: [0] * count for outcome in OUTCOMES}
    for operation in operations:
        place = min(count - 1, max(0, int(operation.start / width)))
        tallies[operation.outcome][place] += 1
        if operation.outcome == "ok":
            taken[place].append(operation.end - operation.start)
    for values in taken:
        values.sort()
    latency: dict[str, list[float | None]] = {
        name: [quantile(values, share) if values else None for values in taken] for name, share in QUANTILES
    }
    lengths = [min(width, max(seconds - place * width, 1e-6)) for place in range(count)]  # the last may be shorter
    rates = {outcome: [n / long for n, long in zip(tally, lengths, strict=True)] for outcome, tally in tallies.items()}
    return Series(width, [place * width + long / 2 for place, long in enumerate(lengths)], latency, rates)


def overall(operations: Iterable[Operation]) -> dict[str, float]:
    """p50, p95, p99 and max in seconds over all answered operations; empty if there is none."""
    taken = sorted(o.end - o.start for o in operations if o.outcome == "ok")
    return {name: quantile(taken, share) for name, share in QUANTILES} if taken else {}
