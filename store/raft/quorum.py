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
    result = _agreed(configuration.voters, values, nothing)
    if configuration.outgoing:
        result = min(result, _agreed(configuration.outgoing, values, nothing))
    return result


def outcome(configuration: Configuration, votes: Mapping[str, bool]) -> Outcome:
    """Won when a majority of each set said yes; lost when one of the sets can no longer give one."""
    results = [_outcome(configuration.voters, votes)]
    if configuration.outgoing:
        results.append(_outcome(configuration.outgoing, votes))
    if Outcome.LOST in results:
        return Outcome.LOST
    return Outcome.PENDING if Outcome.PENDING in results else Outcome.WON


def _agreed(voters: tuple[str, ...], values: Mapping[str, V], nothing: V) -> V:
    if not voters:
        return nothing
    ranked = sorted([values.get(voter, nothing) for voter in voters], reverse=True)
    return ranked[majority(len(voters)) - 1]


def _outcome(voters: tuple[str, ...], votes: Mapping[str, bool]) -> Outcome:
    needed = majority(len(voters))
    yes = sum(1 for voter in voters if votes.get(voter) is True)
    no = sum(1 for voter in voters if votes.get(voter) is False)
    if yes >= needed:
        return Outcome.WON
    return Outcome.LOST if no > len(voters) - needed else Outcome.PENDING
