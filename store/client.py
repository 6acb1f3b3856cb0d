"""The store's client: finds the leader, retries only what is safe, and says whether a failure is definite.

Must not know raft or the key space's insides. One per host, on the host's `Rpc`.

    store = StoreClient(rpc, ("store-0", "store-1", "store-2"), prefer="store-0")
    result = await store.txn([Compare(b"a", "mod", "=", 0)], [Put(b"a", b"1")])
    async with store.watch(b"/registry/", prefix_end(b"/registry/"), revision=result.revision + 1) as batches:
        async for batch in batches: ...

What is tried again, and on whom: store/roster.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple

from cluster.errors import StatusError
from cluster.rpc import Rpc, Stream
from cluster.world.host import Address
from store import commands, requests
from store.mvcc import rows
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
    Txn,
    TxnResult,
    WatchBatch,
    prefix_end,
)
from store.roster import MemberStatus, Roster

__all__ = [
    "Compare",
    "Conflicts",
    "Delete",
    "DeleteResult",
    "Event",
    "KeyValue",
    "Lease",
    "LostWrite",
    "MemberStatus",
    "Op",
    "Put",
    "PutResult",
    "Range",
    "RangeResult",
    "StoreClient",
    "Txn",
    "TxnResult",
    "Watch",
    "WatchBatch",
    "prefix_end",
]


SHARED = 64
"""Events of a batch that is kept until the next, in case other watchers are told the same."""


class Lease(NamedTuple):
    """`granted` and `remaining` in seconds. `keys`: those attached, if they were asked for."""

    id: int
    granted: int
    remaining: float
    keys: tuple[bytes, ...] = ()


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
        self.timeout = timeout
        self.roster = Roster(rpc, members, prefer)
        self._rpc = rpc
        self._shared: tuple[Any, WatchBatch | None] = (None, None)

    def watch_batch(self, body: Any) -> WatchBatch:
        """What one message tells several watchers of this client is one body, and is understood once."""
        known, batch = self._shared
        if batch is None or known is not body:
            batch = rows.watch_batch(body)
            if len(batch.events) <= SHARED:
                self._shared = body, batch
        return batch

    @property
    def members(self) -> tuple[Address, ...]:
        return self.roster.members

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
        return await self.read(
            Range(key, end, limit, keys_only, count_only, revision), read=read, timeout=timeout, member=member
        )

    async def read(
        self, query: Range, *, read: str = "linearizable", timeout: float | None = None, member: Address | None = None
    ) -> RangeResult:
        """As `range`, with everything that etcd's range can do: sorting, filters (`Range`)."""
        body = rows.range_row(query, read)
        within = self.timeout if timeout is None else timeout
        if member is not None:
            answer = await self._rpc.ask(member, "store.range", body, within)
        elif read == "serializable":
            answer = await self.roster.nearest("store.range", body, within)
        else:
            answer = await self.roster.leading("store.range", body, within, write=False)
        return rows.range_result(answer)

    async def revision(self, *, timeout: float | None = None) -> int:
        """The newest revision, linearizably and without reading any key: what a cache must have caught up with."""
        body = rows.range_row(Range(b"\0", None, 1, False, True), "linearizable")
        within = self.timeout if timeout is None else timeout
        revision: int = (await self.roster.leading("store.range", body, within, write=False))[0]
        return revision

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
        serial = self._rpc.serial()
        update = requests.update_request(serial, compares, success, failure)
        if update is not None:
            answer = await self.roster.leading("store.update", update, within, write=True)
            return requests.update_result(answer, bool(failure))
        body = requests.txn_request(serial, compares, success, failure)
        return rows.txn_result(await self.roster.leading("store.txn", body, within, write=True))

    async def put(
        self, key: bytes, value: bytes, *, prev: bool = False, lease: int = 0, timeout: float | None = None
    ) -> TxnResult:
        """StatusError NoSpace when the quota is used up, NotFound for an unknown lease; else as `txn`."""
        within = self.timeout if timeout is None else timeout
        body = requests.put_request(self._rpc.serial(), key, value, lease, rows.PREV if prev else 0)
        return requests.put_result(await self.roster.leading("store.put", body, within, write=True))

    async def delete(
        self, key: bytes, end: bytes | None = None, *, prev: bool = False, timeout: float | None = None
    ) -> TxnResult:
        within = self.timeout if timeout is None else timeout
        body = requests.delete_request(self._rpc.serial(), key, end, prev)
        return requests.delete_result(await self.roster.leading("store.delete", body, within, write=True))

    async def compact(self, revision: int, *, timeout: float | None = None) -> None:
        """Forget what was overwritten before `revision`. StatusError Compacted if that has been done already."""
        within = self.timeout if timeout is None else timeout
        await self.roster.leading("store.compact", [0, self._rpc.serial(), revision], within, write=True)

    async def alarm(self, action: str = "list", *, timeout: float | None = None) -> tuple[str, ...]:
        """The alarms that are on after `action`: list, raise or clear (etcd: alarm disarm; refused with NoSpace while
        the quota is still used up)."""
        within = self.timeout if timeout is None else timeout
        body = [0, self._rpc.serial(), action, commands.NOSPACE]
        return tuple(await self.roster.leading("store.alarm", body, within, write=True))

    async def quota(self, size: int, *, timeout: float | None = None) -> None:
        """What keys and values with their history may take, in bytes, from now on; 0: no limit. It raises no alarm and
        clears none."""
        within = self.timeout if timeout is None else timeout
        await self.roster.leading("store.quota", [0, self._rpc.serial(), size], within, write=True)

    # ── leases ───────────────────────────────────────────────────────────────────────────────────────────────

    async def lease_grant(self, ttl: int, id: int = 0, *, timeout: float | None = None) -> Lease:
        """A lease of `ttl` seconds, or of the store's minimum if that is more; `id` 0: one that is free. StatusError
        AlreadyExists."""
        within = self.timeout if timeout is None else timeout
        body = [0, self._rpc.serial(), id, ttl]
        answer = await self.roster.leading("store.lease.grant", body, within, write=True)
        return Lease(answer[0], answer[1], answer[1])

    async def lease_revoke(self, id: int, *, timeout: float | None = None) -> int:
        """End it now: its keys go, at one revision. How many. StatusError NotFound."""
        within = self.timeout if timeout is None else timeout
        answer = await self.roster.leading("store.lease.revoke", [0, self._rpc.serial(), id], within, write=True)
        count: int = answer[1]
        return count

    async def lease_keepalive(self, id: int, *, timeout: float | None = None) -> int:
        """Its full time again, from when the leader was asked; those seconds. StatusError NotFound: it is over."""
        within = self.timeout if timeout is None else timeout
        ttl: int = (await self.roster.leading("store.lease.keepalive", (id,), within, write=False))[1]
        return ttl

    async def lease(self, id: int, *, keys: bool = False, timeout: float | None = None) -> Lease:
        """StatusError NotFound."""
        within = self.timeout if timeout is None else timeout
        answer = await self.roster.leading("store.lease.ttl", (id, keys), within, write=False)
        return Lease(answer[0], answer[1], answer[2], tuple(answer[3]))

    async def leases(self, *, timeout: float | None = None) -> tuple[tuple[int, int], ...]:
        """(id, granted seconds) of all."""
        within = self.timeout if timeout is None else timeout
        return tuple((id, ttl) for id, ttl in await self.roster.leading("store.lease.list", (), within, write=False))

    # ── watching ─────────────────────────────────────────────────────────────────────────────────────────────

    def watch(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        prev: bool = False,
        progress: bool = True,
        filters: Sequence[str] = (),
        member: Address | None = None,
    ) -> Watch:
        """Events from `revision` on (0: from the member's next one), in one order, none twice, none left out.

        With `progress` an empty batch tells when the revision has moved on without an event in this range. The
        `filters`: events to leave out, "noput" and "nodelete". The
        iteration raises StatusError: Compacted (details.compacted: the oldest revision still to be had), or
        StreamBroken; then open a new watch from the last batch's revision + 1, which may go to another member."""
        name = member if member is not None else self.members[self.roster.watched]
        if not set(filters) <= {"noput", "nodelete"}:
            raise ValueError(f"unknown filters {filters!r}")
        body = [key, end, revision, prev, progress, "noput" in filters, "nodelete" in filters]
        stream = self._rpc.stream(name, "store.watch", body)
        return Watch(self, stream, member is None)

    # ── asking members ───────────────────────────────────────────────────────────────────────────────────────

    async def status(self, member: Address, *, timeout: float | None = None) -> MemberStatus:
        within = self.timeout if timeout is None else timeout
        return await self.roster.status(member, within)

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
            return self._client.watch_batch(await self._stream.__anext__())
        except StatusError as error:
            if self._roams and error.reason != "Compacted":
                self._client.roster.watch_elsewhere(self.member)
            raise
