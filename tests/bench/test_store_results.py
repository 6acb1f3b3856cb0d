"""From samples to rows: who is the peer, what is judged, and that a peer that is missing is said to be."""

from __future__ import annotations

import math

import pytest

from bench.rows import Options, Row, bars
from bench.samples import Cell, Cores, Sample
from bench.store import CLIENTS, PARTS, WATCHERS, cells_of, chosen
from bench.store_results import ETCD, OURS, TOOL, Results, rows_of
from cluster.errors import UsageError

PUTS = Cell("puts", 16)


def made(rate: float, p99: float = 5.0) -> Sample:
    names = ("each p50", "each p99", "last p50", "last p99", "deliveries")
    return Sample(rate, 1.0, p99, Cores(0.5, 1.5, 0.3, 0.1), 0, dict.fromkeys(names, p99))


def filled(cells: list[Cell], ours: float = 3.0, etcd: float | None = 1.0) -> Results:
    results = Results()
    for cell in cells:
        for _ in range(2):
            results.add(OURS, cell, made(ours))
            if etcd is not None:
                results.add(ETCD, cell, made(etcd))
    results.failovers[OURS] = [100.0, 200.0]
    return results


def named(rows: list[Row]) -> dict[str, Row]:
    return {row.what: row for row in rows}


def test_every_bar_belongs_to_a_row_and_is_judged() -> None:
    cells = cells_of(PARTS, ())
    assert len(cells) == 5 * len(CLIENTS) + len(WATCHERS)
    rows = named(rows_of(filled(cells), cells))
    for what in bars()["store"]:
        assert rows[what].holds is True, what


def test_the_same_bars_are_missed_by_something_slower() -> None:
    cells = cells_of(PARTS, ())
    rows = rows_of(filled(cells, ours=0.5), cells)
    for cell in (Cell("puts", 1), Cell("puts", 256), Cell("gets", 64), Cell("serializable", 256)):
        assert named(rows)[str(cell)].holds is False


def test_without_etcd_nothing_is_judged_and_a_row_says_that_it_is_missing() -> None:
    results = filled([PUTS], etcd=None)
    results.absent[ETCD] = "etcd is missing"
    rows = named(rows_of(results, [PUTS]))
    assert (rows["puts, 16 clients"].holds, rows["puts, 16 clients"].bar) == (None, ">= 1.5 x peer, not judged")
    assert rows[ETCD].detail == "etcd is missing"
    assert math.isnan(rows[ETCD].value)
    assert (rows[ETCD].data()["value"], rows[ETCD].cells()[1]) == (None, "-")


def test_the_peer_is_whichever_client_of_etcd_is_faster() -> None:
    results = filled([PUTS], ours=3.0, etcd=1.0)
    for rate in (2.0, 2.0):
        results.add(TOOL, PUTS, made(rate))
    assert results.best_etcd(PUTS) == TOOL
    row = named(rows_of(results, [PUTS]))["puts, 16 clients"]
    assert (row.peer, row.ratio, row.holds) == (2.0, 1.5, True)
    results.samples[TOOL, PUTS] = [made(0.5), made(0.5)]
    assert results.best_etcd(PUTS) == ETCD


def test_a_round_that_failed_counts_for_neither_side() -> None:
    results = Results()
    for ours, etcd in ((10.0, 5.0), (100.0, None), (None, 5.0), (20.0, 5.0)):
        results.add(OURS, PUTS, made(ours) if ours else None, "" if ours else "no leader")
        results.add(ETCD, PUTS, made(etcd) if etcd else None, "" if etcd else "gone")
    rows = named(rows_of(results, [PUTS]))
    row = rows["puts, 16 clients"]
    assert (row.value, row.peer, row.ratio) == (15.0, 5.0, 3.0)
    assert "1 of 4 rounds failed" in row.detail
    assert "ratio 2.00 to 4.00" in row.detail


def test_what_never_succeeded_says_why() -> None:
    results = Results()
    results.add(OURS, PUTS, None, "no leader within 10 s")
    results.add("raftos", PUTS, None, "it hangs")
    rows = named(rows_of(results, [PUTS]))
    assert "no leader within 10 s" in rows["puts, 16 clients"].detail
    assert "it hangs" in rows["raftos: puts, 16 clients"].detail


def test_a_kill_that_was_not_survived_is_a_missed_bar() -> None:
    results = filled([PUTS])
    results.lost[OURS] = "after kill 3: no write within 20 s of the kill"
    results.lost[ETCD] = "after kill 1: no leader"
    rows = named(rows_of(results, [PUTS]))
    assert rows["capstan: did not come back"].holds is False
    assert "after kill 3" in rows["capstan: did not come back"].detail
    assert rows["etcd: did not come back"].holds is None


def test_only_chooses_parts_and_peers() -> None:
    assert chosen(Options(only=("gets", "etcd"))) == (["gets"], ["etcd"])
    assert chosen(Options())[0] == list(PARTS)
    assert cells_of(["watch"], (1,)) == [Cell("watch", 1), Cell("watch", 100)]
    assert cells_of(["puts"], (4,)) == [Cell("puts", 4)]
    with pytest.raises(UsageError, match="no part 'put'"):
        chosen(Options(only=("put",)))
