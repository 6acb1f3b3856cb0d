"""A write as every replica knows it, which of two wins, and whether the loser was lost or merely overwritten.

Pure. Must not keep anything: `merge` is a join (commutative, associative, idempotent), so replicas that have met the
same writes, in whatever order and how often, hold the same record.

Who wins is decided by the stamp alone (last writer wins). Whether two writes knew of each other is decided by the
vectors alone (Parker et al. 1983, version vectors; dots as in Preguiça et al. 2012): a write whose dot is in the
other's vector was overwritten on purpose; if neither is, they were concurrent and the loser is a conflict.
"""

from __future__ import annotations

from typing import NamedTuple


class Stamp(NamedTuple):
    """Hybrid logical time, in the order of its fields. `wall`: microseconds since 1970. `replica` breaks ties; it is
    the replica's name and the boot at which its disk was empty, "store-0.1"."""

    wall: int
    logical: int
    replica: str


ZERO = Stamp(0, 0, "")

Vector = tuple[tuple[str, int, int], ...]
"""By replica, sorted: (replica, its latest transaction that wrote this key, how many of its writes of this key)."""


class Record(NamedTuple):
    """The newest write of one key that a replica knows. `value` None is a tombstone. `dot` numbers the transactions
    of `stamp.replica`. `vector` holds this write and all that it, or a merge since, has seen."""

    key: bytes
    value: bytes | None
    stamp: Stamp
    dot: int
    vector: Vector


class Conflict(NamedTuple):
    """An acknowledged write that lost to one that did not know of it. `writes`: how many writes of the key were on
    the branch that ended with it, and went with it."""

    key: bytes
    lost: Stamp
    won: Stamp
    writes: int


def join(left: Vector, right: Vector) -> Vector:
    """The least vector that has seen what either has."""
    if left == right or not right:
        return left
    found = {row[0]: row for row in left}
    for row in right:
        mine = found.get(row[0])
        if mine is None or mine < row:
            found[row[0]] = row
    return tuple(found[name] for name in sorted(found))


def seen(vector: Vector, replica: str) -> int:
    """The latest transaction of `replica` in it, 0 for none."""
    return next((dot for name, dot, _ in vector if name == replica), 0)


def written(vector: Vector, replica: str, dot: int) -> Vector:
    """The vector of a write on top of one with `vector`."""
    count = next((count for name, _, count in vector if name == replica), 0)
    return join(vector, ((replica, dot, count + 1),))


def knows(later: Record, earlier: Record) -> bool:
    """Was `later` written, or merged, in knowledge of `earlier`?"""
    return seen(later.vector, earlier.stamp.replica) >= earlier.dot


def merge(left: Record, right: Record) -> Record:
    """The write that wins, knowing what both knew. Both are of one key."""
    winner = left if left.stamp >= right.stamp else right
    vector = join(left.vector, right.vector)
    return winner if winner.vector == vector else winner._replace(vector=vector)


def conflict(left: Record, right: Record) -> Conflict | None:
    """What is lost when the two are merged; None if one knew of the other."""
    if knows(left, right) or knows(right, left):
        return None
    loser, winner = (left, right) if left.stamp < right.stamp else (right, left)
    known = {name: (dot, count) for name, dot, count in winner.vector}
    writes = 0
    for name, dot, count in loser.vector:
        old_dot, old_count = known.get(name, (0, 0))
        if dot > old_dot:
            writes += max(1, count - old_count)
    return Conflict(loser.key, loser.stamp, winner.stamp, writes)
