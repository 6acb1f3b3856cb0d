"""Operations on the store as they cross the wire and stand in the log, and what answers them.

Bodies are arrays by position, for speed. Must not do what they say. A request is checked once, where it comes in:
StatusError BadRequest says which field of what is wrong; behind that nobody looks again. An operation in the log is
`[code, src, serial, ...]`: the client's own body from its serial on. `src` "" is the store itself (its serial, 0, is
not remembered).

A body that changes anything begins with the term of the leadership that it is addressed to (docs/decisions.md): the
leader of another term refuses it, for certain, so no copy of it, however late, can happen there.

    request             body                                            answer
    store.put           [term, serial, key, value, lease, flags]        revision; with PREV (revision, row or None)
    store.delete        [term, serial, key, end, prev]                  (revision, how many, rows)
    store.txn           [term, serial, compares, success, failure]      (revision, succeeded, responses)
    store.update        [term, serial, key, mod, value, lease, read]    revision; or (revision, row or None) if the
                                                                        key's mod_revision is another than `mod`
    store.compact       [term, serial, revision]                        []
    store.lease.grant   [term, serial, id or 0, ttl]                    (id, ttl)
    store.lease.revoke  [term, serial, id]                              (revision, how many keys went)
    store.alarm         [term, serial, "raise"|"clear"|"list", "NOSPACE"] the alarms that are on
    store.quota         [term, serial, bytes]                           []
    store.range         [read, key, end, limit, flags, revision]        (revision, rows, count, more)
                        or these and [order, target, min_mod, max_mod, min_create, max_create]
    store.watch         [key, end, revision, prev, progress]            batches: (revision, [(row, row or None), ...])
                        or these and [noput, nodelete]
    store.happened      [client, serial]                                False: it certainly has not
    store.hash          [revision]                                      (revision, digest)
    store.lease.ttl     [id, keys wanted]       shell: (id, granted, remaining seconds, keys)
    store.lease.list    []                      shell: [(id, granted), ...]
    store.lease.keepalive [id]                  shell: (id, ttl)

serial: the client's number of the operation, the same in each attempt (Raft thesis 6.3). Rows of keys, compares,
branches and responses, and flags: `store/mvcc/rows.py`. `end` is None for one key. Times to live are whole seconds.
store.update is the transaction that Kubernetes makes all the time (GuaranteedUpdate): a put if nobody has written the
key since it was read; else, with `read`, the key as it is now. Who makes requests: store/requests.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from store.fields import Shape, bad
from store.mvcc.leases import MAX_TTL
from store.mvcc.rows import COUNT_ONLY, DELETE, IGNORE_LEASE, IGNORE_VALUE, KEYS_ONLY, PREV, PUT, RANGE, TXN
from store.mvcc.transactions import RELATIONS, TARGETS, check_branches, check_compares

COMPACT, GRANT, REVOKE, ALARM, QUOTA, UPDATE = 4, 5, 6, 7, 8, 9
"""Further codes of operations, after PUT, DELETE and TXN."""
NOSPACE = "NOSPACE"
"""The one alarm there is (etcd has CORRUPT too): the quota is used up."""
ACTIONS = ("raise", "clear", "list")
READ_MODES = ("linearizable", "lease", "serializable")
ORDERS = ("", "asc", "desc")
SORTABLE = ("key", "version", "create", "mod", "value")
MAX_OPS = 1024
"""Operations, or compares, in one list of a transaction (etcd: --max-txn-ops, 128)."""
MAX_NESTING = 8
_COUNTED = ("mod", "version", "create", "lease")
MAX_NESTED = 64
"""Transactions inside one transaction, on all levels."""

_END = (bytes, type(None))
_PUT = Shape("store.put", term=int, serial=int, key=bytes, value=bytes, lease=int, flags=int)
_DELETE = Shape("store.delete", term=int, serial=int, key=bytes, end=_END, prev=bool)
_TXN = Shape("store.txn", term=int, serial=int, compares=list, success=list, failure=list)
_UPDATE = Shape("store.update", term=int, serial=int, key=bytes, mod=int, value=bytes, lease=int, read=bool)
_QUOTA = Shape("store.quota", term=int, serial=int, bytes=int)
_COMPACT = Shape("store.compact", term=int, serial=int, revision=int)
_GRANT = Shape("store.lease.grant", term=int, serial=int, id=int, ttl=int)
_REVOKE = Shape("store.lease.revoke", term=int, serial=int, id=int)
_ALARM = Shape("store.alarm", term=int, serial=int, action=str, alarm=str)
_HAPPENED = Shape("store.happened", client=str, serial=int)
_TTL = Shape("store.lease.ttl", id=int, keys=bool)
_KEEPALIVE = Shape("store.lease.keepalive", id=int)
_FILTERS: dict[str, Any] = {"order": str, "target": str, "min_mod": int, "max_mod": int}
_FILTERS.update(min_create=int, max_create=int)
_READ: dict[str, Any] = {"key": bytes, "end": _END, "limit": int, "flags": int, "revision": int}
_RANGE = Shape("store.range", read=str, **_READ)
_RANGE_PICKY = Shape("store.range", read=str, **_READ, **_FILTERS)
_WATCH = Shape("store.watch", key=bytes, end=_END, revision=int, prev=bool, progress=bool)
_WATCH_FILTERED = Shape(
    "store.watch", key=bytes, end=_END, revision=int, prev=bool, progress=bool, noput=bool, nodelete=bool
)
_REVISION = Shape("a request", revision=int)
_COMPARE = Shape("a compare", key=bytes, target=str, op=str, operand=(bytes, int), end=_END)
_OPS = {
    PUT: Shape("a put", code=int, key=bytes, value=bytes, lease=int, flags=int),
    DELETE: Shape("a delete", code=int, key=bytes, end=_END, prev=bool),
    RANGE: Shape("a range", code=int, **_READ),
    TXN: Shape("a transaction", code=int, compares=list, success=list, failure=list),
}
_PUT_TYPES = (int, bytes, bytes, int, int)
_PUT_REQUEST_TYPES = (int, *_PUT_TYPES)
_UPDATE_TYPES = (int, int, bytes, int, bytes, int, bool)
_COMPARE_TYPES = (bytes, str, str, int, type(None))
_OP_RANGE_PICKY = Shape("a range", code=int, **_READ, **_FILTERS)


# ── checks, where requests come in ───────────────────────────────────────────────────────────────────────────


def check_put(body: Any) -> None:
    """Nearly every put passes at once: the rest is looked at field by field."""
    if type(body) is list and tuple(map(type, body)) == _PUT_REQUEST_TYPES:
        term, serial, key, _, lease, flags = body
        if key and term >= 0 and serial >= 0 and lease >= 0 and 0 <= flags <= PREV:
            return
    _PUT.check(body)
    _check_put(body[1:], "store.put")


def _usual_put(row: list[Any]) -> bool:
    return tuple(map(type, row)) == _PUT_TYPES and row[0] >= 0 and row[1] != b"" and row[3] >= 0 and 0 <= row[4] <= PREV


def _check_put(row: Any, what: str) -> None:
    """Key, value, lease and flags stand from 1 on."""
    flags = row[4]
    if not row[1]:
        raise bad(f"{what}: the key is empty")
    if flags:
        if flags > (PREV | IGNORE_VALUE | IGNORE_LEASE):
            raise bad(f"{what}: there is no flag {flags}")
        if flags & IGNORE_VALUE and row[2]:
            raise bad(f"{what}: value is provided, and is to be ignored")
        if flags & IGNORE_LEASE and row[3]:
            raise bad(f"{what}: lease is provided, and is to be ignored")


def check_delete(body: Any) -> None:
    _DELETE.check(body)
    _check_span(body[2], body[3], "store.delete")


def _check_span(key: bytes, end: bytes | None, what: str) -> None:
    if not key:
        raise bad(f"{what}: the key is empty")
    if end == b"":
        raise bad(f"{what}: the end is empty; None is one key, and b'\\0' no end")


def check_range(body: Any) -> None:
    (_RANGE if type(body) is list and len(body) == 6 else _RANGE_PICKY).check(body)
    if body[0] not in READ_MODES:
        raise bad(f"unknown read mode {body[0]!r}, one of {', '.join(READ_MODES)}")
    _check_range(body, "store.range")


def _check_range(row: Any, what: str) -> None:
    _check_span(row[1], row[2], what)
    if row[4] > (KEYS_ONLY | COUNT_ONLY):
        raise bad(f"{what}: there is no flag {row[4]}")
    if len(row) > 6:
        if row[6] not in ORDERS:
            raise bad(f"{what}: unknown order {row[6]!r}, one of '', 'asc', 'desc'")
        if row[7] not in SORTABLE:
            raise bad(f"{what}: unknown sort target {row[7]!r}, one of {', '.join(SORTABLE)}")


def check_txn(body: Any, max_ops: int = MAX_OPS) -> None:
    """Also refused: a key that could be written twice, too many operations, nesting that is too deep."""
    _TXN.check(body)
    compares, success, failure = body[2:]
    _check_compares(compares, "store.txn", max_ops)
    nested = _check_branch(success, "success", max_ops, 0) + _check_branch(failure, "failure", max_ops, 0)
    if nested > MAX_NESTED:
        raise bad(f"store.txn: {nested} nested transactions are over the limit of {MAX_NESTED}")
    if nested or len(success) > 1 or len(failure) > 1:
        check_branches(success, failure)


def _check_compares(compares: list[Any], where: str, max_ops: int) -> None:
    if len(compares) > max_ops:
        raise bad(f"{where}: {len(compares)} compares are over the limit of {max_ops}")
    for at, row in enumerate(compares):
        if type(row) is list and tuple(map(type, row)) == _COMPARE_TYPES:
            key, target, op, operand, _ = row
            if target in _COUNTED and op in RELATIONS and operand >= 0 and key:
                continue
        _COMPARE.check(row, where, at)
        if not (row[0] and row[1] in TARGETS and row[2] in RELATIONS and row[4] != b""):
            check_compares(compares)
        elif (type(row[3]) is bytes) != (row[1] == "value"):
            check_compares(compares)


def _check_branch(branch: list[Any], where: str, max_ops: int, depth: int) -> int:
    """How many transactions are nested in it."""
    if len(branch) > max_ops:
        raise bad(f"{where}: {len(branch)} operations are over the limit of {max_ops} (too many operations)")
    nested = 0
    for at, row in enumerate(branch):
        code = row[0] if type(row) is list and row else None
        if code == PUT and _usual_put(row):
            continue
        if type(code) is not int or code not in _OPS:
            raise bad(f"{where}[{at}]: an operation is a put, a delete, a range or a transaction")
        if code == RANGE and len(row) != 6:
            _OP_RANGE_PICKY.check(row, where, at)
        else:
            _OPS[code].check(row, where, at)
        if code == PUT:
            _check_put(row, where)
        elif code == DELETE:
            _check_span(row[1], row[2], where)
        elif code == RANGE:
            _check_range(row, where)
        else:
            if depth == MAX_NESTING:
                raise bad(f"{where}[{at}]: transactions nest deeper than {MAX_NESTING}")
            _check_compares(row[1], f"{where}[{at}]", max_ops)
            nested += 1 + _check_branch(row[2], f"{where}[{at}].success", max_ops, depth + 1)
            nested += _check_branch(row[3], f"{where}[{at}].failure", max_ops, depth + 1)
    return nested


def check_update(body: Any) -> None:
    if type(body) is list and tuple(map(type, body)) == _UPDATE_TYPES:
        term, serial, key, mod, _, lease, _ = body
        if key and term >= 0 and serial >= 0 and mod >= 0 and lease >= 0:
            return
    _UPDATE.check(body)
    if not body[2]:
        raise bad("store.update: the key is empty")


def check_quota(body: Any) -> None:
    _QUOTA.check(body)


def check_compact(body: Any) -> None:
    _COMPACT.check(body)


def check_grant(body: Any, min_ttl: int = 1) -> None:
    """Raises the time to live in `body` to `min_ttl`: the leader's minimum becomes what the log says (etcd: a lease
    must outlast an election)."""
    _GRANT.check(body)
    if not 0 < body[3] <= MAX_TTL:
        raise bad(f"store.lease.grant: a time to live is 1 to {MAX_TTL} seconds")
    body[3] = max(body[3], min_ttl)


def check_revoke(body: Any) -> None:
    _REVOKE.check(body)


def check_alarm(body: Any) -> None:
    _ALARM.check(body)
    _, _, action, alarm = body
    if action not in ACTIONS:
        raise bad(f"store.alarm: unknown action {action!r}, one of {', '.join(ACTIONS)}")
    if alarm != NOSPACE:
        raise bad(f"store.alarm: unknown alarm {alarm!r}, there is {NOSPACE}")


def check_happened(body: Any) -> None:
    _HAPPENED.check(body)


def check_ttl(body: Any) -> None:
    _TTL.check(body)


def check_keepalive(body: Any) -> None:
    _KEEPALIVE.check(body)


class WatchRequest(NamedTuple):
    key: bytes
    end: bytes | None
    revision: int
    prev: bool
    progress: bool
    noput: bool = False
    nodelete: bool = False


def watch_of(body: Any) -> WatchRequest:
    (_WATCH if type(body) is list and len(body) == 5 else _WATCH_FILTERED).check(body)
    _check_span(body[0], body[1], "store.watch")
    return WatchRequest(*body)


def revision_of(body: Any) -> int:
    """Of a body that is one number."""
    _REVISION.check(body)
    revision: int = body[0]
    return revision


CODES: dict[str, tuple[int, Callable[[Any], None]]] = {
    "store.put": (PUT, check_put),
    "store.delete": (DELETE, check_delete),
    "store.txn": (TXN, check_txn),
    "store.update": (UPDATE, check_update),
    "store.compact": (COMPACT, check_compact),
    "store.lease.grant": (GRANT, check_grant),
    "store.lease.revoke": (REVOKE, check_revoke),
    "store.alarm": (ALARM, check_alarm),
    "store.quota": (QUOTA, check_quota),
}
"""Every request that goes through the log: its operation's code, and what checks its body."""


# ── the store's own operations ───────────────────────────────────────────────────────────────────────────────


def own_compact(revision: int) -> list[Any]:
    return [COMPACT, "", 0, revision]


def own_revoke(lease: int) -> list[Any]:
    return [REVOKE, "", 0, lease]
