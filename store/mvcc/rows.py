"""The plain form of values: what crosses the wire, stands in the log and is kept in the key space.

Must not check anything: rows here come from our own values, or were checked by `store.commands`.

Plain tuples and lists of bytes and numbers cost a third of a NamedTuple to make, go into msgpack as they are, and are
left alone by the garbage collector. One version of a key is a `KeyRow` (the fields of `KeyValue`); an event is a pair
of them. Operations of a branch, as lists or tuples:

    [PUT, key, value, lease, flags]             flags: PREV | IGNORE_VALUE | IGNORE_LEASE
    [DELETE, key, end, prev]
    [RANGE, key, end, limit, flags, revision]   flags: KEYS_ONLY | COUNT_ONLY
    [RANGE, key, end, limit, flags, revision, order, target, min_mod, max_mod, min_create, max_create]
    [TXN, compares, success, failure]

A compare is [key, target, op, operand, end]. What answers them:

    (PUT, prev row or None)   (DELETE, how many, prev rows)   (RANGE, revision, rows, count, more)
    (TXN, revision, succeeded, responses)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from store.mvcc.values import (
    Compare,
    Delete,
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
    WatchBatch,
)

KeyRow = tuple[bytes, bytes, int, int, int, int]
"""key, value, create_revision, mod_revision, version, lease."""
EventRow = tuple[KeyRow, KeyRow | None]
Row = Any
"""A row of an operation or an answer, as above."""

PUT, DELETE, RANGE, TXN = 0, 1, 2, 3
PREV, IGNORE_VALUE, IGNORE_LEASE = 1, 2, 4
KEYS_ONLY, COUNT_ONLY = 1, 2

_DEFAULTS = Range(b"")[6:]


# ── operations ───────────────────────────────────────────────────────────────────────────────────────────────


def range_row(query: Range, head: Any = RANGE) -> Row:
    """`head` stands first: RANGE in a branch, the read mode in a request."""
    flags = KEYS_ONLY * query.keys_only | COUNT_ONLY * query.count_only
    row = (head, query.key, query.end, query.limit, flags, query.revision)
    return row if query[6:] == _DEFAULTS else (*row, *query[6:])


def range_of(row: Row) -> Range:
    flags = row[4]
    return Range(row[1], row[2], row[3], bool(flags & KEYS_ONLY), bool(flags & COUNT_ONLY), row[5], *row[6:])


def put_flags(op: Put) -> int:
    return PREV * op.prev | IGNORE_VALUE * op.ignore_value | IGNORE_LEASE * op.ignore_lease


def op_row(op: Op) -> Row:
    if type(op) is Put:
        return (PUT, op.key, op.value, op.lease, put_flags(op))
    if type(op) is Delete:
        return (DELETE, op.key, op.end, op.prev)
    if type(op) is Txn:
        return (TXN, list(op.compares), op_rows(op.success), op_rows(op.failure))
    assert type(op) is Range
    return range_row(op)


def op_rows(ops: Iterable[Op]) -> list[Row]:
    return [op_row(op) for op in ops]


def op_of(row: Row) -> Op:
    code = row[0]
    if code == PUT:
        flags = row[4]
        return Put(row[1], row[2], bool(flags & PREV), row[3], bool(flags & IGNORE_VALUE), bool(flags & IGNORE_LEASE))
    if code == DELETE:
        return Delete(row[1], row[2], row[3])
    if code == TXN:
        return Txn(compares_of(row[1]), ops_of(row[2]), ops_of(row[3]))
    return range_of(row)


def ops_of(rows: Iterable[Row]) -> list[Op]:
    return [op_of(row) for row in rows]


def compares_of(rows: Iterable[Row]) -> list[Compare]:
    return [Compare._make(row) for row in rows]


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────


def key_value(row: KeyRow | None) -> KeyValue | None:
    return None if row is None else KeyValue._make(row)


def key_values(rows: Iterable[KeyRow]) -> tuple[KeyValue, ...]:
    return tuple(map(KeyValue._make, rows))


def range_result(body: Row) -> RangeResult:
    """Of (revision, rows, count, more)."""
    return RangeResult(body[0], key_values(body[1]), body[2], body[3])


def range_answer(result: RangeResult) -> Row:
    return (result.revision, result.kvs, result.count, result.more)


def txn_result(body: Row) -> TxnResult:
    """Of (revision, succeeded, responses)."""
    return TxnResult(body[0], body[1], tuple([_response_of(row) for row in body[2]]))


def txn_answer(result: TxnResult) -> Row:
    return (result.revision, result.succeeded, [_response_row(response) for response in result.responses])


def _response_of(row: Row) -> Response:
    code = row[0]
    if code == PUT:
        return PutResult(key_value(row[1]))
    if code == DELETE:
        return DeleteResult(row[1], key_values(row[2]))
    return txn_result(row[1:]) if code == TXN else range_result(row[1:])


def _response_row(response: Response) -> Row:
    if isinstance(response, PutResult):
        return (PUT, response.prev)
    if isinstance(response, DeleteResult):
        return (DELETE, response.deleted, response.prev)
    if isinstance(response, RangeResult):
        return (RANGE, *range_answer(response))
    return (TXN, *txn_answer(response))


def event_of(row: EventRow) -> Event:
    return Event(KeyValue._make(row[0]), key_value(row[1]))


def watch_batch(body: Row) -> WatchBatch:
    """Of (revision, event rows)."""
    return WatchBatch(body[0], tuple(map(event_of, body[1])))
