"""Disk faults as data: whom they strike, how often, and what they make of what is written."""

from __future__ import annotations

import errno
from random import Random

import pytest

from cluster.errors import UsageError
from cluster.world.diskfaults import DiskRules, Harm
from cluster.world.faults import DELIVER, DiskFault, Link, from_data, to_data
from cluster.world.ruleset import RuleSet


def rules_with(*faults: DiskFault) -> RuleSet:
    rules = RuleSet()
    for number, fault in enumerate(faults):
        rules.install(from_data({**to_data(fault), "id": f"f{number}"}))
    return rules


def on(rules: RuleSet, host: str = "store-0", machine: str = "m0", now: float = 0.0) -> DiskRules:
    return DiskRules(rules, host, machine, lambda: now, Random(1))


@pytest.mark.parametrize(
    ("way", "harm"),
    [
        ("full", Harm(write=errno.ENOSPC)),
        ("write-error", Harm(write=errno.EIO)),
        ("sync-error", Harm(sync=errno.EIO)),
        ("slow", Harm(seconds=0.05)),
        ("lie", Harm(lie=True)),
        ("flip", Harm(flip=True)),
        ("tear", Harm(sync=errno.EIO, tear=True)),
    ],
)
def test_each_way_does_its_harm(way: str, harm: Harm) -> None:
    assert on(rules_with(DiskFault(way=way))).harm("wal/1") == harm
    assert way in DiskFault.WAYS


def test_only_whom_and_what_it_names_is_struck_and_not_for_longer() -> None:
    rules = rules_with(DiskFault(src=("store-0", "m7"), kinds=("wal/*",), expires=5.0))
    assert on(rules).harm("wal/1").write
    assert on(rules, "store-1", "m7").harm("wal/1").write
    assert on(rules).harm("snapshot/1") == Harm()
    assert on(rules, "store-1").harm("wal/1") == Harm()
    assert on(rules, now=5.0).harm("wal/1") == Harm()
    assert [on(rules).any(), on(rules, "store-1").any(), on(rules, now=6.0).any()] == [True, False, False]
    assert rules.evidence["f0"] == [2, 0]


def test_probability_and_evidence() -> None:
    rules = rules_with(DiskFault(way="slow", probability=0.3, seconds=2.0), DiskFault(way="lie", probability=0.0))
    disk = on(rules)
    slow = sum(disk.harm("f").seconds == 2.0 for _ in range(1000))
    assert 200 < slow < 400
    assert rules.evidence == {"f0": [slow, 1000 - slow], "f1": [0, 1000]}


def test_no_message_is_touched() -> None:
    rules = rules_with(DiskFault())
    link = Link("store-0", "m0", "store-1", "m1")
    assert rules.verdict(link, "raft.append", 10, 0.0, Random(1)).deliveries == DELIVER
    assert rules.evidence["f0"] == [0, 0]


def test_what_is_written() -> None:
    dice, data = Random(1), bytes(range(200))
    assert Harm().written(data, dice) == data
    assert Harm(write=errno.EIO).written(data, dice) == b""
    flipped = Harm(flip=True).written(data, dice)
    assert sum((a ^ b).bit_count() for a, b in zip(flipped, data, strict=True)) == 1
    torn = Harm(tear=True).written(data, dice)
    assert data.startswith(torn)
    assert len(torn) < len(data)
    assert Harm(flip=True).written(b"", dice) == b""
    with pytest.raises(OSError, match="No space"):
        Harm(write=errno.ENOSPC).check()
    Harm(lie=True).check()


@pytest.mark.parametrize("wrong", [{"way": "rust"}, {"probability": 2.0}, {"seconds": -1.0}])
def test_what_is_not_possible_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        from_data({"type": "disk", **wrong})
