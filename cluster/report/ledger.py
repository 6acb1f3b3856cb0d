"""The CAP ledger: per side of a partition and per way of asking, the share answered, refused, unanswered and stale.

Pure: operations in, shares out. Nothing here decides who was right; linearizability is the checker's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cluster.history.record import Operation

Fate = Literal["fresh", "stale", "written", "lost", "refused", "unanswered"]
"""What became of one operation: a read's answer was fresh or stale; a write was acknowledged and stayed, or was
acknowledged and lost; or it was refused (certainly no effect), or nobody said."""


@dataclass(frozen=True, slots=True)
class Row:
    """`side`: minority or majority. `what`: write, linearizable read, serializable read. `unanswered`: nobody said
    whether it happened. `stale`: answered with a value older than one acknowledged before the read began. `lost`:
    acknowledged, and gone after healing."""

    side: str
    what: str
    tried: int
    answered: int
    refused: int
    unanswered: int
    stale: int
    lost: int = 0

    def share(self, count: int) -> str:
        return f"{100 * count / self.tried:.0f} %" if self.tried else "-"

    def data(self) -> dict[str, Any]:
        return asdict(self)


def what_of(operation: Operation) -> str:
    return "write" if operation.kind == "write" else f"{operation.mode} read"


def staleness(read: Operation, writes: Sequence[Operation], order: Sequence[Any]) -> bool:
    """Did `read` return a value older than one that had been acknowledged before it began? `order`: the values, as
    they were written one after the other. Writes of other keys do not matter."""
    if read.outcome != "ok":
        return False
    mine = (w for w in writes if w.key == read.key)
    known = [order.index(w.value) for w in mine if w.outcome == "ok" and w.end <= read.start and w.value in order]
    rank = order.index(read.result) if read.result in order else -1
    return bool(known) and rank < max(known)


def fate(operation: Operation, writes: Sequence[Operation], order: Sequence[Any], lost: Collection[Any]) -> Fate:
    """What became of one operation, as `staleness` and `lost_writes` say."""
    if operation.outcome != "ok":
        return "refused" if operation.outcome == "fail" else "unanswered"
    if operation.kind == "write":
        return "lost" if operation.value in lost else "written"
    return "stale" if staleness(operation, writes, order) else "fresh"


def ledger(history: Iterable[Operation], order: Sequence[Any], lost: Collection[Any] = ()) -> list[Row]:
    """One row per side and way of asking. `Operation.site` is the side; `lost`: the values of lost writes."""
    operations = sorted(history, key=lambda o: (o.site, o.kind != "write", o.mode))
    writes = [o for o in operations if o.kind == "write"]
    rows: list[Row] = []
    for side, what in dict.fromkeys((o.site, what_of(o)) for o in operations):
        mine = [o for o in operations if o.site == side and what_of(o) == what]
        fates = [fate(o, writes, order, lost) for o in mine]
        ok, refused, unknown = (sum(o.outcome == outcome for o in mine) for outcome in ("ok", "fail", "unknown"))
        rows.append(Row(side, what, len(mine), ok, refused, unknown, fates.count("stale"), fates.count("lost")))
    return rows


def lost_writes(during: Sequence[Operation], history: Sequence[Operation], final: Any) -> list[str]:
    """Values whose write was acknowledged `during` the partition, and which `final`, the value that is left, cannot
    have overwritten knowingly: those of the other side, and those of its own side that were written after it.

    Only for histories that are not linearizable: in one that is, every acknowledged write had its turn."""
    written = [o for o in history if o.kind == "write"]
    survivor = next((o for o in written if o.value == final), None)
    return [
        str(o.value)
        for o in during
        if o.kind == "write" and o.outcome == "ok"
        if survivor is None or o.site != survivor.site or o.start > survivor.start
    ]
