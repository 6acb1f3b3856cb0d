"""The leader: what its followers' answers mean, when entries are committed, and the steps of a membership change
(3.5, 3.6, 4, 6.4). What it sends is in sending.py.

Must not send entries itself, so that all that one turn brings goes out as one Append each.

The lease (6.4.1), and why a read under it is linearizable. A round is a number that goes out with Appends and comes
back with their answers. Let s be the time, by the leader's clock, when the newest round that a majority has answered
was opened.

1. Each of that majority got an Append of the round after s, and refuses for `election_seconds` of its own clock from
   then on to vote for others (4.2.3: election.promised) or to campaign (its own timer is longer). By the clock error
   that is at least election_seconds / (1 + lease_clock_error) of the leader's clock after s.
2. Any majority that elects another leader has one of them (4.1, 4.3: also across one change; after a change of the
   configuration answers are counted anew), so until then nobody else leads and commits.
3. A restarted voter does not know what it promised: it promises an election timeout from its start (Node.__init__).
   One with another disk is not counted (store/raft/__init__.py).
4. With a TimeoutNow the leader asks voters to break the promise, and it may arrive at any time: from before it leaves
   the leader has no lease for the rest of its term.
5. A new leader does not know what is committed before an entry of its own term is (6.4), and has no lease before.

So what the leader has committed at the time of the read is all that anybody has. `now` must be read from the clock when
the read is served. A stall after that makes the answer late, not wrong: it was true after the read had been asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from cluster.errors import InvariantViolation
from store.raft import confchange
from store.raft.confchange import ChangeRefusedError
from store.raft.hearing import accusation, has_lost, hear, silence
from store.raft.messages import (
    CONFIGURATION,
    AppendReply,
    Configuration,
    Entry,
    Refused,
    SnapshotReply,
    TimeoutNow,
)
from store.raft.progress import REPLICATE, SNAPSHOT, Progress
from store.raft.quorum import agreed
from store.raft.state import LEADER, State, Transfer


def start(state: State) -> None:
    """Won: lead, and begin the term with an entry whose commit commits all before it (3.6.2): a no-op, or, when the
    cluster is being founded, the configuration with everybody's disk in it."""
    founding = state.configuration.founding
    state.role = LEADER
    state.leader = state.id
    state.election_at = inf
    state.lease_given_up = False
    state.news_at = inf
    state.followers = {}
    _follow_configuration(state)
    if founding:
        append_configuration(state, state.configuration)
    else:
        append(state, (Entry(state.term, state.log.last + 1, b""),))


def append(state: State, entries: Sequence[Entry]) -> None:
    """New entries of this term, at the end of the log."""
    state.log.append(entries)


# ── membership ───────────────────────────────────────────────────────────────────────────────────────────────


def append_configuration(state: State, configuration: Configuration) -> int:
    """In force from now on (4.1)."""
    configuration = confchange.seated(configuration, lambda name: _disk_of(state, name))
    entry = Entry(state.term, state.log.last + 1, confchange.encode(configuration), CONFIGURATION)
    append(state, (entry,))
    state.configurations.note((entry,))
    _follow_configuration(state)
    return entry.index


def _disk_of(state: State, name: str) -> int:
    """Whose answers will count under that name: who has the seat already, or a learner as it is heard."""
    if state.configuration.founding:
        return state.voter_ids[name]
    return state.configuration.seat(name) or state.followers[name].seat


def _follow_configuration(state: State) -> None:
    configuration, known, now = state.configuration, state.followers, state.now
    state.followers = {}
    for name in configuration.everyone:
        if name == state.id:
            continue
        seat, follower = configuration.seat(name), known.get(name)
        if follower is None or (seat and follower.seat not in (0, seat)):
            follower = Progress(name, state.log.last + 1, now, now)
        follower.seat = seat or follower.seat
        follower.voter = configuration.votes(name)
        state.followers[name] = follower
    state.reads.forget_lease()
    if state.transfer and state.transfer.to not in state.followers:
        state.transfer = None


def check_change(state: State, target: Configuration) -> None:
    """ChangeRefusedError unless the configuration may be changed to that one now."""
    if change_under_way(state):
        raise ChangeRefusedError(f"the change at {state.configurations.index} is not committed")
    if not knows_commit(state):
        raise ChangeRefusedError("nothing of this term is committed")
    for name in target.voters:
        if name not in state.configuration.voters:
            check_caught_up(state, name)


