"""A host's disk in a folder of its own: appends buffered in this process, fdatasync, atomic replace.

Must not know what is written. A SIGKILL loses what was not synced, because it never left the process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ASIDE = ".aside"
"""Folder of half-written replacements; emptied at boot."""

_fdatasync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class ProcDisk:
    """`cluster.world.host.Disk`. After an OSError of a sync the file is failed: each later sync of it raises too.

    `in_thread`: sync on a thread of its own instead of in the loop (a sync blocks 0.2 ms on the machines we know,
    and handing it to a thread and back costs about as much; see docs/benchmarks.md)."""

    def __init__(self, folder: Path, *, in_thread: bool = False) -> None:
        self._folder = folder
        self._pending: dict[str, list[bytes]] = {}
        self._fds: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._durable: set[Path] = set()
        """Folders whose own entry is durable already."""
        self._executor = ThreadPoolExecutor(1) if in_thread else None
        aside = folder / ASIDE
        if aside.is_dir():
            for path in aside.iterdir():
                path.unlink()

    def read(self, name: str) -> bytes:
        pending = b"".join(self._pending.get(name, ()))
        try:
            return self._path(name).read_bytes() + pending
        except FileNotFoundError:
            if name in self._pending:
                return pending
            raise

    def names(self, prefix: str = "") -> list[str]:
        found = set(self._pending)
        for folder, folders, files in os.walk(self._folder):
            if ASIDE in folders:
                folders.remove(ASIDE)
            base = Path(folder).relative_to(self._folder)
            found.update(str(base / file) for file in files)
        return sorted(name for name in found if name.startswith(prefix))

    def append(self, name: str, data: bytes) -> None:
        pending = self._pending.get(name)
        if pending is None:
            self._path(name)
            pending = self._pending[name] = []
        pending.append(bytes(data))

    async def sync(self, name: str) -> None:
        await self._do(self._sync, name)

    async def replace(self, name: str, data: bytes) -> None:
        self._pending.pop(name, None)
        await self._do(self._replace, name, bytes(data))

    async def truncate(self, name: str, size: int) -> None:
        await self._do(self._truncate, name, size)

    async def remove(self, name: str) -> None:
        self._pending.pop(name, None)
        await self._do(self._remove, name)

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()
        if self._executor is not None:
            self._executor.shutdown()

    # ── blocking work ────────────────────────────────────────────────────────────────────────────────────────

    async def _do(self, work: Callable[..., None], *args: Any) -> None:
        if self._executor is None:
            work(*args)
            await asyncio.sleep(0)  # who writes in a loop must not starve the others
        else:
            await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)

    def _sync(self, name: str) -> None:
        if name in self._failed:
            raise OSError(f"{name}: an earlier sync failed: {self._failed[name]}")
        try:
            fd, fresh = self._open(name)
            self._write_pending(name, fd)
            _fdatasync(fd)
            if fresh:
                self._sync_folders(self._path(name).parent)
        except FileNotFoundError:
            raise
        except OSError as error:
            self._failed[name] = str(error)
            raise

    def _write_pending(self, name: str, fd: int) -> None:
        pending = self._pending.pop(name, None)
        if pending:
            data = memoryview(pending[0] if len(pending) == 1 else b"".join(pending))
            while data:
                data = data[os.write(fd, data) :]

    def _open(self, name: str) -> tuple[int, bool]:
        """An fd for appending and whether the file is new. FileNotFoundError when it neither exists nor has bytes
        that wait."""
        fd = self._fds.get(name)
        if fd is not None:
            return fd, False
        path = self._path(name)
        fresh = not path.exists()
        if fresh:
            if name not in self._pending:
                raise FileNotFoundError(name)
            path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._fds[name] = fd
        return fd, fresh

    def _replace(self, name: str, data: bytes) -> None:
        self._forget(name)
        path = self._path(name)
        aside = self._folder / ASIDE / name.replace("/", "%")
        for folder in (path.parent, aside.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(aside, path)
        self._sync_folders(path.parent)

    def _truncate(self, name: str, size: int) -> None:
        fd, fresh = self._open(name)
        self._write_pending(name, fd)
        have = os.fstat(fd).st_size
        if have < size:
            raise OSError(f"{name} has {have} bytes, cannot be cut to {size}")
        os.ftruncate(fd, size)
        os.fsync(fd)
        if fresh:
            self._sync_folders(self._path(name).parent)

    def _remove(self, name: str) -> None:
        self._forget(name)
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return
        self._sync_folders(path.parent)

    def _forget(self, name: str) -> None:
        fd = self._fds.pop(name, None)
        if fd is not None:
            os.close(fd)
        self._failed.pop(name, None)

    def _sync_folders(self, folder: Path) -> None:
        """Make the names in `folder` durable, and those of new folders above it, the host's own included."""
        top = self._folder.parent
        first = True
        while first or folder not in self._durable:
            first = False
            fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            self._durable.add(folder)
            if folder == top:
                return
            folder = folder.parent

    def _path(self, name: str) -> Path:
        """ValueError for a name that would leave the folder."""
        parts = name.split("/")
        if not name or "\0" in name or any(part in ("", ".", "..", ASIDE) for part in parts):
            raise ValueError(f"{name!r} is not a file's name")
        return self._folder.joinpath(*parts)
