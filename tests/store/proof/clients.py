"""What clients do in a story, and what they saw of it: reads of all kinds, writes, leases, watches, compactions.

Must not judge answers, but for watches, whose every batch is held against the witness as it comes (verdict.py judges
the rest at the end).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from cluster.errors import StatusError
from store.client import (
    Compare,
    Delete,
    DeleteResult,
    Event,
    Op,
    Put,
    Range,
    StoreClient,
    TxnResult,
    WatchBatch,
    prefix_end,
)
from store.mvcc.rows import EventRow
from store.mvcc.values import within
from tests.store.proof.plan import Plan
from tests.store.proof.witness import Witness

REGISTERS = (b"r/0", b"r/1", b"r/2")
EVERYTHING = (b"\0", b"\0")
EXPECTED = ("Timeout", "NotLeader", "NoQuorum", "Dropped", "TooManyRequests", "ServiceUnavailable")
"""Errors that a broken network explains. Others are answers of their request, or a bug."""

What = Literal["read", "put", "cas", "delete"]


@dataclass(slots=True)
class Call:
    """One request, on true time. `writes`: (key, value or None for a delete) of a success. `found`: what a read gave,
    in order. `seen`: the highest revision that any member had applied when the answer came."""

    client: str
    what: What
    key: bytes
    end: bytes | None
    start: float
    mode: str = ""
    writes: Sequence[tuple[bytes, bytes | None]] = ()
    expected: bytes | None = None
    finish: float = 0.0
    outcome: Literal["ok", "fail", "unknown"] = "unknown"
    error: str = ""
    revision: int = 0
    seen: int = 0
    happened: bool = True
    """A compare-and-set has swapped, a delete has found something."""
    found: Sequence[Any] = ()
    member: str = ""
    boot: int = 0


@dataclass(slots=True)
class Tenancy:
    """A lease as its holder knows it. `promises`: (when asked, seconds) of each acknowledged grant and keep-alive."""

    id: int
    key: bytes
    promises: list[tuple[float, int]]
    put_at: int = 0
    """Revision at which the key was attached; 0 if that was not acknowledged."""
    revoked: bool = False
    """Its holder asked for its end, so it may come at any time."""


@dataclass(slots=True)
class Notebook:
    """All that the clients of a story saw."""

    calls: list[Call] = field(default_factory=list)
    leases: list[Tenancy] = field(default_factory=list)
    watched: dict[str, int] = field(default_factory=dict)
    """Watcher to the revision up to which it has been told everything."""


Seat = Callable[[str, int], Awaitable[StoreClient]]
"""(name, preferred member's number): a client of its own."""


class Worker:
    """One client: one request at a time, until the story's time is over."""

    def __init__(self, number: int, plan: Plan, store: StoreClient, witness: Witness, book: Notebook) -> None:
        self.name = f"client-{number}"
        self.store = store
        self._number = number
        self._plan = plan
        self._dice = Random(f"{plan.seed}/{self.name}")
        self._witness = witness
        self._book = book
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._tasks: list[asyncio.Future[None]] = []
        self._faithful = plan.theme == "reads" and number == 0
        """It only reads under the lease, and so stays with a leader for as long as that believes to be one."""

    async def work(self) -> None:
        dice = self._dice
        acts = (self.read, self.put, self.swap, self.delete, self.put_two, self.lease, self.compact)
        weights = (10, 6, 5, 1, 2, 1, 1) if not self._faithful else (1, 0, 0, 0, 0, 0, 0)
        while self._loop.time() < self._plan.seconds:
            await asyncio.sleep(dice.uniform(0, self._plan.think))
            await dice.choices(acts, weights)[0]()

    def _value(self) -> bytes:
        self._count += 1
        return b"%d.%d" % (self._number, self._count)

    def _begin(self, what: What, key: bytes, end: bytes | None = None, **more: Any) -> Call:
        call = Call(self.name, what, key, end, self._loop.time(), **more)
        self._book.calls.append(call)
        return call

    async def _finish(self, call: Call, work: Awaitable[Any]) -> Any:
        """The answer, or None: then the call says why."""
        try:
            answer = await work
        except StatusError as error:
            if error.reason not in (*EXPECTED, "NoSpace"):
                raise
            call.outcome = "fail" if error.definite else "unknown"
            call.error = error.reason
            call.finish = self._loop.time()
            self._witness.counts[f"calls {call.outcome}"] += 1
            return None
        call.finish, call.outcome, call.revision = self._loop.time(), "ok", answer.revision
        call.seen = self._witness.revision
        self._witness.counts["calls ok"] += 1
        return answer

    # ── reads ────────────────────────────────────────────────────────────────────────────────────────────────

    async def read(self) -> None:
        dice = self._dice
        modes: Sequence[str] = ("linearizable", "linearizable", "lease", "lease", "serializable")
        if self._plan.theme == "reads":
            modes = ("lease",) if self._faithful else ("linearizable", "lease", "lease")
        mode = dice.choice(modes)
        key, end = (dice.choice(REGISTERS), None) if dice.random() < 0.8 else (b"r/", prefix_end(b"r/"))
        call = self._begin("read", key, end, mode=mode)
        if mode == "serializable":
            members = sorted(self._witness.members)
            call.member = dice.choice(members)
            call.boot = self._witness.members[call.member].host.boot
            answer = await self._finish(call, self.store.range(key, end, read=mode, timeout=0.3, member=call.member))
            if self._witness.members[call.member].host.boot != call.boot:
                call.boot = 0  # who knows which of them answered
        else:
            answer = await self._finish(call, self.store.range(key, end, read=mode))
        if answer is not None:
            call.found = [tuple(kv) for kv in answer.kvs]

    # ── writes ───────────────────────────────────────────────────────────────────────────────────────────────

    async def put(self) -> None:
        key, value = self._dice.choice(REGISTERS), self._value()
        call = self._begin("put", key, writes=((key, value),))
        await self._finish(call, self.store.put(key, value))

    async def put_two(self) -> None:
        """At one revision."""
        pairs = [(self._dice.choice(REGISTERS), self._value()), (b"own/%d" % self._number, self._value())]
        call = self._begin("put", pairs[0][0], writes=pairs)
        await self._finish(call, self.store.txn((), [Put(key, value) for key, value in pairs]))

    async def swap(self) -> None:
        dice, key, value = self._dice, self._dice.choice(REGISTERS), self._value()
        history = self._witness.by_key.get(key)  # a guess that is right about as often as wrong
        known = history[-1][1] if history else b"none"
        guard, other = Compare(key, "value", "=", known), []
        if history and history[-1][4] and dice.random() < 0.5:  # no value is written twice, so that says the same
            guard, other = Compare(key, "mod", "=", history[-1][3]), dice.choice(([], [Range(key)]))
        call = self._begin("cas", key, writes=((key, value),), expected=known)
        answer = await self._finish(call, self.store.txn((guard,), (Put(key, value),), other))
        if answer is not None:
            call.happened = answer.succeeded

    async def delete(self) -> None:
        key = self._dice.choice(REGISTERS)
        call = self._begin("delete", key, writes=((key, None),))
        answer: TxnResult | None = await self._finish(call, self.store.txn((), (Delete(key),)))
        if answer is not None:
            first = answer.responses[0]
            assert isinstance(first, DeleteResult)
            call.happened = first.deleted > 0

    async def compact(self) -> None:
        try:
            await self.store.compact(max(1, self._witness.revision - self._dice.choice((0, 1, 5, 30))))
            self._witness.counts["compactions"] += 1
        except StatusError as error:
            if error.reason not in (*EXPECTED, "Compacted", "FutureRevision"):
                raise

    # ── leases ───────────────────────────────────────────────────────────────────────────────────────────────

    async def lease(self) -> None:
        """One that is kept alive for a while beside the other work, and then let go, or revoked."""
        asked = self._loop.time()
        try:
            granted = await self.store.lease_grant(self._dice.choice((1, 1, 2)))
        except StatusError as error:
            if error.reason not in (*EXPECTED, "NoSpace"):
                raise
            return
        key = b"lease/%d.%d" % (self._number, granted.id)
        tenancy = Tenancy(granted.id, key, [(asked, granted.granted)])
        self._book.leases.append(tenancy)
        self._witness.counts["leases"] += 1
        call = self._begin("put", key, writes=((key, self._value()),))
        try:
            answer = await self._finish(call, self.store.put(key, call.writes[0][1] or b"", lease=granted.id))
        except StatusError as error:
            if error.reason != "NotFound":
                raise
            call.outcome = "fail"  # it took so long that the lease was over before
            return
        if answer is not None:
            tenancy.put_at = answer.revision
        self._tasks.append(asyncio.ensure_future(self._hold(tenancy, granted.granted)))

    async def held(self) -> None:
        """Until the last lease was let go."""
        await asyncio.gather(*self._tasks)

    async def _hold(self, tenancy: Tenancy, ttl: int) -> None:
        dice = self._dice
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(dice.uniform(0.2, 0.9) * ttl / self._plan.fastest)
            if self._loop.time() > self._plan.seconds:
                return
            asked = self._loop.time()
            try:
                tenancy.promises.append((asked, await self.store.lease_keepalive(tenancy.id)))
                self._witness.counts["keepalives"] += 1
            except StatusError as error:
                if error.reason not in (*EXPECTED, "NotFound"):
                    raise
                if error.reason == "NotFound":
                    return
        if dice.random() < 0.3:
            tenancy.revoked = True
            try:
                await self.store.lease_revoke(tenancy.id)
            except StatusError as error:
                if error.reason not in (*EXPECTED, "NotFound"):
                    raise


class Watcher:
    """Follows a range from the first revision on, over every break, and holds each batch against the witness."""

    def __init__(self, number: int, plan: Plan, store: StoreClient, witness: Witness, book: Notebook) -> None:
        dice = Random(f"{plan.seed}/watcher-{number}")
        self.name = f"watcher-{number}"
        self.key: bytes
        self.end: bytes | None
        self.key, self.end = dice.choice((EVERYTHING, EVERYTHING, (b"r/", prefix_end(b"r/")), (b"r/0", None)))
        self.prev = dice.random() < 0.7
        self.patience = dice.choice((1.0, 30.0))
        self.next = 2
        self._store = store
        self._dice = dice
        self._witness = witness
        self._book = book

    async def work(self) -> None:
        while True:
            watch = self._store.watch(self.key, self.end, revision=self.next, prev=self.prev)
            try:
                async with watch as batches:
                    async for batch in batches:
                        self._told(batch)
                        if self._dice.random() < 0.02 / self.patience:
                            self._witness.counts["watches left"] += 1
                            break
            except StatusError as error:
                if error.reason == "Compacted":
                    self._cancelled(error.details["compacted"])
                elif error.reason not in ("StreamBroken", "Timeout"):
                    raise
                self._witness.counts["watches broken"] += 1

    def _cancelled(self, compacted: int) -> None:
        if compacted <= self.next:
            text = f"{self.name} was cancelled at {self.next} because of a compaction at {compacted}"
            self._witness.broken("watch", text)
        self._witness.counts["watches compacted"] += 1
        self.next = compacted

    def _told(self, batch: WatchBatch) -> None:
        first, self.next = self.next, batch.revision + 1
        events: dict[int, list[Event]] = {}
        for event in batch.events:
            events.setdefault(event.kv.mod_revision, []).append(event)
        if batch.revision < first or (events and (min(events) < first or max(events) > batch.revision)):
            text = f"{self.name} waited for {first} and got a batch up to {batch.revision} with {sorted(events)}"
            self._witness.broken("watch order", text)
        if list(events) != sorted(events):
            self._witness.broken("watch order", f"{self.name} got revisions in the order {list(events)}")
        for revision in range(first, batch.revision + 1):
            self._compare(revision, events.get(revision, []))
        self._witness.counts["batches watched"] += 1
        self._witness.counts["events watched"] += len(batch.events)
        self._book.watched[self.name] = batch.revision

    def _compare(self, revision: int, told: Sequence[Event]) -> None:
        happened = self._witness.events.get(revision)
        if happened is None:
            return  # a compaction took it before the witness could look
        due = [row for row in happened if within(row[0][0], self.key, self.end)]
        if [tuple(event.kv) for event in told] != [row[0] for row in due]:
            what = "watch completeness" if len(told) < len(due) else "watch"
            text = f"{self.name} was told {[tuple(e.kv) for e in told]} of revision {revision}, which was {due}"
            self._witness.broken(what, text)
        elif self.prev:
            for event, row in zip(told, due, strict=True):
                self._check_prev(event, row)

    def _check_prev(self, event: Event, row: EventRow) -> None:
        prev = None if event.prev is None else tuple(event.prev)
        if prev is None and row[0][3] in self._witness.compacted:
            return
        if prev != row[1]:
            text = f"{self.name} was told that {row[0]} replaced {prev}, but that was {row[1]}"
            self._witness.broken("watch previous value", text)


__all__ = ["Call", "Notebook", "Op", "Tenancy", "Watcher", "Worker"]
