"""The pure parts of the engine `eventual`: time, vectors, trees, and replicas against a brute-force model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from hashlib import blake2b
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import StatusError
from cluster.wire import pack, unpack
from store.engines.eventual import rows
from store.engines.eventual.clock import Clock
from store.engines.eventual.merkle import SMALL, Difference, Tree
from store.engines.eventual.replica import STRIDE, Replica, Rules
from store.engines.eventual.values import Record, Stamp, conflict, join, merge, written
from store.mvcc.values import Compare, Delete, Op, Put, Range, RangeResult

NAMES = ("a", "b", "c")
SERIALS = count(1)

# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(-20, 20)), max_size=40))
def test_a_hybrid_clock_never_goes_back_whatever_the_wall_and_the_others_say(steps: list[tuple[float, float]]) -> None:
    clock = Clock("a", max_ahead=5.0)
    last = clock.last
    for now, ahead in steps:
        other = Stamp(max(0, int((now + ahead) * 1e6)), 3, "b")
        taken = clock.accept(other, now)
        stamp = clock.tick(now)
        assert stamp > last
        assert not taken or stamp > other
        last = stamp


def test_a_stamp_that_is_too_far_ahead_is_refused_and_counted_until_its_time_has_come() -> None:
    clock = Clock("a", max_ahead=5.0)
    far = Stamp(20_000_000, 0, "b")
    assert not clock.accept(far, 10.0)
    assert clock.refused == 1
    assert clock.tick(10.0) < far
    assert clock.accept(far, 15.0)
    assert clock.tick(15.0) > far


# ── which of two wins ────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Records of one key as replicas might come to hold them: writes on top of what was seen, and merges."""
    states: list[Record] = []
    dots = dict.fromkeys(NAMES, 0)
    latest: dict[str, Record] = {}
    for wall in range(1, draw(st.integers(2, 10))):
        name = draw(st.sampled_from(NAMES))
        mine = latest.get(name)
        merges = draw(st.integers(0, 1))
        if states and merges:
            other = draw(st.sampled_from(states))
            latest[name] = other if mine is None else merge(mine, other)
        else:
            dots[name] += 1
            vector = written(() if mine is None else mine.vector, name, dots[name])
            value = draw(st.sampled_from((None, b"x", b"y")))
            # Hybrid time: after what was seen, but not in the order of the wall between replicas.
            wall_now = max(draw(st.integers(1, 20)), 0 if mine is None else mine.stamp.wall + 1)
            latest[name] = Record(b"k", value, Stamp(wall_now, wall, name), dots[name], vector)
        states.append(latest[name])
    return states


@given(histories(), st.data())
def test_merging_is_a_join(states: list[Record], data: st.DataObject) -> None:
    one, two, three = (data.draw(st.sampled_from(states)) for _ in range(3))
    assert merge(one, one) == one
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
    shuffled = data.draw(st.permutations(states))
    assert reduce(merge, shuffled) == reduce(merge, states)
    assert join(one.vector, two.vector) == merge(one, two).vector


def test_a_write_in_knowledge_of_another_is_no_conflict_and_one_without_is() -> None:
    first = Record(b"k", b"1", Stamp(1, 0, "a"), 1, written((), "a", 1))
    second = Record(b"k", b"2", Stamp(2, 0, "b"), 4, written(first.vector, "b", 4))
    third = Record(b"k", b"3", Stamp(3, 0, "a"), 2, written(first.vector, "a", 2))
    fourth = Record(b"k", b"4", Stamp(4, 0, "a"), 9, written(third.vector, "a", 9))
    assert conflict(first, second) is None
    lost = conflict(fourth, second)
    assert lost == conflict(second, fourth)
    assert lost is not None
    assert (lost.lost, lost.won, lost.writes) == (second.stamp, fourth.stamp, 1)
    newer = fourth._replace(stamp=Stamp(1, 9, "a"))
    branch = conflict(newer, second)
    assert branch is not None
    assert branch.writes == 2, "both of a's writes went with it"


# ── trees ────────────────────────────────────────────────────────────────────────────────────────────────────


def digest(key: bytes, version: int) -> int:
    return int.from_bytes(blake2b(key + b"%d" % version, digest_size=8).digest(), "big")


contents = st.dictionaries(st.binary(min_size=1, max_size=3), st.integers(1, 3), max_size=60).map(
    lambda versions: {key: digest(key, version) for key, version in versions.items()}
)


def tree_of(content: dict[bytes, int]) -> Tree:
    tree = Tree()
    for key, value in content.items():
        tree.set(key, value)
    return tree


def walk(here: Tree, there: Tree) -> tuple[Difference, int]:
    """The whole dialogue: all that is wanted and given, and in how many entries it was told."""
    total, told = Difference([], [], []), 0
    nodes = here.top()
    while nodes:
        replies = there.answer(nodes)
        told += sum(len(reply.entries) for reply in replies)
        nodes, want, give = here.compare(replies)
        total.want.extend(want)
        total.give.extend(give)
    return total, told


