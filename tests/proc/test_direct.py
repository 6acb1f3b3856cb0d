"""A log's appends past the page cache: the same bytes, durable in one write; and where that is impossible."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from random import Random

import pytest

from cluster.world.proc import disk as disk_module
from cluster.world.proc.direct import BLOCK, MOST, Direct
from cluster.world.proc.disk import ProcDisk

ROOM = 1 << 20


@pytest.fixture(autouse=True)
def what_is_brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "BRIEF", 1000.0)


async def reserved(disk: ProcDisk) -> Direct:
    disk.append("log", b"head")
    disk.reserve("log", ROOM)
    await disk.sync("log")
    direct = disk._files["log"].direct
    if direct is None:
        pytest.skip("this file system knows no O_DIRECT")
    return direct


def appended(disk: ProcDisk, rng: Random, count: int) -> bytes:
    """What was appended and synced, in pieces of all sizes."""
    whole = b"head"
    for _ in range(count):
        data = rng.randbytes(rng.choice((1, 7, 300, BLOCK - 1, BLOCK, BLOCK + 1, 9000)))
        disk.append("log", data)
        assert disk.try_sync("log")
        whole += data
    return whole


def test_the_same_bytes_as_through_the_page_cache(tmp_path: Path, seed: int) -> None:
    async def body() -> None:
        disk = ProcDisk(tmp_path / "p")
        await reserved(disk)
        whole = appended(disk, Random(seed), 60)
        assert disk.read("log") == whole
        path = tmp_path / "p" / "log"
        assert path.read_bytes() == whole + bytes(ROOM - len(whole)), "behind it stand the zeros that were reserved"
        disk.close()

    asyncio.run(body())


def test_no_sync_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        disk = ProcDisk(tmp_path / "p")
        await reserved(disk)
        calls: list[int] = []
        monkeypatch.setattr(disk_module, "_fdatasync", calls.append)
        appended(disk, Random(1), 20)
        assert calls == []
        disk.append("log", bytes(MOST + 1))
        assert disk.try_sync("log")
        assert len(calls) == 1, "too much for one direct write"
        whole = disk.read("log")
        disk.append("log", b"after it, in a block that the page cache has written")
        assert disk.try_sync("log")
        assert len(calls) == 1
        assert (tmp_path / "p" / "log").read_bytes()[: len(whole) + 5] == whole + b"after"
        disk.close()

    asyncio.run(body())


def test_beyond_the_room_it_goes_the_other_way(tmp_path: Path) -> None:
    async def body() -> None:
        disk = ProcDisk(tmp_path / "p")
        direct = await reserved(disk)
        direct.room = 3 * BLOCK
        whole = b"head"
        for _ in range(8):
            disk.append("log", bytes(BLOCK // 2))
            assert disk.try_sync("log")
            whole += bytes(BLOCK // 2)
        assert disk.read("log") == whole
        disk.close()

    asyncio.run(body())


def test_a_refusal_of_the_alignment_is_no_failure_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        disk = ProcDisk(tmp_path / "p")
        direct = await reserved(disk)

        def refuse(*_: object) -> int:
            raise OSError(errno.EINVAL, "alignment")

        monkeypatch.setattr(os, "pwritev", refuse)
        disk.append("log", b"body")
        assert disk.try_sync("log")
        assert disk.read("log") == b"headbody"
        assert disk._files["log"].direct is not direct
        disk.close()

    asyncio.run(body())


def test_an_error_fails_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        disk = ProcDisk(tmp_path / "p")
        await reserved(disk)

        def fail(*_: object) -> int:
            raise OSError(errno.EIO, "broken")

        monkeypatch.setattr(os, "pwritev", fail)
        disk.append("log", b"body")
        with pytest.raises(OSError, match="broken"):
            disk.try_sync("log")
        with pytest.raises(OSError, match="earlier"):
            disk.append("log", b"more")

    asyncio.run(body())
