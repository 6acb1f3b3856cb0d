"""Patches: JSON patch (RFC 6902), JSON merge patch (RFC 7386) and Kubernetes' strategic merge patch.

Must not validate the result or know the store; it turns an object and a patch into a new object and touches neither.
"""

from __future__ import annotations

from typing import Any, Literal

import jsonpatch
import jsonpointer

from cluster.api.defaults import SCHEMAS as _TABLES  # noqa: F401  (reads the schema's tables)
from cluster.api.meta import Object, deep_copy
from cluster.api.schema import ListOf, Struct, Type
from cluster.api.versions import struct_of
from cluster.errors import StatusError

PatchType = Literal["json", "merge", "strategic"]
MAX_OPERATIONS = 10_000
"""Of one JSON patch (Kubernetes: maxJSONPatchOperations)."""

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def apply(obj: Object, patch: Any, type: str) -> Object:
    """The patched object, sharing nothing with either argument. `type`: json (a list of operations), merge, strategic.

    StatusError: BadRequest for a patch that is malformed, Invalid for one that does not fit the object,
    UnsupportedMediaType for another type.
    """
    if type == "json":
        return _json(obj, patch)
    if type not in ("merge", "strategic"):
        raise StatusError("UnsupportedMediaType", f"patch type {type!r} is none of json, merge, strategic")
    if not isinstance(patch, dict):
        raise StatusError("BadRequest", f"a {type} patch is an object, not {_kind_of(patch)}")
    if type == "merge":
        result = merge(obj, patch)
        assert isinstance(result, dict)  # the patch is an object
        return result
    return _merge_map(obj, patch, struct_of(str(obj.get("kind")), str(obj.get("apiVersion"))))


def _kind_of(value: Any) -> str:
    return "an array" if isinstance(value, list) else "null" if value is None else f"a {value.__class__.__name__}"


