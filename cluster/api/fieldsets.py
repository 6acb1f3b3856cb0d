"""Sets of fields of an object: which there are, what changed, and objects merged or cut by them.

Pure. Must not know managers or conflicts. A field is a path of steps, written as Kubernetes' FieldsV1 writes them:

    f:spec                    a field of an object, or a key of a map
    k:{"name":"web"}          an entry of a list that goes by keys (all keys, sorted, defaults filled in)
    v:"kubernetes"            an entry of a set

Everything else (a list without keys, a selector) is one field, however much there is in it. Source: Kubernetes,
"Server-Side Apply", section "Merge strategy"; FieldsV1 of meta/v1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from cluster.api.meta import deep_copy
from cluster.api.schema import ListOf, MapOf, Struct, Type

Step = str
Path = tuple[Step, ...]
Fields = frozenset[Path]

ATOMIC = frozenset((
    *("LabelSelector", "ObjectReference", "LocalObjectReference", "NodeSelector", "NodeSelectorTerm"),
    *("ConfigMapKeySelector", "SecretKeySelector", "ObjectFieldSelector", "ResourceFieldSelector"),
))  # fmt: skip
"""Structs that have one owner as a whole (Kubernetes: x-kubernetes-map-type atomic)."""
ATOMIC_MAPS = frozenset((("ServiceSpec", "selector"), ("PodSpec", "nodeSelector")))
WHOLE = Type("whole", lambda value, path, errors: None)
"""Of a map that is one field."""


# ── as FieldsV1 ──────────────────────────────────────────────────────────────────────────────────────────────


def encode(fields: Iterable[Path]) -> dict[str, Any]:
    """FieldsV1: nested maps; "." where a field that has others below it is itself in the set."""
    top: dict[str, Any] = {}
    for path in sorted(fields):
        at = top
        for step in path:
            at = at.setdefault(step, {})
        at["."] = {}
    return _without_lone_dots(top)


def _without_lone_dots(level: dict[str, Any]) -> dict[str, Any]:
    if list(level) == ["."]:
        return {}
    return {step: {} if step == "." else _without_lone_dots(level[step]) for step in sorted(level)}


def decode(value: Any) -> Fields:
    """ValueError for what is no FieldsV1."""
    return frozenset(_decoded(value, ()))


def _decoded(value: Any, path: Path) -> Iterator[Path]:
    if type(value) is not dict:
        raise ValueError(f"FieldsV1 is made of maps, and {value!r:.64} is none")
    if path and not value:
        yield path
    for step, inner in value.items():
        if step == ".":
            yield path
        elif step[:2] in ("f:", "k:", "v:", "i:"):
            yield from _decoded(inner, (*path, step))
        else:
            raise ValueError(f"FieldsV1 has no step {step!r:.64}")


def shown(path: Path) -> str:
    """As messages name it: .spec.containers[name="web"].image."""
    text = ""
    for step in path:
        kind, rest = step[:2], step[2:]
        if kind == "f:":
            text += f".{rest}"
        elif kind == "k:":
            keys = json.loads(rest)
            text += "[" + ",".join(f"{name}={_compact(keys[name])}" for name in sorted(keys)) + "]"
        else:
            text += f"[={rest}]"
    return text


def below(path: Path, tops: Iterable[Path] | set[Path]) -> bool:
    """Is it one of `tops`, or inside one?"""
    return any(path[:size] in tops for size in range(1, len(path) + 1))


# ── how a value is taken apart ───────────────────────────────────────────────────────────────────────────────


def _compact(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # a number of more than 64 bits, text that is no Unicode
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _parts(type: Type | None, value: Any) -> dict[Step, tuple[Type | None, Any]] | None:
    """The fields directly below a value, in order; None for a value that is one field."""
    if isinstance(value, dict):
        if type is WHOLE or (isinstance(type, Struct) and type.name in ATOMIC):
            return None
        return {f"f:{name}": (_inner(type, name), item) for name, item in value.items()}
    if not isinstance(value, list) or not isinstance(type, ListOf) or not (type.keys or type.set):
        return None
    steps = [_step(type, item) for item in value]
    if None in steps or len(set(steps)) != len(steps):
        return None  # what has no key, or one twice, nobody can own by its key
    return {step: (type.item, item) for step, item in zip(steps, value, strict=True) if step is not None}


def _inner(type: Type | None, name: str) -> Type | None:
    if isinstance(type, MapOf):
        return type.value
    if not isinstance(type, Struct):
        return None
    if (type.name, name) in ATOMIC_MAPS:
        return WHOLE
    found = type.field(name)
    return found.type if found else None


def _step(type: ListOf, item: Any) -> Step | None:
    if type.set:
        return f"v:{_compact(item)}"
    if not isinstance(item, dict):
        return None
    keys = {}
    for name in type.keys:
        value = item.get(name)
        if value is None and isinstance(type.item, Struct) and (found := type.item.field(name)):
            value = found.default
        if value is not None:
            keys[name] = value
    return f"k:{_compact(keys)}" if keys else None


def _joins(type: Type | None, one: Any, other: Any) -> bool:
    """Are two values of a field of the sort whose insides are told apart?"""
    alike = (isinstance(one, dict) and isinstance(other, dict)) or (isinstance(one, list) and isinstance(other, list))
    return alike and _parts(type, one) is not None and _parts(type, other) is not None


# ── sets and changes ─────────────────────────────────────────────────────────────────────────────────────────


def fields_of(type: Type | None, value: Any, path: Path = (), *, made: bool = False) -> Fields:
    """What an object that is applied lays claim to. `made`: what somebody who made all of it owns, which is the maps
    that hold keys as well as the keys."""
    return frozenset(_fields(type, value, path, made))


def _fields(type: Type | None, value: Any, path: Path, made: bool) -> Iterator[Path]:
    parts = _parts(type, value)
    if not parts:
        if path:
            yield path
        return
    if path and (path[-1][:2] != "f:" or (made and isinstance(value, dict) and not isinstance(type, Struct))):
        yield path
    for step, (inner, item) in parts.items():
        yield from _fields(inner, item, (*path, step), made)


def encoded(type: Type | None, value: Any) -> dict[str, Any]:
    """`encode` of what somebody who made all of a value owns, in one go and without taking leaves apart: every create
    does it."""
    if not isinstance(value, dict):
        return _encoded_list(type, value)
    if type is WHOLE or (isinstance(type, Struct) and type.name in ATOMIC):
        return {}
    tree: dict[str, Any] = {}
    plan = _plan if isinstance(type, Struct) and len(value) <= _MOST_PLANNED else _plan.__wrapped__
    for name, step, inner, dotted in plan(type, tuple(value)):
        item = value[name]
        if item.__class__ in _LEAVES:
            tree[step] = {}
            continue
        below = encoded(inner, item)
        if below and dotted and isinstance(item, dict):
            below = {".": {}, **below}
        tree[step] = below
    return tree


@lru_cache(maxsize=8192)
def _plan(type: Type | None, names: tuple[str, ...]) -> list[tuple[str, Step, Type | None, bool]]:
    """Of a map with these keys: (key, step, type, whether a map there is in the set itself), in order. Objects of one
    maker have the same keys over and over."""
    inners = [(name, f"f:{name}", _inner(type, name)) for name in sorted(names)]
    return [(name, step, inner, not isinstance(inner, Struct)) for name, step, inner in inners]


def _encoded_list(type: Type | None, value: Any) -> dict[str, Any]:
    parts = _parts(type, value) or {}
    tree: dict[str, Any] = {}
    for step in sorted(parts):
        below = encoded(*parts[step])
        tree[step] = {".": {}, **below} if below else below
    return tree


_MOST_PLANNED = 64
"""Fields of a struct whose plan is kept; what users may call as they like is not."""
_LEAVES = (str, int, bool, float, type(None))


@dataclass(slots=True)
class Changes:
    """From one object to another. `removed`: the topmost fields that are gone, with all below them."""

    added: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.removed)

    @property
    def touched(self) -> set[Path]:
        return self.added | self.modified


def compare(type: Type | None, old: Any, new: Any) -> Changes:
    changes = Changes()
    _compare(type, old, new, (), changes)
    return changes


def _compare(type: Type | None, old: Any, new: Any, path: Path, changes: Changes) -> None:
    if old is new or (old == new and old.__class__ is new.__class__):
        return
    if not _joins(type, old, new):
        changes.modified.add(path)
        return
    before, after = _parts(type, old) or {}, _parts(type, new) or {}
    for step in before:
        if step not in after:
            changes.removed.add((*path, step))
    for step, (inner, item) in after.items():
        if step not in before:
            changes.added |= fields_of(inner, item, (*path, step), made=True)
        else:
            _compare(inner, before[step][1], item, (*path, step), changes)


# ── merging and cutting ──────────────────────────────────────────────────────────────────────────────────────


def merge(type: Type | None, live: Any, config: Any) -> Any:
    """`live` with all that `config` says, a fresh value. Entries of lists keep the config's order, and those that are
    only live stay before the neighbours that they were before."""
    if not _joins(type, live, config):
        return deep_copy(config)
    before, after = _parts(type, live) or {}, _parts(type, config) or {}
    both = {step: merge(after[step][0], before[step][1], after[step][1]) for step in after if step in before}
    if isinstance(live, dict):
        new = {name: deep_copy(item) for name, item in config.items() if f"f:{name}" not in before}
        return {name: both.get(f"f:{name}", item) for name, item in deep_copy(live).items()} | new
    result, waiting = [], list(before)
    for step, (_, item) in after.items():
        if step in before:
            while step in waiting and (first := waiting.pop(0)) != step:
                if first not in after:
                    result.append(deep_copy(before[first][1]))
        result.append(both.get(step, deep_copy(item)))
    return result + [deep_copy(before[step][1]) for step in waiting if step not in after]


def cut(type: Type | None, value: Any, gone: set[Path], path: Path = ()) -> Any:
    """`value` without the fields in `gone`; a list or map of which nothing is left goes with them."""
    parts = _parts(type, value)
    if not parts:
        return value
    kept: dict[Step, Any] = {}
    for step, (inner, item) in parts.items():
        here = (*path, step)
        if here in gone:
            continue
        left = cut(inner, item, gone, here)
        if left in ({}, []) and item not in ({}, []) and not isinstance(inner, Struct):
            continue
        kept[step] = left
    if isinstance(value, dict):
        return {step[2:]: item for step, item in kept.items()}
    return list(kept.values())


def unowned(last: Iterable[Path], kept: Iterable[Path]) -> set[Path]:
    """Of what somebody owned, and the named fields above it, what nobody owns any more: neither it nor a part of it."""
    alive = {path[:size] for path in kept for size in range(1, len(path) + 1)}
    had = set[Path]()
    for path in last:
        had.add(path)
        had.update(path[:size] for size in range(2, len(path)) if path[size - 1][:2] == "f:")
    return had - alive


def drop(fields: Fields, tops: Mapping[Path, Any] | set[Path]) -> Fields:
    """Without `tops` and all below them."""
    return frozenset(path for path in fields if not below(path, tops)) if tops else fields
