"""What a member does for itself between two batches: snapshots, compaction by revision and by age, expired leases,
and the physical work that a compaction leaves behind.

Must not serve anybody. What changes the state goes through the log, as the member's own proposals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING

from cluster.world.host import Host
from store import commands
from store.config import Config
from store.mvcc.lessor import Lessor
from store.raft.messages import SnapshotMeta
from store.raft.node import Role
from store.storage import Storage
from store.trace import Trace
from store.waiting import Operation, Proposal

if TYPE_CHECKING:
    from store.member import Member

AGES = 64
"""Moments remembered by which a revision's age is known: compaction by age is that exact."""
SCRUB = 2000
"""Events that are looked at between two batches while a compaction's rubbish is cleared away."""


class Upkeep:
    def __init__(self, host: Host, config: Config, storage: Storage, member: Member) -> None:
        self.saving: asyncio.Task[SnapshotMeta] | None = None
        self.lessor = Lessor()
        self.led_since = 0.0
        """When this member's last change of role was: while it leads, the beginning of that."""
        self._host = host
        self._config = config
        self._storage = storage
        self._member = member
        self._loop = asyncio.get_running_loop()
        self._saved = member.applied
        self._saved_bytes = 0
        self._saved_size = self._size()
        self._offered: SnapshotMeta | None = None
        self._compaction_asked = 0
        self._looked_at = -1
        self._scrubbing = False
        self._timed = False
        self._ages: list[tuple[float, int]] = []
        """(when, the newest revision then), oldest first."""
        if config.trace:
            Trace(host, config.trace, member, storage)

    # ── between two batches ──────────────────────────────────────────────────────────────────────────────────

    def look(self) -> None:
        member = self._member
        if member.applied == self._looked_at and self.saving is None and not self._timed:
            return
        if self.lessor.leading:
            self._revoke()
        if self._config.keep_seconds and member.node.role is Role.LEADER:
            self._age()
        if self.saving is None and member.applied == self._looked_at:
            return
        self._looked_at = member.applied
        changes = member.machine.space.leases.take_changes()
        if changes:
            self.lessor.update(changes, self._host.clock.monotonic())
            self._see_time()
        self._snapshot()
        if self._config.keep_revisions and member.node.role is Role.LEADER:
            space, keep = member.machine.space, self._config.keep_revisions
            if space.revision - max(space.compacted, self._compaction_asked) > keep + keep // 4:
                self._compact(space.revision - keep)
        if not self._scrubbing and member.machine.scrub(0):
            self._scrubbing = True
            self._loop.call_soon(self._scrub)

    def deadline(self) -> float:
        """When `look` has something to do though nothing happened."""
        if not self._timed:
            return inf
        due = self.lessor.deadline()
        if self._config.keep_seconds and self._member.node.role is Role.LEADER:
            due = min(due, self._next_age())
        return due

    def role_changed(self, now: float) -> None:
        self.led_since = now
        if self._member.node.role is Role.LEADER:
            self.lessor.promote(self._member.machine.leases.rows(), now, self._config.election)
            self._ages = []
        else:
            self.lessor.demote()
        self._see_time()

    def _see_time(self) -> None:
        """Does anything here depend on the time? Mostly not, and then nobody needs to look at it."""
        leads = self._member.node.role is Role.LEADER
        self._timed = leads and (self._config.keep_seconds > 0 or len(self._member.machine.leases) > 0)

    def _propose(self, operation: Operation) -> None:
        self._member.propose(Proposal([operation], [0], None))

    def _scrub(self) -> None:
        self._scrubbing = self._member.machine.scrub(SCRUB)
        if self._scrubbing:
            self._loop.call_soon(self._scrub)

    # ── leases ───────────────────────────────────────────────────────────────────────────────────────────────

    def _revoke(self) -> None:
        now = self._host.clock.monotonic()
        if self.lessor.deadline() <= now:
            for id in self.lessor.expired(now):
                self._propose(commands.own_revoke(id))

    # ── compaction ───────────────────────────────────────────────────────────────────────────────────────────

    def _compact(self, revision: int) -> None:
        self._compaction_asked = revision
        self._propose(commands.own_compact(revision))

    def _next_age(self) -> float:
        # Not the time that it is, if there is none yet: a clock that runs has moved on since the caller looked at it.
        return self._ages[-1][0] + self._config.keep_seconds / AGES if self._ages else -inf

    def _age(self) -> None:
        """Remember what was the newest revision when; compact to the newest that is old enough."""
        now = self._host.clock.monotonic()
        if now < self._next_age():
            return
        space = self._member.machine.space
        self._ages.append((now, space.revision))
        old = [revision for when, revision in self._ages if when <= now - self._config.keep_seconds]
        if old:
            self._ages = [pair for pair in self._ages if pair[0] > now - self._config.keep_seconds]
            if old[-1] > max(space.compacted, self._compaction_asked):
                self._compact(old[-1])

    # ── snapshots ────────────────────────────────────────────────────────────────────────────────────────────

    def _snapshot(self) -> None:
        """A finished snapshot shortens the log; a long log asks for one."""
        member = self._member
        if self.saving is not None and self.saving.done():
            member.node.compact(self.saving.result())
            self.saving = None
        if self.saving is None and self._long():
            node, index = member.node, member.applied
            meta = SnapshotMeta(index, node.term_at(index), node.configuration_at(index))
            self._saved, self._saved_bytes = index, member.applied_bytes
            parts = member.machine.dump()  # the state as of now, though it is packed later
            self.saving = self._loop.create_task(self._save(meta, parts))
            self.saving.add_done_callback(self._finished)

    def _long(self) -> bool:
        """Is the log behind the last snapshot long? A large state is not written more often than as much log is."""
        member, config = self._member, self._config
        if member.applied - self._saved >= config.snapshot_entries:
            return True
        return member.applied_bytes - self._saved_bytes >= max(config.snapshot_bytes, self._saved_size)

    async def _save(self, meta: SnapshotMeta, parts: Iterator[bytes]) -> SnapshotMeta:
        """Beside the turns, so that heartbeats go on while the file is written."""
        await self._storage.save(meta, parts)
        self._saved_size = self._size()
        self._host.note("snapshot", {"index": meta.index, "bytes": self._saved_size})
        return meta

    def _size(self) -> int:
        newest = self._storage.snapshot
        return self._storage.snapshot_size(newest) if newest is not None else 0

    def _finished(self, task: asyncio.Task[SnapshotMeta]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._member.fail(error)
        else:
            self._member.stir()

    def offer_snapshot(self) -> None:
        """The newest snapshot, for a follower that needs more than the log has."""
        meta = self._storage.snapshot
        if meta is None:
            return
        if self._offered is not None and self._offered != meta:
            self._storage.unpin(self._offered)
        if self._offered != meta:
            self._storage.pin(meta)
        self._offered = meta
        self._member.node.provide_snapshot(meta, self._storage.snapshot_size(meta))

    def installed(self, meta: SnapshotMeta) -> None:
        """The state is the leader's snapshot now."""
        self._saved, self._saved_bytes = meta.index, self._member.applied_bytes
        self._saved_size = self._size()
        self._looked_at = -1
