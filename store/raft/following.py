"""The follower: entries and snapshots from a leader, and what it may answer (3.5, 5.1, 5.3).

Must not answer before it is true on disk: what says that entries are here goes to the outbox, which waits for the
sync; what says less goes at once.
"""

from __future__ import annotations

from cluster.errors import InvariantViolation
from store.raft.messages import Append, AppendReply, InstallSnapshot, SnapshotMeta, SnapshotReply
from store.raft.state import LEADER, Incoming, State


def on_append(state: State, message: Append) -> None:
    _hear(state, message)
    log, prev = state.log, message.prev_index
    if state.installing or state.install or prev < log.first - 1:
        # While a snapshot takes the log's place nothing is added to it; and below the compaction nothing is compared.
        # Up to our commit index the logs agree, whoever leads.
        _acknowledge(state, message, log.commit)
        return
    new = log.match(prev, message.prev_term, message.entries)
    if new is None:
        hint, term = log.conflict(prev, message.prev_term)
        state.early.append(
            AppendReply(state.id, message.src, state.term, prev, True, hint, term, message.round, state.disk_id)
        )
        return
    if new:
        state.configurations.note(new)
    last = prev + len(message.entries)
    log.commit_to(min(message.commit, last))
    if message.entries or message.round:
        _acknowledge(state, message, last)


def _acknowledge(state: State, message: Append, last: int) -> None:
    """The logs agree up to `last`: a heartbeat is answered at once with what of that is durable, entries when they
    are."""
    if not message.entries:
        last = min(last, state.log.stable)
    reply = AppendReply(state.id, message.src, state.term, last, round=message.round, src_id=state.disk_id)
    if message.entries:
        promise(state, reply)
    else:
        state.early.append(reply)


def promise(state: State, reply: AppendReply) -> None:
    """To be kept by what is on disk. The last of several says what all of them say."""
    outbox = state.outbox
    if outbox:
        before = outbox[-1]
        if type(before) is AppendReply and (before.dst, before.term) == (reply.dst, reply.term):
            if before.index <= reply.index and before.round <= reply.round:
                outbox.pop()
    outbox.append(reply)


def on_install_snapshot(state: State, message: InstallSnapshot) -> None:
    """Chunks in order; whoever lost track says which one it wants. A file of another leader, or of the same with
    another index, is another file; after a restart it cannot be told whose file was being received, so it goes on,
    and the checksum of the whole, which the shell verifies, decides."""
    _hear(state, message)
    log, meta = state.log, message.meta
    if log.term(message.index) == message.snap_term and message.index > log.commit:
        log.commit_to(message.index)
    if message.index <= log.commit:
        state.incoming = None
        state.outbox.append(_reply(state, message.src, message.index, 0, True))
        return
    incoming = state.incoming
    if incoming is None or incoming.meta != meta or incoming.src not in ("", message.src):
        if incoming is not None and incoming.installing:
            return
        incoming = state.incoming = Incoming(meta, message.src)
    if not incoming.installing and message.size == len(message.data):
        incoming.src = message.src
        _take(state, incoming, message)
    state.early.append(_reply(state, message.src, message.index, incoming.offset, False))


def _take(state: State, incoming: Incoming, message: InstallSnapshot) -> None:
    if message.offset == incoming.offset:
        state.chunks.append((incoming.meta, message.offset, message.data))
        incoming.offset += message.size
    if message.done and message.offset + message.size == incoming.offset:
        incoming.installing = True
        state.install = incoming.meta


def installed(state: State) -> None:
    """The snapshot is durable and in the state machine: it replaces the log."""
    incoming, state.incoming, state.installing = state.incoming, None, 0
    assert incoming is not None
    meta = incoming.meta
    state.configurations.restore(meta.index, meta.configuration)
    state.log.restore(meta)
    state.outbox.append(_reply(state, incoming.src, meta.index, 0, True))


def failed(state: State, meta: SnapshotMeta) -> None:
    """What had arrived is not what was sent: once more from the beginning."""
    incoming = state.incoming
    if incoming is None or incoming.meta != meta:
        return
    state.install, state.installing = None, 0
    state.incoming = Incoming(meta, incoming.src)
    state.early.append(_reply(state, incoming.src, meta.index, 0, False))


def _reply(state: State, dst: str, index: int, offset: int, done: bool) -> SnapshotReply:
    return SnapshotReply(state.id, dst, state.term, index, offset, done, state.disk_id)


def _hear(state: State, message: Append | InstallSnapshot) -> None:
    if state.role is LEADER:
        raise InvariantViolation(f"{message.src} and {state.id} both lead in term {state.term}")
    state.hear_leader(message.src)
