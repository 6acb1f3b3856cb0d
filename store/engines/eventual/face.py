"""A replica's rpc face, the same as a raft member's: range, txn, compact, watch, status, hash; and `store.conflicts`.

Must not change the replica itself: what changes anything is handed to the member. Every read mode is answered from
this replica's own state, however old; `store.status` says so by its role, "replica". Nobody leads, so the term that a
write names is not looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cluster.errors import StatusError
from cluster.rpc import Answer, Request, Rpc, Sender
from cluster.wire import pack
from store import commands
from store.commands import CODES
from store.engines.eventual.config import Config
from store.requests import answer_of, txn_of
from store.service import MAX_ANSWER_BYTES
from store.streams import Streams

if TYPE_CHECKING:
    from store.engines.eventual.member import Member

ROLE = "replica"
WRITES = ("store.put", "store.delete", "store.update", "store.txn")
MAX_NAMED = 10_000
"""Conflicts in one answer."""
REMEMBERED = 10_000
"""Messages that would write, by which second copies are known."""


class Face:
    def __init__(self, rpc: Rpc, config: Config, member: Member) -> None:
        self._config = config
        self._member = member
        self._loop = asyncio.get_running_loop()
        self._streams = Streams(member.replica.watchers)
        self._publishing = False
        self._met: dict[tuple[str, int, int, int], None] = {}
        member.publish = self.publish
        rpc.serve_fast("store.range", self.range)
        for kind in WRITES:
            rpc.serve_fast(kind, self.write)
        rpc.serve_fast("store.compact", self.compact)
        rpc.serve_fast("store.status", self.status)
        rpc.serve_fast("store.hash", self.hash)
        rpc.serve_fast("store.conflicts", self.conflicts)
        rpc.serve_stream("store.watch", self.watch)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────

    def range(self, request: Request, answer: Answer) -> None:
        commands.check_range(request.body)

        def read() -> None:
            result = self._member.replica.space.read(request.body)
            size = sum(len(kv[0]) + len(kv[1]) for kv in result[1])
            if size > MAX_ANSWER_BYTES:
                raise StatusError(
                    "TooLarge", f"{size} bytes are over the limit of {MAX_ANSWER_BYTES}; ask with a limit"
                )
            answer.ok(result)

        self._look(answer, read)

    def _look(self, answer: Answer, read: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                read()
            except StatusError as error:
                answer.error(error)

        self._member.look(guarded)

    def write(self, request: Request, answer: Answer) -> None:
        kind = request.kind
        CODES[kind][1](request.body)
        txn = txn_of(kind, request.body)
        size = len(pack(request.body))
        if size > self._config.max_request_bytes:
            limit = self._config.max_request_bytes
            raise StatusError("TooLarge", f"{size} bytes are over the limit of {limit}")
        member, origin = self._member, (request.src, txn.serial)

        def change() -> Callable[[], None]:
            now = member.host.clock.now()
            result = member.replica.txn(origin, txn.compares, (txn.success, txn.failure), now)
            return lambda: answer.ok(answer_of(kind, result))

        self._change(request, answer, change)

    def compact(self, request: Request, answer: Answer) -> None:
        commands.check_compact(request.body)
        revision = request.body[2]

        def change() -> Callable[[], None]:
            self._member.replica.compact(revision)
            return lambda: answer.ok([])

        self._change(request, answer, change)

    def _change(self, request: Request, answer: Answer, change: Callable[[], Callable[[], None]]) -> None:
        """A second copy of a message is let fall: the answer to the first is on its way."""
        message = (request.src, request.boot, request.id, request.place)
        if message in self._met:
            return
        self._met[message] = None
        if len(self._met) > REMEMBERED:
            del self._met[next(iter(self._met))]

        def guarded() -> Callable[[], None]:
            if 0 < request.deadline <= self._loop.time():
                return lambda: None  # nobody waits any more, and nothing has happened
            try:
                return change()
            except StatusError as error:
                refusal = error
                return lambda: answer.error(refusal)

        self._member.change(guarded)

    def status(self, request: Request, answer: Answer) -> None:
        """A `MemberStatus`, without terms and leaders; `commit` and `applied` count batches of the journal."""
        member = self._member

        def read() -> None:
            space, batches = member.replica.space, member.batches
            name, names = member.host.name, self._config.members
            answer.ok((name, ROLE, 0, "", batches, batches, space.revision, space.compacted, names))

        self._look(answer, read)

    def hash(self, request: Request, answer: Answer) -> None:
        """Of the state now: a revision, if one is given, is another replica's as likely as not."""
        commands.revision_of(request.body)
        self._look(answer, lambda: answer.ok(self._member.replica.digest()))

    def conflicts(self, request: Request, answer: Answer) -> None:
        """The acknowledged writes that lost, as far as this replica has met them. Body: [how many of the newest]."""
        limit = min(commands.revision_of(request.body) or MAX_NAMED, MAX_NAMED)
        member = self._member

        def read() -> None:
            replica = member.replica
            named = list(replica.conflicts.values())[-limit:]
            answer.ok(
                {
                    "replica": replica.identity,
                    "conflicts": named,
                    "total": len(replica.conflicts) + replica.dropped,
                    "refused": replica.clock.refused,
                    "hints": member.hints(),
                }
            )

        self._look(answer, read)

    # ── watches ──────────────────────────────────────────────────────────────────────────────────────────────

    async def watch(self, request: Request, sender: Sender) -> None:
        """Runs until the reader leaves or the watch is cancelled; `publish` sends."""
        asked = commands.watch_of(request.body)
        replica = self._member.replica
        start = await self._member.looked(lambda: asked.revision or replica.space.revision + 1)
        await self._streams.serve(asked, start, sender, self.publish)

    def publish(self) -> None:
        """Send what watchers are owed, once it is durable; chunk by chunk to those far behind."""
        if not self._publishing:
            self._publishing = True
            self._member.look(self._publish)

    def _publish(self) -> None:
        self._publishing = False
        behind = False
        for collected in self._member.replica.collect():
            self._streams.send(collected)
            behind = collected.behind
        if behind:
            self._loop.call_soon(self.publish)
