"""Between records, tree nodes and conflicts as values and as msgpack-able rows; the bytes of a replica's state.

Must not know what any of it means. What comes from another replica is checked here, field by field: StatusError
BadRequest for the rest. What comes from the own disk was checked before it went there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from cluster.errors import StatusError
from cluster.wire import pack, unpack
from store.engines.eventual.merkle import BITS, DEPTH, FAN, Node, Reply
from store.engines.eventual.values import Conflict, Record, Stamp, Vector
from store.mvcc.rows import KeyRow
from store.mvcc.space import Dump
from store.sessions import SessionRow

Row = Any
MAX_DIGEST = (1 << 64) - 1


def _bad(what: str) -> StatusError:
    return StatusError("BadRequest", f"malformed: {what}")


def _fields(row: Row, types: tuple[Any, ...], what: str) -> list[Any]:
    if not isinstance(row, list | tuple) or len(row) != len(types):
        raise _bad(f"{what} is an array of {len(types)}")
    for value, kind in zip(row, types, strict=True):
        if not isinstance(value, kind) or type(value) is bool or (type(value) is int and value < 0):
            raise _bad(f"{what} holds a {type(value).__name__} that it cannot")
    return list(row)


def _list(body: Any, what: str) -> list[Any]:
    if type(body) is not list:
        raise _bad(f"{what} is an array")
    return body


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────


def stamp_of(row: Row) -> Stamp:
    return Stamp(*_fields(row, (int, int, str), "a stamp"))


def vector_of(rows: Row) -> Vector:
    found = [tuple(_fields(row, (str, int, int), "a row of a vector")) for row in _list(rows, "a vector")]
    if [row[0] for row in found] != sorted({row[0] for row in found}):
        raise _bad("a vector names each replica once, sorted")
    return tuple((name, dot, count) for name, dot, count in found)


def record_of(row: Row) -> Record:
    key, value, stamp, dot, vector = _fields(row, (bytes, bytes | None, list, int, list), "a record")
    if not key:
        raise _bad("a key is empty")
    return Record(key, value, stamp_of(stamp), dot, vector_of(vector))


def records_of(rows: Any) -> list[Record]:
    return [record_of(row) for row in _list(rows, "records")]


def digest_of(record: Record) -> int:
    """64 bits, never 0, the same wherever the record is the same."""
    return int.from_bytes(blake2b(pack(record), digest_size=8).digest(), "big") or 1


def weight(record: Record) -> int:
    """About how many bytes it takes."""
    return len(record.key) + len(record.value or b"") + 64


# ── gossip ───────────────────────────────────────────────────────────────────────────────────────────────────


def keys_of(body: Any) -> list[bytes]:
    keys = _list(body, "keys")
    if not all(type(key) is bytes for key in keys):
        raise _bad("keys are bytes")
    return keys


def names_of(body: Any) -> list[tuple[bytes, Stamp]]:
    """(key, stamp): single writes by name."""
    pairs = [_fields(row, (bytes, list), "a write's name") for row in _list(body, "names of writes")]
    return [(key, stamp_of(stamp)) for key, stamp in pairs]


def _placed(level: int, prefix: int, digests: Iterable[int]) -> None:
    if level > DEPTH or prefix >> (BITS * level) or any(digest > MAX_DIGEST for digest in digests):
        raise _bad("there is no such node in the tree")


def nodes_of(body: Any) -> list[Node]:
    nodes = [Node(*_fields(row, (int, int, int), "a node")) for row in _list(body, "nodes")]
    for node in nodes:
        _placed(node.level, node.prefix, (node.digest,))
    return nodes


def replies_of(body: Any) -> list[Reply]:
    replies = []
    for row in _list(body, "replies"):
        level, prefix, children, entries = _fields(row, (int, int, list, list), "a reply")
        pairs = [tuple(_fields(entry, (bytes, int), "an entry")) for entry in entries]
        if not all(type(digest) is int and digest >= 0 for digest in children):
            raise _bad("digests are numbers")
        _placed(level, prefix, (*children, *(digest for _, digest in pairs)))
        if children and (len(children) != FAN or level == DEPTH):
            raise _bad(f"an inner node has {FAN} children")
        replies.append(Reply(level, prefix, tuple(children), tuple((key, digest) for key, digest in pairs)))
    return replies


def conflict_of(row: Row) -> Conflict:
    key, lost, won, writes = _fields(row, (bytes, list, list, int), "a conflict")
    return Conflict(key, stamp_of(lost), stamp_of(won), writes)


# ── state ────────────────────────────────────────────────────────────────────────────────────────────────────


class State(NamedTuple):
    """A whole replica. `dropped`: conflicts that were counted and are no longer named."""

    identity: str
    dot: int
    last: Stamp
    forgotten: Vector
    records: Sequence[Record]
    conflicts: Sequence[Conflict]
    dropped: int
    space: Dump
    sessions: list[SessionRow]


def state_bytes(state: State) -> bytes:
    """Values of live keys stand in the space already, so records go without."""
    bare = [(r.key, r.value is None, r.stamp, r.dot, r.vector) for r in state.records]
    space = (
        state.space.revision,
        state.space.compacted,
        list(state.space.base),
        list(state.space.events),
        state.sessions,
    )
    return pack((state.identity, state.dot, state.last, state.forgotten, bare, state.conflicts, state.dropped, space))


def state_of(data: bytes) -> State:
    """WireError, TypeError or ValueError if these are not such bytes. The records of live keys have value b""."""
    identity, dot, last, forgotten, bare, conflicts, dropped, space = unpack(data)
    revision, compacted, base, events, sessions = space
    dump = Dump(revision, compacted, _key_rows(base), _key_rows(events))
    return State(
        identity,
        dot,
        stamp_of(last),
        vector_of(forgotten),
        [Record(r[0], None if r[1] else b"", stamp_of(r[2]), r[3], vector_of(r[4])) for r in bare],
        [conflict_of(row) for row in conflicts],
        dropped,
        dump,
        [(client, floor, seen) for client, floor, seen in sessions],
    )


def _key_rows(rows: list[Row]) -> list[KeyRow]:
    return [(r[0], r[1], r[2], r[3], r[4], r[5]) for r in rows]
