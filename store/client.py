"""The store's client: finds the leader, retries only what is safe, and says whether a failure is definite.

Must not know raft or the key space's insides. One per host, on the host's `Rpc`.

    store = StoreClient(rpc, ("store-0", "store-1", "store-2"), prefer="store-0")
    result = await store.txn([Compare(b"a", "mod", "=", 0)], [Put(b"a", b"1")])
    async with store.watch(b"/registry/", prefix_end(b"/registry/"), revision=result.revision + 1) as batches:
        async for batch in batches: ...

A read is tried again on other members until its deadline. A write is sent again only after an answer that is
definite and worth a retry (NotLeader, NoQuorum, TooManyRequests). A write without an answer is never sent again: it
raises Timeout, indefinite; at the latest after `timeout`, and sooner when another member is seen to lead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple

from cluster.errors import StatusError
from cluster.rpc import Rpc, Stream
from cluster.world.host import Address
from store import codec
from store.mvcc.values import (
    Compare,
    Delete,
    DeleteResult,
    Event,
    KeyValue,
    Op,
    Put,
    PutResult,
    Range,
    RangeResult,
    TxnResult,
    WatchBatch,
    prefix_end,
)

__all__ = [
    "Compare",
    "Conflicts",
    "Delete",
    "DeleteResult",
    "Event",
    "KeyValue",
    "LostWrite",
    "MemberStatus",
    "Op",
    "Put",
    "PutResult",
    "Range",
    "RangeResult",
    "StoreClient",
    "TxnResult",
    "Watch",
    "WatchBatch",
    "prefix_end",
]

READ_ATTEMPT = 0.25
"""Seconds after which a read is tried on another member."""
SUSPICION = 0.12
"""Seconds without an answer to a write after which the members are asked who leads."""
PROBE = 0.05
"""Seconds to wait for the answers to that question, and the least between two of them is half of it."""
PAUSE = 0.01
"""Seconds between attempts while nobody leads; doubles up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = 0.16


class MemberStatus(NamedTuple):
    """One member as it sees itself. `leader` is "" while it knows none. `compacted`: oldest revision to be read.
    With the engine `eventual` every role is "replica" and nobody leads: whoever is asked answers for himself."""

    name: Address
    role: str
    term: int
    leader: Address
    commit: int
    applied: int
    revision: int
    compacted: int
    members: tuple[Address, ...]


class LostWrite(NamedTuple):
    """An acknowledged write that lost to one that did not know of it. Stamps are (microseconds, logical, replica);
    `writes`: how many writes of that key went with it."""

    key: bytes
    stamp: tuple[int, int, str]
    lost_to: tuple[int, int, str]
    writes: int


class Conflicts(NamedTuple):
    """What one replica of the engine `eventual` has met. `total` counts those too that are no longer named; `refused`
    stamps were too far ahead of its clock; `hints`: how many keys each peer is still to be told."""

    replica: str
    lost: tuple[LostWrite, ...]
    total: int
    refused: int
    hints: dict[Address, int]