def change_under_way(state: State) -> bool:
    """One at a time (4.1)."""
    return state.configurations.index > state.log.commit


def check_caught_up(state: State, name: str) -> None:
    """Who is to vote must have, as a learner, at least 9 of 10 entries that we have (etcd), or the cluster might have
    to wait for it (4.2.1)."""
    follower = state.followers.get(name)
    if follower is None:
        raise ChangeRefusedError(f"{name} is no member: add it as a learner first")
    if not follower.seat or not awake(state, follower):
        raise ChangeRefusedError(f"{name} was not heard lately: start it, then ask again")
    if follower.match * 10 < state.log.last * 9:
        raise ChangeRefusedError(
            f"{name} lags: it has {follower.match} of {state.log.last} entries; ask again when it has caught up"
        )


def refuse(state: State, name: str) -> None:
    """Tell a member that it has no place in the configuration, once that is committed."""
    if not change_under_way(state):
        configuration = state.configuration
        seat = configuration.seat(name)
        state.early.append(Refused(state.id, name, state.term, state.configurations.index, seat))


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tick(state: State, held_up: bool = False) -> None:
    """Heartbeats that are due; stepping down when no majority is heard (6.2); a transfer that takes too long."""
    config, now = state.config, state.now
    if now >= state.patience.review_at:
        state.patience.review(now)
    if not config.check_quorum or not lost_quorum(state):
        state.forborne = False
    elif not state.forbear(held_up):
        state.follow(state.term, "")
        return
    if state.transfer and now >= state.transfer.until:
        state.transfer = None
    if now < heartbeat_at(state):
        return
    for follower in state.followers.values():
        # Nearly due is due: one wake-up for all.
        if follower.sent + 0.75 * config.heartbeat_seconds <= now:
            follower.due = True
        if follower.pace is REPLICATE and not awake(state, follower):
            # Nobody there: stop pouring entries out; the heartbeat finds it when it is back.
            follower.probe(follower.match + 1)
            follower.paused = True
    state.snapshot_asked = False


def lost_quorum(state: State) -> bool:
    return silence(state) >= state.patience.longest


def heartbeat_at(state: State) -> float:
    """Who is due already is not counted: it is sent something as soon as `sends` is asked."""
    first = inf
    for follower in state.followers.values():
        if not follower.due and follower.sent < first:
            first = follower.sent
    return first + state.config.heartbeat_seconds


def awake(state: State, follower: Progress) -> bool:
    return state.now < follower.heard + state.config.election_seconds


def deadline(state: State) -> float:
    at, transfer = min(heartbeat_at(state), state.news_at), state.transfer
    return at if transfer is None else min(at, transfer.until)


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────


def on_append_reply(state: State, message: AppendReply) -> None:
    follower = state.followers.get(message.src)
    if follower is None:
        return
    if message.src_id != follower.seat:
        follower = recognise(state, follower, message.src_id)
        if follower is None:
            return
    if follower.lost or has_lost(state, follower, message):
        state.early.append(accusation(state, follower))
        return
    hear(state, follower)
    if message.round > follower.round:
        follower.round = message.round
        confirm_reads(state)
    log = state.log
    if message.rejected:
        hint = message.hint_index
        if message.hint_term > 0:
            hint, _ = log.conflict(hint, message.hint_term)
        follower.rejected(message.index, hint)
        return
    if message.index > log.last:
        raise InvariantViolation(f"{message.src} has {message.index} of a log that ends at {log.last}")
    news = follower.acked(message.index)
    if follower.pace is SNAPSHOT and follower.match >= log.first - 1:
        follower.replicate()
    if news:
        _caught_up(state, follower)


def recognise(state: State, follower: Progress, id: int) -> Progress | None:
    """An answer under a member's name, but of another disk than is expected. A voter's seat is taken: None. A learner
    decides nothing, so it may begin anew."""
    if follower.voter:
        refuse(state, follower.id)
        return None
    if follower.seat:
        follower = Progress(follower.id, state.log.last + 1, state.now, follower.sent, voter=False)
        state.followers[follower.id] = follower
    follower.seat = id
    return follower


def on_snapshot_reply(state: State, message: SnapshotReply) -> None:
    follower = state.followers.get(message.src)
    if follower is None or message.src_id != follower.seat:
        return
    hear(state, follower)
    if follower.pace is not SNAPSHOT or message.index != follower.snapshot_index:
        return
    if message.done:
        follower.acked(message.index)
        follower.replicate()
        _caught_up(state, follower)
    elif state.outgoing and message.offset <= state.outgoing.size:
        follower.wants(message.offset)


