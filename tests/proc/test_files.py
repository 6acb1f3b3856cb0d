"""The files of one process: journal with its cap and torn tail, a disk that fails, frames that are none."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire import WireError
from cluster.world.journal import read
from cluster.world.proc import disk as disk_module
from cluster.world.proc.control import MAX_CONTROL, FrameReader, frame
from cluster.world.proc.disk import ProcDisk
from cluster.world.proc.folder import ASIDE
from cluster.world.proc.journal import Journal


def test_a_journal_is_capped_and_keeps_one_older_file(tmp_path: Path) -> None:
    path = tmp_path / "p.1"
    journal = Journal(path, cap=2000)
    for n in range(300):
        journal.note((float(n), n, "p", 1), "event", {"n": n})
        journal.flush()
    journal.close()
    old, new = path.with_name("p.1.old"), path
    numbers = [record[1] for file in (old, new) for record in read(file.read_bytes())]
    assert numbers == list(range(numbers[0], 300))
    assert old.stat().st_size + new.stat().st_size < 2 * 2100
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.1", "p.1.old"]


def test_a_torn_journal_ends_at_the_last_whole_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "p.1")
    for n in range(3):
        journal.note((0.0, n, "p", 1), "event", {})
    journal.close()
    data = (tmp_path / "p.1").read_bytes()
    assert [len(list(read(data[:-cut]))) for cut in (1, len(data) // 3 + 1)] == [2, 1]


def test_levels_of_the_journal(tmp_path: Path) -> None:
    wanted = {level: Journal(tmp_path / level, level) for level in ("off", "events", "messages")}
    assert [(j.events, j.messages) for j in wanted.values()] == [(False, False), (True, False), (True, True)]
    wanted["off"].note((0.0, 1, "p", 1), "event", {})
    wanted["off"].close()
    assert not (tmp_path / "off").exists()


def test_a_file_whose_sync_failed_stays_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = ProcDisk(tmp_path / "p")

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def body() -> None:
        disk.append("wal", b"1")
        await disk.sync("wal")
        monkeypatch.setattr(disk_module, "_fdatasync", full)
        disk.append("wal", b"2")
        with pytest.raises(OSError, match="No space"):
            await disk.sync("wal")
        monkeypatch.undo()
        with pytest.raises(OSError, match="an earlier sync failed"):
            await disk.sync("wal")
        with pytest.raises(FileNotFoundError):
            await disk.sync("nothing")
        for again in (lambda: disk.append("wal", b"3"), lambda: disk.read("wal"), lambda: disk.try_sync("wal")):
            with pytest.raises(OSError, match="an earlier sync failed"):
                again()
        disk.append("other", b"1")
        with pytest.raises(OSError, match="cannot be cut"):
            await disk.truncate("other", 100)
        disk.close()

    asyncio.run(body())


@pytest.mark.parametrize("name", ["", "../x", "a/../../x", "/etc/passwd", "a//b", ".", "a\0b", ".aside/x"])
def test_names_that_would_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    disk = ProcDisk(tmp_path / "p")
    with pytest.raises(ValueError, match="not a file's name"):
        disk.append(name, b"")
    with pytest.raises(ValueError, match="not a file's name"):
        disk.read(name)


def test_what_was_half_replaced_is_swept_at_the_next_boot(tmp_path: Path) -> None:
    aside = tmp_path / "p" / ASIDE
    aside.mkdir(parents=True)
    (aside / "state").write_bytes(b"half")
    assert ProcDisk(tmp_path / "p").names() == []
    assert list(aside.iterdir()) == []


MAPS = st.lists(st.dictionaries(st.text(max_size=5), st.integers(0, 99) | st.text(max_size=9), max_size=4), max_size=6)


@given(messages=MAPS, cuts=st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_frames_come_out_whole_however_the_bytes_come_in(messages: list[dict[str, object]], cuts: list[int]) -> None:
    data = b"".join(frame(message) for message in messages)
    reader = FrameReader()
    got, at, i = [], 0, 0
    while at < len(data):
        size = cuts[i % len(cuts)]
        got += reader.feed(data[at : at + size])
        at, i = at + size, i + 1
    assert got == messages


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", (MAX_CONTROL + 1).to_bytes(4, "big"), b"\0\0\0\1\x90"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        FrameReader().feed(data)
