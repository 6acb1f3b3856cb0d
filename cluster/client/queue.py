"""A work queue of keys: each waits at most once, is worked on by one worker at a time, and backs off after failures.

Pure: `now` (seconds of any steady clock) and dice come in. Must not sleep or start anything: its owner asks `get`,
and waits until `next_time`.

    Rule 1: a key that is added while it waits is one key.
    Rule 2: a key that is added while it is worked on waits until `done`, then is ready again.
    Rule 3: `add_after` only ever brings a key forward: the earliest time asked for counts (client-go: workqueue).
"""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random


class WorkQueue:
    """Ready keys come out in the order in which they became ready.

    `backoff_start`, `backoff_max`: seconds; the n-th failure in a row waits start * 2^(n-1), at most max, times a
    draw from [0.5, 1)."""

    def __init__(self, rng: Random, *, backoff_start: float = 0.005, backoff_max: float = 60.0) -> None:
        self._rng = rng
        self._start = backoff_start
        self._max = backoff_max
        self._ready: dict[str, None] = {}
        self._working: dict[str, None] = {}
        self._again: dict[str, None] = {}
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._count = 0

    def __len__(self) -> int:
        """Keys that are ready or will be: not those that are only being worked on."""
        waiting = sum(1 for key in self._due if key not in self._ready and key not in self._again)
        return len(self._ready) + len(self._again) + waiting

    def add(self, key: str) -> None:
        """Ready now, or as soon as its worker is done with it."""
        if key in self._working:
            self._again[key] = None
        else:
            self._ready[key] = None

    def add_after(self, key: str, now: float, seconds: float) -> None:
        """Ready at `now + seconds`, if nothing makes it ready earlier."""
        if seconds <= 0:
            self.add(key)
            return
        due = now + seconds
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._count += 1
            heappush(self._heap, (due, self._count, key))

    def add_backoff(self, key: str, now: float) -> float:
        """After a failure: ready again later, each time in a row twice as late. The seconds it will wait."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # 2.0 ** 1100 overflows; past the longest wait the exponent no longer matters.
        longest = min(self._max, self._start * 2.0 ** min(failures, 60))
        seconds = longest * self._rng.uniform(0.5, 1.0)
        self.add_after(key, now, seconds)
        return seconds

    def forget(self, key: str) -> None:
        """It went well: the next failure is the first."""
        self._failures.pop(key, None)

    def failures(self, key: str) -> int:
        """How often in a row it failed."""
        return self._failures.get(key, 0)

    def get(self, now: float) -> str | None:
        """A key to work on, or None; `done` must follow."""
        self._wake(now)
        if not self._ready:
            return None
        key = next(iter(self._ready))
        del self._ready[key]
        self._working[key] = None
        return key

    def done(self, key: str) -> None:
        """Its worker has finished, well or not."""
        self._working.pop(key, None)
        if key in self._again:
            del self._again[key]
            self._ready[key] = None

    def next_time(self, now: float) -> float | None:
        """When `get` may next have something: `now` if a key is ready, None if nothing waits at all."""
        if self._ready:
            return now
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heappop(self._heap)
        return max(now, self._heap[0][0]) if self._heap else None

    def working(self) -> list[str]:
        """Keys that are being worked on."""
        return list(self._working)

    def clear(self) -> None:
        """Forget everything: its owner no longer leads."""
        for part in (self._ready, self._working, self._again, self._failures, self._due):
            part.clear()
        self._heap.clear()

    def _wake(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heappop(self._heap)
            if self._due.get(key) == due:  # else it was brought forward, and this entry is stale
                del self._due[key]
                self.add(key)
