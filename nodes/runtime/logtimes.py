"""When the lines of a log were written: what was noted about a file's size, and what follows from it.

Pure. A note says that by `at` the file had `size` bytes; so what is below was written by then, and what was not below
the note before was written after it. Notes are 16 bytes: size and nanoseconds since 1970, little-endian.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from datetime import UTC, datetime

NOTE = struct.Struct("<QQ")


class LogTimes:
    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._stamps: list[int] = []
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """More notes, as they stand in the file."""
        data = self._rest + data
        whole = len(data) - len(data) % NOTE.size
        self._rest = data[whole:]
        for size, at in NOTE.iter_unpack(data[:whole]):
            if not self._sizes or size > self._sizes[-1]:
                self._sizes.append(size)
                self._stamps.append(max(at, self._stamps[-1]) if self._stamps else at)

    @property
    def known(self) -> int:
        """Bytes of the log that a time is known of."""
        return self._sizes[-1] if self._sizes else 0

    def of(self, end: int, default: int) -> int:
        """Nanoseconds since 1970 at which a line that ends before byte `end` was written; `default` if nobody noted."""
        at = bisect_left(self._sizes, end)
        return self._stamps[at] if at < len(self._stamps) else default

    def since(self, stamp: int) -> int:
        """The byte from which on everything was written at `stamp` or later."""
        at = bisect_left(self._stamps, stamp)
        return self._sizes[at - 1] if at else 0


def stamped(line: bytes, nanoseconds: int) -> bytes:
    """Kubernetes: RFC 3339 with all nine digits, a space, the line."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z ".encode() + line
