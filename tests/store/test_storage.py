"""A member's disk: what was synced comes back after any crash; what makes no sense is refused."""

from __future__ import annotations

from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from cluster.world.sim import SimWorld
from cluster.world.sim.disk import Platter, SimDisk
from store import wal
from store.raft.messages import Configuration, Entry, HardState, SnapshotMeta
from store.snapshot import SnapshotError, snapshot_name
from store.storage import Recovered, Storage
from tests.store.crashingdisk import blank

MEMBERS = Configuration(("m0", "m1", "m2"))


def run(work: Coroutine[Any, Any, None]) -> None:
    with SimWorld(0) as world:
        world.run(work)


def entries(first: int, count: int, term: int = 1) -> list[Entry]:
    return [Entry(term, index, b"%d/%d" % (term, index)) for index in range(first, first + count)]


def meta_at(index: int, term: int = 1) -> SnapshotMeta:
    return SnapshotMeta(index, term, MEMBERS)


async def reopen(disk: SimDisk, segment_bytes: int = 200) -> Recovered:
    return (await Storage.open(disk, segment_bytes))[1]


async def install(storage: Storage, meta: SnapshotMeta) -> None:
    """The leader's snapshot, in one chunk."""
    other = SimDisk(blank())
    leader, _ = await Storage.open(other, 1000)
    await leader.save(meta, iter([b"state", b"at %d" % meta.index]))
    storage.receive(meta, 0, other.read(snapshot_name(meta.index)))
    await storage.finish(meta)


def test_a_new_disk_is_empty() -> None:
    async def work() -> None:
        recovered = await reopen(SimDisk(blank()))
        assert recovered == Recovered(HardState(), None, [], 0, 0)

    run(work())


def test_random_work_with_crashes(seed: int) -> None:
    """Recovered is what was synced, or a later state that was written after it."""

    async def work() -> None:
        rng = Random(seed)
        platter = Platter(rng)
        storage, _ = await Storage.open(SimDisk(platter), 300)
        hard, base, log, term = HardState(), 0, list[Entry](), 1
        written = [(hard, base, log)]
        for _ in range(300):
            action = rng.choice(("append", "append", "append", "sync", "save", "install", "crash"))
            last = log[-1].index if log else base
            if action == "append":
                term += rng.random() < 0.3
                floor = max(hard.commit, base) + 1
                first = rng.randint(floor, last + 1)
                new = entries(first, rng.randint(0, 4), term)
                log = [e for e in log if not new or e.index < first] + new
                top = log[-1].index if log else base
                hard = HardState(term, rng.choice(("", "m1")), rng.randint(min(hard.commit, top), top), 5)
                storage.append(hard, new)
                written.append((hard, base, log))
            elif action == "sync":
                if not storage.try_sync():
                    await storage.sync()
                written = written[-1:]
            elif action == "save" and hard.commit > base:
                await storage.sync()
                base_term = next(e.term for e in log if e.index == hard.commit)
                base, log = hard.commit, [e for e in log if e.index > hard.commit]
                await storage.save(meta_at(base, base_term), iter([b"%d" % base]))
                written = [(hard, base, log)]
            elif action == "install":
                await storage.sync()
                base, log = last + rng.randint(1, 3), []
                term += 1
                hard = HardState(term, "", base, hard.id)
                await install(storage, meta_at(base, term))
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
        disk = SimDisk(blank())
        storage, _ = await Storage.open(disk, 1)
        for index in range(1, 6):
            storage.append(HardState(1, "", index - 1), entries(index, 1))
        await storage.sync()
        await storage.save(meta_at(2), iter([b"two"]))
        await storage.save(meta_at(4), iter([b"four", b"!"]))
        assert disk.names() == [snapshot_name(4), wal.segment_name(5)]
        await storage.save(meta_at(3), iter([b"three"]))
        assert storage.snapshot == meta_at(4)
        assert list(storage.parts(meta_at(4))) == [b"four", b"!"]
        recovered = await reopen(disk)
        assert [entry.index for entry in recovered.entries] == [5]
        assert recovered.hard == HardState(1, "", 4)

    run(work())


@pytest.mark.parametrize(("term", "kept"), [(1, [3]), (2, [])])
def test_a_crash_between_the_leaders_snapshot_and_its_mark(term: int, kept: list[int]) -> None:
    """The log goes on after a snapshot that it contains; else it is another history, and stays so."""

    async def work() -> None:
        disk = SimDisk(blank())
        storage, _ = await Storage.open(disk, 1000)
        storage.append(HardState(1, "m0", 0), entries(1, 3))
        await storage.sync()
        await storage._files.save(meta_at(2, term), iter([b"state"]))
        storage, recovered = await Storage.open(disk, 1000)
        assert [entry.index for entry in recovered.entries] == kept
        assert recovered.hard == HardState(term, "m0" if term == 1 else "", 2)
        new = entries(3, 2, term=3)
        storage.append(None, new)
        await storage.sync()
        assert (await reopen(disk, 1000)).entries == new

    run(work())


def test_entries_of_another_history_do_not_come_back() -> None:
    async def work() -> None:
        disk = SimDisk(blank())
        storage, _ = await Storage.open(disk, 1000)
        storage.append(HardState(1, "m0", 0), entries(1, 9))
        await install(storage, meta_at(5, 2))
        storage.append(HardState(2, "", 5), [])
        await storage.sync()
        assert (await reopen(disk)).entries == []
        storage, _ = await Storage.open(disk, 1000)
        storage.append(None, entries(6, 2, term=2))
        await storage.sync()
        assert (await reopen(disk)).entries == entries(6, 2, term=2)

    run(work())


async def four_segments(name: str, change: str) -> SimDisk:
    platter = blank()
    disk = SimDisk(platter)
    storage, _ = await Storage.open(disk, 1)
    for index in range(1, 5):
        storage.append(None, entries(index, 1))
    await storage.sync()
    await storage._files.save(meta_at(1), iter([b"state"]))
    if change == "remove":
        await disk.remove(name)
    else:
        platter.files[name].data[-1] ^= 1
    return disk


def test_gaps_and_damage_are_refused() -> None:
    async def work() -> None:
        with pytest.raises(wal.WalError, match="segment 3 is missing"):
            await reopen(await four_segments(wal.segment_name(3), "remove"))
        with pytest.raises(wal.WalError, match="checksum"):
            await reopen(await four_segments(wal.segment_name(2), "flip"))
        with pytest.raises(SnapshotError):
            await reopen(await four_segments(snapshot_name(1), "flip"))
        disk = await four_segments(wal.segment_name(1), "remove")
        assert [entry.index for entry in (await reopen(disk)).entries] == [2, 3, 4]
        await disk.remove(wal.segment_name(2))
        with pytest.raises(wal.WalError, match="entries 2 to 2 are missing"):
            await reopen(disk)
        disk = SimDisk(blank())
        nonsense = wal.frame(wal.BATCH, b"\xc1", 1, wal.HEAD_SIZE, 0)
        disk.append(wal.segment_name(1), wal.head(1) + nonsense)
        with pytest.raises(wal.WalError, match="makes no sense"):
            await reopen(disk)

    run(work())


def test_the_disks_own_errors_pass() -> None:
    async def work() -> None:
        platter = blank()
        storage, _ = await Storage.open(SimDisk(platter), 1000)
        storage.append(HardState(1), [])
        await storage.sync()
        platter.failing = "no space left on device"
        with pytest.raises(OSError, match="no space"):
            storage.append(HardState(2), [])
        with pytest.raises(OSError, match="no space"):
            await storage.save(meta_at(1), iter([b""]))

    run(work())
