"""The cache never goes back in time, whoever brings what in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.selectors import parse_field_selector, parse_label_selector
from cluster.client.cache import Cache, Scope, gone

Object = dict[str, Any]


def obj(name: str, revision: int, *, namespace: str = "default", **meta: Any) -> Object:
    own = {"name": name, "namespace": namespace, "resourceVersion": str(revision), **meta}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": own}


def pods() -> Cache:
    cache = Cache()
    cache.track("Pod", Scope())
    return cache


def names(cache: Cache, namespace: str | None = None) -> list[str]:
    return [o["metadata"]["name"] for o in cache.list("Pod", namespace)]


def test_lists_are_sorted_and_by_namespace() -> None:
    cache = pods()
    for name, namespace in (("b", "x"), ("a", "x"), ("c", "xy"), ("d", "w")):
        cache.event("Pod", "ADDED", obj(name, 5, namespace=namespace))
    assert names(cache) == ["d", "a", "b", "c"]
    assert names(cache, "x") == ["a", "b"]
    assert names(cache, "nowhere") == []
    assert cache.list("Node") == []
    assert cache.get("Node", "", "n") is None
    found = cache.get("Pod", "xy", "c")
    assert found is not None


def test_own_writes_are_read_at_once_and_not_undone() -> None:
    cache, seen = pods(), list[tuple[int, int]]()
    cache.on_change("Pod", lambda old, new: seen.append((rev(old), rev(new))))
    cache.event("Pod", "ADDED", obj("a", 3))
    cache.written(obj("a", 7))
    cache.event("Pod", "MODIFIED", obj("a", 5))
    cache.event("Pod", "MODIFIED", obj("a", 7))
    cache.event("Pod", "MODIFIED", obj("a", 9))
    assert seen == [(0, 3), (3, 7), (7, 9)]


def test_what_was_removed_stays_away_until_it_is_made_anew() -> None:
    cache = pods()
    cache.written(obj("a", 3))
    cache.forgotten(obj("a", 8, deletionTimestamp="2026-01-01T00:00:00Z", deletionGracePeriodSeconds=0))
    cache.event("Pod", "MODIFIED", obj("a", 6))
    assert names(cache) == []
    cache.replace("Pod", [obj("a", 6)], 7)
    assert names(cache) == []
    cache.event("Pod", "ADDED", obj("a", 9))
    assert names(cache) == ["a"]
    cache.event("Pod", "DELETED", obj("a", 8))
    assert names(cache) == ["a"]


def test_a_slow_answer_does_not_bring_back_what_the_watch_has_seen_end() -> None:
    """A second DELETE of a pod that is going answers with the pod as it was; its end may be told of first."""
    cache = pods()
    owner = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u1"}]
    going: dict[str, Any] = {
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 30,
        "ownerReferences": owner,
    }
    cache.event("Pod", "ADDED", obj("a", 5, ownerReferences=owner))
    cache.event("Pod", "MODIFIED", obj("a", 6, **going))
    cache.event("Pod", "DELETED", obj("a", 9, **going))
    cache.written(obj("a", 6, **going))
    assert names(cache) == []
    assert cache.dependents("u1") == []
    cache.written(obj("a", 11))
    assert names(cache) == ["a"]


def test_a_list_removes_what_it_does_not_have_unless_that_is_newer() -> None:
    cache = pods()
    cache.written(obj("old", 3))
    cache.written(obj("new", 12))
    cache.replace("Pod", [obj("listed", 4)], 10)
    assert names(cache) == ["listed", "new"]


def test_a_scope_keeps_out_what_does_not_match() -> None:
    cache = Cache()
    cache.track("Pod", Scope("default", parse_label_selector("app=web"), parse_field_selector("metadata.name!=b")))
    cache.written(obj("a", 1, labels={"app": "web"}))
    cache.written(obj("b", 2, labels={"app": "web"}))
    cache.written(obj("c", 3, labels={"app": "db"}))
    cache.written(obj("d", 4, namespace="other", labels={"app": "web"}))
    assert names(cache) == ["a"]
    cache.written(obj("a", 5, labels={"app": "db"}))
    assert names(cache) == []
    with pytest.raises(ValueError, match="other selectors"):
        cache.track("Pod", Scope())
    cache.written({**obj("x", 1), "kind": "Node"})


def test_owners_are_an_index() -> None:
    cache = pods()
    cache.written(obj("a", 1, ownerReferences=[{"uid": "u1"}]))
    cache.written(obj("b", 2, ownerReferences=[{"uid": "u1"}, {"uid": "u2"}]))
    assert [o["metadata"]["name"] for o in cache.owned_by("u1", "Pod")] == ["a", "b"]
    assert cache.owned_by("u1", "ReplicaSet") == []
    cache.written(obj("b", 3, ownerReferences=[{"uid": "u2"}]))
    assert [o["metadata"]["name"] for o in cache.dependents("u1")] == ["a"]
    cache.event("Pod", "DELETED", obj("a", 9))
    assert cache.dependents("u1") == []


@pytest.mark.parametrize(
    ("meta", "more", "expected"),
    [
        ({}, {}, False),
        ({"deletionTimestamp": "t"}, {}, True),
        ({"deletionTimestamp": "t", "deletionGracePeriodSeconds": 0}, {}, True),
        ({"deletionTimestamp": "t", "deletionGracePeriodSeconds": 30}, {}, False),
        ({"deletionTimestamp": "t", "finalizers": ["x"]}, {}, False),
        ({"deletionTimestamp": "t"}, {"kind": "Namespace", "spec": {"finalizers": ["kubernetes"]}}, False),
        ({"deletionTimestamp": "t"}, {"kind": "Namespace", "spec": {"finalizers": []}}, True),
    ],
)
def test_gone(meta: Object, more: Object, expected: bool) -> None:
    assert gone({**obj("a", 1, **meta), **more}) is expected


def rev(o: Object | None) -> int:
    return int(o["metadata"]["resourceVersion"]) if o else 0


history = st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=12)


@given(history, st.randoms(use_true_random=False))
def test_answers_that_run_ahead_of_the_watch_or_lag_behind_it(story: list[tuple[str, bool]], dice: Any) -> None:
    """The watch tells the history in order; answers to our own writes come at any time before that, or after. At the
    end the cache has what the history ends with, and on the way no object's revision ever falls."""
    facts = [(obj(name, i), alive) for i, (name, alive) in enumerate(story, 1)]
    cache, last = pods(), dict[str, int]()

    def check(old: Object | None, new: Object | None) -> None:
        name = (new or old or {})["metadata"]["name"]
        if new is not None:
            assert rev(new) > last.get(name, 0)
            last[name] = rev(new)

    cache.on_change("Pod", check)
    for at, (fact, alive) in enumerate(facts):
        answers = [other for other in facts[at:] if dice.random() < 0.3]
        lagging = [other for other in facts[: at + 1] if dice.random() < 0.1]
        for told in (True, False):
            for other, lives in answers if told else lagging:
                stamped = {**other["metadata"], **({} if lives else {"deletionTimestamp": "t"})}
                cache.written({**other, "metadata": stamped})
            if told:
                cache.event("Pod", "MODIFIED" if alive else "DELETED", fact)
    ends = {fact["metadata"]["name"]: alive for fact, alive in facts}
    assert names(cache) == sorted(name for name, alive in ends.items() if alive)
