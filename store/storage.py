"""What one member keeps on its disk: the write-ahead log in segments and the newest snapshot; and getting it back.

Shell over segments.py and snapshotfiles.py. Must not decide what is stored, or know what commands mean. OSError from
the disk passes through: nothing is known any more about what was not synced, so the member must stop (never retry a
sync).

The order that makes it safe: a snapshot file is durable before the log says that it replaces anything, and before any
segment or older snapshot goes. Entries are checked when they are read at the start; after that they are served from
memory, which nobody checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cluster.world.host import Disk
from store import records, wal
from store.raft.messages import Configuration, Entry, HardState, SnapshotMeta
from store.segments import Segments
from store.snapshotfiles import SnapshotFiles


@dataclass(slots=True)
class Recovered:
    """What the disk held. `torn`: bytes cut off the log's end; they were never acknowledged. `partial`: a snapshot of
    which some bytes were received, and how many."""

    hard: HardState
    snapshot: SnapshotMeta | None
    entries: list[Entry]
    torn: int
    segments: int
    partial: tuple[SnapshotMeta, int] | None = None


class Storage:
    """Made by `Storage.open`. Appends are buffered until `try_sync` says True or `sync` returns."""

    def __init__(self, segments: Segments, files: SnapshotFiles, hard: HardState) -> None:
        self._hard = hard
        self._segments = segments
        self._files = files
        self.try_sync = segments.try_sync
        """() -> bool: make all appended records durable within this turn, if that is expected to be brief."""
        self.sync = segments.sync
        """async () -> None: what was appended before the call is durable on return; appends may go on meanwhile."""
        self.receive = files.receive
        self.partial = files.partial
        self.parts = files.parts
        self.pin = files.pin
        self.unpin = files.unpin
        self.chunk = files.chunk
        self.snapshot_size = files.size

    @classmethod
    async def open(cls, disk: Disk, segment_bytes: int) -> tuple[Storage, Recovered]:
        """WalError or SnapshotError when what is there cannot be trusted."""
        files = await SnapshotFiles.open(disk)
        snapshot = files.newest
        replay = _Replay(snapshot.index if snapshot else 0)
        segments, torn = await Segments.open(disk, segment_bytes, replay.take)
        hard, entries = replay.finish(snapshot)
        if snapshot is not None and replay.other_history:
            segments.append(wal.MARK, records.mark_payload(hard, snapshot), 0)
            await segments.sync()
        return cls(segments, files, hard), Recovered(hard, snapshot, entries, torn, segments.count, files.partial())

    @property
    def snapshot(self) -> SnapshotMeta | None:
        """The newest one that is whole and durable."""
        return self._files.newest

    @property
    def disk_id(self) -> int:
        """The raft core's id of this disk; 0: it has not stored one yet."""
        return self._hard.id

    @property
    def wal_bytes(self) -> int:
        return self._segments.total

    @property
    def wal_segments(self) -> int:
        return self._segments.count

    # ── the log ──────────────────────────────────────────────────────────────────────────────────────────────

    def append(self, hard: HardState | None, entries: Sequence[Entry]) -> None:
        """One record for both, so that a crash keeps all of it or nothing."""
        if hard is not None:
            self._hard = hard
        if entries:
            self._segments.append(wal.BATCH, records.batch_payload(self._hard, entries), entries[-1].index)
        elif hard is not None:
            self._segments.append(wal.BATCH, records.batch_payload(hard, ()), 0)

    # ── snapshots ────────────────────────────────────────────────────────────────────────────────────────────

    async def save(self, meta: SnapshotMeta, parts: Iterator[bytes]) -> None:
        """A snapshot of our own applied state, written part by part beside the loop: the log goes on. Then what it
        makes superfluous goes, unless it is pinned."""
        await self._files.save(meta, parts)
        await self._tidy()

    async def finish(self, meta: SnapshotMeta) -> None:
        """The leader's snapshot was received: check it, and let it replace the log. Durable on return. SnapshotError
        if it is damaged: nothing has changed then, but that it must be sent again from offset 0."""
        await self._files.finish(meta)
        self._segments.append(wal.MARK, records.mark_payload(self._hard, meta), 0)
        await self._segments.sync()
        await self._tidy()

    async def _tidy(self) -> None:
        await self._files.tidy()
        if self._files.newest is not None:
            await self._segments.drop_up_to(self._files.newest.index)


class _Replay:
    """Follows the records, as the log was written."""

    def __init__(self, snapshot_index: int) -> None:
        self.other_history = False
        """The log does not contain the snapshot: a crash came before the mark, or before the entries that overwrite
        these were synced. The mark must be written then, or what is appended next would be taken for theirs."""
        self._snapshot_index = snapshot_index
        self._hard = HardState()
        self._entries: list[Entry] = []
        self._name = "wal"

    def take(self, name: str, record: wal.Record) -> int:
        """The highest entry index in the record, 0 if there is none."""
        self._name = name
        try:
            if record.type == wal.MARK:
                self._hard = records.mark_of(record.payload)[0]
                self._entries = []
                return 0
            self._hard, entries = records.batch_of(record.payload)
        except records.MALFORMED as error:
            raise wal.WalError(name, record.offset, f"a record that makes no sense ({error})") from error
        if not entries:
            return 0
        self._cut(name, record.offset, entries[0].index)
        self._entries.extend(entries)
        return entries[-1].index

    def _cut(self, name: str, offset: int, first: int) -> None:
        """Make room for entries from `first` on: what stands there is overwritten."""
        log = self._entries
        expected = log[-1].index + 1 if log else self._snapshot_index + 1
        if first > expected and first > self._snapshot_index + 1:
            raise wal.WalError(name, offset, f"entries {expected} to {first - 1} are missing")
        if log and log[0].index < first <= log[-1].index + 1:
            del log[first - log[0].index :]
        else:
            log.clear()

    def finish(self, snapshot: SnapshotMeta | None) -> tuple[HardState, list[Entry]]:
        """The hard state and the entries above the snapshot."""
        hard, log = self._hard, self._entries
        meta = snapshot or SnapshotMeta(0, 0, Configuration(()))
        if log and log[0].index > meta.index + 1:
            raise wal.WalError(self._name, 0, f"entries {meta.index + 1} to {log[0].index - 1} are in no snapshot")
        if log and log[0].index <= meta.index:
            at = meta.index - log[0].index
            self.other_history = at >= len(log) or log[at].term != meta.term
            log = [] if self.other_history else log[at + 1 :]
        if hard.term < meta.term:
            hard = replace(hard, term=meta.term, vote="")
        last = log[-1].index if log else meta.index
        return replace(hard, commit=min(max(hard.commit, meta.index), last)), log
