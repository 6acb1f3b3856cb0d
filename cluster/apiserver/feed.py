"""The store's watch into the watch cache and on to the watchers; waiting until the cache is as fresh as need be.

Shell. One watch of the whole store per apiserver: keys that are no objects still move the revision on, so that who
waits for one need not wait for the next notice of progress. Must not serve requests.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush

from cluster.apiserver import refusals
from cluster.apiserver.hub import Hub
from cluster.apiserver.sharing import Shared
from cluster.apiserver.storage import Storage, decode
from cluster.apiserver.watchcache import Arrived, WatchCache
from cluster.errors import StatusError
from cluster.world.host import Host
from store.client import WatchBatch

EVERYTHING, NO_END = b"\0", b"\0"
"""From the first possible key on, without an end."""
PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds before the next member is tried."""
PROMPT = 0.05
"""Seconds after which a cache that is behind is slower than the store itself."""


class Feed:
    """`prefer`: the member to watch first ("" for the first). `patience`: seconds that a wait for a revision may take
    before the member that is watched counts as lagging and the next one is used. `trace`: the journal is told how far
    the cache is, for runs of experiments."""

    def __init__(
        self, host: Host, storage: Storage, cache: WatchCache, hub: Hub, *, patience: float, trace: bool = False
    ) -> None:
        self._host = host
        self._storage = storage
        self._cache = cache
        self._hub = hub
        self._patience = patience
        self._trace = trace
        self._filled = asyncio.Event()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0
        self._reading: asyncio.Timeout | None = None
        self._revisions = Shared(storage.revision)
        self._looks = Shared(self._look)
        self._late: list[WatchBatch] = []
        """What has arrived while the cache stands still (a fault): taken in once it goes on."""
        host.links.on_change(self._go_on)

    @property
    def filled(self) -> bool:
        return self._filled.is_set()

    async def run(self, prefer: str) -> None:
        """For ever."""
        members = self._storage.store.members
        member = prefer if prefer in members else members[0]
        while True:
            await self._fill()
            member = await self._follow(member)
            self._host.note("watch-cache", {"event": "compacted", "revision": self._cache.revision})
            self._filled.clear()

    async def ready(self) -> None:
        """Wait until the cache is filled; the caller bounds it."""
        await self._filled.wait()

    async def at_least(self, revision: int) -> None:
        """Wait until the cache has taken in all up to `revision`; the caller bounds it."""
        await self._filled.wait()
        while self._cache.revision < revision:
            self._count += 1
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heappush(self._waiting, (revision, self._count, future))
            timer = asyncio.get_running_loop().call_later(self._patience, self._lags, revision)
            try:
                await future
            finally:
                timer.cancel()

    async def fresh(self, timeout: float) -> None:
        """Wait until the cache is as new as the store is at this moment. Questions of one moment share one read."""
        await self._filled.wait()
        if self._host.faults.stale():
            return  # it takes the past for the present
        await self.at_least(await self._revisions.answer(timeout))

    async def newest(self, timeout: float) -> bool:
        """Whether the cache is as new as the store is at this moment; False if it takes longer than PROMPT to get
        there, or takes the past for the present. Questions of one moment share one read, as with `fresh`."""
        await self._filled.wait()
        if self._host.faults.stale():
            return False
        return await self._looks.answer(timeout)

    async def _look(self, timeout: float) -> bool:
        revision = await self._storage.revision(timeout)
        if self._cache.revision >= revision:
            return True
        try:
            async with asyncio.timeout(PROMPT):
                await self.at_least(revision)
        except TimeoutError:
            return False
        return True

    async def _fill(self) -> None:
        pause = PAUSE
        while True:
            try:
                revision, objects = await self._storage.load(self._patience)
                break
            except StatusError as error:
                self._host.note("watch-cache", {"event": "not-filled", "error": str(error)})
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._late.clear()
        self._cache.reset(revision, objects)
        self._filled.set()
        self._wake()

    async def _follow(self, member: str) -> str:
        """Watch member after member until the store has forgotten what comes next; the member to go on with. Who the
        members are may change meanwhile."""
        loop = asyncio.get_running_loop()
        pause = PAUSE
        while True:
            started = loop.time()
            try:
                await self._watch(member)
            except StatusError as error:
                if error.reason in ("Compacted", "Expired"):
                    self._hub.close(refusals.too_old(self._cache.revision, int(error.details.get("compacted", 0))))
                    return member
                self._host.note("watch-cache", {"event": "broken", "member": member, "error": str(error)})
            except TimeoutError:
                self._host.note("watch-cache", {"event": "lags", "member": member})
            members = self._storage.store.members
            at = members.index(member) if member in members else -1
            member = members[(at + 1) % len(members)]
            if loop.time() - started > LONGEST_PAUSE:
                pause = PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _watch(self, member: str) -> None:
        seen = self._late[-1].revision if self._late else self._cache.revision
        watch = self._storage.store.watch(EVERYTHING, NO_END, revision=seen + 1, member=member)
        try:
            async with asyncio.timeout(None) as self._reading, watch as batches:
                async for batch in batches:
                    self._take(batch)
        finally:
            self._reading = None

    def read_by(self, user: str, verb: str, kind: str) -> None:
        """The cache was read: evidence, if it stands still and there is something newer."""
        if self._late:
            self._host.faults.shown(user, verb, kind, any(batch.events for batch in self._late))

    def _go_on(self) -> None:
        """Faults have come or gone."""
        if self._late and not self._host.faults.stale():
            late, self._late = self._late, []
            for batch in late:
                self._take(batch)

    def _take(self, batch: WatchBatch) -> None:
        if self._host.faults.stale():
            self._late.append(batch)
            for event in batch.events:
                if (held := decode(event.kv.key, None, event.kv.mod_revision)) is not None:
                    self._host.faults.shown(self._host.name, "event", held.kind, True)
            return
        self._go_on()
        arrived: list[Arrived] = []
        for event in batch.events:
            value = None if event.deleted else event.kv.value
            found = decode(event.kv.key, value, event.kv.mod_revision, self._storage.vault)
            if found is not None:
                arrived.append(found)
        changes = self._cache.apply(batch.revision, arrived)
        for each in arrived:
            if each.unreadable:
                self._shut(each)
        if changes:
            if self._trace:
                self._host.note("cached", {"revision": batch.revision})
            self._hub.publish(changes, self._host.faults.misses)
        self._wake()

    def _shut(self, arrived: Arrived) -> None:
        """An object that cannot be read: whoever watches its kind would be told less than there is."""
        kind = self._cache.kind_of(arrived)
        error = refusals.unreadable(kind, arrived.key, arrived.unreadable)
        self._host.note("watch-cache", {"event": "unreadable", "kind": kind, "key": arrived.key, "error": str(error)})
        self._hub.close_kind(kind, error)

    def _wake(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._cache.revision:
            future = heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    def _lags(self, revision: int) -> None:
        """Somebody has waited in vain: the member that is watched is behind, so watch another."""
        if self._late:
            return  # not the member's fault
        if self._cache.revision < revision and self._reading is not None and not self._reading.expired():
            self._reading.reschedule(asyncio.get_running_loop().time())
