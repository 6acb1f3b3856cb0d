"""Configurations: as data, along the log, and one after the other."""

from __future__ import annotations

import pytest

from cluster.errors import InvariantViolation
from store.raft.confchange import ChangeRefusedError, Configurations, decode, encode, leave, towards
from store.raft.messages import CONFIGURATION, Configuration, Entry

ABC = Configuration(("a", "b", "c"))
ABCD = Configuration(("a", "b", "c", "d"))


def entry(index: int, configuration: Configuration | None = None) -> Entry:
    return Entry(1, index, encode(configuration), CONFIGURATION) if configuration else Entry(1, index, b"x")


@pytest.mark.parametrize("configuration", [ABC, Configuration(("a",), ("b",), ("c", "d")), Configuration(())])
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


def test_a_received_snapshot_keeps_what_was_committed_and_drops_the_rest() -> None:
    history = Configurations(0, ABC, [entry(2, ABCD), entry(5, ABC)])
    history.restore(9, ABCD, commit=3)
    assert history.at(4) == ABCD
    assert history.at(5) == ABCD
    assert history.at(9) == ABCD
    assert history.index == 9


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
