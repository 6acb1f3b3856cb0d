"""etcd's messages as bytes, and our key space's values: which field has which number (etcd: rpc.proto, kv.proto).

Pure. Must not know how they travel. Only what the key space uses is here; what a newer etcd adds is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from cluster.errors import StatusError
from store.engines.etcd.protobuf import (
    Value,
    bytes_field,
    chosen_field,
    fields,
    message_field,
    number_field,
    signed,
)
from store.mvcc.values import (
    Compare,
    DeleteResult,
    Event,
    KeyValue,
    Op,
    Put,
    PutResult,
    Range,
    RangeResult,
    Response,
    Txn,
    TxnResult,
)

T = TypeVar("T")

RANGE, TXN, COMPACT = "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Txn", "/etcdserverpb.KV/Compact"
WATCH = "/etcdserverpb.Watch/Watch"
STATUS, HASH_KV = "/etcdserverpb.Maintenance/Status", "/etcdserverpb.Maintenance/HashKV"
MEMBER_LIST = "/etcdserverpb.Cluster/MemberList"
AUTHENTICATE = "/etcdserverpb.Auth/Authenticate"
ALARM = "/etcdserverpb.Maintenance/Alarm"

_RESULTS = {"=": 0, ">": 1, "<": 2, "!=": 3}
_TARGETS = {"version": (0, 4), "create": (1, 5), "mod": (2, 6), "value": (3, 7), "lease": (4, 8)}
"""Compare.target: (its number in CompareTarget, the field of its operand)."""
_ORDERS = {"": 0, "asc": 1, "desc": 2}
_SORTS = {"key": 0, "version": 1, "create": 2, "mod": 3, "value": 4}


def bytes_of(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    raise StatusError("InternalError", "etcd sent a number where bytes are meant")


def int_of(value: Value) -> int:
    if isinstance(value, int):
        return value
    raise StatusError("InternalError", "etcd sent bytes where a number is meant")


def _text(value: Value) -> str:
    return bytes_of(value).decode("utf-8", "replace")


class Header(NamedTuple):
    """`member`: the id of the one that answered."""

    member: int
    revision: int
    term: int


def _header(data: bytes) -> Header:
    found = dict(fields(data))
    return Header(int_of(found.get(2, 0)), int_of(found.get(3, 0)), int_of(found.get(4, 0)))


# ── keys and ranges ──────────────────────────────────────────────────────────────────────────────────────────


def key_value(data: bytes) -> KeyValue:
    key = value = b""
    create = mod = version = lease = 0
    for number, found in fields(data):
        if number == 1:
            key = bytes_of(found)
        elif number == 5:
            value = bytes_of(found)
        elif number == 2:
            create = int_of(found)
        elif number == 3:
            mod = int_of(found)
        elif number == 4:
            version = int_of(found)
        elif number == 6:
            lease = signed(int_of(found))
    return KeyValue(key, value, create, mod, version, lease)


def range_request(query: Range, *, serializable: bool = False) -> bytes:
    return b"".join(
        (
            bytes_field(1, query.key),
            bytes_field(2, query.end or b""),
            number_field(3, query.limit),
            number_field(4, query.revision),
            number_field(5, _named(_ORDERS, query.order, "order")),
            number_field(6, _named(_SORTS, query.target, "target")),
            number_field(7, serializable),
            number_field(8, query.keys_only),
            number_field(9, query.count_only),
            number_field(10, query.min_mod),
            number_field(11, query.max_mod),
            number_field(12, query.min_create),
            number_field(13, query.max_create),
        )
    )


def _named(table: Mapping[str, T], word: str, what: str) -> T:
    if word not in table:
        raise StatusError("BadRequest", f"{what} {word!r}: one of {', '.join(map(repr, table))}")
    return table[word]


def range_result(data: bytes) -> RangeResult:
    revision, more, count = 0, False, 0
    kvs: list[KeyValue] = []
    for number, value in fields(data):
        if number == 2:
            kvs.append(key_value(bytes_of(value)))
        elif number == 1:
            revision = _header(bytes_of(value)).revision
        elif number == 3:
            more = bool(value)
        elif number == 4:
            count = int_of(value)
    return RangeResult(revision, tuple(kvs), count, more)


# ── transactions ─────────────────────────────────────────────────────────────────────────────────────────────


def _compare(guard: Compare) -> bytes:
    target, field = _named(_TARGETS, guard.target, "compare's target")
    body = number_field(1, _named(_RESULTS, guard.op, "compare's op")) + number_field(2, target)
    body += bytes_field(3, guard.key) + bytes_field(64, guard.end or b"")
    if isinstance(guard.operand, bytes) is not (guard.target == "value"):
        raise StatusError("BadRequest", f"a compare of {guard.target} with {guard.operand!r}")
    return body + chosen_field(field, guard.operand)


def _op(op: Op) -> bytes:
    if isinstance(op, Range):
        return message_field(1, range_request(op))
    if isinstance(op, Put):
        return message_field(2, _put(op))
    if isinstance(op, Txn):
        return message_field(4, txn_request(op.compares, op.success, op.failure))
    return message_field(3, bytes_field(1, op.key) + bytes_field(2, op.end or b"") + number_field(3, op.prev))


def _put(op: Put) -> bytes:
    return b"".join(
        (
            bytes_field(1, op.key),
            bytes_field(2, op.value),
            number_field(3, op.lease),
            number_field(4, op.prev),
            number_field(5, op.ignore_value),
            number_field(6, op.ignore_lease),
        )
    )


def writes(ops: Sequence[Op]) -> bool:
    """May these change anything?"""
    return any(
        not isinstance(op, Range) and (not isinstance(op, Txn) or writes(op.success) or writes(op.failure))
        for op in ops
    )


def txn_request(compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> bytes:
    parts = [message_field(1, _compare(guard)) for guard in compares]
    parts += [message_field(2, _op(op)) for op in success]
    parts += [message_field(3, _op(op)) for op in failure]
    return b"".join(parts)


def txn_result(data: bytes) -> TxnResult:
    revision, succeeded = 0, False
    responses: list[Response] = []
    for number, value in fields(data):
        if number == 1:
            revision = _header(bytes_of(value)).revision
        elif number == 2:
            succeeded = bool(value)
        elif number == 3:
            responses.append(_response(bytes_of(value)))
    # A range inside of a transaction has no header of its own that says more than the transaction's.
    return TxnResult(revision, succeeded, tuple(_at(response, revision) for response in responses))


def _at(response: Response, revision: int) -> Response:
    if isinstance(response, RangeResult):
        return RangeResult(revision, response.kvs, response.count, response.more)
    if isinstance(response, TxnResult):
        inner = tuple(_at(answer, revision) for answer in response.responses)
        return TxnResult(revision, response.succeeded, inner)
    return response


def _response(data: bytes) -> Response:
    for number, value in fields(data):
        if number == 1:
            return range_result(bytes_of(value))
        if number == 2:
            found = [key_value(bytes_of(v)) for n, v in fields(bytes_of(value)) if n == 2]
            return PutResult(found[0] if found else None)
        if number == 3:
            parts = fields(bytes_of(value))
            deleted = next((int_of(v) for n, v in parts if n == 2), 0)
            return DeleteResult(deleted, tuple(key_value(bytes_of(v)) for n, v in parts if n == 3))
        if number == 4:
            return txn_result(bytes_of(value))
    raise StatusError("InternalError", "etcd sent a response to an operation that nobody asked for")


def header_of(data: bytes) -> Header:
    """Of any response: they all begin with the same header. All 0 of nothing."""
    return next((_header(bytes_of(value)) for number, value in fields(data) if number == 1), Header(0, 0, 0))


def compact_request(revision: int) -> bytes:
    return number_field(1, revision)


# ── watching ─────────────────────────────────────────────────────────────────────────────────────────────────


def watch_request(key: bytes, end: bytes | None, start: int, *, prev: bool, progress: bool) -> bytes:
    create = b"".join(
        (
            bytes_field(1, key),
            bytes_field(2, end or b""),
            number_field(3, start),
            number_field(4, progress),
            number_field(6, prev),
        )
    )
    return message_field(1, create)


@dataclass(frozen=True, slots=True)
class WatchResponse:
    """`compacted`: with `cancelled`, the oldest revision that can be watched from, if that is why."""

    revision: int
    created: bool
    cancelled: bool
    compacted: int
    why: str
    events: tuple[Event, ...]


def watch_response(data: bytes) -> WatchResponse:
    revision = compacted = 0
    created = cancelled = False
    why = ""
    events: list[Event] = []
    for number, value in fields(data):
        if number == 11:
            events.append(_event(bytes_of(value)))
        elif number == 1:
            revision = _header(bytes_of(value)).revision
        elif number == 3:
            created = bool(value)
        elif number == 4:
            cancelled = bool(value)
        elif number == 5:
            compacted = int_of(value)
        elif number == 6:
            why = _text(value)
    return WatchResponse(revision, created, cancelled, compacted, why, tuple(events))


def _event(data: bytes) -> Event:
    kv, prev = b"", None
    deleted = False
    for number, value in fields(data):
        if number == 1:
            deleted = bool(value)
        elif number == 2:
            kv = bytes_of(value)
        elif number == 3:
            prev = key_value(bytes_of(value))
    now = key_value(kv)
    return Event(now._replace(version=0, create_revision=0) if deleted else now, prev)


# ── members ──────────────────────────────────────────────────────────────────────────────────────────────────


class Status(NamedTuple):
    """Ids are etcd's own; `learner`: it has no vote."""

    member: int
    version: str
    leader: int
    committed: int
    applied: int
    term: int
    revision: int
    size: int
    learner: bool


