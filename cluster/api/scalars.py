"""The scalar types that schema lines may name: their checks, in Kubernetes' words.

Must not know fields or structs.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.api import formats, quantity
from cluster.api.fielderrors import Errors, MapKey, Path
from cluster.api.meta import parse_time

Check = Callable[[Any, Path, Errors], None]
Format = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Scalar:
    """`name`: JSON's word for it. `fill`: brings a value to its one form, None if it has only one."""

    name: str
    check: Check
    fill: Callable[[Any], Any] | None = None


def _string(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not str:
        errors.wrong_type(path, value, "string")


def _integer(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not int:
        errors.wrong_type(path, value, "integer")
    elif not -(2**63) <= value < 2**63:
        errors.invalid(path, value, "must fit in 64 bits")


def integer_within(least: int, most: int | None) -> Check:
    """Whole numbers from `least` to `most` (None: the largest of 32 bits, which Kubernetes' fields have)."""

    def check(value: Any, path: Path, errors: Errors) -> None:
        if type(value) is not int:
            errors.wrong_type(path, value, "integer")
        elif value < least or (most is not None and value > most):
            if most is None:
                errors.invalid(path, value, f"must be greater than or equal to {least}")
            else:
                errors.invalid(path, value, f"must be between {least} and {most}, inclusive")
        elif most is None and value >= 2**63:
            errors.invalid(path, value, "must fit in 64 bits")

    return check


def _boolean(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not bool:
        errors.wrong_type(path, value, "boolean")


def _number(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not int and type(value) is not float:
        errors.wrong_type(path, value, "number")


def _object(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not dict:
        errors.wrong_type(path, value, "object")


def _any(value: Any, path: Path, errors: Errors) -> None:
    """Free form: anything that JSON can say."""


def _quantity(value: Any, path: Path, errors: Errors) -> None:
    if type(value) not in (str, int, float):
        errors.wrong_type(path, value, "quantity")
        return
    try:
        number = quantity.parse(value)
    except ValueError as error:
        errors.invalid(path, value, str(error))
        return
    if number < 0:
        errors.invalid(path, value, "must be greater than or equal to 0")


def _canonical(value: Any) -> Any:
    try:
        return quantity.canonical(value)
    except (ValueError, TypeError):  # TypeError: unhashable; the check says what is wrong with it
        return value


def _int_or_string(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not int and type(value) is not str:
        errors.wrong_type(path, value, "integer or string")


def _int_or_percent(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is int:
        if value < 0:
            errors.invalid(path, value, "must be greater than or equal to 0")
    elif type(value) is str:
        if wrong := formats.percent(value):
            errors.invalid(path, value, wrong)
    else:
        errors.wrong_type(path, value, "integer or string")


def _port_or_name(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is int:
        if wrong := formats.port_number(value):
            errors.invalid(path, value, wrong)
    elif type(value) is str:
        if wrong := formats.port_name(value):
            errors.invalid(path, value, wrong)
    else:
        errors.wrong_type(path, value, "integer or string")


def _port(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not int:
        errors.wrong_type(path, value, "integer")
    elif not 1 <= value <= 65535:
        errors.invalid(path, value, "must be between 1 and 65535, inclusive")


def _time(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not str:
        errors.wrong_type(path, value, "string")
        return
    try:
        parse_time(value)
    except ValueError:
        errors.invalid(path, value, "must be a time as RFC 3339 writes it (e.g. 2026-01-31T09:00:00Z)")


def _base64(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not str:
        errors.wrong_type(path, value, "string")
        return
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        errors.invalid(path, "...", "illegal base64 data")


def _formatted(form: Format) -> Check:
    """Strings of a format; the empty one is an absent value, which `required` is for."""

    def check(value: Any, path: Path, errors: Errors) -> None:
        if type(value) is not str:
            errors.wrong_type(path, value, "string")
        elif value and (wrong := form(value)):
            errors.invalid(path, value, wrong)

    return check


def _labels(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not dict:
        errors.wrong_type(path, value, "object")
        return
    for key, text in value.items():
        if type(key) is not str or type(text) is not str:
            errors.wrong_type((path, MapKey(key)), text, "string")
            continue
        if wrong := formats.qualified_name(key):
            errors.invalid(path, key, wrong)
        if wrong := formats.label_value(text):
            errors.invalid(path, text, wrong)


ANNOTATIONS_LIMIT = 256 * 1024
"""Bytes of all keys and values together."""


def _annotations(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not dict:
        errors.wrong_type(path, value, "object")
        return
    size = 0
    for key, text in value.items():
        if type(key) is not str or type(text) is not str:
            errors.wrong_type((path, MapKey(key)), text, "string")
            continue
        size += len(key) + len(text)
        if wrong := formats.qualified_name(key.lower()):
            errors.invalid(path, key, wrong)
    if size > ANNOTATIONS_LIMIT:
        errors.too_long(path, f"may not be more than {ANNOTATIONS_LIMIT} bytes")


def _resource_list(value: Any, path: Path, errors: Errors) -> None:
    if type(value) is not dict:
        errors.wrong_type(path, value, "object")
        return
    for key, amount in value.items():
        below = (path, MapKey(key))
        if type(key) is not str:
            errors.wrong_type(below, key, "string")
        elif wrong := formats.qualified_name(key):
            errors.invalid(below, key, wrong)
        else:
            _quantity(amount, below, errors)


def _canonical_values(value: Any) -> Any:
    if type(value) is not dict:
        return value
    return {key: _canonical(amount) for key, amount in value.items()}


SCALARS: Mapping[str, Scalar] = {
    "string": Scalar("string", _string),
    "int": Scalar("integer", _integer),
    "bool": Scalar("boolean", _boolean),
    "number": Scalar("number", _number),
    "any": Scalar("any", _any),
    "object": Scalar("object", _object),
    "quantity": Scalar("quantity", _quantity, _canonical),
    "resources": Scalar("map of quantity", _resource_list, _canonical_values),
    "int-or-string": Scalar("integer or string", _int_or_string),
    "int-or-percent": Scalar("integer or string", _int_or_percent),
    "port": Scalar("integer", _port),
    "port-or-name": Scalar("integer or string", _port_or_name),
    "time": Scalar("string", _time),
    "base64": Scalar("string", _base64),
    "labels": Scalar("map of string", _labels),
    "annotations": Scalar("map of string", _annotations),
    "dns-label": Scalar("string", _formatted(formats.dns_label)),
    "dns-subdomain": Scalar("string", _formatted(formats.dns_subdomain)),
    "qualified-name": Scalar("string", _formatted(formats.qualified_name)),
    "env-name": Scalar("string", _formatted(formats.env_name)),
    "port-name": Scalar("string", _formatted(formats.port_name)),
    "http-header": Scalar("string", _formatted(formats.http_header)),
    "ip": Scalar("string", _formatted(formats.ip)),
    "cidr": Scalar("string", _formatted(formats.cidr)),
}
