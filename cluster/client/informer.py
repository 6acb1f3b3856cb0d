"""Informers: kinds of objects kept in a cache, and whoever wants to know told of each change.

Must not change anything in the cluster, nor hold what all informers promise (`following.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from cluster.api.meta import revision_of
from cluster.api.selectors import parse_field_selector, parse_label_selector
from cluster.client.cache import Cache, Callback, Object, Scope
from cluster.client.client import Client
from cluster.client.following import Following
from cluster.client.metadata import MetadataInformer
from cluster.config import Timing


class Informer(Following):
    """One kind, kept in `cache`. `labels` and `fields` are selectors as text; what leaves them leaves the cache."""

    def __init__(
        self, client: Client, kind: str, *, scope: tuple[str, str, str] = ("", "", ""), cache: Cache | None = None
    ) -> None:
        """`scope`: namespace ("" for all), label selector, field selector."""
        super().__init__(client)
        self.kind = kind
        self.namespace, self.labels, self.fields = scope
        self.cache = cache if cache is not None else Cache()
        self.cache.track(
            kind, Scope(self.namespace, parse_label_selector(self.labels), parse_field_selector(self.fields))
        )

    def on_change(self, callback: Callback) -> None:
        """callback(old | None, new | None) for every change; once per object that is there already."""
        for obj in self.cache.list(self.kind):
            callback(None, obj)
        self.cache.on_change(self.kind, callback)

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
        self._listed(revision)

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
    """Informers that share one cache: one per kind, and one for all other kinds if need be; `run` them all."""

    def __init__(self, client: Client, timing: Timing) -> None:
        self.client = client
        self.timing = timing
        self.cache = Cache()
        self._informers: dict[str, Informer] = {}
        self._rest: MetadataInformer | None = None
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

    def add_rest(self, but: Sequence[str] = ()) -> MetadataInformer:
        """The informer of all kinds that have none here by now, and are not among `but`. Once, before `run`."""
        assert self._rest is None
        self._rest = MetadataInformer(self.client, self.cache, (*self._informers, *but))
        return self._rest

    def __iter__(self) -> Iterator[Informer]:
        """Those of one kind."""
        return iter(self._informers.values())

    def _all(self) -> list[Following]:
        return [*self._informers.values(), *((self._rest,) if self._rest is not None else ())]

    @property
    def has_synced(self) -> bool:
        return all(informer.has_synced for informer in self._all())

    async def wait_synced(self) -> None:
        for informer in self._all():
            await informer.wait_synced()

    async def run(self) -> None:
        """For ever; those added later too."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for informer in self._all():
                group.create_task(informer.run())
            await asyncio.get_running_loop().create_future()
