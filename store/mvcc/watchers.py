"""Watches over a key space: who is to be told what, in which order, from any revision that is not compacted.

Pure. Must not know streams or members: `collect` returns what is to be sent. There is one source of events, the
space's own history, so that a watcher that starts late, falls behind or survives a restore sees the same sequence as
one that was always there (etcd: synced and unsynced watchers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from store.mvcc.space import Space
from store.mvcc.values import Event, WatchBatch, within


@dataclass(slots=True)
class Watcher:
    """`next` is the revision from which on nothing has been sent yet. It may lie in the space's future."""

    id: int
    key: bytes
    end: bytes | None
    next: int
    prev: bool = False
    progress: bool = False


@dataclass(slots=True)
class Collected:
    """`batches`: by watcher id, in order. `cancelled`: (id, compacted revision), removed already. `behind`: there is
    more to send; call `collect` again when the loop has had its turn."""

    batches: list[tuple[int, WatchBatch]] = field(default_factory=list)
    cancelled: list[tuple[int, int]] = field(default_factory=list)
    behind: bool = False


class Watchers:
    """`chunk`: about how many events of history a watcher that is behind gets in one batch."""

    def __init__(self, chunk: int = 1000) -> None:
        self._chunk = chunk
        self._unsynced: dict[int, Watcher] = {}
        self._synced: dict[int, Watcher] = {}
        self._exact: dict[bytes, dict[int, Watcher]] = {}
        self._ranges: dict[int, Watcher] = {}
        self._seen = 0

    def __len__(self) -> int:
        return len(self._unsynced) + len(self._synced)

    def add(self, watcher: Watcher) -> None:
        """Its first batch comes from the next `collect`."""
        self._unsynced[watcher.id] = watcher

    def remove(self, id: int) -> None:
        """Unknown ids are fine."""
        if self._unsynced.pop(id, None) is None and id in self._synced:
            self._unfile(self._synced.pop(id))

    def reset(self) -> None:
        """The space was replaced by a snapshot: everybody finds his place in it anew."""
        for watcher in list(self._synced.values()):
            watcher.next = max(watcher.next, self._seen + 1)
            self._unfile(watcher)
            self._unsynced[watcher.id] = watcher
        self._synced.clear()

    def collect(self, space: Space) -> Collected:
        """What is to be sent now that the space is at its revision. Must be called before a compaction is applied."""
        result = Collected()
        if self._synced:
            self._collect_synced(space, result)
        self._seen = space.revision
        for watcher in list(self._unsynced.values()):
            self._catch_up(watcher, space, result)
        return result

    def _collect_synced(self, space: Space, result: Collected) -> None:
        if space.revision <= self._seen:
            return
        mine: dict[int, list[Event]] = {}
        for event in space.events_since(self._seen + 1):
            key = event.kv.key
            for id in self._exact.get(key, ()):
                mine.setdefault(id, []).append(event)
            for id, watcher in self._ranges.items():
                if within(key, watcher.key, watcher.end):
                    mine.setdefault(id, []).append(event)
        for id, watcher in self._synced.items():
            events: Sequence[Event] = mine.get(id, ())
            if watcher.next > self._seen + 1:  # it was told to start in the future
                events = [event for event in events if event.kv.mod_revision >= watcher.next]
            if events or (watcher.progress and watcher.next <= space.revision):
                result.batches.append((id, WatchBatch(space.revision, _events(watcher, events))))

    def _catch_up(self, watcher: Watcher, space: Space, result: Collected) -> None:
        if watcher.next < space.compacted:
            result.cancelled.append((watcher.id, space.compacted))
            del self._unsynced[watcher.id]
            return
        history = space.events_since(watcher.next, self._chunk)
        whole = not history or history[-1].kv.mod_revision == space.revision or len(history) < self._chunk
        reached = space.revision if whole else history[-1].kv.mod_revision
        events = [event for event in history if within(event.kv.key, watcher.key, watcher.end)]
        if events or (watcher.progress and reached >= watcher.next):
            result.batches.append((watcher.id, WatchBatch(reached, _events(watcher, events))))
        watcher.next = max(watcher.next, reached + 1)
        if whole:
            del self._unsynced[watcher.id]
            self._synced[watcher.id] = watcher
            self._file(watcher)
        else:
            result.behind = True

    def _file(self, watcher: Watcher) -> None:
        if watcher.end is None:
            self._exact.setdefault(watcher.key, {})[watcher.id] = watcher
        else:
            self._ranges[watcher.id] = watcher

    def _unfile(self, watcher: Watcher) -> None:
        if watcher.end is not None:
            del self._ranges[watcher.id]
            return
        same = self._exact[watcher.key]
        del same[watcher.id]
        if not same:
            del self._exact[watcher.key]


def _events(watcher: Watcher, events: Sequence[Event]) -> tuple[Event, ...]:
    return tuple(events) if watcher.prev else tuple(Event(event.kv, None) for event in events)
