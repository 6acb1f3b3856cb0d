"""Structural types of the API: a table of lines in, checkers, defaulters and merge keys out.

Must not know a single field: those stand in schema_*.py, one line each, below their struct's; deeper lines go on with
the words of the line above:

    Struct    what it is (optional)
      name[!]   type [= default]   what it is for (optional)

Types: string, int, int(0..), int(1..100), bool, number, quantity, int-or-string, port, time, ..., any, object (free
form), A|B|C (one of these), {T} (map of T), [T] (atomic list), [T] set, [T] by key[,key] (list map: merged by the
first key, unique by all unless `repeats` stands behind it), or a struct's name. `retain` behind a type: a patch may
say which keys of it stay. `!`: required. Columns are two blanks or more apart. The same table serves validation,
defaults, strategic merge and `explain`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.api.fielderrors import Errors, MapKey, Path
from cluster.api.meta import deep_copy
from cluster.api.scalars import SCALARS, Check, integer_within

Fill = Callable[[Any], Any]
DEEPER = " " * 8
USUAL = {
    "apiVersion": "the group and version that it is written in",
    "kind": "what it is",
    "metadata": "its name, its labels and what else every object has",
    "spec": "what is wanted",
    "status": "what was found to be; for those who act on it to write",
}
"""What fields of a kind are for where its own lines do not say. Structs that say what they are are kinds."""


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """A type. `check` finds errors; `fill` copies a value with its defaults, None where a plain copy does."""

    name: str
    check: Check
    fill: Fill | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Enum(Type):
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class MapOf(Type):
    value: Type | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ListOf(Type):
    """`keys`: () for atomic lists and sets; a list map is unique by all keys, a strategic merge goes by the first."""

    item: Type | None = None
    keys: tuple[str, ...] = ()
    set: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    name: str
    type: Type
    required: bool
    default: Any
    """None: no default (null is no value in this API)."""
    doc: str
    retain: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Struct(Type):
    fields: dict[str, Field] | None = None
    doc: str = ""

    def field(self, name: str) -> Field | None:
        return (self.fields or {}).get(name)


class Registry:
    """All structs by name; each is compiled when it is first asked for."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._docs: dict[str, str] = {}
        self._structs: dict[str, Struct] = {}
        self._hooks: dict[str, Callable[[dict[str, Any]], None]] = {}

    def declare(self, table: str) -> None:
        """Read a table: a struct's name at the margin, its fields indented below it."""
        name = ""
        for line in table.splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if line[0] != " ":
                name, _, doc = line.strip().partition("  ")
                if name in self._lines:
                    raise ValueError(f"struct {name} is declared twice")
                self._lines[name], self._docs[name] = [], doc.strip()
            elif line.startswith(DEEPER):
                gap = " " if len(_columns(self._lines[name][-1])) > 2 else "  "
                self._lines[name][-1] += gap + line.strip()
            else:
                self._lines[name].append(line.strip())

    def on_default(self, name: str, hook: Callable[[dict[str, Any]], None]) -> None:
        """`hook` fills in, in place, what the lines of struct `name` cannot say; after their defaults. It must bear any
        shape: defaults come before validation."""
        self._hooks[name] = hook

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def names(self) -> list[str]:
        return list(self._lines)

    def struct(self, name: str) -> Struct:
        """KeyError if no table declares it."""
        found = self._structs.get(name)
        if found is None:
            fields = {}
            for line in self._lines[name]:
                field = self._field(name, line)
                fields[field.name] = field
            found = _struct(name, fields, self._hooks.get(name), self._docs[name])
            self._structs[name] = found
        return found

    def _field(self, struct: str, line: str) -> Field:
        columns = _columns(line)
        if len(columns) < 2:
            raise ValueError(f"{struct}: {line!r} needs a name and a type")
        name, text = columns[0], columns[1]
        usual = USUAL.get(name.rstrip("!"), "") if self._docs[struct] else ""
        doc = columns[2] if len(columns) > 2 else usual
        text, equals, literal = text.partition(" = ")
        retain = text.endswith(" retain")
        type = self._type(text.removesuffix(" retain").strip())
        default = _literal(literal) if equals else None
        return Field(name.rstrip("!"), type, name.endswith("!"), default, doc, retain)

    def _type(self, text: str) -> Type:
        if text.startswith("["):
            inner, _, tail = text[1:].rpartition("]")
            words = tail.split()
            keys = tuple(words[1].split(",")) if words[:1] == ["by"] else ()
            is_set = words == ["set"]
            return _list(self._type(inner), keys, is_set, unique=is_set or (bool(keys) and "repeats" not in words))
        if text.startswith("{"):
            return _map(self._type(text[1:-1]))
        if "|" in text:
            return _enum(tuple(text.split("|")))
        if match := re.fullmatch(r"int\((-?\d+)\.\.(-?\d+)?\)", text):
            return Type("integer", integer_within(int(match[1]), int(match[2]) if match[2] else None))
        if text in SCALARS:
            scalar = SCALARS[text]
            return Type(scalar.name, scalar.check, scalar.fill)
        return self.struct(text)


