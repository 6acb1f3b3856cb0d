"""Owners of fields: server-side apply, updates beside it, and the sets of fields that both go by."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api import fieldsets
from cluster.api.defaults import default
from cluster.api.fieldsets import compare, cut, decode, encode, fields_of, merge, shown
from cluster.api.managedfields import Manager, applied, created, owners, updated, with_entries
from cluster.api.schema import REGISTRY
from cluster.errors import StatusError

Object = dict[str, Any]

DEPLOYMENT = REGISTRY.struct("Deployment")
_NAMES = st.sampled_from(("a", "b", "c"))
_PORTS = st.lists(
    st.fixed_dictionaries({"containerPort": st.integers(80, 82), "protocol": st.sampled_from(("TCP", "UDP"))}),
    min_size=1,
    max_size=3,
    unique_by=lambda port: (port["containerPort"], port["protocol"]),
)
_CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": _NAMES},
        optional={"image": _NAMES, "ports": _PORTS, "args": st.lists(_NAMES, min_size=1, max_size=2)},
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda container: container["name"],
)
_SPEC = st.fixed_dictionaries(
    {"template": st.fixed_dictionaries({"spec": st.fixed_dictionaries({"containers": _CONTAINERS})})},
    optional={"replicas": st.integers(0, 3), "selector": st.fixed_dictionaries({"matchLabels": st.just({"a": "b"})})},
)
_META = st.fixed_dictionaries(
    {"name": st.just("web")},
    optional={
        "labels": st.dictionaries(_NAMES, _NAMES, min_size=1, max_size=3),
        "finalizers": st.lists(_NAMES, min_size=1, max_size=3, unique=True),
    },
)
DEPLOYMENTS = st.builds(
    lambda spec, meta: {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, _SPEC, _META
)


def who(name: str, second: int = 0) -> Manager:
    return Manager(name, "apps/v1", f"2026-01-01T00:00:{second:02}Z", struct=REGISTRY.struct("Deployment"))


def first(config: Object, name: str = "one") -> Object:
    """The object that applying `config` makes."""
    return with_entries(config, owners(config, who(name)))


def without_owners(obj: Object) -> Object:
    return with_entries(obj, [])


def deployment(**spec: Any) -> Object:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def containers(*items: Object) -> Object:
    return {"spec": {"containers": list(items)}}


def config_map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def claims(obj: Object, *, made: bool = False) -> fieldsets.Fields:
    return fields_of(DEPLOYMENT, without_owners(obj), made=made)


def changes(old: Object, new: Object) -> fieldsets.Changes:
    return compare(DEPLOYMENT, old, new)


# ── sets ─────────────────────────────────────────────────────────────────────────────────────────────────────


@given(DEPLOYMENTS, st.booleans())
def test_sets_go_through_fieldsv1(obj: Object, made: bool) -> None:
    fields = claims(obj, made=made)
    assert decode(encode(fields)) == fields
    assert fieldsets.encoded(DEPLOYMENT, obj) == encode(claims(obj, made=True))


@given(DEPLOYMENTS, DEPLOYMENTS)
def test_a_merge_has_all_that_was_said_and_keeps_the_rest(live: Object, config: Object) -> None:
    before, said = deepcopy(live), deepcopy(config)
    merged = merge(DEPLOYMENT, live, config)
    assert (live, config) == (before, said)
    assert claims(merged) == claims(live) | claims(config)
    assert not changes(merged, merge(DEPLOYMENT, merged, config))
    happened = changes(live, merged)
    assert not happened.removed
    assert happened.touched <= claims(config, made=True)
    assert not changes(merged, live).added


@given(DEPLOYMENTS, DEPLOYMENTS)
def test_what_is_cut_is_gone_and_nothing_else(one: Object, other: Object) -> None:
    gone, whole = set(claims(other)), claims(one)
    left = claims(cut(DEPLOYMENT, one, gone))
    assert not left & gone
    assert {path for path in whole if not fieldsets.below(path, gone)} <= left
    assert all(any(path[: len(hull)] == hull for path in whole) for hull in left - whole)  # emptied structs stay
    assert cut(DEPLOYMENT, one, set()) == one


def test_fields_are_written_as_kubernetes_writes_them() -> None:
    obj = deployment(
        replicas=2,
        selector={"matchLabels": {"app": "web"}},
        template=containers({"name": "web", "image": "nginx", "ports": [{"containerPort": 80}], "args": ["-v"]}),
    )
    obj["metadata"] |= {"labels": {"app": "web"}, "finalizers": ["a/b"]}
    port: Object = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}
    web = {".": {}, "f:args": {}, "f:image": {}, "f:name": {}, "f:ports": port}
    template = {"f:spec": {"f:containers": {'k:{"name":"web"}': web}}}
    (entry,) = owners(obj, who("one"))
    assert entry["fieldsV1"] == {
        "f:metadata": {"f:finalizers": {'v:"a/b"': {}}, "f:labels": {"f:app": {}}},
        "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": template},
    }
    paths = decode({"f:spec": {'k:{"name":"web"}': {"f:image": {}}, 'v:"x"': {}}})
    assert sorted(map(shown, paths)) == ['.spec[="x"]', '.spec[name="web"].image']


@pytest.mark.parametrize("wrong", [3, {"x": {}}, {"f:a": 1}, {"f:a": {"g": {}}}])
def test_what_is_no_fieldsv1_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="FieldsV1"):
        decode(wrong)


# ── apply ────────────────────────────────────────────────────────────────────────────────────────────────────


@given(DEPLOYMENTS)
def test_applying_the_same_again_changes_nothing(config: Object) -> None:
    live = first(config)
    assert applied(live, config, who("one", 9)) is live
    filled = default(live)
    assert applied(filled, config, who("one", 9)) is filled


@given(DEPLOYMENTS, DEPLOYMENTS)
def test_the_only_applier_gets_what_they_say(one: Object, other: Object) -> None:
    """What they said before and do not say any more goes, and nothing else was there."""
    result = applied(first(one), other, who("one", 9))
    assert claims(result) == claims(other)
    assert not changes(without_owners(result), other).touched


@given(DEPLOYMENTS, DEPLOYMENTS)
def test_two_appliers_agree_or_conflict_and_force_decides(one: Object, other: Object) -> None:
    live = first(one)
    differ = changes(without_owners(live), merge(DEPLOYMENT, without_owners(live), other)).modified
    if differ:
        with pytest.raises(StatusError) as refused:
            applied(live, other, who("two", 9))
        assert refused.value.reason == "Conflict"
        assert {cause["field"] for cause in refused.value.details["causes"]} == {shown(path) for path in differ}
    result = applied(live, other, who("two", 9), force=bool(differ))
    assert claims(result) == claims(one) | claims(other)
    assert not changes(result, merge(DEPLOYMENT, result, other))
    assert applied(result, other, who("two", 10)) is result


def test_a_conflict_in_kubernetes_words() -> None:
    live = created(config_map(a="1", b="1"), Manager("editor", "v1", "2026-01-01T00:00:00Z"))
    with pytest.raises(StatusError) as one:
        applied(live, config_map(a="2"), Manager("kubectl", "v1", ""))
    assert one.value.message == 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.a'
    assert one.value.details["causes"][0]["field"] == ".data.a"
    with pytest.raises(StatusError) as two:
        applied(live, config_map(a="2", b="2"), Manager("kubectl", "v1", ""))
    assert two.value.message == (
        'Apply failed with 2 conflicts: conflicts with "editor" using v1:\n- .data.a\n- .data.b'
    )
    forced = applied(live, config_map(a="2"), Manager("kubectl", "v1", ""), force=True)
    by_manager = {row["manager"]: row["fieldsV1"] for row in forced["metadata"]["managedFields"]}
    assert by_manager == {"kubectl": {"f:data": {"f:a": {}}}, "editor": {"f:data": {".": {}, "f:b": {}}}}


def test_equal_values_are_owned_together_and_the_last_owner_removes_them() -> None:
    live = first(config_map(a="1", b="1"))
    both = applied(live, config_map(a="1"), who("two"))
    assert applied(both, config_map(b="1"), who("one"))["data"] == {"a": "1", "b": "1"}
    alone = applied(applied(both, config_map(b="1"), who("one")), config_map(b="1"), who("two"))
    assert alone["data"] == {"b": "1"}


def test_a_list_entry_goes_with_its_only_owner_and_defaults_go_with_it() -> None:
    web, side = {"name": "web", "image": "nginx"}, {"name": "side", "image": "busybox"}
    live = default(first(deployment(replicas=1, template=containers(web, side))))
    result = applied(live, deployment(replicas=1, template=containers(web)), who("one"))
    assert [c["name"] for c in result["spec"]["template"]["spec"]["containers"]] == ["web"]
    assert result["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"]


def test_an_object_without_owners_belonged_to_those_before() -> None:
    with pytest.raises(StatusError, match='conflict with "before-first-apply" using v1: .data.a'):
        applied(config_map(a="1"), config_map(a="2"), who("one"))
    result = applied(config_map(a="1"), config_map(a="1"), who("one"))
    assert [row["manager"] for row in result["metadata"]["managedFields"]] == ["one", "before-first-apply"]


# ── updates ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_update_takes_what_it_changes() -> None:
    live = first(config_map(a="1", b="1"))
    changed = updated(live, {**live, "data": {"a": "2", "c": "3"}}, who("editor", 5))
    by_manager = {row["manager"]: row for row in changed["metadata"]["managedFields"]}
    assert "one" not in by_manager
    assert by_manager["editor"]["fieldsV1"] == {"f:data": {"f:a": {}, "f:c": {}}}
    assert updated(live, live, who("editor", 5)) == live
    assert updated(live, without_owners(live), who("editor", 5)) == live  # leaving them out does not take them away


def test_owners_can_be_taken_away_and_given() -> None:
    live = first(config_map(a="1"))
    assert "managedFields" not in updated(live, with_entries(live, [{}]), who("x"))["metadata"]
    moved = [{**live["metadata"]["managedFields"][0], "manager": "two"}]
    assert updated(live, with_entries(live, moved), who("x"))["metadata"]["managedFields"] == moved
    nonsense = with_entries(live, [{"operation": "Steal"}])
    assert updated(live, nonsense, who("x")) == live
    assert "managedFields" not in updated(config_map(a="1"), config_map(a="2"), who("x"))["metadata"]


def test_the_oldest_of_many_updates_become_one() -> None:
    live = created(config_map(k="0"), who("maker"))
    for i in range(15):
        live = updated(live, {**live, "data": {**live["data"], f"k{i}": "1"}}, who(f"m{i:02}", i + 1))
    rows = live["metadata"]["managedFields"]
    assert len(rows) == 10
    assert rows[0]["manager"] == "ancient-changes"
    assert {"f:k", "f:k0", "f:k5"} <= set(rows[0]["fieldsV1"]["f:data"])


@given(DEPLOYMENTS, DEPLOYMENTS, DEPLOYMENTS)
def test_nobody_owns_what_is_not_there_and_the_last_owns_what_they_said(
    one: Object, two: Object, three: Object
) -> None:
    live = first(one)
    live = updated(live, {**two, "metadata": {**live["metadata"], **two["metadata"]}}, who("editor", 3))
    live = applied(live, three, who("two", 4), force=True)
    owned = {row["manager"]: decode(row["fieldsV1"]) for row in live["metadata"]["managedFields"]}
    there = claims(live, made=True) | {path[:size] for path in claims(live) for size in range(1, len(path))}
    assert frozenset[fieldsets.Path]().union(*owned.values()) <= there
    assert owned["two"] == {
        path for path in claims(three) if path[-1] not in ("f:name", "f:kind", "f:apiVersion") or len(path) > 2
    }