def status_of(data: bytes) -> Status:
    found = dict(fields(data))
    header = _header(bytes_of(found.get(1, b"")))
    return Status(
        header.member,
        _text(found.get(2, b"")),
        int_of(found.get(4, 0)),
        int_of(found.get(5, 0)),
        int_of(found.get(7, 0)) or int_of(found.get(5, 0)),  # field 7 came with etcd 3.4
        int_of(found.get(6, 0)),
        header.revision,
        int_of(found.get(3, 0)),
        bool(found.get(10, 0)),
    )


def hash_of(data: bytes) -> tuple[int, int, int]:
    """(hash, revision of the member, compacted at)."""
    found = dict(fields(data))
    return int_of(found.get(2, 0)), _header(bytes_of(found.get(1, b""))).revision, int_of(found.get(3, 0))


_ALARMS = {1: "NOSPACE", 2: "CORRUPT"}


def alarm_request(on: bool, member: int) -> bytes:
    """Raise or clear a member's alarm NOSPACE; an empty request lists all alarms."""
    return number_field(1, 1 if on else 2) + number_field(2, member) + number_field(3, 1)


def alarms_of(data: bytes) -> tuple[list[tuple[int, str]], int]:
    """((member's id, alarm), ...) of all that are on, and the id of the member that answered."""
    on: list[tuple[int, str]] = []
    answered = 0
    for number, value in fields(data):
        if number == 1:
            answered = _header(bytes_of(value)).member
        elif number == 2:
            alarm = dict(fields(bytes_of(value)))
            kind = int_of(alarm.get(2, 0))
            on.append((int_of(alarm.get(1, 0)), _ALARMS.get(kind, str(kind))))
    return on, answered


def authenticate_request(user: str, password: str) -> bytes:
    return bytes_field(1, user.encode()) + bytes_field(2, password.encode())


def token_of(data: bytes) -> bytes:
    return next((bytes_of(value) for number, value in fields(data) if number == 2), b"")
