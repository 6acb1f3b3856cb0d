"""A real disk: what is read back, what a sync costs in calls, who waits for whom, and what is done after a failure."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from cluster.world.diskfaults import DiskRules
from cluster.world.faults import DiskFault
from cluster.world.proc import disk as disk_module
from cluster.world.proc import openfile
from cluster.world.proc.disk import BULK, SPILL, ProcDisk
from cluster.world.ruleset import RuleSet

SLOW = 1e6
"""Seconds: no real sync makes this of a moving average within a test."""


@pytest.fixture(autouse=True)
def what_is_brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a busy machine changes no verdict."""
    monkeypatch.setattr(disk_module, "BRIEF", 1000.0)


class Syncs:
    """Stands in for fdatasync: counts, in which thread; fails or waits when told."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.error = 0
        self.gate = threading.Event()
        self.gate.set()
        self._real = os.fdatasync

    def __call__(self, fd: int) -> None:
        self.threads.append(threading.current_thread().name)
        assert self.gate.wait(10)
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        self._real(fd)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    made = Syncs()
    monkeypatch.setattr(disk_module, "_fdatasync", made)
    return made


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(offset, size) of each pwrite of the disk."""
    made: list[tuple[int, int]] = []
    real = openfile.pwrite

    def pwrite(fd: int, offset: int, data: bytes) -> int:
        made.append((offset, len(data)))
        return real(fd, offset, data)

    monkeypatch.setattr(disk_module, "pwrite", pwrite)
    return made


@pytest.fixture
def rules() -> RuleSet:
    return RuleSet()


@pytest.fixture
def disk(tmp_path: Path, rules: RuleSet) -> Iterator[ProcDisk]:
    made = ProcDisk(tmp_path / "p", rules=DiskRules(rules, "store-0", "m0", lambda: 0.0, Random(1)))
    yield made
    made.close()


def again(tmp_path: Path) -> ProcDisk:
    """The next boot."""
    return ProcDisk(tmp_path / "p")


def test_one_write_and_one_sync_however_many_appends(
    disk: ProcDisk, syncs: Syncs, writes: list[tuple[int, int]]
) -> None:
    for n in range(100):
        disk.append("wal", b"%03d" % n)
    assert writes == []
    assert disk.try_sync("wal")
    assert (writes, len(syncs.threads)) == ([(0, 300)], 1)
    assert disk.try_sync("wal")
    assert len(syncs.threads) == 1, "nothing was appended since"
    disk.append("wal", b"x")
    assert disk.try_sync("wal")
    assert writes[1:] == [(300, 1)]


def test_a_file_of_an_earlier_boot_is_synced_before_it_is_believed(disk: ProcDisk, syncs: Syncs) -> None:
    """Its process may have died between the write and the sync."""
    disk._folder.path_of("wal").parent.mkdir()
    disk._folder.path_of("wal").write_bytes(b"old")
    assert disk.try_sync("wal")
    assert len(syncs.threads) == 1


def test_what_waits_and_what_is_under_way_is_read_too(disk: ProcDisk, syncs: Syncs, tmp_path: Path) -> None:
    async def body() -> None:
        disk.append("f", b"one")
        assert (disk.read("f"), disk.size("f")) == (b"one", 3)
        await disk.sync("f")
        disk._latency.average = SLOW
        syncs.gate.clear()
        disk.append("f", b"two")
        syncing = asyncio.ensure_future(disk.sync("f"))
        await asyncio.sleep(0)
        disk.append("f", b"three")
        assert not disk.try_sync("f")
        assert (disk.read("f"), disk.size("f")) == (b"onetwothree", 11)
        parts = [disk.read_at("f", at, 4) for at in range(0, 12, 4)]
        assert parts == [b"onet", b"woth", b"ree"]
        assert disk.read_at("f", 100, 4) == b""
        assert disk.names() == ["f"]
        syncs.gate.set()
        await syncing
        assert again(tmp_path).read("f").startswith(b"onetwo")
        await disk.sync("f")
        assert again(tmp_path).read("f") == b"onetwothree"
        assert again(tmp_path).read_at("f", 3, 3) == b"two"
        assert again(tmp_path).size("f") == 11

    asyncio.run(body())


