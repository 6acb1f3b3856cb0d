"""Random ordeals: crashes that lose what was not synced, blackouts, cuts, noise, pauses; and nothing may be lost.

More of them: `pytest tests/store/test_linearizable.py --seeds 1000`.
"""

from __future__ import annotations

from tests.store.workload import Ordeal

SMALL = {"snapshot_entries": 20, "retain_entries": 5, "wal_segment_bytes": 2000, "snapshot_chunk_bytes": 500}


def test_three_members_are_linearizable(seed: int) -> None:
    ordeal = Ordeal(seed, lose_all=seed % 2 == 0).run()
    ordeal.check()
    assert sum(operation.outcome == "ok" for operation in ordeal.history()) > 50


def test_with_snapshots_all_the_time(seed: int) -> None:
    Ordeal(seed, seconds=6.0, options=SMALL, lose_all=seed % 3 == 0).run().check()


def test_five_members_are_linearizable(seed: int) -> None:
    Ordeal(seed, count=5, seconds=5.0, options=SMALL if seed % 2 else {}).run().check()


def test_one_seed_is_one_history() -> None:
    first, second = (Ordeal(3, seconds=4.0).run() for _ in range(2))
    assert first.digest == second.digest
    assert first.history() == second.history()
