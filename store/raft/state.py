"""Everything one raft member knows at this moment, and its ways to change role.

Must not handle messages: election.py, leading.py and following.py do, each on this state. node.py is the door.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from random import Random

from store.raft.confchange import Configurations
from store.raft.config import Config
from store.raft.log import Log
from store.raft.messages import Configuration, HardState, Message, Refused, SnapshotMeta
from store.raft.patience import Patience
from store.raft.progress import Progress
from store.raft.reads import Answer, Reads


class Role(StrEnum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


FOLLOWER, LEADER = Role.FOLLOWER, Role.LEADER
"""By these names where it is asked at every message: to look a member of an enum up costs three calls of a function."""


@dataclass(slots=True)
class Incoming:
    """A snapshot that arrives in chunks. `src`: whose file it is; "": begun before a restart. `offset`: all bytes
    before it are in the shell's hands. `installing`: all are, and the shell makes them durable."""

    meta: SnapshotMeta
    src: str
    offset: int = 0
    installing: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A snapshot file of the leader's, `size` bytes, for followers that need one."""

    meta: SnapshotMeta
    size: int


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
        self.disk_id = 0
        """The id of our disk."""
        self.log = log
        self.configurations = configurations
        self.rng = rng
        self.now = now
        self.term = 0
        self.vote = ""
        self.durable = HardState()
        """Term, vote and disk id that would survive a crash now."""
        self.promises: deque[tuple[int, HardState]] = deque()
        """Those that the shell is writing, by the number of the write."""
        self.role = FOLLOWER
        self.leader = ""
        self.heard = -inf
        """When a leader, of whatever term, last spoke: no other is helped up for an election timeout after that."""
        self.patience = Patience(config)
        self.election_at = inf
        self.spread = 0.0
        """How many least election timeouts to wait, as it was drawn last; 0: to be drawn anew."""
        self.leases = config.leases
        self.votes: dict[str, bool] = {}
        self.voter_ids: dict[str, int] = {}
        """Disk ids of those who voted in the founding election."""
        self.refused_at = 0
        """Index of the newest committed configuration of which a leader said that it has no place for us."""
        self.refused: Refused | None = None
        """That message, until the shell is told."""
        self.followers: dict[str, Progress] = {}
        self.reads = Reads()
        self.transfer: Transfer | None = None
        self.forborne = False
        """The others got a second chance to be heard (Node.tick: held_up)."""
        self.stirred = False
        """Something has happened since a leader last looked at what to send to whom."""
        self.news_at = inf
        """When a leader tells followers what is committed, if no Append has said so by then; inf: they know."""
        self.lease_given_up = False
        """A TimeoutNow of this leadership left, and whenever it arrives voters elect in spite of their promises."""
        self.outbox: list[Message] = []
        """To be sent when what is stored is durable."""
        self.early: list[Message] = []
        """To be sent at once, if only term and vote are durable: it says nothing about entries that are not."""
        self.answers: list[Answer] = []
        self.incoming: Incoming | None = None
        self.chunks: list[tuple[SnapshotMeta, int, bytes]] = []
        """What arrived of it, for the shell to store."""
        self.install: SnapshotMeta | None = None
        """It is complete, and the shell has not been told yet."""
        self.installing = 0
        """The number of the Ready that told it; 0: none."""
        self.outgoing: Outgoing | None = None
        """Wanted: asked of the shell, not there yet."""
        self.snapshot_wanted = False
        self.snapshot_asked = False
        self._seated_in: Configuration | None = None
        self._seated = False

    @property
    def configuration(self) -> Configuration:
        return self.configurations.current

    @property
    def seated(self) -> bool:
        """Do we vote, with this disk, in the configuration that is in force? Asked at every turn, so it is kept."""
        configuration = self.configurations.current
        if configuration is not self._seated_in:
            self._seated_in = configuration
            self._seated = configuration.seats(self.id, self.disk_id)
        return self._seated

    @property
    def electable(self) -> bool:
        """A voter, or one whose removal is not known to be committed: until then nobody else may be able to win, if
        only the removed have the entry that removes them (4.2.2)."""
        if self.refused_at and self.refused_at >= self.configurations.index:
            return False
        if self.seated:
            return True
        return any(known.seats(self.id, self.disk_id) for known in self.configurations.since(self.log.commit))

    @property
    def leased(self) -> bool:
        """May a leader count on us? Then others' elections are refused (4.2.3, 6.4.1). That we have seen a higher term
        since changes nothing: what was promised was time."""
        if not self.config.check_quorum:
            return False
        return self.role is LEADER or self.now < self.heard + self.patience.least

    def peers(self) -> list[str]:
        """The other voters, of both sets."""
        configuration = self.configuration
        return [name for name in configuration.everyone if name != self.id and configuration.votes(name)]

    def forbear(self, held_up: bool) -> bool:
        """Is silence not to be taken for silence yet? Once in a row: a machine that is always late must go on too."""
        self.forborne = held_up and not self.forborne
        return self.forborne

    def wait_for_election(self) -> None:
        """A new random wait (3.4). While a cluster is being founded nobody leads, so waiting long is no use: but a
        little longer each time that it came to nothing."""
        least, self.spread = self.patience.least, 1 + self.rng.random()
        if self.configuration.founding:
            least = min(least, self.config.heartbeat_seconds * (1 + self.term))
        self.election_at = self.now + least * self.spread
        if least * self.spread < self.config.election_seconds:
            self.spread = 0.0

    def hear_leader(self, leader: str) -> None:
        """A valid message of this term's leader. The same wait begins anew; it is drawn anew for every campaign."""
        if self.role is not FOLLOWER or self.leader != leader:
            self.follow(self.term, leader)
        self.forborne = False
        now, patience = self.now, self.patience
        if self.term != patience.term:
            patience.begin(self.term, self.heard)
        elif now - self.heard > patience.notable:
            patience.saw(now - self.heard, now)
        if now >= patience.review_at:
            patience.review(now)
        self.heard = now
        if self.spread:
            self.election_at = now + patience.least * self.spread
        else:
            self.wait_for_election()  # the wait is of the time when the cluster was being founded

    def hear_deposed(self, term: int) -> None:
        """The leader of an earlier term speaks: was that one only late when it was replaced?"""
        heard = self.heard if term == self.patience.term else self.patience.last_of(term)
        self.patience.saw(self.now - heard, self.now)

    def follow(self, term: int, leader: str) -> None:
        """Be a follower in `term`. A term never goes back, and a new one is a new vote (3.3)."""
        led = self.role is LEADER
        if term != self.term:
            self.term = term
            self.vote = ""
        self.role = FOLLOWER
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
