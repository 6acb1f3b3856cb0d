"""All kinds at once, also those defined while the cluster runs: list, watch and empty a namespace, in one go each.

Shell. Must not know which kinds there are: whatever the watch cache has is told of. What it tells is the metadata
(Kubernetes: PartialObjectMetadata), which is what those want to know who must look after objects of any kind; only the
definitions of kinds are told whole.

    object.list   {"but": [kind], "resourceVersion": ""} -> {"metadata": {...}, "items": [bytes]}
    object.watch  the same -> a stream of events in the store's order, of all kinds, with one bookmark for all
    object.purge  {"namespace": "team"} -> {"found": {kind: how many}}, which are deleted or on their way out
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cluster.api.kind import Kind
from cluster.api.meta import Object, deleting, key_of, uid_of
from cluster.apiserver import refusals
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.feed import Feed
from cluster.apiserver.hub import Codec, Hub, Watcher, event_of, item_of
from cluster.apiserver.reads import CHUNK, Reader
from cluster.apiserver.registry import DeleteOptions
from cluster.apiserver.request import Call
from cluster.apiserver.verbs import Verbs
from cluster.apiserver.watchcache import Selection, Stored, WatchCache
from cluster.errors import StatusError
from cluster.wire import pack

EVERYTHING = Selection()
LAST = ("Event", "Lease")
"""What is emptied last: so that what is said about the rest during its deletion goes too."""
SIDE_BY_SIDE = 16
"""Deletions of a purge that are under way at once."""


def _told(obj: Object) -> Object:
    if obj["kind"] == "CustomResourceDefinition":
        return obj
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": obj["metadata"]}


METADATA = Codec("metadata", lambda type, obj: pack({"type": type, "object": _told(obj)}), lambda obj: pack(_told(obj)))


class AllKinds:
    """`kind_of`: the kind of a key, None for one that is not served (any more)."""

    def __init__(
        self, cache: WatchCache, hub: Hub, feed: Feed, verbs: Verbs, kind_of: Callable[[str], Kind | None]
    ) -> None:
        self._cache = cache
        self._hub = hub
        self._feed = feed
        self._verbs = verbs
        self._kind_of = kind_of

    async def list(self, call: Call) -> Mapping[str, Any]:
        args = call.args
        but, revision = args.texts("but"), args.revision()
        if revision is None:
            await self._feed.fresh(call.left())
        else:
            await self._feed.at_least(revision)
        items = [
            item_of(METADATA, stored)
            for kind in self._cache.kinds()
            if kind not in but
            for stored in self._cache.list(kind, EVERYTHING)
        ]
        return {"metadata": {"resourceVersion": str(self._cache.revision)}, "items": items}

    async def watch(self, args: Arguments, reader: Reader) -> None:
        """Until the reader leaves, or the events that it would need are not to be had."""
        but, revision = args.texts("but"), args.revision() or 0
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(error: StatusError) -> None:
            if not ended.done():
                ended.set_exception(error)

        try:
            async with asyncio.timeout(reader.patience):
                await self._feed.at_least(revision)
        except TimeoutError:
            raise refusals.too_new(revision, self._cache.revision) from None
        watcher = Watcher("", EVERYTHING, reader.send, end, METADATA, reader.user)
        # From here on nothing may wait: an event in between would be lost.
        changes = self._cache.since_all((kind for kind in self._cache.kinds() if kind not in but), revision)
        events = [event_of(METADATA, EVERYTHING.sees(change), change) for change in changes]
        for at in range(0, len(events), CHUNK):
            reader.send(events[at : at + CHUNK])
        del changes, events  # a watch lasts for an hour, and so would they
        self._hub.add_wide(watcher, frozenset(but))
        try:
            await ended
        finally:
            self._hub.remove(watcher)

    # ── emptying a namespace ─────────────────────────────────────────────────────────────────────────────────

    async def purge(self, call: Call) -> Mapping[str, Any]:
        """Deletes all that is there now; nothing new comes into a namespace that is being deleted. What takes its time
        is left to its own end: ask again."""
        namespace = call.args.text("namespace")
        if not namespace:
            raise refusals.bad_request("namespace is required")
        await self._feed.fresh(call.left())
        found: dict[str, int] = {}
        for kinds in (self._cache.kinds(), LAST):
            if found:
                break  # the last ones' turn comes when the others are gone
            for key in kinds:
                kind = self._kind_of(key)
                if kind is None or not kind.namespaced or (key in LAST) is not (kinds is LAST):
                    continue
                stored = self._cache.list(key, Selection(namespace))
                held = {key_of(each.obj) for each in stored}
                shut = [name for name in self._cache.unreadable(key, namespace) if name not in held]
                if stored or shut:
                    found[key] = len(stored) + len(shut)
                    await self._delete_all(kind, stored, call)
        return {"found": found}

    async def _delete_all(self, kind: Kind, stored: Sequence[Stored], call: Call) -> None:
        standing = [each.obj for each in stored if not deleting(each.obj)]
        for at in range(0, len(standing), SIDE_BY_SIDE):
            answers = await asyncio.gather(
                *(self._delete(kind, obj, call) for obj in standing[at : at + SIDE_BY_SIDE]), return_exceptions=True
            )
            raise_first(answers)

    async def _delete(self, kind: Kind, obj: Object, call: Call) -> None:
        try:
            await self._verbs.remove(kind, key_of(obj), call, DeleteOptions(uid_of(obj), propagation="Background"))
        except StatusError as error:
            if error.reason not in ("NotFound", "Conflict"):  # it is gone, or another one has its name
                raise


def raise_first(answers: Iterable[object]) -> None:
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
