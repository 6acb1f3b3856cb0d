"""Schemas of kinds that are defined at run time, read once into nodes that are quick to walk.

Pure. Must not say what is wrong with a schema (`structuralrules.py`) nor with a value (`structuralcheck.py`): a schema
comes here when it is known to be structural. Source: Kubernetes, CustomResourceDefinition, "Specifying a structural
schema"; JSONSchemaProps of apiextensions/v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cluster.api.fieldsets import WHOLE
from cluster.api.meta import deep_copy
from cluster.api.schema import Field, ListOf, MapOf, Struct, Type

MISSING = object()
"""Of a default that is not given: null may be one."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One x-kubernetes-validations entry: a CEL expression over `self`, and over `oldSelf` for transitions."""

    rule: str
    message: str = ""
    message_expression: str = ""
    reason: str = "FieldValueInvalid"
    field_path: str = ""
    optional_old: bool = False

    @property
    def transition(self) -> bool:
        return "oldSelf" in self.rule


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One schema. `value`: keywords that only judge values (minimum, pattern, ...), as they are written; those of
    `all_of` and the like have no structure of their own."""

    type: str
    properties: Mapping[str, Node] = field(default_factory=dict)
    additional: Node | None = None
    items: Node | None = None
    required: tuple[str, ...] = ()
    nullable: bool = False
    default: Any = MISSING
    preserve: bool = False
    embedded: bool = False
    int_or_string: bool = False
    list_type: str = ""
    keys: tuple[str, ...] = ()
    atomic: bool = False
    value: Mapping[str, Any] = field(default_factory=dict)
    pattern: Pattern | None = None
    all_of: tuple[Node, ...] = ()
    any_of: tuple[Node, ...] = ()
    one_of: tuple[Node, ...] = ()
    not_: Node | None = None
    rules: tuple[Rule, ...] = ()
    ruled: bool = False
    """Whether there are rules here or anywhere below."""
    defaulted: bool = False
    """Whether there is a default here or anywhere below."""


JUDGES = ("format", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "maxItems",
          "minItems", "multipleOf", "enum", "maxProperties", "minProperties")  # fmt: skip


class Pattern(Protocol):
    """A regular expression, compiled."""

    pattern: str

    def search(self, text: str) -> Any: ...


def pattern_of(text: str) -> Pattern:
    """RE2, as in Kubernetes: linear in time, whatever somebody's definition says. ValueError for what is none."""
    import re2  # only where there are such definitions

    options = re2.Options()
    options.log_errors = False
    try:
        found: Pattern = re2.compile(text, options)
    except re2.error as error:
        why = error.args[0] if error.args else error
        raise ValueError(why.decode(errors="replace") if isinstance(why, bytes) else str(why)) from None
    return found


def node_of(schema: Mapping[str, Any]) -> Node:
    """ValueError, KeyError or TypeError for a schema that is none."""
    properties = {name: node_of(inner) for name, inner in (schema.get("properties") or {}).items()}
    given = schema.get("additionalProperties")
    additional = node_of(given) if isinstance(given, dict) else None
    items = node_of(schema["items"]) if isinstance(schema.get("items"), dict) else None
    pattern = schema.get("pattern")
    rules = tuple(_rule(entry) for entry in schema.get("x-kubernetes-validations") or ())
    below = [*properties.values(), *(node for node in (additional, items) if node is not None)]
    default = schema.get("default", MISSING)
    inner = schema.get("not")
    return Node(
        type=schema.get("type") or "",
        properties=properties,
        additional=additional,
        items=items,
        required=tuple(schema.get("required") or ()),
        nullable=bool(schema.get("nullable")),
        default=default,
        preserve=bool(schema.get("x-kubernetes-preserve-unknown-fields")) or given is True,
        embedded=bool(schema.get("x-kubernetes-embedded-resource")),
        int_or_string=bool(schema.get("x-kubernetes-int-or-string")),
        list_type=schema.get("x-kubernetes-list-type") or "",
        keys=tuple(schema.get("x-kubernetes-list-map-keys") or ()),
        atomic=schema.get("x-kubernetes-map-type") == "atomic",
        value={name: schema[name] for name in JUDGES if schema.get(name) is not None},
        pattern=pattern_of(pattern) if pattern else None,
        all_of=tuple(node_of(each) for each in schema.get("allOf") or ()),
        any_of=tuple(node_of(each) for each in schema.get("anyOf") or ()),
        one_of=tuple(node_of(each) for each in schema.get("oneOf") or ()),
        not_=node_of(inner) if inner is not None else None,
        rules=rules,
        ruled=bool(rules) or any(node.ruled for node in below),
        defaulted=default is not MISSING or any(node.defaulted for node in below),
    )


