"""What becomes of CustomResourceDefinitions: names accepted, kinds established, and emptied when they are deleted.

Shell. Must not serve kinds (`customs.py`). Every apiserver does it, woken by its own watch cache; whoever is late finds
it done. Source: apiextensions-apiserver's naming, establishing and finalizing controllers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cluster.api.customkinds import storage_kind
from cluster.api.customnames import status_of, terminating
from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import Object, deleting, finalizers_of, key_of, name_of, timestamp, uid_of
from cluster.apiserver import registry
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.customs import DEFINITION, UNKNOWN
from cluster.apiserver.feed import Feed
from cluster.apiserver.hub import Codec, Hub, Watcher
from cluster.apiserver.registry import CLEANUP, DeleteOptions, Outcome, settle
from cluster.apiserver.request import Call
from cluster.apiserver.verbs import Verbs
from cluster.apiserver.watchcache import Selection, WatchCache
from cluster.errors import StatusError
from cluster.world.host import Host

AGAIN = 1.0
"""Seconds until it is looked again at what could not be done, or waits for objects to go."""
LOST = ("Conflict", "NotFound")
"""Another apiserver was faster."""
_NONE = Codec("none", lambda type, obj: b"", lambda obj: b"")


class Definitions:
    def __init__(self, host: Host, cache: WatchCache, feed: Feed, verbs: Verbs, timeout: float) -> None:
        self._host = host
        self._cache = cache
        self._feed = feed
        self._verbs = verbs
        self._timeout = timeout
        self._known: dict[str, str] = {}
        """The keys of the kinds that there are definitions of, by their names."""
        self._wake = asyncio.Event()

    async def run(self, hub: Hub) -> None:
        """For ever. `hub`: tells of definitions that change."""
        hub.add(Watcher(DEFINITION, Selection(), self._stirred, self._ended, _NONE))
        while True:
            self._wake.clear()
            await self._feed.ready()
            self._end_watches(hub)
            unfinished = await self._look()
            try:
                async with asyncio.timeout(AGAIN if unfinished else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _end_watches(self, hub: Hub) -> None:
        """Of kinds whose definitions are gone."""
        known = {name_of(stored.obj): storage_kind(stored.obj).key for stored in self._cache.objects(DEFINITION)}
        for name, key in self._known.items():
            if name not in known:
                hub.close_kind(key, StatusError("NotFound", UNKNOWN))
        self._known = known

    def _stirred(self, events: list[bytes]) -> None:
        self._wake.set()

    def _ended(self, error: StatusError) -> None:
        """The cache is filled anew: who watches by lists would list again; we look at the cache itself."""
        self._wake.set()

    async def _look(self) -> bool:
        """Whether anything is left to do."""
        unfinished = False
        definitions = [stored.obj for stored in self._cache.objects(DEFINITION)]
        for definition in sorted(definitions, key=name_of):
            try:
                if deleting(definition):
                    unfinished = await self._empty(definition) or unfinished
                else:
                    await self._accept(definition, definitions)
            except StatusError as error:
                if error.reason not in LOST:
                    self._host.note("definition", {"name": name_of(definition), "error": str(error)})
                    unfinished = True
        return unfinished

    async def _accept(self, definition: Object, definitions: list[Object]) -> None:
        now = timestamp(self._host.clock.now())
        status = status_of(definition, definitions, now)
        if status != definition.get("status"):
            await self._write(definition, lambda old: {**old, "status": status})

    async def _empty(self, definition: Object) -> bool:
        """Delete the objects of a kind that is going, then let it go. True: some are left."""
        if CLEANUP not in finalizers_of(definition):
            return False
        now = timestamp(self._host.clock.now())
        kind = storage_kind(definition)
        await self._feed.fresh(self._timeout)
        objects = [stored.obj for stored in self._cache.objects(kind.key)]
        for obj in objects:
            if not deleting(obj):
                await self._delete(kind, obj)
        if objects:
            text = "CustomResource deletion is in progress"
            status = terminating(definition, "InstanceDeletionInProgress", text, now)
            if status != definition.get("status"):
                await self._write(definition, lambda old: {**old, "status": status})
            return True
        rest = [name for name in finalizers_of(definition) if name != CLEANUP]
        await self._write(definition, lambda old: _with_finalizers(old, rest))
        return False

    async def _delete(self, kind: Kind, obj: Object) -> None:
        try:
            options = DeleteOptions(uid_of(obj), propagation="Background")
            await self._verbs.remove(kind, key_of(obj), self._call(), options)
        except StatusError as error:
            if error.reason not in LOST:
                raise

    async def _write(self, definition: Object, change: Callable[[Object], Object]) -> None:
        """Only if it still is what was looked at."""
        version = definition["metadata"]["resourceVersion"]
        kind = KINDS[DEFINITION]

        def outcome(old: Object) -> Outcome:
            registry.check_preconditions(kind, old, uid_of(definition), version)
            return settle(old, change(old))

        await self._verbs.change_status(kind, key_of(definition), self._call(), outcome)

    def _call(self) -> Call:
        return Call(Arguments({}), asyncio.get_running_loop().time() + self._timeout)


def _with_finalizers(obj: Object, finalizers: list[str]) -> Object:
    meta = {name: value for name, value in obj["metadata"].items() if name != "finalizers"}
    return {**obj, "metadata": {**meta, "finalizers": finalizers} if finalizers else meta}
