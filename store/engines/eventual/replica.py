"""One replica's state, and every change that can be made to it: local transactions, others' writes, forgetting.

Pure. Must not know disks, peers or requests. Each change is also an item of the journal: `take` hands them over to be
stored, and `redo` of the same items in the same order gives the same replica, revisions and all. Nothing that a change
did may be shown to anybody before its items are durable; that is the shell's part.

Revisions are this replica's own order of applying. They are numbers with the replica's place as remainder modulo
`STRIDE`, so no two replicas give the same one, and a compare with another's resourceVersion fails instead of matching
by accident; and each is higher than all that was heard of when it was given (Lamport 1978), so they stay close.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cluster.errors import InvariantViolation, StatusError
from cluster.wire import pack
from store.engines.eventual import rows
from store.engines.eventual.clock import Clock
from store.engines.eventual.merkle import Tree
from store.engines.eventual.values import Conflict, Record, Stamp, Vector, conflict, join, merge, seen, written
from store.mvcc.space import Space
from store.mvcc.values import FOREVER, Compare, Delete, Op, Put, Range, RangeResult, TxnResult
from store.mvcc.watchers import Collected, Watchers
from store.sessions import Sessions

STRIDE = 16
BEGIN, COMMIT, MERGE, PURGE, COMPACT, REACH, SEEN = range(7)
"""Items: (BEGIN, identity), (COMMIT, revision, src, serial, dot, stamp, [(key, value)]), (MERGE, revision or 0,
record), (PURGE, keys, agreed), (COMPACT, revision), (REACH, revision), (SEEN, src, serial)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`index`: the replica's place among the members, below `STRIDE`. `grace`: seconds that a tombstone stays at
    least. `keep_revisions`: about so many changes stay readable (0: all)."""

    index: int
    max_ahead: float = 10.0
    grace: float = 3600.0
    keep_revisions: int = 10_000
    max_conflicts: int = 10_000
    watch_chunk: int = 1000


class Replica:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.space = Space()
        self.watchers = Watchers(rules.watch_chunk)
        self.tree = Tree()
        self.clock = Clock("", rules.max_ahead)
        self.records: dict[bytes, Record] = {}
        self.conflicts: dict[tuple[bytes, Stamp], Conflict] = {}
        self.dropped = 0
        self.heard = 0
        """The highest revision of another replica."""
        self.version = 0
        """Counts changes of the records."""
        self.dot = 0
        self.forgotten: Vector = ()
        self._tombstones: dict[bytes, int] = {}
        self._since: dict[bytes, tuple[Stamp, float]] = {}
        self._agreed: dict[str, int] = {}
        self._sessions = Sessions()
        self._items: list[Any] = []
        self._owed: list[Collected] = []
        self._changes: deque[int] = deque()

    @property
    def identity(self) -> str:
        """What its writes are signed with; "" before `begin`."""
        return self.clock.replica

    def begin(self, identity: str) -> None:
        """On an empty disk: nobody may have signed with this identity before."""
        self._do((BEGIN, identity))

    def take(self) -> list[Any]:
        """The items of all changes since the last call."""
        items, self._items = self._items, []
        return items

    def _do(self, item: Any) -> None:
        self._items.append(item)
        self.redo(item)

    def redo(self, item: Any) -> None:
        code = item[0]
        if code == COMMIT:
            _, revision, src, serial, dot, stamp, writes = item
            ops: list[Op] = [Delete(key) if value is None else Put(key, value) for key, value in writes]
            self._show(revision, ops)
            self._committed(src, serial, dot, Stamp(*stamp), writes)
        elif code == MERGE:
            self._merge(item[1], rows.record_of(item[2]))
        elif code == PURGE:
            self._purge(item[1], item[2])
        elif code == COMPACT:
            self._owed.append(self.watchers.collect(self.space))
            self.space.compact(item[1])
            while self.space.scrub():
                pass
            while self._changes and self._changes[0] < item[1]:
                self._changes.popleft()
        elif code == REACH:
            self.space.revision = item[1]
        elif code == SEEN:
            self._sessions.of(item[1]).first_time(item[2])
        else:
            self.clock = Clock(item[1], self.rules.max_ahead, self.clock.last)

    # ── what happens here ────────────────────────────────────────────────────────────────────────────────────

    def txn(
        self, origin: tuple[str, int], compares: Sequence[Compare], branches: Sequence[list[Op]], now: float
    ) -> Any:
        """A transaction on this replica's own state, at one new revision if it writes. `origin`: (client, serial).
        `branches`: success and failure. StatusError BadRequest; Dropped for one that has happened before."""
        src, serial = origin
        if self._sessions.happened(src, serial):
            raise StatusError("Dropped", f"operation {serial} of {src} has been seen before")
        space, before = self.space, self.space.revision
        revision = self._next()
        space.revision = revision - 1
        try:
            result = space.txn(compares, branches[0], branches[1])
        finally:
            wrote = space.revision == revision
            if not wrote:
                space.revision = before
        if not wrote:
            if any(type(op) is not Range for branch in branches for op in branch):
                # It was told that nothing happened; a second copy that comes after a restart must not do it then.
                self._do((SEEN, src, serial))
            return _dated(result, revision - 1, before)
        self._changes.append(revision)
        events = space.events_since(revision)
        writes = [(event.kv.key, None if event.deleted else event.kv.value) for event in events]
        stamp, dot = self.clock.tick(now), self.dot + 1
        self._items.append((COMMIT, revision, src, serial, dot, stamp, writes))
        self._committed(src, serial, dot, stamp, writes)
        return _dated(result, revision - 1, before)

    def _committed(self, src: str, serial: int, dot: int, stamp: Stamp, writes: Iterable[Any]) -> None:
        if src:
            self._sessions.of(src).first_time(serial)
        self.dot = dot
        self.clock.observe(stamp)
        for key, value in writes:
            old = self.records.get(key)
            vector = written(self.forgotten if old is None else old.vector, stamp.replica, dot)
            self._keep(Record(key, value, stamp, dot, vector))

    def compact(self, revision: int) -> None:
        """As etcd; only here, for others have other revisions. StatusError Compacted or FutureRevision."""
        self.space.check_readable(revision)
        if revision == self.space.compacted:
            raise StatusError("Compacted", f"revision {revision} is compacted", {"compacted": revision})
        self._do((COMPACT, revision))

    def shrink(self) -> None:
        """Compact, when there are enough old revisions to be worth it."""
        keep = self.rules.keep_revisions
        if keep and len(self._changes) > keep + keep // 4:
            self.compact(self._changes[-keep])

    def _next(self) -> int:
        last = max(self.space.revision, self.heard)
        return last + 1 + (self.rules.index - last - 1) % STRIDE

    def _show(self, revision: int, ops: Sequence[Op]) -> None:
        """Make the change visible in the key space, at that revision."""
        if revision <= self.space.revision:
            raise InvariantViolation(f"revision {revision} comes after {self.space.revision}")
        self.space.revision = revision - 1
        self.space.txn((), ops)
        self._changes.append(revision)

    # ── what happened elsewhere ──────────────────────────────────────────────────────────────────────────────

    def receive(self, records: Iterable[Record], now: float) -> list[tuple[bytes, Stamp]]:
        """Merge others' records. Those answered are tombstones that everybody is known to have: forget them."""
        settled = []
        for record in records:
            mine = self.records.get(record.key)
            if mine is None:
                if record.value is None and seen(self.forgotten, record.stamp.replica) >= record.dot:
                    settled.append((record.key, record.stamp))
                    continue
            elif mine.stamp >= record.stamp and join(mine.vector, record.vector) == mine.vector:
                continue
            if not self.clock.accept(record.stamp, now):
                continue
            wins = mine is None or record.stamp > mine.stamp
            visible = wins and not (record.value is None and (mine is None or mine.value is None))
            revision = self._next() if visible else 0
            self._items.append((MERGE, revision, record))
            self._merge(revision, record)
        return settled

    def _merge(self, revision: int, record: Record) -> None:
        self.clock.observe(record.stamp)
        mine = self.records.get(record.key)
        if mine is not None:
            lost = conflict(mine, record)
            if lost is not None:
                self.dropped += _name(self.conflicts, lost, self.rules.max_conflicts)
            merged = merge(mine, record)
        else:
            merged = record
        if revision:
            self._show(revision, [Delete(record.key) if record.value is None else Put(record.key, record.value)])
        self._keep(merged)

    def _keep(self, record: Record) -> None:
        self.version += 1
        self.records[record.key] = record
        self.tree.set(record.key, rows.digest_of(record))
        if record.value is None:
            self._tombstones[record.key] = self.version
        else:
            self._tombstones.pop(record.key, None)

    def reach(self) -> None:
        """Follow the others' revisions, in steps: who saw a list there must not wait here for ever."""
        revision = self.heard - self.heard % STRIDE + self.rules.index
        if self.heard // STRIDE > self.space.revision // STRIDE and revision > self.space.revision:
            self._do((REACH, revision))

    # ── forgetting ───────────────────────────────────────────────────────────────────────────────────────────

    def agreed(self, peer: str, version: int) -> None:
        """`peer`'s tree was seen equal to ours as of `version`: it knows all that we knew."""
        self._agreed[peer] = max(version, self._agreed.get(peer, 0))

    def forget(self, peers: Sequence[str], now: float) -> None:
        """Tombstones that have been looked at here for their grace and that every peer is known to have. Whoever still
        held the value that was deleted would not have agreed; the grace outlasts what is under way with it. `now` is
        monotonic."""
        known = min((self._agreed.get(peer, 0) for peer in peers), default=self.version)
        gone, since = [], {}
        for key, version in self._tombstones.items():
            stamp = self.records[key].stamp
            seen_first = self._since.get(key, (stamp, now))
            since[key] = seen_first if seen_first[0] == stamp else (stamp, now)
            if version <= known and now - since[key][1] >= self.rules.grace:
                gone.append(key)
        self._since = since
        if gone:
            self._do((PURGE, gone, True))

    def settled(self, names: Iterable[tuple[bytes, Stamp]]) -> None:
        """A peer has forgotten these tombstones because everybody has them; so may we."""
        gone = []
        for key, stamp in names:
            mine = self.records.get(key)
            if mine is not None and mine.value is None and mine.stamp == stamp:
                gone.append(key)
        if gone:
            self._do((PURGE, gone, False))

    def _purge(self, keys: Iterable[bytes], agreed: bool) -> None:
        """`agreed`: we ourselves saw every peer's tree equal to ours since, so that all transactions up to those in
        the tombstones' vectors are known here: writes from now on know of them. On a peer's word we cannot say so."""
        self.version += 1
        for key in keys:
            record = self.records.pop(key)
            if agreed:
                self.forgotten = join(self.forgotten, tuple((name, dot, 0) for name, dot, _ in record.vector))
            self.tree.set(key, 0)
            del self._tombstones[key]

    # ── as a whole ───────────────────────────────────────────────────────────────────────────────────────────

    def collect(self) -> list[Collected]:
        """What watchers are owed now, in order."""
        owed, self._owed = self._owed, []
        if self.watchers:
            owed.append(self.watchers.collect(self.space))
        return owed

    def digest(self) -> tuple[int, str]:
        """(own revision, digest of all live records): equal on replicas that have converged. Revisions, and
        tombstones, are each replica's own affair."""
        total = hashlib.blake2b(digest_size=16)
        for kv in self.space.walk(b"\0", FOREVER):
            total.update(pack(self.records[kv[0]]))
        return self.space.revision, total.hexdigest()

    def dump(self) -> bytes:
        sessions = [(src, floor, sorted(seen)) for src, floor, seen in self._sessions.taken()]
        records, conflicts = list(self.records.values()), list(self.conflicts.values())
        state = rows.State(
            self.identity,
            self.dot,
            self.clock.last,
            self.forgotten,
            records,
            conflicts,
            self.dropped,
            self.space.dump(),
            sessions,
        )
        return rows.state_bytes(state)

    def load(self, data: bytes) -> None:
        """Become the dumped state; only ever a new replica's first step."""
        state = rows.state_of(data)
        self.clock = Clock(state.identity, self.rules.max_ahead, state.last)
        self.dot, self.forgotten, self.dropped = state.dot, state.forgotten, state.dropped
        self.space = Space.load(state.space)
        self._sessions.load(state.sessions)
        self.conflicts = {(c.key, c.lost): c for c in state.conflicts}
        for record in state.records:
            live = self.space.get(record.key)
            if (live is None) != (record.value is None):
                raise InvariantViolation(f"{record.key!r} is in one of records and space only")
            self._keep(record if live is None else record._replace(value=live.value))
        self._changes.extend(dict.fromkeys(kv[3] for kv in state.space.events))


def _name(conflicts: dict[tuple[bytes, Stamp], Conflict], lost: Conflict, most: int) -> int:
    """Put it among those that are named; how many go for that."""
    known = conflicts.get((lost.key, lost.lost))
    if known is None or known.writes < lost.writes:
        conflicts[lost.key, lost.lost] = lost
    if len(conflicts) <= most:
        return 0
    del conflicts[next(iter(conflicts))]
    return 1


def _dated(result: TxnResult, made_up: int, before: int) -> TxnResult:
    """Reads that came before the first write happened at the revision that there was."""
    responses = tuple(
        replace(r, revision=before) if isinstance(r, RangeResult) and r.revision == made_up else r
        for r in result.responses
    )
    return TxnResult(before if result.revision == made_up else result.revision, result.succeeded, responses)
