"""What a leader sends to each follower now: entries, news of the commit index, heartbeats, chunks of a snapshot.

Must not decide what is committed, nor read a snapshot's bytes: chunks say which ones are meant.
"""

from __future__ import annotations

from math import inf

from store.raft.leading import awake, open_reads
from store.raft.messages import Append, Entry, InstallSnapshot, Message
from store.raft.progress import PROBE, REPLICATE, SNAPSHOT, Progress
from store.raft.state import State

Batches = dict[int, tuple[tuple[Entry, ...], int]]


def sends(state: State, out: list[Message]) -> None:
    """Add everything there is to send to followers now."""
    open_reads(state)
    batches: Batches = {}
    last, commit, needed = state.log.last, state.log.commit, state.reads.needed
    delay, untold = state.config.commit_delay_seconds, False
    tell = not delay or state.now >= state.news_at
    for follower in state.followers.values():
        if follower.pace is REPLICATE and follower.next > last and not follower.due:
            if follower.round_sent >= needed and (follower.commit_sent >= commit or not tell):
                untold = untold or follower.commit_sent < commit
                continue  # it has and knows all, or is told a moment later: nearly always
        before = len(out)
        if follower.pace is not SNAPSHOT:
            _send_entries(state, follower, out, batches, tell)
        if follower.pace is SNAPSHOT:
            _send_chunks(state, follower, out)
        if len(out) > before:
            follower.sent = state.now
            follower.due = False
    if not untold:
        state.news_at = inf
    elif state.news_at == inf:
        state.news_at = state.now + delay
    if state.outgoing and not sending_snapshot(state):
        state.outgoing = None


def sending_snapshot(state: State) -> bool:
    """Is there a live follower that needs one?"""
    return any(f.pace is SNAPSHOT and awake(state, f) for f in state.followers.values())


def _send_entries(state: State, follower: Progress, out: list[Message], batches: Batches, tell: bool) -> None:
    """`batches` shares the very same tuples between followers, so that a codec may encode them once. `tell`: news of
    the commit index goes even alone."""
    log, config = state.log, state.config
    if not log.first <= follower.next <= log.last + 1:
        follower.need_snapshot()
        return
    news = False
    while follower.next <= log.last and not follower.blocked(config.max_inflight, config.max_inflight_bytes):
        batch = batches.get(follower.next)
        if batch is None:
            batch = batches[follower.next] = log.batch(follower.next, config.max_append_bytes)
        entries, size = batch
        out.append(_append(state, follower, follower.next - 1, entries, state.reads.round))
        follower.sent_entries(entries[-1].index, size)
        news = True
        if follower.pace is PROBE:
            break
    if news:
        return
    if follower.due or follower.round_sent < state.reads.needed:
        out.append(_append(state, follower, follower.next - 1, (), state.reads.round))
    elif tell and follower.commit_sent < log.commit and follower.commit_sent < follower.next - 1:
        if follower.pace is REPLICATE:
            # Only news of the commit index: no round, and so no answer.
            out.append(_append(state, follower, follower.next - 1, (), 0))


def _append(state: State, follower: Progress, prev: int, entries: tuple[Entry, ...], round: int) -> Append:
    log = state.log
    if round:
        follower.round_sent = round
    follower.commit_sent = min(log.commit, prev + len(entries))
    prev_term = log.term(prev)
    if prev_term is None:
        prev, prev_term = 0, 0
    return Append(state.id, follower.id, state.term, prev, prev_term, entries, log.commit, round)


def _send_chunks(state: State, follower: Progress, out: list[Message]) -> None:
    """Chunks of the snapshot, as many as may be under way; and empty Appends, which are checked against what the
    follower has anyway, to stay its leader meanwhile."""
    outgoing, config, due = state.outgoing, state.config, follower.due
    if due or follower.round_sent < state.reads.needed:
        out.append(_append(state, follower, follower.match, (), state.reads.round))
    if not awake(state, follower):
        return
    if outgoing is None or outgoing.meta.index < state.log.first - 1:
        state.outgoing = None
        state.snapshot_wanted = state.snapshot_wanted or not state.snapshot_asked
        return
    meta, size, chunk = outgoing.meta, outgoing.size, config.snapshot_chunk_bytes
    if follower.snapshot_index != meta.index:
        follower.start_snapshot(meta.index)
    elif due:
        follower.stalled((size - 1) // chunk * chunk)
    limit = min(size, follower.arrived + config.snapshot_window * chunk)
    while follower.offset < limit:
        at, length = follower.offset, min(chunk, size - follower.offset)
        follower.offset += length
        out.append(
            InstallSnapshot(
                state.id,
                follower.id,
                state.term,
                meta.index,
                meta.term,
                meta.configuration,
                at,
                length,
                done=follower.offset == size,
            )
        )
