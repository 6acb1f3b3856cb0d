"""Membership: configurations as log data, their history along the log, and which one may follow which.

Must not send or elect. As in the thesis (4.1) a server uses the latest configuration in its log, committed or not,
so that cutting the log takes a configuration back. (Using it only once applied is unsafe: a majority of the
old voters may hold, without knowing that it is committed, the entry that made them irrelevant, and elect a second
decider.)
"""

from __future__ import annotations

from collections.abc import Sequence

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

    def restore(self, index: int, configuration: Configuration, commit: int) -> None:
        """A received snapshot replaces all that was not committed. The rest stays until the next compaction: while the
        snapshot is not installed, the shell's state is the old one."""
        self._history = [pair for pair in self._history if pair[0] <= commit] + [(index, configuration)]


def encode(configuration: Configuration) -> bytes:
    """Three lines (voters, learners, outgoing) of names with a space between."""
    sets = (configuration.voters, configuration.learners, configuration.outgoing)
    return "\n".join(" ".join(names) for names in sets).encode()


def decode(data: bytes) -> Configuration:
    voters, learners, outgoing = (tuple(line.split()) for line in data.decode().split("\n"))
    return Configuration(voters, learners, outgoing)


def towards(current: Configuration, target: Configuration) -> Configuration:
    """The configuration to append now on the way from one to the other: the target itself if at most one voter
    comes or goes (4.1: then any two majorities overlap), else the joint one (4.3), which `leave` ends."""
    if current.outgoing:
        raise ChangeRefusedError("the last change is not finished: the configuration is joint")
    names = target.voters + target.learners
    if not target.voters or target.outgoing or len(set(names)) != len(names) or any(not n.split() for n in names):
        raise ChangeRefusedError(f"{target} is no configuration: voters and learners, each name once, at least a voter")
    if len(set(current.voters) ^ set(target.voters)) <= 1:
        return target
    return Configuration(target.voters, target.learners, current.voters)


def leave(joint: Configuration) -> Configuration:
    return Configuration(joint.voters, joint.learners)
