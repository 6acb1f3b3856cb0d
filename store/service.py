"""A member's rpc face: what changes anything, range, leases, watch and hash.

Must not touch the log itself: what changes anything is checked here and handed to the member as it came. A malformed
body is answered BadRequest before it is handed to anybody. What a host asked in one turn comes, and is answered, as one
message (cluster/bundle.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cluster.bundle import Batch, weight
from cluster.errors import StatusError
from cluster.rpc import Request, Rpc, Sender
from store import commands
from store.commands import UPDATE
from store.config import Config
from store.mvcc.rows import PUT
from store.streams import Streams
from store.waiting import Operation, Proposal, Read

if TYPE_CHECKING:
    from store.member import Member

READ_MODES = commands.READ_MODES
MAX_ANSWER_BYTES = 32 << 20
"""Keys and values of one answer; more must be asked for in pages."""


def addressed(body: list[Any], term: int | None) -> bool:
    """Does the request mean the leadership of that term, None for none? Then it is taken, and by no other one ever."""
    named: int = body[0]
    return named == term


class Service:
    def __init__(self, rpc: Rpc, config: Config, member: Member) -> None:
        self._config = config
        self._member = member
        self._streams = Streams(member.machine.watchers)
        self._publishing = False
        member.publish = self.publish
        for kind, (code, check) in commands.CODES.items():
            rpc.serve_batch(kind, self._writer(code, check))
        rpc.serve_batch("store.range", self.range)
        rpc.serve_batch("store.happened", self._reader(commands.check_happened, self._happened))
        rpc.serve_batch("store.lease.keepalive", self._reader(commands.check_keepalive, self._keepalive))
        rpc.serve_batch("store.lease.ttl", self._reader(commands.check_ttl, self._ttl))
        rpc.serve_batch(
            "store.lease.list", self._reader(lambda _: None, lambda _, __: self._member.machine.leases.rows())
        )
        rpc.serve("store.hash", self.hash)
        rpc.serve_stream("store.watch", self.watch)

    # ── what changes anything ────────────────────────────────────────────────────────────────────────────────

    def _writer(self, code: int, check: Callable[[Any], None]) -> Callable[[Batch], None]:
        if code == commands.GRANT:
            check = self._check_grant

        def write(batch: Batch) -> None:
            leaderships, src = self._member.leaderships, batch.src
            if leaderships.is_copy(src, batch.boot, batch.id):
                return
            term = leaderships.now()
            limit = self._config.max_request_bytes
            operations: list[Operation] = []
            places: list[int] = []
            for place, body in enumerate(batch.bodies):
                try:
                    check(body)
                    if not addressed(body, term):
                        raise leaderships.not_taken(body[0])
                    if code == PUT:
                        size = len(body[2]) + len(body[3])
                    else:
                        size = len(body[2]) + len(body[4]) if code == UPDATE else weight(body)
                    if size > limit:
                        raise StatusError("TooLarge", f"{size} bytes are over the limit of {limit}")
                except StatusError as error:
                    batch.error(place, error)
                else:
                    body[0] = src  # who asks, in the place of the term, which has done its work
                    body.insert(0, code)
                    operations.append(body)
                    places.append(place)
            if operations:
                try:
                    self._member.propose(Proposal(operations, places, batch, batch.deadline))
                except StatusError as error:
                    for place in places:
                        batch.error(place, error)

        return write

    def _check_grant(self, body: Any) -> None:
        commands.check_grant(body, self._config.lease_min_ttl)

    # ── what only looks ──────────────────────────────────────────────────────────────────────────────────────

    def range(self, batch: Batch) -> None:
        """Serializable reads are answered at once; the others wait, together, until it is certain who leads."""
        waiting: dict[str, list[int]] = {}
        check, read = commands.check_range, self._range
        for place, body in enumerate(batch.bodies):
            try:
                check(body)
                if body[0] == "serializable":
                    batch.ok(place, read(body))
                else:
                    waiting.setdefault(body[0], []).append(place)
            except StatusError as error:
                batch.error(place, error)
        for mode, places in waiting.items():
            held = self._held(batch, places, lambda body, _: read(body))
            try:
                (self._member.lease_read if mode == "lease" else self._member.read)(held)
            except StatusError as error:
                held.refuse(error)

    def _range(self, body: Any) -> Any:
        answer = self._member.machine.range(body)
        rows = answer[1]
        if len(rows) > 1:
            size = sum([len(row[0]) + len(row[1]) for row in rows])
            if size > MAX_ANSWER_BYTES:
                text = f"{size} bytes are over the limit of {MAX_ANSWER_BYTES}; ask with a limit"
                raise StatusError("TooLarge", text)
        return answer

    def _held(self, batch: Batch, places: Sequence[int], answer: Callable[[Any, float], Any]) -> Read:
        arrived = asyncio.get_running_loop().time()

        def serve() -> None:
            bodies = batch.bodies
            for place in places:
                try:
                    batch.ok(place, answer(bodies[place], arrived))
                except StatusError as error:
                    batch.error(place, error)

        def refuse(error: StatusError) -> None:
            for place in places:
                batch.error(place, error)

        return Read(serve, refuse, batch.deadline)

    def _reader(self, check: Callable[[Any], None], answer: Callable[[Any, float], Any]) -> Callable[[Batch], None]:
        """Linearizable, of any kind."""

        def read(batch: Batch) -> None:
            places = []
            for place, body in enumerate(batch.bodies):
                try:
                    check(body)
                    places.append(place)
                except StatusError as error:
                    batch.error(place, error)
            if places:
                self._member.read(self._held(batch, places, answer))

        return read

    def _happened(self, body: Any, _: float) -> bool:
        """Of an operation that was addressed to an earlier leadership. As this one was confirmed since, and
        has committed an entry of its own, what is not in its log by then will never be committed."""
        return self._member.machine.may_have_happened(*body)

    def _keepalive(self, body: Any, arrived: float) -> Any:
        """As of its arrival: the leadership was confirmed after that (store/mvcc/lessor.py)."""
        id = body[0]
        return (id, self._member.upkeep.lessor.keepalive(id, arrived))

    def _ttl(self, body: Any, arrived: float) -> Any:
        id, wanted = body
        lease = self._member.machine.leases.get(id)
        keys = sorted(lease.keys) if wanted else []
        return (id, lease.ttl, self._member.upkeep.lessor.remaining(id, arrived), keys)

    async def hash(self, request: Request) -> Any:
        """A page at a time: a large space is no reason for an election."""
        for step in self._member.machine.digest_steps(commands.revision_of(request.body)):
            if step is not None:
                return step
            await asyncio.sleep(0)
        raise StatusError("InternalError", "a digest without an end")

    # ── watches ──────────────────────────────────────────────────────────────────────────────────────────────

    async def watch(self, request: Request, sender: Sender) -> None:
        """Runs until the reader leaves or the watch is cancelled; `publish` sends."""
        asked = commands.watch_of(request.body)
        start = asked.revision or self._member.machine.space.revision + 1
        await self._streams.serve(asked, start, sender, self.publish)

    def publish(self) -> None:
        """Send what watchers are owed; chunk by chunk, with the loop's turns between, to those far behind."""
        behind = False
        for collected in self._member.machine.collect():
            self._streams.send(collected)
            behind = collected.behind
        if behind and not self._publishing:
            self._publishing = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._publishing = False
        self.publish()