def _rule(entry: Mapping[str, Any]) -> Rule:
    return Rule(
        entry["rule"],
        entry.get("message") or "",
        entry.get("messageExpression") or "",
        entry.get("reason") or "FieldValueInvalid",
        entry.get("fieldPath") or "",
        bool(entry.get("optionalOldSelf")),
    )


# ── filling in, and leaving out ──────────────────────────────────────────────────────────────────────────────


def filled(node: Node, value: Any) -> Any:
    """A copy with defaults; nulls of properties that may not be null are left out, or become the default
    (Kubernetes: defaulting, PruneNonNullableNullsWithoutDefaults)."""
    if isinstance(value, dict):
        result = {}
        for name, item in value.items():
            inner = node.properties.get(name, node.additional)
            if inner is None:
                result[name] = deep_copy(item)
            elif item is not None or inner.nullable:
                result[name] = filled(inner, item)
            elif name not in node.properties:
                result[name] = None
        for name, inner in node.properties.items():
            if name not in result and inner.default is not MISSING:
                result[name] = filled(inner, deep_copy(inner.default))
        return result
    if isinstance(value, list):
        return [deep_copy(item) if node.items is None else filled(node.items, item) for item in value]
    return value


_OBJECT_FIELDS = ("apiVersion", "kind", "metadata")


def pruned(node: Node, value: Any, *, root: bool = False) -> Any:
    """A copy without what the schema does not name (Kubernetes: pruning). `root`: value is a whole object."""
    if isinstance(value, dict):
        result = {}
        for name, item in value.items():
            if (root or node.embedded) and name in _OBJECT_FIELDS:
                result[name] = item
                continue
            inner = node.properties.get(name, node.additional)
            if inner is not None:
                result[name] = pruned(inner, item)
            elif node.preserve:
                result[name] = item
        return result
    if isinstance(value, list) and node.items is not None:
        return [pruned(node.items, item) for item in value]
    return value


def unknown(node: Node, value: Any, path: str = "", *, root: bool = False) -> list[str]:
    """The paths that pruning leaves out: "spec.sise", "spec.parts[0].x"."""
    found: list[str] = []
    if isinstance(value, dict):
        for name, item in value.items():
            if (root or node.embedded) and name in _OBJECT_FIELDS:
                continue
            here = f"{path}.{name}" if path else name
            inner = node.properties.get(name, node.additional)
            if inner is not None:
                found += unknown(inner, item, here)
            elif not node.preserve:
                found.append(here)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            found += unknown(node.items, item, f"{path}[{index}]")
    return found


# ── as the types that owners of fields are reckoned by ───────────────────────────────────────────────────────


def type_of(node: Node) -> Type | None:
    """What server-side apply takes a value apart by; None where nothing is known of the inside."""
    if node.atomic:
        return WHOLE
    if node.properties:
        return Struct("", _no_check, None, {name: _field(name, inner) for name, inner in node.properties.items()})
    if node.additional is not None:
        return MapOf("object", _no_check, None, type_of(node.additional))
    if node.items is not None:
        keys = node.keys if node.list_type == "map" else ()
        return ListOf("array", _no_check, None, type_of(node.items), keys, node.list_type == "set")
    return None


def _field(name: str, node: Node) -> Field:
    inner = type_of(node) or Type("any", _no_check)
    return Field(name, inner, False, None if node.default is MISSING else node.default, "")


def _no_check(value: Any, path: Any, errors: Any) -> None:
    """Values are judged elsewhere."""
