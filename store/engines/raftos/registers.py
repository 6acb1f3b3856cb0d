"""Keys as raftos registers, and what reads and transactions make of them. Pure.

Must not know who leads or what is committed: an operation is evaluated on the registers as they are and gives the
command that would write its outcome. By the time that the command is applied, they may be others.

A register is [text, "create mod version"]; text None says that the key was deleted (raftos cannot remove a register).
Bytes go in as latin-1 text and versions as digits, because the package's log breaks at each byte 0x0A: as bytes and
numbers, ten bytes or version 10 would do. What is left is its own: a line feed in a value, texts of 266 or 2,570 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from store.mvcc import transactions
from store.mvcc.rows import DELETE, PREV, PUT, KeyRow, Row
from store.mvcc.space import Dump, Space
from store.mvcc.values import KeyValue
from store.requests import update_rows

Register = list[Any]
Content = Mapping[str, Register]
"""Register names to their values, as the package's state machine holds them."""


class Command(NamedTuple):
    """`writes`: what raftos is to write, empty for nothing. `answer`: the request's, if it is applied as meant."""

    writes: dict[str, Register]
    answer: Any


def name_of(key: bytes) -> str:
    return key.decode("latin-1")


def register_of(kv: KeyRow) -> Register:
    key, value, create, mod, version, _ = kv
    return [value.decode("latin-1") if version else None, f"{create} {mod} {version}"]


def row_of(name: str, register: Register) -> KeyRow:
    """Version 0: it was deleted."""
    text, numbers = register
    create, mod, version = (int(number) for number in numbers.split())
    return (name.encode("latin-1"), (text or "").encode("latin-1"), create, mod, version, 0)


def newest(content: Content) -> int:
    """The revision of the last write that is to be seen (1: none)."""
    return max((row_of(name, register)[3] for name, register in content.items()), default=1)


def space_of(content: Content, revision: int) -> Space:
    """What can be read at `revision`, which is all that there is: registers have no past."""
    found = (row_of(name, content[name]) for name in sorted(content))
    return Space.load(Dump(revision, revision, [kv for kv in found if kv[4]], ()))


def put(content: Content, body: Sequence[Any], now: int, next: int) -> Command:
    """Of a checked store.put, as it would be at revision `next`. StatusError as `transactions.run`."""
    row = (PUT, *body[2:])
    writes, revision, _, ((_, prev),) = _run(content, ((), (row,), ()), now, next)
    return Command(writes, (revision, prev) if row[4] & PREV else revision)


def delete(content: Content, body: Sequence[Any], now: int, next: int) -> Command:
    """Of a checked store.delete."""
    writes, revision, _, ((_, count, gone),) = _run(content, ((), ((DELETE, *body[2:]),), ()), now, next)
    return Command(writes, (revision, count, gone))


def txn(content: Content, body: Sequence[Any], now: int, next: int) -> Command:
    """Of a checked store.txn."""
    writes, *answer = _run(content, (body[2], body[3], body[4]), now, next)
    return Command(writes, answer)


def update(content: Content, body: Sequence[Any], now: int, next: int) -> Command:
    """Of a checked store.update."""
    writes, revision, succeeded, responses = _run(content, update_rows(body), now, next)
    if succeeded:
        return Command(writes, revision)
    found = responses[0][2] if responses else ()
    return Command(writes, (revision, found[0] if found else None))


def _run(content: Content, request: tuple[Sequence[Row], ...], now: int, next: int) -> tuple[Any, ...]:
    """(writes, revision, succeeded, responses). What writes nothing is answered at `now`."""
    compares, success, failure = request
    space = space_of(content, now)
    answer = transactions.run(space, compares, success, failure)
    if space.revision == now:
        return ({}, *answer)
    if next != now + 1:
        space = space_of(content, next - 1)
        answer = transactions.run(space, compares, success, failure)
    writes = {name_of(kv[0]): register_of(kv) for kv, _ in space.rows_since(next)}
    return (writes, *answer)


def key_values(writes: Content) -> list[KeyValue]:
    return [KeyValue._make(row_of(name, register)) for name, register in writes.items()]
