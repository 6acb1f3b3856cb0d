"""Is there one order of all operations that explains what every client saw? The search of Wing, Gong and Lowe.

Must not know where histories come from. A clock, if the budget has one, is handed in.

Each key is searched on its own (linearizability is local: Herlihy and Wing 1990). At every step the candidates are
the operations that no other, still open one must precede; a configuration (what is done, the state) is visited once
(Lowe 2017). Operations of unknown outcome are optional: they may take effect at any time after their start, or never;
a configuration that was reached with fewer of them makes the same one with more superfluous. Intervals are
closed: one that returns at the very time another is called overlaps it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cluster.history.models import CasRegister, Model, State
from cluster.history.record import Operation

Outcome = Literal["ok", "illegal", "unknown"]


@dataclass(frozen=True, slots=True)
class Budget:
    """Per key. `steps` of the model; `seconds` on `clock` if there is one (looked at every 1,000 steps)."""

    steps: int = 2_000_000
    seconds: float = math.inf
    clock: Callable[[], float] | None = None


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """`order`: ok: a legal order of all that counts; else the longest legal prefix found. `stuck`: the operation
    that fits nowhere after it. `message`: one sentence for people. `steps`: what it took."""

    key: str
    outcome: Outcome
    order: tuple[Operation, ...]
    stuck: Operation | None
    message: str
    steps: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Illegal if any key is, else unknown if any key is, else ok. `keys` in the order of the keys' names."""

    outcome: Outcome
    keys: tuple[KeyVerdict, ...]

    @property
    def message(self) -> str:
        told = [v.message for v in self.keys if v.outcome == self.outcome != "ok"]
        return "; ".join(told) or f"linearizable: {sum(len(v.order) for v in self.keys)} operations"


def check(history: Iterable[Operation], model: Model | None = None, budget: Budget | None = None) -> Verdict:
    """The verdict over all keys; the model is a CasRegister that starts with None unless given.

    Give it only what claims to be linearizable: serializable reads are for the session checkers."""
    model = model or CasRegister()
    budget = budget or Budget()
    by_key: dict[str, list[Operation]] = {}
    for operation in history:
        by_key.setdefault(operation.key, []).append(operation)
    keys = tuple(_check_key(key, by_key[key], model, budget) for key in sorted(by_key))
    outcomes = [v.outcome for v in keys]
    outcome: Outcome = "illegal" if "illegal" in outcomes else "unknown" if "unknown" in outcomes else "ok"
    return Verdict(outcome, keys)


def _check_key(key: str, operations: Sequence[Operation], model: Model, budget: Budget) -> KeyVerdict:
    counts = [o for o in operations if o.outcome == "ok" or (o.outcome == "unknown" and o.kind != "read")]
    search = _Search(model, model.relevant(counts), budget)
    outcome = search.run()
    order = tuple(search.best)
    if outcome == "ok":
        return KeyVerdict(key, outcome, order, None, f'"{key}": {len(order)} operations in a legal order', search.steps)
    total = len(search.required)
    done = sum(1 for o in order if o.outcome == "ok")
    if outcome == "unknown":
        message = f'"{key}": no verdict after {search.steps} steps; {done} of {total} operations fit so far'
        return KeyVerdict(key, outcome, order, None, message, search.steps)
    stuck = search.stuck()
    message = _explain(key, stuck, done, total, [model.describe(state) for state in search.best_states])
    return KeyVerdict(key, outcome, order, stuck, message, search.steps)


def _explain(key: str, stuck: Operation, done: int, total: int, states: list[str]) -> str:
    held = " or ".join(sorted(set(states))[:4])
    return (
        f'"{key}" is not linearizable: {stuck.sentence()} fits nowhere; '
        f"the longest legal order has {done} of {total} operations and leaves the value {held}"
    )


@dataclass(slots=True)
class _Frame:
    """One configuration on the path, and the candidates that are still to be tried from it."""

    low: int
    """Every required operation below it is done."""
    done: int
    """Bits of required operations from `low` on."""
    used: int
    """Bits of optional operations."""
    state: State
    candidates: list[int]
    """Indexes of required ones; of optional ones shifted past them. Tried from the end."""


