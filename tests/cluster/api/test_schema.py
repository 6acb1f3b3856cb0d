"""The schema's own language: types, defaults and errors of a small table, and every table of the API compiles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from cluster.api.defaults import SCHEMAS, default
from cluster.api.fielderrors import ROOT, Errors
from cluster.api.kinds import KINDS
from cluster.api.schema import REGISTRY, ListOf, Registry, Struct
from cluster.api.validate import validate
from tests.cluster.api.test_meta import JSON

TABLE = """
Tree
  name!     string          its name
  age       int(0..200) = 3
  kind      Fir|Oak = Oak
  branches  [Branch] by length,side
  marks     [string] set
  sizes     {quantity}
  soil      Soil = {}
  note      any
Branch
  length!   int
  side      Left|Right = Left
Soil
  wet       bool = true
"""


def _tree() -> Struct:
    registry = Registry()
    registry.declare(TABLE)
    return registry.struct("Tree")


def _errors(value: Any) -> list[str]:
    errors = Errors()
    _tree().check(value, ROOT, errors)
    return [str(error) for error in errors.found]


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"name": "a"}, []),
        ({"name": "a", "age": None}, []),
        ({}, ["name: Required value"]),
        ({"name": ""}, ["name: Required value"]),
        ([], ["Invalid value: []: must be of type object"]),
        ({"name": 1}, ["name: Invalid value: 1: must be of type string"]),
        ({"name": "a", "age": 201}, ["age: Invalid value: 201: must be between 0 and 200, inclusive"]),
        ({"name": "a", "age": True}, ["age: Invalid value: true: must be of type integer"]),
        ({"name": "a", "kind": "Elm"}, ['kind: Unsupported value: "Elm": supported values: "Fir", "Oak"']),
        ({"name": "a", "nam": 1}, ['nam: unknown field, did you mean "name"?']),
        ({"name": "a", "zzz": 1}, ["zzz: unknown field"]),
        ({"name": "a", "branches": {}}, ["branches: Invalid value: {}: must be of type array"]),
        ({"name": "a", "branches": [{"length": 1}, {}]}, ["branches[1].length: Required value"]),
        (
            {"name": "a", "branches": [{"length": 1, "side": "Left"}] * 2},
            ['branches[1]: Duplicate value: {"length": 1, "side": "Left"}'],
        ),
        ({"name": "a", "branches": [{"length": 1, "side": s} for s in ("Left", "Right")]}, []),
        ({"name": "a", "marks": ["x", "x"]}, ['marks[1]: Duplicate value: "x"']),
        (
            {"name": "a", "sizes": {"cpu": "-1"}},
            ['sizes[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
        ),
        ({"name": "a", "note": [{"anything": 1}]}, []),
    ],
)
def test_errors_name_the_field_and_what_is_wrong(value: Any, errors: list[str]) -> None:
    assert _errors(value) == errors


def test_defaults_fill_what_is_absent_and_only_that() -> None:
    fill = _tree().fill
    assert fill is not None
    given_value = {"name": "a", "age": 0, "kind": None, "branches": [{"length": 1}], "sizes": {"cpu": "1000m"}}
    assert fill(given_value) == {
        "name": "a",
        "age": 0,
        "branches": [{"length": 1, "side": "Left"}],
        "sizes": {"cpu": "1"},
        "kind": "Oak",
        "soil": {"wet": True},
    }
    assert fill({})["soil"] is not fill({})["soil"]
    assert given_value["kind"] is None


def test_the_table_tells_merge_keys_and_docs() -> None:
    field = _tree().field("branches")
    assert field is not None
    assert isinstance(field.type, ListOf)
    assert field.type.keys == ("length", "side")
    named = _tree().field("name")
    assert named is not None
    assert named.doc == "its name"


def test_every_struct_of_the_api_compiles() -> None:
    assert len(SCHEMAS) >= 10
    for name in REGISTRY.names():
        assert REGISTRY.struct(name).fields


def test_a_struct_is_declared_once() -> None:
    registry = Registry()
    registry.declare("A\n  b  string\n")
    with pytest.raises(ValueError, match="declared twice"):
        registry.declare("A\n  c  string\n")


@given(JSON)
def test_no_value_in_a_pod_breaks_defaulting_or_validation(value: Any) -> None:
    for obj in (
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": value},
        {"apiVersion": "v1", "kind": "Pod", "metadata": value, "spec": {"containers": value, "volumes": value}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": value}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": value, "type": value}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": value, "data": value},
    ):
        filled = default(obj)
        assert default(filled) == filled
        validate(filled)


def test_what_a_struct_and_its_fields_are_may_take_several_lines() -> None:
    registry = Registry()
    registry.declare("""
Leaf  green
  kind     string
  colour   red|green|blue = green
           its hue,
           seen from above
  spec     string  its own words
""")
    leaf = registry.struct("Leaf")
    assert leaf.doc == "green"
    docs = {name: field.doc for name, field in (leaf.fields or {}).items()}
    assert docs == {"kind": "what it is", "colour": "its hue, seen from above", "spec": "its own words"}


def test_every_kind_says_what_it_is_and_so_do_the_fields_that_people_look_up() -> None:
    for kind in KINDS.values():
        assert REGISTRY.struct(kind.kind).doc, kind.kind
    for name in ("PodSpec", "Container", "ServiceSpec", "ServicePort", "DeploymentSpec", "Probe", "EnvVarSource",
                 "IngressSpec", "JobSpec", "Toleration", "ObjectMeta"):  # fmt: skip
        fields = list((REGISTRY.struct(name).fields or {}).values())
        assert sum(bool(field.doc) for field in fields) > len(fields) / 2, name
