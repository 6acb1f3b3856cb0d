"""Is there one order of all operations that explains what every client saw? The verdict, key by key, in words.

Must not know where histories come from, nor search (`search` does). A clock, if the budget has one, is handed in. Each
key is searched on its own: linearizability is local (Herlihy and Wing 1990).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cluster.history.models import CasRegister, Model
from cluster.history.record import Operation
from cluster.history.search import Budget, Outcome, Search

__all__ = ["Budget", "KeyVerdict", "Outcome", "Verdict", "check"]


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


EXPLAIN = 200_000
"""Steps that are spent on the longest legal prefix of a history that is known to be illegal."""


def _check_key(
    key: str, history: Sequence[Operation], numbers: Sequence[int], model: Model, budget: Budget
) -> KeyVerdict:
    """First as fast as can be; if that finds no order, once more without hints for the longest prefix, as they cut off
    what can only end in a contradiction."""
    counts = [n for n in numbers if history[n].outcome == "ok" or _may_matter(history[n])]
    search = Search(model, history, counts, budget)
    outcome = search.run()
    if outcome == "ok":
        order = tuple(history[n] for n in search.best)
        message = f'"{key}": {len(order)} operations in a legal order'
        return KeyVerdict(key, outcome, order, None, message, search.steps, tuple(search.best))
    spent, steps = search.spent, search.steps
    again = replace(budget, steps=min(EXPLAIN, budget.steps))
    longest = Search(model, history, counts, again, hinted=False)
    longest.run()
    best = max(longest, search, key=lambda s: s.best_count)
    order = tuple(history[n] for n in best.best)
    total = len(search.required)
    done = sum(1 for o in order if o.outcome == "ok")
    if outcome == "unknown":
        message = f'"{key}": no verdict after {spent}; {done} of {total} operations fit so far'
        return KeyVerdict(key, outcome, order, None, message, steps, tuple(best.best))
    states = [model.describe(state) for state in best.best_states]
    told = (done, total, sorted(set(states))[:4], bool(longest.spent))
    waiting = search.waiting() if longest.spent else None
    stuck = best.stuck() if waiting is None else waiting
    message = _explain(key, history[stuck], told, waiting is not None)
    return KeyVerdict(key, outcome, order, history[stuck], message, steps, tuple(best.best), stuck)


def _may_matter(operation: Operation) -> bool:
    return operation.outcome == "unknown" and operation.kind != "read"


def _explain(key: str, stuck: Operation, told: tuple[int, int, list[str], bool], overwritten: bool) -> str:
    """`told`: operations in the longest order and in all, the states that it leaves, whether the search for it was cut
    short. `overwritten`: by the time that `stuck` may stand, what it saw is gone for good."""
    done, total, states, short = told
    why = ": what it saw must have been overwritten before it began, and nobody makes it again" if overwritten else ""
    found = " that was found" if short else ""
    return (
        f'"{key}" is not linearizable: {stuck.sentence()} fits nowhere{why}; '
        f"the longest legal order{found} has {done} of {total} operations and leaves the value {' or '.join(states)}"
    )
