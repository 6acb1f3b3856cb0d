"""Majorities against a twin that tries every subset."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.raft.messages import Configuration
from store.raft.quorum import Outcome, agreed, majority, outcome

NAMES = ("a", "b", "c", "d", "e", "f", "g")
SETS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=7, unique=True).map(tuple)
CONFIGURATIONS = st.builds(Configuration, SETS, st.just(()), st.one_of(st.just(()), SETS))


@pytest.mark.parametrize(("size", "want"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4)])
def test_majority(size: int, want: int) -> None:
    assert majority(size) == want


@pytest.mark.parametrize(
    ("voters", "outgoing", "values", "want"),
    [
        ("", "", {}, 0),
        ("a", "", {"a": 4}, 4),
        ("ab", "", {"a": 4, "b": 2}, 2),
        ("abc", "", {"a": 4, "b": 2}, 2),
        ("abc", "", {"a": 4}, 0),
        ("abc", "", {"a": 1, "b": 2, "c": 3, "x": 9}, 2),
        ("abc", "d", {"a": 4, "b": 4, "d": 1}, 1),
        ("abc", "ade", {"a": 5, "b": 4, "d": 3, "e": 2}, 3),
    ],
)
def test_agreed(voters: str, outgoing: str, values: dict[str, int], want: int) -> None:
    assert agreed(Configuration(tuple(voters), (), tuple(outgoing)), values, 0) == want


def stupid_majorities(voters: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [group for n in range(len(voters) + 1) if 2 * n > len(voters) for group in combinations(voters, n)]


@given(CONFIGURATIONS, st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9)))
def test_agreed_as_by_trying_every_majority(configuration: Configuration, values: dict[str, int]) -> None:
    sets = [configuration.voters] + ([configuration.outgoing] if configuration.outgoing else [])
    best = [max(min(values.get(name, 0) for name in group) for group in stupid_majorities(voters)) for voters in sets]
    assert agreed(configuration, values, 0) == min(best)


@given(CONFIGURATIONS, st.dictionaries(st.sampled_from(NAMES), st.booleans()))
def test_outcome_as_by_trying_every_majority(configuration: Configuration, votes: dict[str, bool]) -> None:
    sets = [configuration.voters] + ([configuration.outgoing] if configuration.outgoing else [])
    won = [any(all(votes.get(n) is True for n in group) for group in stupid_majorities(v)) for v in sets]
    open_ = [any(all(votes.get(n) is not False for n in group) for group in stupid_majorities(v)) for v in sets]
    want = Outcome.WON if all(won) else Outcome.PENDING if all(open_) else Outcome.LOST
    assert outcome(configuration, votes) is want
