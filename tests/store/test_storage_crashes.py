"""Crashes between any two steps of the storage, and damage of any byte: what was acknowledged is there, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from cluster.world.diskfaults import DiskRules
from cluster.world.faults import DiskFault
from cluster.world.host import Disk
from cluster.world.ruleset import RuleSet
from cluster.world.sim import SimWorld
from cluster.world.sim.disk import Platter, SimDisk
from store import wal
from store.raft.messages import Configuration, Entry, HardState, SnapshotMeta
from store.snapshot import SnapshotError, snapshot_name
from store.snapshotfiles import SnapshotFiles
from store.storage import Recovered, Storage
from tests.store.crashingdisk import Crash, CrashingDisk, aftermaths, blank

MEMBERS = Configuration(("m0", "m1", "m2"), ("m3",), (), (7, 8, 9, 0))
LIMIT = 400
State = tuple[HardState, int, tuple[Entry, ...], tuple[bytes, ...]]


def run(work: Coroutine[Any, Any, None]) -> None:
    with SimWorld(0) as world:
        world.run(work)


def entries(first: int, count: int, term: int = 1, size: int = 20) -> list[Entry]:
    return [Entry(term, index, b"%d/%d." % (term, index) * size) for index in range(first, first + count)]


def meta_at(index: int, term: int = 1) -> SnapshotMeta:
    return SnapshotMeta(index, term, MEMBERS)


def parts_at(index: int) -> list[bytes]:
    return [b"part %d of %d " % (n, index) * 9 for n in range(4)] + [b""]


async def leaders_file(meta: SnapshotMeta) -> bytes:
    """The bytes of a snapshot file as another member would send them."""
    storage, _ = await Storage.open(SimDisk(blank()), LIMIT)
    await storage.save(meta, iter(parts_at(meta.index)))
    return storage_bytes(storage, meta)


def storage_bytes(storage: Storage, meta: SnapshotMeta, size: int = 97) -> bytes:
    storage.pin(meta)
    total = storage.snapshot_size(meta)
    chunks = [storage.chunk(meta, offset, size) for offset in range(0, total, size)]
    storage.unpin(meta)
    return b"".join(chunks)


@dataclass
class Model:
    """What a member has written and not yet seen acknowledged: the states that a crash may leave, oldest first."""

    hard: HardState = HardState()
    base: int = 0
    log: list[Entry] = field(default_factory=list)
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = [self.state()]

    def state(self) -> State:
        parts = tuple(parts_at(self.base)) if self.base else ()
        return self.hard, self.base, tuple(self.log), parts

    def wrote(self) -> None:
        self.states.append(self.state())

    def acknowledged(self) -> None:
        self.states = [self.state()]


def state_of(storage: Storage, recovered: Recovered) -> State:
    meta = recovered.snapshot
    if meta is None:
        return recovered.hard, 0, tuple(recovered.entries), ()
    assert meta.configuration == MEMBERS
    return recovered.hard, meta.index, tuple(recovered.entries), tuple(storage.parts(meta))


class Member:
    """Does what a member does, and keeps the model beside it."""

    def __init__(self, storage: Storage, model: Model) -> None:
        self.storage = storage
        self.model = model

    def append(self, hard: HardState | None, new: list[Entry]) -> None:
        m = self.model
        m.hard = hard or m.hard
        if new:
            m.log = [entry for entry in m.log if entry.index < new[0].index] + new
        m.wrote()
        self.storage.append(hard, new)

    async def sync(self) -> None:
        if not self.storage.try_sync():
            await self.storage.sync()
        self.model.acknowledged()

    async def save(self, index: int, term: int) -> None:
        m = self.model
        m.base, m.log = index, [entry for entry in m.log if entry.index > index]
        m.wrote()
        await self.storage.save(meta_at(index, term), iter(parts_at(index)))
        m.acknowledged()

    def receive(self, meta: SnapshotMeta, data: bytes) -> None:
        at = self.storage.partial()
        offset = at[1] if at is not None and at[0] == meta else 0
        while offset < len(data):
            self.storage.receive(meta, offset, data[offset : offset + 120])
            offset = min(len(data), offset + 120)
            assert self.storage.partial() == (meta, offset)

    async def finish(self, meta: SnapshotMeta) -> None:
        m = self.model
        vote = m.hard.vote if m.hard.term >= meta.term else ""
        m.hard = HardState(max(m.hard.term, meta.term), vote, meta.index, m.hard.id)
        m.base, m.log = meta.index, []
        m.wrote()
        await self.storage.finish(meta)
        m.acknowledged()


async def story(disk: Disk, model: Model, sent: bytes) -> None:
    """Batches, rolled segments, own snapshots, a snapshot from the leader, a restart: every kind of step."""
    storage, recovered = await Storage.open(disk, LIMIT)
    member = Member(storage, model)
    member.append(HardState(1, "m0", 0, 77), entries(1, 1))
    await member.sync()
    for index in range(2, 8):
        member.append(HardState(1, "m0", index - 1, 77) if index % 2 else None, entries(index, 1))
        if index % 3:
            await member.sync()
    member.append(None, entries(7, 2, term=2))
    member.append(HardState(2, "m1", 8, 77), [])
    await member.sync()
    await member.save(5, 1)
    member.append(None, entries(9, 4, term=2))
    await member.sync()
    member.storage, recovered = await Storage.open(disk, LIMIT)
    assert state_of(member.storage, recovered) == model.state()
    member.append(HardState(2, "m1", 12, 77), entries(13, 1, term=2))
    await member.sync()
    await member.save(12, 2)
    member.append(None, entries(14, 9, term=2))
    await member.sync()
    member.receive(meta_at(20, 3), sent)
    await member.finish(meta_at(20, 3))
    member.append(HardState(3, "", 20, 77), entries(21, 3, term=3))
    member.append(None, entries(24, 3, term=3))
    await member.sync()


@pytest.mark.parametrize("immediate", [0.0, 1.0])
def test_a_crash_at_every_step_keeps_what_was_acknowledged_and_invents_nothing(immediate: float) -> None:
    async def work() -> None:
        sent = await leaders_file(meta_at(20, 3))
        whole = CrashingDisk(blank(immediate=immediate))
        await story(whole, Model(), sent)
        kinds = {line.split("/")[0] for line in whole.log}
        assert {"append wal", "rename saving", "rename partial", "remove wal", "remove snapshot"} <= kinds
        assert whole.steps > 60
        for step in range(whole.steps):
            platter, model = blank(immediate=immediate), Model()
            with pytest.raises(Crash):
                await story(CrashingDisk(platter, step), model, sent)
            for left in aftermaths(platter, 8):
                await check(left, model, f"step {step}: {whole.log[step]}")

    run(work())


async def check(left: Platter, model: Model, place: str) -> None:
    """What is there is one of the states that were written since the last acknowledgement; it can be gone on from;
    and a crash while recovering changes nothing."""
    before = deepcopy(left)
    storage, recovered = await Storage.open(SimDisk(left), LIMIT)
    found = state_of(storage, recovered)
    assert found in model.states, place
    counting = CrashingDisk(deepcopy(before))
    await Storage.open(counting, LIMIT)
    for step in range(counting.steps):
        again = deepcopy(before)
        with pytest.raises(Crash):
            await Storage.open(CrashingDisk(again, step), LIMIT)
        again.crash()
        assert state_of(*await Storage.open(SimDisk(again), LIMIT)) == found, place
    last = recovered.entries[-1].index if recovered.entries else found[1]
    more = entries(last + 1, 2, term=9)
    storage.append(HardState(9, "m2", recovered.hard.commit), more)
    await storage.sync()
    left.crash(lose_all=True)
    assert (await Storage.open(SimDisk(left), LIMIT))[1].entries == recovered.entries + more, place


@pytest.mark.parametrize("room", [0, 1024])
def test_a_crash_at_every_byte_of_the_last_record(room: int) -> None:
    """Torn at any byte, the rest zeros (reserved) or not there."""

    async def work() -> None:
        platter, model = blank(), Model()
        storage, _ = await Storage.open(SimDisk(platter), 1 << 20)
        member = Member(storage, model)
        for index in (1, 3, 5):
            member.append(HardState(1, "m0", index - 1, 77), entries(index, 2))
            await member.sync()
        file = platter.files[wal.segment_name(1)]
        synced = len(file.data)
        member.append(HardState(2, "m1", 6, 77), entries(7, 2, term=2))
        for size in range(synced, len(file.data) + 1):
            left = blank()
            data = bytes(file.data[:size]) + bytes(room)
            left.files[wal.segment_name(1)] = type(file)(bytearray(data), len(data))
            storage, recovered = await Storage.open(SimDisk(left), 1 << 20)
            assert state_of(storage, recovered) == model.states[size == len(file.data)]
            assert recovered.torn == (0 if size == len(file.data) else len(data.rstrip(b"\0")[synced:]))

    run(work())


def test_a_flipped_bit_anywhere_in_the_log_is_refused_with_file_and_offset() -> None:
    async def work() -> None:
        platter = blank()
        await story(SimDisk(platter), Model(), await leaders_file(meta_at(20, 3)))
        for name in SimDisk(platter).names("wal/"):
            scan = wal.scan(name, bytes(platter.files[name].data), last=True)
            for at in range(scan.size):
                left = deepcopy(platter)
                left.files[name].data[at] ^= 1 << at % 8
                with pytest.raises(wal.WalError) as caught:
                    await Storage.open(SimDisk(left), LIMIT)
                assert caught.value.name == name
                assert caught.value.offset == max(r.offset for r in scan.records if r.offset <= at)

    run(work())


def test_a_lost_end_of_a_segment_is_found_by_what_its_successor_says() -> None:
    async def work() -> None:
        platter = blank()
        storage, _ = await Storage.open(SimDisk(platter), LIMIT)
        for index in range(1, 9):
            storage.append(None, entries(index, 1))
            await storage.sync()
        name = wal.segment_name(1)
        file = platter.files[name]
        offset = wal.scan(name, bytes(file.data), last=False).records[-1].offset
        file.data[offset:] = bytes(len(file.data) - offset)
        with pytest.raises(wal.WalError, match="its successor says that it ends at byte") as caught:
            await Storage.open(SimDisk(platter), LIMIT)
        assert (caught.value.name, caught.value.offset) == (name, offset)

    run(work())


def test_a_flipped_bit_anywhere_in_a_snapshot_is_found_at_start_when_sent_and_when_loaded() -> None:
    async def work() -> None:
        platter = blank()
        meta, name = meta_at(7), snapshot_name(7)
        storage, _ = await Storage.open(SimDisk(platter), LIMIT)
        await storage.save(meta, iter(parts_at(7)))
        whole = bytes(platter.files[name].data)
        storage.pin(meta)
        for at in range(len(whole)):
            platter.files[name].data[at] ^= 1 << at % 8
            with pytest.raises(SnapshotError, match=name):
                await Storage.open(SimDisk(deepcopy(platter)), LIMIT)
            with pytest.raises(SnapshotError, match=name):
                list(storage.parts(meta))
            with pytest.raises(SnapshotError, match=name):
                fresh_chunk(SimDisk(platter), meta, at)
            platter.files[name].data[at] ^= 1 << at % 8
        assert storage_bytes(storage, meta) == whole

    run(work())


def fresh_chunk(disk: SimDisk, meta: SnapshotMeta, at: int) -> bytes:
    """The byte at `at`, as a member sends it that has just pinned the file."""
    files = SnapshotFiles(disk)
    files.pin(meta)
    return files.chunk(meta, at, 1)


def test_a_damaged_chunk_is_found_at_the_end_and_the_snapshot_begins_anew() -> None:
    async def work() -> None:
        meta = meta_at(20, 3)
        sent = await leaders_file(meta)
        platter = blank()
        storage, _ = await Storage.open(SimDisk(platter), LIMIT)
        member = Member(storage, Model())
        for at in range(0, len(sent), 11):
            damaged = bytearray(sent)
            damaged[at] ^= 4
            member.receive(meta, bytes(damaged))
            with pytest.raises(SnapshotError):
                await storage.finish(meta)
            assert storage.partial() is None
            assert storage.snapshot is None
        member.receive(meta, sent)
        with pytest.raises(SnapshotError, match="nothing of it"):
            await storage.finish(meta_at(21, 3))
        await member.finish(meta)
        assert SimDisk(platter).names("partial/") == []
        assert list(storage.parts(meta)) == parts_at(20)

    run(work())


def test_a_receiver_that_restarts_goes_on_after_the_last_part_that_is_whole() -> None:
    async def work() -> None:
        meta = meta_at(20, 3)
        sent = await leaders_file(meta)
        resumed = []
        for size in range(1, len(sent) + 1, 13):
            platter = blank()
            storage, _ = await Storage.open(SimDisk(platter), LIMIT)
            storage.receive(meta, 0, sent[:size])
            for left in aftermaths(platter, 4):
                storage, recovered = await Storage.open(SimDisk(left), LIMIT)
                assert recovered.partial == storage.partial()
                if recovered.partial is not None:
                    assert recovered.partial[0] == meta
                    resumed.append(recovered.partial[1])
                member = Member(storage, Model())
                member.receive(meta, sent)
                await member.finish(meta)
                assert list(storage.parts(meta)) == parts_at(20)
        assert len(set(resumed)) > 4

    run(work())


def test_a_snapshot_that_is_being_sent_stays_until_it_is_unpinned() -> None:
    async def work() -> None:
        disk = SimDisk(blank())
        storage, _ = await Storage.open(disk, LIMIT)
        storage.append(HardState(1, "", 3), entries(1, 3))
        await storage.save(meta_at(1), iter(parts_at(1)))
        storage.pin(meta_at(1))
        storage.pin(meta_at(1))
        first = storage.chunk(meta_at(1), 0, 50)
        await storage.save(meta_at(2), iter(parts_at(2)))
        storage.unpin(meta_at(1))
        assert storage.chunk(meta_at(1), 0, 50) == first
        storage.unpin(meta_at(1))
        await storage.save(meta_at(3), iter(parts_at(3)))
        assert disk.names("snapshot/") == [snapshot_name(3)]
        assert storage.chunk(meta_at(1), 0, 50) == b""
        assert storage.snapshot_size(meta_at(3)) == len(storage_bytes(storage, meta_at(3)))

    run(work())


def test_appending_goes_on_while_a_sync_is_under_way_and_over_the_end_of_a_segment() -> None:
    async def work() -> None:
        platter = blank()
        platter.sync_seconds = (1.0, 1.0)
        storage, _ = await Storage.open(SimDisk(platter), LIMIT)
        storage.append(HardState(1), entries(1, 1))
        syncing = asyncio.ensure_future(storage.sync())
        for index in range(2, 12):
            await asyncio.sleep(0.3)
            storage.append(None, entries(index, 1))
        await syncing
        left = deepcopy(platter)
        left.crash(lose_all=True)
        assert (await Storage.open(SimDisk(left), LIMIT))[1].entries[:1] == entries(1, 1)
        await storage.sync()
        platter.crash(lose_all=True)
        assert (await Storage.open(SimDisk(platter), LIMIT))[1].entries == entries(1, 11)
        assert len([name for name in platter.files if name.startswith("wal/")]) > 2

    run(work())


def test_the_vote_survives_the_segment_in_which_it_was_written() -> None:
    """Raft thesis 3.8: currentTerm and votedFor are persistent; a snapshot does not hold them."""

    async def work() -> None:
        disk = SimDisk(blank())
        storage, _ = await Storage.open(disk, 1)
        storage.append(HardState(4, "m2", 0), entries(1, 1, term=4))
        for index in range(2, 5):
            storage.append(None, entries(index, 1, term=4))
        await storage.sync()
        await storage.save(meta_at(3, 4), iter(parts_at(3)))
        assert wal.segment_name(1) not in disk.names("wal/")
        assert (await Storage.open(disk, 1))[1].hard == HardState(4, "m2", 3)

    run(work())


def test_a_segment_stays_until_its_successor_has_said_something_durable() -> None:
    """Else a crash right after a snapshot forgets the vote."""

    async def work() -> None:
        platter = blank()
        storage, _ = await Storage.open(SimDisk(platter), LIMIT)
        storage.append(HardState(4, "m2", 0, 7), entries(1, 3, term=4))
        await storage.sync()
        storage.append(None, entries(4, 3, term=4))
        assert storage._segments.count == 2
        await storage.save(meta_at(3, 4), iter(parts_at(3)))
        platter.crash(lose_all=True)
        assert (await Storage.open(SimDisk(platter), LIMIT))[1].hard == HardState(4, "m2", 3, 7)

    run(work())


class Counting(SimDisk):
    """Counts the syncs that reached the medium."""

    syncs = 0

    async def sync(self, name: str) -> None:
        before = self._failed.get(name)
        self.syncs += before is None
        await super().sync(name)


@pytest.mark.parametrize("way", ["full", "write-error", "sync-error", "tear"])
def test_after_a_failed_write_or_sync_nothing_is_synced_again(way: str) -> None:
    async def work() -> None:
        rules, platter = RuleSet(), blank(immediate=1.0)
        disk = Counting(platter, DiskRules(rules, "store-0", "m0", lambda: 0.0, Random(1)))
        storage, _ = await Storage.open(disk, LIMIT)
        storage.append(HardState(1), entries(1, 1))
        assert storage.try_sync()
        rules.install(DiskFault(src=("store-0",), way=way, id="f1"))
        storage.append(None, entries(2, 1))
        assert not storage.try_sync(), "who is ill is synced beside the loop"
        with pytest.raises(OSError, match="No space|Input/output"):
            await storage.sync()
        assert disk.syncs == 1
        rules.heal()
        for again in (lambda: storage.append(None, entries(3, 1)), storage.try_sync):
            with pytest.raises(OSError, match="an earlier sync failed"):
                again()
        with pytest.raises(OSError, match="an earlier sync failed"):
            await storage.sync()
        assert disk.syncs == 1
        platter.crash()
        recovered = (await Storage.open(SimDisk(platter), LIMIT))[1]
        assert recovered.entries[:1] == entries(1, 1)
        assert recovered.entries in (entries(1, 1), entries(1, 2))

    run(work())


def test_a_full_disk_fails_a_snapshot_and_leaves_the_log_as_it_was() -> None:
    async def work() -> None:
        rules, platter = RuleSet(), blank()
        disk = SimDisk(platter, DiskRules(rules, "store-0", "m0", lambda: 0.0, Random(1)))
        storage, _ = await Storage.open(disk, LIMIT)
        storage.append(HardState(1, "", 3), entries(1, 3))
        await storage.sync()
        rules.install(DiskFault(kinds=("saving/*",), way="full", id="f1"))
        with pytest.raises(OSError, match="No space"):
            await storage.save(meta_at(2), iter(parts_at(2)))
        platter.crash()
        recovered = (await Storage.open(SimDisk(platter), LIMIT))[1]
        assert (recovered.snapshot, recovered.entries) == (None, entries(1, 3))
        assert SimDisk(platter).names("saving/") == []

    run(work())
