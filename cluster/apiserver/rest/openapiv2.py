"""OpenAPI v2 in protobuf, which kubectl before 1.27 asks for: the kinds that can be dry-run on the server, no schemas.

Pure. Without schemas those clients leave validation to the server and merge by their own types. Source: gnostic's
OpenAPIv2.proto (field numbers), kubectl's DryRunVerifier (what it looks for).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache

from cluster.api.kinds import Kind
from cluster.api.versions import served

ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
MEDIA = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""What is asked for is no media type that a client could read in an answer."""


@cache
def document() -> bytes:
    """Document {1 swagger, 2 info {1 title, 2 version}, 8 paths {2 path}}."""
    info = _text(1, "Kubernetes") + _text(2, "v1.32.0")
    return _text(1, "2.0") + _field(2, info) + _field(8, b"".join(_field(2, _path(kind)) for kind in served()))


def _path(kind: Kind) -> bytes:
    """NamedPathItem {1 name, 2 value: PathItem {8 patch: Operation {8 parameters, 13 vendor_extension}}}."""
    prefix = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    within = "/namespaces/{namespace}" if kind.namespaced else ""
    gvk = json.dumps({"group": kind.group, "kind": kind.kind, "version": kind.version})
    extension = _text(1, "x-kubernetes-group-version-kind") + _field(2, _text(2, gvk))
    operation = b"".join(_field(8, _query(name)) for name in ("dryRun", "fieldManager")) + _field(13, extension)
    return _text(1, f"{prefix}{within}/{kind.plural}/{{name}}") + _field(2, _field(8, operation))


def _query(name: str) -> bytes:
    """ParametersItem {1 Parameter {2 NonBodyParameter {3 QueryParameterSubSchema {2 in, 4 name, 6 type}}}}."""
    return _field(1, _field(2, _field(3, _text(2, "query") + _text(4, name) + _text(6, "string"))))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    return bytes(_digits(value))


def _digits(value: int) -> Iterable[int]:
    while value > 127:
        yield value & 127 | 128
        value >>= 7
    yield value
