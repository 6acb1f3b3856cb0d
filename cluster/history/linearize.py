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
    """Per key. `steps` of the model; `configurations` that are remembered (about 300 bytes each); `seconds` on `clock`
    if there is one (looked at every 1,000 steps)."""

    steps: int = 2_000_000
    seconds: float = math.inf
    clock: Callable[[], float] | None = None
    configurations: int = 2_000_000


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """`order`: ok: a legal order of all that counts; else the longest legal prefix found. `stuck`: the operation
    that fits nowhere after it. `message`: one sentence for people. `steps`: what it took. `numbers`, `stuck_number`:
    where these operations are in the history (-1: none)."""

    key: str
    outcome: Outcome
    order: tuple[Operation, ...]
    stuck: Operation | None
    message: str
    steps: int
    numbers: tuple[int, ...] = ()
    stuck_number: int = -1


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
    everything = list(history)
    by_key: dict[str, list[int]] = {}
    for number, operation in enumerate(everything):
        by_key.setdefault(operation.key, []).append(number)
    keys = tuple(_check_key(key, everything, by_key[key], model, budget) for key in sorted(by_key))
    outcomes = [v.outcome for v in keys]
    outcome: Outcome = "illegal" if "illegal" in outcomes else "unknown" if "unknown" in outcomes else "ok"
    return Verdict(outcome, keys)


def _check_key(
    key: str, history: Sequence[Operation], numbers: Sequence[int], model: Model, budget: Budget
) -> KeyVerdict:
    counts = [n for n in numbers if history[n].outcome == "ok" or _may_matter(history[n])]
    kept = model.relevant([history[n] for n in counts])
    search = _Search(model, history, [counts[i] for i in kept], budget)
    outcome = search.run()
    order = tuple(history[n] for n in search.best)
    placed = tuple(search.best)
    if outcome == "ok":
        message = f'"{key}": {len(order)} operations in a legal order'
        return KeyVerdict(key, outcome, order, None, message, search.steps, placed)
    total = len(search.required)
    done = sum(1 for o in order if o.outcome == "ok")
    if outcome == "unknown":
        message = f'"{key}": no verdict after {search.spent}; {done} of {total} operations fit so far'
        return KeyVerdict(key, outcome, order, None, message, search.steps, placed)
    stuck = search.stuck()
    message = _explain(key, history[stuck], done, total, [model.describe(state) for state in search.best_states])
    return KeyVerdict(key, outcome, order, history[stuck], message, search.steps, placed, stuck)


def _may_matter(operation: Operation) -> bool:
    return operation.outcome == "unknown" and operation.kind != "read"


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
    """`required`, `optional`, `best`: numbers in the history."""

    def __init__(self, model: Model, history: Sequence[Operation], numbers: Sequence[int], budget: Budget) -> None:
        self.required = sorted(
            (n for n in numbers if history[n].outcome == "ok"), key=lambda n: (history[n].start, history[n].end)
        )
        self.optional = sorted((n for n in numbers if history[n].outcome != "ok"), key=lambda n: history[n].start)
        self.best: list[int] = []
        self.best_states: list[State] = [model.initial()]
        self.steps = 0
        self.spent = ""
        self._operations = [history[n] for n in (*self.required, *self.optional)]
        self._starts = [o.start for o in self._operations]
        self._ends = [o.end for o in self._operations]
        self._passive = [model.passive(o) for o in self._operations[: len(self.required)]]
        self._model = model
        self._budget = budget
        self._best_done: list[tuple[int, int]] = [(0, 0)]
        self._best_count = 0
        self._seen: dict[tuple[int, int, State], list[int]] = {}
        self._remembered = 0
        self._end = budget.clock() + budget.seconds if budget.clock else 0.0

    def run(self) -> Outcome:
        path: list[int] = []
        frames = [self._frame(0, 0, 0, self._model.initial())]
        total = len(self.required)
        count = 0
        grew = False
        while count < total:
            if self._is_spent():
                self._remember(count, path, frames[-1])
                return "unknown"
            frame = frames[-1]
            if not frame.candidates:
                if grew:
                    self._remember(count, path, frame)
                    grew = False
                frames.pop()
                if not frames:
                    return "illegal"
                count -= path.pop() < total
                continue
            index = frame.candidates.pop()
            following = self._try(frame, index)
            if following is None:
                continue
            path.append(index)
            frames.append(following)
            count += index < total
            grew = True
        self.best = self._numbers(path)
        return "ok"

    def stuck(self) -> int:
        """Of what is left after the longest prefix: what had to return first."""
        low, done = self._best_done[0]
        left = [i for i in range(low, len(self.required)) if not done >> (i - low) & 1]
        return self.required[min(left, key=lambda i: self._ends[i])]

    def _numbers(self, path: Iterable[int]) -> list[int]:
        total = len(self.required)
        return [self.required[i] if i < total else self.optional[i - total] for i in path]

    def _try(self, frame: _Frame, index: int) -> _Frame | None:
        self.steps += 1
        before = frame.state
        legal, state = self._model.step(before, self._operations[index])
        if not legal:
            return None
        total = len(self.required)
        low, done, used = frame.low, frame.done, frame.used
        if index < total:
            done |= 1 << (index - low)
            while done & 1:
                done >>= 1
                low += 1
        elif state == before:
            return None  # taking effect without one is never needed
        else:
            used |= 1 << (index - total)
        if self._superfluous(low, done, used, state):
            return None
        if index < total and self._passive[index] and state == before:
            # It fits and changes nothing: wherever else it could stand, it can stand here too.
            frame.candidates.clear()
        return self._frame(low, done, used, state)

    def _superfluous(self, low: int, done: int, used: int, state: State) -> bool:
        """Visited before, with no more of the optional ones used up? Otherwise it now is."""
        before = self._seen.setdefault((low, done, state), [])
        if any(mask & used == mask for mask in before):
            return True
        if before:
            self._remembered -= len(before)
            before[:] = [mask for mask in before if mask & used != used]
            self._remembered += len(before)
        before.append(used)
        self._remembered += 1
        return False

    def _frame(self, low: int, done: int, used: int, state: State) -> _Frame:
        starts, ends = self._starts, self._ends
        total = len(self.required)
        bound = math.inf
        found: list[int] = []
        for index in range(low, total):
            if starts[index] > bound:
                break
            if not done >> (index - low) & 1:
                found.append(index)
                if ends[index] < bound:
                    bound = ends[index]
        found = [index for index in found if starts[index] <= bound]
        found.sort(key=lambda index: -ends[index])
        extra = []
        for index in range(total, len(starts)):
            if starts[index] > bound:
                break
            if not used >> (index - total) & 1:
                extra.append(index)
        return _Frame(low, done, used, state, extra + found)

    def _remember(self, count: int, path: list[int], frame: _Frame) -> None:
        """Called where a path ends: only there can it be the longest."""
        if count > self._best_count:
            self._best_count, self.best = count, self._numbers(path)
            self.best_states, self._best_done = [], []
        if count == self._best_count and len(self.best_states) < 16:
            self.best_states.append(frame.state)
            self._best_done.append((frame.low, frame.done))

    def _is_spent(self) -> bool:
        budget = self._budget
        if self.steps >= budget.steps:
            self.spent = f"{self.steps} steps"
        elif self._remembered >= budget.configurations:
            self.spent = f"{self._remembered} configurations"
        elif budget.clock is not None and self.steps % 1000 == 0 and budget.clock() >= self._end:
            self.spent = f"{budget.seconds:g} seconds and {self.steps} steps"
        return bool(self.spent)