def _json(obj: Object, patch: Any) -> Object:
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise StatusError("BadRequest", "a JSON patch is an array of operations")
    if len(patch) > MAX_OPERATIONS:
        raise StatusError("TooLarge", f"{len(patch)} operations, the limit is {MAX_OPERATIONS}")
    try:
        operations = jsonpatch.JsonPatch(deep_copy(patch))
    except (jsonpatch.InvalidJsonPatch, jsonpointer.JsonPointerException) as error:
        raise StatusError("BadRequest", f"the JSON patch is malformed: {error}") from None
    try:
        result = operations.apply(deep_copy(obj), in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        text = str(error) or error.__class__.__name__
        raise StatusError("Invalid", f"the JSON patch does not fit the object: {text}") from None
    except (TypeError, KeyError, IndexError, ValueError, AttributeError) as error:
        # The library meets a scalar where a path goes on, or an operation without its members.
        raise StatusError("Invalid", f"the JSON patch does not fit the object: {error!r}") from None
    if not isinstance(result, dict):
        raise StatusError("Invalid", f"the JSON patch makes {_kind_of(result)} of the object")
    return dict(deep_copy(result))  # "copy" and "move" may leave shared parts behind


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, everything else (lists too) replaces. Returns a fresh value."""
    if not isinstance(patch, dict):
        return deep_copy(patch)
    result = deep_copy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


# ── strategic merge ──────────────────────────────────────────────────────────


def _merge_map(original: Object, patch: Object, type: Type | None) -> Object:
    match patch.get("$patch"):
        case None | "merge":
            pass
        case "replace":
            return dict(_plain({key: value for key, value in patch.items() if key != "$patch"}))
        case "delete":
            return {}
        case other:
            raise StatusError("BadRequest", f"unknown patch type: {other!r} (known: merge, replace, delete)")
    retained = _retained(patch)
    result = {k: deep_copy(v) for k, v in original.items() if retained is None or k in retained}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
            continue
        inner = _field(type, key)
        order = _directive(patch, _ORDER + key)
        gone = _directive(patch, _DELETE + key)
        result[key] = _merge_value(result.get(key), value, inner, order, gone or [])
    _lone_directives(result, patch, type)
    return result


def _lone_directives(result: Object, patch: Object, type: Type | None) -> None:
    """$deleteFromPrimitiveList and $setElementOrder of fields that the patch does not set itself."""
    for directive in patch:
        for prefix in (_DELETE, _ORDER):
            key = directive.removeprefix(prefix)
            if not directive.startswith(prefix) or key in patch or not isinstance(result.get(key), list):
                continue
            entries = _directive(patch, directive) or []
            inner = _field(type, key)
            if prefix == _DELETE:
                result[key] = [item for item in result[key] if item not in entries]
            elif isinstance(inner, ListOf) and (inner.keys or inner.set):
                result[key] = _ordered(result[key], result[key], entries, inner.keys)
    for name, value in patch.items():
        if name.startswith("$") and name not in ("$patch", "$retainKeys") and not name.startswith((_ORDER, _DELETE)):
            raise StatusError("BadRequest", f"unknown directive {name!r} with {value!r}")


def _retained(patch: Object) -> list[str] | None:
    names = _directive(patch, "$retainKeys")
    if names is not None:
        for key in patch:
            if not key.startswith("$") and key not in names:
                raise StatusError("BadRequest", f"the patch sets {key!r}, which its $retainKeys does not list")
    return names


def _directive(patch: Object, name: str) -> list[Any] | None:
    value = patch.get(name)
    if value is not None and not isinstance(value, list):
        raise StatusError("BadRequest", f"{name} is an array, not {_kind_of(value)}")
    return value


def _field(type: Type | None, name: str) -> Type | None:
    if isinstance(type, Struct):
        field = type.field(name)
        return field.type if field else None
    return None


def _merge_value(original: Any, value: Any, type: Type | None, order: list[Any] | None, gone: list[Any]) -> Any:
    if isinstance(value, dict):
        return _merge_map(original if isinstance(original, dict) else {}, value, type)
    if not isinstance(value, list):
        return value
    before = original if isinstance(original, list) else []
    if isinstance(type, ListOf) and type.keys:
        return _merge_list(before, value, type, order)
    if isinstance(type, ListOf) and type.set:
        kept = [item for item in before if item not in gone]
        merged = kept + [item for i, item in enumerate(value) if item not in kept and item not in value[:i]]
        return _ordered(merged, before, order, ()) if order is not None else merged
    return _plain(value)


def _merge_list(original: list[Any], patch: list[Any], type: ListOf, order: list[Any] | None) -> list[Any]:
    keys = type.keys
    for item in patch:
        if not isinstance(item, dict):
            raise StatusError("BadRequest", f"an entry of the patch is {_kind_of(item)} where an object is meant")
    if any(item.get("$patch") == "replace" and len(item) == 1 for item in patch):
        return list(_plain([item for item in patch if item.get("$patch") != "replace" or len(item) > 1]))
    result: list[Any] = deep_copy(original)
    for item in patch:
        if keys[0] not in item:
            raise StatusError("BadRequest", f"map: {item} does not contain declared merge key: {keys[0]}")
        if item.get("$patch") == "delete":
            result = [entry for entry in result if not _same(entry, item, keys)]
            continue
        index = next((i for i, entry in enumerate(result) if _same(entry, item, keys)), None)
        if index is None:
            result.append(_merge_map({}, item, type.item))
        else:
            result[index] = _merge_map(result[index], item, type.item)
    return _ordered(result, original, order, keys) if order is not None else result


def _same(entry: Any, item: Object, keys: tuple[str, ...]) -> bool:
    """By the first key; by the others too where both sides have them, so that 53/TCP and 53/UDP stay two."""
    if not isinstance(entry, dict) or entry.get(keys[0]) != item[keys[0]]:
        return False
    return all(entry[key] == item[key] for key in keys[1:] if key in entry and key in item)


def _ordered(merged: list[Any], original: list[Any], order: list[Any], keys: tuple[str, ...]) -> list[Any]:
    """In the patch's order; entries it does not list keep their place relative to the old neighbours behind them."""

    def place(item: Any, among: list[Any]) -> int | None:
        for index, entry in enumerate(among):
            if entry == item if not keys else _matches(entry, item, keys):
                return index
        return None

    listed = sorted(
        (item for item in merged if place(item, order) is not None), key=lambda item: place(item, order) or 0
    )
    result: list[Any] = []
    for own in (item for item in merged if place(item, order) is None):
        before = place(own, original)
        while listed:
            there = place(listed[0], original)
            if before is not None and there is not None and before < there:
                break
            result.append(listed.pop(0))
        result.append(own)
    return result + listed


def _matches(entry: Any, item: Any, keys: tuple[str, ...]) -> bool:
    return isinstance(entry, dict) and keys[0] in entry and isinstance(item, dict) and _same(item, entry, keys)


def _plain(value: Any) -> Any:
    """A fresh value without directives and nulls, for places where there is nothing to merge with."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None and not k.startswith("$")}
    if isinstance(value, list):
        return [_plain(v) for v in value if not (isinstance(v, dict) and v.get("$patch") == "delete")]
    return value
