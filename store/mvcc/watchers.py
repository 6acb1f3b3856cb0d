"""Watches over a key space: who is to be told what, in which order, from any revision that is not compacted.

Pure. Must not know streams or members: `collect` returns what is to be sent. There is one source of events, the
space's own history, so that a watcher that starts late, falls behind or survives a restore sees the same sequence as
one that was always there (etcd: synced and unsynced watchers).

Watchers that have caught up and ask the same are one group, and a group's batch is made once for all of them, so that
it can also be packed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from store.mvcc.rows import EventRow
from store.mvcc.space import Space
from store.mvcc.values import prefix_end, within


@dataclass(slots=True)
class Watcher:
    """`next` is the revision from which on nothing has been sent yet. It may lie in the space's future. `progress`:
    say so when the revision has moved on without an event. `noput`, `nodelete`: leave such events out (etcd: filters).
    """

    id: int
    key: bytes
    end: bytes | None
    next: int
    prev: bool = False
    progress: bool = False
    noput: bool = False
    nodelete: bool = False

    def question(self) -> tuple[Any, ...]:
        """What it asks for: all but who, and since when."""
        return (self.key, self.end, self.prev, self.progress, self.noput, self.nodelete)


class Batch(NamedTuple):
    """A `WatchBatch` as rows, ready to be packed: all events up to and including `revision` that were not in an
    earlier batch; none: a progress notice."""

    revision: int
    events: list[EventRow]


@dataclass(slots=True)
class Collected:
    """`batches`: (watcher ids, what all of them get), in order. `cancelled`: (id, compacted revision), removed
    already. `behind`: there is more to send; call `collect` again when the loop has had its turn."""

    batches: list[tuple[tuple[int, ...], Batch]] = field(default_factory=list)
    cancelled: list[tuple[int, int]] = field(default_factory=list)
    behind: bool = False


class Group:
    """Watchers that have caught up and ask the same. `ids` is None while it has to be made anew."""

    __slots__ = ("_ids", "asks", "members")

    def __init__(self, asks: Watcher) -> None:
        self.asks = asks
        self.members: dict[int, Watcher] = {}
        self._ids: tuple[int, ...] | None = None

    @property
    def ids(self) -> tuple[int, ...]:
        if self._ids is None:
            self._ids = tuple(self.members)
        return self._ids

    def add(self, watcher: Watcher) -> None:
        self.members[watcher.id] = watcher
        self._ids = None

    def remove(self, id: int) -> None:
        del self.members[id]
        self._ids = None


class Watchers:
    """`chunk`: about how many events of history a watcher that is behind gets in one batch."""

    def __init__(self, chunk: int = 1000) -> None:
        self._chunk = chunk
        self._unsynced: dict[int, Watcher] = {}
        self._synced: dict[int, Watcher] = {}
        self._groups: dict[tuple[Any, ...], Group] = {}
        self._exact: dict[bytes, list[Group]] = {}
        self._prefixes: dict[int, dict[bytes, list[Group]]] = {}
        """By length: nearly all ranges are prefixes, and so each event finds its own by a few look-ups."""
        self._ranges: list[Group] = []
        self._seen = 0
        self._later: float = inf
        """The lowest `next` of unsynced watchers, if all of them start in the future."""

    def __len__(self) -> int:
        return len(self._unsynced) + len(self._synced)

    def add(self, watcher: Watcher) -> None:
        """Its first batch comes from the next `collect`."""
        self._unsynced[watcher.id] = watcher
        self._later = 0.0

    def remove(self, id: int) -> None:
        """Unknown ids are fine."""
        if self._unsynced.pop(id, None) is None:
            watcher = self._synced.pop(id, None)
            if watcher is not None:
                self._leave(watcher)

    def reset(self) -> None:
        """The space was replaced by a snapshot: everybody finds his place in it anew."""
        for watcher in self._synced.values():
            watcher.next = max(watcher.next, self._seen + 1)
            self._unsynced[watcher.id] = watcher
        self._synced.clear()
        self._groups.clear()
        self._exact.clear()
        self._prefixes.clear()
        self._ranges.clear()
        self._later = 0.0

    # ── what is owed ─────────────────────────────────────────────────────────────────────────────────────────

    def collect(self, space: Space) -> Collected:
        """What is to be sent now that the space is at its revision. Must be called before a compaction is applied."""
        result = Collected()
        if self._synced and space.revision > self._seen:
            self._collect_synced(space, result)
        self._seen = space.revision
        if self._unsynced and self._later <= space.revision + 1:
            self._collect_unsynced(space, result)
        return result

    def _collect_synced(self, space: Space, result: Collected) -> None:
        mine: dict[Group, list[EventRow]] = {}
        for event in space.rows_since(self._seen + 1):
            key = event[0][0]
            bare: EventRow | None = None
            for group in self._groups_of(key):
                asks = group.asks
                if (asks.nodelete or asks.noput) and (asks.noput if event[0][4] else asks.nodelete):
                    continue
                if asks.prev or event[1] is None:
                    told = event
                else:
                    told = bare = bare or (event[0], None)
                found = mine.get(group)
                if found is None:
                    mine[group] = [told]
                else:
                    found.append(told)
        revision = space.revision
        for group, events in mine.items():
            result.batches.append((group.ids, Batch(revision, events)))
        idle = [group for group in self._groups.values() if group.asks.progress and group not in mine]
        if idle:
            ids = idle[0].ids if len(idle) == 1 else tuple(id for group in idle for id in group.members)
            result.batches.append((ids, Batch(revision, [])))

    def _groups_of(self, key: bytes) -> Iterator[Group]:
        groups = self._exact.get(key)
        if groups is not None:
            yield from groups
        for length, prefixes in self._prefixes.items():
            groups = prefixes.get(key[:length])
            if groups is not None:
                yield from groups
        for group in self._ranges:
            if within(key, group.asks.key, group.asks.end):
                yield group

    def _collect_unsynced(self, space: Space, result: Collected) -> None:
        made: dict[tuple[Any, ...], tuple[list[int], Batch]] = {}
        read: dict[int, tuple[list[EventRow], int]] = {}
        for watcher in list(self._unsynced.values()):
            if watcher.next < space.compacted:
                result.cancelled.append((watcher.id, space.compacted))
                del self._unsynced[watcher.id]
                continue
            if watcher.next > space.revision + 1:
                continue
            start = watcher.next
            if start not in read:
                history = space.rows_since(start, self._chunk)
                whole = not history or history[-1][0][3] == space.revision or len(history) < self._chunk
                read[start] = (history, space.revision if whole else history[-1][0][3])
            history, reached = read[start]
            key = (start, *watcher.question())
            if key in made:
                made[key][0].append(watcher.id)
            else:
                made[key] = ([watcher.id], Batch(reached, list(_for(watcher, history))))
            watcher.next = reached + 1
            if reached == space.revision:
                del self._unsynced[watcher.id]
                self._join(watcher)
            else:
                result.behind = True
        for (start, *question), (ids, batch) in made.items():
            if batch.events or (question[3] and batch.revision >= start):
                result.batches.append((tuple(ids), batch))
        starts = (watcher.next for watcher in self._unsynced.values())
        self._later = min(starts, default=inf)

    # ── progress ─────────────────────────────────────────────────────────────────────────────────────────────

    def notice(self, id: int) -> Batch | None:
        """Progress on request: all up to this revision has been handed out to watcher `id`. None while that cannot be
        said because it is still behind (etcd: WatchProgressRequest)."""
        return Batch(self._seen, []) if id in self._synced else None

    def notices(self) -> tuple[tuple[int, ...], Batch]:
        """The same for all that are not behind."""
        return tuple(self._synced), Batch(self._seen, [])

    # ── groups ───────────────────────────────────────────────────────────────────────────────────────────────

    def _join(self, watcher: Watcher) -> None:
        self._synced[watcher.id] = watcher
        question = watcher.question()
        group = self._groups.get(question)
        if group is None:
            group = self._groups[question] = Group(watcher)
            self._shelf(watcher).append(group)
        group.add(watcher)

    def _leave(self, watcher: Watcher) -> None:
        group = self._groups[watcher.question()]
        group.remove(watcher.id)
        if group.members:
            return
        del self._groups[watcher.question()]
        shelf = self._shelf(watcher)
        shelf.remove(group)
        if shelf:
            return
        if watcher.end is None:
            del self._exact[watcher.key]
        elif shelf is not self._ranges:
            prefixes = self._prefixes[len(watcher.key)]
            del prefixes[watcher.key]
            if not prefixes:
                del self._prefixes[len(watcher.key)]

    def _shelf(self, watcher: Watcher) -> list[Group]:
        """Where its group stands."""
        if watcher.end is None:
            return self._exact.setdefault(watcher.key, [])
        if watcher.end == prefix_end(watcher.key):
            return self._prefixes.setdefault(len(watcher.key), {}).setdefault(watcher.key, [])
        return self._ranges


def _for(watcher: Watcher, history: Iterable[EventRow]) -> Iterator[EventRow]:
    for event in history:
        kv = event[0]
        if within(kv[0], watcher.key, watcher.end) and not (watcher.noput if kv[4] else watcher.nodelete):
            yield event if watcher.prev or event[1] is None else (kv, None)


def portions(batch: Batch, limit: int) -> Iterator[Batch]:
    """The batch in parts of about `limit` bytes at most; each revision's events stay together."""
    size = sum(len(kv[0]) + len(kv[1]) + (len(prev[1]) if prev else 0) for kv, prev in batch.events)
    if size <= limit:
        yield batch
        return
    size, part = 0, list[EventRow]()
    for event in batch.events:
        kv, prev = event
        if size > limit and kv[3] != part[-1][0][3]:
            yield Batch(part[-1][0][3], part)
            size, part = 0, []
        part.append(event)
        size += len(kv[0]) + len(kv[1]) + (len(prev[1]) if prev else 0)
    yield Batch(batch.revision, part)
