"""What one member keeps on its disk: the write-ahead log in segments and the newest snapshot; and getting it back.

Shell of wal.py and snapshot.py. Must not decide what is stored, or know what commands mean. OSError from the disk
passes through: nothing is known any more about what was not synced, so the member must stop (never retry a sync).

The order that makes it safe: a snapshot file is durable before the log says that it replaces anything, and before any
segment or older snapshot goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.wire import WireError
from cluster.world.host import Disk
from store import codec, wal
from store.raft.messages import Configuration, Entry, HardState, Snapshot, SnapshotMeta
from store.snapshot import SnapshotError, seal, snapshot_name, unseal


@dataclass(slots=True)
class Recovered:
    """What the disk held. `torn`: bytes cut off the log's end; they were never acknowledged."""

    hard: HardState
    snapshot: Snapshot | None
    entries: list[Entry]
    torn: int
    segments: int


class Storage:
    """Made by `Storage.open`. Appends are buffered until `sync`."""

    def __init__(self, disk: Disk, segments: wal.Segments, snapshot_index: int) -> None:
        self.snapshot_index = snapshot_index
        self._disk = disk
        self._segments = segments
        self._dirty = False

    @classmethod
    async def open(cls, disk: Disk, segment_bytes: int) -> tuple[Storage, Recovered]:
        """WalError or SnapshotError when what is there cannot be trusted."""
        snapshot = _read_snapshot(disk)
        replay = _Replay(snapshot.index if snapshot else 0)
        known: list[wal.Segment] = []
        names = disk.names("wal/")
        torn = 0
        for name in names:
            data = disk.read(name)
            scan = wal.scan(name, data, last=name == names[-1])
            torn = scan.torn
            if not scan.records:
                await disk.remove(name)
                continue
            if scan.torn:
                await disk.truncate(name, scan.size)
            _check_sequence(name, known)
            highest = max((replay.take(name, record) for record in scan.records), default=0)
            before = known[-1].last_index if known else 0
            known.append(wal.Segment(wal.sequence_of(name), scan.size, max(before, highest)))
        hard, entries = replay.finish(names[-1] if names else "wal", snapshot)
        recovered = Recovered(hard, snapshot, entries, torn, len(known))
        return cls(disk, wal.Segments(segment_bytes, known), replay.snapshot_index), recovered

    # ── the log ──────────────────────────────────────────────────────────────────────────────────────────────

    async def append(self, hard: HardState | None, entries: Sequence[Entry]) -> None:
        """One record for both, so that a crash keeps all of it or nothing. Durable after `sync`."""
        if hard is not None or entries:
            await self._write(wal.BATCH, codec.batch_payload(hard, entries), entries[-1].index if entries else 0)

    async def sync(self) -> None:
        segment = self._segments.current
        if segment is not None and self._dirty:
            self._dirty = False
            await self._disk.sync(segment.name)

    async def _write(self, type: int, payload: bytes, last_index: int) -> None:
        data = wal.frame(type, payload)
        if self._segments.full:
            # Only the last segment may have a torn tail, so all before it must be durable.
            await self.sync()
            data = wal.head(self._segments.begin().sequence) + data
        segment = self._segments.current
        assert segment is not None
        self._disk.append(segment.name, data)
        self._segments.wrote(len(data), last_index)
        self._dirty = True

    # ── snapshots ────────────────────────────────────────────────────────────────────────────────────────────

    async def save(self, snapshot: Snapshot) -> None:
        """A snapshot of our own applied state: the log goes on."""
        await self._keep(snapshot)
        await self._tidy()

    async def install(self, snapshot: Snapshot) -> None:
        """The leader's snapshot: it replaces the log too. Durable after `sync`, like entries."""
        await self._keep(snapshot)
        await self._write(wal.MARK, codec.mark_payload(snapshot.index, snapshot.term), 0)

    def snapshot(self) -> Snapshot | None:
        """The newest one, from disk."""
        return _read_snapshot(self._disk)

    async def _keep(self, snapshot: Snapshot) -> None:
        if snapshot.index <= self.snapshot_index:
            return
        meta = codec.snapshot_meta_bytes(snapshot.index, snapshot.term, snapshot.configuration)
        await self._disk.replace(snapshot_name(snapshot.index), seal(meta, snapshot.data))
        self.snapshot_index = max(self.snapshot_index, snapshot.index)

    async def _tidy(self) -> None:
        """Remove what the newest snapshot makes superfluous, oldest first: a crash in between leaves no gap."""
        newest = snapshot_name(self.snapshot_index)
        for name in self._disk.names("snapshot/"):
            if name < newest:
                await self._disk.remove(name)
        for name in self._segments.drop_up_to(self.snapshot_index):
            await self._disk.remove(name)


