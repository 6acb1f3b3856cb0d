"""msgpack in and out, with a version byte and limits; the only module that imports msgpack.

Must not know sockets or meanings: bytes to envelopes, envelopes to bytes, and a clear refusal of the rest.
"""

from __future__ import annotations

from typing import Any

import msgpack

from cluster.world.host import Envelope

VERSION = 1
MAX_FRAME = 64 * 1024 * 1024
"""Bytes of one frame; a snapshot chunk or a list page must stay below."""
MAX_DEPTH = 64
"""Nesting of a body, outer map included."""
MAX_NAME = 256
"""Characters of a kind or an address."""

_OPENING = bytes((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
"""First bytes of maps and arrays in msgpack."""

_packer = msgpack.Packer(use_bin_type=True, autoreset=True)
_pack = _packer.pack


class WireError(ValueError):
    """A frame that is not ours: malformed, oversized, too deep or of another version. Count it and drop it."""


def pack(value: Any) -> bytes:
    """TypeError for a type that msgpack does not know (a bug of the caller's)."""
    data: bytes = _pack(value)
    return data


def unpack(data: bytes | memoryview) -> Any:
    """The value, or WireError. Maps with string keys come back as dict, binaries as bytes."""
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=False)
    except Exception as error:  # msgpack raises a dozen kinds, ValueError to StackError; all mean one thing
        raise WireError(f"not msgpack: {type(error).__name__}: {error}") from None


def encode(
    kind: str,
    src: str,
    dst: str,
    boot: int,
    id: int,
    corr: int,
    timeout: float,
    lamport: int,
    body: Any,
) -> bytes:
    """One frame: a msgpack array of ten, the version first."""
    data: bytes = _pack((VERSION, kind, src, dst, boot, id, corr, timeout, lamport, body))
    return data


def decode(frame: bytes | memoryview) -> Envelope:
    """The envelope, or WireError with the reason; never anything else, whatever the bytes are."""
    if len(frame) > MAX_FRAME:
        raise WireError(f"frame of {len(frame)} bytes is over the limit of {MAX_FRAME}")
    fields = unpack(frame)
    if type(fields) is not list or not fields:
        raise WireError("a frame is a msgpack array")
    if fields[0] != VERSION or type(fields[0]) is not int:
        raise WireError(f"wire version {str(fields[0])[:32]!r}, this is version {VERSION}")
    if len(fields) != 10:
        raise WireError(f"a frame has 10 fields, this one {len(fields)}")
    _, kind, src, dst, boot, id, corr, timeout, lamport, body = fields
    if not (type(kind) is type(src) is type(dst) is str and kind and src and dst):
        raise WireError("kind, source and destination are strings that are not empty")
    if len(kind) > MAX_NAME or len(src) > MAX_NAME or len(dst) > MAX_NAME:
        raise WireError("kind, source and destination are short strings")
    if not (type(boot) is type(id) is type(corr) is type(lamport) is int):
        raise WireError("boot, id, correlation and Lamport time are whole numbers")
    if boot < 0 or id < 0 or corr < 0 or lamport < 0:
        raise WireError("boot, id, correlation and Lamport time are whole numbers from 0")
    if type(timeout) is not float and type(timeout) is not int or not 0 <= timeout < 1e9:
        raise WireError("timeout is seconds from 0")
    # Each level of nesting costs a byte that can open a map or an array: with few of them there is nothing to check.
    if len(frame) - len(bytes(frame).translate(None, _OPENING)) > MAX_DEPTH:
        _check_depth(body)
    return Envelope(kind, src, dst, boot, id, corr, float(timeout), lamport, body)


def _check_depth(body: Any) -> None:
    """WireError when `body` nests deeper than MAX_DEPTH; flat bodies, nearly all, cost one look per value."""
    level = [body]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise WireError(f"the body nests deeper than {MAX_DEPTH}")
        below: list[Any] = []
        for value in level:
            if type(value) is dict:
                below.extend(v for v in value.values() if type(v) is dict or type(v) is list)
            elif type(value) is list:
                below.extend(v for v in value if type(v) is dict or type(v) is list)
        level = below
