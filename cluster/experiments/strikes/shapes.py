"""The classic shapes of partitions, as Jepsen's nemesis defines them: who does not hear whom.

Pure: the dice are an argument. Must not know hosts, rules' ids or worlds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from cluster.world.faults import Partition, partition_groups


@dataclass(frozen=True, slots=True)
class Cut:
    """`groups`: the sides, for reports."""

    groups: tuple[tuple[str, ...], ...]
    rules: tuple[Partition, ...]


def divide(groups: Sequence[Sequence[str]], *, one_way: bool = False) -> Cut:
    """Each group from each other one; `one_way`: only what the first sends to the others is lost."""
    sides = tuple(tuple(group) for group in groups)
    if one_way:
        others = tuple(name for group in sides[1:] for name in group)
        return Cut(sides, (Partition(src=sides[0], dst=others, both=False),))
    return Cut(sides, tuple(partition_groups(sides)))


def isolate(names: Sequence[str], dice: Random) -> Cut:
    """One, drawn, from all others (partition-node)."""
    one = dice.choice(list(names))
    return divide(((one,), [n for n in names if n != one]))


def halves(names: Sequence[str], dice: Random) -> Cut:
    """Two random halves, the first the smaller one (partition-random-halves)."""
    order = shuffled(names, dice)
    return divide((order[: len(order) // 2], order[len(order) // 2 :]))


def majorities_ring(names: Sequence[str], dice: Random) -> Cut:
    """Everybody hears a majority, and no two hear the same one: on a random ring each hears the window around it."""
    order = shuffled(names, dice)
    count, window = len(order), len(order) // 2 + 1
    rules = []
    for i in range(count):
        heard = [order[(i + step) % count] for step in range(window)]
        center = heard[window // 2]
        deaf_to = tuple(name for name in order if name not in heard)
        if deaf_to:
            rules.append(Partition(src=deaf_to, dst=(center,), both=False))
    return Cut(tuple((name,) for name in order), tuple(rules))


def bridge(names: Sequence[str], dice: Random) -> Cut:
    """Two halves that do not hear each other, and one in the middle whom both hear."""
    order = shuffled(names, dice)
    middle = order[len(order) // 2]
    left, right = order[: len(order) // 2], order[len(order) // 2 + 1 :]
    rules = divide((left, right)).rules if left and right else ()
    return Cut((tuple(left), (middle,), tuple(right)), rules)


def minority(names: Sequence[str], dice: Random, *, leader: str = "") -> Cut:
    """The largest minority, drawn, `leader` in it if there is one, from the rest."""
    order = shuffled(names, dice)
    if leader:
        order.remove(leader)
        order.insert(0, leader)
    size = max(1, (len(order) - 1) // 2)
    return divide((order[:size], order[size:]))


def random(names: Sequence[str], dice: Random) -> Cut:
    """A random subset, neither empty nor all, from the rest."""
    order = shuffled(names, dice)
    size = dice.randint(1, len(order) - 1)
    return divide((order[:size], order[size:]))


def shuffled(names: Sequence[str], dice: Random) -> list[str]:
    order = list(names)
    dice.shuffle(order)
    return order


def limited(cut: Cut, **options: Any) -> Cut:
    """The same with the rules' other fields as given (`kinds`)."""
    return Cut(cut.groups, tuple(replace(rule, **options) for rule in cut.rules))
