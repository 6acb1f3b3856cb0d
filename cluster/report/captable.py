"""The CAP experiment's tables, engines side by side: rows of text, for a terminal and for a page alike.

Pure. Must not draw borders or colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cluster.report.caplatency import LatencyRow
from cluster.report.capreport import KINDS, SIDES, CapReport
from cluster.report.capwords import G, choice, consistency, latency_of, milliseconds
from cluster.report.ledger import Row

Line = list[str]

COUNTS: Sequence[tuple[str, Callable[[Row], int]]] = (
    ("answered", lambda row: row.answered),
    ("refused", lambda row: row.refused),
    ("no answer", lambda row: row.unanswered),
    ("stale", lambda row: row.stale),
    ("lost", lambda row: row.lost),
)


def ledger_lines(reports: Sequence[CapReport]) -> Iterator[Line]:
    """[side, what, count's name, one share per engine]; lines that are 0 % everywhere are left out, but `answered`."""
    for side in SIDES:
        for what in KINDS:
            rows = [report.row(side, what) for report in reports]
            for name, count in COUNTS:
                if name == "answered" or any(count(row) for row in rows):
                    yield [G[side], what, name, *(row.share(count(row)) for row in rows)]


def outcome_lines(reports: Sequence[CapReport]) -> Iterator[Line]:
    """[what, one word per engine]: what was left, and what it was worth."""
    yield ["linearizable", *(consistency(r) for r in reports)]
    yield ["acknowledged, then lost", *(str(len(r.lost)) if r.finals else "unknown" for r in reports)]
    yield ["named as conflicts", *(_named(r) for r in reports)]
    yield ["left after healing", *(str(r.survivor) if r.finals else "nobody answered" for r in reports)]
    yield ["replicas equal after", *(_seconds(r.heal_seconds) for r in reports)]
    yield ["new leader after", *("has none" if r.leaderless else _seconds(r.new_leader_seconds) for r in reports)]
    yield ["PACELC", *(choice(r).name for r in reports)]


def _named(report: CapReport) -> str:
    return str(sum(row["writes"] for row in report.conflicts)) if report.conflicts else "none"


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.2f} s"


def latency_lines(reports: Sequence[CapReport]) -> Iterator[Line]:
    """[side, what, "p50 / p99" and what was stale, per engine] without a partition; "-": it has no such read."""
    whats = dict.fromkeys(row.what for report in reports for row in report.latency)
    for side in SIDES:
        for what in whats:
            yield [G[side], what, *(_latency(latency_of(report, side, what)) for report in reports)]


def _latency(row: LatencyRow | None) -> str:
    if row is None or row.p50 is None:
        return "-" if row is None or not row.tried else "no answer"
    stale = f", {100 * row.stale / row.answered:.0f} % stale" if row.stale else ""
    missing = f", {row.tried - row.answered} of {row.tried} without" if row.tried - row.answered > 1 else ""
    return f"{milliseconds(row.p50)} / {milliseconds(row.p99)}{stale}{missing}"
