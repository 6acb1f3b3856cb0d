"""What is wrong with the schema of a kind that is defined at run time: what makes it not structural, or no schema.

Pure. Must not judge values. Source: Kubernetes, CustomResourceDefinition, "Specifying a structural schema";
apiextensions' ValidateStructural and ValidateCustomResourceDefinitionOpenAPISchema, whose words these are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.api.fielderrors import Errors, MapKey, Path
from cluster.api.structural import node_of, pattern_of
from cluster.api.structuralcheck import check

TYPES = ("array", "boolean", "integer", "number", "object", "string")
_NOT_SUPPORTED = ("$ref", "$schema", "id", "definitions", "dependencies", "patternProperties", "additionalItems")
_STRUCTURE = ("type", "description", "title", "default", "nullable", "additionalProperties",
              "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-list-type",
              "x-kubernetes-list-map-keys", "x-kubernetes-map-type")  # fmt: skip
"""What value validations (allOf, anyOf, oneOf, not) may not have."""
DEEPEST = 64
"""Levels of a schema."""

Schema = Mapping[str, Any]


def check_schema(schema: Any, path: Path, errors: Errors) -> None:
    """Of openAPIV3Schema as a whole."""
    if not isinstance(schema, dict):
        errors.wrong_type(path, schema, "object")
        return
    found = len(errors.found)
    _shape(schema, path, errors, 0)
    if len(errors.found) > found:
        return
    if not schema.get("type"):
        errors.required((path, "type"), "must not be empty at the root")
    elif schema["type"] != "object":
        errors.invalid((path, "type"), schema["type"], "must be object at the root")
    if schema.get("nullable"):
        errors.forbidden((path, "nullable"), "nullable cannot be true at the root")
    if schema.get("additionalProperties") is not None:
        errors.forbidden((path, "additionalProperties"), "must not be used at the root")
    _structural(schema, path, errors, root=True)
    if len(errors.found) == found:
        _defaults(schema, path, errors)


# ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────


def children(schema: Schema) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(parts of the path, schema) of what stands directly in a schema: structure first."""
    for name, inner in (schema.get("properties") or {}).items():
        yield ("properties", MapKey(name)), inner
    if isinstance(schema.get("additionalProperties"), dict):
        yield ("additionalProperties",), schema["additionalProperties"]
    if schema.get("items") is not None:
        yield ("items",), schema["items"]
    yield from alternatives(schema)


def alternatives(schema: Schema) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for word in ("allOf", "anyOf", "oneOf"):
        for index, inner in enumerate(schema.get(word) or ()):
            yield (word, index), inner
    if schema.get("not") is not None:
        yield ("not",), schema["not"]


def _below(path: Path, parts: tuple[Any, ...]) -> Path:
    for part in parts:
        path = (path, part)
    return path


_WORDS: Mapping[str, type | tuple[type, ...]] = {
    "type": str, "format": str, "pattern": str, "description": str, "title": str, "nullable": bool,
    "properties": dict, "required": list, "enum": list, "allOf": list, "anyOf": list, "oneOf": list,
    "maximum": (int, float), "minimum": (int, float), "multipleOf": (int, float), "maxLength": int, "minLength": int,
    "maxItems": int, "minItems": int, "maxProperties": int, "minProperties": int, "exclusiveMaximum": bool,
    "exclusiveMinimum": bool, "uniqueItems": bool, "additionalProperties": (bool, dict),
    "x-kubernetes-preserve-unknown-fields": bool, "x-kubernetes-embedded-resource": bool,
    "x-kubernetes-int-or-string": bool, "x-kubernetes-list-type": str, "x-kubernetes-list-map-keys": list,
    "x-kubernetes-map-type": str, "x-kubernetes-validations": list,
}  # fmt: skip
_SHOWN = {str: "string", bool: "boolean", dict: "object", list: "array", int: "integer", (int, float): "number"}


