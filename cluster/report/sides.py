"""Availability and staleness per side of each partition, and per way of asking: the CAP ledger of any run.

Pure. Must not say who was right; whether the history is linearizable is the checker's business.

A read is stale if it returned a value that a write overwrote which had been acknowledged before the read began: write
W2 was called after W1 (whose value was read) had returned, and W2 returned before the read was called. So nothing that
was concurrent counts as stale. The read's staleness is the time since the first such W2 returned.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.history.record import Operation, freeze
from cluster.history.run import Run
from cluster.report.bands import Band, bands
from cluster.report.latency import quantile

QUIET = "no partition"
EVERYWHERE = "all clients"


@dataclass(frozen=True, slots=True)
class Row:
    """`period`: the strike's name, or "no partition". `side`: who the clients could reach. `what`: the way of asking.
    `unanswered`: nobody said whether it happened. `staleness`: sorted seconds, one a stale read."""

    period: str
    strike: str
    side: str
    what: str
    tried: int
    answered: int
    refused: int
    unanswered: int
    staleness: tuple[float, ...] = ()

    @property
    def stale(self) -> int:
        return len(self.staleness)

    @property
    def quantiles(self) -> dict[str, float]:
        """p50, p95 and max of the staleness; empty if nothing was stale."""
        shares = (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
        return {name: quantile(self.staleness, share) for name, share in shares} if self.staleness else {}


def what_of(operation: Operation) -> str:
    """The way of asking: "write", "cas", "linearizable read", ..."""
    return f"{operation.mode} {operation.kind}".strip()


class Freshness:
    """How old what a read returned was, by the writes that had been acknowledged."""

    def __init__(self, history: Iterable[Operation]) -> None:
        self._ends: dict[tuple[str, Any], float] = {}
        self._starts: dict[str, list[float]] = {}
        self._earliest: dict[str, list[float]] = {}
        """By key, for the writes from each start on: the first return of any of them."""
        written: dict[str, list[tuple[float, float]]] = {}
        for operation in history:
            value = _value(operation)
            if value is None:
                continue
            end = operation.end if operation.outcome == "ok" else float("inf")
            place = (operation.key, value[0])
            self._ends[place] = max(self._ends.get(place, float("-inf")), end)
            if operation.outcome == "ok":
                written.setdefault(operation.key, []).append((operation.start, operation.end))
        for key, spans in written.items():
            spans.sort()
            self._starts[key] = [start for start, _ in spans]
            earliest, first = [], float("inf")
            for _, end in reversed(spans):
                first = min(first, end)
                earliest.append(first)
            self._earliest[key] = earliest[::-1]

    def staleness(self, read: Operation) -> float:
        """Seconds for which what it returned had been overwritten for sure when it was called; 0 if it was not."""
        if read.kind != "read" or read.outcome != "ok" or read.key not in self._starts:
            return 0.0
        if read.result is None:
            known = float("-inf")
        else:
            found = self._ends.get((read.key, freeze(read.result)))
            if found is None:
                return 0.0
            known = found
        place = bisect.bisect_right(self._starts[read.key], known)
        if place == len(self._starts[read.key]):
            return 0.0
        overwritten = self._earliest[read.key][place]
        return max(0.0, read.start - overwritten) if overwritten < read.start else 0.0


def _value(operation: Operation) -> tuple[Any] | None:
    """What it may have written, in a tuple; None if it writes nothing."""
    if operation.outcome == "fail":
        return None
    if operation.kind == "write":
        return (freeze(operation.value),)
    if operation.kind == "cas" and (operation.outcome == "unknown" or operation.result):
        return (freeze(operation.value[1]),)
    return None


def sides(run: Run) -> list[Row]:
    """Rows of every partition, then of the time without one. An operation belongs to when it was called."""
    cuts = [band for band in bands(run) if band.strike.action in ("partition", "isolate") and not band.strike.error]
    fresh = Freshness(run.operations)
    rows: dict[tuple[str, str, str, str], list[Operation]] = {}
    layouts = [(band, layout(band, run)) for band in cuts]
    for operation in run.operations:
        struck = False
        for band, groups in layouts:
            if band.since <= operation.start < band.until:
                struck = True
                side = _side(operation.site, groups, run.meta.machines)
                place = (band.strike.id, band.strike.name or band.strike.action, side, what_of(operation))
                rows.setdefault(place, []).append(operation)
        if not struck:
            rows.setdefault(("", QUIET, EVERYWHERE, what_of(operation)), []).append(operation)
    order = {band.strike.id: number for number, band in enumerate(cuts)}
    keys = sorted(rows, key=lambda key: (order.get(key[0], len(order)), key[2], "read" in key[3], key[3]))
    return [_row(key, rows[key], fresh) for key in keys]


def _row(key: tuple[str, str, str, str], operations: Sequence[Operation], fresh: Freshness) -> Row:
    strike, period, side, what = key
    answered, refused, open_ = (sum(o.outcome == outcome for o in operations) for outcome in ("ok", "fail", "unknown"))
    stale = tuple(sorted(age for o in operations if (age := fresh.staleness(o)) > 0))
    return Row(period, strike, side, what, len(operations), answered, refused, open_, stale)


def layout(band: Band, run: Run) -> dict[str, tuple[str, ...]]:
    """The sides of a cut, by what they are called: the one with most of the store's members is the majority's."""
    groups = [tuple(group) for group in band.strike.groups]
    if not groups and band.strike.targets:
        machines = sorted(set(run.meta.machines.values()))
        mine = {run.meta.machines.get(target, target) for target in band.strike.targets}
        groups = [tuple(band.strike.targets), tuple(m for m in machines if m not in mine)]
    members = [name for name in run.meta.machines if name.rpartition("-")[0] == "store"]
    counts = [sum(m in group or run.meta.machines[m] in group for m in members) for group in groups]
    named: dict[str, tuple[str, ...]] = {}
    for group, count in zip(groups, counts, strict=True):
        word = "majority" if 2 * count > len(members) > 0 else "minority" if count else "without the store"
        named[f"{word}: {_names(group)}"] = group
    return named


def _names(group: Sequence[str]) -> str:
    return ", ".join(group) if len(group) <= 4 else f"{', '.join(group[:3])} and {len(group) - 3} more"


def _side(site: str, groups: Mapping[str, Sequence[str]], machines: Mapping[str, str]) -> str:
    for name, group in groups.items():
        if site in group or machines.get(site) in group or (site in ("majority", "minority") and name.startswith(site)):
            return name
    return f"at {site}, on no side" if site else "on no side"