def _columns(line: str) -> list[str]:
    return re.split(r"\s{2,}", line, maxsplit=2)


REGISTRY = Registry()


def _literal(text: str) -> Any:
    """JSON where it is JSON, the word itself otherwise."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _enum(values: tuple[str, ...]) -> Enum:
    known = frozenset(values)

    def check(value: Any, path: Path, errors: Errors) -> None:
        if type(value) is not str:
            errors.wrong_type(path, value, "string")
        elif value not in known:
            errors.unsupported(path, value, values)

    return Enum("string", check, None, values)


def _map(inner: Type) -> MapOf:
    check_value, fill_value = inner.check, inner.fill

    def check(value: Any, path: Path, errors: Errors) -> None:
        if type(value) is not dict:
            errors.wrong_type(path, value, "object")
            return
        for key, item in value.items():
            if type(key) is not str:
                errors.wrong_type((path, MapKey(key)), key, "string")
            else:
                check_value(item, (path, MapKey(key)), errors)

    def fill(value: Any) -> Any:
        if type(value) is not dict or fill_value is None:
            return deep_copy(value)
        return {key: fill_value(item) for key, item in value.items() if item is not None}

    return MapOf("object", check, fill if fill_value else None, inner)


def _list(inner: Type, keys: tuple[str, ...], is_set: bool, unique: bool) -> ListOf:
    check_item, fill_item = inner.check, inner.fill

    def check(value: Any, path: Path, errors: Errors) -> None:
        if type(value) is not list:
            errors.wrong_type(path, value, "array")
            return
        index = 0
        for item in value:
            check_item(item, (path, index), errors)
            index += 1
        if unique and len(value) > 1:
            _unique(value, keys, path, errors)

    def fill(value: Any) -> Any:
        if type(value) is not list or fill_item is None:
            return deep_copy(value)
        return [fill_item(item) for item in value]

    return ListOf("array", check, fill if fill_item else None, inner, keys, is_set)


def _unique(items: list[Any], keys: tuple[str, ...], path: Path, errors: Errors) -> None:
    """A set has each item once, a list map each combination of its keys; shown as Kubernetes shows them."""
    seen: dict[Any, None] = {}
    for index, item in enumerate(items):
        if keys and type(item) is not dict:
            continue  # the item's own check has said so
        mark = repr([item.get(key) for key in keys]) if keys else repr(item)
        if mark in seen:
            if len(keys) == 1:
                errors.duplicate(((path, index), keys[0]), item.get(keys[0]))
            else:
                errors.duplicate((path, index), {key: item.get(key) for key in keys} if keys else item)
        seen[mark] = None


def _struct(name: str, fields: dict[str, Field], hook: Callable[[dict[str, Any]], None] | None, doc: str) -> Struct:
    checks = {field.name: field.type.check for field in fields.values()}
    required = tuple(field.name for field in fields.values() if field.required)

    def check(value: Any, path: Path, errors: Errors) -> None:
        if type(value) is not dict:
            errors.wrong_type(path, value, "object")
            return
        for key, item in value.items():
            found = checks.get(key)
            if found is None:
                errors.unknown(path, str(key), list(checks))
            elif item is not None:
                found(item, (path, key), errors)
        for key in required:
            item = value.get(key)
            if item is None or item == "" or item == []:
                errors.required((path, key))

    return Struct(name, check, _struct_fill(fields, hook), fields, doc)


def _struct_fill(fields: dict[str, Field], hook: Callable[[dict[str, Any]], None] | None) -> Fill:
    """Always a function, for nulls inside structs are dropped on the way (Kubernetes: null is absent)."""
    fills = {field.name: field.type.fill for field in fields.values() if field.type.fill is not None}
    constants = tuple((f.name, f.default) for f in fields.values() if f.default is not None)
    fresh = tuple(
        (name, fields[name].type.fill or deep_copy, default)
        for name, default in constants
        if isinstance(default, dict | list)
    )
    constants = tuple((name, default) for name, default in constants if not isinstance(default, dict | list))

    def fill(value: Any) -> Any:
        if type(value) is not dict:
            return deep_copy(value)
        result = {}
        for key, item in value.items():
            if item is None:
                continue
            found = fills.get(key)
            if found is not None:
                item = found(item)
            elif type(item) is dict or type(item) is list:
                item = deep_copy(item)
            result[key] = item
        for key, default in constants:
            if key not in result:
                result[key] = default
        for key, make, default in fresh:
            if key not in result:
                result[key] = make(default)
        if hook is not None:
            hook(result)
        return result

    return fill