def _caught_up(state: State, follower: Progress) -> None:
    """A follower has more than before."""
    follower.matched_in = state.reads.round
    advance_commit(state)
    transfer = state.transfer
    if transfer and transfer.to == follower.id:
        hand_over(state)


# ── handing over ─────────────────────────────────────────────────────────────────────────────────────────────


def transfer(state: State, to: str) -> None:
    state.transfer = Transfer(to, state.now + state.config.election_seconds)
    hand_over(state)


def hand_over(state: State) -> None:
    """The target of a transfer campaigns as soon as it has the whole log (3.10)."""
    transfer = state.transfer
    if transfer and not transfer.sent and state.followers[transfer.to].match == state.log.last:
        transfer.sent = True
        send_timeout_now(state, transfer.to)


def send_timeout_now(state: State, to: str) -> None:
    state.lease_given_up = True
    state.early.append(TimeoutNow(state.id, to, state.term))


# ── commitment ───────────────────────────────────────────────────────────────────────────────────────────────


def advance_commit(state: State) -> None:
    """Count replicas; then let a configuration take its next step."""
    log = state.log
    if state.role is not LEADER or log.commit == log.last:
        return
    if len(state.configuration.voters) > 1 and not _anybody_further(state, log.commit):
        return
    matches = {name: follower.match for name, follower in state.followers.items()}
    matches[state.id] = own_match(state)
    index = agreed(state.configuration, matches, 0)
    if index <= log.commit or not may_count(state, index):
        return
    before, log.commit = log.commit, index
    at = state.configurations.index
    if at <= index and (before < at or state.configuration.outgoing):
        # A joint one is left by whoever leads, also if it was known to be committed before he did.
        _configuration_committed(state)


def _anybody_further(state: State, index: int) -> bool:
    """No majority of several is without another member; asked first, for it is the cheaper question."""
    for follower in state.followers.values():
        if follower.match > index:
            return True
    return False


def own_match(state: State) -> int:
    """Our own copy counts when it is durable, and not before (10.2.1)."""
    return state.log.stable


def may_count(state: State, index: int) -> bool:
    """Only entries of this term are committed by counting replicas (3.6.2)."""
    return state.log.term(index) == state.term


def _configuration_committed(state: State) -> None:
    configuration, at = state.configuration, state.configurations.index
    if configuration.outgoing:
        append_configuration(state, confchange.leave(configuration))
        return
    before = state.configurations.at(at - 1)
    for name in before.everyone:
        if name not in configuration.everyone and name != state.id:
            refuse(state, name)
    if not configuration.votes(state.id):
        # Removed: it led just until that was committed (4.2.2). Who has most may campaign at once.
        voters = [follower for follower in state.followers.values() if follower.voter]
        send_timeout_now(state, max(voters, key=lambda follower: follower.match).id)
        state.follow(state.term, "")


# ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────


def knows_commit(state: State) -> bool:
    """Before the term's first commit a leader does not know what is committed (6.4, step 1)."""
    return state.log.term(state.log.commit) == state.term


def open_reads(state: State) -> None:
    """A round for the reads that wait; or for the lease, now and then, without asking for answers."""
    reads = state.reads
    if reads.waiting and knows_commit(state):
        reads.open(state.log.commit, state.now)
        confirm_reads(state)
    elif state.leases and state.now >= reads.opened_at + 0.5 * state.config.heartbeat_seconds:
        reads.beat(state.now)
        confirm_reads(state)


def confirm_reads(state: State) -> None:
    if state.reads.unconfirmed:
        state.answers.extend(state.reads.confirm(confirmed_round(state)))


def confirmed_round(state: State) -> int:
    """The newest round that a majority has answered."""
    rounds = {name: follower.round for name, follower in state.followers.items()}
    rounds[state.id] = state.reads.round
    return agreed(state.configuration, rounds, 0)


def lease_until(state: State) -> float:
    """The module's docstring derives it."""
    return state.reads.confirmed_at + state.config.election_seconds / (1 + state.config.lease_clock_error)


def holds_lease(state: State) -> bool:
    if state.role is not LEADER or not state.leases or state.lease_given_up or not knows_commit(state):
        return False
    return state.now < lease_until(state)
