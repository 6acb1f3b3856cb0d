"""OpenAPI v3 documents of each group version, made from the table of kinds and its schemas.

Pure. Must not hold a field: those are lines of cluster/api/schema_*.py. Source: what kubectl reads of it (its
`explain`, and a `patch` operation with a `fieldValidation` parameter for each resource, without which it asks for v2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from typing import Any

from cluster.api.kinds import Kind
from cluster.api.schema import REGISTRY, Enum, ListOf, MapOf, Struct, Type
from cluster.api.versions import served
from cluster.apiserver.rest.answers import json_bytes
from cluster.apiserver.rest.paths import UNKNOWN
from cluster.errors import StatusError

Object = dict[str, Any]

_FORMATS: dict[str, Object] = {
    "int-or-string": {"x-kubernetes-int-or-string": True, "oneOf": [{"type": "integer"}, {"type": "string"}]},
    "quantity": {"type": "string", "format": "quantity"},
    "map of quantity": {"type": "object", "additionalProperties": {"type": "string", "format": "quantity"}},
    "map of string": {"type": "object", "additionalProperties": {"type": "string"}},
    "time": {"type": "string", "format": "date-time"},
    "microtime": {"type": "string", "format": "date-time"},
    "any": {"x-kubernetes-preserve-unknown-fields": True},
}


def path_of(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def index(kinds: Iterable[Kind] = served()) -> Object:
    """/openapi/v3: where the document of each group version is; the hash makes it cacheable for good."""
    places = dict.fromkeys((kind.group, kind.version) for kind in kinds)
    paths = {
        path_of(*place): {"serverRelativeURL": f"/openapi/v3/{path_of(*place)}?hash={_digest(*place)}"}
        for place in sorted(places)
    }
    return {"paths": paths}


def _digest(group: str, version: str) -> str:
    return hashlib.sha256(document(path_of(group, version))).hexdigest().upper()


@cache
def document(path: str) -> bytes:
    """The document of "api/v1" or "apis/apps/v1" as JSON. NotFound for another path."""
    kinds = [kind for kind in served() if path_of(kind.group, kind.version) == path]
    if not kinds:
        raise StatusError("NotFound", UNKNOWN)
    schemas: dict[str, Object] = {}
    paths: dict[str, Object] = {}
    for kind in kinds:
        add(REGISTRY.struct(schema_of(kind)), schemas)
        schemas[schema_of(kind)]["x-kubernetes-group-version-kind"] = [_gvk(kind)]
        for where, item in paths_of(kind, "/" + path):
            paths[where] = item
    return json_bytes(whole(paths, schemas))


def whole(paths: Object, schemas: Object) -> Object:
    info = {"title": "Kubernetes", "version": "v1.32.0"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def schema_of(kind: Kind) -> str:
    """What its schema is called in the document."""
    return kind.kind if kind.form is None else kind.form.struct


def _gvk(kind: Kind) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────


def add(struct: Struct, schemas: dict[str, Object]) -> None:
    """The schema of a struct, and of all that it mentions."""
    if struct.name in schemas:
        return
    schema: Object = {"type": "object", "properties": {}}
    if struct.doc:
        schema["description"] = struct.doc
    schemas[struct.name] = schema
    required = []
    for field in (struct.fields or {}).values():
        shape = _shape(field.type, schemas)
        notes: Object = {"description": field.doc} if field.doc else {}
        if field.default is not None:
            notes["default"] = field.default
        if isinstance(field.type, ListOf) and field.type.keys:
            strategy = "merge,retainKeys" if field.retain else "merge"
            notes |= {"x-kubernetes-patch-strategy": strategy, "x-kubernetes-patch-merge-key": field.type.keys[0]}
        elif isinstance(field.type, ListOf) and field.type.set:
            notes["x-kubernetes-patch-strategy"] = "merge"
        if "$ref" in shape and notes:
            shape = {"allOf": [shape]}
        schema["properties"][field.name] = {**notes, **shape}
        if field.required:
            required.append(field.name)
    if required:
        schema["required"] = required


def _shape(type: Type, schemas: dict[str, Object]) -> Object:
    if isinstance(type, Struct):
        add(type, schemas)
        return {"$ref": f"#/components/schemas/{type.name}"}
    if isinstance(type, Enum):
        return {"type": "string", "enum": list(type.values)}
    if isinstance(type, MapOf):
        assert type.value is not None
        return {"type": "object", "additionalProperties": _shape(type.value, schemas)}
    if isinstance(type, ListOf):
        assert type.item is not None
        shape: Object = {"type": "array", "items": _shape(type.item, schemas)}
        if type.keys:
            return shape | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(type.keys)}
        return shape | {"x-kubernetes-list-type": "set" if type.set else "atomic"}
    found = _FORMATS.get(type.name)
    if found is not None:
        return dict(found)
    known = ("string", "integer", "boolean", "number", "object", "array")
    return {"type": type.name if type.name in known else "string"}


# ── paths ────────────────────────────────────────────────────────────────────────────────────────────────────


def paths_of(kind: Kind, prefix: str) -> list[tuple[str, Object]]:
    base = f"{prefix}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{prefix}/{kind.plural}"
    one = f"{base}/{{name}}"
    found: list[tuple[str, Object]] = [
        (base, {"get": _operation(kind, "list"), "post": _operation(kind, "post")}),
        (
            one,
            {
                "get": _operation(kind, "get"),
                "put": _operation(kind, "put"),
                "patch": _operation(kind, "patch"),
                "delete": _operation(kind, "delete"),
            },
        ),
    ]
    for here in (kind.status and "status", kind.scale and "scale"):
        if here:
            found.append((f"{one}/{here}", {v: _operation(kind, v) for v in ("get", "put", "patch")}))
    return found


def _operation(kind: Kind, action: str) -> Object:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema_of(kind)}"}}}
    operation: Object = {
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(kind),
    }
    if action in ("post", "put", "patch"):
        names = ("dryRun", "fieldManager", "fieldValidation", *(("force",) if action == "patch" else ()))
        operation["parameters"] = [{"name": n, "in": "query", "schema": {"type": "string"}} for n in names]
        operation["requestBody"] = {"content": content, "required": True}
    return operation
