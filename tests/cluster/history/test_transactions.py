"""Anomalies of list-append histories: each from a story that shows it, and all against every serial order."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.history.anomalies import MODELS, ruled_out, weakest
from cluster.history.finding import Finding
from cluster.history.options import Options
from cluster.history.record import NEVER, Operation, Outcome
from cluster.history.run import Meta, Run
from cluster.history.transactions import judge

META = Meta("story", "a story", "sim", 1, "raft", 10.0, "", "")


def r(key: str, *version: int) -> tuple[str, str, tuple[int, ...]]:
    return ("r", key, version)


def a(key: str, element: int) -> tuple[str, str, int]:
    return ("append", key, element)


def txn(process: int, start: float, end: float, *steps: Any, outcome: Outcome = "ok") -> Operation:
    value = tuple((name, key, None if name == "r" else element) for name, key, element in steps)
    finish = NEVER if outcome == "unknown" else end
    return Operation(
        f"c{process}", process, "txn", "", value, start, finish, outcome, steps if outcome == "ok" else None
    )


def found(history: list[Operation], model: str = "strict-serializable") -> Finding:
    return judge(Run(META, "", tuple(history)), Options({"model": model}))


def at_once(*transactions: tuple[Any, ...]) -> list[Operation]:
    """All concurrent, each of a process of its own."""
    return [txn(i, 0, 9, *steps) for i, steps in enumerate(transactions)]


FINAL = (r("x", 1, 2), r("y", 1, 2))
STORIES: dict[str, tuple[list[Operation], list[str]]] = {
    "G0": (
        at_once((a("x", 1), a("y", 2)), (a("x", 2), a("y", 1)), FINAL),
        ['T1 < T2, because T1 appended 1 to "x", and T2 appended 2 after it', 'appended 2 after it: a contradiction!'],
    ),
    "G1c": (
        at_once((a("x", 1), r("y", 1)), (a("y", 1), r("x", 1))),
        ['because T1 appended 1 to "x" and T2 read [1]', "However, T2 < T1, because T2 appended"],
    ),
    "G-single": (
        at_once((r("x"), r("y", 1)), (a("x", 1), a("y", 1)), (r("x", 1),)),
        ['T1 < T2, because T1 read "x" as [], without 1, which T2 appended', 'T2 appended 1 to "y" and T1 read [1]'],
    ),
    "G2-item": (
        at_once((r("x"), a("y", 1)), (r("y"), a("x", 1)), (r("x", 1), r("y", 1))),
        ['T1 read "x" as [], without 1, which T2 appended', 'T2 read "y" as [], without 1, which T1 appended'],
    ),
    "G-nonadjacent": (
        at_once((a("x", 1),), (r("x", 1), r("y")), (a("y", 1),), (r("y", 1), r("x"))),
        ["-rw-> ", 'read "y" as [], without 1', 'read "x" as [], without 1'],
    ),
    "G-single-process": (
        [txn(0, 0, 1, a("x", 1)), txn(0, 2, 9, r("x")), txn(1, 0, 9, r("x", 1))],
        ["process 0 ran T2 before T1", 'T1 read "x" as [], without 1, which T2 appended'],
    ),
    "G0-realtime": (
        [txn(0, 0, 1, a("x", 1)), txn(1, 2, 3, a("x", 2)), txn(2, 0, 9, r("x", 2, 1))],
        ["was answered at 1.000 s, before T2 began at 2.000 s", 'T2 appended 2 to "x", and T1 appended 1 after it'],
    ),
    "G-single-realtime": (
        [txn(0, 0, 1, a("x", 1)), txn(1, 2, 3, r("x")), txn(2, 4, 5, r("x", 1))],
        ["was answered at 1.000 s, before T1 began at 2.000 s", 'T1 read "x" as [], without 1, which T2 appended'],
    ),
    "G1a": (
        [txn(0, 0, 1, a("x", 1), outcome="fail"), txn(1, 2, 3, r("x", 1))],
        ['T1: it read 1 in "x", which was appended by a transaction that failed'],
    ),
    "G1b": (
        at_once((a("x", 1), a("x", 2)), (r("x", 1),), (r("x", 1, 2),)),
        ['it read "x" as [1], which ends in 1: the other went on to append 2 to it'],
    ),
    "internal": (at_once((r("x", 1), r("x"), r("x")), (a("x", 1),)), ['had to read "x" as [1], but read []']),
    "future-read": (at_once((r("x", 1), a("x", 1)),), ['T1: it read 1 in "x" before it appended it']),
    "duplicate-elements": (at_once((a("x", 1),), (r("x", 1, 1),)), ["[1, 1], with 1 twice, which was appended once"]),
    "incompatible-order": (
        at_once((a("x", 1),), (a("x", 2),), (r("x", 1, 2),), (r("x", 2, 1),)),
        ['T1 and T2: one read "x" as [1, 2], the other as [2, 1], and neither begins the other'],
    ),
    "garbage": (at_once((r("x", 7),)), ['it read 7 in "x", which nobody appended']),
    "lost-update": (
        at_once((r("x"), a("x", 1)), (r("x"), a("x", 2)), (r("x", 1, 2),)),
        ['both read "x" as [], and both appended to it'],
    ),
    "dirty-update": (
        [txn(0, 0, 1, a("x", 1), outcome="fail"), txn(1, 2, 3, a("x", 2)), txn(2, 4, 5, r("x", 1, 2))],
        ['T1: it appended 2 to "x" after 1, which was rolled back'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", STORIES)
def test_an_anomaly_is_named_and_proved(kind: str) -> None:
    history, sentences = STORIES[kind]
    finding = found(history)
    assert finding.said == "violated"
    assert kind in finding.figures
    for sentence in sentences:
        assert sentence in finding.proof, finding.proof
    assert finding.evidence["operations"]


@pytest.mark.parametrize("kind", STORIES)
def test_models_that_allow_it_are_not_ruled_out_by_it(kind: str) -> None:
    """The story's figures say what it has; a model that forbids none of that is not violated."""
    history, _ = STORIES[kind]
    for model, forbidden in MODELS.items():
        finding = found(history, model)
        assert (finding.said == "violated") == bool(forbidden & found(history).figures.keys()), (model, finding)


