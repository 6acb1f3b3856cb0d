"""The key space against its stupid twin, and etcd's rules one by one."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import InvariantViolation, StatusError
from store.mvcc.space import Dump, Space
from store.mvcc.values import FOREVER, Delete, KeyValue, Op, Put, PutResult, Range, RangeResult, prefix_end
from tests.store.mvcc.playing import dumped, outcome, play, step
from tests.store.mvcc.strategies import ENDS, KEYS, STEPS, ranges
from tests.store.mvcc.twin import Twin

EVERYTHING = Range(b"a", FOREVER)
SEGMENTS = st.integers(1, 5)


def reason_of(work: Any) -> str:
    with pytest.raises(StatusError) as caught:
        work()
    return caught.value.reason


# ── against the twin ─────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=150, deadline=None)
@given(STEPS, KEYS, ENDS, SEGMENTS)
def test_every_readable_revision_is_as_the_twin_says(
    steps: list[Any], key: bytes, end: bytes | None, segment: int
) -> None:
    space, twin = play(steps, segment)
    for revision in range(max(1, space.compacted), space.revision + 1):
        expected = twin.range(key, end, revision)
        result = space.range(Range(key, end), revision)
        assert list(result.kvs) == expected
        assert (result.count, result.more, result.revision) == (len(expected), False, space.revision)
        page = space.range(Range(key, end, 1, keys_only=True), revision)
        assert [kv.key for kv in page.kvs] == [kv.key for kv in expected[:1]]
        assert (page.count, page.more) == (len(expected), len(expected) > 1)
        assert all(kv.value == b"" for kv in page.kvs)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.lists(ranges(), min_size=1, max_size=6), SEGMENTS)
def test_limits_orders_and_filters_are_as_the_twin_says(steps: list[Any], queries: list[Range], segment: int) -> None:
    space, twin = play(steps, segment)
    for query in queries:
        assert outcome(partial(space.range, query)) == outcome(partial(twin.read, query))


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS, SEGMENTS)
def test_a_view_of_the_past_stays_true_while_writes_go_on(before: list[Any], after: list[Any], segment: int) -> None:
    space, twin = play(before, segment)
    for what in after:
        revision = max(1, space.compacted)
        assert list(space.range(EVERYTHING, revision).kvs) == twin.range(*EVERYTHING[:2], revision)
        step(space, twin, what)


@settings(max_examples=100, deadline=None)
@given(STEPS, SEGMENTS, st.integers(0, 4))
def test_events_are_the_differences_between_revisions(steps: list[Any], segment: int, limit: int) -> None:
    space, twin = play(steps, segment)
    oldest = max(2, space.compacted)
    for since in {oldest, (oldest + space.revision) // 2}:
        events = space.events_since(since)
        told = [(e.kv.mod_revision, e.kv.key, None if e.deleted else e.kv.value) for e in events]
        assert sorted(told, key=lambda e: e[:2]) == twin.events(b"", FOREVER, since)
        assert [e[0] for e in told] == sorted(e[0] for e in told)
        for event in events:
            before = twin.states[event.kv.mod_revision - 1].get(event.kv.key)
            assert event.prev == (before if event.kv.mod_revision > space.compacted else None)
        some = space.events_since(since, limit)
        assert tuple(some) == tuple(events[: len(some)])
        assert len(some) >= min(limit or len(events), len(events))
        if len(some) < len(events):
            assert events[len(some)].kv.mod_revision > some[-1].kv.mod_revision


@settings(max_examples=100, deadline=None)
@given(STEPS, STEPS, SEGMENTS, SEGMENTS)
def test_a_loaded_dump_is_the_same_space(before: list[Any], after: list[Any], one: int, other: int) -> None:
    space, twin = play(before, one)
    copy, copy_twin = Space.load(space.dump(), other), Twin()
    copy_twin.states, copy_twin.compacted, copy_twin.leases = list(twin.states), twin.compacted, dict(twin.leases)
    assert dumped(copy) == dumped(space)
    for what in after:
        step(space, twin, what)
        step(copy, copy_twin, what)
    assert dumped(copy) == dumped(space)
    assert copy.events_since(copy.compacted) == space.events_since(space.compacted)
    for revision in range(max(1, space.compacted), space.revision + 1):
        assert copy.range(EVERYTHING, revision) == space.range(EVERYTHING, revision)


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS)
def test_a_dump_is_of_the_moment_when_it_was_taken(before: list[Any], after: list[Any]) -> None:
    space, twin = play(before)
    at_once, later = dumped(space), space.dump()
    for what in after:
        step(space, twin, what)
    while space.scrub(1):
        pass
    assert later._replace(base=list(later.base), events=list(later.events)) == at_once


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_compacting_everything_leaves_nothing_but_what_is_live(steps: list[Any]) -> None:
    space, twin = play(steps)
    space.put(b"x", b"")
    space.put(b"x", b"")
    if space.compacted < space.revision:
        space.compact(space.revision)
    dump = dumped(space)
    assert len(list(dump.base)) + len(list(dump.events)) == len(space) == len(twin.states[-1]) + 1
    while space.scrub(2):
        pass
    assert len(space.history) == 1


@pytest.mark.parametrize("segment", [1, 7, 64])
def test_a_long_life(seed: int, segment: int) -> None:
    rng, space, twin = Random(seed), Space(segment), Twin()
    keys = [b"%03d" % number for number in range(40)]
    for _ in range(400):
        key, end = rng.choice(keys), rng.choice([None, None, b"020", FOREVER])
        what: tuple[Any, ...] = ("txn", (), [Put(key, b"v" * rng.randrange(9), lease=rng.choice([0, 0, 1]))])
        dice = rng.random()
        if dice < 0.1:
            what = ("txn", (), [Delete(key, end)])
        elif dice < 0.13:
            what = ("compact", rng.random())
        elif dice < 0.2:
            what = ("scrub", rng.randrange(1, 50))
        elif dice < 0.25:
            what = rng.choice([("grant", 1, 10), ("revoke", 1)])
        step(space, twin, what)
        revision = rng.randint(max(1, space.compacted), space.revision)
        for query in (Range(key, end), Range(key, end, 2), Range(key, end, 2, order="desc", target="mod")):
            asked = query._replace(revision=revision)
            assert space.range(asked) == twin.read(asked)


# ── rule by rule ─────────────────────────────────────────────────────────────────────────────────────────────


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
    assert result.responses[0] == PutResult(None)
    assert result.responses[1] == RangeResult(2, (first,), 1, False)
    assert result.responses[4] == RangeResult(2, (first,), 2, True)
    again = space.txn((), (Put(b"b", b"3", True), Delete(b"a", None, True)))
    assert again.responses == (PutResult(second), (1, (first,)))


def test_what_writes_nothing_makes_no_revision() -> None:
    space = Space()
    assert space.txn((), (Delete(b"a"), Range(b"a"))).revision == 1
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
    assert reason_of(lambda: space.compact(3)) == "Compacted"
    assert reason_of(lambda: space.compact(5)) == "FutureRevision"
    with pytest.raises(StatusError) as caught:
        space.events_since(2)
    assert caught.value.details == {"compacted": 3}


def test_nothing_that_can_be_asked_shows_how_far_scrubbing_has_come() -> None:
    space = Space(4)
    for number in range(40):
        space.put(b"%d" % (number % 7), b"v")
    space.txn((), (Delete(b"3"),))
    space.compact(30)
    before = (dumped(space), space.size, space.events_since(30), space.range(EVERYTHING, 30))
    turns = 0
    while space.scrub(3):
        turns += 1
        assert (dumped(space), space.size, space.events_since(30), space.range(EVERYTHING, 30)) == before
    assert turns == 9
    assert len(space.history) == 42 - 30 + 1


def test_events_at_the_compacted_revision_do_not_tell_what_was_before() -> None:
    """etcd: previous versions are given unless they are compacted."""
    space = Space()
    for value in (b"1", b"2", b"3"):
        space.put(b"k", value)
    space.compact(3)
    assert [event.prev and event.prev.value for event in space.events_since(3)] == [None, b"2"]
    while space.scrub():
        pass
    assert [event.prev and event.prev.value for event in space.events_since(3)] == [None, b"2"]


def test_bump_goes_on_later_with_nothing_before() -> None:
    """etcd: --bump-revision --mark-compacted."""
    space = Space()
    space.put(b"a", b"1")
    space.put(b"b", b"2")
    space.txn((), (Delete(b"b"),))
    space.bump(1000)
    assert (space.revision, space.compacted, space.size) == (1004, 1004, 2)
    assert space.get(b"a") == KeyValue(b"a", b"1", 2, 2, 1)
    for since in (1, 4, 500, 1003):
        assert reason_of(partial(space.events_since, since)) == "Compacted"
    assert space.events_since(1004) == ()
    assert space.put(b"a", b"2") == 1005
    assert space.events_since(1004)[0].prev == KeyValue(b"a", b"1", 2, 2, 1)
    assert dumped(Space.load(space.dump())) == dumped(space)


def test_over_the_limit_nothing_is_put() -> None:
    space = Space()
    space.limit = 10
    space.put(b"a", b"1234")
    assert reason_of(lambda: space.put(b"b", b"12345")) == "NoSpace"
    assert reason_of(lambda: space.txn((), (Put(b"b", b"12"), Put(b"c", b"12")))) == "NoSpace"
    assert (space.revision, space.size) == (2, 5)
    space.put(b"b", b"1234")
    space.txn((), (Delete(b"a"), Delete(b"b")))
    assert space.size == 12
    space.compact(space.revision)
    assert space.size == 2
    assert len(space) == 0


def test_a_dump_with_a_key_twice_is_a_bug() -> None:
    kv = (b"a", b"", 2, 2, 1, 0)
    with pytest.raises(InvariantViolation):
        Space.load(Dump(3, 0, [kv, (b"a", b"", 2, 3, 1, 0)], []))


def test_one_object_per_key_and_value() -> None:
    """Memory: the live versions, the history and the sorted keys share them."""
    space = Space()
    space.put(b"key", b"1")
    space.put(bytes(bytearray(b"key")), b"2")
    (first, _), (second, prev) = space.rows_since(2)
    assert prev is first
    assert second[0] is first[0] is space._keys[0]
    assert space.row(b"key") is second


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"a", b"b"), (b"a/", b"a0"), (b"a\xff", b"b"), (b"\xff\xff", FOREVER), (b"", FOREVER)]
)
def test_the_end_of_a_prefix(prefix: bytes, end: bytes) -> None:
    assert prefix_end(prefix) == end