def test_a_slow_disk_is_synced_beside_the_loop_and_a_brief_one_within_the_turn(disk: ProcDisk, syncs: Syncs) -> None:
    async def body() -> None:
        main = threading.current_thread().name
        disk.append("f", b"1")
        assert disk.try_sync("f")
        disk._latency.average = SLOW
        turns = 0
        while disk._latency.average >= disk_module.BRIEF:
            disk.append("f", b"1")
            assert not disk.try_sync("f")
            await disk.sync("f")
            turns += 1
        assert turns > 10
        assert syncs.threads.count(main) == 1
        disk.append("f", b"1")
        assert disk.try_sync("f")
        assert syncs.threads.count(main) == 2
        disk.append("f", bytes(BULK + 1))
        assert not disk.try_sync("f"), "so much is never brief"
        await disk.sync("f")
        assert syncs.threads[-1] != main

    asyncio.run(body())


def test_a_sync_that_nobody_waits_for_any_more_is_still_done(disk: ProcDisk, syncs: Syncs, tmp_path: Path) -> None:
    async def body() -> None:
        disk.append("f", b"first")
        await disk.sync("f")
        disk._latency.average = SLOW
        syncs.gate.clear()
        disk.append("f", b"+second")
        syncing = asyncio.ensure_future(disk.sync("f"))
        await asyncio.sleep(0)
        syncing.cancel()
        await asyncio.gather(syncing, return_exceptions=True)
        disk.append("f", b"+third")
        syncs.gate.set()
        await disk.sync("f")
        assert again(tmp_path).read("f") == b"first+second+third"

    asyncio.run(body())


def test_reserved_room_is_zeros_on_the_medium_and_not_there_for_who_reserved(disk: ProcDisk, tmp_path: Path) -> None:
    async def body() -> None:
        disk.append("wal/1", b"head")
        disk.reserve("wal/1", 3 << 20)
        assert disk.size("wal/1") == 4
        await disk.sync("wal/1")
        disk.append("wal/1", b"body")
        await disk.sync("wal/1")
        assert disk.read("wal/1") == b"headbody"
        path = tmp_path / "p" / "wal" / "1"
        assert path.stat().st_size == 3 << 20
        assert path.stat().st_blocks * 512 >= 3 << 20, "written, not only promised"
        later = again(tmp_path)
        data = later.read("wal/1")
        assert (data.rstrip(b"\0"), len(data)) == (b"headbody", 3 << 20)
        await later.truncate("wal/1", 8)
        later.append("wal/1", b"!")
        await later.sync("wal/1")
        assert path.read_bytes() == b"headbody!"
        later.close()

    asyncio.run(body())


def test_no_room_to_reserve_is_no_failure_as_long_as_appends_find_some(disk: ProcDisk, syncs: Syncs) -> None:
    async def body() -> None:
        syncs.error = errno.ENOSPC
        disk.append("wal", b"x")
        disk.reserve("wal", 1 << 20)
        await disk._idle(disk._files["wal"])
        syncs.error = 0
        await disk.sync("wal")
        assert disk._folder.path_of("wal").read_bytes() == b"x"

    asyncio.run(body())


