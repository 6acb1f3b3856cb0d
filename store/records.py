"""What stands in the write-ahead log's records and in a snapshot's head: hard state, entries, configuration as bytes.

Must not touch a disk or check checksums; what is read here was checked (wal.py, snapshot.py), so the rest is a bug or
a foreign file: WireError, TypeError, ValueError or IndexError, `MALFORMED` together.
"""

from __future__ import annotations

from collections.abc import Sequence

from cluster.wire import WireError, pack, unpack
from store.raft.messages import Configuration, Entry, HardState, SnapshotMeta

MALFORMED = (WireError, TypeError, ValueError, IndexError)


def batch_payload(hard: HardState, entries: Sequence[Entry]) -> bytes:
    """One record: the hard state (changed or not: the segment that had it may be gone) and the entries of one `Ready`,
    all or nothing."""
    first = entries[0].index if entries else 0
    rows = [(entry.term, entry.kind, entry.data) for entry in entries]
    return pack(((hard.term, hard.vote, hard.commit, hard.id), first, rows))


def batch_of(payload: bytes) -> tuple[HardState, list[Entry]]:
    state, first, rows = unpack(payload)
    return HardState(*state), [Entry(term, index, data, kind) for index, (term, kind, data) in enumerate(rows, first)]


def mark_payload(hard: HardState, meta: SnapshotMeta) -> bytes:
    """A snapshot from the leader replaced the whole log."""
    return pack(((hard.term, hard.vote, hard.commit, hard.id), meta.index, meta.term))


def mark_of(payload: bytes) -> tuple[HardState, int, int]:
    """(hard state, index, term)."""
    state, index, term = unpack(payload)
    return HardState(*state), index, term


def meta_bytes(meta: SnapshotMeta) -> bytes:
    c = meta.configuration
    return pack((meta.index, meta.term, (c.voters, c.learners, c.outgoing), c.ids))


def meta_of(data: bytes) -> SnapshotMeta:
    index, term, groups, ids = unpack(data)
    voters, learners, outgoing = (tuple(group) for group in groups)
    if not all(type(number) is int for number in (index, term, *ids)):
        raise ValueError("index, term and ids are numbers")
    if not all(type(name) is str for name in voters + learners + outgoing):
        raise ValueError("a configuration names members")
    return SnapshotMeta(index, term, Configuration(voters, learners, outgoing, tuple(ids)))
