"""A store member: messages, proposals and time go into one inbox, and once a turn all of it into the raft node; what
the node then wants done is done in the order that makes it safe.

Must not know requests (store/service.py) or decide anything that the pure parts below it decide.

All that has arrived in a turn of the loop is one batch: one entry, one write-ahead record, one sync, one Append per
follower. A sync that is expected to be brief happens within the turn, while followers are at theirs; while a longer one
is under way the member goes on, and what it says about durability waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from math import inf

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.wire import pack, unpack
from cluster.world.host import Envelope, Host
from store import codec
from store.admin import Admin
from store.config import Config
from store.leaderships import Leaderships
from store.machine import Machine
from store.raft.config import Config as RaftConfig
from store.raft.messages import Entry, InstallSnapshot, Message, SnapshotMeta
from store.raft.node import Node, NotLeaderError, Ready, Role, Stored
from store.refusal import halting, refused
from store.service import Service
from store.snapshot import SnapshotError
from store.storage import Recovered, Storage
from store.upkeep import Upkeep
from store.waiting import Proposal, Read, Waiting

__all__ = ["Config", "Member", "run"]


async def run(host: Host, config: Config) -> None:
    """Runs until its disk fails or cannot be trusted; then raises DiskFailedError, WalError, SnapshotError or
    LostLogError."""
    with halting(host, "refused-to-start"):
        storage, recovered = await Storage.open(host.disk, config.wal_segment_bytes)
        member = Member(host, config, storage, recovered)
    rpc = Rpc(host, keepalive=config.keepalive)
    for kind in codec.RAFT_KINDS:
        rpc.hear(kind, member.heard)
    Service(rpc, config, member)
    Admin(rpc, config, member, storage)
    with halting(host, "disk-failed"):
        await member.work()


class Member:
    """The inbox, the turn, and the promises that wait for the log. Service talks to `propose`, `read`, `machine`."""

    def __init__(self, host: Host, config: Config, storage: Storage, recovered: Recovered) -> None:
        self.host = host
        self.config = config
        self.publish: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._now = host.clock.monotonic
        """For the node: not the loop's time, which a loop may keep for a whole turn, however long that takes."""
        self._storage = storage
        self.machine = Machine(config.watch_chunk, config.quota_bytes)
        meta = recovered.snapshot or SnapshotMeta()
        if recovered.snapshot is not None:
            self.machine.load(storage.parts(meta))
        self.applied = meta.index
        self.applied_bytes = 0
        """Of log, since this member's start."""
        stored = Stored(recovered.hard, meta, recovered.entries, storage.partial())
        self.node = Node(_raft_config(host.name, config), stored, host.rng, self._now())
        self.leaderships = Leaderships(host.name, self.node, recovered.hard.term)
        self.upkeep = Upkeep(host, config, storage, self)
        self._peers: dict[str, bool] = {}
        self._messages: list[Message] = []
        self._proposals: list[Proposal] = []
        self._reads: list[Read] = []
        self._waiting = Waiting(host.name)
        self._context = 0
        self._stirred = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._now()
        self._held: list[tuple[Ready, Sequence[Message]]] = []
        self._syncing: asyncio.Task[None] | None = None
        self._installing: asyncio.Task[None] | None = None
        self._over: asyncio.Future[None] = self._loop.create_future()
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

    def heard(self, envelope: Envelope) -> None:
        """A raft message. Whoever may be a member is heard, for a member that was away knows not all who came since."""
        peer = self._peers.get(envelope.src)
        if peer is None:
            peer = self._peers[envelope.src] = fnmatchcase(envelope.src, self.config.peers)
        if not peer:
            return
        self._messages.append(codec.message_of(envelope.kind, envelope.src, self.host.name, envelope.body))
        if not self._stirred:
            self._stirred = True
            self.host.bus.defer(self._turn)

    def propose(self, proposal: Proposal) -> None:
        """Answered when its entry is applied. StatusError NotLeader or TooManyRequests at once. It is for this
        leadership and no later one: whoever proposes for a client has looked which one that means."""
        proposal.term = self.leaderships.leads_in()
        count = len(proposal.operations)
        if self._waiting.pending + count > self.config.max_pending:
            raise StatusError("TooManyRequests", f"{self._waiting.pending} proposals are under way")
        self._waiting.pending += count
        self._proposals.append(proposal)
        self.stir()

    def read(self, read: Read) -> None:
        """Served when this member has confirmed that it leads. StatusError NotLeader at once."""
        self.leaderships.leads_in()
        self._reads.append(read)
        self.stir()

    def lease_read(self, read: Read) -> None:
        """Served at once while this member holds a lease (Raft thesis 6.4.1); else as `read`."""
        self.leaderships.leads_in()
        index = self.node.lease_read(self._now())
        if index is not None and index <= self.applied:
            read.serve()
        else:
            self.read(read)

    def stir(self) -> None:
        """There is something to do at the end of this turn."""
        if not self._stirred:
            self._stirred = True
            self.host.bus.defer(self._turn)

    # ── the turn ─────────────────────────────────────────────────────────────────────────────────────────────

    async def work(self) -> None:
        self.stir()
        await self._over

    def fail(self, error: BaseException) -> None:
        """The member ends with this."""
        if not self._over.done():
            self._over.set_exception(error)

    def _turn(self) -> None:
        self._stirred = False
        if self._installing is not None or self._over.done():
            return
        try:
            self.upkeep.look()
            self._feed()
            while self._installing is None:
                ready = self.node.ready()
                if ready is None:
                    break
                self._carry_out(ready)
                if not (ready.committed or ready.must_sync or ready.snapshot_wanted):
                    break  # the node was told nothing meanwhile, and so has nothing new
            self._arm()
        except Exception as error:  # a callback has no caller to raise to
            self.fail(error)

    def _arm(self) -> None:
        """A timer for the node's deadline. It is only ever moved forward when it fires: a deadline moves back with
        each heartbeat, and re-arming for each would cost more than one early wake-up."""
        deadline = self.node.deadline()
        other = self.upkeep.deadline()
        if other < deadline:
            deadline = other
        if self._timer is None or deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._due) if deadline < inf else None

    def _due(self) -> None:
        self._timer = None
        self._turn()

    def _feed(self) -> None:
        """Everything that has arrived, into the node. First the messages: who was held up has heard from the others
        meanwhile."""
        now = self._now()
        node = self.node
        if self._messages:
            messages, self._messages = self._messages, []
            step = node.step
            for message in messages:
                step(message, now)
        if now >= self._timer_at:  # no deadline of the node's is earlier
            if node.deadline() <= now:
                node.tick(now, held_up=now > self._timer_at + self.config.heartbeat)
        if self._proposals:
            proposals, self._proposals = self._proposals, []
            self._propose(proposals, now)
        if self._reads:
            reads, self._reads = self._reads, []
            self._ask([read for read in reads if not 0 < read.deadline <= now], now)

    def _propose(self, proposals: list[Proposal], now: float) -> None:
        waiting, term = self._waiting, self.node.term
        if any([proposal.term != term for proposal in proposals]):  # another leadership has begun meanwhile
            late = [proposal for proposal in proposals if proposal.term != term]
            waiting.refused(late, self.leaderships.not_leader())
            proposals = [proposal for proposal in proposals if proposal.term == term]
        batches = waiting.gather(proposals, self.config.batch_operations, now)
        if not batches:
            return
        try:
            first = self.node.propose([pack(batch.operations) for batch in batches], now)
        except NotLeaderError as error:
            refusal = self.leaderships.refusal(error)
            for batch in batches:
                waiting.refused(batch.owners, refusal)
        else:
            waiting.proposed(first, term, batches)

    def _ask(self, reads: list[Read], now: float) -> None:
        """One read round for all of them."""
        if not reads:
            return
        self._context += 1
        try:
            self.node.read_index(self._context, now)
        except NotLeaderError as error:
            refusal = self.leaderships.refusal(error)
            for read in reads:
                read.refuse(refusal)
            return
        self._waiting.asked(self._context, reads)

    # ── what the node wants done ─────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, ready: Ready) -> None:
        """The order of these lines is the contract (store/raft/node.py: Ready)."""
        if ready.changed is not None:
            change = ready.changed
            if change.role is Role.LEADER:
                self.leaderships.begins(change.term)
            self.host.note("role", {"term": change.term, "role": str(change.role), "leader": change.leader})
            self.upkeep.role_changed(self._now())
        if ready.refused is not None:
            refused(self.host, ready.refused)
        for meta, offset, data in ready.chunks:
            self._storage.receive(meta, offset, data)
        if ready.early:
            self._send(ready.early)
            if ready.entries:
                self.host.bus.flush()  # the followers begin while the record is made
        if ready.hard is not None or ready.entries:
            self._storage.append(ready.hard, ready.entries)
        if ready.must_sync or ready.install is not None or self._held:
            self._held.append((ready, ready.messages))
        else:
            self._send(ready.messages)
        if self._held and self.node.role is not Role.LEADER and ready.install is None:
            self._begin_sync()  # the leader waits for that, and nobody for what is committed here
        if ready.committed:
            self._apply(ready.committed)
        for context, index in ready.reads:
            self._waiting.confirmed(context, index)
        self._waiting.serve(self.applied, self._loop.time())
        if ready.committed:
            self.publish()
        if ready.snapshot_wanted:
            self.upkeep.offer_snapshot()
        if ready.install is not None:
            self._installing = self._loop.create_task(self._install(ready, ready.install))
        elif self._held:
            self._begin_sync()
        elif ready.committed:
            self.host.bus.flush()

    def _begin_sync(self) -> None:
        """Of all that is held, if none is under way; within this turn, if it will be brief."""
        if self._syncing is not None:
            return
        self.host.bus.flush()
        if self._storage.try_sync():
            self._durable()
            self.host.bus.flush()
        else:
            self._syncing = self._loop.create_task(self._sync())

    def _durable(self) -> None:
        """All that was appended is synced: what waited for it goes out."""
        held, self._held = self._held, []
        self.node.durable(held[-1][0])
        for _, messages in held:
            self._send(messages)

    async def _sync(self) -> None:
        """Beside the turns: heartbeats go on, and what is appended meanwhile is for the next sync."""
        try:
            while count := sum(ready.install is None for ready, _ in self._held):
                covered = self._held[count - 1][0]  # a snapshot, the last there can be, is durable when it is installed
                await self._storage.sync()
                self.node.durable(covered)
                for _, messages in self._held[:count]:
                    self._send(messages)
                del self._held[:count]
        except Exception as error:
            self.fail(error)
            return
        self._syncing = None
        self._turn()

    def _send(self, messages: Iterable[Message]) -> None:
        send = self.host.bus.send
        for message in messages:
            if type(message) is InstallSnapshot:
                message.data = self._storage.chunk(message.meta, message.offset, message.size)
            kind, body = codec.message_body(message)
            send(message.dst, kind, body)

    # ── what comes out ───────────────────────────────────────────────────────────────────────────────────────

    def _apply(self, committed: Sequence[Entry]) -> None:
        waiting, apply = self._waiting, self.machine.apply
        for entry in committed:
            self.applied_bytes += len(entry.data)
            batch = waiting.take(entry.index)
            if entry.kind or not entry.data:
                results = []
            elif batch is not None and batch.term == entry.term:
                results = apply(batch.operations)
            else:
                results = apply(unpack(entry.data))
            if batch is None:
                continue
            if batch.term == entry.term:
                batch.settle(results)
            else:
                batch.refuse(self.leaderships.not_leader())
        self.applied = committed[-1].index
        self.node.applied(self.applied)

    async def _install(self, ready: Ready, meta: SnapshotMeta) -> None:
        """The member stands still while the leader's snapshot takes the place of its state."""
        try:
            for task in (self._syncing, self.upkeep.saving):
                if task is not None:
                    await asyncio.wait((task,))
            try:
                await self._storage.finish(meta)
            except SnapshotError as error:
                self.host.note("snapshot-refused", {"index": meta.index, "error": str(error)})
                self._held = [pair for pair in self._held if pair[0] is not ready]
                self.node.snapshot_failed(meta)
            else:
                self.machine.load(self._storage.parts(meta))
                self._installed(meta)
                self._durable()
        except Exception as error:
            self.fail(error)
            return
        self._installing = None
        self.publish()
        self._turn()

    def _installed(self, meta: SnapshotMeta) -> None:
        self.host.note("installed", {"index": meta.index, "term": meta.term})
        self.applied = meta.index
        self.upkeep.installed(meta)
        self._waiting.installed(meta.index)


def _raft_config(name: str, config: Config) -> RaftConfig:
    return RaftConfig(
        id=name,
        members=config.members,
        heartbeat_seconds=config.heartbeat,
        election_seconds=config.election,
        patience=config.patience,
        max_append_bytes=config.max_append_bytes,
        snapshot_chunk_bytes=config.snapshot_chunk_bytes,
        retain_entries=config.retain_entries,
        retain_bytes=config.retain_bytes,
        lease_clock_error=config.lease_clock_error,
        commit_delay_seconds=config.commit_delay,
    )
