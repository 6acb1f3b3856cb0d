"""What a campaign and its workers say to each other: msgpack frames on pipes, length first.

Must not know what is in them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Any

from cluster.wire import pack, unpack

HEAD = struct.Struct(">I")


def write(pipe: IO[bytes], message: Any) -> None:
    data = pack(message)
    pipe.write(HEAD.pack(len(data)) + data)
    pipe.flush()


def read(pipe: IO[bytes]) -> Any:
    """The next message; None at the end of the pipe, torn or not."""
    head = pipe.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    data = pipe.read(size)
    return unpack(data) if len(data) == size else None


class Splitter:
    """Bytes as they come, in any pieces; whole messages as they are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        self._buffer += data
        while len(self._buffer) >= HEAD.size:
            (size,) = HEAD.unpack_from(self._buffer)
            end = HEAD.size + size
            if len(self._buffer) < end:
                return
            message = bytes(self._buffer[HEAD.size : end])
            del self._buffer[:end]
            yield unpack(message)
