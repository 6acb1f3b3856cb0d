"""What a member has applied in this boot, as events for its watches. Pure.

Must not know streams. After a restart raftos applies its whole log anew, from the first entry on, so the history
becomes complete again, but not before somebody tells the member what is committed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from store.mvcc.values import Event, KeyValue, WatchBatch, within


class History:
    """`last`: the highest revision that was added."""

    def __init__(self) -> None:
        self.last = 1
        self._revisions: list[int] = []
        self._events: list[tuple[Event, ...]] = []
        self._now: dict[bytes, KeyValue] = {}

    def add(self, revision: int, kvs: Iterable[KeyValue]) -> None:
        """One command. A revision that is not above the last is left out: watchers were promised an order."""
        if revision <= self.last:
            return
        events = []
        for kv in kvs:
            before = self._now.get(kv.key)
            events.append(Event(kv, before if before is not None and before.version else None))
            self._now[kv.key] = kv
        self._revisions.append(revision)
        self._events.append(tuple(events))
        self.last = revision

    def since(self, revision: int, key: bytes, end: bytes | None, chunk: int = 500) -> Iterator[WatchBatch]:
        """What happened in the range from `revision` on, about `chunk` events a batch; the last batch may be empty."""
        part: list[Event] = []
        at = bisect_left(self._revisions, revision)
        for number, events in zip(self._revisions[at:], self._events[at:], strict=True):
            part.extend(event for event in events if within(event.kv.key, key, end))
            if len(part) >= chunk and number != self.last:
                yield WatchBatch(number, tuple(part))
                part = []
        if at < len(self._revisions):
            yield WatchBatch(self.last, tuple(part))
