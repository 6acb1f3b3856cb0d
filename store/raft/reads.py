"""ReadIndex (6.4): linearizable reads without a log entry; all that wait share one round of heartbeats. And when the
newest round that a majority has answered was begun, which is what a lease is counted from (6.4.1).

Must not count quorums or send anything. A read is safe at the commit index that the leader had when its round
was opened, once a majority has acknowledged a round that was sent after the read came in.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TypeAlias

Answer: TypeAlias = tuple[int, int | None]
"""(context, index to have applied), or (context, None): refused."""

FIRST = 1
"""Round numbers start here: an Append of round 0 is of no round, and wants no answer."""


class Reads:
    """Rounds count up within one leadership; the term in every message keeps those of another apart."""

    def __init__(self) -> None:
        self.round = FIRST
        self.needed = FIRST
        """The newest round that reads wait for: followers must be sent it even if there is nothing else to send."""
        self.opened_at = -inf
        """When the newest round was opened: nothing that carries its number was sent before."""
        self.confirmed_at = -inf
        """The same of the newest round that a majority has answered."""
        self.waiting: list[int] = []
        """Reads that no round carries yet."""
        self._open: deque[tuple[int, float, int, list[int]]] = deque()

    @property
    def unconfirmed(self) -> bool:
        """Is there a round that no majority has answered yet?"""
        return bool(self._open)

    def add(self, context: int) -> None:
        self.waiting.append(context)

    def beat(self, now: float) -> None:
        """A round without reads, which goes out with whatever is sent next."""
        self.round += 1
        self.opened_at = now
        self._open.append((self.round, now, 0, []))

    def open(self, commit: int, now: float) -> None:
        """One round for all that wait, at this commit index; the Appends must carry its number."""
        self.round += 1
        self.needed = self.round
        self.opened_at = now
        self._open.append((self.round, now, commit, self.waiting))
        self.waiting = []

    def confirm(self, round: int) -> list[Answer]:
        """A majority acknowledged `round`, and so every earlier one."""
        answers: list[Answer] = []
        while self._open and self._open[0][0] <= round:
            _, self.confirmed_at, index, contexts = self._open.popleft()
            answers.extend((context, index) for context in contexts)
        return answers

    def forget_lease(self) -> None:
        """Another set of voters decides from now on: those who answered so far may not be a majority of it."""
        self.confirmed_at = -inf

    def refuse(self) -> list[Answer]:
        """Leadership is lost: nobody gets an index any more."""
        contexts = [context for *_, group in self._open for context in group] + self.waiting
        self._open.clear()
        self.waiting = []
        self.round = self.needed = FIRST
        self.opened_at = self.confirmed_at = -inf
        return [(context, None) for context in contexts]