def test_which_models_an_anomaly_rules_out() -> None:
    assert "snapshot-isolation" not in ruled_out("G2-item")
    assert weakest("G2-item") == ("repeatable-read", "serializable")
    assert weakest("G1a") == ("read-committed",)
    assert weakest("G-single-realtime") == ("strong-snapshot-isolation",)
    assert "strict-serializable" in ruled_out("G0-realtime")


def test_a_lost_append_is_found_by_the_reads_after_it() -> None:
    """No read ever shows it, though it was acknowledged before they began."""
    history = [
        txn(0, 0, 1, a("x", 1)), txn(0, 2, 3, a("x", 2)), txn(1, 4, 5, r("x", 1)), txn(2, 6, 7, r("x", 1))
    ]  # fmt: skip
    finding = found(history)
    assert finding.said == "violated"
    assert "without 2, which T" in finding.proof


def test_an_unknown_transaction_may_or_may_not_have_happened() -> None:
    lost = [txn(0, 0, 1, a("x", 1), outcome="unknown"), txn(1, 2, 3, r("x")), txn(2, 4, 5, r("x"))]
    kept = [txn(0, 0, 1, a("x", 1), outcome="unknown"), txn(1, 2, 3, r("x")), txn(2, 4, 5, r("x", 1))]
    back = [*kept, txn(3, 6, 7, r("x"))]
    assert [found(h).said for h in (lost, kept, back)] == ["ok", "ok", "violated"]


def test_nothing_read_is_unknown() -> None:
    assert found([txn(0, 0, 1, a("x", 1))]).said == "unknown"
    assert found([]).said == "unknown"


def test_an_element_that_two_append_is_refused() -> None:
    finding = found([*at_once((a("x", 1),), (a("x", 1),), (r("x", 1),))])
    assert (finding.said, finding.evidence["operations"]) == ("unknown", [0, 1])


# ── the twin ─────────────────────────────────────────────────────────────────────────────────────────────────


