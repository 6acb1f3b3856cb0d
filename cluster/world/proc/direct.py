"""Appends to a log past the page cache: one device write that is durable, where a write and a flush were two.

Must not decide when to write. Only for a file whose room is reserved (zeros up to there): whole blocks are written, so
the last one is padded with the zeros that stand there anyway, and the bytes before the new ones are written again as
they are, so that a write that is torn changes nothing that was durable.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

BLOCK = 4096
MOST = 64 * 1024
"""Bytes of one append that go this way: more is better off with the page cache."""
_FLAGS = getattr(os, "O_DIRECT", 0) | getattr(os, "O_DSYNC", 0)


class Direct:
    """A second door to one file. Made by `Direct.open`."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.room = 0
        """The file is reserved up to here."""
        self._buffer = mmap.mmap(-1, MOST + 2 * BLOCK)
        self._view = memoryview(self._buffer)
        self._end = -1
        """Where the last write ended; the bytes of its block stand at the buffer's beginning."""

    @classmethod
    def open(cls, path: Path) -> Direct | None:
        """None where the file system has no such thing."""
        if not hasattr(os, "O_DIRECT") or not hasattr(os, "O_DSYNC"):
            return None
        try:
            return cls(os.open(path, os.O_RDWR | os.O_CLOEXEC | _FLAGS))
        except OSError:
            return None

    def takes(self, offset: int, size: int) -> bool:
        return size <= MOST and offset + size + BLOCK <= self.room

    def write(self, offset: int, data: bytes, before: int) -> None:
        """Durable on return. `before`: an fd to read what stands before `offset` in its block, if that is not known.
        OSError EINVAL where blocks must be aligned otherwise: nothing was written then."""
        start = offset - offset % BLOCK
        head = offset - start
        view, size = self._view, len(data)
        if self._end != offset and head:
            view[:head] = os.pread(before, head, start)
        end = head + size
        padded = -(-end // BLOCK) * BLOCK
        view[head:end] = data
        view[end:padded] = bytes(padded - end)
        self._end = -1
        done = 0
        while done < padded:
            done += os.pwritev(self.fd, (view[done:padded],), start + done)
        full = end - end % BLOCK
        if full:
            self._buffer[: end - full] = self._buffer[full:end]
        self._end = offset + size

    def close(self) -> None:
        os.close(self.fd)
