"""What is wrong with a value of a kind that was defined at run time, in Kubernetes' words.

Pure. Must not fill in, leave out, or know expressions (x-kubernetes-validations): what comes here has its defaults.
Source: Kubernetes' kube-openapi validation and apiextensions' ValidateCustomResource; JSON Schema Validation.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from cluster.api.fielderrors import Errors, MapKey, Path, render
from cluster.api.structural import Node

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def type_name(value: Any) -> str:
    """As JSON Schema calls it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return next(name for name, types in _TYPES.items() if isinstance(value, types))


def check(node: Node, value: Any, path: Path, errors: Errors) -> None:
    """All that is wrong, here and below."""
    if value is None and node.nullable:
        return
    if not _typed(node, value):
        right = "integer or string" if node.int_or_string else node.type
        _wrong_type(path, type_name(value), right, errors)
        return
    _values(node, value, path, errors)
    if isinstance(value, dict):
        _object(node, value, path, errors)
    elif isinstance(value, list):
        _list(node, value, path, errors)


def _typed(node: Node, value: Any) -> bool:
    if node.int_or_string:
        return type(value) in (int, str)
    if not node.type:
        return True
    if isinstance(value, bool):
        return node.type == "boolean"
    if node.type == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[node.type])


def _wrong_type(path: Path, given: str, right: str, errors: Errors) -> None:
    text = f'Invalid value: "{given}": {render(path)} in body must be of type {right}: "{given}"'
    errors.add(path, "FieldValueTypeInvalid", text)


def _object(node: Node, value: dict[str, Any], path: Path, errors: Errors) -> None:
    for name in node.required:
        if name not in value:
            errors.required((path, name))
    if node.embedded:
        for name in ("apiVersion", "kind"):
            if not value.get(name):
                errors.required((path, name), "must not be empty")
    for name, item in value.items():
        inner = node.properties.get(name)
        if inner is not None:
            check(inner, item, (path, name), errors)
        elif node.additional is not None:
            check(node.additional, item, (path, MapKey(name)), errors)


def _list(node: Node, value: list[Any], path: Path, errors: Errors) -> None:
    if node.items is not None:
        for index, item in enumerate(value):
            check(node.items, item, (path, index), errors)
    if node.list_type not in ("set", "map"):
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        shown = item
        if node.list_type == "map":
            if not isinstance(item, dict):
                continue
            shown = {key: item.get(key) for key in node.keys}
        mark = json.dumps(shown, sort_keys=True)
        if mark in seen:
            errors.duplicate((path, index), shown)
        seen.add(mark)


# ── keywords ─────────────────────────────────────────────────────────────────────────────────────────────────


def _values(node: Node, value: Any, path: Path, errors: Errors) -> None:
    judged = node.value
    if judged or node.pattern is not None:
        if "enum" in judged and value not in judged["enum"]:
            words = ", ".join(json.dumps(each) for each in judged["enum"])
            shown = json.dumps(value)
            errors.add(path, "FieldValueNotSupported", f"Unsupported value: {shown}: supported values: {words}")
        if isinstance(value, str):
            _string(node, value, path, errors)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            _number(node, value, path, errors)
        elif isinstance(value, list | dict):
            _size(node, value, path, errors)
    if node.all_of or node.any_of or node.one_of or node.not_ is not None:
        _combined(node, value, path, errors)


def _in_body(path: Path, value: Any, text: str, errors: Errors) -> None:
    errors.invalid(path, value, f"{render(path)} in body {text}")


def _string(node: Node, value: str, path: Path, errors: Errors) -> None:
    judged = node.value
    if "maxLength" in judged and len(value) > judged["maxLength"]:
        errors.too_long(path, f"may not be more than {judged['maxLength']} bytes")
    if "minLength" in judged and len(value) < judged["minLength"]:
        _in_body(path, value, f"should be at least {judged['minLength']} chars long", errors)
    if node.pattern is not None and node.pattern.search(value) is None:
        _in_body(path, value, f"should match '{node.pattern.pattern}'", errors)
    right = FORMATS.get(judged.get("format", ""))
    if right is not None and not right(value):
        _in_body(path, value, f'must be of type {judged["format"]}: "{value}"', errors)


