"""What really happened to every object, in the order of revisions: read from the members of the store themselves.

Must not ask an apiserver: those are what is judged. One watch of each member, and an event counts from the moment when
the first of them tells it, so that a member that is cut off does not make it look late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from cluster.api.meta import key_of
from cluster.apiserver.storage import decode
from cluster.errors import StatusError
from cluster.history.run import Seen
from store.client import StoreClient, WatchBatch

Object = dict[str, Any]


class Truth:
    """`events`: all of them. `objects`: kind -> key -> object as it now is."""

    def __init__(self, store: StoreClient, members: tuple[str, ...], time: Callable[[], float]) -> None:
        self.events: list[Seen] = []
        self.objects: dict[str, dict[str, Object]] = {}
        self.revision = 0
        self._store = store
        self._members = members
        self._time = time

    def of(self, kind: str) -> Mapping[str, Object]:
        return self.objects.setdefault(kind, {})

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            for member in self._members:
                group.create_task(self._follow(member))

    async def _follow(self, member: str) -> None:
        while True:
            watch = self._store.watch(b"\0", b"\0", revision=self.revision + 1, member=member)
            try:
                async with watch as batches:
                    async for batch in batches:
                        self._take(batch)
            except StatusError:
                await asyncio.sleep(0.1)

    def _take(self, batch: WatchBatch) -> None:
        for event in batch.events:
            kv = event.kv
            if kv.mod_revision <= self.revision:
                continue
            found = decode(kv.key, None if event.deleted else kv.value, kv.mod_revision)
            if found is not None and not found.unreadable:
                self._put(found.kind, found.key, kv.mod_revision, found.obj)
        self.revision = max(self.revision, batch.revision)

    def _put(self, kind: str, key: str, revision: int, obj: Object | None) -> None:
        shelf = self.objects.setdefault(kind, {})
        before = shelf.pop(key, None)
        shown = obj if obj is not None else before
        if shown is None:
            return
        now = {**shown, "metadata": {**shown["metadata"], "resourceVersion": str(revision)}}
        type = "DELETED" if obj is None else "ADDED" if before is None else "MODIFIED"
        if obj is not None:
            shelf[key] = now
        assert key_of(now) == key
        self.events.append(Seen(self._time(), kind, type, now))
