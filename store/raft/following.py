"""The follower: entries and snapshots from a leader, and what it may answer (3.5, 5.1, 5.3).

Must not answer before it is true on disk: its answers go to the outbox, which waits for the sync.
"""

from __future__ import annotations

from cluster.errors import InvariantViolation
from store.raft.messages import Append, AppendReply, InstallSnapshot, Snapshot, SnapshotReply
from store.raft.state import Incoming, Role, State


def on_append(state: State, message: Append) -> None:
    _hear(state, message)
    log, reply = state.log, message.round
    if message.prev_index < log.first - 1:
        # The place is compacted here. Up to our commit index the logs agree, whoever leads.
        state.outbox.append(AppendReply(state.id, message.src, state.term, log.commit, round=reply))
        return
    new = log.match(message.prev_index, message.prev_term, message.entries)
    if new is None:
        hint, term = log.conflict(message.prev_index, message.prev_term)
        rejection = AppendReply(state.id, message.src, state.term, message.prev_index, True, hint, term, reply)
        state.outbox.append(rejection)
        return
    if new:
        state.configurations.note(new)
    last = message.prev_index + len(message.entries)
    log.commit_to(max(log.commit, min(message.commit, last)))
    state.outbox.append(AppendReply(state.id, message.src, state.term, last, round=reply))


def on_install_snapshot(state: State, message: InstallSnapshot) -> None:
    """Chunks in order; whoever lost track says which one it wants."""
    _hear(state, message)
    log = state.log
    if log.term(message.index) == message.snap_term and message.index > log.commit:
        log.commit_to(message.index)
    if message.index <= log.commit:
        state.incoming = None
        state.outbox.append(SnapshotReply(state.id, message.src, state.term, message.index, 0, True))
        return
    incoming = state.incoming
    if incoming is None or (incoming.src, incoming.term, incoming.index) != (message.src, message.term, message.index):
        incoming = state.incoming = Incoming(message.src, message.term, message.index, [])
    if message.offset == incoming.size:
        incoming.chunks.append(message.data)
        incoming.size += len(message.data)
        if message.done:
            _restore(state, message, b"".join(incoming.chunks))
    done = state.incoming is None
    state.outbox.append(SnapshotReply(state.id, message.src, state.term, message.index, incoming.size, done))


def _restore(state: State, message: InstallSnapshot, data: bytes) -> None:
    snapshot = Snapshot(message.index, message.snap_term, message.configuration, data)
    state.incoming = None
    state.configurations.restore(snapshot.index, snapshot.configuration, state.log.commit)
    state.log.restore(snapshot.meta)
    state.received = snapshot


def _hear(state: State, message: Append | InstallSnapshot) -> None:
    if state.role is Role.LEADER:
        raise InvariantViolation(f"{message.src} and {state.id} both lead in term {state.term}")
    state.hear_leader(message.src)
