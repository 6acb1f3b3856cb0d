"""The search against a brute-force twin, and against histories whose verdict is known."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.check import registers
from cluster.history.jepsen import from_log
from cluster.history.linearize import Budget, check
from cluster.history.models import CasRegister, Model, Register, RevisionedKey
from cluster.history.record import NEVER, Kind, Operation, Outcome

RECORDED = os.environ.get("CAPSTAN_ETCD_HISTORIES", "")
"""Folder with Jepsen's logs against etcd and their `verdicts.txt`; they are not part of this project."""


def op(
    kind: Kind, value: Any, start: float, end: float, result: Any = None, outcome: Outcome = "ok", key: str = "x"
) -> Operation:
    return Operation("c", 0, kind, key, value, start, NEVER if outcome == "unknown" else end, outcome, result)


def brute_force(history: list[Operation], model: Model) -> bool:
    """Every subset of the unknown ones, every order that respects real time."""
    required = [o for o in history if o.outcome == "ok"]
    optional = [o for o in history if o.outcome == "unknown" and o.kind != "read"]
    for count in range(len(optional) + 1):
        for chosen in combinations(optional, count):
            for order in permutations([*required, *chosen]):
                if respects_time(order) and legal(order, model):
                    return True
    return False


def respects_time(order: tuple[Operation, ...]) -> bool:
    return not any(later.end < earlier.start for i, earlier in enumerate(order) for later in order[i + 1 :])


def legal(order: tuple[Operation, ...], model: Model) -> bool:
    state = model.initial()
    for operation in order:
        fits, state = model.step(state, operation)
        if not fits:
            return False
    return True


values = st.integers(0, 2)
outcomes: st.SearchStrategy[Outcome] = st.sampled_from(["ok", "ok", "ok", "unknown", "fail"])


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    kind: Kind = draw(st.sampled_from(["read", "write", "cas"]))
    start = draw(st.integers(0, 8))
    end = start + draw(st.integers(0, 5))
    outcome = draw(outcomes)
    value: Any = {"read": None, "write": draw(values), "cas": (draw(values), draw(values))}[kind]
    result: Any = None
    if outcome == "ok" and kind == "read":
        result = draw(st.one_of(st.none(), values))
    if outcome == "ok" and kind == "cas":
        result = draw(st.booleans())
    return op(kind, value, start, end, result, outcome)


@st.composite
def revisioned(draw: st.DrawFn) -> Operation:
    kind: Kind = draw(st.sampled_from(["read", "write", "cas"]))
    start = draw(st.integers(0, 8))
    end = start + draw(st.integers(0, 5))
    outcome = draw(outcomes)
    revision = draw(st.integers(1, 4))
    value: Any = {"read": None, "write": draw(values), "cas": (draw(st.integers(0, 3)), draw(values))}[kind]
    result: Any = None
    if outcome == "ok":
        read = draw(st.one_of(st.none(), st.tuples(values, st.just(revision))))
        result = {"read": read, "write": revision, "cas": draw(st.sampled_from([False, revision]))}[kind]
    return op(kind, value, start, end, result, outcome)


@settings(max_examples=400, deadline=None)
@given(st.lists(operations(), max_size=6))
def test_the_search_agrees_with_all_permutations(history: list[Operation]) -> None:
    verdict = check(history)
    assert (verdict.outcome == "ok") == brute_force(history, CasRegister())


@settings(max_examples=300, deadline=None)
@given(st.lists(revisioned(), max_size=6))
def test_the_search_agrees_with_all_permutations_of_a_revisioned_key(history: list[Operation]) -> None:
    verdict = check(history, RevisionedKey())
    assert (verdict.outcome == "ok") == brute_force(history, RevisionedKey())


@settings(max_examples=200, deadline=None)
@given(st.lists(operations(), max_size=9))
def test_what_is_returned_is_a_legal_order(history: list[Operation]) -> None:
    """Also the prefix of an illegal history respects time and the model."""
    for verdict in check(history).keys:
        assert respects_time(verdict.order)
        assert legal(verdict.order, CasRegister())
        required = [o for o in history if o.outcome == "ok"]
        if verdict.outcome == "ok":
            assert sum(o.outcome == "ok" for o in verdict.order) == len(required)
        else:
            assert verdict.stuck in required


def test_a_stale_read_is_illegal_and_explained() -> None:
    history = [op("write", 1, 0, 1), op("write", 2, 2, 3), op("read", None, 4, 5, result=1)]
    verdict = check(history)
    assert verdict.outcome == "illegal"
    (key,) = verdict.keys
    assert key.stuck == history[2]
    assert list(key.order) == history[:2]
    assert '"x" is not linearizable: read of "x" that returned 1' in verdict.message
    assert "has 2 of 3 operations and leaves the value 2" in verdict.message


def test_a_write_of_unknown_outcome_may_take_effect_much_later() -> None:
    history = [
        op("write", 1, 0, 1),
        op("write", 2, 2, 3, outcome="unknown"),
        op("read", None, 10, 11, result=1),
        op("read", None, 20, 21, result=2),
    ]
    assert check(history).outcome == "ok"


