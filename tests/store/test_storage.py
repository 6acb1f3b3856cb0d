"""A member's disk: what was synced comes back after any crash; what makes no sense is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from cluster.world.sim import SimWorld
from cluster.world.sim.disk import Platter, SimDisk, SimFile
from store import wal
from store.raft.messages import Configuration, Entry, HardState, Snapshot
from store.snapshot import SnapshotError, snapshot_name
from store.storage import Recovered, Storage

MEMBERS = Configuration(("m0", "m1", "m2"))


def run(work: Coroutine[Any, Any, None]) -> None:
    with SimWorld(0) as world:
        world.run(work)


def entries(first: int, count: int, term: int = 1) -> list[Entry]:
    return [Entry(term, index, b"%d/%d" % (term, index)) for index in range(first, first + count)]


def snapshot(index: int, term: int = 1) -> Snapshot:
    return Snapshot(index, term, MEMBERS, b"state at %d" % index)


async def reopen(disk: SimDisk, segment_bytes: int = 200) -> Recovered:
    return (await Storage.open(disk, segment_bytes))[1]


def test_a_new_disk_is_empty() -> None:
    async def work() -> None:
        recovered = await reopen(SimDisk(Platter(Random(0))))
        assert recovered == Recovered(HardState(), None, [], 0, 0)

    run(work())


def test_a_crash_at_every_byte_keeps_a_prefix_of_the_batches() -> None:
    async def work() -> None:
        platter = Platter(Random(0))
        storage, _ = await Storage.open(SimDisk(platter), 10_000)
        logs: list[tuple[int, HardState, list[Entry]]] = [(0, HardState(), [])]
        batches: list[tuple[HardState | None, list[Entry]]] = [
            (HardState(1, "m0", 0), entries(1, 2)),
            (HardState(1, "m0", 2), []),
            (None, entries(3, 2)),
            (HardState(2, "", 2), entries(4, 1, term=2)),
        ]
        for hard, new in batches:
            await storage.append(hard, new)
            _, old_hard, old = logs[-1]
            log = [entry for entry in old if not new or entry.index < new[0].index] + new
            logs.append((len(platter.files[wal.segment_name(1)].data), hard or old_hard, log))
        data = bytes(platter.files[wal.segment_name(1)].data)
        for size in range(len(data) + 1):
            cut = Platter(Random(0))
            if size:
                cut.files[wal.segment_name(1)] = SimFile(bytearray(data[:size]), size)
            recovered = await reopen(SimDisk(cut))
            at, hard, log = max((entry for entry in logs if entry[0] <= size), key=lambda entry: entry[0])
            assert (recovered.hard, recovered.entries) == (hard, log)
            assert recovered.torn == (size - at if at else max(0, size - len(wal.head(1)) * (size >= len(wal.head(1)))))
            again = await reopen(SimDisk(cut))
            assert (again.entries, again.torn) == (log, 0)

    run(work())


@pytest.mark.parametrize("number", range(60))
def test_random_work_with_crashes(number: int) -> None:
    """Recovered is what was synced, or a later state that was written after it."""

    async def work() -> None:
        rng = Random(number)
        platter = Platter(rng)
        storage, _ = await Storage.open(SimDisk(platter), 300)
        hard, base, log, term = HardState(), 0, list[Entry](), 1
        written = [(hard, base, log)]
        for _ in range(60):
            action = rng.choice(("append", "append", "append", "sync", "save", "install", "crash"))
            last = log[-1].index if log else base
            if action == "append":
                term += rng.random() < 0.3
                floor = max(hard.commit, base) + 1
                first = rng.randint(floor, last + 1)
                new = entries(first, rng.randint(0, 4), term)
                log = [e for e in log if not new or e.index < first] + new
                top = log[-1].index if log else base
                hard = HardState(term, rng.choice(("", "m1")), rng.randint(min(hard.commit, top), top))
                await storage.append(hard, new)
                written.append((hard, base, log))
            elif action == "sync":
                await storage.sync()
                written = written[-1:]
            elif action == "save" and hard.commit > base:
                await storage.sync()
                base_term = next(e.term for e in log if e.index == hard.commit)
                base, log = hard.commit, [e for e in log if e.index > hard.commit]
                await storage.save(Snapshot(base, base_term, MEMBERS, b"%d" % base))
                written = [(hard, base, log)]
            elif action == "install":
                await storage.sync()
                base, log = last + rng.randint(1, 3), []
                term += 1
                before_mark = hard
                hard = HardState(term, "", base)
                await storage.install(Snapshot(base, term, MEMBERS, b"%d" % base))
                # A crash before the sync: the snapshot is there, the hard state of its term is made up from it.
                written = [(HardState(term, "", base) if before_mark.term < term else before_mark, base, log)]
                await storage.append(hard, [])
                await storage.sync()
                written = [(hard, base, log)]
            elif action == "crash":
                platter.crash()
                storage, recovered = await Storage.open(SimDisk(platter), 300)
                got = (recovered.hard, recovered.snapshot.index if recovered.snapshot else 0, recovered.entries)
                assert got in written
                hard, base, log = got
                term = max(term, hard.term)
                written = [got]

    run(work())


def test_a_snapshot_removes_what_it_makes_superfluous() -> None:
    async def work() -> None:
        disk = SimDisk(Platter(Random(0)))
        storage, _ = await Storage.open(disk, 1)
        for index in range(1, 6):
            await storage.append(HardState(1, "", index - 1), entries(index, 1))
        await storage.save(snapshot(2))
        await storage.save(snapshot(4))
        assert disk.names() == [snapshot_name(4), wal.segment_name(5)]
        assert storage.snapshot() == snapshot(4)
        await storage.save(snapshot(3))
        assert storage.snapshot() == snapshot(4)
        recovered = await reopen(disk)
        assert [entry.index for entry in recovered.entries] == [5]
        assert recovered.hard == HardState(1, "", 4)

    run(work())


def test_a_crash_between_the_leaders_snapshot_and_its_mark() -> None:
    async def work() -> None:
        for term, kept in ((1, [3]), (2, [])):
            disk = SimDisk(Platter(Random(0)))
            storage, _ = await Storage.open(disk, 1000)
            await storage.append(HardState(1, "m0", 0), entries(1, 3))
            await storage._keep(snapshot(2, term))
            recovered = await reopen(disk)
            assert [entry.index for entry in recovered.entries] == kept
            assert recovered.hard == HardState(term, "m0" if term == 1 else "", 2)

    run(work())


def test_entries_of_another_history_do_not_come_back() -> None:
    async def work() -> None:
        disk = SimDisk(Platter(Random(0)))
        storage, _ = await Storage.open(disk, 1000)
        await storage.append(HardState(1, "m0", 0), entries(1, 9))
        await storage.install(snapshot(5, 2))
        await storage.append(HardState(2, "", 5), [])
        assert (await reopen(disk)).entries == []
        storage, _ = await Storage.open(disk, 1000)
        await storage.append(None, entries(6, 2, term=2))
        assert (await reopen(disk)).entries == entries(6, 2, term=2)

    run(work())


def test_gaps_and_damage_are_refused() -> None:
    async def damaged(name: str, change: str) -> SimDisk:
        platter = Platter(Random(0))
        disk = SimDisk(platter)
        storage, _ = await Storage.open(disk, 1)
        for index in range(1, 5):
            await storage.append(None, entries(index, 1))
        await storage._keep(snapshot(1))
        if change == "remove":
            await disk.remove(name)
        else:
            platter.files[name].data[-1] ^= 1
        return disk

    async def work() -> None:
        with pytest.raises(wal.WalError, match="segment 3 is missing"):
            await reopen(await damaged(wal.segment_name(3), "remove"))
        with pytest.raises(wal.WalError, match="checksum"):
            await reopen(await damaged(wal.segment_name(2), "flip"))
        with pytest.raises(SnapshotError):
            await reopen(await damaged(snapshot_name(1), "flip"))
        disk = await damaged(wal.segment_name(1), "remove")
        assert [entry.index for entry in (await reopen(disk)).entries] == [2, 3, 4]
        await disk.remove(wal.segment_name(2))
        with pytest.raises(wal.WalError, match="entries 2 to 2 are missing"):
            await reopen(disk)
        disk = SimDisk(Platter(Random(0)))
        disk.append(wal.segment_name(1), wal.head(1) + wal.frame(wal.BATCH, b"\xc1"))
        with pytest.raises(wal.WalError, match="makes no sense"):
            await reopen(disk)

    run(work())


def test_the_disks_own_errors_pass() -> None:
    async def work() -> None:
        platter = Platter(Random(0))
        storage, _ = await Storage.open(SimDisk(platter), 1000)
        await storage.append(HardState(1), [])
        platter.failing = "no space left on device"
        for attempt in (storage.append(HardState(2), []), storage.sync(), storage.save(snapshot(1))):
            with pytest.raises(OSError, match="no space"):
                await attempt
        await asyncio.sleep(0)

    run(work())
