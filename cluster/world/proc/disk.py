"""A host's disk in a folder of its own: appends buffered in this process, one write and one fdatasync per sync, or
one durable write where that is possible (direct.py).

Must not know what is written. A SIGKILL loses what was not synced, because it never left the process (only what is
beyond SPILL bytes per file did, to bound memory).

A reserved file holds zeros up to its reserved size, written and not only allocated: then fdatasync of an overwrite
touches no metadata at all, and nothing but zeros can stand in the tail.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from cluster.world.diskfaults import DiskRules, Harm
from cluster.world.proc.direct import Direct
from cluster.world.proc.folder import Folder
from cluster.world.proc.openfile import OpenFile, Write, pread, pwrite

BRIEF = 0.005
"""Seconds: as long as recent syncs took less (a moving average), the next is done within the caller's turn."""
STALL = 10
"""A sync that took so many times that is taken for the first of several: for `WARY` seconds none holds up a turn."""
WARY = 1.0
BULK = 256 * 1024
"""Bytes from which a sync goes to a thread in any case."""
SPILL = 1 << 20
"""Unsynced bytes of one file that are kept in this process; more is handed to the kernel."""
STEP = 1 << 20
"""Bytes of zeros per write and sync while reserving, so that the log's own syncs get between."""

_fdatasync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
_HEALTHY = Harm()


class Latency:
    """How long syncs take here lately."""

    def __init__(self) -> None:
        self.average = 0.0
        self._wary = 0.0

    def took(self, seconds: float) -> None:
        self.average += (seconds - self.average) * 0.2
        if seconds > STALL * BRIEF:
            self._wary = time.perf_counter() + WARY

    def is_brief(self) -> bool:
        return self.average < BRIEF and time.perf_counter() >= self._wary


