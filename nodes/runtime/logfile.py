"""Reading a container's log file, and following it. Must not know containers. Real by nature: files, and a look now and
then, because files do not call back (only while somebody reads along).

Beside the log is what the containers' parent noted of its growth (`logtimes.py`): lines have no times of their own.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from io import BufferedReader
from pathlib import Path

from nodes.kubelet.runtime import LogQuery, RuntimeFailure
from nodes.runtime.logtimes import LogTimes, stamped

LOOK = 0.1
"""Seconds between looks while following."""
BLOCK = 64 * 1024
TIMES = ".times"
"""What the file of notes is called, after the log."""


async def read_log(path: Path, query: LogQuery, live: Callable[[], bool], look: float = LOOK) -> AsyncIterator[bytes]:
    """Chunks, oldest first; with `follow` until `live()` is false and everything is told. `look`: seconds between two
    looks."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise RuntimeFailure("NotFound", "there is no log of this container") from None
    reader = _Reader(file, path, query)
    with file, closing(reader):
        while True:
            ending = not query.follow or not live()
            while chunk := reader.read(last=ending):
                yield chunk
            if ending:
                return
            await asyncio.sleep(look)


class _Reader:
    """One reading, from where the query begins."""

    def __init__(self, file: BufferedReader, path: Path, query: LogQuery) -> None:
        self._file = file
        self._notes = _Notes(path.with_name(path.name + TIMES))
        self._stamps = query.timestamps
        self._part = b""
        """The beginning of a line whose end, or time, is not there yet."""
        size = os.fstat(file.fileno()).st_size
        start = max(size - query.limit, 0)
        if query.tail is not None:
            start = max(start, tail_start(path, query.tail))
        if query.since is not None:
            self._notes.look()
            older = self._notes.times.since(int(query.since * 1e9))
            start = max(start, line_start(path, older) if older < size else size)
        file.seek(start)

    def close(self) -> None:
        self._notes.close()

    def read(self, *, last: bool) -> bytes:
        """The next chunk; b"" when there is none for now. `last`: nothing more will be written."""
        while chunk := self._file.read(BLOCK):
            if told := self._told(chunk) if self._stamps else chunk:
                return told
        return self._told(b"", everything=True) if last and self._part else b""

    def _told(self, chunk: bytes, *, everything: bool = False) -> bytes:
        """The lines of `chunk`, with their times; those that have none yet, or no end, wait for more."""
        begin = self._file.tell() - len(chunk) - len(self._part)
        self._notes.look()
        *ended, rest = (self._part + chunk).split(b"\n")
        lines = [line + b"\n" for line in ended] + ([rest] if rest else [])
        told = []
        while lines:
            end = begin + len(lines[0])
            whole = lines[0].endswith(b"\n") and (end <= self._notes.times.known or not self._notes.kept)
            if not whole and not everything:
                break
            told.append(stamped(lines.pop(0), self._notes.times.of(end, time.time_ns())))
            begin = end
        self._part = b"".join(lines)
        return b"".join(told)


class _Notes:
    def __init__(self, path: Path) -> None:
        self.times = LogTimes()
        try:
            self._file: BufferedReader | None = path.open("rb")
        except FileNotFoundError:
            self._file = None

    @property
    def kept(self) -> bool:
        """Does anybody take notes of this log?"""
        return self._file is not None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def look(self) -> None:
        if self._file is not None:
            self.times.feed(self._file.read())


def tail_start(path: Path, lines: int) -> int:
    """Where the last `lines` lines begin; a last line without its end counts."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if lines <= 0 or size == 0:
            return size if lines <= 0 else 0
        end, wanted = size, lines
        file.seek(size - 1)
        if file.read(1) == b"\n":
            end -= 1
        while end > 0:
            begin = max(end - BLOCK, 0)
            file.seek(begin)
            block = file.read(end - begin)
            at = len(block)
            while (at := block.rfind(b"\n", 0, at)) >= 0:
                wanted -= 1
                if wanted == 0:
                    return begin + at + 1
            end = begin
    return 0


def line_start(path: Path, at: int) -> int:
    """Where the line begins that byte `at` is in."""
    with path.open("rb") as file:
        while at > 0:
            begin = max(at - BLOCK, 0)
            file.seek(begin)
            found = file.read(at - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            at = begin
    return 0
