"""What a lock and a lease may do, as sequential specifications with time: both may lapse, but not too early.

Must not search. A promise of so many seconds counts from when it was asked for (the operation's start), divided by how
fast the fastest clock may run; from then on the object may have lapsed, whenever an answer needs that. An order that
has come to a lapse has come to that time: what had returned before cannot stand behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.history.models import Hints, State, no_hints
from cluster.history.record import Operation


def owner_of(value: Any) -> tuple[Any, float]:
    """(owner, seconds that it lasts) of an acquire's value; math.inf: it does not lapse."""
    if isinstance(value, tuple) and len(value) == 2:
        return value[0], float(value[1])
    return value, math.inf


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock under acquire, release and keepalive: held by one owner at a time. State: (None, or (owner, its
    seconds, when it may lapse at the earliest); the time to which lapses have brought it). `fastest`: rate of the
    fastest clock."""

    fastest: float = 1.0

    def initial(self) -> State:
        return None, -math.inf

    def step(self, state: State, operation: Operation) -> tuple[bool, State]:
        held, since = _parts(state)
        if operation.end < since or operation.kind not in ("acquire", "release", "keepalive"):
            return False, state
        if operation.kind == "acquire":
            legal, after = self._acquire(held, operation)
            lapsed = after is not held
        else:
            legal, after = self._holder(held, operation)
            lapsed = operation.result is False and after is not held
        return legal, (after, _since(held, since, lapsed=legal and lapsed))

    def _acquire(self, state: State, operation: Operation) -> tuple[bool, State]:
        if operation.outcome == "ok" and operation.result is False:
            return state is not None, state
        if state is not None and not _may_have_lapsed(state, operation):
            return operation.outcome != "ok", state
        owner, lasting = owner_of(operation.value)
        return True, (owner, lasting, operation.start + lasting / self.fastest)

    def _holder(self, state: State, operation: Operation) -> tuple[bool, State]:
        """Release and keepalive, which only the owner may."""
        assert state is None or isinstance(state, tuple)
        mine = state is not None and state[0] == operation.value
        if operation.outcome == "ok" and operation.result is False:
            if not mine:
                return True, state
            return (True, None) if _may_have_lapsed(state, operation) else (False, state)
        if not mine or state is None:
            return operation.outcome != "ok", state
        if operation.kind == "release":
            return True, None
        owner, lasting, due = state
        return True, (owner, lasting, max(due, operation.start + lasting / self.fastest))

    def describe(self, state: State) -> str:
        held, _ = _parts(state)
        if held is None:
            return "free"
        return f"held by {held[0]}" + ("" if held[2] == math.inf else f" until {held[2]:.3f} at least")

    def passive(self, operation: Operation) -> bool:
        return operation.result is False

    def hints(self, operations: Sequence[Operation]) -> Hints:
        return no_hints(operations)


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease under grant, keepalive, revoke, and reads of the key that is attached to it (None: gone). State: (None,
    or (its seconds, when it may end at the earliest); the time to which lapses have brought it). `fastest`: rate of
    the fastest clock."""

    fastest: float = 1.0

    def initial(self) -> State:
        return None, -math.inf

    def step(self, state: State, operation: Operation) -> tuple[bool, State]:
        held, since = _parts(state)
        if operation.end < since:
            return False, state
        legal, after = self._step(held, operation)
        gone = operation.result is False or (operation.kind == "read" and operation.result is None)
        lapses = operation.kind == "grant" or (operation.outcome == "ok" and gone)
        return legal, (after, _since(held, since, lapsed=legal and lapses and after is not held))

    def _step(self, state: State, operation: Operation) -> tuple[bool, State]:
        kind = operation.kind
        if kind == "grant":
            free = state is None or _may_have_lapsed(state, operation)
            lasting = float(operation.value)
            alive = (lasting, operation.start + lasting / self.fastest)
            return (True, alive) if free else (operation.outcome != "ok", state)
        if kind not in ("keepalive", "revoke", "read"):
            return False, state
        if operation.outcome != "ok":
            return True, self._unsure(state, operation)
        gone = operation.result is False or (kind == "read" and operation.result is None)
        if gone:
            return (True, None) if state is None or _may_have_lapsed(state, operation) else (False, state)
        if kind == "revoke":
            return state is not None or operation.result is None, None
        if state is None:
            return False, state
        return True, state if kind == "read" else self._kept(state, operation)

    def _unsure(self, state: State, operation: Operation) -> State:
        if operation.kind == "revoke":
            return None
        return self._kept(state, operation) if operation.kind == "keepalive" and state is not None else state

    def _kept(self, state: State, operation: Operation) -> State:
        assert isinstance(state, tuple)
        lasting, due = state
        return (lasting, max(due, operation.start + lasting / self.fastest))

    def describe(self, state: State) -> str:
        held, _ = _parts(state)
        return "gone" if held is None else f"alive until {held[1]:.3f} at least"

    def passive(self, operation: Operation) -> bool:
        return operation.kind == "read" or operation.result is False

    def hints(self, operations: Sequence[Operation]) -> Hints:
        return no_hints(operations)


def _parts(state: State) -> tuple[Any, float]:
    assert isinstance(state, tuple)
    held, since = state
    return held, since


def _since(held: Any, since: float, *, lapsed: bool) -> float:
    """The time to which an order has come: what lapsed did so when it might at the earliest, or later."""
    return max(since, held[-1]) if lapsed and held is not None else since


def _may_have_lapsed(state: State, operation: Operation) -> bool:
    assert isinstance(state, tuple)
    due: float = state[-1]
    return due <= operation.end
