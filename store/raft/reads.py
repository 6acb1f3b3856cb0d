"""ReadIndex (6.4): linearizable reads without a log entry; all that wait share one round of heartbeats.

Must not count quorums or send anything. A read is safe at the commit index that the leader had when its round
was opened, once a majority has acknowledged a round that was sent after the read came in.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

Answer: TypeAlias = tuple[int, int | None]
"""(context, index to have applied), or (context, None): refused."""


class Reads:
    """Rounds count up within one leadership; the term in every message keeps those of another apart."""

    def __init__(self) -> None:
        self.round = 0
        self._waiting: list[int] = []
        self._open: deque[tuple[int, int, list[int]]] = deque()

    @property
    def waiting(self) -> bool:
        """Are there reads that no round carries yet?"""
        return bool(self._waiting)

    def add(self, context: int) -> None:
        self._waiting.append(context)

    def open(self, commit: int) -> int:
        """One round for all that wait, at this commit index; the Appends must carry its number."""
        self.round += 1
        self._open.append((self.round, commit, self._waiting))
        self._waiting = []
        return self.round

    def confirm(self, round: int) -> list[Answer]:
        """A majority acknowledged `round`, and so every earlier one."""
        answers: list[Answer] = []
        while self._open and self._open[0][0] <= round:
            _, index, contexts = self._open.popleft()
            answers.extend((context, index) for context in contexts)
        return answers

    def refuse(self) -> list[Answer]:
        """Leadership is lost: nobody gets an index any more."""
        contexts = [context for _, _, group in self._open for context in group] + self._waiting
        self._open.clear()
        self._waiting = []
        self.round = 0
        return [(context, None) for context in contexts]
