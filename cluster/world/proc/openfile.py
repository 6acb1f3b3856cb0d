"""One open file of a host's disk: what waits in this process, what a thread writes, and whether it has failed.

Must not sync or decide when to (disk.py does).
"""

from __future__ import annotations

import errno
import os
from concurrent.futures import Future
from pathlib import Path

from cluster.world.proc.direct import Direct


class Write:
    """Bytes on their way to the file on a thread; `done` is set there."""

    __slots__ = ("data", "done", "offset")

    def __init__(self, offset: int, data: bytes) -> None:
        self.offset = offset
        self.data = data
        self.done = False


class OpenFile:
    """One open file. Only the loop changes it, but for `failed` and `dirty`."""

    def __init__(self, name: str, path: Path, fd: int, *, fresh: bool) -> None:
        self.name = name
        self.path = path
        self.fd = fd
        self.fresh = fresh
        """Its name is not durable yet."""
        self.end = os.fstat(fd).st_size
        """Where the next byte goes that leaves this process."""
        self.dirty = True
        """Handed to the kernel, not known to be durable (an earlier boot's bytes are not)."""
        self.pending: list[bytes] = []
        self.waiting = 0
        self.writes: list[Write] = []
        self.reserving: Future[None] | None = None
        self.reserved = False
        self.failed: OSError | None = None
        self.direct: Direct | None = None
        """Only a reserved file has one, if the file system does."""

    def close(self) -> None:
        self.shut_direct()
        os.close(self.fd)

    def shut_direct(self) -> None:
        if self.direct is not None:
            self.direct.close()
            self.direct = None

    def write_through(self, write: Write) -> bool:
        """Write and sync in one, where that is possible. False: nothing was done."""
        direct = self.direct
        if direct is None or self.dirty or self.fresh or not direct.takes(write.offset, len(write.data)):
            return False
        try:
            direct.write(write.offset, write.data, self.fd)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self.shut_direct()
            return False
        return True

    def fail(self, error: OSError) -> None:
        """From now on it is failed; the error says which file it was."""
        error.filename = error.filename or self.name
        self.failed = error

    def check(self) -> None:
        if self.failed is not None:
            raise OSError(
                self.failed.errno, f"{self.name}: an earlier sync failed: {self.failed.strerror or self.failed}"
            )

    def busy(self) -> bool:
        """Is a thread at it?"""
        writes = self.writes
        while writes and writes[0].done:
            del writes[0]
        if self.reserving is not None and self.reserving.done():
            self.reserving = None
        return bool(writes) or self.reserving is not None

    def take(self) -> Write:
        """All that waits, to be written where it belongs."""
        pending = self.pending
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        write = Write(self.end, data)
        self.end += len(data)
        if pending:
            self.pending, self.waiting = [], 0
        return write

    def unwritten(self) -> tuple[int, bytes]:
        """(offset, bytes from there on that may not be in the file yet)."""
        self.busy()
        start = self.writes[0].offset if self.writes else self.end
        return start, b"".join([*(write.data for write in self.writes), *self.pending])


def pread(fd: int, offset: int, size: int) -> bytes:
    data = os.pread(fd, size, offset)
    while len(data) < size:
        more = os.pread(fd, size - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def pwrite(fd: int, offset: int, data: bytes) -> int:
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        done += os.pwrite(fd, memoryview(data)[done:], offset + done)
    return done