class _Search:
    def __init__(self, model: Model, operations: Sequence[Operation], budget: Budget) -> None:
        self.required = sorted((o for o in operations if o.outcome == "ok"), key=lambda o: (o.start, o.end))
        self.optional = sorted((o for o in operations if o.outcome != "ok"), key=lambda o: o.start)
        self.best: list[Operation] = []
        self.best_states: list[State] = [model.initial()]
        self.steps = 0
        self._model = model
        self._budget = budget
        self._best_done: list[tuple[int, int]] = [(0, 0)]
        self._best_count = 0
        self._seen: dict[tuple[int, int, State], list[int]] = {}
        self._end = budget.clock() + budget.seconds if budget.clock else 0.0

    def run(self) -> Outcome:
        path: list[Operation] = []
        frames = [self._frame(0, 0, 0, self._model.initial())]
        total = len(self.required)
        count = 0
        while count < total:
            if self._spent():
                return "unknown"
            frame = frames[-1]
            if not frame.candidates:
                frames.pop()
                if not frames:
                    return "illegal"
                count -= path.pop().outcome == "ok"
                continue
            reached = self._try(frame, frame.candidates.pop())
            if reached is None:
                continue
            operation, following = reached
            path.append(operation)
            frames.append(following)
            count += operation.outcome == "ok"
            self._remember(count, path, following)
        self.best = path
        return "ok"

    def stuck(self) -> Operation:
        """Of what is left after the longest prefix: what had to return first."""
        low, done = self._best_done[0]
        left = [o for i, o in enumerate(self.required) if i >= low and not done >> (i - low) & 1]
        return min(left, key=lambda o: o.end)

    def _try(self, frame: _Frame, index: int) -> tuple[Operation, _Frame] | None:
        self.steps += 1
        total = len(self.required)
        low, done, used = frame.low, frame.done, frame.used
        if index < total:
            operation = self.required[index]
            legal, state = self._model.step(frame.state, operation)
            done |= 1 << (index - low)
            while done & 1:
                done >>= 1
                low += 1
        else:
            operation = self.optional[index - total]
            legal, state = self._model.step(frame.state, operation)
            used |= 1 << (index - total)
            legal = legal and state != frame.state  # taking effect without one is never needed
        if not legal or self._superfluous(low, done, used, state):
            return None
        if index < total and state == frame.state and operation.kind != "write":
            # It fits and, unlike a write of the value that is there already, changes nothing anywhere: wherever else
            # it could stand, it can stand here too.
            frame.candidates.clear()
        return operation, self._frame(low, done, used, state)

    def _superfluous(self, low: int, done: int, used: int, state: State) -> bool:
        """Visited before, with no more of the optional ones used up? Otherwise it now is."""
        before = self._seen.setdefault((low, done, state), [])
        if any(mask & used == mask for mask in before):
            return True
        before[:] = [mask for mask in before if mask & used != used]
        before.append(used)
        return False

    def _frame(self, low: int, done: int, used: int, state: State) -> _Frame:
        bound = math.inf
        found: list[int] = []
        for index in range(low, len(self.required)):
            operation = self.required[index]
            if operation.start > bound:
                break
            if not done >> (index - low) & 1:
                found.append(index)
                bound = min(bound, operation.end)
        found = [index for index in found if self.required[index].start <= bound]
        found.sort(key=lambda index: -self.required[index].end)
        extra = []
        for index, operation in enumerate(self.optional):
            if operation.start > bound:
                break
            if not used >> index & 1:
                extra.append(len(self.required) + index)
        return _Frame(low, done, used, state, extra + found)

    def _remember(self, count: int, path: list[Operation], frame: _Frame) -> None:
        if count > self._best_count:
            self._best_count, self.best = count, list(path)
            self.best_states, self._best_done = [], []
        if count == self._best_count and len(self.best_states) < 16:
            self.best_states.append(frame.state)
            self._best_done.append((frame.low, frame.done))

    def _spent(self) -> bool:
        if self.steps >= self._budget.steps:
            return True
        clock = self._budget.clock
        return clock is not None and self.steps % 1000 == 0 and clock() >= self._end
