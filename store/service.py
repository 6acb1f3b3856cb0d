"""A member's rpc face: range, txn, compact, watch, status and hash.

Must not touch the log itself: what changes anything is checked here, packed, and handed to the member. A malformed
body is answered BadRequest before it is handed to anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cluster.errors import StatusError
from cluster.rpc import Answer, Request, Rpc, Sender
from store import codec
from store.config import Config
from store.mvcc.space import check_operations, compacted_error
from store.mvcc.values import Event, Range, WatchBatch
from store.mvcc.watchers import Collected, Watcher
from store.waiting import Read

if TYPE_CHECKING:
    from store.member import Member

READ_MODES = ("linearizable", "lease", "serializable")
"""`lease` is served like linearizable, which promises more."""
MAX_ANSWER_BYTES = 32 << 20
"""Keys and values of one answer; more must be asked for in pages."""
MAX_BATCH_BYTES = 8 << 20
"""Keys and values of one watch batch; what is more goes into the next, split between revisions."""

REMEMBERED = 10_000
"""Messages that would write, by which second copies are known."""


class Service:
    def __init__(self, rpc: Rpc, config: Config, member: Member) -> None:
        self._config = config
        self._member = member
        self._streams: dict[int, tuple[Sender, asyncio.Future[int]]] = {}
        self._stream_number = 0
        self._publishing = False
        self._met: dict[tuple[str, int, int], None] = {}
        member.publish = self.publish
        rpc.serve_fast("store.range", self.range)
        rpc.serve_fast("store.txn", self.txn)
        rpc.serve_fast("store.compact", self.compact)
        rpc.serve_fast("store.status", self.status)
        rpc.serve_fast("store.hash", self.hash)
        rpc.serve_stream("store.watch", self.watch)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────

    def range(self, request: Request, answer: Answer) -> None:
        query, revision, mode = codec.range_of(request.body)
        if mode not in READ_MODES:
            raise StatusError("BadRequest", f"unknown read mode {mode!r}, one of {', '.join(READ_MODES)}")
        if not query.key:
            raise StatusError("BadRequest", "a key is empty")
        if mode == "serializable":
            self._range(query, revision, answer)
            return
        self._member.read(Read(lambda: self._range(query, revision, answer), answer, request.deadline))

    def _range(self, query: Range, revision: int, answer: Answer) -> None:
        result = self._member.machine.space.range(query, revision)
        size = sum(len(kv.key) + len(kv.value) for kv in result.kvs)
        if size > MAX_ANSWER_BYTES:
            raise StatusError("TooLarge", f"{size} bytes are over the limit of {MAX_ANSWER_BYTES}; ask with a limit")
        answer.ok(codec.range_answer(result))

    def txn(self, request: Request, answer: Answer) -> None:
        txn = codec.txn_of(request.body)
        check_operations(txn.compares, txn.success, txn.failure)
        command = codec.txn_command(request.src, request.body)
        if len(command) > self._config.max_request_bytes:
            limit = self._config.max_request_bytes
            raise StatusError("TooLarge", f"{len(command)} bytes are over the limit of {limit}")
        self._propose(request, command, answer)

    def _propose(self, request: Request, command: bytes, answer: Answer) -> None:
        """A second copy of a message is let fall, also of one that was refused: its sender was told that nothing
        happened, and by now this member may lead. (What was sent anew has another id and the same serial.)"""
        message = (request.src, request.boot, request.id)
        if message in self._met:
            return
        self._met[message] = None
        if len(self._met) > REMEMBERED:
            del self._met[next(iter(self._met))]
        self._member.propose(command, answer, request.deadline)

    def compact(self, request: Request, answer: Answer) -> None:
        serial, revision = codec.compact_of(request.body)
        self._propose(request, codec.compact_command(request.src, serial, revision), answer)

    def status(self, request: Request, answer: Answer) -> None:
        member = self._member
        status, space = member.node.status(), member.machine.space
        answer.ok(
            (
                status.id,
                str(status.role),
                status.term,
                status.leader,
                status.commit,
                member.applied,
                space.revision,
                space.compacted,
                status.configuration.voters,
            )
        )

    def hash(self, request: Request, answer: Answer) -> None:
        answer.ok(self._member.machine.digest(codec.revision_of(request.body)))

    # ── watches ──────────────────────────────────────────────────────────────────────────────────────────────

    async def watch(self, request: Request, sender: Sender) -> None:
        """Runs until the reader leaves or the watch is cancelled; `publish` sends."""
        asked = codec.watch_of(request.body)
        if not asked.key:
            raise StatusError("BadRequest", "a key is empty")
        machine = self._member.machine
        self._stream_number += 1
        number = self._stream_number
        start = asked.revision or machine.space.revision + 1
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._streams[number] = (sender, done)
        machine.watchers.add(Watcher(number, asked.key, asked.end, start, asked.prev, asked.progress))
        try:
            self.publish()
            raise compacted_error(start, await done)
        finally:
            machine.watchers.remove(number)
            del self._streams[number]

    def publish(self) -> None:
        """Send what watchers are owed; chunk by chunk, with the loop's turns between, to those far behind."""
        behind = False
        for collected in self._member.machine.collect():
            self._send(collected)
            behind = collected.behind
        if behind and not self._publishing:
            self._publishing = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._publishing = False
        self.publish()

    def _send(self, collected: Collected) -> None:
        for number, batch in collected.batches:
            sender, _ = self._streams[number]
            for part in portions(batch, MAX_BATCH_BYTES):
                sender.send(part)
        for number, compacted in collected.cancelled:
            _, done = self._streams[number]
            if not done.done():
                done.set_result(compacted)


def portions(batch: WatchBatch, limit: int) -> Iterator[Any]:
    """The batch in parts of about `limit` bytes at most; each revision's events stay together."""
    size, part = 0, list[Event]()
    for event in batch.events:
        if size > limit and event.kv.mod_revision != part[-1].kv.mod_revision:
            yield WatchBatch(part[-1].kv.mod_revision, tuple(part))
            size, part = 0, []
        part.append(event)
        kv, prev = event
        size += len(kv.key) + len(kv.value) + (len(prev.value) if prev else 0)
    yield WatchBatch(batch.revision, tuple(part))
