"""A second, stupid key space: one whole dict per revision, everything worked out anew. The judge of store/mvcc."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from store.mvcc.values import (
    FOREVER,
    Compare,
    Delete,
    DeleteResult,
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

State = dict[bytes, KeyValue]


class Refused(Exception):
    """The reason that a StatusError would have."""


class Twin:
    def __init__(self, quota: int = 0) -> None:
        self.states: list[State] = [{}, {}]
        """By revision; revision 1 is the empty space."""
        self.compacted = 0
        self.quota = quota
        self.leases: dict[int, int] = {}

    @property
    def revision(self) -> int:
        return len(self.states) - 1

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────

    def range(self, key: bytes, end: bytes | None, revision: int) -> list[KeyValue]:
        state = self.states[revision or -1]
        return [state[k] for k in sorted(state) if inside(k, key, end)]

    def read(self, query: Range) -> RangeResult:
        if query.revision > self.revision:
            raise Refused("FutureRevision")
        if 0 < query.revision < self.compacted:
            raise Refused("Compacted")
        return self._page(query, self.states[query.revision or -1], self.revision)

    def _page(self, query: Range, state: State, revision: int) -> RangeResult:
        kvs = [state[k] for k in sorted(state) if inside(k, query.key, query.end)]
        count = len(kvs)
        if query.count_only:
            return RangeResult(revision, (), count, False)
        for low, high, fact in (
            (query.min_mod, query.max_mod, "mod_revision"),
            (query.min_create, query.max_create, "create_revision"),
        ):
            kvs = [kv for kv in kvs if getattr(kv, fact) >= low and (high == 0 or getattr(kv, fact) <= high)]
        names = {"mod": "mod_revision", "create": "create_revision"}
        kvs.sort(key=lambda kv: kv.key, reverse=query.order == "desc" and query.target == "key")
        if query.target != "key":
            kvs.sort(key=lambda kv: getattr(kv, names.get(query.target, query.target)), reverse=query.order == "desc")
        more = 0 < query.limit < len(kvs)
        kvs = kvs[: query.limit] if more else kvs
        if query.keys_only:
            kvs = [kv._replace(value=b"") for kv in kvs]
        return RangeResult(revision, tuple(kvs), count, more)

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────

    def txn(self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult:
        if ambiguous(success) or ambiguous(failure):
            raise Refused("BadRequest")
        before = self.states[-1]
        succeeded, branch = choose(before, Txn(compares, success, failure))
        self._admit(branch)
        state = dict(before)
        responses = self._carry_out(branch, before, state)
        if state != before:
            self.states.append(state)
        return TxnResult(self.revision, succeeded, responses)

    def _admit(self, branch: list[Any]) -> None:
        before = self.states[-1]
        more = 0
        for op in flat(branch):
            if isinstance(op, Range):
                if op.revision > self.revision:
                    raise Refused("FutureRevision")
                if 0 < op.revision < self.compacted:
                    raise Refused("Compacted")
            elif isinstance(op, Put):
                if op.lease and op.lease not in self.leases:
                    raise Refused("NotFound")
                if (op.ignore_value or op.ignore_lease) and op.key not in before:
                    raise Refused("NotFound")
                more += len(op.key) + len(before[op.key].value if op.ignore_value else op.value)
        if self.quota and more and self.size() + more > self.quota:
            raise Refused("NoSpace")

    def _carry_out(self, branch: list[Any], before: State, state: State) -> tuple[Response, ...]:
        revision = self.revision + 1
        responses: list[Response] = []
        for op in branch:
            if isinstance(op, tuple) and type(op) is tuple:
                inner = self._carry_out(op[1], before, state)
                responses.append(TxnResult(revision if state != before else self.revision, op[0], inner))
            elif isinstance(op, Put):
                old = state.get(op.key)
                value = old.value if op.ignore_value and old else op.value
                lease = old.lease if op.ignore_lease and old else op.lease
                create, version = (old.create_revision, old.version + 1) if old else (revision, 1)
                state[op.key] = KeyValue(op.key, value, create, revision, version, lease)
                responses.append(PutResult(old if op.prev else None))
            elif isinstance(op, Delete):
                gone = [state.pop(key) for key in sorted(state) if inside(key, op.key, op.end)]
                responses.append(DeleteResult(len(gone), tuple(gone) if op.prev else ()))
            else:
                seen = self.states[op.revision] if op.revision else state
                responses.append(self._page(op, seen, revision if state != before else self.revision))
        return tuple(responses)

    def revoke(self, lease: int) -> None:
        del self.leases[lease]
        state = {key: kv for key, kv in self.states[-1].items() if kv.lease != lease}
        if state != self.states[-1]:
            self.states.append(state)

    # ── the whole ────────────────────────────────────────────────────────────────────────────────────────────

    def size(self) -> int:
        """Every version that can be read at a readable revision, and every deletion that can be watched."""
        versions = {kv for state in self.states[self.compacted :] for kv in state.values()}
        total = sum(len(kv.key) + len(kv.value) for kv in versions)
        deleted = (key for at, key, value in self.events(b"\0", FOREVER, self.compacted) if value is None)
        return total + sum(map(len, deleted))

    def events(self, key: bytes, end: bytes | None, since: int) -> list[tuple[int, bytes, bytes | None]]:
        """(revision, key, value or None for deleted), sorted within a revision."""
        found: list[tuple[int, bytes, bytes | None]] = []
        for revision in range(max(since, 2), self.revision + 1):
            before, after = self.states[revision - 1], self.states[revision]
            for k in sorted(set(before) | set(after)):
                if before.get(k) != after.get(k) and inside(k, key, end):
                    found.append((revision, k, after[k].value if k in after else None))
        return found


def inside(key: bytes, start: bytes, end: bytes | None) -> bool:
    if end is None:
        return key == start
    return start <= key and (end == FOREVER or key < end)


def choose(state: State, txn: Txn) -> tuple[bool, list[Any]]:
    """(which branch, its operations), nested transactions likewise: all by the state before."""
    succeeded = all(holds(state, compare) for compare in txn.compares)
    branch = txn.success if succeeded else txn.failure
    return succeeded, [choose(state, op) if isinstance(op, Txn) else op for op in branch]


def flat(branch: list[Any]) -> Iterator[Op]:
    for op in branch:
        if type(op) is tuple:
            yield from flat(op[1])
        else:
            yield op


def paths(branch: Sequence[Op]) -> Iterator[list[Op]]:
    """Every way in which the branch could be carried out."""
    ways: list[list[list[Op]]] = [
        [*paths(op.success), *paths(op.failure)] if isinstance(op, Txn) else [[op]] for op in branch
    ]
    for way in product(*ways):
        yield [op for part in way for op in part]


def ambiguous(branch: Sequence[Op]) -> bool:
    for way in paths(branch):
        puts = [op.key for op in way if isinstance(op, Put)]
        if len(puts) != len(set(puts)):
            return True
        if any(inside(key, op.key, op.end) for op in way if isinstance(op, Delete) for key in puts):
            return True
    return False


def holds(state: State, compare: Compare) -> bool:
    found = [kv for kv in state.values() if inside(kv.key, compare.key, compare.end)]
    if not found:
        return compare.target != "value" and related(0, compare)
    names = {"create": "create_revision", "mod": "mod_revision"}
    return all(related(getattr(kv, names.get(compare.target, compare.target)), compare) for kv in found)


def related(actual: Any, compare: Compare) -> bool:
    operand: Any = compare.operand
    relation = int(actual > operand) - int(actual < operand)
    return {"=": relation == 0, "!=": relation != 0, "<": relation < 0, ">": relation > 0}[compare.op]