def test_much_that_is_not_synced_leaves_the_process(disk: ProcDisk, writes: list[tuple[int, int]]) -> None:
    for _ in range(5):
        disk.append("big", bytes(SPILL // 2))
    assert writes == [(0, SPILL // 2 * 3)]
    assert disk.size("big") == SPILL // 2 * 5
    assert len(disk.read("big")) == SPILL // 2 * 5


def test_a_renamed_file_goes_on_under_its_new_name(disk: ProcDisk, tmp_path: Path) -> None:
    async def body() -> None:
        disk.append("saving/1", b"new")
        await disk.sync("saving/1")
        await disk.replace("snapshot/1", b"old")
        await disk.rename("saving/1", "snapshot/1")
        disk.append("snapshot/1", b"er")
        await disk.sync("snapshot/1")
        assert again(tmp_path).names() == ["snapshot/1"]
        assert again(tmp_path).read("snapshot/1") == b"newer"
        with pytest.raises(FileNotFoundError):
            await disk.rename("saving/1", "snapshot/2")

    asyncio.run(body())


@pytest.mark.parametrize("beside", [False, True])
def test_after_a_failed_sync_there_is_no_second_one(disk: ProcDisk, syncs: Syncs, beside: bool) -> None:
    async def body() -> None:
        disk.append("wal", b"1")
        await disk.sync("wal")
        disk._latency.average = SLOW if beside else 0.0
        syncs.error = errno.EIO
        disk.append("wal", b"2")
        first = asyncio.ensure_future(disk.sync("wal"))
        second = asyncio.ensure_future(disk.sync("wal"))
        ends = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(end) for end in ends] == [OSError, OSError]
        assert len(syncs.threads) == 2
        syncs.error = 0
        for use in (
            lambda: disk.append("wal", b"3"),
            lambda: disk.read("wal"),
            lambda: disk.read_at("wal", 0, 1),
            lambda: disk.try_sync("wal"),
            lambda: disk.reserve("wal", 100),
        ):
            with pytest.raises(OSError, match="an earlier sync failed"):
                use()
        for wait in (disk.sync("wal"), disk.truncate("wal", 0), disk.rename("wal", "x")):
            with pytest.raises(OSError, match="an earlier sync failed"):
                await wait
        assert len(syncs.threads) == 2
        disk.append("other", b"1")
        await disk.sync("other")

    asyncio.run(body())


@pytest.mark.parametrize(
    ("way", "error", "left"),
    [
        ("full", "No space", (b"ab",)),
        ("write-error", "Input/output", (b"ab",)),
        ("sync-error", "Input/output", (b"abcdef",)),
        ("tear", "Input/output", (b"ab", b"abc", b"abcd", b"abcde")),
    ],
)
def test_disk_faults_that_fail(
    disk: ProcDisk, rules: RuleSet, tmp_path: Path, way: str, error: str, left: tuple[bytes, ...]
) -> None:
    async def body() -> None:
        disk.append("wal", b"ab")
        assert disk.try_sync("wal")
        rules.install(DiskFault(src=("m0",), kinds=("wal*",), way=way, id="f1"))
        disk.append("wal", b"cdef")
        assert not disk.try_sync("wal")
        with pytest.raises(OSError, match=error):
            await disk.sync("wal")
        rules.heal()
        with pytest.raises(OSError, match="an earlier sync failed"):
            await disk.sync("wal")
        assert again(tmp_path).read("wal") in left
        assert rules.evidence["f1"] == [1, 0]

    asyncio.run(body())


def test_a_lying_disk_loses_at_a_crash_what_it_acknowledged(disk: ProcDisk, rules: RuleSet, tmp_path: Path) -> None:
    async def body() -> None:
        disk.append("wal", b"truth")
        await disk.sync("wal")
        rules.install(DiskFault(way="lie", id="f1"))
        disk.append("wal", b" and lies")
        await disk.sync("wal")
        assert disk.read("wal") == b"truth and lies"
        assert again(tmp_path).read("wal") == b"truth"
        rules.heal()
        disk.append("wal", b"!")
        await disk.sync("wal")
        assert again(tmp_path).read("wal") == b"truth and lies!"

    asyncio.run(body())


def test_a_flip_and_a_slow_disk(disk: ProcDisk, rules: RuleSet, tmp_path: Path) -> None:
    async def body() -> None:
        rules.install(DiskFault(way="flip", id="f1"))
        disk.append("a", bytes(100))
        await disk.sync("a")
        assert sum(byte.bit_count() for byte in again(tmp_path).read("a")) == 1
        rules.heal()
        rules.install(DiskFault(way="slow", seconds=0.05, id="f2"))
        disk.append("a", b"x")
        loop = asyncio.get_running_loop()
        start = loop.time()
        assert not disk.try_sync("a")
        assert loop.time() - start < 0.05
        await disk.sync("a")
        assert loop.time() - start >= 0.05
        await disk.replace("b", b"x")
        assert loop.time() - start >= 0.1

    asyncio.run(body())
