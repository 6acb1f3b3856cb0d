"""Client-side apply: what was applied and is not wanted any more goes; what others have set stays."""

from __future__ import annotations

from cluster.cli.threeway import three_way


def test_nothing_to_do_is_an_empty_patch() -> None:
    spec = {"spec": {"replicas": 2}}
    assert three_way("Deployment", spec, spec, {"spec": {"replicas": 2, "paused": False}}) == {}


def test_a_change_is_sent_and_a_removed_field_deleted() -> None:
    last = {"spec": {"replicas": 2, "paused": True}}
    wanted = {"spec": {"replicas": 3}}
    live = {"spec": {"replicas": 2, "paused": True, "revisionHistoryLimit": 10}}
    assert three_way("Deployment", last, wanted, live) == {"spec": {"replicas": 3, "paused": None}}


def test_containers_merge_by_name_and_removed_ones_are_deleted() -> None:
    a, b, c = ({"name": n, "image": n} for n in "abc")
    newer = {"name": "a", "image": "a2"}
    live = {"containers": [dict(a, terminationMessagePath="/x"), b, dict(c, injected=True)]}
    patch = three_way("Pod", {"containers": [a, b]}, {"containers": [newer]}, live)
    assert patch == {"containers": [{"name": "a", "image": "a2"}, {"name": "b", "$patch": "delete"}]}


def test_lists_without_a_key_are_replaced() -> None:
    assert three_way("Pod", {"args": ["a"]}, {"args": ["b"]}, {"args": ["a"]}) == {"args": ["b"]}


def test_what_others_have_set_stays() -> None:
    live = {"metadata": {"annotations": {"theirs": "1", "mine": "1"}}}
    wanted = {"metadata": {"annotations": {"mine": "2"}}}
    last = {"metadata": {"annotations": {"mine": "1"}}}
    assert three_way("Pod", last, wanted, live) == {"metadata": {"annotations": {"mine": "2"}}}
