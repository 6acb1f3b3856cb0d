"""The multi-version key space: every write makes a revision, and older revisions stay readable until compacted.

etcd's v3 semantics. Pure and deterministic: the same operations in the same order give the same state on every
member. Must not know raft, watchers or bytes on disk.

Kept are: of each key its newest version (a tombstone until that is compacted), in `_older` those that were
overwritten since the last compaction, and `_events`, all that happened since, for watches. They share their values.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from sortedcontainers import SortedList

from cluster.errors import InvariantViolation, StatusError
from store.mvcc.values import (
    FOREVER,
    Compare,
    Delete,
    DeleteResult,
    Event,
    KeyValue,
    Op,
    Put,
    PutResult,
    Range,
    RangeResult,
    Response,
    TxnResult,
)


class Dump(NamedTuple):
    """The whole space as plain values: `base` are the versions that were current before the oldest event, by key."""

    revision: int
    compacted: int
    base: list[KeyValue]
    events: list[KeyValue]


def _mod_revision(kv: KeyValue) -> int:
    return kv.mod_revision


def _event_revision(event: Event) -> int:
    return event.kv.mod_revision


class Space:
    """`revision` is that of the last write (1: none yet, as in etcd). Revisions below `compacted` are gone."""

    def __init__(self) -> None:
        self.revision = 1
        self.compacted = 0
        self._live: dict[bytes, KeyValue] = {}
        self._keys: SortedList = SortedList()
        self._dead: dict[bytes, KeyValue] = {}
        self._older: dict[bytes, list[KeyValue]] = {}
        self._events: list[Event] = []

    def __len__(self) -> int:
        return len(self._live)

    def get(self, key: bytes) -> KeyValue | None:
        return self._live.get(key)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────

    def range(self, query: Range, revision: int = 0) -> RangeResult:
        """Keys in order, as they were at `revision` (0: now). StatusError Compacted or FutureRevision."""
        if revision <= 0 or revision == self.revision:
            return self._range_now(query)
        self.check_readable(revision)
        found = self._at(query.key, query.end, revision)
        return _page(query, found, len(found), self.revision)

    def check_readable(self, revision: int) -> None:
        if revision > self.revision:
            text = f"revision {revision} does not exist yet, the newest is {self.revision}"
            raise StatusError("FutureRevision", text, {"revision": self.revision})
        if revision < self.compacted:
            raise compacted_error(revision, self.compacted)

    def _range_now(self, query: Range) -> RangeResult:
        live = self._live
        if query.end is None:
            kv = live.get(query.key)
            return _page(query, () if kv is None else (kv,), 0 if kv is None else 1, self.revision)
        low = self._keys.bisect_left(query.key)
        high = len(self._keys) if query.end == FOREVER else self._keys.bisect_left(query.end)
        count = max(0, high - low)
        if query.count_only or not count:
            return RangeResult(self.revision, (), count, False)
        stop = min(high, low + query.limit) if query.limit > 0 else high
        return _page(query, [live[key] for key in self._keys.islice(low, stop)], count, self.revision)

    def _at(self, key: bytes, end: bytes | None, revision: int) -> list[KeyValue]:
        """The live versions at an old revision, by key."""
        if end is None:
            keys: Iterable[bytes] = (key,)
        else:
            top = None if end == FOREVER else end
            gone = sorted(k for k in self._dead if k >= key and (top is None or k < top))
            alive = self._keys.irange(key, top, (True, False))
            keys = sorted([*alive, *gone]) if gone else alive
        found = []
        for name in keys:
            kv = self._live.get(name) or self._dead.get(name)
            if kv is not None and kv.mod_revision > revision:
                kv = self._old(name, revision)
            if kv is not None and kv.version:
                found.append(kv)
        return found

    def _old(self, key: bytes, revision: int) -> KeyValue | None:
        older = self._older.get(key, ())
        at = bisect_right(older, revision, key=_mod_revision)
        return older[at - 1] if at else None

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, key: bytes, value: bytes) -> int:
        """The new revision."""
        self.revision += 1
        self._put(key, value, self.revision)
        return self.revision

    def txn(self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult:
        """The branch that the compares choose, at one new revision if it writes anything. StatusError BadRequest for
        operations that `check_operations` refuses; then nothing has changed."""
        check_operations(compares, success, failure)
        succeeded = all(self._holds(compare) for compare in compares)
        revision = self.revision + 1
        wrote = False
        responses: list[Response] = []
        for op in success if succeeded else failure:
            if type(op) is Put:
                prev = self._put(op.key, op.value, revision)
                responses.append(PutResult(prev if op.prev else None))
                wrote = True
            elif type(op) is Delete:
                gone = self._delete(op, revision)
                responses.append(DeleteResult(len(gone), tuple(gone) if op.prev else ()))
                wrote = wrote or bool(gone)
            elif type(op) is Range:
                responses.append(replace(self._range_now(op), revision=revision if wrote else self.revision))
        if wrote:
            self.revision = revision
        return TxnResult(self.revision, succeeded, tuple(responses))

    def _put(self, key: bytes, value: bytes, revision: int) -> KeyValue | None:
        prev = self._live.get(key)
        if prev is None:
            kv = KeyValue(key, value, revision, revision, 1)
            self._keys.add(key)
            if self._dead:
                tombstone = self._dead.pop(key, None)
                if tombstone is not None:
                    self._older.setdefault(key, []).append(tombstone)
        else:
            kv = KeyValue(key, value, prev.create_revision, revision, prev.version + 1)
            older = self._older.get(key)
            if older is None:
                self._older[key] = [prev]
            else:
                older.append(prev)
        self._live[key] = kv
        self._events.append(Event(kv, prev))
        return prev

    def _delete(self, op: Delete, revision: int) -> list[KeyValue]:
        if op.end is None:
            kv = self._live.get(op.key)
            gone = [] if kv is None else [kv]
        else:
            top = None if op.end == FOREVER else op.end
            gone = [self._live[key] for key in self._keys.irange(op.key, top, (True, False))]
        for kv in gone:
            del self._live[kv.key]
            self._keys.remove(kv.key)
            self._older.setdefault(kv.key, []).append(kv)
            tombstone = KeyValue(kv.key, b"", 0, revision, 0)
            self._dead[kv.key] = tombstone
            self._events.append(Event(tombstone, kv))
        return gone

    def _holds(self, compare: Compare) -> bool:
        kv = self._live.get(compare.key)
        actual: bytes | int
        if compare.target == "value":
            if kv is None:
                return False
            actual = kv.value
        elif kv is None:
            actual = 0
        elif compare.target == "version":
            actual = kv.version
        else:
            actual = kv.create_revision if compare.target == "create" else kv.mod_revision
        operand = compare.operand
        if compare.op == "=":
            return actual == operand
        if compare.op == "!=":
            return actual != operand
        return actual < operand if compare.op == "<" else actual > operand  # type: ignore[operator]

    # ── history ──────────────────────────────────────────────────────────────────────────────────────────────

    def events_since(self, revision: int, limit: int = 0) -> Sequence[Event]:
        """Events from `revision` on, in order; with `limit` about so many, but always whole revisions. StatusError
        Compacted. Events at the compacted revision itself are still there."""
        if revision < self.compacted:
            raise compacted_error(revision, self.compacted)
        events = self._events
        if not events or events[-1].kv.mod_revision < revision:
            return ()
        start = bisect_left(events, revision, key=_event_revision)
        if not limit or len(events) - start <= limit:
            return events[start:]
        stop = bisect_right(events, events[start + limit - 1].kv.mod_revision, key=_event_revision)
        return events[start:stop]

    def compact(self, revision: int) -> int:
        """Forget all that was overwritten or deleted before `revision`; how many versions went. StatusError
        Compacted or FutureRevision (etcd: Compact)."""
        if revision > self.revision:
            raise StatusError(
                "FutureRevision", f"revision {revision} does not exist yet, the newest is {self.revision}"
            )
        if revision <= self.compacted:
            raise compacted_error(revision, self.compacted)
        cut = bisect_left(self._events, revision, key=_event_revision)
        past, self._events = self._events[:cut], self._events[cut:]
        touched = dict.fromkeys(event.kv.key for event in past)
        # What `revision` itself wrote stays, but what was there before it goes.
        for at, event in enumerate(self._events):
            if event.kv.mod_revision > revision:
                break
            touched[event.kv.key] = None
            self._events[at] = Event(event.kv, None)
        self.compacted = revision
        return sum(self._forget(key, revision) for key in touched)

    def _forget(self, key: bytes, revision: int) -> int:
        """Keep of `key` what is visible at `revision` or later. A tombstone goes only below `revision`, for its
        event is kept (a watcher from `revision` on must see it)."""
        gone = 0
        older = self._older.get(key)
        if older is not None:
            newest = self._live.get(key) or self._dead[key]
            if newest.mod_revision <= revision:
                keep = len(older)
            else:
                keep = max(0, bisect_right(older, revision, key=_mod_revision) - 1)
                if keep < len(older) and not older[keep].version and older[keep].mod_revision < revision:
                    keep += 1
            gone = keep
            del older[:keep]
            if not older:
                del self._older[key]
        dead = self._dead.get(key)
        if dead is not None and dead.mod_revision < revision:
            del self._dead[key]
            gone += 1
        return gone

    # ── as a whole ───────────────────────────────────────────────────────────────────────────────────────────

    def dump(self) -> Dump:
        """Everything, as values that `load` takes back: same revisions, same history."""
        first = self._events[0].kv.mod_revision if self._events else self.revision + 1
        base = [kv for kv in self._live.values() if kv.mod_revision < first]
        for older in self._older.values():
            base.extend(kv for kv in older if kv.mod_revision < first)
        base.sort()
        return Dump(self.revision, self.compacted, base, [event.kv for event in self._events])

    @classmethod
    def load(cls, dump: Dump) -> Space:
        space = cls()
        space.revision, space.compacted = dump.revision, dump.compacted
        space._live = {kv.key: kv for kv in dump.base}
        if len(space._live) != len(dump.base):
            raise InvariantViolation(f"{len(dump.base) - len(space._live)} keys of a dump have two first versions")
        for kv in dump.events:
            prev = space._live.get(kv.key)
            before = prev or space._dead.pop(kv.key, None)
            if before is not None:
                space._older.setdefault(kv.key, []).append(before)
            if kv.version:
                space._live[kv.key] = kv
            else:
                space._live.pop(kv.key, None)
                space._dead[kv.key] = kv
            space._events.append(Event(kv, prev))
        space._keys = SortedList(space._live)
        return space


def check_operations(compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> None:
    """StatusError BadRequest for what cannot be meant: empty keys, unknown comparisons, and one key written twice in a
    branch (etcd: duplicate key given in txn request)."""
    for compare in compares:
        if compare.target not in ("value", "version", "create", "mod") or compare.op not in ("=", "!=", "<", ">"):
            raise StatusError("BadRequest", f"unknown comparison {compare.target!r} {compare.op!r}")
        if type(compare.operand) is not (bytes if compare.target == "value" else int):
            raise StatusError("BadRequest", f"{compare.target} is compared with {type(compare.operand).__name__}")
    for branch in (success, failure):
        if len(branch) == 1:
            if not branch[0].key:
                raise StatusError("BadRequest", "a key is empty")
        elif branch:
            _check_branch(branch)


def _check_branch(branch: Sequence[Op]) -> None:
    if not all(op.key for op in branch):
        raise StatusError("BadRequest", "a key is empty")
    puts = sorted(op.key for op in branch if type(op) is Put)
    for left, right in zip(puts, puts[1:], strict=False):
        if left == right:
            raise StatusError("BadRequest", f"key {left!r} is put twice in one transaction")
    for op in branch:
        if type(op) is Delete and puts:
            at = bisect_left(puts, op.key)
            hit = at < len(puts) and (puts[at] == op.key if op.end is None else op.end == FOREVER or puts[at] < op.end)
            if hit:
                raise StatusError("BadRequest", f"key {puts[at]!r} is put and deleted in one transaction")


def compacted_error(revision: int, compacted: int) -> StatusError:
    text = f"revision {revision} is compacted, the oldest is {compacted}"
    return StatusError("Compacted", text, {"compacted": compacted})


def _page(query: Range, kvs: Sequence[KeyValue], count: int, revision: int) -> RangeResult:
    if query.count_only:
        return RangeResult(revision, (), count, False)
    if 0 < query.limit < len(kvs):
        kvs = kvs[: query.limit]
    if query.keys_only:
        kvs = [kv._replace(value=b"") for kv in kvs]
    return RangeResult(revision, tuple(kvs), count, len(kvs) < count)
