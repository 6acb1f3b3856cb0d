"""What the key space is made of: keys with their versions, events, and the parts of a transaction.

Pure values, the same for members and clients. Must not know how they are stored or sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FOREVER = b"\0"
"""As the `end` of a range: all keys from `key` on (etcd: range_end "\\0")."""


class KeyValue(NamedTuple):
    """One version of one key. A tombstone (in a DELETE event) has version 0 and create_revision 0."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int


class Event(NamedTuple):
    """What happened to one key at `kv.mod_revision`; `prev` is what was there before, None if nothing was
    (or if the watcher did not ask for it)."""

    kv: KeyValue
    prev: KeyValue | None

    @property
    def deleted(self) -> bool:
        return self.kv.version == 0


class Compare(NamedTuple):
    """A guard. `target` is value, version, create or mod; `op` is =, !=, < or >. A key that does not exist has
    version, create and mod 0, and no value: each comparison of its value is false (etcd: Compare)."""

    key: bytes
    target: str
    op: str
    operand: bytes | int


class Put(NamedTuple):
    """`prev`: answer the version that this one replaces."""

    key: bytes
    value: bytes
    prev: bool = False


class Delete(NamedTuple):
    """`end` None: that one key; else all keys from `key` up to but not including `end` (FOREVER: no upper end)."""

    key: bytes
    end: bytes | None = None
    prev: bool = False


class Range(NamedTuple):
    """A read inside a transaction: sees what the operations before it have written."""

    key: bytes
    end: bytes | None = None
    limit: int = 0
    keys_only: bool = False
    count_only: bool = False


Op = Put | Delete | Range


class PutResult(NamedTuple):
    prev: KeyValue | None


class DeleteResult(NamedTuple):
    deleted: int
    prev: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class RangeResult:
    """`revision` is the key space's own when it was read; `count` is of all keys in the range, whatever the limit;
    `more`: the limit has cut something off."""

    revision: int
    kvs: tuple[KeyValue, ...]
    count: int
    more: bool


Response = PutResult | DeleteResult | RangeResult


class TxnResult(NamedTuple):
    """`revision` is the one at which the writes happened, or the current one if nothing was written.
    `responses` has one entry for each operation of the branch that was taken."""

    revision: int
    succeeded: bool
    responses: tuple[Response, ...]


class WatchBatch(NamedTuple):
    """All events in the watched range up to and including `revision` that were not in an earlier batch. No
    events: a progress notice. One revision's events are never split over two batches."""

    revision: int
    events: tuple[Event, ...]


def prefix_end(prefix: bytes) -> bytes:
    """The `end` that makes a range of all keys that start with `prefix`."""
    for at in range(len(prefix) - 1, -1, -1):
        if prefix[at] < 0xFF:
            return prefix[:at] + bytes((prefix[at] + 1,))
    return FOREVER


def within(key: bytes, start: bytes, end: bytes | None) -> bool:
    """Is `key` in the range from `start` to `end` (None: only `start`; FOREVER: no upper end)?"""
    if end is None:
        return key == start
    return key >= start and (end == FOREVER or key < end)
