"""The key space against its stupid twin, and etcd's rules one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from cluster.errors import InvariantViolation, StatusError
from store.mvcc.space import Dump, Space, check_operations
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
    prefix_end,
)
from tests.store.mvcc.strategies import ENDS, KEYS, STEPS
from tests.store.mvcc.twin import Twin

EVERYTHING = Range(b"a", FOREVER)


def play(steps: list[Any]) -> tuple[Space, Twin]:
    space, twin = Space(), Twin()
    for step in steps:
        if isinstance(step, float):
            compact(space, twin, step)
        else:
            assert space.txn(*step).succeeded == twin.txn(*step)
        assert space.revision == twin.revision
    return space, twin


def compact(space: Space, twin: Twin, how_far: float) -> None:
    revision = space.compacted + round(how_far * (space.revision - space.compacted))
    if revision <= space.compacted:
        with pytest.raises(StatusError):
            space.compact(revision)
    else:
        space.compact(revision)
        twin.compacted = revision


@settings(max_examples=120, deadline=None)
@given(STEPS, KEYS, ENDS)
def test_every_readable_revision_is_as_the_twin_says(steps: list[Any], key: bytes, end: bytes | None) -> None:
    space, twin = play(steps)
    for revision in range(max(1, space.compacted), space.revision + 1):
        expected = twin.range(key, end, revision)
        result = space.range(Range(key, end), revision)
        assert list(result.kvs) == expected
        assert (result.count, result.more, result.revision) == (len(expected), False, space.revision)
        page = space.range(Range(key, end, 1, keys_only=True), revision)
        assert [kv.key for kv in page.kvs] == [kv.key for kv in expected[:1]]
        assert (page.count, page.more) == (len(expected), len(expected) > 1)
        assert all(kv.value == b"" for kv in page.kvs)
        counted = space.range(Range(key, end, count_only=True), revision)
        assert (counted.kvs, counted.count) == ((), len(expected))


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_events_are_the_differences_between_revisions(steps: list[Any]) -> None:
    space, twin = play(steps)
    since = max(2, space.compacted)
    events = space.events_since(since)
    told = [(e.kv.mod_revision, e.kv.key, None if e.deleted else e.kv.value) for e in events]
    assert sorted(told, key=lambda e: e[:2]) == twin.events(b"", FOREVER, since)
    assert [e[0] for e in told] == sorted(e[0] for e in told)
    for event in events:
        if event.kv.mod_revision > since:
            before = twin.states[event.kv.mod_revision - 1].get(event.kv.key)
            assert event.prev == before


@settings(max_examples=80, deadline=None)
@given(STEPS, STEPS)
def test_a_loaded_dump_is_the_same_space(before: list[Any], after: list[Any]) -> None:
    space, twin = play(before)
    copy = Space.load(space.dump())
    assert copy.dump() == space.dump()
    for step in after:
        if isinstance(step, float):
            compact(space, twin, step)
            copy.compact(space.compacted) if copy.compacted < space.compacted else None
        else:
            assert copy.txn(*step) == space.txn(*step)
    assert copy.dump() == space.dump()
    assert copy.events_since(copy.compacted) == space.events_since(space.compacted)
    for revision in range(max(1, space.compacted), space.revision + 1):
        assert copy.range(EVERYTHING, revision) == space.range(EVERYTHING, revision)


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_compacting_everything_leaves_nothing_but_what_is_live(steps: list[Any]) -> None:
    space, twin = play(steps)
    space.put(b"x", b"")
    space.put(b"x", b"")
    if space.compacted < space.revision:
        space.compact(space.revision)
    dump = space.dump()
    assert len(dump.base) + len(dump.events) == len(space) == len(twin.states[-1]) + 1


def test_a_put_keeps_the_creation_and_counts_versions() -> None:
    space = Space()
    assert space.put(b"k", b"1") == 2
    assert space.put(b"k", b"2") == 3
    assert space.get(b"k") == KeyValue(b"k", b"2", 2, 3, 2)
    space.txn((), (Delete(b"k"),))
    assert space.put(b"k", b"3") == 5
    assert space.get(b"k") == KeyValue(b"k", b"3", 5, 5, 1)


def test_a_transaction_is_one_revision() -> None:
    space = Space()
    ops: list[Op] = [Put(b"a", b"1"), Range(b"a"), Put(b"b", b"2", True), Delete(b"x"), Range(b"a", b"z", 1)]
    result = space.txn((), ops)
    first, second = KeyValue(b"a", b"1", 2, 2, 1), KeyValue(b"b", b"2", 2, 2, 1)
    assert result.revision == space.revision == 2
    assert result.responses == (
        PutResult(None),
        RangeResult(2, (first,), 1, False),
        PutResult(None),
        DeleteResult(0, ()),
        RangeResult(2, (first,), 2, True),
    )
    again = space.txn((), (Put(b"b", b"3", True), Delete(b"a", None, True)))
    assert again.responses == (PutResult(second), DeleteResult(1, (first,)))


def test_what_writes_nothing_makes_no_revision() -> None:
    space = Space()
    assert space.txn((), (Delete(b"a"), Range(b"a"))).revision == 1
    assert space.txn((Compare(b"a", "mod", ">", 0),), (Put(b"a", b""),)).revision == 1
    assert space.revision == 1


def test_revisions_outside_are_refused() -> None:
    space = Space()
    for value in (b"1", b"2", b"3"):
        space.put(b"k", value)
    space.compact(3)
    for wrong, reason in ((2, "Compacted"), (9, "FutureRevision")):
        with pytest.raises(StatusError) as caught:
            space.range(EVERYTHING, wrong)
        assert caught.value.reason == reason
    assert caught.value.details == {"revision": 4}
    assert space.range(EVERYTHING, 3).kvs[0].value == b"2"
    for revision, reason in ((3, "Compacted"), (5, "FutureRevision")):
        with pytest.raises(StatusError) as caught:
            space.compact(revision)
        assert caught.value.reason == reason
    with pytest.raises(StatusError) as caught:
        space.events_since(2)
    assert caught.value.details == {"compacted": 3}


@pytest.mark.parametrize(
    ("compares", "branch"),
    [
        ([], [Put(b"", b"")]),
        ([], [Put(b"a", b""), Put(b"", b"")]),
        ([], [Put(b"a", b""), Put(b"a", b"")]),
        ([], [Put(b"a", b""), Delete(b"a")]),
        ([], [Put(b"b", b""), Delete(b"a", b"c")]),
        ([], [Put(b"b", b""), Delete(b"a", FOREVER)]),
        ([Compare(b"a", "size", "=", 0)], []),
        ([Compare(b"a", "mod", "~", 0)], []),
        ([Compare(b"a", "mod", "=", b"0")], []),
        ([Compare(b"a", "value", "=", 0)], []),
    ],
)
def test_what_cannot_be_meant_is_refused(compares: list[Compare], branch: list[Op]) -> None:
    space = Space()
    for success, failure in ((branch, []), ([], branch)):
        with pytest.raises(StatusError) as caught:
            space.txn(compares, success, failure)
        assert caught.value.reason == "BadRequest"
    assert space.dump() == Space().dump()


def test_a_delete_beside_puts_outside_its_range_is_fine() -> None:
    check_operations((), (Put(b"a", b""), Put(b"c", b""), Delete(b"b", b"c")), ())


def test_a_dump_with_a_key_twice_is_a_bug() -> None:
    kv = KeyValue(b"a", b"", 2, 2, 1)
    with pytest.raises(InvariantViolation):
        Space.load(Dump(3, 0, [kv, kv._replace(mod_revision=3)], []))


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"a", b"b"), (b"a/", b"a0"), (b"a\xff", b"b"), (b"\xff\xff", FOREVER), (b"", FOREVER)]
)
def test_the_end_of_a_prefix(prefix: bytes, end: bytes) -> None:
    assert prefix_end(prefix) == end
