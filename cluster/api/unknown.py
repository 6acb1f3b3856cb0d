"""Fields that no kind has: which there are in an object, and the object without them.

Pure. Must not decide whether they are refused: that is the caller's wish (fieldValidation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster.api import defaults as _tables  # noqa: F401  (reads the schema's tables)
from cluster.api.meta import Object
from cluster.api.schema import ListOf, MapOf, Struct, Type
from cluster.api.versions import struct_of


def unknown_fields(obj: Object) -> list[str]:
    """Paths, as Kubernetes writes them: spec.template.spec.containers[0].imagee. [] for an unknown kind."""
    return list(_unknown(_struct(obj), obj, ""))


def without_unknown(obj: Object) -> Object:
    """A copy as deep as it has to be; what is known is shared."""
    found: Object = _known(_struct(obj), obj)
    return found


def _struct(obj: Object) -> Struct | None:
    return struct_of(str(obj.get("kind")), str(obj.get("apiVersion")))


def _unknown(type: Type | None, value: Any, path: str) -> Iterator[str]:
    if isinstance(type, Struct) and isinstance(value, dict):
        fields = type.fields or {}
        for name, item in value.items():
            here = f"{path}.{name}" if path else str(name)
            field = fields.get(name)
            if field is None:
                yield here
            elif isinstance(item, dict | list):
                yield from _unknown(field.type, item, here)
    elif isinstance(type, ListOf) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(type.item, item, f"{path}[{index}]")
    elif isinstance(type, MapOf) and isinstance(value, dict):
        for name, item in value.items():
            yield from _unknown(type.value, item, f"{path}.{name}")


def _known(type: Type | None, value: Any) -> Any:
    if isinstance(type, Struct) and isinstance(value, dict):
        fields = type.fields or {}
        return {name: _known(fields[name].type, item) for name, item in value.items() if name in fields}
    if isinstance(type, ListOf) and isinstance(value, list):
        return [_known(type.item, item) for item in value]
    if isinstance(type, MapOf) and isinstance(value, dict):
        return {name: _known(type.value, item) for name, item in value.items()}
    return value