def _read_snapshot(disk: Disk) -> Snapshot | None:
    names = disk.names("snapshot/")
    if not names:
        return None
    meta, state = unseal(names[-1], disk.read(names[-1]))
    try:
        index, term, configuration = codec.snapshot_meta_of(meta)
    except (WireError, TypeError, ValueError) as error:
        raise SnapshotError(names[-1], f"its head makes no sense ({error})") from error
    return Snapshot(index, term, configuration, state)


def _check_sequence(name: str, known: list[wal.Segment]) -> None:
    if known and wal.sequence_of(name) != known[-1].sequence + 1:
        raise wal.WalError(name, 0, f"segment {known[-1].sequence + 1} is missing before it")


class _Replay:
    """Follows the records, as the log was written."""

    def __init__(self, snapshot_index: int) -> None:
        self.snapshot_index = snapshot_index
        self._hard = HardState()
        self._entries: list[Entry] = []

    def take(self, name: str, record: wal.Record) -> int:
        """The highest entry index in the record, 0 if there is none."""
        if record.type == wal.HEAD:
            return 0
        try:
            if record.type == wal.MARK:
                codec.mark_of(record.payload)
                self._entries = []
                return 0
            hard, entries = codec.batch_of(record.payload)
        except (WireError, TypeError, ValueError, IndexError) as error:
            raise wal.WalError(name, record.offset, f"a record that makes no sense ({error})") from error
        if hard is not None:
            self._hard = hard
        if not entries:
            return 0
        self._cut(name, record.offset, entries[0].index)
        self._entries.extend(entries)
        return entries[-1].index

    def _cut(self, name: str, offset: int, first: int) -> None:
        """Make room for entries from `first` on: what stands there is overwritten."""
        log = self._entries
        expected = log[-1].index + 1 if log else self.snapshot_index + 1
        if first > expected and first > self.snapshot_index + 1:
            raise wal.WalError(name, offset, f"entries {expected} to {first - 1} are missing")
        if log and log[0].index < first <= log[-1].index + 1:
            del log[first - log[0].index :]
        else:
            log.clear()

    def finish(self, name: str, snapshot: Snapshot | None) -> tuple[HardState, list[Entry]]:
        """The hard state and the entries above the snapshot."""
        hard, log = self._hard, self._entries
        meta = snapshot.meta if snapshot else SnapshotMeta(0, 0, Configuration(()))
        if log and log[0].index > meta.index + 1:
            raise wal.WalError(name, 0, f"entries {meta.index + 1} to {log[0].index - 1} are in no snapshot")
        if log and log[0].index <= meta.index:
            at = meta.index - log[0].index
            # A crash between the leader's snapshot and its mark: a log that does not contain it is another history.
            log = log[at + 1 :] if at < len(log) and log[at].term == meta.term else []
        if hard.term < meta.term:
            hard = HardState(meta.term, "", hard.commit)
        last = log[-1].index if log else meta.index
        return HardState(hard.term, hard.vote, min(max(hard.commit, meta.index), last)), log
