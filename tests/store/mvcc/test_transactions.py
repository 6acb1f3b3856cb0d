"""Transactions, one of etcd's sentences after the other (api/etcdserverpb/rpc.proto, server/etcdserver/apply)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import StatusError
from store.mvcc import rows
from store.mvcc.space import Space
from store.mvcc.transactions import check_branches
from store.mvcc.values import (
    FOREVER,
    Compare,
    Delete,
    DeleteResult,
    KeyValue,
    Op,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)
from tests.store.mvcc.playing import dumped
from tests.store.mvcc.strategies import BRANCHES
from tests.store.mvcc.twin import ambiguous


def space_of(**values: bytes) -> Space:
    space = Space()
    for key, value in values.items():
        space.put(key.encode(), value)
    return space


def refusal(space: Space, *ops: Op) -> str:
    before = dumped(space)
    with pytest.raises(StatusError) as caught:
        space.txn((), ops)
    assert dumped(space) == before
    return caught.value.reason


@pytest.mark.parametrize(
    ("compare", "holds"),
    [
        (Compare(b"a", "value", "=", b"1"), True),
        (Compare(b"a", "value", ">", b"0"), True),
        (Compare(b"a", "value", "!=", b"1"), False),
        (Compare(b"a", "version", "=", 1), True),
        (Compare(b"a", "create", "<", 3), True),
        (Compare(b"a", "mod", ">", 2), False),
        (Compare(b"a", "lease", "=", 0), True),
        (Compare(b"x", "version", "=", 0), True),
        (Compare(b"x", "lease", "=", 0), True),
        (Compare(b"x", "create", ">", 0), False),
        (Compare(b"x", "value", "=", b""), False),
        (Compare(b"x", "value", "!=", b"1"), False),
        (Compare(b"a", "mod", "<", 4, b"c"), True),
        (Compare(b"a", "mod", "<", 3, b"c"), False),
        (Compare(b"a", "version", "=", 1, FOREVER), True),
        (Compare(b"x", "version", "=", 0, b"z"), True),
        (Compare(b"x", "version", "=", 1, b"z"), False),
        (Compare(b"x", "value", "!=", b"1", b"z"), False),
    ],
)
def test_compares_of_keys_that_are_there_and_that_are_not(compare: Compare, holds: bool) -> None:
    assert space_of(a=b"1", b=b"2").txn((compare,), ()).succeeded is holds


def test_comparing_a_lease() -> None:
    space = Space()
    space.leases.grant(7, 10)
    space.put(b"a", b"", 7)
    assert space.txn((Compare(b"a", "lease", "=", 7),), ()).succeeded


def test_ignore_value_updates_the_key_using_its_current_value() -> None:
    """etcd: PutRequest.ignore_value. Returns an error if the key does not exist."""
    space = space_of(a=b"1")
    space.leases.grant(7, 10)
    assert refusal(space, Put(b"x", b"", ignore_value=True)) == "NotFound"
    space.txn((), (Put(b"a", b"", lease=7, ignore_value=True),))
    assert space.get(b"a") == KeyValue(b"a", b"1", 2, 3, 2, 7)


def test_ignore_lease_updates_the_key_using_its_current_lease() -> None:
    """etcd: PutRequest.ignore_lease."""
    space = Space()
    space.leases.grant(7, 10)
    space.put(b"a", b"1", 7)
    assert refusal(space, Put(b"x", b"", ignore_lease=True)) == "NotFound"
    space.txn((), (Put(b"a", b"2", ignore_lease=True),))
    assert space.get(b"a") == KeyValue(b"a", b"2", 2, 3, 2, 7)
    space.txn((), (Put(b"a", b"3"),))
    assert space.get(b"a") == KeyValue(b"a", b"3", 2, 4, 3, 0)
    assert not space.leases.get(7).keys


def test_a_nested_transaction_is_at_the_same_revision() -> None:
    space = space_of(a=b"1")
    inner = Txn((Compare(b"a", "value", "=", b"1"),), (Put(b"b", b"2"), Range(b"b")), (Put(b"c", b"3"),))
    result = space.txn((), (Put(b"a", b"9", True), inner, Range(b"a", FOREVER, count_only=True)))
    assert space.revision == result.revision == 3
    assert result.responses == (
        PutResult(KeyValue(b"a", b"1", 2, 2, 1)),
        TxnResult(3, True, (PutResult(None), RangeResult(3, (KeyValue(b"b", b"2", 3, 3, 1),), 1, False))),
        RangeResult(3, (), 2, False),
    )


def test_nested_compares_look_at_the_state_before() -> None:
    """etcd: compareToPath evaluates every guard before the first write."""
    space = space_of(a=b"1")
    inner = Txn((Compare(b"a", "value", "=", b"2"),), (Put(b"b", b"then"),), (Put(b"b", b"else"),))
    space.txn((), (Put(b"a", b"2"), inner))
    kv = space.get(b"b")
    assert kv is not None
    assert kv.value == b"else"


def test_a_range_in_a_transaction_may_name_a_revision() -> None:
    space = space_of(a=b"1")
    space.put(b"a", b"2")
    result = space.txn((), (Put(b"a", b"3"), Range(b"a", revision=2), Range(b"a", revision=3), Range(b"a")))
    found = [response.kvs[0].value for response in result.responses if isinstance(response, RangeResult)]
    assert found == [b"1", b"2", b"3"]
    assert refusal(space, Put(b"b", b""), Range(b"a", revision=5)) == "FutureRevision"
    space.compact(3)
    assert refusal(space, Put(b"b", b""), Range(b"a", revision=2)) == "Compacted"


def test_a_lease_that_is_not_there_refuses_the_whole_transaction() -> None:
    """etcd: requested lease not found."""
    assert refusal(space_of(a=b"1"), Put(b"a", b"2"), Put(b"b", b"", lease=9)) == "NotFound"


def test_delete_range_answers_what_it_deleted() -> None:
    result = space_of(a=b"1", b=b"2", c=b"3").txn((), (Delete(b"a", b"c", True), Delete(b"x", FOREVER)))
    gone = (KeyValue(b"a", b"1", 2, 2, 1), KeyValue(b"b", b"2", 3, 3, 1))
    assert result.responses == (DeleteResult(2, gone), DeleteResult(0, ()))


@pytest.mark.parametrize(
    ("compares", "branch"),
    [
        ([], [Put(b"", b"")]),
        ([], [Put(b"a", b""), Put(b"", b"")]),
        ([], [Delete(b"a", b"")]),
        ([], [Put(b"a", b""), Put(b"a", b"")]),
        ([], [Put(b"a", b""), Delete(b"a")]),
        ([], [Put(b"b", b""), Delete(b"a", b"c")]),
        ([], [Put(b"b", b""), Delete(b"a", FOREVER)]),
        ([], [Put(b"a", b""), Txn((), [Put(b"a", b"")])]),
        ([], [Put(b"a", b""), Txn((), [], [Txn((), [Delete(b"a")])])]),
        ([], [Delete(b"a", FOREVER), Txn((), [Put(b"a", b"")])]),
        ([], [Txn((), [Put(b"a", b"")]), Txn((), [], [Put(b"a", b"")])]),
        ([], [Txn((), [Put(b"a", b"")]), Txn((), [Delete(b"a")])]),
        ([], [Txn((Compare(b"a", "size", "=", 0),), [])]),
        ([Compare(b"a", "size", "=", 0)], []),
        ([Compare(b"a", "mod", "~", 0)], []),
        ([Compare(b"a", "mod", "=", b"0")], []),
        ([Compare(b"a", "value", "=", 0)], []),
        ([Compare(b"", "mod", "=", 0)], []),
    ],
)
def test_what_cannot_be_meant_is_refused(compares: list[Compare], branch: list[Op]) -> None:
    """etcd: duplicate key given in txn request, also in nested branches."""
    space = Space()
    for success, failure in ((branch, []), ([], branch)):
        with pytest.raises(StatusError) as caught:
            space.txn(compares, success, failure)
        assert caught.value.reason == "BadRequest"
    assert dumped(space) == dumped(Space())


@pytest.mark.parametrize(
    "branch",
    [
        [Put(b"a", b""), Put(b"c", b""), Delete(b"b", b"c")],
        [Delete(b"a"), Delete(b"a", FOREVER)],
        [Txn((), [Put(b"a", b"")], [Put(b"a", b""), Delete(b"b")])],
        [Txn((), [Put(b"a", b"")], [Delete(b"a")])],
        [Put(b"a", b""), Range(b"a")],
    ],
)
def test_then_and_else_exclude_each_other(branch: list[Op]) -> None:
    check_branches(rows.op_rows(branch), ())


@settings(max_examples=300, deadline=None)
@given(BRANCHES)
def test_duplicates_are_found_as_by_walking_every_path(branch: list[Op]) -> None:
    try:
        check_branches(rows.op_rows(branch), ())
    except StatusError:
        assert ambiguous(branch)
    else:
        assert not ambiguous(branch)


@settings(max_examples=200, deadline=None)
@given(BRANCHES, st.booleans())
def test_operations_survive_as_rows(branch: list[Op], succeeded: bool) -> None:
    assert rows.ops_of(rows.op_rows(branch)) == branch
