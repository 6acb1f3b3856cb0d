"""What the key space is made of: keys with their versions, events, and the parts of a transaction.

Pure values, the same for members and clients. Must not know how they are stored or sent (`rows.py` has that form).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

FOREVER = b"\0"
"""As the `end` of a range: all keys from `key` on (etcd: range_end "\\0")."""


class KeyValue(NamedTuple):
    """One version of one key. A tombstone (in a DELETE event) has version 0 and create_revision 0. `lease` 0: none."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0


class Event(NamedTuple):
    """What happened to one key at `kv.mod_revision`; `prev` is what was there before, None if nothing was
    (or if the watcher did not ask for it)."""

    kv: KeyValue
    prev: KeyValue | None

    @property
    def deleted(self) -> bool:
        return self.kv.version == 0


class Compare(NamedTuple):
    """A guard. `target` is value, version, create, mod or lease; `op` is =, !=, < or >. A key that does not exist has
    version, create, mod and lease 0, and no value: each comparison of its value is false. With `end` every key of the
    range must satisfy it; a range without keys counts as one key that does not exist (etcd: applyCompare)."""

    key: bytes
    target: str
    op: str
    operand: bytes | int
    end: bytes | None = None


class Put(NamedTuple):
    """`prev`: answer the version that this one replaces. `lease`: the key goes when that lease does (0: none).
    `ignore_value`, `ignore_lease`: keep what the key has; there must be one (etcd: PutRequest)."""

    key: bytes
    value: bytes
    prev: bool = False
    lease: int = 0
    ignore_value: bool = False
    ignore_lease: bool = False


class Delete(NamedTuple):
    """`end` None: that one key; else all keys from `key` up to but not including `end` (FOREVER: no upper end)."""

    key: bytes
    end: bytes | None = None
    prev: bool = False


class Range(NamedTuple):
    """A read; inside a transaction it sees what the operations before it have written, unless it names a `revision`.

    `order` is "", "asc" or "desc" by `target`: key, version, create, mod or value; equals stay in order of their keys.
    The filters `min_mod` ... `max_create` are revisions, 0 for none. `limit` cuts after filtering and sorting."""

    key: bytes
    end: bytes | None = None
    limit: int = 0
    keys_only: bool = False
    count_only: bool = False
    revision: int = 0
    order: str = ""
    target: str = "key"
    min_mod: int = 0
    max_mod: int = 0
    min_create: int = 0
    max_create: int = 0


class Txn(NamedTuple):
    """A transaction inside a transaction. Its compares look at the state before the outermost one (etcd)."""

    compares: Sequence[Compare]
    success: Sequence[Op]
    failure: Sequence[Op] = ()


Op = Put | Delete | Range | Txn


class PutResult(NamedTuple):
    prev: KeyValue | None


class DeleteResult(NamedTuple):
    deleted: int
    prev: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class RangeResult:
    """`revision` is the key space's own when it was read; `count` is of all keys in the range, whatever the limit and
    the filters; `more`: the limit has cut something off."""

    revision: int
    kvs: tuple[KeyValue, ...]
    count: int
    more: bool


class TxnResult(NamedTuple):
    """`revision` is the one at which the writes happened, or the current one if nothing was written.
    `responses` has one entry for each operation of the branch that was taken."""

    revision: int
    succeeded: bool
    responses: tuple[Response, ...]


Response = PutResult | DeleteResult | RangeResult | TxnResult


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
