"""How long a silence must be before it means something: an election timeout that learns from the delays it sees.

Pure. Must not decide what a silence means (state.py, leading.py), and is never shorter than the configured timeout.

On a calm machine a leader is heard every heartbeat, and the configured timeout stands. On a loaded one processes wait
for the CPU now and then for longer than that, and whoever takes each such wait for a failure elects for nothing. So the
longest delay of late is remembered (a silence that ended, less the heartbeat that was due anyway), and a silence
counts only if it is `MARGIN` times as long. Delays of processes have a heavy tail: the longest of late says more about
the next one than the mean and deviation do from which phi accrual (Hayashibara and others, 2004) and Dynatune (Shiozaki
and Nakamura, 2025) compute. What is remembered shrinks while it is calm. A silence longer than the cap was an outage,
not a delay: it teaches nothing, so that who was cut off or stopped for long is not slow to notice the next failure.

Why leases stay safe: a lease is counted from the configured timeout alone (leading.py), while a follower promises, and
waits, at least that long; longer promises break none.
"""

from __future__ import annotations

from math import inf

from store.raft.config import Config

MARGIN = 4.0
"""A delay so many times as long as the longest of late is no delay."""
CALM_SECONDS = 20.0
"""After so long without a delay worth remembering ..."""
FADING = 0.8
"""... what is remembered is so much of what it was: half of it in a minute, a tenth in three and a half."""


class Patience:
    """All in seconds of the member's own clock. `least`: the least election timeout now. `longest`: what a leader
    grants its followers: while delays are seen, as long as the longest wait that a follower may draw, so that it does
    not step down for a delay that they forgive."""

    __slots__ = (
        "_before",
        "_cap",
        "_configured",
        "_delay",
        "_heartbeat",
        "least",
        "longest",
        "notable",
        "review_at",
        "term",
    )

    def __init__(self, config: Config) -> None:
        self._configured = config.election_seconds
        self._heartbeat = config.heartbeat_seconds
        self._cap = config.election_seconds * config.patience
        self._delay = 0.0
        self.least = self.longest = config.election_seconds
        self.term = 0
        """Of the leader who spoke last."""
        self._before = (0, -inf)
        """The term of the one before, and when it spoke last."""
        self.review_at = inf
        """When `review` has something to do."""
        self.notable = inf
        """Silences up to this change nothing."""
        if config.patience > 1:
            self.notable = self._heartbeat + (self._configured - self._heartbeat) / (2 * MARGIN)

    def begin(self, term: int, heard: float) -> None:
        """A leader of another term speaks; the one before did last at `heard`: the silence between teaches nothing."""
        self._before = (self.term, heard)
        self.term = term

    def last_of(self, term: int) -> float:
        """When the leader before spoke last, if that is its term; else long ago."""
        return self._before[1] if term == self._before[0] else -inf

    def saw(self, silence: float, now: float) -> None:
        """Somebody who was believed to be there was silent for so long, and was there."""
        delay = silence - self._heartbeat
        if self.notable < silence <= self._cap and delay > self._delay:
            self.review_at = now + CALM_SECONDS
            self._remember(delay)

    def review(self, now: float) -> None:
        """At `review_at` or later: it has been calm."""
        while self.review_at <= now:
            self.review_at += CALM_SECONDS
            self._remember(self._delay * FADING)
            if self.longest <= self._configured:
                self._delay, self.review_at = 0.0, inf

    def _remember(self, delay: float) -> None:
        self._delay = delay
        wanted = min(self._heartbeat + MARGIN * delay, self._cap)
        self.least = max(self._configured, wanted)
        self.longest = max(self._configured, 2 * wanted)
