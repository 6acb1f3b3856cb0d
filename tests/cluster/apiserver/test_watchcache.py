"""The watch cache against a twin that keeps a whole copy of everything for every revision."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.selectors import parse_field_selector, parse_label_selector
from cluster.apiserver.watchcache import Arrived, Selection, WatchCache, parse_token, stored_key
from cluster.errors import StatusError

Object = dict[str, Any]
NAMES = ("a/x", "a/y", "b/x", "ab/z")


def obj(key: str, label: str = "") -> Object:
    namespace, _, name = key.partition("/")
    labels = {"l": label} if label else {}
    return {"kind": "Pod", "metadata": {"namespace": namespace, "name": name, "labels": labels}}


steps = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(("p", "q", None))), max_size=30)
selections = st.sampled_from(
    (
        Selection(),
        Selection(namespace="a"),
        Selection(labels=parse_label_selector("l=p")),
        Selection(fields=parse_field_selector("metadata.name=x")),
    )
)


def build(story: list[tuple[str, str | None]], window: int) -> tuple[WatchCache, dict[int, dict[str, Object]]]:
    """The cache after a story, and the twin: everything, at every revision."""
    cache = WatchCache(("Pod",), window)
    cache.reset(1, [])
    now: dict[str, Object] = {}
    twin: dict[int, dict[str, Object]] = {1: {}}
    for revision, (key, label) in enumerate(story, 2):
        new = None if label is None else obj(key, label)
        cache.apply(revision, [Arrived("Pod", key, revision, new)])
        now = {k: v for k, v in now.items() if k != key}
        if new is not None:
            now[key] = {**new, "metadata": {**new["metadata"], "resourceVersion": str(revision)}}
        twin[revision] = now
    return cache, twin


@given(steps, selections)
def test_lists_are_the_twins(story: list[tuple[str, str | None]], selection: Selection) -> None:
    cache, twin = build(story, 1000)
    now = twin[max(twin)]
    wanted = [now[key] for key in sorted(now) if selection.matches(now[key])]
    assert [stored.obj for stored in cache.list("Pod", selection)] == wanted


@given(steps, selections, st.integers(1, 3), st.integers(0, 30))
def test_pages_show_the_snapshot_of_the_first(
    story: list[tuple[str, str | None]], selection: Selection, limit: int, cut: int
) -> None:
    """However much happens between two pages."""
    first_part, rest = story[:cut], story[cut:]
    cache, twin = build(first_part, 1000)
    page = cache.page("Pod", selection, limit)
    seen = list(page.items)
    revision = max(twin)
    for at, (key, label) in enumerate(rest, revision + 1):
        cache.apply(at, [Arrived("Pod", key, at, None if label is None else obj(key, label))])
    while page.continue_:
        page = cache.page("Pod", selection, limit, page.continue_)
        assert page.revision == revision
        assert len(page.items) <= limit
        seen += page.items
    then = twin[revision]
    assert [s.obj for s in seen] == [then[key] for key in sorted(then) if selection.matches(then[key])]


@given(steps, selections, st.integers(1, 31))
def test_a_watcher_that_applies_its_events_has_what_a_list_gives(
    story: list[tuple[str, str | None]], selection: Selection, start: int
) -> None:
    cache, twin = build(story, 1000)
    start = min(start, max(twin))
    known = {key: o for key, o in twin[start].items() if selection.matches(o)}
    for change in cache.since("Pod", start):
        seen = selection.sees(change)
        if seen == "DELETED":
            assert change.last.obj["metadata"]["resourceVersion"] == str(change.revision)
            del known[change.key]  # a KeyError here is a DELETED of what the watcher never had
        elif seen:
            assert change.new is not None
            assert (seen == "ADDED") == (change.key not in known)
            known[change.key] = change.new.obj
    assert known == {stored_key(s): s.obj for s in cache.list("Pod", selection)}


@given(steps, st.integers(1, 5), st.integers(1, 31))
def test_the_window_gives_all_or_expired(story: list[tuple[str, str | None]], window: int, start: int) -> None:
    cache, twin = build(story, window)
    full, _ = build(story, 1000)
    start = min(start, max(twin))
    wanted = [change.revision for change in full.since("Pod", start)]
    if len(wanted) > window:
        with pytest.raises(StatusError) as caught:
            cache.since("Pod", start)
        assert caught.value.reason == "Expired"
    else:
        assert [change.revision for change in cache.since("Pod", start)] == wanted


def test_a_quiet_kind_does_not_expire() -> None:
    cache = WatchCache(("Pod", "Node"), 2)
    cache.reset(5, [Arrived("Node", "n", 3, {"metadata": {"name": "n"}})])
    for revision in range(6, 100):
        cache.apply(revision, [Arrived("Pod", "a/x", revision, obj("a/x"))])
    assert cache.since("Node", 5) == []
    assert cache.revision == 99
    with pytest.raises(StatusError, match="too old resource version: 5 "):
        cache.since("Pod", 5)


def test_what_was_told_before_is_passed_over() -> None:
    cache = WatchCache(("Pod",), 10)
    cache.reset(5, [Arrived("Pod", "a/x", 4, obj("a/x"))])
    assert cache.apply(5, [Arrived("Pod", "a/x", 4, obj("a/x"))]) == []
    assert cache.apply(7, [Arrived("Pod", "a/x", 6, None), Arrived("Pod", "a/x", 7, None)])[0].new is None
    assert cache.list("Pod", Selection()) == []
    assert cache.revision == 7


@pytest.mark.parametrize("token", ["", ":", "x:a", "1", "1:", "-1:a", "9" * 30 + ":a", "²:a"])
def test_a_token_that_is_none(token: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_token(token)
    assert caught.value.reason == "BadRequest"
