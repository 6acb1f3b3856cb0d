"""The store's rpc face on a raftos node: range, txn, watch, status and hash; compaction is refused, for it has none.

Must not write but through raftos's own `execute_command`, and must not make it look better than it is: requests are
neither queued nor tried again here. The term that a write names is not looked at: its own log says who leads.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.errors import StatusError
from cluster.rpc import Answer, Request, Rpc, Sender
from cluster.wire import pack
from store import commands
from store.client import MemberStatus
from store.engines.raftos.config import Config
from store.engines.raftos.registers import delete, put, space_of, txn, update
from store.mvcc.rows import range_row
from store.mvcc.values import FOREVER, Event, Range, WatchBatch

if TYPE_CHECKING:
    from store.engines.raftos.member import Member

WRITES = {
    "store.put": (commands.check_put, put),
    "store.delete": (commands.check_delete, delete),
    "store.txn": (commands.check_txn, txn),
    "store.update": (commands.check_update, update),
}
MAX_ANSWER_BYTES = 32 << 20
PATIENCE = 10.0
"""Seconds until a write is given up whose sender named no deadline: raftos never answers some."""


@dataclass(slots=True)
class Reader:
    """One watch. `next`: the revision from which on nothing has been sent."""

    sender: Sender
    asked: commands.WatchRequest
    next: int


class Face:
    def __init__(self, rpc: Rpc, config: Config, member: Member) -> None:
        self._config = config
        self._member = member
        self._readers: dict[int, Reader] = {}
        self._number = 0
        member.published = self._publish
        rpc.serve_fast("store.range", self.range)
        for kind in WRITES:
            rpc.serve(kind, self.write)
        rpc.serve_fast("store.compact", self.compact)
        rpc.serve_fast("store.status", self.status)
        rpc.serve_fast("store.hash", self.hash)
        rpc.serve_stream("store.watch", self.watch)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────

    def range(self, request: Request, answer: Answer) -> None:
        """Serializable: this member's registers. Else as raftos's `get_value`: the registers of whoever takes itself
        for the leader, which is all that it does for a read."""
        commands.check_range(request.body)
        if request.body[0] != "serializable":
            self._member.leader()
        result = space_of(self._member.registers, self._member.revision).read(request.body)
        size = sum(len(kv[0]) + len(kv[1]) for kv in result[1])
        if size > MAX_ANSWER_BYTES:
            raise StatusError("TooLarge", f"{size} bytes are over the limit of {MAX_ANSWER_BYTES}; ask with a limit")
        answer.ok(result)

    async def write(self, request: Request) -> Any:
        """Evaluated on what this leader has applied, then written as one entry: what is on its way is not seen, and
        two that exclude each other may both be told that they succeeded."""
        check, evaluate = WRITES[request.kind]
        check(request.body)
        size = len(pack(request.body))
        if size > self._config.max_request_bytes:
            limit = self._config.max_request_bytes
            raise StatusError("TooLarge", f"{size} bytes are over the limit of {limit}")
        leader = self._member.leader()
        next = leader.log.last_log_index + 2  # the first revision is 1, and the first entry's index too
        command = evaluate(self._member.registers, request.body, self._member.revision, next)
        if command.writes:
            await self._execute(leader, command.writes, request.deadline)
        return command.answer

    async def _execute(self, leader: Any, writes: dict[str, Any], deadline: float) -> None:
        until = deadline or asyncio.get_running_loop().time() + PATIENCE
        try:
            async with asyncio.timeout_at(until):
                await leader.execute_command(writes)
        except TimeoutError:
            raise StatusError("Timeout", "raftos has not answered the write; it may have happened") from None

    def compact(self, request: Request, answer: Answer) -> None:
        commands.check_compact(request.body)
        raise StatusError("MethodNotAllowed", "raftos keeps its whole log for ever and no old versions of keys")

    def status(self, request: Request, answer: Answer) -> None:
        """A `MemberStatus`; as registers have no past, the oldest revision to be read is the newest."""
        member = self._member
        log = member.state.log
        answer.ok(
            MemberStatus(
                name=member.host.name,
                role=member.role(),
                term=member.state.storage.term,
                leader=member.leader_name(),
                commit=log.commit_index,
                applied=log.last_applied,
                revision=member.revision,
                compacted=member.revision,
                members=self._config.members,
                last=log.last_log_index,
            )
        )

    def hash(self, request: Request, answer: Answer) -> None:
        """Of the registers as they are. StatusError as for a read at another revision."""
        asked, member = commands.revision_of(request.body), self._member
        found = space_of(member.registers, member.revision).read(range_row(Range(b"\0", FOREVER, revision=asked)))
        answer.ok((member.revision, hashlib.blake2b(pack(found[1]), digest_size=16).hexdigest()))

    # ── watches ──────────────────────────────────────────────────────────────────────────────────────────────

    async def watch(self, request: Request, sender: Sender) -> None:
        """Runs until the reader leaves: nothing is ever compacted."""
        asked = commands.watch_of(request.body)
        self._number += 1
        number = self._number
        reader = self._readers[number] = Reader(sender, asked, asked.revision or self._member.revision + 1)
        try:
            self._serve(reader)
            await asyncio.get_running_loop().create_future()
        finally:
            del self._readers[number]

    def _publish(self) -> None:
        for reader in self._readers.values():
            self._serve(reader)

    def _serve(self, reader: Reader) -> None:
        asked = reader.asked
        for batch in self._member.history.since(reader.next, asked.key, asked.end):
            reader.next = batch.revision + 1
            events = [event for event in batch.events if not (asked.nodelete if event.deleted else asked.noput)]
            if not asked.prev:
                events = [Event(event.kv, None) for event in events]
            if events or asked.progress:
                reader.sender.send(WatchBatch(batch.revision, tuple(events)))
