"""The door of the raft core: time and messages go in, a `Ready` comes out that says what to store, send and apply.

Must not hold a clock, a disk or a socket, and decides nothing itself: election.py, leading.py and following.py do.

The shell's loop (after etcd-io/raft's RawNode with asynchronous writes, but with time as an argument, so that an idle
node costs nothing):

    node = Node(config, stored, rng, now)
    wait until now >= node.deadline(): node.tick(now); or for messages: node.step(message, now); or for proposals
    while ready := node.ready():
        store ready.chunks; append ready.hard and ready.entries; send ready.early; apply ready.committed and call
        node.applied(index); answer ready.reads
        if ready.must_sync: begin a sync, and go on with this loop meanwhile
    whenever all that a Ready and those before it wrote is durable (at once, if nothing is being written):
        ready.install: finish that file, load it; node.durable(ready); send ready.messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

from cluster.errors import InvariantViolation
from store.raft import confchange, election, following, leading, sending
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
    Refused,
    SnapshotMeta,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReply,
)
from store.raft.progress import Pace
from store.raft.reads import Answer
from store.raft.state import FOLLOWER, LEADER, Incoming, Outgoing, Role, State

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
    Refused: election.on_refused,
}


class NotLeaderError(Exception):
    """Nothing was done. `leader`: who leads (or is about to) as far as is known, or ""."""

    def __init__(self, leader: str) -> None:
        super().__init__(f"not the leader; that is {leader or 'not known'}")
        self.leader = leader


@dataclass(frozen=True, slots=True)
class Stored:
    """What the member's disk held; `Stored()` for a new member. Entries at or below the snapshot are skipped.
    `partial`: a snapshot that was being received, and how many bytes of it are there."""

    hard: HardState = HardState()
    snapshot: SnapshotMeta = SnapshotMeta()
    entries: Sequence[Entry] = ()
    partial: tuple[SnapshotMeta, int] | None = None


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What the member is now, when that is news."""

    role: Role
    term: int
    leader: str


@dataclass(slots=True)
class Ready:
    """What is new for the shell. The next one may be asked for before this one is durable. Not frozen: one is built a
    turn."""

    number: int
    """They count up."""
    hard: HardState | None
    """To append, in one record with `entries`."""
    entries: Sequence[Entry]
    """To append; the first one's index says where the log is cut before."""
    early: Sequence[Message]
    """To send at once, whatever is durable: a leader's Appends (10.2.1), answers that say no more than what is."""
    messages: Sequence[Message]
    """To send once all that was handed out so far, this Ready included, is durable: they say so."""
    committed: Sequence[Entry]
    """To apply in order, each once. Configurations and no-ops (empty data) are among them and change no key. They may
    not be durable here yet: a majority has them."""
    reads: Sequence[Answer]
    """(context, index): serve it once that index is applied; (context, None): refused, leadership is lost."""
    must_sync: bool
    """False: nothing here is lost that matters."""
    changed: RoleChange | None
    snapshot_wanted: bool
    """A follower needs what the log no longer has: `provide_snapshot`, at `status().first - 1` or above. Asked again at
    later heartbeats while it is missing."""
    chunks: Sequence[tuple[SnapshotMeta, int, bytes]]
    """(meta, offset, bytes) of a snapshot that is received; offset 0 begins a new file. They need no sync."""
    install: SnapshotMeta | None
    """All of that file is there: verify it, make it durable, load the state machine from it, then call `durable`. It
    replaces the whole state and the whole log: entries stored before must not come back after a restart, not even those
    above it, for they belong to another history. If it is damaged, call `snapshot_failed` before `durable`."""
    refused: Refused | None
    """The cluster has no place for this member. `seat` 0: it was removed; it may be deleted. Else: another disk is
    known under its name; remove the member and add it again, or give the old disk back. `lost` not 0: this disk has
    lost what it had acknowledged, and what it had voted maybe too; the member must stop, and be replaced."""


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """`pace`: probe, replicate or snapshot; `heard`: when it last answered, in the node's time; `arrived`: bytes of a
    snapshot that is being sent."""

    id: str
    voter: bool
    pace: Pace
    match: int
    next: int
    heard: float
    arrived: int


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


def recall(stored: Stored) -> HardState:
    """What a member promised before it was restarted: term and vote must never be forgotten (3.8)."""
    return stored.hard


