"""The `open` of a package that knows only plain files, over a host's disk; what it writes is never synced for it.

Must not know what is in the files. Nobody waits for the disk here: as under a kernel, what was written is read back
at once, reaches the disk some seconds later (`write_back`), and is lost if the power fails before.

Emptying a file (mode "wb") begins a new generation of it, a file of its own on the disk; the older one is removed once
the new one is durable. A boot goes on with the newest one there is, which after a loss of power may be empty or torn.
"""

from __future__ import annotations

import asyncio
import io
from types import TracebackType

from cluster.world.host import Disk


class Files:
    """All files below `folder` (with its slash)."""

    def __init__(self, disk: Disk, folder: str) -> None:
        self._disk = disk
        self._generations: dict[str, int] = {}
        self._dirty: dict[str, None] = {}
        self._stale: dict[str, None] = {}
        for name in disk.names(folder):
            path, _, number = name.rpartition(".")
            before = self._generations.get(path)
            if before is not None:  # names are sorted, and numbers have eight digits
                self._stale[_name(path, before)] = None
            self._generations[path] = int(number)

    def open(self, path: str, mode: str = "rb") -> File:
        """As the builtin, for the modes rb, wb, ab and a. FileNotFoundError."""
        generation = self._generations.get(path)
        if mode == "rb":
            if generation is None:
                raise FileNotFoundError(path)
            return File(None, io.BytesIO(self._disk.read(_name(path, generation))))
        if mode not in ("wb", "ab", "a"):
            raise ValueError(f"mode {mode!r} is none that raftos uses")
        if generation is None or mode == "wb":
            if generation is not None:
                self._stale[_name(path, generation)] = None
                self._dirty.pop(_name(path, generation), None)
            generation = self._generations[path] = (generation or 0) + 1
            self._append(_name(path, generation), b"")
        name = _name(path, generation)
        return File(lambda data: self._append(name, data), io.BytesIO())

    def _append(self, name: str, data: bytes) -> None:
        self._disk.append(name, data)
        self._dirty[name] = None

    async def write_back(self, seconds: float) -> None:
        """For ever: what was written before goes to the disk every `seconds`. OSError as the disk pleases."""
        while True:
            await asyncio.sleep(seconds)
            await self.flush()

    async def flush(self) -> None:
        stale, self._stale = self._stale, {}
        dirty, self._dirty = self._dirty, {}
        for name in dirty:
            if name not in self._stale:
                await self._disk.sync(name)
        for name in stale:
            await self._disk.remove(name)


def _name(path: str, generation: int) -> str:
    return f"{path}.{generation:08d}"


class File:
    """The part of a file object that raftos uses."""

    def __init__(self, sink: object, source: io.BytesIO) -> None:
        self._sink = sink
        self._source = source

    def read(self) -> bytes:
        return self._source.read()

    def readlines(self) -> list[bytes]:
        return self._source.readlines()

    def write(self, data: bytes) -> int:
        if not callable(self._sink):
            raise io.UnsupportedOperation("not writable")
        self._sink(data)
        return len(data)

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> File:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