class StoreClient:
    """`prefer` (the member on this machine) serves serializable reads and watches, and is asked first."""

    def __init__(
        self, rpc: Rpc, members: Sequence[Address], *, prefer: Address | None = None, timeout: float = 1.0
    ) -> None:
        self.members = tuple(members)
        self.timeout = timeout
        self._rpc = rpc
        self._near = self.members.index(prefer) if prefer in self.members else 0
        self._next = self._near
        self._watched = self._near
        self._leader: Address = ""
        self._suspects: dict[asyncio.Timeout, Address] = {}
        self._prober: asyncio.Task[None] | None = None

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────

    async def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        read: str = "linearizable",
        keys_only: bool = False,
        count_only: bool = False,
        timeout: float | None = None,
        member: Address | None = None,
    ) -> RangeResult:
        """Keys in order. `revision` 0 is the newest. `read` is linearizable, or serializable (`member`'s own state,
        or the preferred one's, however old). With `member` no other one is asked.

        StatusError Compacted (details.compacted) or FutureRevision for a revision that cannot be read; Timeout,
        NoQuorum or NotLeader when no majority answers."""
        body = codec.range_request(Range(key, end, limit, keys_only, count_only), revision, read)
        within = self.timeout if timeout is None else timeout
        if member is not None:
            return codec.range_result(await self._rpc.call(member, "store.range", body, timeout=within))
        if read == "serializable":
            return codec.range_result(await self._nearest("store.range", body, within))
        return codec.range_result(await self._leading("store.range", body, within, write=False))

    async def revision(self, *, timeout: float | None = None) -> int:
        """The newest revision, linearizably and without reading any key: what a cache must have caught up with."""
        body = codec.range_request(Range(b"\0", None, 1, False, True), 0, "linearizable")
        within = self.timeout if timeout is None else timeout
        return codec.range_result(await self._leading("store.range", body, within, write=False)).revision

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Op],
        failure: Sequence[Op] = (),
        *,
        timeout: float | None = None,
    ) -> TxnResult:
        """All of `success` if every compare holds, else all of `failure`, at one revision (etcd: Txn).

        StatusError BadRequest for what cannot be meant (a key put twice); Timeout or Dropped, indefinite, when it
        may or may not have happened."""
        within = self.timeout if timeout is None else timeout
        body = codec.txn_request(self._rpc.serial(), compares, success, failure)
        return codec.txn_result(await self._leading("store.txn", body, within, write=True))

    async def put(self, key: bytes, value: bytes, *, prev: bool = False, timeout: float | None = None) -> TxnResult:
        return await self.txn((), (Put(key, value, prev),), timeout=timeout)

    async def delete(
        self, key: bytes, end: bytes | None = None, *, prev: bool = False, timeout: float | None = None
    ) -> TxnResult:
        return await self.txn((), (Delete(key, end, prev),), timeout=timeout)

    async def compact(self, revision: int, *, timeout: float | None = None) -> None:
        """Forget what was overwritten before `revision`. StatusError Compacted if that has been done already."""
        within = self.timeout if timeout is None else timeout
        await self._leading("store.compact", [self._rpc.serial(), revision], within, write=True)

    # ── watching ─────────────────────────────────────────────────────────────────────────────────────────────

    def watch(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        prev: bool = False,
        progress: bool = True,
        member: Address | None = None,
    ) -> Watch:
        """Events from `revision` on (0: from the member's next one), in one order, none twice, none left out.

        With `progress` an empty batch tells when the revision has moved on without an event in this range. The
        iteration raises StatusError: Compacted (details.compacted: the oldest revision still to be had), or
        StreamBroken; then open a new watch from the last batch's revision + 1, which may go to another member."""
        name = member if member is not None else self.members[self._watched]
        stream = self._rpc.stream(name, "store.watch", [key, end, revision, prev, progress])
        return Watch(self, stream, member is None)

    # ── asking members ───────────────────────────────────────────────────────────────────────────────────────

    async def status(self, member: Address, *, timeout: float | None = None) -> MemberStatus:
        within = self.timeout if timeout is None else timeout
        answer = await self._rpc.call(member, "store.status", [], timeout=within)
        return MemberStatus._make((*answer[:-1], tuple(answer[-1])))

    async def hash(self, member: Address, revision: int = 0, *, timeout: float | None = None) -> tuple[int, str]:
        """(revision, digest of all keys with their versions at that revision): equal on all members."""
        within = self.timeout if timeout is None else timeout
        answer = await self._rpc.call(member, "store.hash", [revision], timeout=within)
        return (answer[0], answer[1])

    async def conflicts(self, member: Address, limit: int = 0, *, timeout: float | None = None) -> Conflicts:
        """The newest `limit` conflicts that `member` knows of (0: as many as it names). StatusError MethodNotAllowed
        from an engine that has none."""
        within = self.timeout if timeout is None else timeout
        a = await self._rpc.call(member, "store.conflicts", [limit], timeout=within)
        lost = tuple(LostWrite(key, tuple(old), tuple(new), writes) for key, old, new, writes in a["conflicts"])
        return Conflicts(a["replica"], lost, a["total"], a["refused"], a["hints"])

    # ── finding who answers ──────────────────────────────────────────────────────────────────────────────────

    async def _nearest(self, kind: str, body: Any, within: float) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        for turn in range(len(self.members)):
            left = deadline - loop.time()
            last = turn == len(self.members) - 1
            name = self.members[(self._near + turn) % len(self.members)]
            try:
                return await self._rpc.call(name, kind, body, timeout=left if last else min(left, READ_ATTEMPT))
            except StatusError as error:
                if error.reason not in ("Timeout", "ServiceUnavailable") or last or loop.time() >= deadline:
                    raise
        raise StatusError("Timeout", f"no member answered {kind} within {within:g} s")

    async def _leading(self, kind: str, body: Any, within: float, *, write: bool) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        pause = PAUSE
        failure: StatusError | None = None
        refusal: StatusError | None = None
        tries = 0
        while True:
            left = deadline - loop.time()
            if left <= 0:
                raise _given_up(kind, within, failure, refusal)
            target = self._leader or self.members[self._next]
            try:
                if write:
                    return await self._write(target, kind, body, left)
                return await self._rpc.call(target, kind, body, timeout=min(left, READ_ATTEMPT))
            except StatusError as error:
                if not self._again(error, target, write):
                    raise
                failure = error
                if error.definite:
                    refusal = error
            tries += 1
            if tries % len(self.members) == 0:  # all were asked, or two members each think that the other leads
                await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
                pause = min(2 * pause, LONGEST_PAUSE)

    def _again(self, error: StatusError, target: Address, write: bool) -> bool:
        """May the request be sent once more; and to whom (`_leader`, `_next`)?"""
        timed_out = error.reason == "Timeout"
        if not timed_out and not (error.definite and error.retry):
            return False
        hint = error.details.get("leader")
        self._leader = hint if hint in self.members and hint != target else ""
        if not self._leader:
            self._next = (self.members.index(target) + 1) % len(self.members)
        return not (timed_out and write)

    async def _write(self, target: Address, kind: str, body: Any, within: float) -> Any:
        """One attempt. While no answer comes, look whether somebody else leads: then none will come."""
        try:
            async with asyncio.timeout(None) as patience:
                timer = asyncio.get_running_loop().call_later(SUSPICION, self._suspect, target, patience)
                try:
                    answer = await self._rpc.call(target, kind, body, timeout=within)
                finally:
                    timer.cancel()
                    self._suspects.pop(patience, None)
        except TimeoutError:
            text = f"{target} has not answered {kind}, and {self._leader} leads now; it may have happened"
            raise StatusError("Timeout", text, {"leader": self._leader}) from None
        self._leader = target
        return answer

    def _suspect(self, target: Address, patience: asyncio.Timeout) -> None:
        self._suspects[patience] = target
        if self._prober is None or self._prober.done():
            self._prober = asyncio.get_running_loop().create_task(self._probe())

    async def _probe(self) -> None:
        """While writes wait for a silent member: ask the others who leads; end the waiting if somebody does."""
        while self._suspects and len(self.members) > 1:
            silent = self._suspects.values()
            asked = [asyncio.ensure_future(self._asked(name)) for name in self.members if name not in silent]
            answers = [answer for task in asked if (answer := await task) is not None]
            term = max((answer.term for answer in answers), default=0)
            leader = next((a.name for a in answers if a.role == "leader" and a.term == term), "")
            for patience, target in list(self._suspects.items()):
                if leader not in ("", target):
                    self._leader = leader
                    del self._suspects[patience]
                    patience.reschedule(asyncio.get_running_loop().time())
            await asyncio.sleep(PROBE / 2)

    async def _asked(self, name: Address) -> MemberStatus | None:
        try:
            return await self.status(name, timeout=PROBE)
        except StatusError:
            return None  # silence is what is being looked into

    def _elsewhere(self, member: Address) -> None:
        """The next watch goes to the member after this one."""
        if self.members[self._watched] == member:
            self._watched = (self._watched + 1) % len(self.members)


def _given_up(kind: str, within: float, failure: StatusError | None, refusal: StatusError | None) -> StatusError:
    """What to raise when the time is over. Only requests get here of which no attempt can have had an effect (a write
    that was not answered is not tried again), so a refusal says more than the silence of the others."""
    if refusal is not None:
        return StatusError("NoQuorum", f"{kind} was refused for {within:g} s: {refusal.message}")
    return failure or StatusError("Timeout", f"no answer to {kind} within {within:g} s", definite=True)


class Watch:
    """An async context manager and iterator of `WatchBatch`."""

    def __init__(self, client: StoreClient, stream: Stream, roams: bool) -> None:
        self.member = stream.dst
        self._client = client
        self._stream = stream
        self._roams = roams

    async def __aenter__(self) -> Watch:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stream.__aexit__(kind, error, trace)

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> WatchBatch:
        try:
            return codec.watch_batch(await self._stream.__anext__())
        except StatusError as error:
            if self._roams and error.reason != "Compacted":
                self._client._elsewhere(self.member)
            raise