def _number(node: Node, value: float, path: Path, errors: Errors) -> None:
    judged = node.value
    if "maximum" in judged:
        most = judged["maximum"]
        if judged.get("exclusiveMaximum"):
            if value >= most:
                _in_body(path, value, f"should be less than {most}", errors)
        elif value > most:
            _in_body(path, value, f"should be less than or equal to {most}", errors)
    if "minimum" in judged:
        least = judged["minimum"]
        if judged.get("exclusiveMinimum"):
            if value <= least:
                _in_body(path, value, f"should be greater than {least}", errors)
        elif value < least:
            _in_body(path, value, f"should be greater than or equal to {least}", errors)
    if judged.get("multipleOf") and value % judged["multipleOf"]:
        _in_body(path, value, f"should be a multiple of {judged['multipleOf']}", errors)
    for bits in (32, 64):
        if judged.get("format") == f"int{bits}" and not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            _in_body(path, value, f"must be of type int{bits}: {json.dumps(value)}", errors)


def _size(node: Node, value: list[Any] | dict[str, Any], path: Path, errors: Errors) -> None:
    what, most, least = ("items", "maxItems", "minItems")
    if isinstance(value, dict):
        what, most, least = ("properties", "maxProperties", "minProperties")
    if most in node.value and len(value) > node.value[most]:
        text = f"Too many: {len(value)}: must have at most {node.value[most]} items"
        errors.add(path, "FieldValueTooMany", text)
    if least in node.value and len(value) < node.value[least]:
        _in_body(path, len(value), f"should have at least {node.value[least]} {what}", errors)


def _combined(node: Node, value: Any, path: Path, errors: Errors) -> None:
    name = render(path)
    for each in node.all_of:
        before = len(errors.found)
        check(each, value, path, errors)
        if len(errors.found) > before:
            errors.invalid(path, "", f'"{name}" must validate all the schemas (allOf)')
    if node.any_of and not any(valid(each, value) for each in node.any_of):
        errors.invalid(path, "", f'"{name}" must validate at least one schema (anyOf)')
    if node.one_of:
        count = sum(valid(each, value) for each in node.one_of)
        if count != 1:
            found = f"{count} valid alternatives" if count else "none valid"
            errors.invalid(path, "", f'"{name}" must validate one and only one schema (oneOf). Found {found}')
    if node.not_ is not None and valid(node.not_, value):
        errors.invalid(path, "", f'"{name}" must not validate the schema (not)')


def valid(node: Node, value: Any) -> bool:
    errors = Errors()
    check(node, value, (), errors)
    return not errors.found


# ── formats ──────────────────────────────────────────────────────────────────────────────────────────────────


def _reads(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def right(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return right


def _date_time(text: str) -> object:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?", text):
        raise ValueError(text)
    return datetime.fromisoformat(re.sub(r"\.\d+", "", text.upper()))


def _uri(text: str) -> object:
    if not urlsplit(text).scheme and not text.startswith("/"):
        raise ValueError(text)
    return text


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _reads(_date_time),
    "date": _reads(date.fromisoformat),
    "duration": _matches(
        r"[+-]?(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|ms|s|m|h|d|w)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*"
    ),
    "byte": _reads(lambda text: base64.b64decode(text, validate=True)),
    "uri": _reads(_uri),
    "email": _matches(r"[^@\s]+@[^@\s]+"),
    "hostname": _matches(
        r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
    ),
    "ipv4": _reads(ipaddress.IPv4Address),
    "ipv6": _reads(ipaddress.IPv6Address),
    "cidr": _reads(lambda text: ipaddress.ip_network(text, strict=False)),
    "mac": _matches(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"),
    "uuid": _matches(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"),
}
"""What a string has to look like; formats that are not here are no promise (Kubernetes: supportedVersionedFormats)."""
