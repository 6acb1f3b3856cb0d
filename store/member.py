"""A store member: one task owns the raft node; messages, proposals and time go into one inbox, and what the node wants
done is done in the order that makes it safe.

Must not know requests (store/service.py) or decide anything that the pure parts below it decide.

All that has arrived in a turn of the loop is one batch: one propose, one write-ahead record, one sync, one Append per
follower. While that sync is under way, new input gathers for the next batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf

from cluster.errors import StatusError
from cluster.rpc import Answer, Request, Rpc
from cluster.world.host import Host
from store import codec
from store.config import Config
from store.machine import Machine
from store.raft.config import Config as RaftConfig
from store.raft.messages import Entry, Message, Snapshot, SnapshotMeta
from store.raft.node import Node, NotLeaderError, Ready, Role, Stored
from store.service import Service
from store.snapshot import SnapshotError
from store.storage import Recovered, Storage
from store.waiting import Proposal, Read
from store.wal import WalError

__all__ = ["Config", "Member", "run"]


async def run(host: Host, config: Config) -> None:
    """Runs until its disk fails, or what is on it cannot be trusted; then raises OSError, WalError or SnapshotError."""
    try:
        storage, recovered = await Storage.open(host.disk, config.wal_segment_bytes)
    except (WalError, SnapshotError) as error:
        host.note("refused-to-start", {"error": str(error)})
        raise
    member = Member(host, config, storage, recovered)
    rpc = Rpc(host, keepalive=config.keepalive)
    for kind in codec.RAFT_KINDS:
        rpc.serve_fast(kind, member.heard)
    Service(rpc, config, member)
    try:
        await member.work()
    except OSError as error:
        host.note("disk-failed", {"error": str(error)})
        raise


class Member:
    """The inbox, the loop, and the promises that wait for the log. Service talks to `propose`, `read`, `machine`."""

    def __init__(self, host: Host, config: Config, storage: Storage, recovered: Recovered) -> None:
        self.host = host
        self.config = config
        self.machine = Machine(config.watch_chunk)
        self.publish: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._storage = storage
        snapshot = recovered.snapshot
        if snapshot is not None:
            self.machine.load(snapshot.data)
        self.applied = snapshot.index if snapshot is not None else 0
        meta = snapshot.meta if snapshot is not None else SnapshotMeta()
        self.node = Node(
            RaftConfig(
                id=host.name,
                members=config.members,
                heartbeat_seconds=config.heartbeat,
                election_seconds=config.election,
                max_append_bytes=config.max_append_bytes,
                snapshot_chunk_bytes=config.snapshot_chunk_bytes,
                retain_entries=config.retain_entries,
            ),
            Stored(recovered.hard, meta, recovered.entries),
            host.rng,
            self._loop.time(),
        )
        self._messages: list[Message] = []
        self._proposals: list[Proposal] = []
        self._reads: list[Read] = []
        self._waiting: dict[int, Proposal] = {}
        self._asked: dict[int, list[Read]] = {}
        self._confirmed: list[tuple[int, list[Read]]] = []
        self._context = 0
        self._waker: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._saving: asyncio.Task[SnapshotMeta] | None = None
        self._saved = self.applied
        self._compaction_asked = 0
        self._maintained = -1
        host.note(
            "recovered",
            {
                "term": recovered.hard.term,
                "snapshot": meta.index,
                "entries": len(recovered.entries),
                "torn": recovered.torn,
                "segments": recovered.segments,
            },
        )

    # ── what comes in ────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, request: Request, _: Answer) -> None:
        """A raft message; nobody waits for an answer."""
        if request.src in self.config.members:
            self._messages.append(codec.message_of(request.kind, request.src, self.host.name, request.body))
            self._wake()

    def propose(self, data: bytes, answer: Answer, deadline: float) -> None:
        """Answered when the entry is applied. StatusError NotLeader or TooManyRequests at once."""
        self.check_leading()
        if len(self._waiting) + len(self._proposals) >= self.config.max_pending:
            raise StatusError("TooManyRequests", f"{self.config.max_pending} proposals are under way")
        self._proposals.append(Proposal(data, answer, deadline))
        self._wake()

    def read(self, read: Read) -> None:
        """Served when this member has confirmed that it leads. StatusError NotLeader at once."""
        self.check_leading()
        self._reads.append(read)
        self._wake()

    def check_leading(self) -> None:
        if self.node.role is not Role.LEADER:
            raise self._not_leader(self.node.leader)

    def _not_leader(self, leader: str) -> StatusError:
        text = f"{self.host.name} does not lead, {leader} does" if leader else f"{self.host.name} knows no leader"
        return StatusError("NotLeader", text, {"leader": leader} if leader else {})

    def _wake(self) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    # ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────

    async def work(self) -> None:
        while True:
            self._maintain()
            self._feed()
            ready = self.node.ready()
            if ready is None:
                await self._arrival()
            else:
                await self._carry_out(ready)

    async def _arrival(self) -> None:
        """Wait for input or for the node's deadline. The timer is only ever moved forward when it fires: a deadline
        moves back with each heartbeat, and re-arming for each would cost more than one early wake-up."""
        if self._messages or self._proposals or self._reads:
            return
        deadline = self.node.deadline()
        if deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._due)
        self._waker = self._loop.create_future()
        await self._waker
        self._waker = None

    def _due(self) -> None:
        self._timer, self._timer_at = None, inf
        self._wake()

    def _feed(self) -> None:
        """Everything that has arrived, into the node."""
        now = self._loop.time()
        node = self.node
        if node.deadline() <= now:
            node.tick(now)
        if self._messages:
            messages, self._messages = self._messages, []
            for message in messages:
                node.step(message, now)
        if self._proposals:
            proposals, self._proposals = self._proposals, []
            self._propose([p for p in proposals if not 0 < p.deadline <= now], now)
        if self._reads:
            reads, self._reads = self._reads, []
            self._ask([read for read in reads if not 0 < read.deadline <= now], now)

    def _propose(self, proposals: list[Proposal], now: float) -> None:
        if not proposals:
            return
        try:
            first = self.node.propose([proposal.data for proposal in proposals], now)
        except NotLeaderError as error:
            for proposal in proposals:
                if proposal.answer is not None:
                    proposal.answer.error(self._not_leader(error.leader))
            return
        term = self.node.term
        for index, proposal in enumerate(proposals, first):
            proposal.term = term
            self._waiting[index] = proposal

    def _ask(self, reads: list[Read], now: float) -> None:
        """One read round for all of them."""
        if not reads:
            return
        self._context += 1
        try:
            self.node.read_index(self._context, now)
        except NotLeaderError as error:
            for read in reads:
                read.answer.error(self._not_leader(error.leader))
            return
        self._asked[self._context] = reads

    async def _carry_out(self, ready: Ready) -> None:
        """The order of these lines is the contract (store/raft/node.py: Ready)."""
        if ready.changed is not None:
            change = ready.changed
            self.host.note("role", {"term": change.term, "role": str(change.role), "leader": change.leader})
        if ready.snapshot is not None:
            if self._saving is not None:
                await asyncio.wait((self._saving,))
            await self._storage.install(ready.snapshot)
        await self._storage.append(ready.hard, ready.entries)
        self._send(ready.early)
        if ready.must_sync:
            await self._storage.sync()
        self._send(ready.messages)
        if ready.snapshot is not None:
            self._install(ready.snapshot)
        if ready.committed:
            self._apply(ready.committed)
        for context, index in ready.reads:
            self._confirm(context, index)
        self.node.advance(ready)
        if self._confirmed:
            self._serve()
        if ready.committed or ready.snapshot is not None:
            self.publish()
        if ready.snapshot_wanted:
            snapshot = self._storage.snapshot()
            if snapshot is not None:
                self.node.provide_snapshot(snapshot)

    def _send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            kind, body = codec.message_body(message)
            self.host.bus.send(message.dst, kind, body)

    # ── what comes out ───────────────────────────────────────────────────────────────────────────────────────

    def _apply(self, committed: Sequence[Entry]) -> None:
        waiting, apply = self._waiting, self.machine.apply
        for entry in committed:
            result = apply(entry.data) if entry.data and not entry.kind else None
            proposal = waiting.pop(entry.index, None) if waiting else None
            if proposal is None or proposal.answer is None:
                continue
            if proposal.term != entry.term:
                # Another leader's entry is committed in its place, so it is certain that this one never will be.
                proposal.answer.error(self._not_leader(self.node.leader))
            elif isinstance(result, StatusError):
                proposal.answer.error(result)
            else:
                proposal.answer.ok(result)
        self.applied = committed[-1].index

    def _install(self, snapshot: Snapshot) -> None:
        self.host.note("installed", {"index": snapshot.index, "term": snapshot.term, "bytes": len(snapshot.data)})
        self.machine.load(snapshot.data)
        self.applied = self._saved = snapshot.index
        for index in [index for index in self._waiting if index <= snapshot.index]:
            proposal = self._waiting.pop(index)
            if proposal.answer is not None:
                text = "what became of it is inside a snapshot; it may or may not have happened"
                proposal.answer.error(StatusError("Dropped", text))

    def _confirm(self, context: int, index: int | None) -> None:
        reads = self._asked.pop(context, [])
        if index is not None:
            self._confirmed.append((index, reads))
            return
        error = StatusError("NoQuorum", f"{self.host.name} no longer leads; the read was refused")
        for read in reads:
            read.answer.error(error)

    def _serve(self) -> None:
        """Answer the reads that the applied state is new enough for."""
        now = self._loop.time()
        later = []
        for index, reads in self._confirmed:
            if index > self.applied:
                later.append((index, reads))
                continue
            for read in reads:
                if 0 < read.deadline <= now:
                    continue
                try:
                    read.serve()
                except StatusError as error:
                    read.answer.error(error)
        self._confirmed = later

    # ── upkeep ───────────────────────────────────────────────────────────────────────────────────────────────

    def _maintain(self) -> None:
        """Between two batches: a finished snapshot shortens the log, a long log asks for one, an old space shrinks."""
        if self._saving is None and self.applied == self._maintained:
            return
        self._maintained = self.applied
        if self._saving is not None and self._saving.done():
            self.node.compact(self._saving.result())
            self._saving = None
        if self._saving is None and self.applied - self._saved >= self.config.snapshot_entries:
            node, index = self.node, self.applied
            snapshot = Snapshot(index, node.term_at(index), node.configuration_at(index), self.machine.dump())
            self._saved = index
            self._saving = self._loop.create_task(self._save(snapshot))
            self._saving.add_done_callback(lambda _: self._wake())
        keep, space = self.config.keep_revisions, self.machine.space
        if keep and self.node.role is Role.LEADER:
            if space.revision - max(space.compacted, self._compaction_asked) > keep + keep // 4:
                self._compaction_asked = space.revision - keep
                self._proposals.append(Proposal(codec.compact_command("", 0, self._compaction_asked), None))

    async def _save(self, snapshot: Snapshot) -> SnapshotMeta:
        """Beside the loop, so that heartbeats go on while the file is written."""
        await self._storage.save(snapshot)
        self.host.note("snapshot", {"index": snapshot.index, "bytes": len(snapshot.data)})
        return snapshot.meta
