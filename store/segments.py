"""The write-ahead log on a disk: segments that are found, appended to, rolled, synced and dropped.

Shell of wal.py. Must not know what the records say. OSError from the disk passes through: nothing is known any more
about what was not synced, so who writes must stop (never retry a sync).

The order that makes it safe: no byte of a segment goes to the disk before all of the one before it is durable. So the
records of a new segment wait here until then, and appending never blocks.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.world.host import Disk
from store import wal

Take = Callable[[str, wal.Record], int]
"""take(file, record): one record that was found, in order, heads left out; the highest index in it, 0 if none."""


class Segments:
    """Made by `Segments.open`."""

    def __init__(self, disk: Disk, limit: int, known: list[wal.Segment]) -> None:
        self._disk = disk
        self._limit = limit
        self._all = known
        self._live = 0
        """Position in `_all` of the segment whose records go to the disk; those after it wait in `_held`."""
        self._held: dict[int, list[bytes]] = {}
        self._reserved = 0
        """Highest sequence for which room was asked."""
        self._live = max(0, len(known) - 1)

    @classmethod
    async def open(cls, disk: Disk, limit: int, take: Take) -> tuple[Segments, int]:
        """And how many bytes of a torn tail were cut. Rolls when a segment would exceed `limit` bytes.

        wal.WalError when what is there cannot be trusted. What was read is durable on return: the process before may
        have died between its write and its sync."""
        names = disk.names("wal/")
        data = b""
        while names:
            data = disk.read(names[-1])
            if data.strip(b"\0"):
                break
            wal.sequence_of(names[-1])
            await disk.remove(names.pop())
        known: list[wal.Segment] = []
        torn = 0
        for name in names:
            last = name == names[-1]
            torn = _read(name, data if last else disk.read(name), known, take, last=last)
        if names and (not known or names[-1] != known[-1].name):
            await disk.remove(names[-1])
        self = cls(disk, limit, known)
        if known:
            await disk.truncate(known[-1].name, known[-1].size)
            known[-1].durable = known[-1].size
            self._reserve(known[-1].sequence)
        return self, torn

    @property
    def count(self) -> int:
        return len(self._all)

    @property
    def total(self) -> int:
        """Bytes of records and heads, durable or not; what is reserved is more."""
        return sum(segment.size for segment in self._all)

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────

    def append(self, type: int, payload: bytes, last_index: int) -> None:
        """Buffers one record. `last_index` 0: no entry in it."""
        segments = self._all
        if not segments:
            self._begin()
        segment = segments[-1]
        size = segment.size + len(payload) + wal.OVERHEAD
        if size > self._limit and segment.size > wal.HEAD_SIZE:
            self._roll()
            segment = segments[-1]
        elif size * 2 > self._limit and self._reserved == segment.sequence:
            self._reserve(segment.sequence + 1)
        data = segment.record(type, payload, last_index)
        if self._live == len(segments) - 1:
            self._disk.append(segment.name, data)
        else:
            self._held[segment.sequence].append(data)

    def try_sync(self) -> bool:
        """Make all appended records durable within this turn if that is expected to be brief."""
        while self._all:
            segment = self._all[self._live]
            if segment.durable < segment.size:
                if not self._disk.try_sync(segment.name):
                    return False
                segment.durable = segment.size
            if self._live == len(self._all) - 1:
                break
            self._advance()
        return True

    async def sync(self) -> None:
        """Everything appended before the call is durable on return; appends may go on meanwhile."""
        if not self._all:
            return
        last = self._all[-1]
        sequence, size = last.sequence, last.size
        while last.durable < size:
            segment = self._all[self._live]
            goal = segment.size
            if segment.durable < goal:
                await self._disk.sync(segment.name)
                segment.durable = max(segment.durable, goal)
            if segment is self._all[self._live] and segment.sequence < sequence and segment.durable == segment.size:
                self._advance()

    async def drop_up_to(self, index: int) -> None:
        """Remove the oldest segments whose entries a snapshot at `index` holds, oldest first: a crash in between
        leaves no gap. Only when the next one has something durable: who writes says in each record all that must
        survive besides entries (a vote), and the newest word on it must not go."""
        while self._live > 0 and self._all[1].durable > wal.HEAD_SIZE and self._all[0].last_index <= index:
            segment = self._all.pop(0)
            self._live -= 1
            await self._disk.remove(segment.name)

    def _begin(self) -> None:
        segment = wal.Segment(1, wal.HEAD_SIZE, 0)
        self._all.append(segment)
        self._reserve(1)
        self._disk.append(segment.name, wal.head(1))

    def _roll(self) -> None:
        segment, head = self._all[-1].next()
        self._all.append(segment)
        self._held[segment.sequence] = [head]
        if self._all[self._live].durable == self._all[self._live].size and self._live == len(self._all) - 2:
            self._advance()

    def _advance(self) -> None:
        """The live segment is complete and durable: the next one may go to the disk."""
        self._live += 1
        segment = self._all[self._live]
        self._reserve(segment.sequence)
        self._disk.append(segment.name, b"".join(self._held.pop(segment.sequence)))

    def _reserve(self, sequence: int) -> None:
        if sequence > self._reserved:
            self._reserved = sequence
            self._disk.reserve(wal.segment_name(sequence), self._limit)


def _read(name: str, data: bytes, known: list[wal.Segment], take: Take, *, last: bool) -> int:
    """Put a segment's records into `known` and `take`; bytes of a torn tail."""
    scan = wal.scan(name, data, last=last)
    if not scan.records:
        if not last:
            raise wal.WalError(name, 0, "the segment is empty and has a successor")
        return scan.torn
    sequence = wal.sequence_of(name)
    if known:
        before = known[-1]
        if sequence != before.sequence + 1:
            raise wal.WalError(name, 0, f"segment {before.sequence + 1} is missing before it")
        if scan.before != before.size:
            raise wal.WalError(before.name, before.size, f"its successor says that it ends at byte {scan.before}, not")
    highest = max((take(name, record) for record in scan.records[1:]), default=0)
    known.append(wal.Segment(sequence, scan.size, max(known[-1].last_index if known else 0, highest)))
    return scan.torn
