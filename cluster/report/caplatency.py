"""How long operations took while nothing was wrong: PACELC's "else" (Abadi 2012), per side and way of asking.

Pure. Must not know in which world the operations were made: what their times mean is told by who shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from cluster.history.record import Operation
from cluster.report.ledger import staleness, what_of


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """`p50`, `p99`: seconds, of the answered ones; None when none was. `stale`: how many of them were, without any
    partition: what an asynchronous copy costs."""

    side: str
    what: str
    tried: int
    answered: int
    p50: float | None
    p99: float | None
    stale: int


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least that share of them does not exceed; None of none."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def latencies(history: Sequence[Operation], order: Sequence[Any]) -> list[LatencyRow]:
    """One row per side and way of asking, in the order in which they first come. `order`: the values as written."""
    writes = [o for o in history if o.kind == "write"]
    rows: list[LatencyRow] = []
    for side, what in dict.fromkeys((o.site, what_of(o)) for o in history):
        mine = [o for o in history if (o.site, what_of(o)) == (side, what)]
        took = [o.end - o.start for o in mine if o.outcome == "ok"]
        stale = sum(staleness(o, writes, order) for o in mine if o.kind == "read")
        rows.append(LatencyRow(side, what, len(mine), len(took), percentile(took, 0.5), percentile(took, 0.99), stale))
    return rows
