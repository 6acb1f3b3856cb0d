"""The snapshot files of one member: its own that it saves, one that it is being sent, and those that it sends.

Shell of snapshot.py. Must not know the log, or what the parts mean. A file is written aside, synced, and renamed to
snapshot/INDEX only when it is whole; every byte is checked when it is read: at start, when it is loaded, when a chunk
of it is sent.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator

from cluster.world.host import Disk
from store.raft.messages import SnapshotMeta
from store.records import MALFORMED, meta_bytes, meta_of
from store.snapshot import Reader, SnapshotError, Writer, snapshot_name

SAVING = "saving/"
PARTIAL = "partial/"
SYNC_EVERY = 4 << 20
"""Bytes of a growing file between two syncs, so that the last one has little to do."""


def reader_of(disk: Disk, name: str) -> Reader:
    return Reader(name, lambda offset, size: disk.read_at(name, offset, size))


def meta_in(reader: Reader, name: str) -> SnapshotMeta:
    try:
        return meta_of(reader.meta)
    except MALFORMED as error:
        raise SnapshotError(name, f"its head makes no sense ({error})") from error


class _Outgoing:
    """A snapshot that is read in chunks, and where its parts begin, as far as it was walked."""

    def __init__(self, disk: Disk, name: str) -> None:
        self.size = disk.size(name)
        self.pins = 0
        self._disk = disk
        self._name = name
        self._starts: list[int] = []
        self._piece = (0, b"")

    def chunk(self, offset: int, size: int) -> bytes:
        """These bytes, out of pieces that were checked as they were read."""
        at, end = offset, min(self.size, offset + size)
        found = []
        while at < end:
            start, data = self._piece
            if not start <= at < start + len(data):
                self._piece = start, data = self._read(at)
            found.append(data[at - start : end - start])
            at += len(found[-1])
        return b"".join(found)

    def _read(self, at: int) -> tuple[int, bytes]:
        """The piece (head, part or tail) that byte `at` is in: where it begins, and all of it."""
        reader = reader_of(self._disk, self._name)
        if at < reader.begin:
            head = self._disk.read_at(self._name, 0, reader.begin)
            Reader(self._name, lambda offset, size: head[offset : offset + size])
            return 0, head
        starts = self._starts = self._starts or [reader.begin]
        number = bisect_right(starts, at) - 1
        while True:
            part = reader.part(starts[number], number)
            if part.end > at:
                return part.offset, part.header + part.data
            if part.is_tail:
                raise SnapshotError(self._name, "bytes after the tail", part.end)
            number += 1
            if number == len(starts):
                starts.append(part.end)


class SnapshotFiles:
    """Made by `open`. `newest` is the one that a restart would begin with."""

    def __init__(self, disk: Disk) -> None:
        self.newest: SnapshotMeta | None = None
        self._disk = disk
        self._outgoing: dict[int, _Outgoing] = {}
        self._sizes: dict[int, int] = {}
        """Of the file that was asked for last: index -> bytes."""
        self._incoming: tuple[SnapshotMeta, str] | None = None
        self._names = 0
        """Partial files of this boot: each attempt has a name of its own."""
        self._unsynced = 0

    @classmethod
    async def open(cls, disk: Disk) -> SnapshotFiles:
        """SnapshotError when the newest one cannot be trusted. What was half saved goes; what was half received stays
        as far as it checks."""
        self = cls(disk)
        for name in disk.names(SAVING):
            await disk.remove(name)
        names = disk.names("snapshot/")
        if names:
            reader = reader_of(disk, names[-1])
            self.newest = meta_in(reader, names[-1])
            if names[-1] != snapshot_name(self.newest.index):
                raise SnapshotError(names[-1], f"it says that it is the snapshot at {self.newest.index}")
            for _ in reader.walk():
                await asyncio.sleep(0)
        for name in reversed(disk.names(PARTIAL)):
            if self._incoming is None:
                await self._resume(name)
            if self._incoming is None or self._incoming[1] != name:
                await disk.remove(name)
        return self

    def parts(self, meta: SnapshotMeta) -> Iterator[bytes]:
        """The parts as they were saved; SnapshotError as soon as one is bad."""
        return reader_of(self._disk, snapshot_name(meta.index)).parts()

    # ── saving ───────────────────────────────────────────────────────────────────────────────────────────────

    async def save(self, meta: SnapshotMeta, parts: Iterator[bytes]) -> None:
        """Durable under its name on return. Nothing if there is a newer one."""
        if self.newest is not None and meta.index <= self.newest.index:
            return
        disk, name, writer = self._disk, f"{SAVING}{meta.index:016d}", Writer()
        disk.append(name, writer.head(meta_bytes(meta)))
        grown = 0
        for part in parts:
            data = writer.part(part)
            disk.append(name, data)
            grown += len(data)
            if grown >= SYNC_EVERY:
                await disk.sync(name)
                grown = 0
            else:
                await asyncio.sleep(0)
        disk.append(name, writer.tail())
        await self._publish(name, meta)

    async def _publish(self, name: str, meta: SnapshotMeta) -> None:
        await self._disk.sync(name)
        await self._disk.rename(name, snapshot_name(meta.index))
        self.newest = meta

    async def tidy(self) -> None:
        """Remove what is older than the newest and not pinned, and what was received in vain."""
        newest = snapshot_name(self.newest.index) if self.newest is not None else ""
        pinned = [snapshot_name(index) for index in self._outgoing]
        for name in self._disk.names("snapshot/"):
            if name < newest and name not in pinned:
                await self._disk.remove(name)
        for name in self._disk.names(PARTIAL):
            if self._incoming is None or name != self._incoming[1]:
                await self._disk.remove(name)

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────

    def pin(self, meta: SnapshotMeta) -> None:
        """Keep the file while it is being sent; once per `unpin`."""
        self._reading(meta).pins += 1

    def unpin(self, meta: SnapshotMeta) -> None:
        """The last one gives the file up: the next `tidy` removes it if there is a newer one."""
        outgoing = self._outgoing[meta.index]
        outgoing.pins -= 1
        if outgoing.pins <= 0:
            del self._outgoing[meta.index]

    def size(self, meta: SnapshotMeta) -> int:
        """Bytes of the file; asked often."""
        if meta.index not in self._sizes:
            self._sizes = {meta.index: self._disk.size(snapshot_name(meta.index))}
        return self._sizes[meta.index]

    def chunk(self, meta: SnapshotMeta, offset: int, size: int) -> bytes:
        """Bytes of a file, fewer at its end, none if it is gone (it was not pinned). SnapshotError if what they are
        part of does not check."""
        found = self._outgoing.get(meta.index)
        if found is None:
            try:
                found = _Outgoing(self._disk, snapshot_name(meta.index))
            except FileNotFoundError:
                return b""
        return found.chunk(offset, size)

    def _reading(self, meta: SnapshotMeta) -> _Outgoing:
        found = self._outgoing.get(meta.index)
        if found is None:
            found = self._outgoing[meta.index] = _Outgoing(self._disk, snapshot_name(meta.index))
        return found

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────

    def partial(self) -> tuple[SnapshotMeta, int] | None:
        """What is being received, and up to where: the offset that is wanted next."""
        if self._incoming is None:
            return None
        meta, name = self._incoming
        return meta, self._disk.size(name)

    def receive(self, meta: SnapshotMeta, offset: int, data: bytes) -> None:
        """Bytes of the leader's file, in order. Offset 0 begins anew. ValueError for a gap (a bug: ask `partial`)."""
        if offset == 0:
            self._names += 1
            name = f"{PARTIAL}{meta.index:016d}-{meta.term:016d}-{self._names:08d}"
            while name in self._disk.names(PARTIAL):
                self._names += 1
                name = f"{PARTIAL}{meta.index:016d}-{meta.term:016d}-{self._names:08d}"
            self._incoming = (meta, name)
            self._unsynced = 0
        elif self.partial() != (meta, offset):
            raise ValueError(f"bytes {offset} of snapshot {meta.index}, but wanted is {self.partial()}")
        assert self._incoming is not None
        name = self._incoming[1]
        self._disk.append(name, data)
        self._unsynced += len(data)
        if self._unsynced >= SYNC_EVERY and self._disk.try_sync(name):
            self._unsynced = 0

    async def finish(self, meta: SnapshotMeta) -> None:
        """Check the whole file and give it its name, durably. SnapshotError if it is damaged or another: then it is
        thrown away, and `partial` is None."""
        incoming = self._incoming
        if incoming is None or incoming[0] != meta:
            raise SnapshotError(f"{PARTIAL}{meta.index:016d}", "nothing of it was received")
        name = incoming[1]
        try:
            reader = reader_of(self._disk, name)
            if meta_in(reader, name) != meta:
                raise SnapshotError(name, f"this is not the snapshot at {meta.index} that was announced")
            for _ in reader.walk():
                await asyncio.sleep(0)
        except SnapshotError:
            self._incoming = None
            await self._disk.remove(name)
            raise
        await self._publish(name, meta)
        self._incoming = None

    async def _resume(self, name: str) -> None:
        """Go on with what an earlier boot received, up to the last part that checks."""
        size = 0
        try:
            reader = reader_of(self._disk, name)
            meta = meta_in(reader, name)
            if self.newest is not None and meta.index <= self.newest.index:
                return
            size = reader.begin
            for part in reader.walk():
                size = part.end
                await asyncio.sleep(0)
            size = self._disk.size(name)
        except SnapshotError:
            if not size:
                return
        await self._disk.truncate(name, size)
        self._incoming = (meta, name)
