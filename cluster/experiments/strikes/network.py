"""Faults of links: partitions, isolation, delay, loss, duplicates, reordering, damage, bandwidth, the n-th message.

Must not know how messages travel. Everything is a rule (cluster/world/faults.py), and every rule has a deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from cluster.experiments.strikes import shapes
from cluster.experiments.strikes.deed import Act, Deed, Strike, names
from cluster.scenario.units import say_duration, say_share, say_size
from cluster.world.faults import Bandwidth, Corrupt, Delay, DropNth, Duplicate, Loss, Partition, Reorder, Rule

Shape = Callable[[Sequence[str], Random], shapes.Cut]

SHAPES: dict[str, Shape] = {
    "isolate": shapes.isolate,
    "halves": shapes.halves,
    "majorities-ring": shapes.majorities_ring,
    "bridge": shapes.bridge,
    "minority": shapes.minority,
    "random": shapes.random,
}


async def partition(act: Act) -> Deed:
    shape, kinds = act.arg("shape"), tuple(act.arg("kinds"))
    if shape:
        cut = await _shaped(act, shape)
    else:
        groups = act.known(await act.cast.groups(act.arg("between"), act.dice))
        if len(groups) < 2:
            raise act.refuse("one group is no partition", "two or more, or a shape")
        cut = shapes.divide(groups, one_way=act.arg("oneWay"))
    rules = await act.install(shapes.limited(cut, kinds=kinds).rules)
    sides = " | ".join(",".join(group) for group in cut.groups)
    how = f"{_of(kinds)}{' (one way)' if act.arg('oneWay') else ''}"
    return Deed(
        f"partition {f'{shape}: ' if shape else ''}{sides}{how}",
        tuple(name for group in cut.groups for name in group),
        cut.groups,
        act.plain(),
        rules,
        undo=act.healing(rules),
    )


async def _shaped(act: Act, shape: str) -> shapes.Cut:
    given = act.arg("of")
    of = await act.targets("machines", "of") if given else await act.cast.machines_of(act.stage.members)
    if len(of) < 2:
        raise act.refuse(f"{names(of)} alone cannot be divided", "a set of at least two machines")
    if shape == "minority-with-leader":
        leader = next(iter(act.known(await act.cast.leader("store"))), "")
        if not leader:
            raise act.refuse("the store has no leader now", "`when: store has a leader`")
        machine = act.cast.machine(leader)
        if machine not in of:
            raise act.refuse(f"the leader's machine {machine} is not in the set", "`of: members`")
        cut = shapes.minority(of, act.dice, leader=machine)
    else:
        cut = SHAPES[shape](of, act.dice)
    return shapes.divide(cut.groups, one_way=True) if act.arg("oneWay") else cut


async def isolate(act: Act) -> Deed:
    targets = await act.targets("any")
    others = tuple(m for m in await act.machines() if m not in targets)
    kinds, direction = tuple(act.arg("kinds")), act.arg("direction")
    if not others:
        raise act.refuse("there is nobody else", "fewer targets")
    if direction == "in":
        rule = Partition(src=others, dst=targets, both=False, kinds=kinds)
    else:
        rule = Partition(src=targets, dst=others, both=direction == "both", kinds=kinds)
    rules = await act.install([rule])
    words = _of(kinds) + {"both": "", "in": " (hears nobody)", "out": " (is heard by nobody)"}[direction]
    groups = (targets, others)
    return Deed(f"isolate {names(targets)}{words}", targets, groups, act.plain(), rules, undo=act.healing(rules))


def _of(kinds: Sequence[str]) -> str:
    return f" of {names(kinds)}" if kinds else ""


def _rule_strike(word: str, how: Callable[[Act], str], make: Callable[[Act, dict[str, Any]], Rule]) -> Strike:
    """An action that is one rule on the links from some to others. `how`: how much of it, in words."""

    async def strike(act: Act) -> Deed:
        src, dst = await act.some("from"), await act.some("to")
        everybody = await act.machines()
        fields = {
            "src": src or everybody,
            "dst": dst or everybody,
            "both": act.arg("both"),
            "kinds": tuple(act.arg("kinds")),
        }
        rules = await act.install([make(act, fields)])
        arrow = "<->" if act.arg("both") else "->"
        links = f"{names(src) or 'anyone'} {arrow} {names(dst) or 'anyone'}"
        name = f"{word} {how(act)}{_of(act.arg('kinds'))} {links}"
        return Deed(name, (*src, *dst), (), act.plain(), rules, undo=act.healing(rules))

    return strike


def _late(act: Act) -> str:
    """ "20ms", "20ms normal, 5ms"."""
    distribution, jitter = act.arg("distribution"), act.arg("jitter")
    rest = "" if distribution == "constant" and not jitter else f" {distribution}"
    return f"{say_duration(act.arg('by'))}{rest}{f', {say_duration(jitter)}' if jitter else ''}"


def _share(act: Act) -> str:
    return say_share(act.arg("probability"))


delay = _rule_strike(
    "delay",
    _late,
    lambda act, link: Delay(
        **link,
        seconds=act.arg("by"),
        jitter=act.arg("jitter"),
        distribution=act.arg("distribution"),
        correlation=act.arg("correlation"),
    ),
)
loss = _rule_strike(
    "loss",
    _share,
    lambda act, link: Loss(**link, probability=act.arg("probability"), correlation=act.arg("correlation")),
)
duplicate = _rule_strike(
    "duplicate",
    _share,
    lambda act, link: Duplicate(
        **link, probability=act.arg("probability"), spread=act.arg("spread"), correlation=act.arg("correlation")
    ),
)
reorder = _rule_strike(
    "reorder",
    _share,
    lambda act, link: Reorder(
        **link, probability=act.arg("probability"), window=act.arg("window"), correlation=act.arg("correlation")
    ),
)
corrupt = _rule_strike(
    "corrupt",
    _share,
    lambda act, link: Corrupt(**link, probability=act.arg("probability"), correlation=act.arg("correlation")),
)
bandwidth = _rule_strike(
    "bandwidth",
    lambda act: f"{say_size(act.arg('rate'))}/s",
    lambda act, link: Bandwidth(**link, bytes_per_second=float(act.arg("rate")), queue_seconds=act.arg("queue")),
)
drop_nth = _rule_strike(
    "drop-nth",
    lambda act: str(act.arg("n")) + (f" and each {act.arg('thenEvery')}" if act.arg("thenEvery") else ""),
    lambda act, link: DropNth(**link, n=act.arg("n"), then_every=act.arg("thenEvery")),
)
