"""Faults of links: partitions, isolation, delay, loss, duplicates, reordering, damage, bandwidth, the n-th message.

Must not know how messages travel. Everything is a rule (cluster/world/faults.py), and every rule has a deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from cluster.experiments.strikes import shapes
from cluster.experiments.strikes.deed import Act, Deed, Strike, names
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
    return Deed(
        f"partition {f'{shape}: ' if shape else ''}{sides}",
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
        return shapes.minority(of, act.dice, leader=machine)
    if act.arg("oneWay"):
        return shapes.divide(SHAPES[shape](of, act.dice).groups, one_way=True)
    return SHAPES[shape](of, act.dice)


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
    words = {"both": "", "in": " (hears nobody)", "out": " (is heard by nobody)"}[direction]
    groups = (targets, others)
    return Deed(f"isolate {names(targets)}{words}", targets, groups, act.plain(), rules, undo=act.healing(rules))


def _rule_strike(word: str, make: Callable[[Act, dict[str, Any]], Rule]) -> Strike:
    """An action that is one rule on the links from some to others."""

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
        about = f" of {names(act.arg('kinds'))}" if act.arg("kinds") else ""
        return Deed(f"{word}{about} {links}", (*src, *dst), (), act.plain(), rules, undo=act.healing(rules))

    return strike


delay = _rule_strike(
    "delay",
    lambda act, link: Delay(
        **link,
        seconds=act.arg("by"),
        jitter=act.arg("jitter"),
        distribution=act.arg("distribution"),
        correlation=act.arg("correlation"),
    ),
)
loss = _rule_strike(
    "loss", lambda act, link: Loss(**link, probability=act.arg("probability"), correlation=act.arg("correlation"))
)
duplicate = _rule_strike(
    "duplicate",
    lambda act, link: Duplicate(
        **link, probability=act.arg("probability"), spread=act.arg("spread"), correlation=act.arg("correlation")
    ),
)
reorder = _rule_strike(
    "reorder",
    lambda act, link: Reorder(
        **link, probability=act.arg("probability"), window=act.arg("window"), correlation=act.arg("correlation")
    ),
)
corrupt = _rule_strike(
    "corrupt", lambda act, link: Corrupt(**link, probability=act.arg("probability"), correlation=act.arg("correlation"))
)
bandwidth = _rule_strike(
    "bandwidth",
    lambda act, link: Bandwidth(**link, bytes_per_second=float(act.arg("rate")), queue_seconds=act.arg("queue")),
)
drop_nth = _rule_strike("drop-nth", lambda act, link: DropNth(**link, n=act.arg("n"), then_every=act.arg("thenEvery")))
