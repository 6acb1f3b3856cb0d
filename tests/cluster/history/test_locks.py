"""What holders of locks and leases believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.history.record import Kind, Operation, Outcome
from tests.cluster.history.runs import cut, op, run, say


def acquire(owner: str, start: float, end: float, lasting: float = 0.0, **more: Any) -> Operation:
    return op(
        "acquire", (owner, lasting) if lasting else owner, start, end, more.pop("result", True), client=owner, **more
    )


def release(owner: str, start: float, end: float, **more: Any) -> Operation:
    return op("release", owner, start, end, more.pop("result", True), client=owner, **more)


def keep(owner: str, start: float, end: float, result: Any = True) -> Operation:
    return op("keepalive", owner, start, end, result, client=owner)


EXCLUSIVE: list[tuple[str, list[Operation], str]] = [
    ("one after the other", [acquire("a", 0, 1), release("a", 2, 3), acquire("b", 2.5, 4)], ""),
    (
        "both",
        [acquire("a", 0, 1), acquire("b", 2, 3), release("a", 5, 6)],
        'a believed that it held "x" from 1.000 s to 5.000 s, and b from 3.000 s to the end',
    ),
    ("refused", [acquire("a", 0, 1), acquire("b", 2, 3, result=False)], ""),
    (
        "a release of unknown outcome is one",
        [acquire("a", 0, 1), release("a", 2, 3, outcome="unknown"), acquire("b", 4, 5)],
        "",
    ),
    ("lapsed", [acquire("a", 0, 1, 2), acquire("b", 1, 2.5, 2)], ""),
    ("not lapsed", [acquire("a", 0, 1, 4), acquire("b", 2, 3, 4)], "from 1.000 s to 4.000 s, and b from 3.000 s"),
    (
        "kept alive",
        [acquire("a", 0, 1, 2), keep("a", 1.5, 1.8), acquire("b", 2, 3, 2)],
        "from 1.000 s to 3.500 s, and b",
    ),
    ("learned that it is gone", [acquire("a", 0, 1, 9), keep("a", 1.5, 1.8, False), acquire("b", 2, 3, 2)], ""),
    ("two locks", [acquire("a", 0, 1), acquire("b", 2, 3, key="y")], ""),
]


@pytest.mark.parametrize(("story", "history", "said"), EXCLUSIVE, ids=[s[0] for s in EXCLUSIVE])
def test_exclusion(story: str, history: list[Operation], said: str) -> None:
    finding = say("lock-exclusive", run(operations=history))
    assert finding.said == ("violated" if said else "ok"), finding
    assert said in finding.summary


def test_the_fault_that_split_them_is_told() -> None:
    history = [acquire("a", 0, 1, site="master-0"), acquire("b", 6, 7, site="master-1")]
    finding = say("lock-exclusive", run(operations=history, strikes=[cut(5, 10)]))
    assert finding.because[1].startswith("master-0 was cut off from master-1, master-2 from 5.0 s to 10.0 s")


def lease(start: float, end: float, **more: Any) -> Operation:
    return op("grant", 3, start, end, 7, **more)


def look(start: float, end: float, found: Any) -> Operation:
    return op("read", None, start, end, found)


LEASES: list[tuple[str, list[Operation], str]] = [
    ("there", [lease(0, 1), look(2, 2.5, "k")], ""),
    ("gone in time", [lease(0, 1), look(2, 3, None)], ""),
    ("gone too early", [lease(0, 1), look(1.5, 2, None)], "found the lease gone, 2.000 s after the grant"),
    (
        "kept alive, gone too early",
        [lease(0, 1), op("keepalive", None, 2, 2.2, 3), look(3, 4, None)],
        "after the keepalive",
    ),
    ("kept alive, gone in time", [lease(0, 1), op("keepalive", None, 2, 2.2, 3), look(3, 5, None)], ""),
    ("revoked", [lease(0, 1), op("revoke", None, 1, 1.2), look(1.5, 2, None)], ""),
    ("perhaps revoked", [lease(0, 1), op("revoke", None, 1, 1.2, outcome="unknown"), look(1.5, 2, None)], ""),
    ("revoked while it was looked for", [lease(0, 1), look(1.5, 2, None), op("revoke", None, 1.8, 2.2)], ""),
    ("not revoked for certain", [lease(0, 1), op("revoke", None, 1, 1.2, outcome="fail"), look(1.5, 2, None)], "gone"),
    ("told so by a keepalive", [lease(0, 1), op("keepalive", None, 1.5, 2, False)], "found the lease gone"),
]


@pytest.mark.parametrize(("story", "history", "said"), LEASES, ids=[s[0] for s in LEASES])
def test_leases_last(story: str, history: list[Operation], said: str) -> None:
    finding = say("lease-not-early", run(operations=history))
    assert finding.said == ("violated" if said else "ok"), finding
    assert said in finding.summary
    by_search = say("linearizable", run(operations=history), model="lease")
    assert by_search.said == finding.said


def test_a_fast_clock_shortens_what_was_promised() -> None:
    history = [lease(0, 1), look(1.5, 2, None)]
    assert say("lease-not-early", run(operations=history), clockRate=1.5).said == "ok"


@st.composite
def about_a_lease(draw: st.DrawFn) -> Operation:
    kind: Kind = draw(st.sampled_from(["read", "read", "keepalive", "revoke"]))
    start = draw(st.integers(1, 8))
    outcome: Outcome = draw(st.sampled_from(["ok", "ok", "ok", "unknown", "fail"]))
    results: dict[str, list[Any]] = {"read": ["k", None], "keepalive": [3, False], "revoke": [None, False]}
    result = draw(st.sampled_from(results[kind])) if outcome == "ok" else None
    return op(kind, None, start, start + draw(st.integers(0, 4)), result, outcome=outcome)


def test_an_order_that_has_come_to_a_lapse_does_not_go_back() -> None:
    """The longer read may have seen the end of the lease; then the shorter one, which returned before, has not."""
    reads = [op("read", None, 1, 3, None), op("read", None, 2, 2, None)]
    story = run(operations=[lease(0, 1), *reads])
    assert say("lease-not-early", story).said == "violated"
    assert say("linearizable", story, model="lease").said == "violated"
    assert say("linearizable", run(operations=[lease(0, 1), reads[0]]), model="lease").said == "ok"


@settings(max_examples=400, deadline=None)
@given(st.lists(about_a_lease(), max_size=6))
def test_a_broken_promise_is_never_explained_by_any_order(history: list[Operation]) -> None:
    story = run(operations=[lease(0, 1), *history])
    if say("lease-not-early", story).said == "violated":
        assert say("linearizable", story, model="lease").said == "violated"
