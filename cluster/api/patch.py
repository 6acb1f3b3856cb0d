"""Patches: JSON patch (RFC 6902), JSON merge patch (RFC 7386) and Kubernetes' strategic merge patch.

Must not validate the result or know the store; it turns an object and a patch into a new object and touches neither.
"""

from __future__ import annotations

import json
from collections import deque
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
MOST_COPIED = 3 << 20
"""Bytes, as JSON, that the copy operations of one JSON patch may copy together (Kubernetes: JSONPatchMaxCopyBytes)."""
DEEPEST = 200
"""Levels of lists and maps in what a JSON patch makes: as deep as a body may be."""

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


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _json(obj: Object, patch: Any) -> Object:
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise StatusError("BadRequest", "a JSON patch is an array of operations")
    if len(patch) > MAX_OPERATIONS:
        raise StatusError("TooLarge", f"{len(patch)} operations, the limit is {MAX_OPERATIONS}")
    try:
        jsonpatch.JsonPatch(patch)
    except (jsonpatch.InvalidJsonPatch, jsonpointer.JsonPointerException) as error:
        raise StatusError("BadRequest", f"the JSON patch is malformed: {error}") from None
    result, copied = deep_copy(obj), 0
    try:
        for operation in deep_copy(patch):
            if operation["op"] == "copy":
                copied += _size(jsonpointer.JsonPointer(operation["from"]).resolve(result), MOST_COPIED - copied)
            result = jsonpatch.JsonPatch([operation]).apply(result, in_place=True)
    except jsonpatch.JsonPatchTestFailed:
        text = f"testing value {operation['path']} failed: it is not {_shown(operation.get('value'))}"
        raise StatusError("Invalid", f"the JSON patch does not fit the object: {text}") from None
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        text = str(error) or error.__class__.__name__
        raise StatusError("Invalid", f"the JSON patch does not fit the object: {text}") from None
    except RecursionError:
        raise StatusError(
            "Invalid", f"the JSON patch makes an object that is more than {DEEPEST} levels deep"
        ) from None
    except (TypeError, KeyError, IndexError, ValueError, AttributeError) as error:
        # The library meets a scalar where a path goes on, or an operation without its members.
        raise StatusError("Invalid", f"the JSON patch does not fit the object: {error!r}") from None
    if _deeper(result, DEEPEST):
        raise StatusError("Invalid", f"the JSON patch makes an object that is more than {DEEPEST} levels deep")
    if not isinstance(result, dict):
        raise StatusError("Invalid", f"the JSON patch makes {_kind_of(result)} of the object")
    return dict(deep_copy(result))  # "copy" and "move" may leave shared parts behind


def _size(value: Any, most: int) -> int:
    """About the bytes of a value as JSON. TooLarge when there are more than `most`."""
    size, left = 0, [value]
    while left:
        item = left.pop()
        size += len(item) + 2 if isinstance(item, str) else 2
        if isinstance(item, dict):
            size += sum(len(key) + 4 for key in item)
            left += item.values()
        elif isinstance(item, list):
            left += item
        if size > most:
            text = f"the copy operations of the JSON patch copy more than {MOST_COPIED} bytes"
            raise StatusError("TooLarge", text)
    return size


def _deeper(value: Any, levels: int) -> bool:
    """Are there more levels of lists and maps than so many?"""
    level = [value]
    for _ in range(levels):
        inner = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


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
                leaving = _Index(entries, ())
                result[key] = [item for item in result[key] if leaving.find(item) is None]
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
        leaving = _Index(gone, ())
        kept = [item for item in before if leaving.find(item) is None]
        known, merged = _Index(kept, ()), list(kept)
        for item in value:
            if known.find(item) is None:
                known.add(item, len(merged))
                merged.append(item)
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
    places = _Index(result, keys)
    for item in patch:
        if keys[0] not in item:
            raise StatusError("BadRequest", f"map: {item} does not contain declared merge key: {keys[0]}")
        if item.get("$patch") == "delete":
            while (index := places.find(item)) is not None:
                places.remove(item, index)
                result[index] = _GONE
            continue
        index = places.find(item)
        if index is None:
            places.add(item, len(result))
            result.append(_merge_map({}, item, type.item))
        else:
            result[index] = _merge_map(result[index], item, type.item)
            places.change(index, result[index])
    result = [entry for entry in result if entry is not _GONE]
    return _ordered(result, original, order, keys) if order is not None else result


def _same(entry: Any, item: Object, keys: tuple[str, ...]) -> bool:
    """By the first key; by the others too where both sides have them, so that 53/TCP and 53/UDP stay two."""
    if not isinstance(entry, dict) or entry.get(keys[0]) != item[keys[0]]:
        return False
    return all(entry[key] == item[key] for key in keys[1:] if key in entry and key in item)


def _ordered(merged: list[Any], original: list[Any], order: list[Any], keys: tuple[str, ...]) -> list[Any]:
    """In the patch's order; entries it does not list keep their place relative to the old neighbours behind them."""

    wanted, old = _Index(order, keys), _Index(original, keys)
    places = [(wanted.find(item), item) for item in merged]
    listed = deque(sorted(((at, item) for at, item in places if at is not None), key=lambda pair: pair[0]))
    result: list[Any] = []
    for own in (item for at, item in places if at is None):
        before = old.find(own)
        while listed:
            there = old.find(listed[0][1])
            if before is not None and there is not None and before < there:
                break
            result.append(listed.popleft()[1])
        result.append(own)
    return result + [item for _, item in listed]


_GONE: Any = object()


class _Index:
    """Where the entries of a list are, by their first merge key (no keys: by themselves): without it a patch of ten
    thousand entries would be a hundred million comparisons."""

    def __init__(self, entries: list[Any], keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._entries: dict[int, Any] = {}
        self._places: dict[Any, list[int]] = {}
        for index, entry in enumerate(entries):
            self.add(entry, index)

    def add(self, entry: Any, index: int) -> None:
        self._entries[index] = entry
        if not self._keys or (isinstance(entry, dict) and self._keys[0] in entry):
            self._places.setdefault(self._mark(entry), []).append(index)

    def change(self, index: int, entry: Any) -> None:
        """The entry is another one now, with the same first key."""
        self._entries[index] = entry

    def remove(self, item: Any, index: int) -> None:
        self._places[self._mark(item)].remove(index)

    def find(self, item: Any) -> int | None:
        """The first entry that is the same."""
        if self._keys and not (isinstance(item, dict) and self._keys[0] in item):
            return None
        for index in self._places.get(self._mark(item), ()):
            entry = self._entries[index]
            if _same(entry, item, self._keys) if self._keys else entry == item:
                return index
        return None

    def _mark(self, entry: Any) -> Any:
        value = entry[self._keys[0]] if self._keys else entry
        return repr(value) if isinstance(value, dict | list) else value


def _plain(value: Any) -> Any:
    """A fresh value without directives and nulls, for places where there is nothing to merge with."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None and not k.startswith("$")}
    if isinstance(value, list):
        return [_plain(v) for v in value if not (isinstance(v, dict) and v.get("$patch") == "delete")]
    return value