@given(contents, contents)
def test_what_the_trees_find_is_the_difference_of_the_sets(mine: dict[bytes, int], theirs: dict[bytes, int]) -> None:
    found, _ = walk(tree_of(mine), tree_of(theirs))
    assert sorted(found.want) == sorted(k for k, d in theirs.items() if mine.get(k) != d)
    assert sorted(found.give) == sorted(k for k, d in mine.items() if theirs.get(k) != d)
    assert (tree_of(mine).root == tree_of(theirs).root) == (mine == theirs)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=2), st.integers(0, 3)), max_size=60))
def test_a_tree_is_a_function_of_its_content_not_of_its_history(changes: list[tuple[bytes, int]]) -> None:
    tree, content = Tree(), dict[bytes, int]()
    for key, version in changes:
        content[key] = digest(key, version) if version else 0
        tree.set(key, content[key])
    fresh = tree_of({k: d for k, d in content.items() if d})
    assert (tree.root, len(tree), list(tree.entries(0, 0))) == (fresh.root, len(fresh), list(fresh.entries(0, 0)))


def test_one_difference_among_many_costs_a_few_entries_not_all() -> None:
    content = {key: digest(key, 1) for key in (b"key-%d" % i for i in range(5000))}
    here, there = tree_of(content), tree_of({**content, b"key-77": digest(b"key-77", 2)})
    found, told = walk(here, there)
    assert (found.want, found.give) == ([b"key-77"], [b"key-77"])
    assert told <= SMALL


# ── a replica ────────────────────────────────────────────────────────────────────────────────────────────────


def replicas(count: int = 3, **rules: float) -> list[Replica]:
    found = []
    for index in range(count):
        replica = Replica(replace(Rules(index, keep_revisions=0), **rules))  # type: ignore[arg-type]
        replica.begin(f"store-{index}.1")
        found.append(replica)
    return found


def put(replica: Replica, key: bytes, value: bytes | None, now: float) -> Stamp:
    op: Op = Delete(key) if value is None else Put(key, value)
    replica.txn(("client", next(SERIALS)), (), ([op], []), now)
    return replica.clock.last


def exchange(here: Replica, there: Replica, now: float) -> None:
    """One full round of gossip, both ways."""
    found, _ = walk(here.tree, there.tree)
    mine = [here.records[key] for key in found.give]
    here.receive([there.records[key] for key in found.want], now)
    there.receive(mine, now)


