"""Locks, leases and deletes: the search against a brute-force twin, and what each model says of small stories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.history.linearize import Budget, check
from cluster.history.models import CasRegister, Model
from cluster.history.record import NEVER, Kind, Operation, Outcome
from cluster.history.tenures import Lease, Lock
from tests.cluster.history.runs import run, say
from tests.cluster.history.test_linearize import brute_force


def op(kind: Kind, value: Any, start: float, end: float, result: Any = None, outcome: Outcome = "ok") -> Operation:
    return Operation("c", 0, kind, "x", value, start, NEVER if outcome == "unknown" else end, outcome, result)


OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(["ok", "ok", "ok", "unknown", "fail"])


@st.composite
def of(draw: st.DrawFn, shapes: dict[Kind, tuple[st.SearchStrategy[Any], st.SearchStrategy[Any]]]) -> Operation:
    """One operation; `shapes`: kind to (values, results)."""
    kind = draw(st.sampled_from(sorted(shapes)))
    start = draw(st.integers(0, 8))
    outcome = draw(OUTCOMES)
    values, results = shapes[kind]
    result = draw(results) if outcome == "ok" else None
    return op(kind, draw(values), start, start + draw(st.integers(0, 5)), result, outcome)


none = st.none()
granted = st.sampled_from([True, True, False])
owners = st.sampled_from(["a", "b"])
LOCKS: dict[Kind, Any] = {
    "acquire": (st.one_of(owners, st.tuples(owners, st.integers(1, 3))), granted),
    "release": (owners, granted),
    "keepalive": (owners, granted),
}
LEASES: dict[Kind, Any] = {
    "grant": (st.integers(1, 3), st.just(7)),
    "keepalive": (none, st.sampled_from([3, 3, False])),
    "revoke": (none, st.sampled_from([None, False])),
    "read": (none, st.sampled_from(["k", None])),
}
REGISTERS: dict[Kind, Any] = {
    "write": (st.integers(0, 2), none),
    "delete": (none, st.sampled_from([True, False, None])),
    "read": (none, st.one_of(none, st.integers(0, 2))),
    "cas": (st.tuples(st.integers(0, 2), st.integers(0, 2)), st.booleans()),
}


@settings(max_examples=300, deadline=None)
@given(st.lists(of(LOCKS), max_size=6), st.sampled_from([1.0, 2.0]))
def test_the_search_agrees_with_all_permutations_of_a_lock(history: list[Operation], fastest: float) -> None:
    assert (check(history, Lock(fastest)).outcome == "ok") == brute_force(history, Lock(fastest))


@settings(max_examples=300, deadline=None)
@given(st.lists(of(LEASES), max_size=6))
def test_the_search_agrees_with_all_permutations_of_a_lease(history: list[Operation]) -> None:
    assert (check(history, Lease()).outcome == "ok") == brute_force(history, Lease())


@settings(max_examples=300, deadline=None)
@given(st.lists(of(REGISTERS), max_size=6))
def test_the_search_agrees_with_all_permutations_of_a_register_with_deletes(history: list[Operation]) -> None:
    assert (check(history).outcome == "ok") == brute_force(history, CasRegister())


def held_twice() -> list[Operation]:
    return [op("acquire", "a", 0, 1, True), op("acquire", "b", 2, 3, True), op("release", "a", 4, 5)]


STORIES: list[tuple[str, Model, list[Operation], str]] = [
    ("two owners at once", Lock(), held_twice(), "illegal"),
    ("a release was lost", Lock(), [*held_twice()[:2], op("release", "a", 1.5, 0, None, "unknown")], "ok"),
    ("it lapsed", Lock(), [op("acquire", ("a", 1), 0, 0.5, True), op("acquire", ("b", 1), 1, 2, True)], "ok"),
    ("it lapsed early", Lock(), [op("acquire", ("a", 5), 0, 1, True), op("acquire", ("b", 5), 2, 3, True)], "illegal"),
    ("early by a fast clock", Lock(2), [op("acquire", ("a", 5), 0, 1, True), op("acquire", "b", 2, 3, True)], "ok"),
    ("kept alive", Lock(), [
        op("acquire", ("a", 2), 0, 1, True), op("keepalive", "a", 1.5, 1.6), op("acquire", "b", 2, 3, True)
    ], "illegal"),
    ("refused while it was free", Lock(), [op("acquire", "a", 0, 1, False)], "illegal"),
    ("gone before its time", Lease(), [op("grant", 3, 0, 1, 7), op("read", None, 1.5, 2)], "illegal"),
    ("gone after its time", Lease(), [op("grant", 3, 0, 1, 7), op("read", None, 2.5, 3)], "ok"),
    ("revoked", Lease(), [op("grant", 3, 0, 1, 7), op("revoke", None, 1, 1.2), op("read", None, 1.5, 2)], "ok"),
    ("back from the dead", Lease(), [
        op("grant", 1, 0, 1, 7), op("keepalive", None, 3, 4, False), op("read", None, 5, 6, "k")
    ], "illegal"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "model", "history", "said"), STORIES, ids=[s[0] for s in STORIES])
def test_a_story(name: str, model: Model, history: list[Operation], said: str) -> None:
    assert check(history, model).outcome == said


def test_what_a_lock_says_names_its_holder() -> None:
    verdict = check(held_twice(), Lock())
    assert 'acquire of "x" by c (2.000 to 3.000) fits nowhere' in verdict.message
    assert verdict.message.endswith("leaves the value held by a")


def test_the_budget_of_configurations_gives_no_verdict() -> None:
    history = [op("cas", (i, i + 1), 0, 9, True) for i in range(12)] * 2 + [op("write", 0, 0, 9)] * 2
    verdict = check([*history, op("read", None, 10, 11, -1)], budget=Budget(configurations=300))
    assert verdict.outcome == "unknown"
    assert "no verdict after 300 configurations" in verdict.message
    assert verdict.keys[0].order


def test_each_model_takes_its_own_keys() -> None:
    """A lock, a lease and a register side by side."""
    parts = [
        op("acquire", "a", 0, 1, True),
        replace(op("grant", 3, 1, 2, 7), key="l"),
        replace(op("keepalive", None, 2, 3, 3), key="l"),
        replace(op("read", None, 3, 4, "k"), key="l"),
        replace(op("write", 1, 4, 5), key="r"),
        replace(op("read", None, 5, 6, 1), key="r"),
    ]
    counts = {m: say("linearizable", run(operations=parts), model=m).looked_at for m in ("register", "lock", "lease")}
    assert counts == {"register": 2, "lock": 1, "lease": 3}
    assert say("phantom-writes", run(operations=parts)).said == "ok"
