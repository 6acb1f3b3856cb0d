"""Configurations: as data, along the log, and one after the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.errors import InvariantViolation
from store.raft.confchange import (
    ChangeRefusedError,
    Configurations,
    decode,
    encode,
    leave,
    promoted,
    replaced,
    seated,
    towards,
    with_learner,
    without,
)
from store.raft.messages import CONFIGURATION, Configuration, Entry

ABC = Configuration(("a", "b", "c"))
ABCD = Configuration(("a", "b", "c", "d"))


def entry(index: int, configuration: Configuration | None = None) -> Entry:
    return Entry(1, index, encode(configuration), CONFIGURATION) if configuration else Entry(1, index, b"x")


@pytest.mark.parametrize(
    "configuration", [ABC, Configuration(("a",), ("b",), ("c", "d"), (7, 8, 9, 0)), Configuration(())]
)
def test_encode_and_back(configuration: Configuration) -> None:
    assert decode(encode(configuration)) == configuration


def test_the_latest_in_the_log_counts_and_cutting_takes_it_back() -> None:
    history = Configurations(0, ABC, [entry(1), entry(2, ABCD)])
    assert (history.current, history.index, history.at(1), history.at(2)) == (ABCD, 2, ABC, ABCD)
    assert not history.note([entry(3)])
    assert history.since(1) == [ABC, ABCD]
    assert history.note([entry(2)])
    assert (history.current, history.index) == (ABC, 0)


def test_compaction_forgets_what_came_before() -> None:
    history = Configurations(0, ABC, [entry(2, ABCD), entry(5, ABC)])
    history.compact(4)
    assert history.at(4) == ABCD
    assert history.at(9) == ABC
    with pytest.raises(InvariantViolation, match="at 3 asked, but the history starts at 4"):
        history.at(3)


def test_a_received_snapshot_replaces_all() -> None:
    history = Configurations(0, ABC, [entry(2, ABCD), entry(5, ABC)])
    history.restore(9, ABCD)
    assert (history.current, history.index, history.at(9)) == (ABCD, 9, ABCD)


@pytest.mark.parametrize(
    ("target", "want"),
    [
        (ABCD, ABCD),
        (Configuration(("a", "b")), Configuration(("a", "b"))),
        (Configuration(("a", "b", "c"), ("d",)), Configuration(("a", "b", "c"), ("d",))),
        (Configuration(("a", "d")), Configuration(("a", "d"), (), ("a", "b", "c"))),
    ],
)
def test_towards(target: Configuration, want: Configuration) -> None:
    assert towards(ABC, target) == want
    assert leave(want) == target


@pytest.mark.parametrize(
    "target",
    [
        Configuration(()),
        Configuration(("a", "a")),
        Configuration(("a",), ("a",)),
        Configuration(("a",), (), ("b",)),
        Configuration(("a", "")),
    ],
)
def test_what_is_no_configuration_is_refused(target: Configuration) -> None:
    with pytest.raises(ChangeRefusedError, match="no configuration"):
        towards(ABC, target)


def test_nothing_follows_a_joint_configuration_but_its_end() -> None:
    with pytest.raises(ChangeRefusedError, match="joint"):
        towards(Configuration(("a",), (), ("b",)), ABC)


def test_add_promote_remove_replace() -> None:
    added = with_learner(ABC, "d")
    assert added == Configuration(("a", "b", "c"), ("d",))
    assert promoted(added, "d") == ABCD
    assert without(added, "d") == ABC
    assert without(ABCD, "a") == Configuration(("b", "c", "d"))
    assert replaced(added, "a", "d") == Configuration(("b", "c", "d"))


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (lambda: with_learner(ABC, "a"), "a is a member already"),
        (lambda: promoted(ABC, "a"), "a is no learner"),
        (lambda: without(ABC, "d"), "d is no member"),
        (lambda: replaced(ABC, "a", "d"), "d is no learner"),
    ],
)
def test_steps_that_lead_nowhere_are_refused(step: Callable[[], Configuration], text: str) -> None:
    with pytest.raises(ChangeRefusedError, match=text):
        step()


def test_only_voters_have_seats() -> None:
    configuration = seated(Configuration(("a", "b"), ("c", "d"), ("d",)), {"a": 7, "b": 8, "d": 9}.__getitem__)
    assert configuration.everyone == ("a", "b", "d", "c")
    assert configuration.ids == (7, 8, 9, 0)
    assert [configuration.seat(name) for name in "abcdx"] == [7, 8, 0, 9, 0]
    assert configuration.seats("a", 7)
    assert not configuration.seats("a", 8)
    assert not configuration.seats("c", 0)
    assert ABC.seats("a", 8)
    assert not ABC.seats("d", 8)
