"""What waits inside a member: proposals for their log entry, reads for the proof that this member leads.

Must not know when either happens (store/member.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.errors import StatusError

Operation = list[Any]
"""[code, source, serial, *arguments]: store/commands.py."""


class Answers(Protocol):
    """The way back: `place` says to which request of a message."""

    def ok(self, place: int, body: Any) -> None: ...

    def error(self, place: int, error: StatusError) -> None: ...


class Proposal:
    """Operations of one message on their way into the log, with the place of each in its message. `answers` None: the
    member's own. `deadline` on the loop's clock, 0: none. `term` is that of its entry, once it has one."""

    __slots__ = ("answers", "deadline", "operations", "places", "term")

    def __init__(
        self, operations: list[Operation], places: list[int], answers: Answers | None, deadline: float = 0.0
    ) -> None:
        self.operations = operations
        self.places = places
        self.answers = answers
        self.deadline = deadline
        self.term = 0

    def refuse(self, error: StatusError) -> None:
        if self.answers is not None:
            for place in self.places:
                self.answers.error(place, error)

    def settle(self, results: list[Any]) -> None:
        """`results`: an answer's body, or a StatusError, for each operation."""
        answers = self.answers
        if answers is None:
            return
        for place, result in zip(self.places, results, strict=True):
            if isinstance(result, StatusError):
                answers.error(place, result)
            else:
                answers.ok(place, result)


@dataclass(slots=True)
class Read:
    """Linearizable reads of one message: `serve` answers them from the state, once that is new enough."""

    serve: Callable[[], None]
    refuse: Callable[[StatusError], None]
    deadline: float
