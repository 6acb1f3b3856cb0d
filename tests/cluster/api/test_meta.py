"""Metadata: stamps, keys, owners, conditions, copies."""

from __future__ import annotations

import uuid
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api import meta

NAMES = st.text(st.characters(exclude_characters="$"), max_size=3)
"""Without the sign that begins a strategic merge patch's directives."""
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(("key", "parts"), [("ns/name", ("ns", "name")), ("name", ("", "name"))])
def test_keys_split_and_join(key: str, parts: tuple[str, str]) -> None:
    namespace, name = parts
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    assert meta.split_key(key) == parts
    assert meta.key_of({"metadata": metadata}) == key


def test_what_is_missing_reads_as_empty_and_is_not_shared() -> None:
    assert meta.name_of({}) == meta.namespace_of({}) == meta.uid_of({}) == ""
    assert meta.revision_of({}) == 0
    meta.labels_of({})["a"] = "b"
    assert meta.labels_of({}) == {}


@given(st.floats(0, 4e9, allow_nan=False))
def test_stamps_come_back(seconds: float) -> None:
    assert meta.parse_time(meta.timestamp(seconds)) == int(seconds)
    assert abs(meta.parse_time(meta.micro_timestamp(seconds)) - seconds) < 2e-6


def test_stamps_look_as_kubernetes_writes_them() -> None:
    assert meta.timestamp(1767225600.9) == "2026-01-01T00:00:00Z"
    assert meta.micro_timestamp(1767225600.25) == "2026-01-01T00:00:00.250000Z"
    assert meta.micro_timestamp(0.9999999) == "1970-01-01T00:00:01.000000Z"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_stamp_without_a_zone_or_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        meta.parse_time(text)


def test_a_condition_keeps_its_transition_time_while_its_status_stays() -> None:
    first = meta.set_condition([{"type": "A", "status": "True"}], "Ready", "False", "Starting", "wait", "t1")
    second = meta.set_condition(first, "Ready", "False", "Probing", "", "t2")
    third = meta.set_condition(second, "Ready", "True", "", "", "t3")
    assert [c["type"] for c in third] == ["A", "Ready"]
    assert second[1] == {"type": "Ready", "status": "False", "reason": "Probing", "lastTransitionTime": "t1"}
    assert third[1] == {"type": "Ready", "status": "True", "lastTransitionTime": "t3"}
    assert first[1]["reason"] == "Starting"
    assert meta.condition({"status": {"conditions": third}}, "Ready") == third[1]
    assert meta.condition({}, "Ready") is None


def test_only_the_controlling_owner_is_the_controller() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web", "uid": "u"}}
    plain, controlling = meta.owner_reference(owner, controller=False), meta.owner_reference(owner)
    assert "controller" not in plain
    assert meta.controller_of({"metadata": {"ownerReferences": [plain]}}) is None
    assert meta.controller_of({"metadata": {"ownerReferences": [plain, controlling]}}) == controlling


@given(st.integers())
def test_a_uid_is_a_version_4_uuid(seed: int) -> None:
    found = uuid.UUID(meta.new_uid(Random(seed)))
    assert found.version == 4
    assert found.variant == uuid.RFC_4122


def test_the_dice_decide_names() -> None:
    assert meta.random_suffix(Random(1)) == meta.random_suffix(Random(1))
    assert set(meta.random_suffix(Random(2), 200)) <= set(meta.ALPHABET)


@given(JSON)
def test_a_copy_is_equal_and_shares_nothing(value: Any) -> None:
    copy = meta.deep_copy(value)
    assert copy == value
    shared = {id(part) for part in _parts(value)} & {id(part) for part in _parts(copy)}
    assert not shared


def _parts(value: Any) -> list[Any]:
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(part for item in inner for part in _parts(item))]


def test_the_template_hash_sees_content_not_order() -> None:
    a = {"spec": {"containers": [{"name": "a"}]}, "metadata": {}}
    b = {"metadata": {}, "spec": {"containers": [{"name": "a"}]}}
    assert meta.template_hash(a) == meta.template_hash(b)
    assert meta.template_hash(a) != meta.template_hash(a, collisions=1)
    assert meta.template_hash(a) != meta.template_hash({**a, "spec": {"containers": [{"name": "b"}]}})
    assert set(meta.template_hash(a)) <= set(meta.ALPHABET)
