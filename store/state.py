"""The bytes of a member's whole state: parts of a snapshot, made one by one while the member goes on.

Must not know files, checksums or what the state means.

A part is a msgpack array that begins with its kind: first HEAD with the format number, then BASE and EVENTS (versions
of keys), SESSIONS, and END with how many rows there were. The same state gives the same bytes, wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cluster.wire import WireError, pack, unpack
from store.mvcc.rows import KeyRow
from store.mvcc.space import Dump, Space
from store.sessions import SessionRow, Sessions

FORMAT = 1
PART_BYTES = 192 << 10
"""A part is closed when its keys and values reach this; only one with a single large value can be much larger."""
MAGIC = "capstan-state"
HEAD, BASE, EVENTS, SESSIONS, END = 0, 1, 2, 3, 4

Extra = tuple[int, list[str]]
"""Quota in bytes, alarms."""
_Taken = list[tuple[str, int, set[int]]]


def parts(dump: Dump, sessions: _Taken, extra: Extra) -> Iterator[bytes]:
    """Everything in it was copied before; `dump` is read here, once."""
    yield pack((HEAD, MAGIC, FORMAT, dump.revision, dump.compacted, dump.leases, extra))
    counts = [0, 0, 0]
    for number, (kind, rows) in enumerate(((BASE, dump.base), (EVENTS, dump.events))):
        for chunk in _chunks(rows):
            counts[number] += len(chunk)
            yield pack((kind, chunk))
    for client, floor, seen in sessions:
        counts[2] += 1
        yield pack((SESSIONS, [(client, floor, sorted(seen))]))
    yield pack((END, counts))


def _chunks(rows: Iterable[KeyRow]) -> Iterator[list[KeyRow]]:
    chunk: list[KeyRow] = []
    size = 0
    for row in rows:
        more = len(row[0]) + len(row[1]) + 40
        if chunk and size + more > PART_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += more
    if chunk:
        yield chunk


def load(data: Iterable[bytes]) -> tuple[Space, Sessions, Extra]:
    """ValueError for what is not such parts (the checksum around them has held, so that is another version's file, or
    a bug of ours)."""
    stream = _Parts(data)
    try:
        head = stream.head()
        dump = Dump(head[3], head[4], stream.rows(BASE), stream.rows(EVENTS), (head[5][0], head[5][1]))
        space, sessions = Space.load(dump), Sessions()
        sessions.load(stream.sessions())
        stream.finish()
    except (WireError, TypeError, IndexError, KeyError) as error:
        raise ValueError(f"a state that makes no sense: {type(error).__name__}: {error}") from error
    return space, sessions, (head[6][0], head[6][1])


class _Parts:
    """One part ahead, so that each reader stops where the next kind begins."""

    def __init__(self, data: Iterable[bytes]) -> None:
        self._data = iter(data)
        self._part: Any = None
        self._counts = [0, 0, 0]

    def _next(self) -> Any:
        data = next(self._data, None)
        if data is None:
            raise ValueError("a state that ends in its middle")
        self._part = unpack(data)
        return self._part

    def head(self) -> Any:
        part = self._next()
        if type(part) is not list or part[:2] != [HEAD, MAGIC]:
            raise ValueError("a state that does not begin like one")
        if part[2] != FORMAT:
            raise ValueError(f"a state of format {part[2]}; this program reads format {FORMAT}")
        self._next()
        return part

    def rows(self, kind: int) -> Iterator[KeyRow]:
        while self._part[0] == kind:
            chunk = self._part[1]
            self._counts[kind - 1] += len(chunk)
            for row in chunk:
                yield tuple(row)
            self._next()

    def sessions(self) -> Iterator[SessionRow]:
        while self._part[0] == SESSIONS:
            for client, floor, seen in self._part[1]:
                self._counts[2] += 1
                yield client, floor, seen
            self._next()

    def finish(self) -> None:
        if self._part[0] != END or self._part[1] != self._counts:
            raise ValueError(f"a state that says {self._part[1]} rows and has {self._counts}")