def test_a_write_that_certainly_failed_must_not_be_seen() -> None:
    history = [op("write", 2, 0, 1, outcome="fail"), op("read", None, 2, 3, result=2)]
    assert check(history, Register(0)).outcome == "illegal"


def test_keys_are_judged_apart() -> None:
    bad = [op("write", 1, 0, 1, key="a"), op("read", None, 2, 3, result=7, key="a")]
    good = [op("write", 1, 0, 1, key="b"), op("read", None, 2, 3, result=1, key="b")]
    verdict = check([*good, *bad])
    assert [(v.key, v.outcome) for v in verdict.keys] == [("a", "illegal"), ("b", "ok")]
    assert verdict.outcome == "illegal"


def hard(count: int) -> list[Operation]:
    """All at once, and the read fits nowhere: every subset has to be looked at."""
    return [*(op("cas", (i, i + 1), 0, 9, result=True) for i in range(count)), op("write", 0, 0, 9)] * 2 + [
        op("read", None, 10, 11, result=-1)
    ]


def test_the_budget_of_steps_gives_no_verdict() -> None:
    verdict = check(hard(12), budget=Budget(steps=500))
    assert verdict.outcome == "unknown"
    assert "no verdict after 500 steps" in verdict.message


def test_the_budget_of_time_is_read_on_the_clock_that_is_given() -> None:
    ticks = iter(range(10_000))
    verdict = check(hard(12), budget=Budget(seconds=2, clock=lambda: float(next(ticks))))
    assert verdict.outcome == "unknown"
    assert verdict.keys[0].steps in (1000, 2000)


def simulated(rng: Random, count: int, clients: int, lie: bool) -> list[Operation]:
    """A register that is atomic at one drawn instant of each operation, under concurrent clients; with `lie` the last
    read returns a value that was never written."""
    free = [0.0] * clients
    plans = []
    for _ in range(count):
        client = min(range(clients), key=lambda c: free[c])
        start = free[client] + rng.random()
        end = start + rng.random() * 3
        free[client] = end
        plans.append((rng.uniform(start, end), client, start, end))
    history = []
    value: Any = None
    for _, _, start, end in sorted(plans):
        kind: Kind = rng.choice(("read", "write", "cas"))
        said: Any = {"read": None, "write": rng.randrange(5), "cas": (rng.randrange(5), rng.randrange(5))}[kind]
        result = value if kind == "read" else (value == said[0] if kind == "cas" else None)
        unknown = rng.random() < 0.05
        if kind == "write":
            value = said
        elif kind == "cas" and result:
            value = said[1]
        history.append(op(kind, said, start, end, None if unknown else result, "unknown" if unknown else "ok"))
    if lie:
        history.append(op("read", None, max(free) + 1, max(free) + 2, result=99))
    return sorted(history, key=lambda o: o.start)


@pytest.mark.parametrize("dice", range(10))
@pytest.mark.parametrize("lie", [False, True])
def test_long_histories_of_an_atomic_register_are_judged_within_the_budget(dice: int, lie: bool) -> None:
    verdict = check(simulated(Random(dice), 150, 5, lie))
    assert verdict.outcome == ("illegal" if lie else "ok")


@pytest.mark.parametrize("dice", range(3))
def test_many_clients_on_one_register_of_unique_values_take_few_steps(dice: int) -> None:
    """Twenty at a time: without looking at who still has to see a value, the search would not end."""
    history = registers(dice, 2000, 20, 1)
    verdict = check(history, budget=Budget(steps=40_000))
    assert verdict.outcome == "ok"
    number = next(n for n in range(1500, 2000) if history[n].kind == "read")
    older = next(o.value for o in history if o.kind == "write" and o.outcome == "ok")
    lied = [*history[:number], replace(history[number], result=older), *history[number + 1 :]]
    (key,) = check(lied, budget=Budget(steps=40_000)).keys
    assert (key.outcome, key.stuck_number) == ("illegal", number)
    assert "what it saw must have been overwritten before it began" in key.message


LOG = """\
INFO  jepsen.util - 0	:invoke	:write	1
INFO  other.logger - something else
INFO  jepsen.util - 1	:invoke	:read	nil
INFO  jepsen.util - 0	:info	:write	:timed-out
INFO  jepsen.util - 1	:ok	:read	1
INFO  jepsen.util - 2	:invoke	:cas	[1 2]
INFO  jepsen.util - 2	:fail	:cas	[1 2]
"""


def test_a_log_of_jepsen_is_read() -> None:
    history = from_log(LOG)
    assert [(o.kind, o.value, o.outcome, o.result) for o in history] == [
        ("write", 1, "unknown", None),
        ("read", None, "ok", 1),
        ("cas", (1, 2), "fail", None),
    ]
    assert check(history).outcome == "ok"


@pytest.mark.skipif(not RECORDED, reason="CAPSTAN_ETCD_HISTORIES names no folder of recorded histories")
def test_recorded_histories_have_their_known_verdicts() -> None:
    folder = Path(RECORDED)
    rows = [line.split() for line in (folder / "verdicts.txt").read_text().splitlines()]
    assert rows
    for name, known in rows:
        verdict = check(from_log((folder / name).read_text()), budget=Budget(steps=100_000))
        assert (name, verdict.outcome) == (name, "ok" if known == "linearizable" else "illegal")
