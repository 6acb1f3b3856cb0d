"""Everything one raft member knows at this moment, and its three ways to change role.

Must not handle messages: election.py, leading.py and following.py do, each on this state. node.py is the door.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from random import Random

from store.raft.confchange import Configurations
from store.raft.config import Config
from store.raft.log import Log
from store.raft.messages import Configuration, Message, Snapshot
from store.raft.progress import Progress
from store.raft.reads import Answer, Reads


class Role(StrEnum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(slots=True)
class Incoming:
    """A snapshot that arrives in chunks, from one leader in one term."""

    src: str
    term: int
    index: int
    chunks: list[bytes]
    size: int = 0


@dataclass(slots=True)
class Transfer:
    """A leadership transfer under way (3.10), given up at `until`."""

    to: str
    until: float
    sent: bool = False


class State:
    """Plain attributes; `now` is the time of the call that is being handled, in seconds."""

    def __init__(self, config: Config, log: Log, configurations: Configurations, rng: Random, now: float) -> None:
        self.config = config
        self.id = config.id
        self.log = log
        self.configurations = configurations
        self.rng = rng
        self.now = now
        self.term = 0
        self.vote = ""
        self.role = Role.FOLLOWER
        self.leader = ""
        self.heard = -inf
        """When the leader of this term last spoke."""
        self.election_at = inf
        self.votes: dict[str, bool] = {}
        self.followers: dict[str, Progress] = {}
        self.reads = Reads()
        self.transfer: Transfer | None = None
        self.outbox: list[Message] = []
        """To be sent when what is stored is durable."""
        self.answers: list[Answer] = []
        self.incoming: Incoming | None = None
        self.received: Snapshot | None = None
        self.outgoing: Snapshot | None = None
        """The leader's copy for followers that need one; wanted: asked of the shell, not there yet."""
        self.snapshot_wanted = False
        self.snapshot_asked = False

    @property
    def configuration(self) -> Configuration:
        return self.configurations.current

    @property
    def fresh(self) -> bool:
        """Nothing was ever decided here: a cluster that is being created."""
        return self.term == 0 and self.log.last == 0

    @property
    def electable(self) -> bool:
        """A voter, or one whose removal is not known to be committed: until then nobody else may be able to win, if
        only the removed have the entry that removes them (4.2.2)."""
        if self.id in self.configurations.current.voters:
            return True
        return any(known.votes(self.id) for known in self.configurations.since(self.log.commit))

    @property
    def leased(self) -> bool:
        """Does a live leader exist as far as we know? Then others' elections are refused (4.2.3, 6.4.1)."""
        if not self.config.check_quorum or not self.leader:
            return False
        return self.role is Role.LEADER or self.now < self.heard + self.config.election_seconds

    def peers(self) -> list[str]:
        """The other voters, of both sets."""
        configuration = self.configuration
        return [name for name in configuration.everyone if name != self.id and configuration.votes(name)]

    def wait_for_election(self) -> None:
        """A new random wait (3.4). In a cluster that is being created nobody can lead, so waiting long is no use."""
        if self.fresh:
            self.election_at = self.now + self.config.heartbeat_seconds * (1 + self.rng.random())
        else:
            self.election_at = self.now + self.config.election_seconds * (1 + self.rng.random())

    def hear_leader(self, leader: str) -> None:
        """A valid message of this term's leader."""
        if self.role is not Role.FOLLOWER or self.leader != leader:
            self.follow(self.term, leader)
        self.heard = self.now
        self.wait_for_election()

    def follow(self, term: int, leader: str) -> None:
        """Be a follower in `term`. A term never goes back, and a new one is a new vote (3.3)."""
        led = self.role is Role.LEADER
        if term != self.term:
            self.term = term
            self.vote = ""
        self.role = Role.FOLLOWER
        self.leader = leader
        self.votes = {}
        if led:
            self.followers = {}
            self.answers.extend(self.reads.refuse())
            self.transfer = None
            self.outgoing = None
            self.snapshot_wanted = self.snapshot_asked = False
            # Only a leader has no timer. Others keep theirs: a hopeless candidate must not put off a good one (3.4).
            self.wait_for_election()
