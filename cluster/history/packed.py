"""Histories as msgpack: our own format, that can be written while a run goes on and read as far as it goes.

A file: the four bytes "CAPH", a byte with the version, then frames: length (4 bytes, big-endian) and the msgpack of one
operation as a mapping of its fields. Must not judge, and must not open files: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster.errors import UsageError
from cluster.history.record import Operation, data_of, operation_of
from cluster.wire import WireError, pack, unpack

MAGIC = b"CAPH"
VERSION = 1
HEADER = MAGIC + bytes([VERSION])


def frame(operation: Operation) -> bytes:
    """One operation, to be appended to what is there."""
    data = pack(data_of(operation))
    return len(data).to_bytes(4, "big") + data


def to_bytes(history: Iterable[Operation]) -> bytes:
    return HEADER + b"".join(map(frame, history))


def numbered(data: bytes, place: str) -> Iterator[tuple[Operation, str]]:
    """Each operation with its place ("file: record 12", from 1). UsageError for another version, a record that is none
    and a tail that was cut off, each with the record's number."""
    if data[:4] != MAGIC or len(data) < 5:
        raise UsageError("not a history in msgpack", place=place, remedy=f"it begins with {MAGIC.decode()}")
    if data[4] != VERSION:
        remedy = f"this Capstan reads version {VERSION}"
        raise UsageError(f"a history of version {data[4]}", place=place, remedy=remedy)
    at, number = len(HEADER), 1
    while at < len(data):
        here = f"{place}: record {number}"
        size = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 4 + size]
        if at + 4 > len(data) or len(body) < size:
            text = f"cut off at byte {len(data)}: {len(body)} of its {size} bytes are there"
            raise UsageError(text, place=here, remedy="--salvage judges the records before it")
        yield operation_of(_mapping(body, here), here), here
        at, number = at + 4 + size, number + 1


def _mapping(body: bytes, place: str) -> dict[str, object]:
    try:
        found = unpack(body)
    except WireError as error:
        raise UsageError(f"damaged: {error}", place=place, remedy="--salvage judges the records before it") from None
    if not isinstance(found, dict):
        raise UsageError("not an operation", place=place, remedy="a mapping of its fields")
    return found
