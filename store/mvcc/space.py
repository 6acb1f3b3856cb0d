"""The multi-version key space: every write makes a revision, and older revisions stay readable until compacted.

etcd's v3 semantics. Pure and deterministic: the same operations in the same order give the same state on every
member. Must not know raft, watchers or bytes on disk.

Kept are: of each live key its newest version, and the history since the last compaction; they share their objects. All
inside is rows (`rows.py`); `get`, `range`, `txn` and `events_since` speak values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from math import inf
from operator import itemgetter
from typing import NamedTuple

from sortedcontainers import SortedList

from cluster.errors import InvariantViolation, StatusError
from store.mvcc import rows, transactions
from store.mvcc.history import SEGMENT, History
from store.mvcc.leases import Leases
from store.mvcc.rows import COUNT_ONLY, KEYS_ONLY, EventRow, KeyRow, Row
from store.mvcc.values import FOREVER, Compare, Event, KeyValue, Op, Range, RangeResult, TxnResult

_Copy = tuple[list[KeyRow], list[KeyRow | None]]
_TARGETS = {"version": itemgetter(4), "create": itemgetter(2), "mod": itemgetter(3), "value": itemgetter(1)}


class Dump(NamedTuple):
    """The whole space as plain rows: `base` are the versions that were current before the oldest event, by key.
    `leases`: the highest id given by the store, and (id, ttl) of each."""

    revision: int
    compacted: int
    base: Iterable[KeyRow]
    events: Iterable[KeyRow]
    leases: tuple[int, Sequence[tuple[int, int]]] = (0, ())


class Space:
    """`revision` is that of the last write (1: none yet, as in etcd). Revisions below `compacted` are gone. `size`:
    bytes of keys and values with all readable history. A put that would bring it over `limit` is refused."""

    def __init__(self, segment: int = SEGMENT) -> None:
        self.revision = 1
        self.compacted = 0
        self.size = 0
        self.limit: float = inf
        self.leases = Leases()
        self.history = History(segment)
        self._live: dict[bytes, KeyRow] = {}
        self._keys: SortedList = SortedList()

    def __len__(self) -> int:
        return len(self._live)

    def get(self, key: bytes) -> KeyValue | None:
        return rows.key_value(self._live.get(key))

    def row(self, key: bytes) -> KeyRow | None:
        return self._live.get(key)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────

    def range(self, query: Range, revision: int = 0) -> RangeResult:
        """Keys in order, as they were at `revision` (0: the query's own, or now). StatusError Compacted or
        FutureRevision."""
        return rows.range_result(self.read(rows.range_row(query._replace(revision=revision) if revision else query)))

    def read(self, row: Row) -> tuple[int, Sequence[KeyRow], int, bool]:
        """A row of a range: (revision, rows, count, more). The same errors."""
        if row[2] is None and not row[4] and not row[5] and len(row) == 6:
            kv = self._live.get(row[1])
            return (self.revision, (), 0, False) if kv is None else (self.revision, (kv,), 1, False)
        _, key, end, limit, flags, revision = row[:6]
        if revision:
            self.check_readable(revision)
        if revision == self.revision:
            revision = 0
        if flags & COUNT_ONLY:
            return self.revision, (), self._count(key, end, revision), False
        picky = len(row) > 6
        found = list(self.walk(key, end, revision, 0 if picky else limit))
        count = len(found) if not 0 < limit <= len(found) or picky else self._count(key, end, revision)
        more = count > len(found)
        if picky:
            found = _ordered(_filtered(found, row), row[6], row[7])
            more = 0 < limit < len(found)
            found = found[:limit] if more else found
        if flags & KEYS_ONLY:
            found = [(kv[0], b"", *kv[2:]) for kv in found]
        return self.revision, found, count, more

    def check_readable(self, revision: int) -> None:
        if revision > self.revision:
            raise future_error(revision, self.revision)
        if revision < self.compacted:
            raise compacted_error(revision, self.compacted)

    def walk(self, key: bytes, end: bytes | None, revision: int = 0, limit: int = 0) -> Iterator[KeyRow]:
        """Live versions by key, at a readable `revision` (0: now), at most `limit`. The space must stay as it is
        meanwhile."""
        if end is None:
            kv = self._live.get(key)
            if revision:
                kv = self.history.before(key, revision, kv)
            return iter(() if kv is None else (kv,))
        if not revision:
            low, high = self._between(key, end)
            stop = min(high, low + limit) if limit else high
            return map(self._live.__getitem__, self._keys.islice(low, stop))
        return self._walk_back(key, end, revision, limit)

    def _between(self, key: bytes, end: bytes) -> tuple[int, int]:
        keys = self._keys
        low = keys.bisect_left(key)
        return low, len(keys) if end == FOREVER else max(low, keys.bisect_left(end))

    def _walk_back(self, key: bytes, end: bytes, revision: int, limit: int) -> Iterator[KeyRow]:
        undo, live = self.history.undo(revision), self._live
        top = None if end == FOREVER else end
        gone = sorted(k for k in undo if k not in live and k >= key and (top is None or k < top))
        names: Iterable[bytes] = self._keys.irange(key, top, (True, False))
        for name in merge(names, gone) if gone else names:
            kv = undo[name] if name in undo else live[name]
            if kv is not None:
                yield kv
                limit -= 1
                if not limit:
                    return

    def _count(self, key: bytes, end: bytes | None, revision: int) -> int:
        if end is None:
            return len(list(self.walk(key, end, revision)))
        low, high = self._between(key, end)
        count = high - low
        if revision:
            live, top = self._live, None if end == FOREVER else end
            for name, kv in self.history.undo(revision).items():
                if name >= key and (top is None or name < top):
                    count += (kv is not None) - (name in live)
        return count

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, key: bytes, value: bytes, lease: int = 0) -> int:
        """The new revision. StatusError NotFound (the lease) or NoSpace."""
        if lease and lease not in self.leases:
            self.leases.get(lease)
        if self.size + len(key) + len(value) > self.limit:
            raise self.no_space(len(key) + len(value))
        self.write(key, value, lease, self.revision + 1)
        return self.revision

    def txn(self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult:
        """The branch that the compares choose, at one new revision if it writes anything. StatusError BadRequest for
        operations that cannot be meant; NoSpace, NotFound (a lease, or what should keep its value), Compacted or
        FutureRevision. Then nothing has changed."""
        branches = rows.op_rows(success), rows.op_rows(failure)
        transactions.check_compares(compares)
        transactions.check_branches(*branches)
        return rows.txn_result(transactions.run(self, compares, *branches))

    def write(self, key: bytes, value: bytes, lease: int, revision: int) -> KeyRow | None:
        """Make it so at `revision`, which is the current one or the next; what was there. Checks nothing."""
        history = self.history
        if len(history.kvs) >= history.segment and revision != self.revision:
            history.roll()
        self.revision = revision
        self.size += len(key) + len(value)
        prev = self._live.get(key)
        if prev is None:
            kv = (key, value, revision, revision, 1, lease)
            self._keys.add(key)
            if lease:
                self.leases.move(key, 0, lease)
        else:
            key = prev[0]
            kv = (key, value, prev[2], revision, prev[4] + 1, lease)
            if prev[5] != lease:
                self.leases.move(key, prev[5], lease)
        self._live[key] = kv
        history.kvs.append(kv)
        history.prevs.append(prev)
        return prev

    def delete(self, key: bytes, end: bytes | None, revision: int) -> list[KeyRow]:
        """What is gone at `revision`, which is the next one, or the current one of a transaction."""
        gone = list(self.walk(key, end))
        for kv in gone:
            self.remove(kv, revision)
        return gone

    def remove(self, kv: KeyRow, revision: int) -> None:
        """Delete this live version."""
        key, history = kv[0], self.history
        if len(history.kvs) >= history.segment and revision != self.revision:
            history.roll()
        self.revision = revision
        self.size += len(key)
        del self._live[key]
        self._keys.remove(key)
        if kv[5]:
            self.leases.move(key, kv[5], 0)
        history.kvs.append((key, b"", 0, revision, 0, 0))
        history.prevs.append(kv)

    def revoke(self, lease: int) -> int:
        """The lease goes, and its keys with it, sorted and at one revision; how many. StatusError NotFound."""
        keys = sorted(self.leases.get(lease).keys)
        revision = self.revision + 1
        for key in keys:
            self.remove(self._live[key], revision)
        self.leases.drop(lease)
        return len(keys)

    def no_space(self, more: int) -> StatusError:
        text = f"mvcc: database space exceeded: {self.size} bytes and {more} more are over the quota"
        return StatusError("NoSpace", text, {"size": self.size})

    # ── history ──────────────────────────────────────────────────────────────────────────────────────────────

    def events_since(self, revision: int, limit: int = 0) -> Sequence[Event]:
        """Events from `revision` on, in order; with `limit` about so many, but always whole revisions. StatusError
        Compacted. Events at the compacted revision itself are still there."""
        return tuple(map(rows.event_of, self.rows_since(revision, limit)))

    def rows_since(self, revision: int, limit: int = 0) -> list[EventRow]:
        """The same, as rows."""
        if revision < self.compacted:
            raise compacted_error(revision, self.compacted)
        return self.history.since(revision, self.compacted, limit)

    def compact(self, revision: int) -> int:
        """Forget all that was overwritten or deleted before `revision`; how many bytes went. StatusError Compacted or
        FutureRevision (etcd: Compact). It is true at once; `scrub` gives the memory back."""
        if revision > self.revision:
            raise future_error(revision, self.revision)
        if revision <= self.compacted:
            raise compacted_error(revision, self.compacted)
        freed = self.history.weigh(self.compacted, revision)
        self.size -= freed
        self.compacted = revision
        self.history.forget_views(revision)
        return freed

    def scrub(self, budget: int = 2000) -> bool:
        """Give back the memory of about `budget` compacted events. Is there more? Nothing that can be asked of the
        space depends on how far this has come."""
        return self.history.scrub(self.compacted, budget)

    def bump(self, revisions: int) -> None:
        """Go on `revisions` later, with nothing before to be had: for a restored backup, whose lost tail may have been
        seen by watchers (etcd: --bump-revision --mark-compacted)."""
        self.revision += revisions
        if self.revision > self.compacted:
            self.compact(self.revision)

    # ── as a whole ───────────────────────────────────────────────────────────────────────────────────────────

    def dump(self) -> Dump:
        """Everything, as values that `load` takes back: same revisions, same history. Taken at once by copying
        pointers; `base` and `events` are made while they are read, once, and the space may go on meanwhile."""
        segments = [(segment.kvs[:], segment.prevs[:]) for segment in self.history.segments]
        base = _base(list(self._keys), self._live.copy(), segments, self.compacted)
        events = _from(segments, self.compacted)
        leases = (self.leases.last, self.leases.rows())
        return Dump(self.revision, self.compacted, base, events, leases)

    @classmethod
    def load(cls, dump: Dump, segment: int = SEGMENT) -> Space:
        space = cls(segment)
        live, history = space._live, space.history
        for kv in dump.base:
            if live.setdefault(kv[0], kv) is not kv:
                raise InvariantViolation(f"key {kv[0]!r} of a dump has two first versions")
            space.size += len(kv[0]) + len(kv[1])
        last = 0
        for kv in dump.events:
            key = kv[0]
            prev = live.get(key)
            if kv[3] < last:
                raise InvariantViolation(f"revision {kv[3]} of a dump comes after {last}")
            if kv[3] > last and len(history.kvs) >= history.segment:
                history.roll()
            last = kv[3]
            if kv[4]:
                if prev is not None:
                    kv = (prev[0], *kv[1:])
                live[kv[0]] = kv
            else:
                live.pop(key, None)
            space.size += len(key) + len(kv[1])
            history.kvs.append(kv)
            history.prevs.append(prev)
        space.revision, space.compacted = dump.revision, dump.compacted
        space._keys = SortedList(live)
        space.leases.load(dump.leases[0], dump.leases[1])
        for kv in live.values():
            if kv[5]:
                space.leases.move(kv[0], 0, kv[5])
        return space


def compacted_error(revision: int, compacted: int) -> StatusError:
    text = f"revision {revision} is compacted, the oldest is {compacted}"
    return StatusError("Compacted", text, {"compacted": compacted})


def future_error(revision: int, newest: int) -> StatusError:
    text = f"revision {revision} does not exist yet, the newest is {newest}"
    return StatusError("FutureRevision", text, {"revision": newest})


def _filtered(found: Iterable[KeyRow], row: Row) -> list[KeyRow]:
    min_mod, max_mod, min_create, max_create = row[8:]
    return [kv for kv in found if min_mod <= kv[3] <= (max_mod or inf) and min_create <= kv[2] <= (max_create or inf)]


def _ordered(found: list[KeyRow], order: str, target: str) -> list[KeyRow]:
    """etcd: a target without an order means ascending. Equals stay in order of their keys."""
    if target == "key":
        return found[::-1] if order == "desc" else found
    return sorted(found, key=_TARGETS[target], reverse=order == "desc")


def _base(keys: list[bytes], live: dict[bytes, KeyRow], segments: list[_Copy], compacted: int) -> Iterator[KeyRow]:
    """What was current before the oldest event that can be told: of what is live, and of what events replaced."""
    first = next((kv[3] for kvs, _ in segments for kv in kvs if kv[3] >= compacted), inf)
    older = [
        prev
        for kvs, prevs in segments
        for kv, prev in zip(kvs, prevs, strict=True)
        if prev is not None and prev[3] < first and kv[3] > compacted
    ]
    found = [kv for kv in live.values() if kv[3] < first]
    if 8 * len(found) < len(keys):
        untouched: Iterable[KeyRow] = sorted(found)
    else:  # step by step: by key is a walk all over the memory
        untouched = (kv for kv in map(live.__getitem__, keys) if kv[3] < first)
    del found
    yield from merge(untouched, sorted(older)) if older else untouched


def _from(segments: list[_Copy], compacted: int) -> Iterator[KeyRow]:
    return (kv for kvs, _ in segments for kv in kvs if kv[3] >= compacted)
