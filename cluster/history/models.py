"""What an object may do, as sequential specifications: registers with read, write, compare-and-set and delete.

Must not search: a model says whether one operation may follow a state, nothing else. Locks and leases: tenures.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.history.record import Operation

State = Hashable


class Nothing:
    """No state: of an operation that does not see or make a known one."""


NOTHING = Nothing()


@dataclass(frozen=True, slots=True)
class Hints:
    """What the search may rely on to be quick; one entry for each operation, in their order. `sees`: the only state in
    which it may happen with its answer. `makes`: the state that it leaves, if it changes anything. Both `NOTHING` where
    that depends. `idle`: of unknown outcome, and nobody can have met what it makes: it may only ever be needed in a
    state of `shaken`, to hide it."""

    sees: Sequence[State | Nothing]
    makes: Sequence[State | Nothing]
    idle: Sequence[bool]
    shaken: frozenset[State] = frozenset()


def no_hints(operations: Sequence[Operation]) -> Hints:
    nothing = [NOTHING] * len(operations)
    return Hints(nothing, nothing, [False] * len(operations))


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

    def hints(self, operations: Sequence[Operation]) -> Hints:
        """What is known of these operations beyond `step`; `no_hints` is always right."""


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

    def hints(self, operations: Sequence[Operation]) -> Hints:
        """A write of unknown outcome whose value nobody can have met only hides a value: an order with it stays legal
        without it: what followed it until the next write can have been no read and no swap. A compare-and-set that
        certainly found another value, and a delete that found one, are exceptions: the hidden value may be the one
        that they did not find."""
        answered = [o for o in operations if o.outcome == "ok"]
        met = {o.result for o in answered if o.kind == "read"} | {o.value[0] for o in operations if o.kind == "cas"}
        if any(o.kind == "delete" and o.result is False for o in answered):
            met.add(None)
        shaken = {o.value[0] for o in answered if o.kind == "cas" and o.result is False}
        if any(o.kind == "delete" and o.result is True for o in answered):
            shaken.add(None)
        sees, makes = zip(*map(_sees_and_makes, operations), strict=True) if operations else ((), ())
        return Hints(sees, makes, [_unseen(o, met) for o in operations], frozenset(shaken))


def _sees_and_makes(o: Operation) -> tuple[State | Nothing, State | Nothing]:
    answered = o.outcome == "ok"
    if o.kind == "read":
        return (o.result if answered else NOTHING), NOTHING
    if o.kind == "write":
        return NOTHING, o.value
    if o.kind == "delete":
        return (None if answered and o.result is False else NOTHING), None
    if answered and o.result is False:
        return NOTHING, NOTHING
    return (o.value[0] if answered else NOTHING), o.value[1]


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

    def hints(self, operations: Sequence[Operation]) -> Hints:
        return no_hints(operations)
