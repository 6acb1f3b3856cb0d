"""Watches: each event once, in order, whoever is late; cancelled when what is owed is gone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from store.mvcc import rows
from store.mvcc.space import Space
from store.mvcc.values import FOREVER, Delete, Event, Put, WatchBatch, prefix_end
from store.mvcc.watchers import Batch, Watcher, Watchers, portions
from tests.store.mvcc.playing import outcome, step
from tests.store.mvcc.strategies import ENDS, GRANTS, KEYS, REVOKES, TXNS, WRITES
from tests.store.mvcc.twin import Twin


class Audience:
    """What each watcher was sent."""

    def __init__(self, chunk: int = 1000) -> None:
        self.watchers = Watchers(chunk)
        self.batches: dict[int, list[WatchBatch]] = {}
        self.cancelled: dict[int, int] = {}

    def add(self, id: int, key: bytes, end: bytes | None, since: int, **options: bool) -> None:
        self.batches[id] = []
        self.watchers.add(Watcher(id, key, end, since, **options))

    def collect(self, space: Space) -> None:
        while True:
            result = self.watchers.collect(space)
            for ids, batch in result.batches:
                assert ids
                for id in ids:
                    self.batches[id].append(rows.watch_batch(batch))
            self.cancelled.update(result.cancelled)
            if not result.behind:
                return

    def events(self, id: int) -> list[Event]:
        return [event for batch in self.batches[id] for event in batch.events]


OPTIONS = st.fixed_dictionaries({name: st.booleans() for name in ("prev", "progress", "noput", "nodelete")})
WATCHES = st.tuples(st.just("watch"), KEYS, ENDS, st.integers(1, 9), OPTIONS)
ACTIONS = st.lists(
    st.one_of(
        WRITES,
        WRITES,
        TXNS,
        WATCHES,
        GRANTS,
        REVOKES,
        st.just(("collect",)),
        st.just(("restore",)),
        st.just(("leave",)),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(ACTIONS, st.integers(1, 4))
def test_every_watcher_sees_what_the_twin_says(actions: list[Any], chunk: int) -> None:
    space, twin, audience = Space(3), Twin(), Audience(chunk)
    asked: dict[int, Any] = {}
    for number, action in enumerate(actions):
        kind, *args = action
        if kind == "collect":
            audience.collect(space)
        elif kind == "restore":
            space = Space.load(space.dump(), 3)
            audience.watchers.reset()
        elif kind == "watch":
            audience.add(number, args[0], args[1], args[2], **args[3])
            asked[number] = args
        elif kind == "leave":
            if asked:
                id = min(asked)
                del asked[id]
                audience.watchers.remove(id)
        else:
            step(space, twin, action)
    audience.collect(space)
    assert len(audience.watchers) == len(asked)
    for id, (key, end, since, options) in asked.items():
        events = audience.events(id)
        told = [(e.kv.mod_revision, e.kv.key, None if e.deleted else e.kv.value) for e in events]
        unwanted = [True] * options["nodelete"] + [False] * options["noput"]
        expected = [event for event in twin.events(key, end, since) if (event[2] is None) not in unwanted]
        assert sorted(told, key=lambda e: e[:2]) == expected
        for event in events:
            before = twin.states[event.kv.mod_revision - 1].get(event.kv.key)
            assert event.prev == (before if options["prev"] else None)
        check_batches(audience.batches[id], options["progress"], since, space.revision)


def check_batches(batches: list[WatchBatch], progress: bool, since: int, revision: int) -> None:
    revisions = [batch.revision for batch in batches]
    assert revisions == sorted(set(revisions))
    for before, batch in zip([0, *revisions], batches, strict=False):
        assert all(before < event.kv.mod_revision <= batch.revision for event in batch.events)
    if progress and since <= revision:
        assert revisions
        assert revisions[-1] == revision
    elif not progress:
        assert all(batch.events for batch in batches)


def test_one_event_order_for_all_watchers() -> None:
    space, audience = Space(), Audience()
    audience.add(1, b"a", FOREVER, 2)
    space.txn((), (Put(b"c", b""), Put(b"a", b""), Put(b"b", b"")))
    audience.collect(space)
    audience.add(2, b"a", FOREVER, 2)
    audience.add(3, b"a", b"c", 2)
    audience.collect(space)
    assert [event.kv.key for event in audience.events(1)] == [b"c", b"a", b"b"]
    assert audience.events(2) == audience.events(1)
    assert [event.kv.key for event in audience.events(3)] == [b"a", b"b"]


def test_those_who_ask_the_same_share_one_batch() -> None:
    """So that it is packed once."""
    space, watchers = Space(), Watchers()
    for id in range(100):
        watchers.add(Watcher(id, b"p/", prefix_end(b"p/"), 2, prev=id % 2 == 0))
    watchers.collect(space)
    space.put(b"p/1", b"")
    space.put(b"p/1", b"")
    space.put(b"q", b"")
    batches = watchers.collect(space).batches
    assert sorted(ids for ids, _ in batches) == [tuple(range(0, 100, 2)), tuple(range(1, 100, 2))]
    told = {len([prev for _, prev in batch.events if prev]): [kv[3] for kv, _ in batch.events] for _, batch in batches}
    assert told == {1: [2, 3], 0: [2, 3]}


def test_those_who_come_at_the_same_revision_share_their_history() -> None:
    space, watchers = Space(), Watchers()
    space.put(b"a", b"1")
    for id in range(3):
        watchers.add(Watcher(id, b"a", None, 2))
    ((ids, batch),) = watchers.collect(space).batches
    assert ids == (0, 1, 2)
    assert [kv[3] for kv, _ in batch.events] == [2]


def test_previous_versions_only_for_those_who_ask() -> None:
    space, audience = Space(), Audience()
    audience.add(1, b"k", None, 2)
    audience.add(2, b"k", None, 2, prev=True)
    space.put(b"k", b"1")
    audience.collect(space)
    space.put(b"k", b"2")
    audience.collect(space)
    assert [event.prev for event in audience.events(1)] == [None, None]
    assert [event.prev and event.prev.value for event in audience.events(2)] == [None, b"1"]


def test_filters_leave_events_out_but_not_progress() -> None:
    """etcd: WatchCreateRequest.filters NOPUT and NODELETE."""
    space, audience = Space(), Audience()
    audience.add(1, b"k", None, 2, noput=True, progress=True)
    audience.add(2, b"k", None, 2, nodelete=True)
    audience.collect(space)
    space.put(b"k", b"1")
    audience.collect(space)
    space.txn((), (Delete(b"k"),))
    audience.collect(space)
    assert [batch.revision for batch in audience.batches[1]] == [2, 3]
    assert [event.deleted for event in audience.events(1)] == [True]
    assert [event.deleted for event in audience.events(2)] == [False]


def test_progress_is_only_said_when_nothing_is_owed() -> None:
    """etcd: a progress notice means that all events up to its revision were sent."""
    space, watchers = Space(), Watchers(2)
    for _ in range(5):
        space.put(b"k", b"")
    watchers.add(Watcher(1, b"k", None, 2))
    assert watchers.notice(1) is None
    assert watchers.collect(space).behind
    assert watchers.notice(1) is None
    while watchers.collect(space).behind:
        assert watchers.notice(1) is None
    assert watchers.notice(1) == Batch(6, [])
    watchers.add(Watcher(2, b"k", None, 99))
    watchers.collect(space)
    assert watchers.notices() == ((1,), Batch(6, []))


def test_a_watcher_of_the_future_waits_for_it() -> None:
    space, audience = Space(), Audience()
    audience.add(1, b"k", None, 5, progress=True)
    for revision in range(2, 8):
        audience.collect(space)
        assert space.put(b"k", b"") == revision
    audience.collect(space)
    assert [event.kv.mod_revision for event in audience.events(1)] == [5, 6, 7]


def test_a_watcher_of_what_is_compacted_is_cancelled() -> None:
    space, audience = Space(), Audience()
    for value in (b"1", b"2", b"3"):
        space.put(b"k", value)
    space.compact(3)
    audience.add(1, b"k", None, 2)
    audience.add(2, b"k", None, 3)
    audience.collect(space)
    assert audience.cancelled == {1: 3}
    assert [event.kv.value for event in audience.events(2)] == [b"2", b"3"]
    assert len(audience.watchers) == 1


def test_a_snapshot_that_has_jumped_over_history_cancels() -> None:
    space, audience = Space(), Audience()
    space.put(b"k", b"1")
    audience.add(1, b"k", None, 2)
    audience.collect(space)
    ahead = Space.load(space.dump())
    for value in (b"2", b"3", b"4"):
        ahead.put(b"k", value)
    ahead.compact(5)
    audience.watchers.reset()
    audience.collect(ahead)
    assert audience.cancelled == {1: 5}


def test_a_snapshot_tells_nothing_twice() -> None:
    space, audience = Space(), Audience()
    audience.add(1, b"k", None, 2)
    audience.add(2, b"k", None, 4)
    audience.collect(space)
    space.put(b"k", b"1")
    space.put(b"k", b"2")
    audience.collect(space)
    ahead = Space.load(space.dump())
    ahead.put(b"k", b"3")
    audience.watchers.reset()
    audience.collect(ahead)
    assert [event.kv.mod_revision for event in audience.events(1)] == [2, 3, 4]
    assert [event.kv.mod_revision for event in audience.events(2)] == [4]


def test_a_deletion_at_the_compacted_revision_is_still_told() -> None:
    space, audience = Space(), Audience()
    space.put(b"k", b"1")
    space.txn((), (Delete(b"k"),))
    space.compact(3)
    audience.add(1, b"a", FOREVER, 3)
    audience.collect(space)
    assert [event.deleted for event in audience.events(1)] == [True]


def test_those_who_left_are_told_nothing() -> None:
    space, audience = Space(), Audience()
    for id, end in ((1, None), (2, FOREVER), (3, None), (4, b"l"), (5, b"m")):
        audience.add(id, b"k", end, 0)
    audience.watchers.remove(3)
    audience.collect(space)
    for id in (1, 2, 4, 5, 9):
        audience.watchers.remove(id)
    space.put(b"k", b"1")
    audience.collect(space)
    assert not any(audience.events(id) for id in range(1, 6))
    assert not audience.watchers
    assert not audience.watchers._exact
    assert not audience.watchers._prefixes
    assert not audience.watchers._ranges


def test_large_batches_are_split_between_revisions() -> None:
    space = Space()
    space.txn((), (Put(b"a", b"x" * 10), Put(b"b", b"x" * 10)))
    for _ in range(3):
        space.put(b"a", b"x" * 10)
    batch = Batch(5, space.rows_since(2))
    assert outcome(lambda: list(portions(batch, 1000))) == [batch]
    parts = list(portions(batch, 15))
    assert [(part.revision, len(part.events)) for part in parts] == [(2, 2), (3, 1), (4, 1), (5, 1)]
    assert [event for part in parts for event in part.events] == batch.events
