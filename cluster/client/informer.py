"""Keeping a cache up to date: list once, watch from there, watch again where it broke, list again when that is too old.

Must not change anything in the cluster. A cache never goes back in time: every list and watch asks for at least the
revision that was seen last, so a lagging apiserver waits, or is left for the next one. Who has seen nothing yet may
have had an earlier life: the first list is of the newest state, never of whatever an apiserver's cache holds. (Else a
kubelet that restarts starts pods again that were deleted meanwhile: kubernetes/kubernetes#59848.)
"""

from __future__ import annotations

import asyncio

from cluster.api.meta import revision_of
from cluster.api.selectors import parse_field_selector, parse_label_selector
from cluster.client.cache import Cache, Callback, Object, Scope
from cluster.client.client import Client
from cluster.config import Timing
from cluster.errors import StatusError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between tries when no apiserver serves."""


class Informer:
    """One kind, kept in `cache`. `labels` and `fields` are selectors as text; what leaves them leaves the cache."""

    def __init__(
        self, client: Client, kind: str, *, scope: tuple[str, str, str] = ("", "", ""), cache: Cache | None = None
    ) -> None:
        """`scope`: namespace ("" for all), label selector, field selector."""
        self.client = client
        self.kind = kind
        self.namespace, self.labels, self.fields = scope
        self.cache = cache if cache is not None else Cache()
        self.revision = 0
        """All up to this revision is in the cache; 0 before the first list."""
        self._synced = asyncio.Event()
        self._relist = True
        self.cache.track(
            kind, Scope(self.namespace, parse_label_selector(self.labels), parse_field_selector(self.fields))
        )

    @property
    def has_synced(self) -> bool:
        """Whether the first list is in."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        await self._synced.wait()

    def on_change(self, callback: Callback) -> None:
        """callback(old | None, new | None) for every change; once per object that is there already."""
        for obj in self.cache.list(self.kind):
            callback(None, obj)
        self.cache.on_change(self.kind, callback)

    async def run(self) -> None:
        """For ever. Errors are waited out: with whom it may help, at another apiserver."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            started = loop.time()
            try:
                if self._relist:
                    await self._list()
                await self._watch()
            except StatusError as error:
                if error.reason in ("Expired", "Compacted"):
                    self._relist = True
                elif not error.retry and error.reason not in ("Timeout", "InternalError"):
                    raise  # a selector or a kind that does not exist: waiting does not help
            if loop.time() - started > LONGEST_PAUSE:
                pause = FIRST_PAUSE  # it went well for a while
            await asyncio.sleep(pause * self.client.rpc.host.rng.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _list(self) -> None:
        answer = await self.client.list(
            self.kind,
            self.namespace,
            labels=self.labels,
            fields=self.fields,
            resource_version=str(self.revision) if self.revision else "",
        )
        revision = revision_of(answer)
        self.cache.replace(self.kind, answer["items"], revision)
        self.revision = max(self.revision, revision)
        self._relist = False
        self._synced.set()

    async def _watch(self) -> None:
        watch = self.client.watch(
            self.kind,
            self.namespace,
            labels=self.labels,
            fields=self.fields,
            resource_version=str(self.revision),
        )
        async with watch as events:
            async for event in events:
                self._take(event["type"], event["object"])

    def _take(self, type: str, obj: Object) -> None:
        if type == "BOOKMARK":
            self.cache.passed(self.kind, revision_of(obj))
        else:
            self.cache.event(self.kind, type, obj)
        self.revision = max(self.revision, revision_of(obj))


class InformerSet:
    """Informers that share one cache, one per kind; `run` them all."""

    def __init__(self, client: Client, timing: Timing) -> None:
        self.client = client
        self.timing = timing
        self.cache = Cache()
        self._informers: dict[str, Informer] = {}
        self._group: asyncio.TaskGroup | None = None

    def add(self, kind: str, *, namespace: str = "", labels: str = "", fields: str = "") -> Informer:
        """The informer of this kind, made if it is new. ValueError if there is one with another scope."""
        found = self._informers.get(kind)
        scope = (namespace, labels, fields)
        if found is None:
            found = Informer(self.client, kind, scope=scope, cache=self.cache)
            self._informers[kind] = found
            if self._group is not None:
                self._group.create_task(found.run())
        elif (found.namespace, found.labels, found.fields) != scope:
            raise ValueError(f"{kind} is watched with other selectors already: use another InformerSet")
        return found

    @property
    def has_synced(self) -> bool:
        return all(informer.has_synced for informer in self._informers.values())

    async def wait_synced(self) -> None:
        for informer in list(self._informers.values()):
            await informer.wait_synced()

    async def run(self) -> None:
        """For ever; those added later too."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for informer in self._informers.values():
                group.create_task(informer.run())
            await asyncio.get_running_loop().create_future()
