"""The few messages of etcd's v3 API that the load needs, as protobuf bytes (rpc.proto, kv.proto), by hand.

Pure. Must not be taken for a client of etcd: store/engines/etcd is one.
"""

from __future__ import annotations

from collections.abc import Iterator

PUT = "/etcdserverpb.KV/Put"
RANGE = "/etcdserverpb.KV/Range"
TXN = "/etcdserverpb.KV/Txn"
WATCH = "/etcdserverpb.Watch/Watch"


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def chunk(number: int, data: bytes) -> bytes:
    """Field `number`, length-delimited."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def whole(number: int, value: int) -> bytes:
    """Field `number`, a varint; 0 is left out (proto3)."""
    return varint(number << 3) + varint(value) if value else b""


def put(key: bytes, value: bytes) -> bytes:
    return chunk(1, key) + chunk(2, value)


def get(key: bytes, end: bytes = b"", *, serializable: bool = False, keys_only: bool = False) -> bytes:
    return chunk(1, key) + (chunk(2, end) if end else b"") + whole(7, serializable) + whole(8, keys_only)


def guard(key: bytes) -> bytes:
    """The part of `update` before the revision."""
    return whole(2, 2) + chunk(3, key)  # Compare: target MOD, key; its result EQUAL is 0


def branches(key: bytes, value: bytes) -> bytes:
    """The part of `update` after the revision: put, or else read."""
    return chunk(2, chunk(2, put(key, value))) + chunk(3, chunk(1, get(key)))


def update(guard: bytes, mod: int, branches: bytes) -> bytes:
    """TxnRequest: if the key's mod_revision is `mod` (0: no such key) put, else read, as an apiserver updates."""
    return chunk(1, guard + varint(6 << 3) + varint(mod)) + branches  # a oneof: written even if it is 0


def watch(key: bytes, end: bytes, revision: int) -> bytes:
    return chunk(1, chunk(1, key) + chunk(2, end) + whole(3, revision))


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field: varints as whole numbers, what has a length as bytes. ValueError for others."""
    at, size = 0, len(data)
    while at < size:
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, at = _varint(data, at)
            if at + length > size:
                raise ValueError("the message ends within a field")
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {tag & 7}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the message ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def revision(response: bytes) -> int:
    """ResponseHeader.revision of any response."""
    for number, value in fields(response):
        if number == 1 and isinstance(value, bytes):
            return next((int(v) for n, v in fields(value) if n == 3 and isinstance(v, int)), 0)
    return 0


def succeeded(response: bytes) -> bool:
    """TxnResponse.succeeded."""
    return any(number == 2 and value == 1 for number, value in fields(response))


def modified(response: bytes) -> dict[bytes, int]:
    """RangeResponse: key to mod_revision."""
    found: dict[bytes, int] = {}
    for number, value in fields(response):
        if number == 2 and isinstance(value, bytes):
            kv = dict(fields(value))
            key, mod = kv[1], kv.get(3, 0)
            if isinstance(key, bytes) and isinstance(mod, int):
                found[key] = mod
    return found