def serial(order: tuple[Operation, ...]) -> bool:
    state: dict[str, tuple[int, ...]] = {}
    for o in order:
        for name, key, value in o.result:
            if name == "append":
                state[key] = (*state.get(key, ()), value)
            elif value != state.get(key, ()):
                return False
    return True


def in_time(order: tuple[Operation, ...]) -> bool:
    return not any(later.end < earlier.start for i, earlier in enumerate(order) for later in order[i + 1 :])


def executed(draw: Any, count: int) -> list[Operation]:
    """Transactions that read some state in the past, and append to the newest; then one that reads all."""
    states: list[dict[str, tuple[int, ...]]] = [{}]
    history = []
    for number in range(count):
        start = draw(st.integers(0, 6))
        steps: list[Any] = []
        snapshot = dict(states[draw(st.integers(0, len(states) - 1))])
        newest = dict(states[-1])
        for step in range(draw(st.integers(1, 3))):
            key = draw(st.sampled_from("xy"))
            if draw(st.booleans()):
                steps.append(r(key, *snapshot.get(key, ())))
            else:
                element = 10 * number + step + 1
                steps.append(a(key, element))
                for state in (snapshot, newest):
                    state[key] = (*state.get(key, ()), element)
        states.append(newest)
        history.append(txn(number, start, start + draw(st.integers(0, 4)), *steps))
    last = states[-1]
    return [*history, txn(99, 20, 21, r("x", *last.get("x", ())), r("y", *last.get("y", ())))]


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_where_every_version_is_known_it_agrees_with_all_serial_orders(data: st.DataObject) -> None:
    history = executed(data.draw, data.draw(st.integers(2, 4)))
    orders = [order for order in permutations(history) if serial(order)]
    assert (found(history, "serializable").said == "ok") == bool(orders)
    assert (found(history).said == "ok") == any(map(in_time, orders))


@st.composite
def loose(draw: st.DrawFn) -> Operation:
    steps: list[Any] = []
    number = draw(st.integers(0, 3))
    for step in range(draw(st.integers(1, 2))):
        key = draw(st.sampled_from("xy"))
        if draw(st.booleans()):
            steps.append(r(key, *draw(st.lists(st.sampled_from([1, 2, 11, 12]), max_size=2, unique=True))))
        else:
            steps.append(a(key, 10 * number + step + 1))
    start = draw(st.integers(0, 5))
    return txn(number, start, start + draw(st.integers(0, 4)), *steps)


@settings(max_examples=500, deadline=None)
@given(st.lists(loose(), max_size=4, unique_by=lambda o: o.process))
def test_what_has_a_serial_order_has_no_anomaly(history: list[Operation]) -> None:
    """Also where reads show only a part."""
    orders = [order for order in permutations(history) if serial(order)]
    if orders:
        assert found(history, "serializable").said != "violated"
    if any(map(in_time, orders)):
        assert found(history).said != "violated"


def atomic(rng: Random, count: int, clients: int) -> list[Operation]:
    """Each transaction takes effect at one instant of its interval."""
    free = [0.0] * clients
    plans = []
    for _ in range(count):
        client = min(range(clients), key=lambda c: free[c])
        start = free[client] + rng.random()
        free[client] = start + rng.random() * 3
        plans.append((rng.uniform(start, free[client]), client, start, free[client]))
    state: dict[str, tuple[int, ...]] = {}
    history = []
    for number, (_, client, start, end) in enumerate(sorted(plans)):
        steps: list[Any] = []
        for step in range(rng.randint(1, 4)):
            key = f"k{rng.randrange(3) + number // 30}"
            if rng.random() < 0.5:
                steps.append(r(key, *state.get(key, ())))
            else:
                steps.append(a(key, 10 * number + step))
                state[key] = (*state.get(key, ()), steps[-1][2])
        history.append(txn(client, start, end, *steps))
    return sorted(history, key=lambda o: o.start)


@pytest.mark.parametrize("dice", range(5))
def test_a_serial_executor_is_clean(dice: int) -> None:
    assert found(atomic(Random(dice), 300, 6)).said == "ok"
