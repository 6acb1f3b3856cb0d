"""The leader: what it sends to each follower, what their answers mean, when entries are committed (3.5, 3.6, 6.4).

Must not send anything until `sends` is asked for it, so that all that one turn brings goes out as one Append each.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from cluster.errors import InvariantViolation
from store.raft import confchange
from store.raft.messages import (
    CONFIGURATION,
    Append,
    AppendReply,
    Configuration,
    Entry,
    InstallSnapshot,
    Message,
    SnapshotReply,
    TimeoutNow,
)
from store.raft.progress import Pace, Progress
from store.raft.quorum import agreed
from store.raft.state import Role, State


def start(state: State) -> None:
    """Won: lead, and begin the term with a no-op, whose commit commits all before it (3.6.2)."""
    state.role = Role.LEADER
    state.leader = state.id
    state.election_at = inf
    state.followers = {}
    _follow_configuration(state)
    append(state, (Entry(state.term, state.log.last + 1, b""),))


def append(state: State, entries: Sequence[Entry]) -> None:
    """New entries of this term, at the end of the log."""
    state.log.append(entries)


def append_configuration(state: State, configuration: Configuration) -> int:
    """In force from now on (4.1)."""
    entry = Entry(state.term, state.log.last + 1, confchange.encode(configuration), CONFIGURATION)
    append(state, (entry,))
    state.configurations.note((entry,))
    _follow_configuration(state)
    return entry.index


def _follow_configuration(state: State) -> None:
    known, now = state.followers, state.now
    others = [name for name in state.configuration.everyone if name != state.id]
    state.followers = {name: known.get(name) or Progress(name, state.log.last + 1, now, now) for name in others}
    if state.transfer and state.transfer.to not in state.followers:
        state.transfer = None


def tick(state: State) -> None:
    """Heartbeats that are due; stepping down when no majority is heard (6.2); a transfer that takes too long."""
    config, now = state.config, state.now
    if config.check_quorum:
        heard = {name: follower.heard for name, follower in state.followers.items()}
        heard[state.id] = now
        if agreed(state.configuration, heard, -inf) + config.election_seconds <= now:
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
        if follower.pace is Pace.REPLICATE and not _awake(state, follower):
            # Nobody there: stop pouring entries out; the heartbeat finds it when it is back.
            follower.probe(follower.match + 1)
            follower.paused = True
    state.snapshot_asked = False


def heartbeat_at(state: State) -> float:
    """Who is due already is not counted: it is sent something as soon as `sends` is asked."""
    first = inf
    for follower in state.followers.values():
        if not follower.due and follower.sent < first:
            first = follower.sent
    return first + state.config.heartbeat_seconds


def _awake(state: State, follower: Progress) -> bool:
    return state.now < follower.heard + state.config.election_seconds


def sending_snapshot(state: State) -> bool:
    """Is there a live follower that needs one?"""
    return any(f.pace is Pace.SNAPSHOT and _awake(state, f) for f in state.followers.values())


def deadline(state: State) -> float:
    at, transfer = heartbeat_at(state), state.transfer
    return at if transfer is None else min(at, transfer.until)


def sends(state: State) -> list[Message]:
    """Everything there is to send to followers now."""
    if state.reads.waiting and state.log.term(state.log.commit) == state.term:
        # Before the term's first commit the leader does not know what is committed (6.4, step 1).
        state.reads.open(state.log.commit)
        _confirm_reads(state)
    out: list[Message] = []
    batches: dict[int, tuple[Entry, ...]] = {}
    log, round = state.log, state.reads.round
    for follower in state.followers.values():
        if follower.pace is Pace.REPLICATE and follower.next > log.last and not follower.due:
            if follower.commit_sent >= log.commit and follower.round_sent >= round:
                continue  # it has and knows all: nearly always
        before = len(out)
        if follower.pace is not Pace.SNAPSHOT:
            _send_entries(state, follower, out, batches)
        if follower.pace is Pace.SNAPSHOT:
            _send_chunk(state, follower, out)
        if len(out) > before:
            follower.sent = state.now
            follower.due = False
    if state.outgoing and not sending_snapshot(state):
        state.outgoing = None
    return out


def _send_entries(state: State, follower: Progress, out: list[Message], batches: dict[int, tuple[Entry, ...]]) -> None:
    """`batches` shares the very same tuples between followers, so that a codec may encode them once."""
    log, config = state.log, state.config
    if not log.first <= follower.next <= log.last + 1:
        follower.need_snapshot()
        return
    news = False
    while follower.next <= log.last and not follower.blocked(config.max_inflight):
        entries = batches.get(follower.next)
        if entries is None:
            entries = batches[follower.next] = log.batch(follower.next, config.max_append_bytes)
        out.append(_append(state, follower, follower.next - 1, entries))
        follower.sent_entries(entries[-1].index)
        news = True
        if follower.pace is Pace.PROBE:
            break
    if news:
        return
    told = follower.commit_sent
    untold = told < log.commit and told < follower.next - 1 and follower.pace is Pace.REPLICATE
    if untold or follower.due or follower.round_sent < state.reads.round:
        out.append(_append(state, follower, follower.next - 1, ()))


def _append(state: State, follower: Progress, prev: int, entries: tuple[Entry, ...]) -> Append:
    log = state.log
    follower.round_sent = state.reads.round
    follower.commit_sent = min(log.commit, prev + len(entries))
    prev_term = log.term(prev)
    if prev_term is None:
        prev, prev_term = 0, 0
    return Append(state.id, follower.id, state.term, prev, prev_term, entries, log.commit, state.reads.round)


def _send_chunk(state: State, follower: Progress, out: list[Message]) -> None:
    """The next chunk of the snapshot, or the last one again at every heartbeat; and empty Appends, which are
    checked against what the follower has anyway, to stay its leader meanwhile."""
    snapshot = state.outgoing
    if follower.due or follower.round_sent < state.reads.round:
        out.append(_append(state, follower, follower.match, ()))
    if not _awake(state, follower):
        return
    if snapshot is None or snapshot.index < state.log.first - 1:
        state.outgoing = None
        state.snapshot_wanted = state.snapshot_wanted or not state.snapshot_asked
        return
    if follower.snapshot_index != snapshot.index:
        follower.snapshot_index, follower.offset, follower.chunk_due = snapshot.index, 0, True
    if not (follower.due or follower.chunk_due):
        return
    follower.chunk_due = False
    end = follower.offset + state.config.snapshot_chunk_bytes
    out.append(
        InstallSnapshot(
            state.id,
            follower.id,
            state.term,
            snapshot.index,
            snapshot.term,
            snapshot.configuration,
            follower.offset,
            snapshot.data[follower.offset : end],
            end >= len(snapshot.data),
        )
    )


def on_append_reply(state: State, message: AppendReply) -> None:
    follower = state.followers.get(message.src)
    if state.role is not Role.LEADER or follower is None:
        return
    follower.heard = state.now
    if message.round > follower.round:
        follower.round = message.round
        _confirm_reads(state)
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
    if follower.pace is Pace.SNAPSHOT and follower.match >= log.first - 1:
        follower.replicate()
    if news:
        _caught_up(state, follower)


def on_snapshot_reply(state: State, message: SnapshotReply) -> None:
    follower = state.followers.get(message.src)
    if state.role is not Role.LEADER or follower is None:
        return
    follower.heard = state.now
    if follower.pace is not Pace.SNAPSHOT or message.index != follower.snapshot_index:
        return
    if message.done:
        follower.acked(message.index)
        follower.replicate()
        _caught_up(state, follower)
    elif message.offset != follower.offset and state.outgoing and message.offset < len(state.outgoing.data):
        # The offset just sent, asked for again, is an answer that came twice: the heartbeat repeats a lost chunk.
        follower.offset, follower.chunk_due = message.offset, True


def _caught_up(state: State, follower: Progress) -> None:
    """A follower has more than before."""
    advance_commit(state)
    transfer = state.transfer
    if transfer and transfer.to == follower.id:
        hand_over(state)


def hand_over(state: State) -> None:
    """The target of a transfer campaigns as soon as it has the whole log (3.10)."""
    transfer = state.transfer
    if transfer and not transfer.sent and state.followers[transfer.to].match == state.log.last:
        transfer.sent = True
        state.outbox.append(TimeoutNow(state.id, transfer.to, state.term))


def advance_commit(state: State) -> None:
    """Count replicas, but only of entries of this term (3.6.2); then let a configuration take its next step."""
    log = state.log
    if state.role is not Role.LEADER or log.commit == log.last:
        return
    matches = {name: follower.match for name, follower in state.followers.items()}
    matches[state.id] = log.stable
    index = agreed(state.configuration, matches, 0)
    if index <= log.commit or log.term(index) != state.term:
        return
    log.commit_to(index)
    if state.configurations.index > log.commit:
        return
    if state.configuration.outgoing:
        append_configuration(state, confchange.leave(state.configuration))
    elif not state.configuration.votes(state.id):
        # Removed: it led just until that was committed (4.2.2).
        state.follow(state.term, "")


def _confirm_reads(state: State) -> None:
    rounds = {name: follower.round for name, follower in state.followers.items()}
    rounds[state.id] = state.reads.round
    state.answers.extend(state.reads.confirm(agreed(state.configuration, rounds, 0)))
