"""The table of kinds: every entry is whole, and every word for a kind finds it."""

from __future__ import annotations

import pytest

from cluster.api.kinds import KINDS, Kind, for_object, lookup
from cluster.api.schema import REGISTRY
from cluster.api.validate import validate
from cluster.errors import UsageError


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_an_entry_is_whole(kind: Kind) -> None:
    struct = REGISTRY.struct(kind.kind)
    for field in ("apiVersion", "kind", "metadata"):
        assert struct.field(field) is not None
    assert (struct.field("status") is not None) == kind.status
    for path in kind.fields:
        assert struct.field(path.partition(".")[0]) is not None
    for word in (kind.kind, kind.plural.upper(), kind.singular, kind.qualified, *kind.short):
        assert lookup(word) is kind
    assert for_object({"kind": kind.kind, "apiVersion": kind.api_version}) is kind
    assert not [e for e in validate({"kind": kind.kind, "apiVersion": kind.api_version}) if e.path == "kind"]


def test_storage_keys() -> None:
    assert KINDS["Pod"].storage_key("default", "web") == "/registry/pods/default/web"
    assert KINDS["Node"].storage_key("", "worker-0") == "/registry/nodes/worker-0"


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({}, "no kind is given"),
        ({"kind": "Deploymant", "apiVersion": "apps/v1"}, "did you mean 'Deployment'"),
        ({"kind": "Deployment"}, "no apiVersion is given"),
        ({"kind": "Deployment", "apiVersion": "extensions/v1beta1"}, "use apps/v1"),
        ({"kind": ["Pod"]}, "no kind is given"),
    ],
)
def test_an_object_of_no_known_kind_is_named(obj: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        for_object(obj)


def test_a_misspelt_word_is_answered_with_a_near_one() -> None:
    with pytest.raises(UsageError, match="did you mean 'pods'"):
        lookup("podss")
