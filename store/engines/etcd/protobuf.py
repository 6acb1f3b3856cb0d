"""Protocol Buffers' wire format, as much of it as etcd's messages need: varints and length-delimited fields.

Pure. Must not know any message: who calls says which field has which number. Unknown fields are the caller's to skip,
as the format wants it (protobuf.dev: Encoding).
"""

from __future__ import annotations

from cluster.errors import StatusError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_U64 = 1 << 64

Value = int | bytes


def varint(number: int) -> bytes:
    """`number` as an unsigned varint; a negative one as its 64-bit two's complement (int64)."""
    if number < 0:
        number += _U64
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number_field(field: int, value: int) -> bytes:
    """An integer, bool or enum; nothing at all for 0, the default (proto3)."""
    return varint(field << 3) + varint(value) if value else b""


def bytes_field(field: int, value: bytes) -> bytes:
    """Bytes or a string; nothing at all when empty, the default (proto3)."""
    return varint(field << 3 | LENGTH) + varint(len(value)) + value if value else b""


def message_field(field: int, body: bytes) -> bytes:
    """A message inside of a message, or a member of a `oneof`: present even when it is empty."""
    return varint(field << 3 | LENGTH) + varint(len(body)) + body


def chosen_field(field: int, value: Value) -> bytes:
    """A member of a `oneof` that is a scalar: present even when it is 0 or empty, for which one it is has a meaning."""
    if isinstance(value, bytes):
        return message_field(field, value)
    return varint(field << 3) + varint(value)


def signed(number: int) -> int:
    """An int64 as it was meant: varints are unsigned."""
    return number - _U64 if number >= 1 << 63 else number


def fields(data: bytes) -> list[tuple[int, Value]]:
    """(field number, value) in order. StatusError InternalError for what is no message at all."""
    found: list[tuple[int, Value]] = []
    at, size = 0, len(data)
    try:
        while at < size:
            key = data[at]
            at += 1
            if key > 0x7F:
                key, at = _varint(data, at - 1)
            kind = key & 7
            if kind == VARINT:
                value = data[at]
                at += 1
                if value > 0x7F:
                    value, at = _varint(data, at - 1)
                found.append((key >> 3, value))
                continue
            if kind == LENGTH:
                length = data[at]
                at += 1
                if length > 0x7F:
                    length, at = _varint(data, at - 1)
            elif kind in (FIXED64, FIXED32):
                length = 8 if kind == FIXED64 else 4
            else:
                raise _broken(f"wire type {kind}")
            end = at + length
            if end > size:
                raise _broken("a field is cut off")
            found.append((key >> 3, data[at:end]))
            at = end
    except IndexError:
        raise _broken("a number is cut off") from None
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, where it ends). IndexError when it is cut off."""
    number = shift = 0
    while True:
        octet = data[at]
        at += 1
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            return number & (_U64 - 1), at
        shift += 7
        if shift > 63:
            raise _broken("a number has more than 64 bits")


def _broken(what: str) -> StatusError:
    return StatusError("InternalError", f"etcd sent what is no Protocol Buffers message: {what}")
