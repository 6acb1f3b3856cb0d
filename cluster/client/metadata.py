"""The metadata of all objects of all kinds in a cache, also of kinds that are defined later: one list, one watch.

Must not change anything in the cluster. What all informers promise (`following.py`) holds here too; besides, all kinds
are told in the store's order. Kinds that somebody watches as a whole are left out: their informers have them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cluster.api.kinds import key_for
from cluster.api.meta import revision_of
from cluster.client.cache import Cache, Object, Scope
from cluster.client.client import Client
from cluster.client.following import Following

KindCallback = Callable[[str, Object | None, Object | None], None]
"""(kind's key, old, new)."""


class MetadataInformer(Following):
    """`but`: kinds that are not kept."""

    def __init__(self, client: Client, cache: Cache, but: Sequence[str]) -> None:
        super().__init__(client)
        self.but = tuple(but)
        self._cache = cache
        self._kinds: dict[str, None] = {}
        self._callbacks: list[KindCallback] = []

    def on_change(self, callback: KindCallback) -> None:
        """callback(kind, old | None, new | None) for every change from now on."""
        self._callbacks.append(callback)

    async def _list(self) -> None:
        answer = await self.client.list_all(self.but, resource_version=str(self.revision) if self.revision else "")
        revision = revision_of(answer)
        listed: dict[str, list[Object]] = {kind: [] for kind in self._kinds}
        for obj in answer["items"]:
            listed.setdefault(self._kind_of(obj), []).append(obj)
        for kind, objects in listed.items():
            self._cache.replace(kind, objects, revision)
        self._listed(revision)

    async def _watch(self) -> None:
        watch = self.client.watch_all(self.but, resource_version=str(self.revision))
        async with watch as events:
            async for event in events:
                self._take(event["type"], event["object"])

    def _take(self, type: str, obj: Object) -> None:
        if type == "BOOKMARK":
            for kind in self._kinds:
                self._cache.passed(kind, revision_of(obj))
        else:
            self._cache.event(self._kind_of(obj), type, obj)
        self.revision = max(self.revision, revision_of(obj))

    def _kind_of(self, obj: Object) -> str:
        kind = key_for(obj["kind"], obj["apiVersion"])
        if kind not in self._kinds:
            self._kinds[kind] = None
            self._cache.track(kind, Scope())
            self._cache.on_change(kind, lambda old, new: self._tell(kind, old, new))
        return kind

    def _tell(self, kind: str, old: Object | None, new: Object | None) -> None:
        for callback in self._callbacks:
            callback(kind, old, new)
