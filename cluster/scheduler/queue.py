"""Pods that wait for a node: ready to be tried, held back after a failure, or waiting for the cluster to change.

Must not know nodes or filters. Times are the caller's, in seconds on one monotonic clock.

    active          by priority, then by when it came in
    backoff         failed a moment ago; 1, 2, 4 ... seconds, at most `backoff_max`
    unschedulable   fits nowhere; woken by `cluster_changed`, or after `retry` seconds at the latest
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush


@dataclass(slots=True)
class _Entry:
    key: str
    priority: int
    since: float
    """When it came in first: its place among equals."""
    order: int
    attempts: int = 0
    failed_at: float = 0.0
    where: str = "active"
    """active, backoff, unschedulable, or trying."""
    changes: int = 0
    """The count of cluster changes when it was taken out to be tried."""
    deadline: float = 0.0


class SchedulingQueue:
    def __init__(self, *, backoff_start: float, backoff_max: float, retry: float) -> None:
        self._backoff_start = backoff_start
        self._backoff_max = backoff_max
        self._retry = retry
        self._entries: dict[str, _Entry] = {}
        self._active: list[tuple[int, float, int, _Entry]] = []
        self._held: list[tuple[float, int, _Entry]] = []
        self._unschedulable: dict[str, _Entry] = {}
        self._changes = 0
        self._order = 0

    def __len__(self) -> int:
        return len(self._entries)

    def counts(self) -> dict[str, int]:
        """Pods by where they are: active, backoff, unschedulable, trying."""
        result = {"active": 0, "backoff": 0, "unschedulable": 0, "trying": 0}
        for entry in self._entries.values():
            result[entry.where] += 1
        return result

    def add(self, key: str, priority: int, now: float) -> None:
        """A new pod; nothing if it is known."""
        if key not in self._entries:
            self._order += 1
            entry = self._entries[key] = _Entry(key, priority, now, self._order)
            self._activate(entry)

    def updated(self, key: str, priority: int, now: float) -> None:
        """Its spec or labels changed: one that fits nowhere is worth another look; an unknown one is added."""
        entry = self._entries.get(key)
        if entry is None:
            self.add(key, priority, now)
            return
        entry.priority = priority
        if entry.where == "unschedulable":
            self._wake(entry, now)

    def remove(self, key: str) -> None:
        """Bound, deleted, or not ours any more."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._unschedulable.pop(key, None)
            entry.where = "gone"

    def pop(self, now: float) -> str | None:
        """The next pod to try, None if none is ready. It stays known until it is removed or has failed."""
        self._release(now)
        while self._active:
            _, _, _, entry = heappop(self._active)
            if entry.where == "active":
                entry.where, entry.changes = "trying", self._changes
                entry.attempts += 1
                return entry.key
        return None

    def fits_nowhere(self, key: str, now: float) -> None:
        """It waits for a change; if there was one while it was tried, it is only held back."""
        entry = self._entries.get(key)
        if entry is None or entry.where != "trying":
            return
        entry.failed_at = now
        if entry.changes != self._changes:
            self._hold(entry, now)
            return
        entry.where = "unschedulable"
        entry.deadline = now + self._retry
        self._unschedulable[key] = entry
        heappush(self._held, (entry.deadline, self._next(), entry))

    def failed(self, key: str, now: float) -> None:
        """Trying it went wrong for another reason (its binding was refused): again after its backoff."""
        entry = self._entries.get(key)
        if entry is not None and entry.where == "trying":
            entry.failed_at = now
            self._hold(entry, now)

    def cluster_changed(self, now: float) -> None:
        """There may be room now: everything that fits nowhere is tried again, after its backoff."""
        self._changes += 1
        waiting, self._unschedulable = self._unschedulable, {}
        for entry in waiting.values():
            self._wake(entry, now)

    def next_deadline(self) -> float | None:
        """When `pop` may first give something, if it gives nothing now."""
        while self._held and not _is_due(self._held[0]):
            heappop(self._held)
        return self._held[0][0] if self._held else None

    def _release(self, now: float) -> None:
        while self._held and self._held[0][0] <= now:
            item = heappop(self._held)
            if _is_due(item):
                self._unschedulable.pop(item[2].key, None)
                self._activate(item[2])

    def _wake(self, entry: _Entry, now: float) -> None:
        self._unschedulable.pop(entry.key, None)
        self._hold(entry, now)

    def _hold(self, entry: _Entry, now: float) -> None:
        until = entry.failed_at + self._backoff(entry.attempts)
        if until <= now:
            self._activate(entry)
            return
        entry.where, entry.deadline = "backoff", until
        heappush(self._held, (until, self._next(), entry))

    def _backoff(self, attempts: int) -> float:
        return min(self._backoff_start * 2.0 ** min(attempts - 1, 32), self._backoff_max)

    def _activate(self, entry: _Entry) -> None:
        entry.where = "active"
        heappush(self._active, (-entry.priority, entry.since, entry.order, entry))

    def _next(self) -> int:
        self._order += 1
        return self._order


def _is_due(item: tuple[float, int, _Entry]) -> bool:
    """Whether the entry still waits for this very deadline (it may have moved on)."""
    deadline, _, entry = item
    return entry.where in ("backoff", "unschedulable") and entry.deadline == deadline
