"""Membership: configurations as log data, their history along the log, and which one may follow which.

Must not send or elect. As in the thesis (4.1) a server uses the latest configuration in its log, committed or not,
so that cutting the log takes a configuration back. (Using it only once applied is unsafe: a majority of the
old voters may hold, without knowing that it is committed, the entry that made them irrelevant, and elect a second
decider.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cluster.errors import InvariantViolation
from store.raft.messages import CONFIGURATION, Configuration, Entry


class ChangeRefusedError(Exception):
    """That configuration may not be proposed now; nothing was done."""


class Configurations:
    """The configuration at every index from the last compaction on."""

    def __init__(self, index: int, base: Configuration, entries: Sequence[Entry]) -> None:
        self._history = [(index, base)]
        self.note(entries)

    @property
    def current(self) -> Configuration:
        return self._history[-1][1]

    @property
    def index(self) -> int:
        """Where the current one stands in the log."""
        return self._history[-1][0]

    def note(self, entries: Sequence[Entry]) -> bool:
        """Entries were appended, where the first of them says. True if the configuration is another one now."""
        before = self.current
        if entries:
            while len(self._history) > 1 and self._history[-1][0] >= entries[0].index:
                self._history.pop()
        for entry in entries:
            if entry.kind == CONFIGURATION:
                self._history.append((entry.index, decode(entry.data)))
        return self.current != before

    def at(self, index: int) -> Configuration:
        """In force once `index` is applied; `index` is not below the last compaction."""
        for start, known in reversed(self._history):
            if start <= index:
                return known
        raise InvariantViolation(f"configuration at {index} asked, but the history starts at {self._history[0][0]}")

    def since(self, index: int) -> list[Configuration]:
        """The one in force at `index`, and all later ones."""
        return [self.at(index)] + [known for start, known in self._history if start > index]

    def compact(self, index: int) -> None:
        base = self.at(index)
        self._history = [(index, base)] + [pair for pair in self._history if pair[0] > index]

    def restore(self, index: int, configuration: Configuration) -> None:
        """A received snapshot replaces everything."""
        self._history = [(index, configuration)]


def encode(configuration: Configuration) -> bytes:
    """Four lines (voters, learners, outgoing, ids) of names or numbers with a space between."""
    sets = (configuration.voters, configuration.learners, configuration.outgoing, map(str, configuration.ids))
    return "\n".join(" ".join(names) for names in sets).encode()


def decode(data: bytes) -> Configuration:
    voters, learners, outgoing, ids = (tuple(line.split()) for line in data.decode().split("\n"))
    return Configuration(voters, learners, outgoing, tuple(map(int, ids)))


def seated(configuration: Configuration, id_of: Callable[[str], int]) -> Configuration:
    """With the ids of those who vote in it."""
    ids = tuple([id_of(name) if configuration.votes(name) else 0 for name in configuration.everyone])
    return Configuration(configuration.voters, configuration.learners, configuration.outgoing, ids)


# ── what may follow ──────────────────────────────────────────────────────────────────────────────────────────


def with_learner(current: Configuration, name: str) -> Configuration:
    """A new member is sent the log and decides nothing until it has caught up (4.2.1)."""
    if name in current.everyone:
        raise ChangeRefusedError(f"{name} is a member already")
    return Configuration(current.voters, (*current.learners, name))


def promoted(current: Configuration, name: str) -> Configuration:
    if name not in current.learners:
        raise ChangeRefusedError(f"{name} is no learner")
    return Configuration((*current.voters, name), tuple([n for n in current.learners if n != name]))


def without(current: Configuration, name: str) -> Configuration:
    if name not in current.everyone:
        raise ChangeRefusedError(f"{name} is no member")
    voters, learners = (tuple([n for n in group if n != name]) for group in (current.voters, current.learners))
    return Configuration(voters, learners)


def replaced(current: Configuration, old: str, new: str) -> Configuration:
    """A learner takes the place of a voter, through a joint configuration (4.3)."""
    return without(promoted(current, new), old)


def towards(current: Configuration, target: Configuration) -> Configuration:
    """The configuration to append now on the way from one to the other: the target itself if at most one voter
    comes or goes (4.1: then any two majorities overlap), else the joint one (4.3), which `leave` ends."""
    if current.outgoing:
        raise ChangeRefusedError("the last change is not finished: the configuration is joint")
    names = target.voters + target.learners
    if not target.voters or target.outgoing or len(set(names)) != len(names) or any(not n.split() for n in names):
        raise ChangeRefusedError(f"{target} is no configuration: voters and learners, each name once, at least a voter")
    if overlapping(current, target):
        return Configuration(target.voters, target.learners)
    return Configuration(target.voters, target.learners, current.voters)


def overlapping(current: Configuration, target: Configuration) -> bool:
    """Does any majority of the one meet any majority of the other (4.1)?"""
    return len(set(current.voters) ^ set(target.voters)) <= 1


def leave(joint: Configuration) -> Configuration:
    return Configuration(joint.voters, joint.learners)