def _shape(schema: Any, path: Path, errors: Errors, depth: int) -> None:
    """Keywords have the types that they must have, so that what comes next may rely on it."""
    if not isinstance(schema, dict):
        text = "items must be a schema object and not an array" if isinstance(schema, list) else "must be a schema"
        errors.forbidden(path, text)
        return
    if depth > DEEPEST:
        errors.forbidden(path, f"a schema has at most {DEEPEST} levels")
        return
    for word, right in _WORDS.items():
        value = schema.get(word)
        if value is not None and (not isinstance(value, right) or (isinstance(value, bool) and right in (int,))):
            shown = _SHOWN.get(right, "object or boolean")
            errors.wrong_type((path, word), value, shown)
            return
    for word in ("required", "x-kubernetes-list-map-keys"):
        if any(not isinstance(name, str) for name in schema.get(word) or ()):
            errors.wrong_type((path, word), schema[word], "array of strings")
            return
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        if not isinstance(rule, dict) or not isinstance(rule.get("rule"), str) or not rule["rule"].strip():
            errors.required(((path, "x-kubernetes-validations"), index), "rule is not specified")
    for parts, inner in children(schema):
        _shape(inner, _below(path, parts), errors, depth + 1)


# ── structure ────────────────────────────────────────────────────────────────────────────────────────────────


def _structural(schema: Schema, path: Path, errors: Errors, *, root: bool = False, embedded: bool = False) -> None:
    _keywords(schema, path, errors)
    _typed(schema, path, errors)
    _list(schema, path, errors)
    additional = schema.get("additionalProperties")
    if additional is not None and schema.get("properties"):
        errors.forbidden((path, "additionalProperties"), "additionalProperties and properties are mutual exclusive")
    elif additional is False:
        errors.forbidden((path, "additionalProperties"), "additionalProperties cannot be set to false")
    whole = root or bool(schema.get("x-kubernetes-embedded-resource"))
    for parts, inner in alternatives(schema):
        _alternative(inner, schema, _below(path, parts), errors)
    if isinstance(additional, dict):
        _child(additional, ("additionalProperties",), path, errors, "object fields")
    if schema.get("items") is not None:
        _child(schema["items"], ("items",), path, errors, "array items")
    for name, inner in (schema.get("properties") or {}).items():
        if whole and name == "metadata":
            _metadata(inner, (((path, "properties"), MapKey(name))), errors)
        _child(inner, ("properties", MapKey(name)), path, errors, "object fields")


def _child(schema: Schema, parts: tuple[Any, ...], path: Path, errors: Errors, what: str) -> None:
    here = _below(path, parts)
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and not free:
        errors.required((here, "type"), f"must not be empty for specified {what}")
    _structural(schema, here, errors)


def _metadata(schema: Schema, path: Path, errors: Errors) -> None:
    """metadata is the server's; a definition may only narrow down the name."""
    names = set(schema.get("properties") or {})
    rest = {word for word in schema if word not in ("type", "properties", "description", "required")}
    if names - {"name", "generateName"} or rest:
        errors.forbidden(
            path, "must not specify anything other than name and generateName, but metadata is implicitly specified"
        )


