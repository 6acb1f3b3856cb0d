"""Bodies off the bus: what our own client makes is taken; the rest is BadRequest, with what is wrong and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import StatusError
from cluster.wire import pack, unpack
from store import commands, requests
from store.machine import Machine
from store.mvcc.rows import op_row
from store.mvcc.values import Compare, Delete, Put, Range, Txn
from tests.store.mvcc.playing import outcome
from tests.store.mvcc.strategies import KEYS, TXNS, puts, ranges
from tests.store.mvcc.twin import ambiguous

CHECKS: dict[str, Callable[[Any], Any]] = {
    **{kind: check for kind, (_, check) in commands.CODES.items()},
    "store.range": commands.check_range,
    "store.watch": commands.watch_of,
    "store.hash": commands.revision_of,
    "store.happened": commands.check_happened,
    "store.lease.ttl": commands.check_ttl,
    "store.lease.keepalive": commands.check_keepalive,
}


def wire(body: Any) -> Any:
    return unpack(pack(body))


def refusal(kind: str, body: Any) -> str:
    with pytest.raises(StatusError) as caught:
        CHECKS[kind](wire(body))
    assert caught.value.reason == "BadRequest"
    return caught.value.message


@settings(max_examples=200, deadline=None)
@given(TXNS)
def test_transactions_survive_the_wire(txn: Any) -> None:
    _, compares, success, failure = txn
    body = wire(requests.txn_request(7, compares, success, failure))
    if ambiguous(success) or ambiguous(failure):
        assert "one transaction" in refusal("store.txn", body)
    else:
        CHECKS["store.txn"](body)
        assert tuple(requests.txn_of("store.txn", body)) == (7, compares, success, failure)


@settings(max_examples=100)
@given(ranges(), st.sampled_from(commands.READ_MODES))
def test_ranges_survive_the_wire(query: Range, read: str) -> None:
    body = wire(requests.range_request(query, 0, read))
    CHECKS["store.range"](body)
    assert requests.range_of(body) == (query, query.revision, read)
    assert requests.range_of(wire(requests.range_request(query, 9, read)))[0].revision == 9


@settings(max_examples=100)
@given(puts())
def test_puts_survive_the_wire(put: Put) -> None:
    CHECKS["store.put"](wire(requests.put_request(3, *op_row(put)[1:])))


@given(KEYS)
def test_watches_survive_the_wire(key: bytes) -> None:
    assert commands.watch_of([key, None, 3, True, False]) == (key, None, 3, True, False, False, False)
    assert commands.watch_of([key, b"z", 3, True, False, True, False]).noput


GOOD: dict[str, list[Any]] = {
    "store.put": [0, 1, b"k", b"v", 0, 0],
    "store.delete": [0, 1, b"k", b"z", False],
    "store.txn": wire(
        requests.txn_request(
            1,
            [Compare(b"k", "mod", "=", 1), Compare(b"k", "value", "<", b"1", b"z")],
            [Put(b"a", b"1"), Delete(b"c"), Txn([Compare(b"k", "lease", "=", 1)], [Put(b"d", b"")])],
            [Range(b"k"), Range(b"k", order="desc")],
        )
    ),
    "store.update": [0, 1, b"k", 3, b"v", 0, True],
    "store.quota": [0, 1, 1000],
    "store.compact": [0, 1, 2],
    "store.lease.grant": [0, 1, 0, 10],
    "store.lease.revoke": [0, 1, 5],
    "store.alarm": [0, 1, "clear", "NOSPACE"],
    "store.range": ["linearizable", b"k", b"z", 0, 0, 0, "asc", "mod", 0, 0, 0, 0],
    "store.watch": [b"k", None, 0, False, False],
    "store.happened": ["client", 7],
    "store.hash": [0],
    "store.lease.ttl": [5, True],
    "store.lease.keepalive": [5],
}


def test_there_is_a_good_body_of_every_kind() -> None:
    assert GOOD.keys() == CHECKS.keys()
    for kind, body in GOOD.items():
        CHECKS[kind](wire(body))


@pytest.mark.parametrize("kind", GOOD)
def test_one_wrong_field_is_refused_by_name(kind: str) -> None:
    body = GOOD[kind]
    wrong: Any
    for at in range(len(body)):
        for wrong in (-1, 1.5, {"a": 1}, None, "other", [[]]):
            if (
                type(body[at]) is type(wrong)
                or (wrong is None and body[at] == b"z")
                or (at == 1 and kind == "store.watch")
            ):
                continue
            assert refusal(kind, [*body[:at], wrong, *body[at + 1 :]])
    for wrong in (None, 7, b"", {}, body[:-1], [*body, 0]):
        assert "is an array of" in refusal(kind, wrong)


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("store.put", [0, 1, b"", b"v", 0, 0], "store.put: the key is empty"),
        ("store.put", [0, 1, b"k", "v", 0, 0], "store.put: value is str, not bytes"),
        ("store.put", [0, True, b"k", b"v", 0, 0], "store.put: serial is bool, not int"),
        ("store.put", [0, 1, b"k", b"v", -1, 0], "store.put: lease is negative"),
        ("store.put", [-1, 1, b"k", b"v", 0, 0], "store.put: term is negative"),
        ("store.put", [1, b"k", b"v", 0, 0], "store.put is an array of 6: term, serial, key, value, lease, flags"),
        ("store.put", [0, 1, b"k", b"v", 0, 8], "there is no flag 8"),
        ("store.put", [0, 1, b"k", b"v", 0, 2], "value is provided"),
        ("store.put", [0, 1, b"k", b"", 3, 4], "lease is provided"),
        ("store.delete", [0, 1, b"", None, False], "the key is empty"),
        ("store.delete", [0, 1, b"k", b"", False], "the end is empty"),
        ("store.range", ["eventually", b"k", None, 0, 0, 0], "unknown read mode 'eventually'"),
        ("store.range", ["lease", b"k", None, 0, 4, 0], "there is no flag 4"),
        ("store.range", ["lease", b"k", None, 0, 0, 0, "up", "key", 0, 0, 0, 0], "unknown order 'up'"),
        ("store.range", ["lease", b"k", None, 0, 0, 0, "asc", "size", 0, 0, 0, 0], "unknown sort target 'size'"),
        ("store.txn", [0, 1, [[b"k", "mod", "=", 0]], [], []], "store.txn[0], a compare is an array of 5"),
        ("store.txn", [0, 1, [[b"k", "size", "=", 0, None]], [], []], "unknown comparison 'size'"),
        ("store.txn", [0, 1, [[b"k", "mod", "~", 0, None]], [], []], "unknown comparison 'mod' '~'"),
        ("store.txn", [0, 1, [[b"k", "mod", "=", b"0", None]], [], []], "compared with a bytes"),
        ("store.txn", [0, 1, [[b"k", "value", "=", 0, None]], [], []], "compared with a int"),
        ("store.txn", [0, 1, [[b"", "mod", "=", 0, None]], [], []], "empty in a comparison"),
        ("store.txn", [0, 1, [], [[2, b"k"]], []], "success[0], a range is an array of"),
        ("store.txn", [0, 1, [], [], [[0, b"k", b"", 0, 0], [1, b"k", None, 1]]], "failure[1], a delete: prev is int"),
        ("store.txn", [0, 1, [], [[9, b"k"]], []], "success[0]: an operation is"),
        ("store.txn", [0, 1, [], [7], []], "success[0]: an operation is"),
        (
            "store.txn",
            [0, 1, [], [[3, [], [[0, b"k", 1, 0, 0]], []]], []],
            "success[0].success[0], a put: value is int",
        ),
        ("store.txn", [0, 1, [], [[0, b"k", b"", 0, 0], [0, b"k", b"", 0, 0]], []], "put twice"),
        ("store.txn", [0, 1, [], [[0, b"k", b"", 0, 0]] * 1025, []], "1025 operations are over the limit of 1024"),
        ("store.txn", [0, 1, [[b"k", "mod", "=", 0, None]] * 1025, [], []], "1025 compares are over the limit"),
        ("store.txn", [0, 1, [], [[3, [], [], []]] * 65, []], "65 nested transactions are over the limit of 64"),
        ("store.update", [0, 1, b"", 3, b"v", 0, True], "store.update: the key is empty"),
        ("store.update", [0, 1, b"k", -3, b"v", 0, True], "store.update: mod is negative"),
        ("store.quota", [0, 1, -1], "store.quota: bytes is negative"),
        ("store.lease.grant", [0, 1, 0, 0], "a time to live is 1 to"),
        ("store.lease.grant", [0, 1, 0, 9_000_000_001], "a time to live is 1 to"),
        ("store.alarm", [0, 1, "ring", "NOSPACE"], "unknown action 'ring'"),
        ("store.alarm", [0, 1, "raise", "FIRE"], "unknown alarm 'FIRE'"),
        ("store.watch", [b"", None, 0, False, False], "the key is empty"),
    ],
)
def test_a_refusal_says_what_and_where(kind: str, body: Any, words: str) -> None:
    assert words in refusal(kind, body)


def test_nesting_has_a_limit() -> None:
    def nested(depth: int) -> list[Any]:
        return [3, [], [nested(depth - 1)] if depth else [], []]

    commands.check_txn([0, 1, [], [nested(commands.MAX_NESTING - 1)], []])
    assert "nest deeper than 8" in refusal("store.txn", [0, 1, [], [nested(commands.MAX_NESTING)], []])


def test_the_leaders_minimum_becomes_what_the_log_says() -> None:
    body = [0, 1, 0, 2]
    commands.check_grant(body, 5)
    assert body == [0, 1, 0, 5]
    commands.check_grant(body, 3)
    assert body == [0, 1, 0, 5]


BODIES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-2, 5), st.sampled_from(["", "mod", "=", "asc"]), st.binary(max_size=2)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=7), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(GOOD)), BODIES, st.lists(st.integers(0, 6), max_size=4))
def test_what_is_let_through_can_be_applied(kind: str, junk: Any, place: list[int]) -> None:
    """A good body with one part, at any depth, replaced by junk."""
    body = wire(GOOD[kind])
    at = body
    for index in place[:-1]:
        if at and type(at[index % len(at)]) is list:
            at = at[index % len(at)]
    if at and place:
        at[place[-1] % len(at)] = junk
    if outcome(lambda: CHECKS[kind](body)) == "BadRequest":
        return
    machine = Machine()
    if kind in commands.CODES:
        assert len(machine.apply([[commands.CODES[kind][0], "client", *body[1:]]])) == 1
    elif kind == "store.range" and not body[5]:
        machine.range(body)
