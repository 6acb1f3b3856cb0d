"""The CAP ledger: per side of a partition and per way of asking, the share answered, refused, unanswered and stale.

Pure: operations in, shares out. Nothing here decides who was right; linearizability is the checker's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cluster.history.record import Operation


@dataclass(frozen=True, slots=True)
class Row:
    """`side`: minority or majority. `what`: write, linearizable read, serializable read. `unanswered`: nobody said
    whether it happened. `stale`: answered with a value older than one acknowledged before the read began."""

    side: str
    what: str
    tried: int
    answered: int
    refused: int
    unanswered: int
    stale: int

    def share(self, count: int) -> str:
        return f"{100 * count / self.tried:.0f} %" if self.tried else "-"

    def data(self) -> dict[str, Any]:
        return asdict(self)


def what_of(operation: Operation) -> str:
    return "write" if operation.kind == "write" else f"{operation.mode} read"


def staleness(read: Operation, writes: Sequence[Operation], order: Sequence[Any]) -> bool:
    """Did `read` return a value older than one that had been acknowledged before it began? `order`: the values, as
    they were written one after the other."""
    if read.outcome != "ok":
        return False
    known = [order.index(w.value) for w in writes if w.outcome == "ok" and w.end <= read.start and w.value in order]
    rank = order.index(read.result) if read.result in order else -1
    return bool(known) and rank < max(known)


def ledger(history: Iterable[Operation], order: Sequence[Any]) -> list[Row]:
    """One row per side and way of asking. `Operation.site` is the side."""
    operations = sorted(history, key=lambda o: (o.site, o.kind != "write", o.mode))
    writes = [o for o in operations if o.kind == "write"]
    rows: list[Row] = []
    for side, what in dict.fromkeys((o.site, what_of(o)) for o in operations):
        mine = [o for o in operations if o.site == side and what_of(o) == what]
        stale = sum(staleness(o, writes, order) for o in mine if o.kind == "read")
        ok, refused, unknown = (sum(o.outcome == outcome for o in mine) for outcome in ("ok", "fail", "unknown"))
        rows.append(Row(side, what, len(mine), ok, refused, unknown, stale))
    return rows