def split(state: State) -> tuple[Sequence[Message], Sequence[Message]]:
    """(early, messages). Nothing is sent in a term, or after a vote, or under a disk id, that would not survive a
    crash."""
    early, messages, durable = state.early, state.outbox, state.durable
    if early:
        state.early = []
    if messages:
        state.outbox = []
    if early and (state.term != durable.term or state.vote != durable.vote or state.disk_id != durable.id):
        return (), messages + early
    return early or (), messages or ()


class Node:
    """One raft member. All times are seconds of one monotonic clock; they must never go back."""

    def __init__(self, config: Config, stored: Stored, rng: Random, now: float) -> None:
        snapshot = stored.snapshot
        base = snapshot.configuration if snapshot.index else Configuration(config.members)
        log = Log(snapshot, stored.entries, stored.hard.commit)
        self._state = state = State(config, log, Configurations(snapshot.index, base, log.entries), rng, now)
        self._hard = state.durable = recall(stored)
        state.term, state.vote, state.disk_id = self._hard.term, self._hard.vote, self._hard.id
        if not state.disk_id:
            state.disk_id = 1 + rng.getrandbits(31)
        elif config.leases:
            # What this voter promised before its crash is not known any more; no promise is longer than this.
            state.heard = now
        if stored.partial is not None:
            state.incoming = Incoming(stored.partial[0], "", stored.partial[1])
        self._told = RoleChange(FOLLOWER, state.term, "")
        self._number = 0
        state.wait_for_election()
        if state.configuration.founding:
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
        if state.role is LEADER:
            return leading.deadline(state)
        return state.election_at if state.electable else inf

    def tick(self, now: float, *, held_up: bool = False) -> None:
        """Time has passed. Before deadline() this does nothing. `held_up`: we ourselves were, for longer than a
        heartbeat, so that the silence of others may be ours: it counts once they had another chance to speak."""
        state = self._state
        state.now, state.stirred = now, True
        if state.role is LEADER:
            leading.tick(state, held_up)
        else:
            election.tick(state, held_up)

    def step(self, message: Message, now: float) -> None:
        """A message arrived; what is late, doubled or not for us changes nothing."""
        state = self._state
        state.now, state.stirred = now, True
        if message.dst != state.id:
            return
        if message.term == state.term or election.admit(state, message):
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
        """Change the members, through a joint configuration when more than one voter differs (confchange.with_learner,
        promoted, without and replaced make targets). The index of the first configuration entry. NotLeaderError;
        ChangeRefusedError while another change is under way, before the first commit of this term (the bug of 2015 in
        single-server changes), for no valid configuration, or for a new voter that is no caught-up learner (4.2.1).
        A leader may remove itself: it leads until that is committed and then hands over (4.2.2)."""
        state = self._lead(now)
        leading.check_change(state, target)
        return leading.append_configuration(state, confchange.towards(state.configuration, target))

    def read_index(self, context: int, now: float) -> None:
        """Ask for an index at which a read is linearizable (6.4); answered in Ready.reads. NotLeaderError."""
        self._lead(now, even_leaving=True).reads.add(context)

    def lease_read(self, now: float) -> int | None:
        """An index at which a read is linearizable, without asking anybody (6.4.1, leading.py); `now` must be fresh.
        None when no lease is held: use read_index."""
        state = self._state
        state.now = now
        return state.log.commit if leading.holds_lease(state) else None

    def transfer_leader(self, to: str, now: float) -> None:
        """Hand leadership to another voter (3.10). Until it takes over, or an election timeout has passed, nothing
        may be proposed. NotLeaderError; ChangeRefusedError when `to` is no other voter."""
        state = self._lead(now)
        if to not in state.peers():
            raise ChangeRefusedError(f"{to} is no other voter")
        leading.transfer(state, to)

    def compact(self, meta: SnapshotMeta) -> None:
        """A durable snapshot of the applied state exists: forget the log it holds, but for `retain_entries` of at most
        `retain_bytes`, and for what a follower will need that is being sent a snapshot. An older one than the last
        changes nothing."""
        state = self._state
        if meta.index <= state.log.snapshot.index:
            return
        keep_from = state.log.tail(meta.index, state.config.retain_entries, state.config.retain_bytes)
        if state.outgoing and sending.sending_snapshot(state):
            keep_from = min(keep_from, state.outgoing.meta.index + 1)
        state.log.compact(meta, keep_from)
        state.configurations.compact(meta.index)

    def provide_snapshot(self, meta: SnapshotMeta, size: int) -> None:
        """The answer to Ready.snapshot_wanted: a file of `size` bytes, more than 0. The shell keeps it readable while
        InstallSnapshots with this meta come out."""
        if size <= 0:
            raise InvariantViolation(f"a snapshot of {size} bytes")
        if self._state.role is LEADER:
            self._state.outgoing, self._state.stirred = Outgoing(meta, size), True

    def snapshot_failed(self, meta: SnapshotMeta) -> None:
        """The received file (Ready.install) is damaged: receive it again, from the beginning."""
        following.failed(self._state, meta)

    def configuration_at(self, index: int) -> Configuration:
        """In force once `index` is applied: what belongs into the meta of a snapshot there."""
        return self._state.configurations.at(index)

    def term_at(self, index: int) -> int:
        """The term of an entry, 0 when it is not (or no longer) here."""
        return self._state.log.term(index) or 0

    def ready(self) -> Ready | None:
        """What is new since the last call; None: nothing."""
        state, log = self._state, self._state.log
        if state.stirred:
            state.stirred = False
            if state.role is LEADER:
                sending.sends(state, state.early)
        told = self._told
        changed = state.role is not told.role or state.term != told.term or state.leader != told.leader
        if changed:
            told = RoleChange(state.role, state.term, state.leader)
        elif not state.early and self._nothing_new():
            return None
        number = self._number + 1
        entries: Sequence[Entry] = log.hand_out(number) if log.handed < log.last else ()
        before = self._hard
        promise = state.term != before.term or state.vote != before.vote or state.disk_id != before.id
        hard = self._new_hard(number, promise) if promise or entries else None
        early, messages = split(state)
        if state.install:
            state.installing = number
        install = state.install
        # By position, in the order of the fields: by name it would cost a third more.
        ready = Ready(
            number,
            hard,
            entries,
            early,
            messages,
            log.give() if log.commit > log.given and not state.installing else (),
            state.answers or (),
            hard is not None or bool(entries) or install is not None,
            told if changed else None,
            state.snapshot_wanted,
            state.chunks or (),
            install,
            state.refused,
        )
        self._told, self._number = told, number
        if state.answers:
            state.answers = []
        if state.chunks or install or state.refused:
            state.chunks, state.install, state.refused = [], None, None
        if state.snapshot_wanted:
            state.snapshot_asked, state.snapshot_wanted = True, False
        return ready

    def _new_hard(self, number: int, promise: bool) -> HardState | None:
        """What is to be stored besides entries: a new term or vote (`promise`), and with other writes a better commit
        hint. Never a commit beyond what was durable before: if the entries of this write were torn off in a crash, the
        hint would bless what an earlier leader had put in their places."""
        state, log = self._state, self._state.log
        commit = log.commit if log.commit < log.stable else log.stable
        if not promise and commit == self._hard.commit:
            return None
        self._hard = hard = HardState(state.term, state.vote, commit, state.disk_id)
        if promise:
            state.promises.append((number, hard))
        return hard

    def _nothing_new(self) -> bool:
        """The common case, before anything is built: half of all calls end here."""
        state, log, hard = self._state, self._state.log, self._hard
        return not (
            state.outbox
            or (log.commit > log.given and not state.installing)
            or log.handed < log.last
            or state.answers
            or state.chunks
            or state.install
            or state.snapshot_wanted
            or state.refused
            or state.term != hard.term
            or state.vote != hard.vote
            or state.disk_id != hard.id
        )

    def durable(self, ready: Ready) -> None:
        """All that was handed out up to this Ready is on disk, its snapshot installed. In order; a later one implies
        the earlier ones."""
        number, state, log = ready.number, self._state, self._state.log
        if number > self._number:
            raise InvariantViolation(f"durable() with Ready {number}, but {self._number} is the last one")
        log.settled(number)
        promises = state.promises
        while promises and promises[0][0] <= number:
            state.durable = promises.popleft()[1]
        if 0 < state.installing <= number:
            following.installed(state)
        if state.role is LEADER:
            before = log.commit
            leading.advance_commit(state)
            state.stirred = state.stirred or log.commit > before

    def applied(self, index: int) -> None:
        """The state machine holds all up to that index."""
        log = self._state.log
        if index > log.given:
            raise InvariantViolation(f"applied({index}), but only {log.given} was given")
        log.applied = max(log.applied, index)

    def status(self) -> Status:
        state, log = self._state, self._state.log
        followers = tuple(
            FollowerStatus(f.id, f.voter, f.pace, f.match, f.next, f.heard, f.arrived) for f in state.followers.values()
        )
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
        state.now, state.stirred = now, True
        if state.role is not LEADER:
            raise NotLeaderError(state.leader)
        if state.transfer and not even_leaving:
            raise NotLeaderError(state.transfer.to)
        return state
