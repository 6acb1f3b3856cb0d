"""The door of the raft core: time and messages go in, a `Ready` comes out that says what to store, send and apply.

Must not hold a clock, a disk or a socket, and decides nothing itself: election.py, leading.py and following.py do.

The shell's loop (after etcd-io/raft's RawNode, but with time as an argument, so that an idle node costs nothing):

    node = Node(config, stored, rng, now)
    wait until now >= node.deadline(): node.tick(now); or for messages: node.step(message, now); or for proposals
    while ready := node.ready():
        store ready.snapshot, then ready.hard and ready.entries; send ready.early meanwhile; sync if ready.must_sync
        send ready.messages; install ready.snapshot; apply ready.committed; answer ready.reads
        node.advance(ready)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

from cluster.errors import InvariantViolation
from store.raft import confchange, election, following, leading
from store.raft.confchange import ChangeRefusedError, Configurations
from store.raft.config import Config
from store.raft.log import Log
from store.raft.messages import (
    Append,
    AppendReply,
    Configuration,
    Entry,
    HardState,
    InstallSnapshot,
    Message,
    PreVote,
    PreVoteReply,
    Snapshot,
    SnapshotMeta,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReply,
)
from store.raft.progress import Pace
from store.raft.reads import Answer
from store.raft.state import Role, State, Transfer

__all__ = [
    "ChangeRefusedError",
    "FollowerStatus",
    "Node",
    "NotLeaderError",
    "Ready",
    "Role",
    "RoleChange",
    "Status",
    "Stored",
]

HANDLERS: Mapping[type[Message], Callable[[State, Any], None]] = {
    PreVote: election.on_prevote,
    PreVoteReply: election.on_prevote_reply,
    Vote: election.on_vote,
    VoteReply: election.on_vote_reply,
    TimeoutNow: election.on_timeout_now,
    Append: following.on_append,
    AppendReply: leading.on_append_reply,
    InstallSnapshot: following.on_install_snapshot,
    SnapshotReply: leading.on_snapshot_reply,
}


class NotLeaderError(Exception):
    """Nothing was done. `leader`: who leads (or is about to) as far as is known, or ""."""

    def __init__(self, leader: str) -> None:
        super().__init__(f"not the leader; that is {leader or 'not known'}")
        self.leader = leader


@dataclass(frozen=True, slots=True)
class Stored:
    """What the member's disk held; `Stored()` for a new member. Entries at or below the snapshot are skipped."""

    hard: HardState = HardState()
    snapshot: SnapshotMeta = SnapshotMeta()
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What the member is now, when that is news."""

    role: Role
    term: int
    leader: str


@dataclass(slots=True)
class Ready:
    """What the shell must do, in this order: store `snapshot`, then `hard` and `entries`; send `early` (any time,
    also before or during the sync); sync if `must_sync`; send `messages`; install `snapshot`; apply `committed`;
    answer those `reads` whose index is applied (keep the others); `Node.advance`. Not frozen: one is built a turn."""

    hard: HardState | None
    entries: Sequence[Entry]
    """To append; the first one's index says where the log is cut before."""
    snapshot: Snapshot | None
    """Received: it replaces the whole state and the whole log. Entries stored before must not come back after a
    restart, not even those above it: they belong to another history."""
    early: tuple[Message, ...]
    """A leader's Appends: they may be sent while its own disk syncs (10.2.1)."""
    messages: tuple[Message, ...]
    """They say what must be true on disk first."""
    committed: Sequence[Entry]
    """To apply in order. Configurations and no-ops (empty data) are among them and change no key."""
    reads: tuple[Answer, ...]
    """(context, index): serve it once that index is applied; (context, None): refused, leadership is lost."""
    must_sync: bool
    """False: nothing here is lost that matters (at most the commit hint)."""
    changed: RoleChange | None
    snapshot_wanted: bool
    """A follower needs what the log no longer has: hand `provide_snapshot` one, at `status().first - 1` or above.
    Asked again at later heartbeats while it is missing."""


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """`pace`: probe, replicate or snapshot; `heard`: when it last answered, in the node's time."""

    id: str
    pace: Pace
    match: int
    next: int
    heard: float


