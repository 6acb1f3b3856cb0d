"""The search of Wing, Gong and Lowe for a legal order of operations on one object.

Must not know keys, nor tell a verdict in words (`linearize` does). A clock, if the budget has one, is handed in.

At every step the candidates are the operations that no other, still open one must precede; a configuration (what is
done, the state) is visited once (Lowe 2017). Operations of unknown outcome are optional: they may take effect at any
time after their start, or never; a configuration that was reached with fewer of them makes the same one with more
superfluous. Intervals are closed: one that returns at the very time another is called overlaps it.

Two more cuts make histories whose values are unique almost linear: a state that somebody still has to see, and that
nobody can make again, is not left; and what others wait for is tried first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cluster.history.models import NOTHING, Hints, Model, Nothing, State, no_hints
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


class Search:
    """`required`, `optional`, `best`: numbers in the history. Without `hinted` no state is cut off that could still be
    the longest legal prefix."""

    def __init__(
        self, model: Model, history: Sequence[Operation], numbers: Sequence[int], budget: Budget, hinted: bool = True
    ) -> None:
        self.required = sorted(
            (n for n in numbers if history[n].outcome == "ok"), key=lambda n: (history[n].start, history[n].end)
        )
        optional = sorted((n for n in numbers if history[n].outcome != "ok"), key=lambda n: history[n].start)
        self.optional, hints = _that_matter(model, history, self.required, optional)
        self.best: list[int] = []
        self.best_count = 0
        self.best_states: list[State] = [model.initial()]
        self.steps = 0
        self.spent = ""
        self._operations = [history[n] for n in (*self.required, *self.optional)]
        self._starts = [o.start for o in self._operations]
        self._ends = [o.end for o in self._operations]
        self._passive = [model.passive(o) for o in self._operations[: len(self.required)]]
        self._idle, self._shaken = hints.idle, hints.shaken
        self._left = _Left(hints if hinted else no_hints(self._operations))
        self._due = _deadlines(self._ends, hints) if hinted else self._ends
        self._model = model
        self._budget = budget
        self._best_done: list[tuple[int, int]] = [(0, 0)]
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
                index = path.pop()
                self._left.put_back(index)
                count -= index < total
                continue
            index = frame.candidates.pop()
            following = self._try(frame, index)
            if following is None:
                continue
            path.append(index)
            frames.append(following)
            self._left.take(index)
            count += index < total
            grew = True
        self.best, self.best_count = self._numbers(path), count
        return "ok"

    def stuck(self) -> int:
        """Of what is left after the longest prefix: what had to return first."""
        low, done = self._best_done[0]
        left = [i for i in range(low, len(self.required)) if not done >> (i - low) & 1]
        return self.required[min(left, key=lambda i: self._ends[i])]

    def waiting(self) -> int | None:
        """After the longest prefix of a hinted search: who must still see the state that it leaves, if anybody; of
        several the last to begin, as it has the least chance."""
        low, done = self._best_done[0]
        state = self.best_states[0]
        left = [i for i in range(low, len(self.required)) if not done >> (i - low) & 1]
        mine = [i for i in left if self._left.sees(i, state)]
        return self.required[max(mine, key=lambda i: self._starts[i])] if mine else None

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
        same = state == before
        if not same and self._left.needed(before, index):
            return None
        if index < total:
            done |= 1 << (index - low)
            while done & 1:
                done >>= 1
                low += 1
        elif same:
            return None  # taking effect without one is never needed
        else:
            used |= 1 << (index - total)
        if self._superfluous(low, done, used, state):
            return None
        if index < total and self._passive[index] and same:
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
        hiding = state in self._shaken
        for index in range(total, len(starts)):
            if starts[index] > bound:
                break
            if not used >> (index - total) & 1 and (hiding or not self._idle[index]):
                found.append(index)
        due = self._due
        found.sort(key=lambda index: (-due[index], -index))
        return _Frame(low, done, used, state, found)

    def _remember(self, count: int, path: list[int], frame: _Frame) -> None:
        """Called where a path ends: only there can it be the longest."""
        if count > self.best_count:
            self.best_count, self.best = count, self._numbers(path)
            self.best_states, self._best_done = [], []
        if count == self.best_count and len(self.best_states) < 16:
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


def _that_matter(
    model: Model, history: Sequence[Operation], required: Sequence[int], optional: Sequence[int]
) -> tuple[list[int], Hints]:
    """The optional ones without those that can never be needed, and what is known of what stays."""
    hints = model.hints([history[n] for n in (*required, *optional)])
    if hints.shaken or not any(hints.idle):
        return list(optional), hints
    kept = [n for n, idle in zip(optional, hints.idle[len(required) :], strict=True) if not idle]
    return kept, model.hints([history[n] for n in (*required, *kept)])


class _Left:
    """How many of what is not placed yet see a state, and how many make it."""

    def __init__(self, hints: Hints) -> None:
        self._sees, self._makes = hints.sees, hints.makes
        self._readers: dict[State | Nothing, int] = {}
        self._writers: dict[State | Nothing, int] = {}
        for index in range(len(hints.sees)):
            self.put_back(index)

    def take(self, index: int) -> None:
        sees, makes = self._sees[index], self._makes[index]
        if sees is not NOTHING:
            self._readers[sees] -= 1
        if makes is not NOTHING:
            self._writers[makes] -= 1

    def put_back(self, index: int) -> None:
        sees, makes = self._sees[index], self._makes[index]
        if sees is not NOTHING:
            self._readers[sees] = self._readers.get(sees, 0) + 1
        if makes is not NOTHING:
            self._writers[makes] = self._writers.get(makes, 0) + 1

    def needed(self, state: State, index: int) -> bool:
        """Must somebody besides `index` still see this state, which nobody could make again?"""
        readers = self._readers.get(state, 0)
        if not readers or self._writers.get(state, 0):
            return False
        return readers > self.sees(index, state)

    def sees(self, index: int, state: State) -> bool:
        """Is this the state that it needs?"""
        sees = self._sees[index]
        return sees is not NOTHING and sees == state


def _deadlines(ends: Sequence[float], hints: Hints) -> list[float]:
    """By when each should have its turn: its end, or the ends of those that need the state that only it makes."""
    makers: dict[State | Nothing, int] = {}
    for index, state in enumerate(hints.makes):
        if state is not NOTHING:
            makers[state] = -1 if state in makers else index
    due = list(ends)
    for index in sorted(range(len(ends)), key=lambda i: ends[i]):
        end, at = ends[index], index
        while hints.sees[at] is not NOTHING:
            at = makers.get(hints.sees[at], -1)
            if at < 0 or due[at] <= end:
                break
            due[at] = end
    return due
