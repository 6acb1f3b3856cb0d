"""The leader's view of one follower: what it has, what to send next, and how carefully.

Must not build messages (leading.py, sending.py) nor look at the log.

    probe      where the logs agree is not known: one Append with entries, then wait for the answer
    replicate  it is known: Appends follow each other without waiting, up to a window of Appends and of bytes
    snapshot   the follower needs what the log no longer has: chunks of a file, up to a window of chunks
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum


class Pace(StrEnum):
    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


PROBE, REPLICATE, SNAPSHOT = Pace
"""As `LEADER` in state.py."""


@dataclass(slots=True)
class Progress:
    """Indexes as in thesis figure 3.1 (matchIndex, nextIndex); times in seconds of the node's clock."""

    id: str
    next: int
    heard: float
    """When it last answered; at first, when we became leader."""
    sent: float
    """When anything was last sent to it."""
    seat: int = 0
    """The id of the disk whose answers count. Of a learner: of the one that answered last; 0: none yet."""
    voter: bool = True
    match: int = 0
    matched_in: int = 0
    """The newest read round when `match` was acknowledged."""
    lost: int = 0
    """It had acknowledged all up to there, and has lost it: nothing that it says counts any more. 0: nothing."""
    pace: Pace = PROBE
    paused: bool = False
    """Probing, and the one Append is under way."""
    due: bool = True
    """Something must be sent even if there is no news: the heartbeat."""
    inflight: deque[tuple[int, int]] = field(default_factory=deque)
    """Last index and bytes of each Append under way, while replicating."""
    inflight_bytes: int = 0
    round: int = 0
    """Newest read round it acknowledged."""
    round_sent: int = 0
    commit_sent: int = 0
    """Commit index that the Appends sent so far tell it, if they arrive."""
    snapshot_index: int = 0
    """The snapshot that is being sent; 0: none yet."""
    offset: int = 0
    """The next byte of it to send."""
    arrived: int = 0
    """It has all bytes before this one."""
    arrived_before: int = -1
    """The same at the last heartbeat."""
    rewound: bool = False
    """Bytes after `arrived` were sent again already."""

    def blocked(self, window: int, window_bytes: int) -> bool:
        """May no entries be sent now?"""
        if self.pace is PROBE:
            return self.paused
        return len(self.inflight) >= window or self.inflight_bytes >= window_bytes

    def sent_entries(self, last: int, size: int) -> None:
        """An Append with entries up to `last`, of so many bytes, is on its way."""
        if self.pace is PROBE:
            self.paused = True
        else:
            self.inflight.append((last, size))
            self.inflight_bytes += size
            self.next = last + 1

    def acked(self, index: int) -> bool:
        """The follower's log is ours up to `index`, durably. True if that is news."""
        news = index > self.match
        if news:
            self.match = index
            if index >= self.next:
                self.next = index + 1
        if self.pace is PROBE and index == self.match:
            self.replicate()
        inflight = self.inflight
        while inflight and inflight[0][0] <= index:
            self.inflight_bytes -= inflight.popleft()[1]
        return news

    def rejected(self, index: int, hint: int) -> None:
        """The follower has not what we have at `index`; the logs may agree at `hint`. Stale answers change nothing."""
        if self.pace is SNAPSHOT or index <= self.match:
            return
        if self.pace is PROBE and index != self.next - 1:
            return
        self.probe(min(index, hint + 1))

    def probe(self, following: int) -> None:
        self.pace = PROBE
        self.next = max(self.match + 1, following)
        self.paused = False
        self._nothing_sent()

    def replicate(self) -> None:
        """From what it certainly has."""
        self.pace = REPLICATE
        self.next = self.match + 1
        self._nothing_sent()

    def need_snapshot(self) -> None:
        self.pace = SNAPSHOT
        self.snapshot_index = 0
        self._nothing_sent()

    def _nothing_sent(self) -> None:
        self.commit_sent = 0
        self.inflight.clear()
        self.inflight_bytes = 0

    def lose(self) -> None:
        self.lost, self.match = self.match, 0

    # ── a snapshot ───────────────────────────────────────────────────────────────────────────────────────────

    def start_snapshot(self, index: int) -> None:
        self.snapshot_index = index
        self.offset = self.arrived = 0
        self.arrived_before = -1
        self.rewound = False

    def wants(self, offset: int) -> None:
        """It has all bytes before `offset`. The same said twice means that what follows was lost; less than before,
        that it was restarted or found the file damaged."""
        if offset > self.arrived:
            self.arrived, self.rewound = offset, False
            self.offset = max(self.offset, offset)
        elif offset < self.arrived:
            self.arrived = self.offset = offset
        elif not self.rewound:
            self.offset, self.rewound = offset, True

    def stalled(self, last: int) -> None:
        """A heartbeat is due: if nothing has arrived since the one before, send again, at least what is at `last`."""
        if self.arrived == self.arrived_before:
            self.offset = min(self.arrived, last)
        self.arrived_before = self.arrived
