"""Majorities, of one set of voters or of two at once (joint consensus, 4.3).

Must not know what is agreed on: indexes, read rounds and times of hearing are all the same here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from store.raft.messages import Configuration

V = TypeVar("V", int, float)


class Outcome(Enum):
    """Of an election so far."""

    WON = "won"
    LOST = "lost"
    PENDING = "pending"


def majority(size: int) -> int:
    """The least number of members that is more than half of `size`."""
    return size // 2 + 1


def agreed(configuration: Configuration, values: Mapping[str, V], nothing: V) -> V:
    """The largest value that a majority of each voter set has reached; who has no value counts as `nothing`."""
    sets = deciding(configuration)
    if len(sets) == 1:  # nearly always, and asked for every answer
        return _agreed(sets[0], values, nothing)
    return min([_agreed(voters, values, nothing) for voters in sets])


def deciding(configuration: Configuration) -> list[tuple[str, ...]]:
    """The sets of which each must agree, by majority. Learners are in none."""
    return [configuration.voters, configuration.outgoing] if configuration.outgoing else [configuration.voters]


def outcome(configuration: Configuration, votes: Mapping[str, bool]) -> Outcome:
    """Won when a majority of each set said yes; lost when one of the sets can no longer give one."""
    results = [_outcome(voters, votes, majority(len(voters))) for voters in deciding(configuration)]
    return _all(results)


def unanimous(configuration: Configuration, votes: Mapping[str, bool]) -> Outcome:
    """The same where everybody must say yes: the founding election."""
    return _all([_outcome(voters, votes, len(voters)) for voters in deciding(configuration)])


def _all(results: list[Outcome]) -> Outcome:
    if Outcome.LOST in results:
        return Outcome.LOST
    return Outcome.PENDING if Outcome.PENDING in results else Outcome.WON


def _agreed(voters: tuple[str, ...], values: Mapping[str, V], nothing: V) -> V:
    if not voters:
        return nothing
    ranked = sorted([values.get(voter, nothing) for voter in voters], reverse=True)
    return ranked[majority(len(voters)) - 1]


def _outcome(voters: tuple[str, ...], votes: Mapping[str, bool], needed: int) -> Outcome:
    yes = sum(1 for voter in voters if votes.get(voter) is True)
    no = sum(1 for voter in voters if votes.get(voter) is False)
    if yes >= needed:
        return Outcome.WON
    return Outcome.LOST if no > len(voters) - needed else Outcome.PENDING
