"""What an object may do, as sequential specifications: registers with read, write, compare-and-set and delete.

Must not search: a model says whether one operation may follow a state, nothing else. Locks and leases: tenures.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.history.record import Operation

State = Hashable


class Model(Protocol):
    """A sequential specification of one key. States are hashable values; `step` never changes its arguments."""

    def initial(self) -> State: ...

    def step(self, state: State, operation: Operation) -> tuple[bool, State]:
        """(may it happen here with this result, the state after it). An unknown outcome fits any result."""

    def describe(self, state: State) -> str:
        """The state in words, for explanations: "3"."""

    def passive(self, operation: Operation) -> bool:
        """If this answered operation may happen in a state and leaves it as it is, may it then as well happen there as
        at any later place? So for whatever only looks; not for a write, which may be of the value that is there."""

    def relevant(self, operations: Sequence[Operation]) -> list[int]:
        """Indexes of those that can matter: leaving the others out changes no verdict. All of them is always right."""


@dataclass(frozen=True, slots=True)
class CasRegister:
    """One value under read, write, compare-and-set and delete; `start` is what it holds before the first write; None
    is no such key."""

    start: Any = None

    def initial(self) -> State:
        start: State = self.start
        return start

    def step(self, state: State, operation: Operation) -> tuple[bool, State]:
        kind = operation.kind
        if kind == "read":
            return operation.outcome != "ok" or operation.result == state, state
        if kind == "write":
            return True, operation.value
        if kind == "delete":
            there = operation.result if operation.outcome == "ok" else None
            return there is None or there is (state is not None), None
        if kind != "cas":
            return False, state
        expected, new = operation.value
        equal = state == expected
        if operation.outcome == "ok" and operation.result is not equal:
            return False, state
        return True, new if equal else state

    def describe(self, state: State) -> str:
        return repr(state)

    def passive(self, operation: Operation) -> bool:
        return operation.kind in ("read", "cas") or operation.result is False

    def relevant(self, operations: Sequence[Operation]) -> list[int]:
        """Without writes of unknown outcome whose value nobody can have met.

        Such a write only hides a value, so an order with it stays legal without it: what followed it until the
        next write can have been no read and no swap. A compare-and-set that certainly found another value, and a
        delete that found one, are exceptions (the hidden value may be the one it met), so then all stay."""
        answered = [o for o in operations if o.outcome == "ok"]
        if any((o.kind, o.result) in (("cas", False), ("delete", True)) for o in answered):
            return list(range(len(operations)))
        met = {o.result for o in answered if o.kind == "read"} | {o.value[0] for o in operations if o.kind == "cas"}
        if any(o.kind == "delete" and o.result is False for o in answered):
            met.add(None)
        return [i for i, o in enumerate(operations) if not _unseen(o, met)]


def _unseen(operation: Operation, met: set[Any]) -> bool:
    hides = operation.outcome == "unknown" and operation.kind in ("write", "delete")
    return hides and operation.value not in met


class Register(CasRegister):
    """One value under read and write: a CasRegister that nobody compares."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class RevisionedKey:
    """One key of a revisioned key space (etcd: mod_revision). A write's result is the revision that it got, a
    read's is (value, revision) or None for no such key; compare-and-set compares revisions: value is
    (expected revision, new value), 0 for "does not exist", its result the new revision, or False.

    The state is (value, revision, exact): after a write of unknown outcome only a lower bound is known."""

    def initial(self) -> State:
        return (None, 0, True)

    def step(self, state: State, operation: Operation) -> tuple[bool, State]:
        assert isinstance(state, tuple)
        if operation.kind == "read":
            return self._read(state, operation)
        if operation.kind == "write":
            return self._put(state, operation, operation.value)
        if operation.kind != "cas":
            return False, state
        expected, new = operation.value
        if operation.outcome == "ok" and operation.result is False:
            return not (state[2] and state[1] == expected), state
        if not self._may_be(state, expected):
            return operation.outcome != "ok", state
        return self._put(state, operation, new)

    def _read(self, state: tuple[Any, ...], operation: Operation) -> tuple[bool, State]:
        if operation.outcome != "ok":
            return True, state
        if operation.result is None:
            return state == (None, 0, True), state
        value, revision = operation.result
        if value == state[0] and self._may_be(state, revision):
            return True, (value, revision, True)
        return False, state

    def _put(self, state: tuple[Any, ...], operation: Operation, value: Any) -> tuple[bool, State]:
        if operation.outcome != "ok":
            return True, (value, state[1] + 1, False)
        revision: int = operation.result
        later: bool = revision > state[1] or (not state[2] and revision == state[1])
        return later, (value, revision, True)

    @staticmethod
    def _may_be(state: tuple[Any, ...], revision: int) -> bool:
        return bool(state[1] == revision if state[2] else revision >= state[1])

    def describe(self, state: State) -> str:
        assert isinstance(state, tuple)
        value, revision, exact = state
        return f"{value!r} at revision {revision}{'' if exact else ' or later'}"

    def passive(self, operation: Operation) -> bool:
        return operation.kind != "write"

    def relevant(self, operations: Sequence[Operation]) -> list[int]:
        return list(range(len(operations)))
