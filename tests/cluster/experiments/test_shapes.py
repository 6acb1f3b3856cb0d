"""The classic shapes: who hears whom, by Jepsen's definitions."""

from __future__ import annotations

from random import Random

import pytest

from cluster.experiments.strikes import shapes
from cluster.experiments.strikes.shapes import Cut
from cluster.world.faults import Link
from cluster.world.ruleset import RuleSet

FIVE = ("a", "b", "c", "d", "e")


def heard_by(cut: Cut, names: tuple[str, ...], who: str) -> set[str]:
    """Whose messages reach `who`."""
    rules = RuleSet()
    for number, rule in enumerate(cut.rules):
        rules.install(type(rule)(src=rule.src, dst=rule.dst, both=rule.both, id=f"r{number}"))
    links = {name: Link(name, name, who, who) for name in names if name != who}
    return {name for name, link in links.items() if not rules.cut(link, "x", 0.0)}


@pytest.mark.parametrize("names", [FIVE[:3], FIVE[:4], FIVE])
def test_on_a_ring_everybody_hears_a_majority_and_no_two_hear_the_same(names: tuple[str, ...], seed: int) -> None:
    cut = shapes.majorities_ring(names, Random(seed))
    majorities = [frozenset(heard_by(cut, names, who) | {who}) for who in names]
    assert all(len(heard) == len(names) // 2 + 1 for heard in majorities)
    assert len(set(majorities)) == len(names)


def test_a_bridge_hears_both_sides_and_they_do_not_hear_each_other(seed: int) -> None:
    cut = shapes.bridge(FIVE, Random(seed))
    left, (middle,), right = cut.groups
    assert len(left) == len(right) == 2
    assert heard_by(cut, FIVE, middle) == set(FIVE) - {middle}
    for who in left:
        assert heard_by(cut, FIVE, who) == {*left, middle} - {who}


def test_a_minority_with_the_leader_is_the_largest_minority_that_has_it(seed: int) -> None:
    cut = shapes.minority(FIVE, Random(seed), leader="d")
    few, many = cut.groups
    assert few[0] == "d"
    assert (len(few), len(many)) == (2, 3)
    assert heard_by(cut, FIVE, "d") == set(few) - {"d"}


def test_halves_isolation_and_random_sides_leave_nobody_out(seed: int) -> None:
    for shape in (shapes.halves, shapes.isolate, shapes.minority, shapes.random):
        cut = shape(FIVE, Random(seed))
        assert sorted(name for group in cut.groups for name in group) == sorted(FIVE)
        assert all(cut.groups)
    assert len(shapes.halves(FIVE, Random(seed)).groups[0]) == 2
    assert len(shapes.isolate(FIVE, Random(seed)).groups[0]) == 1


def test_one_way_only_what_the_first_says_is_lost() -> None:
    cut = shapes.divide((("a",), ("b", "c")), one_way=True)
    assert heard_by(cut, FIVE[:3], "b") == {"c"}
    assert heard_by(cut, FIVE[:3], "a") == {"b", "c"}
