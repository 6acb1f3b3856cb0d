"""A hybrid logical clock: near the wall's time, never backwards, always after what has been seen.

Pure: the wall's time comes in. Must not trust others' time without bound: a stamp too far ahead is refused, or one
machine with a wrong clock would win every key for years. (Kulkarni et al. 2014, Logical Physical Clocks.)
"""

from __future__ import annotations

from store.engines.eventual.values import ZERO, Stamp

MICROSECONDS = 1_000_000


class Clock:
    """`replica` signs the stamps. `max_ahead`: seconds by which another's stamp may be ahead of our wall."""

    def __init__(self, replica: str, max_ahead: float, last: Stamp = ZERO) -> None:
        self.replica = replica
        self.last = last
        self.refused = 0
        """Stamps that were too far ahead."""
        self._max_ahead = int(max_ahead * MICROSECONDS)

    def tick(self, now: float) -> Stamp:
        """The stamp of an event here, greater than all before. `now`: the wall's seconds, however skewed."""
        wall = max(self.last.wall, int(now * MICROSECONDS))
        logical = self.last.logical + 1 if wall == self.last.wall else 0
        self.last = Stamp(wall, logical, self.replica)
        return self.last

    def accept(self, stamp: Stamp, now: float) -> bool:
        """Take note of another's stamp, so that what happens here from now on is after it. False: refused."""
        if stamp.wall > int(now * MICROSECONDS) + self._max_ahead and stamp > self.last:
            self.refused += 1
            return False
        self.observe(stamp)
        return True

    def observe(self, stamp: Stamp) -> None:
        """A stamp that was accepted before (out of our own journal)."""
        self.last = max(self.last, stamp)
