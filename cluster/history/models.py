"""What an object may do, as sequential specifications: registers with read, write and compare-and-set.

Must not search or know time: a model says whether one operation may follow a state, nothing else.
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

    def relevant(self, operations: Sequence[Operation]) -> list[Operation]:
        """Those that can matter: leaving the others out changes no verdict. All of them is always right."""


@dataclass(frozen=True, slots=True)
class CasRegister:
    """One value under read, write and compare-and-set; `start` is what it holds before the first write."""

    start: Any = None

    def initial(self) -> State:
        start: State = self.start
        return start

    def step(self, state: State, operation: Operation) -> tuple[bool, State]:
        if operation.kind == "read":
            return operation.outcome != "ok" or operation.result == state, state
        if operation.kind == "write":
            return True, operation.value
        expected, new = operation.value
        equal = state == expected
        if operation.outcome == "ok" and operation.result is not equal:
            return False, state
        return True, new if equal else state

    def describe(self, state: State) -> str:
        return repr(state)

    def relevant(self, operations: Sequence[Operation]) -> list[Operation]:
        """Without writes of unknown outcome whose value nobody can have met.

        Such a write only hides a value, so an order with it stays legal without it: what followed it until the
        next write can have been no read and no swap. A compare-and-set that certainly found another value is the
        exception (the hidden value may be the one it did not find), so then all stay."""
        if any(o.kind == "cas" and o.outcome == "ok" and o.result is False for o in operations):
            return list(operations)
        met = {o.result for o in operations if o.kind == "read" and o.outcome == "ok"}
        met |= {o.value[0] for o in operations if o.kind == "cas"}
        return [o for o in operations if not (o.outcome == "unknown" and o.kind == "write" and o.value not in met)]


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

    def relevant(self, operations: Sequence[Operation]) -> list[Operation]:
        return list(operations)
