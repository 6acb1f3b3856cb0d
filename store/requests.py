"""Requests as they are made, their answers as they are understood, and both as values for engines that work with those.

Pure. Must not check what a client hands in (the server does, store/commands.py) or send anything. Requests that change
anything begin with term 0: `addressed` puts the right one in, once it is known who is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from store.mvcc import rows
from store.mvcc.rows import DELETE, PUT, RANGE
from store.mvcc.values import Compare, DeleteResult, Op, Put, PutResult, Range, RangeResult, TxnResult

_PLAIN = Range(b"")[1:]
_PUT_DONE = (PutResult(None),)


# ── making them ──────────────────────────────────────────────────────────────────────────────────────────────


def put_request(serial: int, key: bytes, value: bytes, lease: int = 0, flags: int = 0) -> list[Any]:
    return [0, serial, key, value, lease, flags]


def delete_request(serial: int, key: bytes, end: bytes | None, prev: bool) -> list[Any]:
    return [0, serial, key, end, prev]


def txn_request(serial: int, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> list[Any]:
    return [0, serial, list(compares), rows.op_rows(success), rows.op_rows(failure)]


def update_request(
    serial: int, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]
) -> list[Any] | None:
    """The short form of such a transaction, if it has one: a plain put of one key if its mod_revision is as given, else
    a plain read of it, or nothing."""
    if len(compares) != 1 or len(success) != 1 or len(failure) > 1:
        return None
    (key, target, op, mod, end), put = compares[0], success[0]
    if target != "mod" or op != "=" or end is not None or type(put) is not Put:
        return None
    name, value, prev, lease, ignore_value, ignore_lease = put
    if name != key or prev or ignore_value or ignore_lease:
        return None
    if failure:
        other = failure[0]
        if type(other) is not Range or other[0] != key or other[1:] != _PLAIN:
            return None
    return [0, serial, key, mod, value, lease, bool(failure)]


def addressed(term: int, body: list[Any]) -> list[Any]:
    body[0] = term
    return body


def range_request(query: Range, revision: int, read: str) -> Any:
    """`revision` 0: the query's own."""
    return rows.range_row(query._replace(revision=revision) if revision else query, read)


# ── understanding the answers ────────────────────────────────────────────────────────────────────────────────


def put_result(body: Any) -> TxnResult:
    """As if it had been a transaction of one put."""
    if type(body) is int:
        return TxnResult(body, True, _PUT_DONE)
    return TxnResult(body[0], True, (PutResult(rows.key_value(body[1])),))


def delete_result(body: Any) -> TxnResult:
    return TxnResult(body[0], True, (DeleteResult(body[1], rows.key_values(body[2])),))


def update_result(body: Any, read: bool) -> TxnResult:
    """As the transaction would have been answered. `read`: as it was asked."""
    if type(body) is int:
        return TxnResult(body, True, _PUT_DONE)
    revision, row = body
    if not read:
        return TxnResult(revision, False, ())
    kvs = () if row is None else rows.key_values((row,))
    return TxnResult(revision, False, (RangeResult(revision, kvs, len(kvs), False),))


txn_result = rows.txn_result
range_result = rows.range_result
watch_batch = rows.watch_batch


# ── as values ────────────────────────────────────────────────────────────────────────────────────────────────


class Txn(NamedTuple):
    """Any write of keys, as the transaction that it is."""

    serial: int
    compares: list[Compare]
    success: list[Op]
    failure: list[Op]


def txn_of(kind: str, body: Any) -> Txn:
    """Of a checked store.put, store.delete, store.update or store.txn."""
    return Txn(body[1], *_branches[kind](body))


def update_rows(body: Any) -> tuple[rows.Row, rows.Row, rows.Row]:
    """(compares, success, failure) of a checked store.update."""
    _, _, key, mod, value, lease, read = body
    other = ((RANGE, key, None, 0, 0, 0),) if read else ()
    return ((key, "mod", "=", mod, None),), ((PUT, key, value, lease, 0),), other


def _of_update(body: Any) -> tuple[list[Compare], list[Op], list[Op]]:
    compares, success, failure = update_rows(body)
    return rows.compares_of(compares), rows.ops_of(success), rows.ops_of(failure)


_branches: dict[str, Callable[[Any], tuple[list[Compare], list[Op], list[Op]]]] = {
    "store.put": lambda body: ([], [rows.op_of((PUT, *body[2:]))], []),
    "store.delete": lambda body: ([], [rows.op_of((DELETE, *body[2:]))], []),
    "store.txn": lambda body: (rows.compares_of(body[2]), rows.ops_of(body[3]), rows.ops_of(body[4])),
    "store.update": _of_update,
}


def answer_of(kind: str, result: TxnResult) -> Any:
    """To such a request."""
    return _answers[kind](result)


def _put_answer(result: TxnResult) -> Any:
    (put,) = result.responses
    assert isinstance(put, PutResult)
    return (result.revision, put.prev)


def _delete_answer(result: TxnResult) -> Any:
    (gone,) = result.responses
    assert isinstance(gone, DeleteResult)
    return (result.revision, gone.deleted, gone.prev)


def _update_answer(result: TxnResult) -> Any:
    if result.succeeded:
        return result.revision
    found = result.responses[0] if result.responses else None
    return (result.revision, found.kvs[0] if isinstance(found, RangeResult) and found.kvs else None)


_answers: dict[str, Callable[[TxnResult], Any]] = {
    "store.put": _put_answer,
    "store.delete": _delete_answer,
    "store.txn": rows.txn_answer,
    "store.update": _update_answer,
}


def range_of(body: Any) -> tuple[Range, int, str]:
    """(query, revision, read mode) of a checked store.range."""
    return rows.range_of(body), body[5], body[0]


range_answer = rows.range_answer
