"""A CustomResourceDefinition read: the kinds that it defines, one for each version that is served.

Pure. Must not know where definitions come from, nor whether their names were free (`customnames.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api import defaults as _tables  # noqa: F401  (reads the schema's tables)
from cluster.api import jsonpath
from cluster.api.kind import Kind
from cluster.api.meta import Object, deleting, name_of
from cluster.api.model import Model, ScalePaths
from cluster.api.printing import Printer, created, since
from cluster.api.schema import REGISTRY, Field, Struct
from cluster.api.structural import Node, node_of, type_of

AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
"""The column of versions that name none."""


def kinds_of(definition: Object) -> list[Kind]:
    """The served versions' kinds, the preferred first (Kubernetes: version priority)."""
    versions = [version for version in definition["spec"]["versions"] if version["served"]]
    versions.sort(key=lambda version: version_order(version["name"]))
    return [kind_of(definition, version) for version in versions]


def storage_kind(definition: Object) -> Kind:
    """The kind of the version that objects are stored in, served or not."""
    version = next(version for version in definition["spec"]["versions"] if version["storage"])
    return kind_of(definition, version)


def kind_of(definition: Object, version: Mapping[str, Any]) -> Kind:
    spec = definition["spec"]
    names = (definition.get("status") or {}).get("acceptedNames") or spec["names"]
    parts = version.get("subresources") or {}
    columns = version.get("additionalPrinterColumns") or [AGE]
    return Kind(
        kind=names.get("kind") or spec["names"]["kind"],
        group=spec["group"],
        version=version["name"],
        plural=spec["names"]["plural"],
        singular=names.get("singular") or spec["names"]["singular"],
        short=tuple(names.get("shortNames") or ()),
        namespaced=spec["scope"] == "Namespaced",
        status=parts.get("status") is not None,
        scale=parts.get("scale") is not None,
        fields=tuple(field["jsonPath"].removeprefix(".") for field in version.get("selectableFields") or ()),
        categories=tuple(names.get("categories") or ()),
        printer=_printer(columns),
        custom=True,
        model=_model(definition, version, columns),
    )


def _model(definition: Object, version: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> Model:
    spec = definition["spec"]
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    scale = (version.get("subresources") or {}).get("scale")
    paths = None
    if scale is not None:
        paths = ScalePaths(scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath") or "")
    node = node_of(schema)
    return Model(
        node=node,
        struct=_struct(node),
        schema=schema,
        storage=next(each["name"] for each in spec["versions"] if each["storage"]),
        scale=paths,
        warning=_warning(definition, version),
        ending=deleting(definition),
        columns=(("Name", "string", "name", NAME_DOC, 0), *(_column(column) for column in columns)),
    )


NAME_DOC = "Name must be unique within a namespace."


def _warning(definition: Object, version: Mapping[str, Any]) -> str:
    if not version.get("deprecated"):
        return ""
    spec = definition["spec"]
    mine = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
    return version.get("deprecationWarning") or mine


def _struct(node: Node) -> Struct:
    """The object as a whole: metadata is everybody's, the rest is the schema's."""
    inner = type_of(node)
    fields = dict(inner.fields or {}) if isinstance(inner, Struct) else {}
    string = REGISTRY.struct("ObjectMeta").field("name")
    assert string is not None
    for name in ("apiVersion", "kind"):
        fields[name] = Field(name, string.type, False, None, "")
    fields["metadata"] = Field("metadata", REGISTRY.struct("ObjectMeta"), False, None, "")
    return Struct("", node_check, None, fields)


def node_check(value: Any, path: Any, errors: Any) -> None:
    """Values are judged by their schema."""


# ── columns ──────────────────────────────────────────────────────────────────────────────────────────────────


def _column(column: Mapping[str, Any]) -> tuple[str, str, str, str, int]:
    doc = column.get("description") or f"Custom resource definition column (in JSONPath format): {column['jsonPath']}"
    return column["name"], column["type"], column.get("format") or "", doc, column.get("priority") or 0


def _printer(columns: Sequence[Mapping[str, Any]]) -> Printer:
    heads = tuple(("*" if column.get("priority") else "") + column["name"].upper() for column in columns)

    def row(obj: Object, now: float) -> list[str]:
        return [name_of(obj), *(_text(column, obj, now) for column in columns)]

    return Printer(("NAME", *heads), row)


def _text(column: Mapping[str, Any], obj: Object, now: float) -> str:
    """As kubectl shows it: nothing for what is not there, an age for a date."""
    if column["jsonPath"] == AGE["jsonPath"]:
        return since(created(obj), now)
    values = [value for value in jsonpath.find(column["jsonPath"], obj) if value is not None]
    if not values:
        return ""
    if column["type"] == "date":
        return since(str(values[0]), now)
    if column["type"] == "string":
        return ",".join(_shown(value) for value in values)
    return jsonpath.text(values[0])


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"))
    return jsonpath.text(value)


# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────


def version_order(name: str) -> tuple[int, int, int, str]:
    """Sorts v2 before v1 before v1beta2 before v1alpha1 before anything else, by letters (Kubernetes:
    CompareKubeAwareVersionStrings)."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", name)
    if match is None:
        return (9, 0, 0, name)
    stage = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return (stage, -int(match[1]), -int(match[3] or 0), "")