def _keywords(schema: Schema, path: Path, errors: Errors) -> None:
    for word in _NOT_SUPPORTED:
        if schema.get(word) is not None:
            errors.forbidden((path, word), f"{word} is not supported")
    if schema.get("uniqueItems"):
        errors.forbidden(
            (path, "uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        )
    pattern = schema.get("pattern")
    if pattern:
        try:
            pattern_of(pattern)
        except ValueError as error:
            errors.invalid((path, "pattern"), pattern, f"must be a valid regular expression, but isn't: {error}")


def _typed(schema: Schema, path: Path, errors: Errors) -> None:
    type = schema.get("type")
    if type and type not in TYPES:
        errors.unsupported((path, "type"), type, TYPES)
    if schema.get("x-kubernetes-int-or-string") and type:
        errors.forbidden((path, "type"), "must be empty if x-kubernetes-int-or-string is true")
    preserve = schema.get("x-kubernetes-preserve-unknown-fields")
    if preserve is False:
        errors.invalid((path, "x-kubernetes-preserve-unknown-fields"), False, "must be true or undefined")
    if schema.get("x-kubernetes-embedded-resource"):
        if type != "object":
            errors.invalid((path, "type"), type or "", "must be object if x-kubernetes-embedded-resource is true")
        if not preserve and not schema.get("properties"):
            errors.required(
                (path, "properties"),
                "must not be empty if x-kubernetes-embedded-resource is true without "
                "x-kubernetes-preserve-unknown-fields",
            )
    if type == "array" and schema.get("items") is None:
        errors.required((path, "items"), "must be specified")


def _list(schema: Schema, path: Path, errors: Errors) -> None:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    if schema.get("x-kubernetes-map-type") not in (None, "atomic", "granular"):
        errors.unsupported((path, "x-kubernetes-map-type"), schema["x-kubernetes-map-type"], ("atomic", "granular"))
    if kind is None:
        if keys:
            errors.required((path, "x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty")
        return
    if kind not in ("atomic", "set", "map"):
        errors.unsupported((path, "x-kubernetes-list-type"), kind, ("atomic", "set", "map"))
        return
    if schema.get("type") != "array":
        errors.invalid((path, "type"), schema.get("type") or "", "must be array if x-kubernetes-list-type is specified")
        return
    if kind != "map":
        if keys:
            errors.forbidden((path, "x-kubernetes-list-map-keys"), "must be empty if x-kubernetes-list-type is not map")
        return
    if not keys:
        errors.required((path, "x-kubernetes-list-map-keys"), "must not be empty if x-kubernetes-list-type is map")
    items = schema.get("items") or {}
    if items.get("type") != "object":
        right = "must be object if parent array's x-kubernetes-list-type is map"
        errors.invalid(((path, "items"), "type"), items.get("type") or "", right)
        return
    properties = items.get("properties") or {}
    for index, key in enumerate(keys):
        if key not in properties:
            at = ((path, "x-kubernetes-list-map-keys"), index)
            errors.invalid(at, key, "entries must all be names of item properties")
        elif key not in (items.get("required") or ()) and "default" not in properties[key]:
            errors.required(
                ((((path, "items"), "properties"), MapKey(key)), "default"),
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            )


def _alternative(schema: Schema, outer: Schema, path: Path, errors: Errors) -> None:
    """Value validations say nothing of structure, and of no field that the structure does not have."""
    relaxed = outer.get("x-kubernetes-int-or-string")
    for word in _STRUCTURE:
        if schema.get(word) is not None and not (relaxed and word == "type"):
            errors.forbidden((path, word), "must be empty to be structural")
    for name, inner in (schema.get("properties") or {}).items():
        known = (outer.get("properties") or {}).get(name)
        here = ((path, "properties"), MapKey(name))
        if known is None:
            if not isinstance(outer.get("additionalProperties"), dict) and not outer.get(
                "x-kubernetes-preserve-unknown-fields"
            ):
                errors.required(here, "because it is defined in a value validation, it must be part of the structure")
                continue
            known = outer["additionalProperties"] if isinstance(outer.get("additionalProperties"), dict) else {}
        _alternative(inner, known, here, errors)
    if schema.get("items") is not None:
        _alternative(schema["items"], outer.get("items") or {}, (path, "items"), errors)
    for parts, inner in alternatives(schema):
        _alternative(inner, outer, _below(path, parts), errors)


# ── defaults ─────────────────────────────────────────────────────────────────────────────────────────────────


def _defaults(schema: Schema, path: Path, errors: Errors) -> None:
    """A default must be a value that the schema lets pass."""
    for parts, inner in children(schema):
        here = _below(path, parts)
        if "default" in inner:
            wrong = Errors()
            check(node_of(inner), inner["default"], (), wrong)
            for error in wrong.found:
                text = error.message.partition(": ")[2] or error.message
                errors.add((here, "default"), "FieldValueInvalid", f"Invalid value: {text}")
        _defaults(inner, here, errors)