class ProcDisk:
    """`cluster.world.host.Disk`. After an OSError of a write or sync the file is failed: each later operation on it
    raises too, without touching it. `in_thread`: every sync on a thread. `rules`: the disk faults in force."""

    def __init__(self, folder: Path, *, in_thread: bool = False, rules: DiskRules | None = None) -> None:
        self._folder = Folder(folder)
        self._in_thread = in_thread
        self._rules = rules
        self._dice = rules.dice if rules is not None else Random(0)
        self._files: dict[str, OpenFile] = {}
        self._latency = Latency()
        self._log: ThreadPoolExecutor | None = None
        self._bulk: ThreadPoolExecutor | None = None
        """One thread each, so that work on a file keeps its order: reserved files (logs) and all others."""

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, name: str) -> bytes:
        file = self._files.get(name)
        if file is None:
            return self._folder.path_of(name).read_bytes()
        file.check()
        start, rest = file.unwritten()
        return pread(file.fd, 0, start) + rest

    def read_at(self, name: str, offset: int, size: int) -> bytes:
        file = self._files.get(name)
        if file is None:
            fd = os.open(self._folder.path_of(name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                return pread(fd, offset, size)
            finally:
                os.close(fd)
        file.check()
        start, rest = file.unwritten()
        data = pread(file.fd, offset, min(size, start - offset)) if offset < start else b""
        if len(data) < size and rest:
            skip = max(0, offset - start)
            data += rest[skip : skip + size - len(data)]
        return data

    def size(self, name: str) -> int:
        file = self._files.get(name)
        return self._folder.path_of(name).stat().st_size if file is None else file.end + file.waiting

    def names(self, prefix: str = "") -> list[str]:
        return self._folder.names(prefix)

    # ── appending and syncing ────────────────────────────────────────────────────────────────────────────────

    def append(self, name: str, data: bytes) -> None:
        file = self._files.get(name) or self._open(name, create=True)
        if file.failed is not None:
            file.check()
        file.pending.append(data)
        file.waiting += len(data)
        if file.waiting > SPILL and not file.busy() and not self._harmed():
            self._settle(file, file.take(), _HEALTHY, sync=False)
            file.check()

    def try_sync(self, name: str) -> bool:
        file = self._files.get(name) or self._open(name)
        if file.failed is not None:
            file.check()
        if file.busy():
            return False
        if not file.pending and not file.dirty:
            return True
        if not self._latency.is_brief() or self._in_thread or file.waiting > BULK or self._harmed():
            return False
        start = time.perf_counter()
        self._settle(file, file.take(), _HEALTHY)
        self._latency.took(time.perf_counter() - start)
        if file.failed is not None:
            raise file.failed
        return True

    async def sync(self, name: str) -> None:
        if self.try_sync(name):
            await asyncio.sleep(0)  # who writes in a loop must not starve the others
            return
        file = self._files[name]
        reserving = file.reserving
        if reserving is not None:
            await asyncio.shield(asyncio.wrap_future(reserving))
        file.check()
        harm = _HEALTHY if self._rules is None else self._rules.harm(name)
        if harm.lie:
            return  # what waits goes on waiting in this process, and a SIGKILL loses it
        write = file.take()
        file.writes.append(write)
        await self._threaded(file, self._settle_beside, file, write, harm)
        if file.failed is not None:
            raise file.failed

    def _settle_beside(self, file: OpenFile, write: Write, harm: Harm) -> None:
        start = time.perf_counter()
        if harm.seconds:
            time.sleep(harm.seconds)
        self._settle(file, write, harm)
        if len(write.data) <= BULK and not harm.seconds:
            self._latency.took(time.perf_counter() - start)
        write.done = True

    def _settle(self, file: OpenFile, write: Write, harm: Harm, *, sync: bool = True) -> None:
        """Write and sync. A failure is kept in the file: never a second fsync, which would say that all is well."""
        if file.failed is not None:
            return
        try:
            if harm is _HEALTHY:
                if sync and write.data and file.write_through(write):
                    return
                if write.data:
                    pwrite(file.fd, write.offset, write.data)
            else:
                pwrite(file.fd, write.offset, harm.written(write.data, self._dice))
                harm.check()
            if not sync:
                file.dirty = True
                return
            _fdatasync(file.fd)
            if file.fresh:
                self._folder.sync(file.path.parent)
                file.fresh = False
            file.dirty = False
        except OSError as error:
            file.fail(error)

    # ── reserving ────────────────────────────────────────────────────────────────────────────────────────────

    def reserve(self, name: str, size: int) -> None:
        file = self._files.get(name) or self._open(name, create=True)
        file.check()
        if not file.busy() and not self._harmed():
            file.reserved = True
            file.reserving = self._executor(bulk=True).submit(self._reserve, file, size)

    def _reserve(self, file: OpenFile, size: int) -> None:
        try:
            at = os.fstat(file.fd).st_size
            while at < size:
                at += pwrite(file.fd, at, bytes(min(STEP, size - at)))
                _fdatasync(file.fd)
            if file.fresh:
                self._folder.sync(file.path.parent)
                file.fresh = False
            file.direct = file.direct or Direct.open(file.path)
            if file.direct is not None:
                file.direct.room = at
        except OSError as error:
            if error.errno == errno.ENOSPC:  # it grows by appends then, as far as it can
                os.ftruncate(file.fd, file.end)
            else:
                file.fail(error)

    # ── whole files ──────────────────────────────────────────────────────────────────────────────────────────

    async def rename(self, old: str, new: str) -> None:
        file = self._files.get(old) or self._open(old)
        file.check()
        target = self._folder.path_of(new)

        def work() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(file.path, target)
            self._folder.sync(target.parent)
            if file.path.parent != target.parent:
                self._folder.sync(file.path.parent)

        await self._whole(file, work)
        self._forget(new)
        file.name, file.path = new, target
        self._files[new] = self._files.pop(old)

    async def replace(self, name: str, data: bytes) -> None:
        path = self._folder.path_of(name)
        harm = _HEALTHY if self._rules is None else self._rules.harm(name)
        data = bytes(data)

        def work() -> None:
            aside = self._folder.aside_of(name)
            for folder in (path.parent, aside.parent):
                folder.mkdir(parents=True, exist_ok=True)
            time.sleep(harm.seconds)
            with open(aside, "wb") as out:
                out.write(harm.written(data, self._dice))
                out.flush()
                harm.check()
                os.fsync(out.fileno())
            os.rename(aside, path)
            self._folder.sync(path.parent)

        self._forget(name)
        await self._do(work, beside=len(data) > BULK or bool(harm.seconds))

    async def truncate(self, name: str, size: int) -> None:
        file = self._files.get(name) or self._open(name)
        file.check()
        have = self.size(name)
        if have < size:
            raise OSError(f"{name} has {have} bytes, cannot be cut to {size}")

        await self._idle(file)
        write = file.take()

        def work() -> None:
            pwrite(file.fd, write.offset, write.data)
            os.ftruncate(file.fd, size)
            os.fsync(file.fd)

        await self._whole(file, work)
        file.end, file.reserved, file.dirty = size, False, False
        file.shut_direct()

    async def remove(self, name: str) -> None:
        file = self._files.pop(name, None)
        path = self._folder.path_of(name)

        def work() -> None:
            if file is not None:
                file.close()
            try:
                path.unlink()
            except FileNotFoundError:
                return
            self._folder.sync(path.parent)

        if file is not None:
            await self._idle(file)
        await self._do(work)

    def close(self) -> None:
        for executor in (self._log, self._bulk):
            if executor is not None:
                executor.shutdown()
        for file in self._files.values():
            file.close()
        self._files.clear()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────

    def _harmed(self) -> bool:
        return self._rules is not None and self._rules.any()

    def _executor(self, *, bulk: bool) -> ThreadPoolExecutor:
        if bulk:
            self._bulk = self._bulk or ThreadPoolExecutor(1)
            return self._bulk
        self._log = self._log or ThreadPoolExecutor(1)
        return self._log

    async def _threaded(self, file: OpenFile, work: Callable[..., None], *args: object) -> None:
        """Shielded: work that has begun is done, even if nobody waits for it any more."""
        future = self._executor(bulk=not file.reserved).submit(work, *args)
        await asyncio.shield(asyncio.wrap_future(future))

    async def _idle(self, file: OpenFile) -> None:
        """Wait until no thread is at the file."""
        while file.busy():
            reserving = file.reserving
            if reserving is not None:
                await asyncio.shield(asyncio.wrap_future(reserving))
            else:
                await self._threaded(file, _nothing)

    async def _whole(self, file: OpenFile, work: Callable[[], None]) -> None:
        """Work on a file as a whole; a failure fails it."""
        await self._idle(file)
        file.check()
        try:
            await self._do(work)
        except OSError as error:
            file.fail(error)
            raise

    async def _do(self, work: Callable[[], None], *, beside: bool = False) -> None:
        if beside or self._in_thread or not self._latency.is_brief():
            await asyncio.shield(asyncio.wrap_future(self._executor(bulk=True).submit(work)))
        else:
            work()
            await asyncio.sleep(0)  # as in sync

    def _open(self, name: str, *, create: bool = False) -> OpenFile:
        """FileNotFoundError when there is none and none is to be created."""
        path = self._folder.path_of(name)
        fresh = not path.exists()
        if fresh:
            if not create:
                raise FileNotFoundError(name)
            path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        file = self._files[name] = OpenFile(name, path, fd, fresh=fresh)
        return file

    def _forget(self, name: str) -> None:
        """What was open under this name is another file now, or none; a thread that is at it ends first."""
        file = self._files.pop(name, None)
        if file is not None:
            if file.busy():
                self._executor(bulk=not file.reserved).submit(file.close)
            else:
                file.close()


def _nothing() -> None:
    """Work for a thread that is only waited for."""
