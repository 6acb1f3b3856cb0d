"""Kubernetes' protobuf bodies as the objects that JSON would have given: kubectl >= 1.32 sends every typed create so.

Pure. Must not know a message: those are lines of `protofields*.py`. Source: apimachinery's runtime/serializer/protobuf
(the envelope), proto2 encoding, and what client-go was seen to send.

    "k8s\\0"  Unknown {1: TypeMeta {1: apiVersion, 2: kind}, 2: raw, 3: contentEncoding, 4: contentType}

Go writes fields that are no pointers always, zero or not; what JSON leaves out then is left out here as well. A
pointer's zero was meant (`?` in the tables).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from cluster.api.meta import EARLIEST, LATEST, timestamp
from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest import protofields, protofields_more
from cluster.errors import StatusError

MAGIC = b"k8s\0"
MEDIA = "application/vnd.kubernetes.protobuf"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
DEEPEST = 40
"""Messages in messages; the deepest of an API object is about fifteen."""


@dataclass(frozen=True, slots=True)
class Field:
    """`type`: a scalar or a message's name. `many`: repeated. `map`: its values are of `type`. `inline`: a message
    whose fields stand in the outer object. `pointer`: a zero is meant."""

    name: str
    type: str
    many: bool = False
    map: bool = False
    inline: bool = False
    pointer: bool = False


Message = dict[int, Field]


def decode(data: bytes) -> dict[str, Any]:
    """The object of a whole body. BadRequest that says what is wrong; UnsupportedMediaType for a kind whose message
    nobody has written down."""
    if data[:4] != MAGIC:
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix 6b 38 73 00")
    envelope: dict[int, bytes] = {}
    for number, wire, value in _fields(data[4:]):
        if wire == BYTES:
            envelope[number] = value
    if envelope.get(3):
        raise bad_request("the protobuf body has a content encoding, which is not known")
    meta = {number: _text(value) for number, wire, value in _fields(envelope.get(1, b"")) if wire == BYTES}
    version, kind = meta.get(1, ""), meta.get(2, "")
    found = _messages().get(message_of(version, kind))
    if found is None:
        text = f"no protobuf form of {kind or '(no kind)'} in {version or '(no version)'} is known; send JSON"
        raise StatusError("UnsupportedMediaType", text)
    return {"apiVersion": version, "kind": kind, **_message(found, envelope.get(2, b""), 0)}


def message_of(version: str, kind: str) -> str:
    """The message of a kind; where two groups have kinds of one name, "KIND@GROUP/VERSION" is tried first."""
    exact = f"{kind}@{version}"
    return exact if exact in _messages() else kind


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _messages() -> dict[str, Message]:
    found: dict[str, Message] = {}
    for table in (protofields.TABLE, protofields_more.TABLE):
        name = ""
        for line in table.splitlines():
            if not line.strip():
                continue
            if line[0] != " ":
                name = line.strip()
                assert name not in found, f"message {name} stands there twice"
                found[name] = {}
                continue
            number, field, type = line.split()
            found[name][int(number)] = _field(field, type)
    for name, message in found.items():
        for field_ in message.values():
            assert field_.type in SCALARS or field_.type in found, f"{name}.{field_.name}: no message {field_.type}"
    return found


def _field(name: str, text: str) -> Field:
    match = re.fullmatch(r"(&?)([\[{]?)(\w+)[\]}]?(\??)", text)
    assert match is not None, text
    inline, bracket, type, pointer = match.groups()
    return Field(name, type, bracket == "[", bracket == "{", bool(inline), bool(pointer))


# ── the bytes ────────────────────────────────────────────────────────────────────────────────────────────────


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value): an int, or bytes. BadRequest where the bytes end too early or mean nothing."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = _varint(data, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise bad_request(f"the protobuf body has a field of wire type {wire} at byte {at}")
        if at + size > len(data):
            raise bad_request(f"the protobuf body ends within field {number}")
        yield number, wire, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise bad_request("the protobuf body ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _message(message: Message, data: bytes, depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise bad_request("the protobuf body is too deep")
    result: dict[str, Any] = {}
    for number, wire, raw in _fields(data):
        field = message.get(number)
        if field is None:
            continue  # of a later version than our tables
        if (wire == VARINT) != (field.type in VARINTS and not field.map):
            if not (field.type in VARINTS and wire == BYTES and field.many):
                raise bad_request(f"the protobuf field {field.name} has wire type {wire}")
        _take(result, field, raw, depth)
    return result


def _take(result: dict[str, Any], field: Field, raw: Any, depth: int) -> None:
    if field.map:
        entry = {number: value for number, _, value in _fields(raw)}
        result.setdefault(field.name, {})[_text(entry.get(1, b""))] = _value(field.type, entry.get(2, b""), depth)
    elif field.many:
        values = [raw]
        if field.type in VARINTS and type(raw) is bytes:  # packed
            values = _unpacked(raw)
        result.setdefault(field.name, []).extend(_value(field.type, value, depth) for value in values)
    else:
        value = _value(field.type, raw, depth)
        if field.inline:
            result.update(value)
        elif field.pointer or not _is_zero(value):
            result[field.name] = value


def _is_zero(value: Any) -> bool:
    return value is None or value == "" or value == {} or value == [] or value is False or value == 0


def _unpacked(data: bytes) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _value(type: str, raw: Any, depth: int) -> Any:
    scalar = SCALARS.get(type)
    if scalar is not None:
        return scalar(raw)
    return _message(_messages()[type], raw, depth + 1)


def _text(raw: Any) -> str:
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError:
        raise bad_request("the protobuf body has a string that is not UTF-8") from None


def _integer(raw: Any) -> int:
    value = int(raw) & (1 << 64) - 1  # ten bytes have room for more, which counts for nothing
    return value - (1 << 64) if value >> 63 else value


def _time(raw: Any) -> str | None:
    parts = {number: value for number, wire, value in _fields(raw) if wire == VARINT}
    return _stamp(parts[1]) if parts.get(1) else None


def _micro_time(raw: Any) -> str | None:
    parts = {number: value for number, wire, value in _fields(raw) if wire == VARINT}
    if not parts.get(1):
        return None
    nanos = _integer(parts.get(2, 0))
    if not 0 <= nanos < 1_000_000_000:
        raise bad_request(f"the protobuf body has a time with {nanos} nanoseconds")
    return f"{_stamp(parts[1])[:-1]}.{nanos // 1000:06d}Z"


def _stamp(seconds: int) -> str:
    if not EARLIEST <= _integer(seconds) <= LATEST:
        raise bad_request("the protobuf body has a time outside of the years 1 to 9999")
    return timestamp(_integer(seconds))


def _quantity(raw: Any) -> str:
    return _text(next((value for number, wire, value in _fields(raw) if number == 1 and wire == BYTES), b""))


def _int_or_string(raw: Any) -> int | str:
    parts = {number: value for number, _, value in _fields(raw)}
    return _text(parts.get(3, b"")) if parts.get(1) else _integer(parts.get(2, 0))


def _embedded(raw: Any) -> Any:
    """RawExtension and FieldsV1: JSON in a field."""
    inner = next((value for number, wire, value in _fields(raw) if number == 1 and wire == BYTES), b"")
    if not inner:
        return None
    try:
        return orjson.loads(inner)
    except orjson.JSONDecodeError:
        raise bad_request("the protobuf body has an embedded object that is not JSON") from None


def _strings(raw: Any) -> list[str]:
    """A list of strings in a message of its own (ExtraValue)."""
    return [_text(value) for number, wire, value in _fields(raw) if number == 1 and wire == BYTES]


SCALARS: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "int": _integer,
    "bool": bool,
    "bytes": lambda raw: base64.b64encode(raw).decode(),
    "Time": _time,
    "MicroTime": _micro_time,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "Raw": _embedded,
    "Strings": _strings,
}
VARINTS = ("int", "bool")
