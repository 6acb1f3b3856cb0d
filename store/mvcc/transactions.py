"""Transactions on a key space: guards, nested branches, all at one revision or not at all.

Pure. Must not know the wire: its rows (`rows.py`) were checked before, or come from values. After etcd's apply_txn: all
guards, also those of nested transactions, look at the state before the first write; what can fail is checked before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from operator import eq, gt, itemgetter, lt, ne
from typing import TYPE_CHECKING, Any

from cluster.errors import StatusError
from store.mvcc.rows import DELETE, IGNORE_LEASE, IGNORE_VALUE, PREV, PUT, RANGE, TXN, KeyRow, Row
from store.mvcc.values import FOREVER

if TYPE_CHECKING:
    from store.mvcc.space import Space

RELATIONS: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "!=": ne, "<": lt, ">": gt}
TARGETS: dict[str, Callable[[KeyRow], Any]] = {
    "value": itemgetter(1),
    "create": itemgetter(2),
    "mod": itemgetter(3),
    "version": itemgetter(4),
    "lease": itemgetter(5),
}


def run(space: Space, compares: Sequence[Row], success: Sequence[Row], failure: Sequence[Row]) -> Row:
    """(revision, succeeded, responses). StatusError NoSpace, NotFound (a lease, or the key whose value is to be kept),
    Compacted or FutureRevision; then nothing has changed. The rows are not checked."""
    succeeded = _hold(space, compares)
    branch = success if succeeded else failure
    if len(branch) == 1:
        answer = _single(space, branch[0])
        if answer is not None:
            return (space.revision, succeeded, (answer,))
    path: list[bool] = []
    for row in branch:
        if row[0] == TXN:
            _choose(space, row, path)
    more = _admit(space, branch, iter(path))
    if more and space.size + more > space.limit:
        raise space.no_space(more)
    responses = _carry_out(space, branch, iter(path), space.revision + 1)
    return (space.revision, succeeded, responses)


def _single(space: Space, row: Row) -> Row:
    """What most transactions are: one put or one read, with nothing that could fail but the quota. None: another."""
    code = row[0]
    if code == PUT and not row[3] and row[4] <= PREV:
        _, key, value, _, flags = row
        more = len(key) + len(value)
        if space.size + more > space.limit:
            raise space.no_space(more)
        prev = space.write(key, value, 0, space.revision + 1)
        return (PUT, prev if flags else None)
    if code == RANGE and not row[5]:
        return (RANGE, *space.read(row))
    return None


# ── guards ───────────────────────────────────────────────────────────────────────────────────────────────────


def _hold(space: Space, compares: Sequence[Row]) -> bool:
    for key, target, op, operand, end in compares:
        relation = RELATIONS[op]
        if end is None:
            kv = space.row(key)
            if kv is not None:
                actual = TARGETS[target](kv)
            elif target == "value":
                return False
            else:
                actual = 0
            if not relation(actual, operand):
                return False
            continue
        fact = TARGETS[target]
        found = False
        for kv in space.walk(key, end):
            found = True
            if not relation(fact(kv), operand):
                return False
        if not found and (target == "value" or not relation(0, operand)):
            return False
    return True


def _choose(space: Space, row: Row, path: list[bool]) -> None:
    """Which branches nested transactions take, in the order in which they are met (etcd: compareToPath)."""
    holds = _hold(space, row[1])
    path.append(holds)
    for inner in row[2] if holds else row[3]:
        if inner[0] == TXN:
            _choose(space, inner, path)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────


def _admit(space: Space, branch: Sequence[Row], path: Iterator[bool]) -> int:
    """Can all of it be done? How many bytes it puts."""
    more = 0
    for row in branch:
        code = row[0]
        if code == PUT:
            _, key, value, lease, flags = row
            if lease:
                space.leases.get(lease)
            if flags > PREV:
                value = _kept(space, row)[0]
            more += len(key) + len(value)
        elif code == RANGE:
            if row[5]:
                space.check_readable(row[5])
        elif code == TXN:
            more += _admit(space, row[2] if next(path) else row[3], path)
    return more


def _kept(space: Space, row: Row) -> tuple[bytes, int]:
    """Value and lease of a put that keeps one of them."""
    _, key, value, lease, flags = row
    prev = space.row(key)
    if prev is None:
        raise StatusError("NotFound", f"key {key!r} not found, so it has nothing to keep", {"key": key})
    return (prev[1] if flags & IGNORE_VALUE else value), (prev[5] if flags & IGNORE_LEASE else lease)


def put(space: Space, row: Row) -> Row:
    """One put by itself, as `run` does it: its revision, or (revision, what was there) with PREV."""
    more = _admit(space, (row,), iter(()))
    if space.size + more > space.limit:
        raise space.no_space(more)
    responses = _carry_out(space, (row,), iter(()), space.revision + 1)
    return (space.revision, responses[0][1]) if row[4] & PREV else space.revision


def update(space: Space, key: bytes, mod: int, value: bytes, lease: int, read: bool) -> int | tuple[int, KeyRow | None]:
    """A put if the key's mod_revision is `mod` (0: there is no such key), as `Space.put` does it; else (revision, with
    `read` the key as it is)."""
    kv = space.row(key)
    if (0 if kv is None else kv[3]) == mod:
        return space.put(key, value, lease)
    return (space.revision, kv if read else None)


def _carry_out(space: Space, branch: Sequence[Row], path: Iterator[bool], revision: int) -> list[Row]:
    responses: list[Row] = []
    for row in branch:
        code = row[0]
        if code == PUT:
            _, key, value, lease, flags = row
            if flags > PREV:
                value, lease = _kept(space, row)
            prev = space.write(key, value, lease, revision)
            responses.append((PUT, prev if flags & PREV else None))
        elif code == RANGE:
            responses.append((RANGE, *space.read(row)))
        elif code == DELETE:
            gone = space.delete(row[1], row[2], revision)
            responses.append((DELETE, len(gone), gone if row[3] else ()))
        else:
            holds = next(path)
            inner = _carry_out(space, row[2] if holds else row[3], path, revision)
            responses.append((TXN, space.revision, holds, inner))
    return responses


# ── what cannot be meant ─────────────────────────────────────────────────────────────────────────────────────


def check_compares(compares: Sequence[Row]) -> None:
    """StatusError BadRequest for an unknown comparison, an empty key, or an operand of the wrong kind."""
    for key, target, op, operand, end in compares:
        if target not in TARGETS or op not in RELATIONS:
            raise StatusError("BadRequest", f"unknown comparison {target!r} {op!r} of key {key!r}")
        if not key or end == b"":
            raise StatusError("BadRequest", "a key or an end is empty in a comparison")
        if type(operand) is not (bytes if target == "value" else int):
            raise StatusError("BadRequest", f"{target} of key {key!r} is compared with a {type(operand).__name__}")


def check_branches(success: Sequence[Row], failure: Sequence[Row]) -> None:
    """StatusError BadRequest when a key is empty, or one key may be written twice at the one revision, also by nested
    branches (etcd: duplicate key given in txn request)."""
    for branch in (success, failure):
        if len(branch) == 1 and branch[0][0] != TXN:
            _check_key(branch[0])
        elif branch:
            _writes(branch)


def _check_key(row: Row) -> None:
    if not row[1]:
        raise StatusError("BadRequest", "a key is empty")
    if row[0] != PUT and row[2] == b"":
        raise StatusError("BadRequest", "the end of a range is empty; b'\\0' is no end")


_Writes = tuple[list[bytes], list[tuple[bytes, bytes | None]]]
"""Keys put, sorted; ranges deleted."""


def _writes(branch: Sequence[Row]) -> _Writes:
    """All that the branch may write. Refuses where two of its operations meet; two deletions may."""
    puts: list[bytes] = []
    deletes: list[tuple[bytes, bytes | None]] = []
    nested: list[_Writes] = []
    for row in branch:
        code = row[0]
        if code == TXN:
            check_compares(row[1])
            then, other = _writes(row[2]), _writes(row[3])
            nested.append((sorted({*then[0], *other[0]}), then[1] + other[1]))
            continue
        _check_key(row)
        if code == PUT:
            puts.append(row[1])
        elif code == DELETE:
            deletes.append((row[1], row[2]))
    puts.sort()
    for left, right in zip(puts, puts[1:], strict=False):
        if left == right:
            raise StatusError("BadRequest", f"key {left!r} is put twice in one transaction")
    if deletes and puts:
        _check_apart(puts, deletes)
    if not nested:
        return puts, deletes
    groups = [(puts, deletes), *nested]
    for one, other in combinations(groups, 2):
        twice = sorted({*one[0]} & {*other[0]})
        if twice:
            raise StatusError("BadRequest", f"key {twice[0]!r} is put twice in one transaction")
        _check_apart(one[0], other[1])
        _check_apart(other[0], one[1])
    return sorted(key for group in groups for key in group[0]), [span for group in groups for span in group[1]]


def _check_apart(puts: Sequence[bytes], deletes: Sequence[tuple[bytes, bytes | None]]) -> None:
    for key, end in deletes:
        at = bisect_left(puts, key)
        if at < len(puts) and (puts[at] == key if end is None else end == FOREVER or puts[at] < end):
            raise StatusError("BadRequest", f"key {puts[at]!r} is put and deleted in one transaction")
