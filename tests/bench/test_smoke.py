"""Each benchmark of the store runs through, small, and what it prints makes sense. Says nothing about speed."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

import bench.store
from bench.day import simulate
from bench.idle import Reign, idle
from bench.memory import measure
from bench.peers import etcd, pysyncobj
from bench.rows import Options, Row
from bench.samples import Cell
from bench.soak import rows_of, soak
from bench.store import Comparison
from bench.store_cluster import OwnCluster, statuses
from bench.store_workload import KINDS
from store.engines import ENGINES


@pytest.fixture(autouse=True)
def any_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where temporary files are in memory."""
    monkeypatch.setattr(bench.store, "on_disk", lambda path: "a test's")


def compared(folder: Path, *only: str, clients: tuple[int, ...] = (2,)) -> tuple[Comparison, dict[str, Row]]:
    comparison = Comparison(Options(rounds=1, only=only, clients=clients, seconds=0.2), folder / "bench")
    rows = asyncio.run(comparison.run())
    return comparison, {row.what: row for row in rows}


def sound(row: Row) -> bool:
    return math.isfinite(row.value) and row.value > 0


@pytest.mark.proc
def test_the_store_beside_etcd(tmp_path: Path) -> None:
    comparison, rows = compared(tmp_path, *KINDS, "watch", "etcd")
    names = ["puts, 2 clients", "txns, 2 clients, p99", "mixed, 2 clients, event to each of 100, p99"]
    for name in [*names, "watch, 100 watchers, event to the last, p99", "append of 4 KB and fdatasync"]:
        assert sound(rows[name]), rows[name]
        assert " failed" not in rows[name].detail, rows[name]
    assert not comparison.results.failures
    if etcd.program() is None:
        assert "apt-get" in rows["etcd"].detail
    else:
        assert all(rows[name].ratio for name in names)
    mixed = comparison.results.of("capstan", Cell("mixed", 2))[0]
    assert mixed.more["deliveries"] > 100 * 0.05 * mixed.rate, "each of 100 watchers gets each event"
    assert mixed.cores.servers >= mixed.cores.leader
    assert not (tmp_path / "bench" / "capstan").exists()
    assert not (tmp_path / "bench" / "etcd").exists()


@pytest.mark.proc
def test_failover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.store, "KILLS", 2)
    comparison, rows = compared(tmp_path, "failover", "etcd")
    assert sound(rows["kill -9 of the leader to the next acknowledged write"])
    assert len(comparison.results.failovers["capstan"]) == 2
    if etcd.program() is not None:
        assert rows["kill -9 of the leader to the next acknowledged write, etcd"].value > 500


@pytest.mark.proc
@pytest.mark.skipif(not pysyncobj.installed(), reason="pysyncobj is not installed: pip install -e '.[bench]'")
def test_pysyncobj(tmp_path: Path) -> None:
    comparison, rows = compared(tmp_path, "puts", "pysyncobj")
    assert not comparison.results.failures
    for tuning in pysyncobj.TUNINGS:
        assert sound(rows[f"PySyncObj, {tuning}: puts, 2 clients, no sync"])


@pytest.mark.proc
@pytest.mark.skipif("raftos" not in ENGINES, reason="there is no engine raftos")
def test_raftos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.store, "RAFTOS_SECONDS", 2.0)
    comparison, rows = compared(tmp_path, "puts", "raftos", clients=(1,))
    assert not comparison.results.failures
    assert sound(rows["raftos: puts, 1 client"])


@pytest.mark.proc
def test_memory(tmp_path: Path) -> None:
    rows = asyncio.run(measure(tmp_path / "memory", 500, {"snapshot_entries": 100, "retain_entries": 10}))
    assert all(sound(row) for row in rows)
    peak, loaded = rows[-1], rows[1]
    assert peak.value >= loaded.value > 5


@pytest.mark.proc
def test_soak(tmp_path: Path) -> None:
    looks, writes = asyncio.run(soak(tmp_path / "soak", 0.06))
    rows = {row.what: row for row in rows_of(looks, writes, 0.06)}
    assert len(looks) == 12
    assert len(writes.latencies) + writes.failed == pytest.approx(360, abs=2)
    assert sound(rows["rss, largest member"])
    assert sound(rows["disk, last quarter to second quarter"])
    assert rows["elections"].value == 0 or rows["elections"].holds is False


@pytest.mark.proc
def test_idle_counts_an_election_when_there_is_one(tmp_path: Path) -> None:
    async def story() -> tuple[int, int]:
        cluster = OwnCluster(tmp_path / "idle", "idle", subnet=156)
        try:
            await cluster.start_members()
            reign = Reign()
            reign.look(await statuses(cluster.store), 3)
            before = reign.terms
            await cluster.failover()
            reign.look(await statuses(cluster.store), 3)
            return before, reign.terms
        finally:
            await cluster.stop()

    before, after = asyncio.run(story())
    assert before == 0
    assert after >= 1
    reign = asyncio.run(idle(tmp_path / "quiet", 0.02, busy=1, every=0.2))
    assert reign.looks >= 3
    assert (reign.terms == 0) == (reign.changes == 0)


def test_a_part_of_a_day_goes_through_its_cycles() -> None:
    day = simulate(0.4)
    assert day.writes == 1440
    assert day.compactions == 3
    assert 12 <= day.snapshots <= 16
    assert day.segments >= 2
    assert len(day.objects) == len(day.disk) == 24
    assert max(day.files) < 20
