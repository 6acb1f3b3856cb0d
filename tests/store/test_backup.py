"""Backups: all of it or a refusal; a restored cluster is a new one whose revisions never go back."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest

from cluster.errors import StatusError
from cluster.world.sim import SimWorld
from cluster.world.sim.disk import SimDisk
from store.backup import BackupError, BackupFile, BackupHead, read_parts, restore, verify, write_backup
from store.machine import Machine
from store.mvcc.values import Range
from store.raft.messages import Configuration, HardState, SnapshotMeta
from store.storage import Storage
from tests.store.crashingdisk import Crash, CrashingDisk, aftermaths, blank

HEAD = BackupHead("demo", 42, 3, 11, 1767225600.5)


def run(work: Coroutine[Any, Any, None]) -> None:
    with SimWorld(0) as world:
        world.run(work)


def full_machine() -> Machine:
    """Ten keys with some history."""
    machine = Machine()
    for number in range(25):
        machine.space.put(b"key %d" % (number % 10), b"value %d" % number)
    return machine


def backup(machine: Machine) -> bytes:
    return b"".join(write_backup(HEAD, machine.dump()))


def file_of(data: bytes) -> BackupFile:
    return BackupFile("demo.backup", len(data), lambda offset, size: data[offset : offset + size])


def test_a_backup_is_read_as_it_was_written() -> None:
    parts = [b"one", b"", b"two" * 1000]
    file = file_of(b"".join(write_backup(HEAD, parts)))
    assert verify(file) == HEAD
    assert list(read_parts(file)) == parts


def test_a_flipped_bit_or_a_missing_end_is_refused_with_the_offset_and_the_remedy() -> None:
    data = b"".join(write_backup(HEAD, [b"one", b"two" * 30]))
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(BackupError, match=r"demo.backup: .* at byte \d+; (take another|name a file)"):
            verify(file_of(bytes(damaged)))
        with pytest.raises(BackupError, match=r"at byte \d+"):
            verify(file_of(data[:at]))
    with pytest.raises(BackupError):
        verify(file_of(data + b"x"))


def test_a_restored_cluster_has_the_keys_above_all_old_revisions() -> None:
    async def work() -> None:
        old = full_machine()
        disks = {name: SimDisk(blank()) for name in ("store-0", "store-1", "store-2")}
        head = await restore(file_of(backup(old)), disks, bump=1000)
        assert head == BackupHead("demo", 1, 1, old.space.revision + 1000, HEAD.created)
        for disk in disks.values():
            storage, recovered = await Storage.open(disk, 1 << 20)
            meta = SnapshotMeta(1, 1, Configuration(("store-0", "store-1", "store-2")))
            assert (recovered.hard, recovered.snapshot, recovered.entries) == (HardState(1, "", 1), meta, [])
            machine = Machine()
            machine.load(storage.parts(meta))
            space = machine.space
            assert space.revision == old.space.revision + 1000
            everything = Range(b"\0", b"\0")
            assert [kv[:2] for kv in space.range(everything, 0).kvs] == [
                kv[:2] for kv in old.space.range(everything, 0).kvs
            ]
            with pytest.raises(StatusError, match="compacted"):
                space.range(everything, old.space.revision)

    run(work())


def test_what_is_damaged_or_not_empty_is_refused_before_anything_is_written() -> None:
    async def work() -> None:
        data = backup(full_machine())
        used = SimDisk(blank())
        used.append("wal/1", b"x")
        fresh = CrashingDisk(blank())
        with pytest.raises(BackupError, match=r"store-1: there is data already \(wal/1\); restore to an empty place"):
            await restore(file_of(data), {"store-0": fresh, "store-1": used})
        with pytest.raises(BackupError, match="damaged"):
            await restore(file_of(data[:-1] + b"!"), {"store-0": fresh})
        with pytest.raises(BackupError, match="bumped"):
            await restore(file_of(data), {"store-0": fresh}, bump=0)
        foreign = b"".join(write_backup(HEAD, [b"\xc1"]))
        with pytest.raises(BackupError, match="not a state of this version"):
            await restore(file_of(foreign), {"store-0": fresh})
        assert fresh.log == []

    run(work())


def test_a_crash_at_every_step_of_a_restore_leaves_all_or_nothing() -> None:
    async def work() -> None:
        file = file_of(backup(full_machine()))
        whole = CrashingDisk(blank())
        await restore(file, {"store-0": whole})
        found = set()
        for step in range(whole.steps):
            platter = blank()
            with pytest.raises(Crash):
                await restore(file, {"store-0": CrashingDisk(platter, step)})
            for left in aftermaths(platter, 4):
                storage, recovered = await Storage.open(SimDisk(left), 1 << 20)
                found.add(recovered.snapshot is not None)
                if recovered.snapshot is None:
                    assert (recovered.hard, recovered.entries) == (HardState(), [])
                    continue
                assert recovered.hard == HardState(1, "", 1)
                machine = Machine()
                machine.load(storage.parts(recovered.snapshot))
                assert len(machine.space.range(Range(b"\0", b"\0"), 0).kvs) == 10
        assert found == {True, False}

    run(work())