@dataclass(frozen=True, slots=True)
class Status:
    """For people and tests. `first` and `last` are the log's ends; `followers` is empty but on a leader."""

    id: str
    role: Role
    term: int
    leader: str
    commit: int
    applied: int
    first: int
    last: int
    configuration: Configuration
    followers: tuple[FollowerStatus, ...]


class Node:
    """One raft member. All times are seconds of one monotonic clock; they must never go back."""

    def __init__(self, config: Config, stored: Stored, rng: Random, now: float) -> None:
        snapshot = stored.snapshot
        base = snapshot.configuration if snapshot.index else Configuration(config.members)
        log = Log(snapshot, stored.entries, stored.hard.commit)
        self._state = state = State(config, log, Configurations(snapshot.index, base, log.entries), rng, now)
        state.term, state.vote = stored.hard.term, stored.hard.vote
        self._hard = stored.hard
        self._told = RoleChange(Role.FOLLOWER, state.term, "")
        self._outstanding: Ready | None = None
        state.wait_for_election()
        if state.fresh:
            # A cluster that is being created campaigns within one heartbeat.
            state.election_at -= config.heartbeat_seconds

    @property
    def term(self) -> int:
        return self._state.term

    @property
    def role(self) -> Role:
        return self._state.role

    @property
    def leader(self) -> str:
        """Who leads as far as is known here, or ""."""
        return self._state.leader

    def deadline(self) -> float:
        """The next time at which tick() has something to do; inf when only others can change anything."""
        state = self._state
        if state.role is Role.LEADER:
            return leading.deadline(state)
        return state.election_at if state.electable else inf

    def tick(self, now: float) -> None:
        """Time has passed. Before deadline() this does nothing."""
        state = self._state
        state.now = now
        if state.role is Role.LEADER:
            leading.tick(state)
        else:
            election.tick(state)

    def step(self, message: Message, now: float) -> None:
        """A message arrived; what is late, doubled or not for us changes nothing."""
        state = self._state
        state.now = now
        if message.dst == state.id and election.admit(state, message):
            HANDLERS[type(message)](state, message)

    def propose(self, datas: Sequence[bytes], now: float) -> int:
        """New entries, one for each; the first one's index, the others follow, all in `term`. They are committed only
        when an entry of this index and this term comes back in Ready.committed. NotLeaderError; also while
        leadership is being handed over (3.10)."""
        state = self._lead(now)
        first, term = state.log.last + 1, state.term
        leading.append(state, [Entry(term, index, data) for index, data in enumerate(datas, first)])
        return first

    def propose_configuration(self, target: Configuration, now: float) -> int:
        """Change the members, through a joint configuration when more than one voter differs. The index of the first
        configuration entry. NotLeaderError; ChangeRefusedError while another change is under way, before the first
        commit of this term (the bug of 2015 in single-server changes), or for no valid configuration."""
        state = self._lead(now)
        if state.configurations.index > state.log.commit:
            raise ChangeRefusedError(f"the change at {state.configurations.index} is not committed")
        if state.log.term(state.log.commit) != state.term:
            raise ChangeRefusedError("nothing of this term is committed")
        return leading.append_configuration(state, confchange.towards(state.configuration, target))

    def read_index(self, context: int, now: float) -> None:
        """Ask for an index at which a read is linearizable (6.4); answered in Ready.reads. NotLeaderError."""
        self._lead(now, even_leaving=True).reads.add(context)

    def transfer_leader(self, to: str, now: float) -> None:
        """Hand leadership to another voter (3.10). Until it takes over, or an election timeout has passed, nothing
        may be proposed. NotLeaderError; ChangeRefusedError when `to` is no other voter."""
        state = self._lead(now)
        if to not in state.peers():
            raise ChangeRefusedError(f"{to} is no other voter")
        state.transfer = Transfer(to, now + state.config.election_seconds)
        leading.hand_over(state)

    def compact(self, meta: SnapshotMeta) -> None:
        """A durable snapshot of the applied state exists: forget the log it holds, but for `retain_entries` and for
        what a follower will need that is being sent a snapshot. An older one than the last changes nothing."""
        state = self._state
        if meta.index <= state.log.snapshot.index:
            return
        keep_from = meta.index + 1 - state.config.retain_entries
        if state.outgoing and leading.sending_snapshot(state):
            keep_from = min(keep_from, state.outgoing.index + 1)
        state.log.compact(meta, keep_from)
        state.configurations.compact(meta.index)

    def provide_snapshot(self, snapshot: Snapshot) -> None:
        """The answer to Ready.snapshot_wanted; held until no follower needs it."""
        if self._state.role is Role.LEADER:
            self._state.outgoing = snapshot

    def configuration_at(self, index: int) -> Configuration:
        """In force once `index` is applied: what belongs into the meta of a snapshot there."""
        return self._state.configurations.at(index)

    def term_at(self, index: int) -> int:
        """The term of an entry, 0 when it is not (or no longer) here."""
        return self._state.log.term(index) or 0

    def ready(self) -> Ready | None:
        """What there is to do; None: nothing. Then advance() before asking again; all else may be called between."""
        if self._outstanding is not None:
            raise InvariantViolation("ready() again before advance()")
        state, log = self._state, self._state.log
        early = leading.sends(state) if state.role is Role.LEADER else []
        if not early and self._nothing_new():
            return None
        # Never a commit beyond what was durable before: if the entries of this Ready were torn off in a crash, the hint
        # would bless what an earlier leader had put in their places.
        before, told = self._hard, self._told
        commit = log.commit if log.commit < log.stable else log.stable
        new_term = state.term != before.term or state.vote != before.vote
        hard = HardState(state.term, state.vote, commit) if new_term or commit != before.commit else before
        messages: list[Message] = state.outbox
        if new_term:
            # Won with our own vote alone, which is not durable yet: after a crash we might lead this term again.
            messages, early = messages + early, []
        entries = log.hand_out()
        committed = log.between(log.applied + 1, log.commit)
        if state.role is not told.role or state.term != told.term or state.leader != told.leader:
            told = RoleChange(state.role, state.term, state.leader)
        ready = Ready(
            hard=hard if hard is not before else None,
            entries=entries,
            snapshot=state.received,
            early=tuple(early),
            messages=tuple(messages),
            committed=committed,
            reads=tuple(state.answers),
            must_sync=bool(entries) or new_term or state.received is not None,
            changed=told if told is not self._told else None,
            snapshot_wanted=state.snapshot_wanted,
        )
        news = ready.must_sync or early or messages or committed or state.answers
        if not (news or ready.changed or ready.snapshot_wanted):
            # A better commit hint alone waits for company.
            return None
        self._hard, self._told, self._outstanding = hard, told, ready
        state.outbox, state.answers, state.received = [], [], None
        state.snapshot_asked, state.snapshot_wanted = state.snapshot_asked or state.snapshot_wanted, False
        return ready

    def _nothing_new(self) -> bool:
        """The common case, before anything is built: half of all calls end here."""
        state, log, told = self._state, self._state.log, self._told
        return not (
            state.outbox
            or log.commit > log.applied
            or log.stable < log.last
            or state.answers
            or state.snapshot_wanted
            or state.received is not None
            or state.term != self._hard.term
            or state.vote != self._hard.vote
            or state.role is not told.role
            or state.term != told.term
            or state.leader != told.leader
        )

    def advance(self, ready: Ready) -> None:
        """All of `ready` is done: what it stored is durable, what it committed is applied."""
        if ready is not self._outstanding:
            raise InvariantViolation("advance() with another Ready than the last one")
        self._outstanding = None
        state, log = self._state, self._state.log
        log.settled()
        if ready.committed:
            log.applied = max(log.applied, ready.committed[-1].index)
        leading.advance_commit(state)

    def status(self) -> Status:
        state, log = self._state, self._state.log
        followers = tuple(FollowerStatus(f.id, f.pace, f.match, f.next, f.heard) for f in state.followers.values())
        return Status(
            id=state.id,
            role=state.role,
            term=state.term,
            leader=state.leader,
            commit=log.commit,
            applied=log.applied,
            first=log.first,
            last=log.last,
            configuration=state.configuration,
            followers=followers,
        )

    def _lead(self, now: float, *, even_leaving: bool = False) -> State:
        state = self._state
        state.now = now
        if state.role is not Role.LEADER:
            raise NotLeaderError(state.leader)
        if state.transfer and not even_leaving:
            raise NotLeaderError(state.transfer.to)
        return state
