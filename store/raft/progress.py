"""The leader's view of one follower: what it has, what to send next, and how carefully.

Must not build messages (leading.py) nor look at the log.

    probe      where the logs agree is not known: one Append with entries, then wait for the answer
    replicate  it is known: Appends follow each other without waiting, up to a window
    snapshot   the follower needs what the log no longer has
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum


class Pace(StrEnum):
    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


@dataclass(slots=True)
class Progress:
    """Indexes as in thesis figure 3.1 (matchIndex, nextIndex); times in seconds of the node's clock."""

    id: str
    next: int
    heard: float
    """When it last answered; at first, when we became leader."""
    sent: float
    """When anything was last sent to it."""
    match: int = 0
    pace: Pace = Pace.PROBE
    paused: bool = False
    """Probing, and the one Append is under way."""
    due: bool = True
    """Something must be sent even if there is no news: the heartbeat."""
    inflight: deque[int] = field(default_factory=deque)
    """Last index of each Append under way, while replicating."""
    round: int = 0
    """Newest read round it acknowledged."""
    round_sent: int = 0
    commit_sent: int = 0
    """Commit index that the Appends sent so far tell it, if they arrive."""
    snapshot_index: int = 0
    """The snapshot that is being sent; 0: none yet."""
    offset: int = 0
    chunk_due: bool = False

    def blocked(self, window: int) -> bool:
        """May no entries be sent now?"""
        if self.pace is Pace.PROBE:
            return self.paused
        return len(self.inflight) >= window

    def sent_entries(self, last: int) -> None:
        """An Append with entries up to `last` is on its way."""
        if self.pace is Pace.PROBE:
            self.paused = True
        else:
            self.inflight.append(last)
            self.next = last + 1

    def acked(self, index: int) -> bool:
        """The follower's log is ours up to `index`, durably. True if that is news."""
        news = index > self.match
        if news:
            self.match = index
            self.next = max(self.next, index + 1)
        if self.pace is Pace.PROBE and index == self.match:
            self.replicate()
        while self.inflight and self.inflight[0] <= index:
            self.inflight.popleft()
        return news

    def rejected(self, index: int, hint: int) -> None:
        """The follower has not what we have at `index`; the logs may agree at `hint`. Stale answers change nothing."""
        if self.pace is Pace.SNAPSHOT or index <= self.match:
            return
        if self.pace is Pace.PROBE and index != self.next - 1:
            return
        self.probe(min(index, hint + 1))

    def probe(self, following: int) -> None:
        self.pace = Pace.PROBE
        self.next = max(self.match + 1, following)
        self.paused = False
        self.commit_sent = 0
        self.inflight.clear()

    def replicate(self) -> None:
        """From what it certainly has."""
        self.pace = Pace.REPLICATE
        self.next = self.match + 1
        self.commit_sent = 0
        self.inflight.clear()

    def need_snapshot(self) -> None:
        self.pace = Pace.SNAPSHOT
        self.snapshot_index = 0
        self.inflight.clear()
