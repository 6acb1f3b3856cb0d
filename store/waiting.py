"""What waits inside a member: proposals for their log entry, reads for the proof that this member leads.

Must not know when either happens (store/member.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    member's own. `deadline` on the loop's clock, 0: none. `term`: of the leadership that took them."""

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


class Batch:
    """The operations of one log entry, and whose they are."""

    __slots__ = ("operations", "owners", "term")

    def __init__(self, operations: list[Operation], owner: Proposal) -> None:
        self.operations = operations
        self.owners = [owner]
        self.term = 0

    def add(self, proposal: Proposal) -> None:
        self.operations = self.operations + proposal.operations
        self.owners.append(proposal)

    def refuse(self, error: StatusError) -> None:
        for proposal in self.owners:
            proposal.refuse(error)

    def settle(self, results: list[Any]) -> None:
        start = 0
        for proposal in self.owners:
            end = start + len(proposal.operations)
            proposal.settle(results if end - start == len(results) else results[start:end])
            start = end


class Waiting:
    """Batches by the index of their entry, and reads by their round. `pending`: operations under way, those included
    that are not in the log yet."""

    def __init__(self, name: str) -> None:
        self.pending = 0
        self._name = name
        self._batches: dict[int, Batch] = {}
        self._asked: dict[int, list[Read]] = {}
        self._confirmed: list[tuple[int, list[Read]]] = []

    def gather(self, proposals: Sequence[Proposal], most: int, now: float) -> list[Batch]:
        """All of a turn as one batch, or as few as `most` operations each allow. Those whose time is over are let
        fall."""
        batches: list[Batch] = []
        for proposal in proposals:
            count = len(proposal.operations)
            if 0 < proposal.deadline <= now:
                self.pending -= count
            elif batches and len(batches[-1].operations) + count <= most:
                batches[-1].add(proposal)
            else:
                batches.append(Batch(proposal.operations, proposal))
        return batches

    def refused(self, mine: Sequence[Proposal], error: StatusError) -> None:
        """They did not get into the log."""
        for proposal in mine:
            self.pending -= len(proposal.operations)
            proposal.refuse(error)

    def proposed(self, first: int, term: int, batches: Sequence[Batch]) -> None:
        """They are in the log, from index `first` on."""
        for index, batch in enumerate(batches, first):
            batch.term = term
            if index in self._batches:
                self._drop(index, "it was lost with an earlier leadership; it may still commit")
            self._batches[index] = batch

    def take(self, index: int) -> Batch | None:
        """What waited for that entry, which is committed now: settle it; or refuse it, if the entry's term is another
        than the batch's, for then it is certain that the batch never will be."""
        batch = self._batches.pop(index, None) if self._batches else None
        if batch is not None:
            self.pending -= len(batch.operations)
        return batch

    def installed(self, index: int) -> None:
        """A snapshot took the place of the entries up to there."""
        for waiting in [waiting for waiting in self._batches if waiting <= index]:
            self._drop(waiting, "what became of it is inside a snapshot; it may or may not have happened")

    def _drop(self, index: int, why: str) -> None:
        batch = self._batches.pop(index)
        self.pending -= len(batch.operations)
        batch.refuse(StatusError("Dropped", why))

    # ── reads ────────────────────────────────────────────────────────────────────────────────────────────────

    def asked(self, context: int, reads: list[Read]) -> None:
        self._asked[context] = reads

    def confirmed(self, context: int, index: int | None) -> None:
        """The round is over: serve when `index` is applied; None: refused, leadership is lost."""
        reads = self._asked.pop(context, [])
        if index is not None:
            self._confirmed.append((index, reads))
            return
        error = StatusError("NoQuorum", f"{self._name} no longer leads; the read was refused")
        for read in reads:
            read.refuse(error)

    def serve(self, applied: int, now: float) -> None:
        """Answer the reads that the applied state is new enough for."""
        if not self._confirmed:
            return
        later = []
        for index, reads in self._confirmed:
            if index > applied:
                later.append((index, reads))
                continue
            for read in reads:
                if not 0 < read.deadline <= now:
                    read.serve()
        self._confirmed = later
