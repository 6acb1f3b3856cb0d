"""Watches: each event once, in order, whoever is late; cancelled when what is owed is gone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from store.mvcc.space import Space
from store.mvcc.values import FOREVER, Delete, Event, WatchBatch
from store.mvcc.watchers import Watcher, Watchers
from tests.store.mvcc.strategies import ENDS, KEYS, TXNS
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
            for id, batch in result.batches:
                self.batches[id].append(batch)
            self.cancelled.update(result.cancelled)
            if not result.behind:
                return

    def events(self, id: int) -> list[Event]:
        return [event for batch in self.batches[id] for event in batch.events]


WATCHES = st.tuples(KEYS, ENDS, st.integers(1, 25))
ACTIONS = st.lists(st.one_of(TXNS, TXNS, WATCHES, st.just("collect"), st.just("restore")), max_size=40)


@settings(max_examples=120, deadline=None)
@given(ACTIONS, st.integers(1, 4))
def test_every_watcher_sees_what_the_twin_says(actions: list[Any], chunk: int) -> None:
    space, twin, audience = Space(), Twin(), Audience(chunk)
    asked: list[tuple[bytes, bytes | None, int]] = []
    for action in actions:
        if action == "collect":
            audience.collect(space)
        elif action == "restore":
            space = Space.load(space.dump())
            audience.watchers.reset()
        elif isinstance(action[0], bytes):
            audience.add(len(asked), *action, progress=len(asked) % 2 == 0)
            asked.append(action)
        else:
            space.txn(*action)
            twin.txn(*action)
    audience.collect(space)
    for id, (key, end, since) in enumerate(asked):
        told = [(e.kv.mod_revision, e.kv.key, None if e.deleted else e.kv.value) for e in audience.events(id)]
        assert sorted(told, key=lambda e: e[:2]) == twin.events(key, end, since)
        revisions = [batch.revision for batch in audience.batches[id]]
        assert revisions == sorted(set(revisions))
        for before, batch in zip([0, *revisions], audience.batches[id], strict=False):
            assert all(before < event.kv.mod_revision <= batch.revision for event in batch.events)
        if id % 2 == 0 and since <= space.revision:
            assert revisions
            assert revisions[-1] == space.revision
        elif id % 2:
            assert all(batch.events for batch in audience.batches[id])


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
    for id, end in ((1, None), (2, FOREVER), (3, None)):
        audience.add(id, b"k", end, 0)
    audience.watchers.remove(3)
    audience.collect(space)
    audience.watchers.remove(1)
    audience.watchers.remove(2)
    audience.watchers.remove(9)
    space.put(b"k", b"1")
    audience.collect(space)
    assert not any(audience.events(id) for id in (1, 2, 3))
    assert not audience.watchers