def converge(all_of_them: Sequence[Replica], now: float) -> None:
    for _ in range(3):
        for here in all_of_them:
            for there in all_of_them:
                if here is not there:
                    exchange(here, there, now)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2), st.sampled_from((b"k", b"l")), st.sampled_from((None, b"v"))),
        st.tuples(st.just("meet"), st.integers(0, 2), st.integers(1, 2), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(steps, st.tuples(*(st.floats(-3, 3) for _ in range(3))))
def test_replicas_converge_to_the_highest_stamp_and_name_exactly_the_concurrent_losers(
    todo: list[tuple[str, int, bytes | int, bytes | None]], skews: tuple[float, float, float]
) -> None:
    """The model: each write is a number; a replica holds of each key the set of all writes that its value knows of."""
    group = replicas()
    known: list[dict[bytes, frozenset[Stamp]]] = [{}, {}, {}]
    heads: list[dict[bytes, Stamp]] = [{}, {}, {}]
    lost: set[tuple[bytes, Stamp]] = set()

    def model_merge(into: int, other: int) -> None:
        for key, head in list(heads[other].items()):
            mine = heads[into].get(key)
            if mine is not None and head not in known[into][key] and mine not in known[other][key]:
                lost.add((key, min(head, mine)))
            heads[into][key] = head if mine is None else max(head, mine)
            known[into][key] = known[other][key] | known[into].get(key, frozenset())

    def meet(here: int, there: int, now: float) -> None:
        saved = (dict(heads[here]), dict(known[here]))
        model_merge(here, there)
        mine, heads[here], known[here] = (heads[here], known[here]), saved[0], saved[1]
        model_merge(there, here)
        heads[here], known[here] = mine
        exchange(group[here], group[there], now)

    for number, (what, index, third, value) in enumerate(todo):
        now = 100.0 + number * 0.5
        if what == "meet":
            assert isinstance(third, int)
            meet(index, (index + third) % 3, now)
            continue
        assert isinstance(third, bytes)
        before = group[index].dot
        stamp = put(group[index], third, value, now + skews[index])
        if group[index].dot > before:
            heads[index][third] = stamp
            known[index][third] = known[index].get(third, frozenset()) | {stamp}
    for _ in range(3):
        for here, there in ((0, 1), (1, 2), (2, 0)):
            meet(here, there, 1000.0)
    assert len({replica.digest()[1] for replica in group}) == 1
    assert len({replica.tree.root for replica in group}) == 1
    for replica in group:
        assert {key: record.stamp for key, record in replica.records.items()} == heads[0]
    assert {name for replica in group for name in replica.conflicts} == lost


@settings(deadline=None)
@given(steps)
def test_redoing_the_journal_gives_the_same_replica(todo: list[tuple[str, int, bytes | int, bytes | None]]) -> None:
    group = replicas()
    for number, (what, index, third, value) in enumerate(todo):
        if what == "meet":
            assert isinstance(third, int)
            exchange(group[index], group[(index + third) % 3], 100.0)
        else:
            assert isinstance(third, bytes)
            put(group[index], third, value, 50.0 + number)
        if number % 7 == 6 and group[index].space.revision > group[index].space.compacted + 1:
            group[index].compact(group[index].space.revision)
    for replica in group:
        twin = Replica(replica.rules)
        for item in unpack(pack(replica.take())):
            twin.redo(item)
        copy = Replica(replica.rules)
        copy.load(replica.dump())
        for other in (twin, copy):
            assert other.dump() == replica.dump()
            assert other.digest() == replica.digest()
            assert other.tree.root == replica.tree.root


def test_revisions_of_two_replicas_are_never_equal_and_stay_close() -> None:
    one, two, _ = replicas()
    for number in range(5):
        put(one, b"k%d" % number, b"", 1.0)
    two.heard = one.space.revision
    put(two, b"l", b"", 1.0)
    assert two.space.revision > one.space.revision
    assert (one.space.revision % STRIDE, two.space.revision % STRIDE) == (0, 1)
    one.heard = two.space.revision + 3 * STRIDE
    one.reach()
    assert one.space.revision == one.heard - one.heard % STRIDE
    with pytest.raises(StatusError) as caught:
        one.compact(10_000)
    assert caught.value.reason == "FutureRevision"


def test_a_transaction_sees_one_revision_and_a_second_copy_changes_nothing() -> None:
    (replica,) = replicas(1)
    put(replica, b"k", b"1", 1.0)
    before = replica.space.revision
    read = Range(b"k")
    result = replica.txn(("c", 1), (Compare(b"k", "version", "=", 7),), ([Put(b"k", b"2")], [read]), 1.0)
    assert (result.succeeded, result.revision, replica.space.revision) == (False, before, before)
    first = result.responses[0]
    assert isinstance(first, RangeResult)
    assert first.revision == before
    twin = Replica(replica.rules)
    for item in unpack(pack(replica.take())):
        twin.redo(item)
    with pytest.raises(StatusError):
        twin.txn(("c", 1), (), ([Put(b"k", b"2")], []), 1.0)
    result = replica.txn(("c", 2), (), ([read, Put(b"k", b"2"), read], []), 1.0)
    revisions = [response.revision for response in result.responses if isinstance(response, RangeResult)]
    assert revisions == [before, before + STRIDE]
    with pytest.raises(StatusError) as caught:
        replica.txn(("c", 2), (), ([Put(b"k", b"3")], []), 1.0)
    assert caught.value.reason == "Dropped"


def test_a_tombstone_goes_only_when_all_have_it_and_never_lets_the_old_value_back() -> None:
    one, two, three = group = replicas(grace=10.0)
    names = ("two", "three")
    put(one, b"k", b"1", 1.0)
    converge(group, 1.0)
    put(one, b"k", None, 2.0)
    exchange(one, two, 2.0)
    one.agreed("two", one.version)
    one.forget(names, 0.0)
    one.forget(names, 100.0)
    assert b"k" in one.records, "three still holds the value"
    converge(group, 2.0)
    for name in names:
        one.agreed(name, one.version)
    put(one, b"l", b"", 3.0)
    put(one, b"l", None, 3.0)
    exchange(one, two, 3.0)
    exchange(one, three, 3.0)
    for name in names:
        one.agreed(name, one.version)
    one.forget(names, 101.0)
    assert b"l" in one.records, "its grace is not over"
    assert b"k" not in one.records
    settled = one.receive([three.records[b"k"]], 13.0)
    assert settled == [(b"k", three.records[b"k"].stamp)]
    three.settled(settled)
    assert b"k" not in three.records
    assert b"k" in two.records
    put(one, b"k", b"2", 14.0)
    converge(group, 14.0)
    assert [replica.space.get(b"k") is not None for replica in group] == [True] * 3
    assert not any(replica.conflicts for replica in group), "the new value knew of the tombstone"
    assert len({replica.digest()[1] for replica in group}) == 1


def test_bodies_that_make_no_sense_are_refused() -> None:
    good = unpack(pack(Record(b"k", b"v", Stamp(1, 0, "a"), 1, written((), "a", 1))))
    assert rows.record_of(good).value == b"v"
    for at, wrong in ((0, b""), (0, "k"), (1, 5), (2, [1, 2]), (3, -1), (3, True), (4, [["b", 1, 1], ["a", 1, 1]])):
        bad = list(good)
        bad[at] = wrong
        with pytest.raises(StatusError):
            rows.record_of(bad)
    with pytest.raises(StatusError):
        rows.nodes_of([[9, 0, 0]])
    with pytest.raises(StatusError):
        rows.nodes_of([[1, 16, 0]])
    with pytest.raises(StatusError):
        rows.replies_of([[0, 0, [1, 2], []]])
    with pytest.raises(StatusError):
        rows.replies_of([[0, 0, [], [[b"k", 1 << 64]]]])
