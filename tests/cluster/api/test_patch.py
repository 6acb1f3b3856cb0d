"""The three kinds of patch: tables of cases, RFC 7386's own, and properties against a dumb twin."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.meta import deep_copy
from cluster.api.patch import apply, merge
from cluster.errors import StatusError
from tests.cluster.api.samples import Object
from tests.cluster.api.test_meta import JSON

MAPS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, "bar", "bar"),
    ],
)
def test_the_cases_of_rfc_7386(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


@given(MAPS, MAPS)
def test_a_merge_patch_has_its_way_and_is_idempotent(target: Object, patch: Object) -> None:
    before = deep_copy([target, patch])
    result = apply(target, patch, "merge")
    assert [target, patch] == before
    assert apply(result, patch, "merge") == result
    for key in {**target, **patch}:
        if key not in patch:
            assert result[key] == target[key]
        elif patch[key] is None:
            assert key not in result
        elif not isinstance(patch[key], dict):
            assert result[key] == patch[key]


def _pod(**spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}


A, B, C = {"name": "a", "image": "1"}, {"name": "b", "image": "1"}, {"name": "c", "image": "1"}
TOLERATIONS = [{"key": "x"}, {"key": "y"}]
PORTS = [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
STRATEGIC: list[tuple[str, Object, Object, Object]] = [
    ("list maps merge by key", {"containers": [A, B]}, {"containers": [{"name": "b", "image": "2"}]},
     {"containers": [A, {"name": "b", "image": "2"}]}),
    ("new entries go to the end", {"containers": [A]}, {"containers": [C, B]}, {"containers": [A, C, B]}),
    ("an entry is deleted", {"containers": [A, B]}, {"containers": [{"name": "a", "$patch": "delete"}]},
     {"containers": [B]}),
    ("a list is replaced", {"containers": [A, B]}, {"containers": [{"$patch": "replace"}, C]}, {"containers": [C]}),
    ("a map is replaced", {"nodeSelector": {"a": "1"}}, {"nodeSelector": {"$patch": "replace", "b": "2"}},
     {"nodeSelector": {"b": "2"}}),
    ("a map is deleted", {"nodeSelector": {"a": "1"}}, {"nodeSelector": {"$patch": "delete"}}, {"nodeSelector": {}}),
    ("null removes", {"nodeSelector": {"a": "1", "b": "2"}}, {"nodeSelector": {"a": None}},
     {"nodeSelector": {"b": "2"}}),
    ("atomic lists are replaced", {"tolerations": TOLERATIONS}, {"tolerations": [{"key": "z"}]},
     {"tolerations": [{"key": "z"}]}),
    ("nested lists merge too", {"containers": [{**A, "env": [{"name": "X", "value": "1"}]}]},
     {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]},
     {"containers": [{**A, "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}]}),
    ("the order is the patch's", {"containers": [A, B]},
     {"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}], "containers": [C]},
     {"containers": [C, B, A]}),
    ("others keep their place in it", {"containers": [A, C, B]},
     {"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}], "containers": [{"name": "a", "image": "2"}]},
     {"containers": [{"name": "a", "image": "2"}, C, B]}),
    ("an order alone sorts", {"containers": [A, B]}, {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]},
     {"containers": [B, A]}),
    ("only retained keys stay", {"volumes": [{"name": "v", "emptyDir": {}}]},
     {"volumes": [{"name": "v", "hostPath": {"path": "/"}, "$retainKeys": ["name", "hostPath"]}]},
     {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    ("nulls and directives do not get in", {}, {"affinity": {"nodeAffinity": None, "podAffinity": {"$patch": "merge"}}},
     {"affinity": {"podAffinity": {}}}),
    ("unknown lists are replaced", {"what": [1]}, {"what": [{"name": "x"}]}, {"what": [{"name": "x"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "patch", "result"), [case[1:] for case in STRATEGIC], ids=[c[0] for c in STRATEGIC])
def test_strategic_merge(spec: Object, patch: Object, result: Object) -> None:
    before = deep_copy([spec, patch])
    assert apply(_pod(**spec), {"spec": patch}, "strategic")["spec"] == result
    assert [spec, patch] == before


def test_sets_take_and_lose_members() -> None:
    pod = _pod()
    pod["metadata"]["finalizers"] = ["a/1", "a/2"]
    more = apply(pod, {"metadata": {"finalizers": ["a/2", "a/3"]}}, "strategic")
    assert more["metadata"]["finalizers"] == ["a/1", "a/2", "a/3"]
    less = apply(pod, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/1"]}}, "strategic")
    assert less["metadata"]["finalizers"] == ["a/2"]


def test_ports_of_one_number_and_two_protocols_stay_two() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}, "spec": {"ports": PORTS}}
    patch = {"spec": {"ports": [{"port": 53, "protocol": "UDP", "name": "dns"}]}}
    assert apply(service, patch, "strategic")["spec"]["ports"] == [PORTS[0], {**PORTS[1], "name": "dns"}]


@given(st.lists(st.sampled_from("abcd"), unique=True), st.lists(st.sampled_from("abcd"), unique=True))
def test_list_maps_merge_as_a_dict_of_names_would(names: list[str], patched: list[str]) -> None:
    containers = [{"name": name, "image": "old", "tty": True} for name in names]
    patch = [{"name": name, "image": "new"} for name in patched]
    twin = {entry["name"]: entry for entry in deep_copy(containers)}
    for entry in patch:
        twin.setdefault(entry["name"], {}).update(entry)
    result = apply(_pod(containers=containers), {"spec": {"containers": patch}}, "strategic")
    assert result["spec"]["containers"] == list(twin.values())


@given(st.permutations("abcd"), st.permutations("abcd"))
def test_a_full_order_is_kept_to(names: list[str], order: list[str]) -> None:
    directive = {"$setElementOrder/containers": [{"name": name} for name in order]}
    result = apply(_pod(containers=[{"name": name} for name in names]), {"spec": directive}, "strategic")
    assert [entry["name"] for entry in result["spec"]["containers"]] == list(order)


@given(MAPS, MAPS)
def test_without_lists_and_directives_strategic_is_a_merge(target: Object, patch: Object) -> None:
    start = {**_pod(), "data": {}}
    assert apply({**start, **target}, patch, "strategic") == apply({**start, **target}, _no_null_lists(patch), "merge")


def _no_null_lists(value: Any) -> Any:
    """Inside lists a strategic merge drops nulls of maps; the twin is handed them without."""
    if isinstance(value, dict):
        return {key: _no_null_lists(item) for key, item in value.items()}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if item is not None}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def test_json_patches() -> None:
    pod = _pod(containers=[A])
    patch = [
        {"op": "test", "path": "/metadata/name", "value": "web"},
        {"op": "replace", "path": "/spec/containers/0/image", "value": "2"},
        {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}},
        {"op": "copy", "from": "/metadata/labels", "path": "/metadata/annotations"},
        {"op": "remove", "path": "/metadata/labels/a"},
    ]
    before = deep_copy([pod, patch])
    result = apply(pod, patch, "json")
    assert [pod, patch] == before
    assert result["metadata"] == {"name": "web", "labels": {}, "annotations": {"a": "b"}}
    assert result["spec"]["containers"][0]["image"] == "2"


@pytest.mark.parametrize(
    ("type", "patch", "reason"),
    [
        ("json", {}, "BadRequest"),
        ("json", [1], "BadRequest"),
        ("json", [{"op": "jump", "path": "/a"}], "BadRequest"),
        ("json", [{"op": "add"}], "BadRequest"),
        ("json", [{"op": "add", "path": "a", "value": 1}], "BadRequest"),
        ("json", [{"op": "remove", "path": "/nowhere"}], "Invalid"),
        ("json", [{"op": "test", "path": "/kind", "value": "Node"}], "Invalid"),
        ("json", [{"op": "replace", "path": "", "value": []}], "Invalid"),
        ("json", [{"op": "add", "path": "/kind/a/b", "value": 1}], "Invalid"),
        ("json", [{"op": "add", "path": "/a", "value": 1}] * 10_001, "TooLarge"),
        ("merge", [], "BadRequest"),
        ("merge", None, "BadRequest"),
        ("strategic", "x", "BadRequest"),
        ("strategic", {"spec": {"$patch": "explode"}}, "BadRequest"),
        ("strategic", {"spec": {"$order": []}}, "BadRequest"),
        ("strategic", {"spec": {"containers": [{"image": "x"}]}}, "BadRequest"),
        ("strategic", {"spec": {"containers": ["x"]}}, "BadRequest"),
        ("strategic", {"spec": {"$retainKeys": ["a"], "b": 1}}, "BadRequest"),
        ("strategic", {"spec": {"$setElementOrder/containers": "x"}}, "BadRequest"),
        ("apply", {}, "UnsupportedMediaType"),
    ],
)
def test_a_patch_that_cannot_be_is_refused(type: str, patch: Any, reason: str) -> None:
    with pytest.raises(StatusError) as caught:
        apply(_pod(containers=[A]), patch, type)
    assert caught.value.reason == reason


OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])},
    optional={
        "path": st.sampled_from(
            ["", "/", "/spec", "/spec/containers/0", "/spec/containers/-", "/kind/x", "/a~0b", "a"]
        ),
        "from": st.sampled_from(["/spec", "/spec/containers/0", "/none", "/spec/containers/9"]),
        "value": JSON,
    },
)


@given(st.lists(OPERATIONS, max_size=3))
def test_any_list_of_operations_is_applied_or_refused_by_a_status(patch: list[Object]) -> None:
    pod = _pod(containers=[dict(A)])
    before = deep_copy(pod)
    try:
        result = apply(pod, patch, "json")
    except StatusError as refused:
        result = {"reason": refused.reason}
    assert pod == before
    assert result.get("reason", "Invalid") in ("Invalid", "BadRequest")


def test_a_test_that_fails_says_which() -> None:
    with pytest.raises(StatusError, match='testing value /kind failed: it is not "Node"'):
        apply(_pod(), [{"op": "test", "path": "/kind", "value": "Node"}], "json")
