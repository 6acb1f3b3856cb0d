"""get, list, watch and table: who may be answered from the cache, and how fresh it must be first.

Shell. Must not write.

    resourceVersion ""    linearizable: get asks the store; list waits until the cache is as new as the store now is
    resourceVersion "0"   whatever the cache has
    resourceVersion N     the cache, once it has reached N
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.api import versions
from cluster.api.kinds import Kind
from cluster.api.meta import Object, name_of
from cluster.api.selectors import parse_field_selector, parse_label_selector
from cluster.api.tables import table
from cluster.apiserver import refusals
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.feed import Feed
from cluster.apiserver.hub import Codec, Hub, Watcher, bookmark_of, event_of, item_of
from cluster.apiserver.request import Call
from cluster.apiserver.storage import Storage
from cluster.apiserver.subresources import scale_of
from cluster.apiserver.watchcache import Page, Selection, Stored, WatchCache, parse_token
from cluster.errors import StatusError
from cluster.wire import pack
from cluster.world.host import Host

CHUNK = 500
"""Events per message of a watch that starts with all there is."""
INITIAL_END = "k8s.io/initial-events-end"
"""Annotation of the bookmark after which a watch tells what is new (Kubernetes: sendInitialEvents)."""


Events = list[bytes]
Live = Callable[[Kind, float], Awaitable[Sequence[Object]]]
"""(kind, seconds) -> all its objects, sorted by key."""


async def _nothing(kind: Kind, patience: float) -> Sequence[Object]:
    return ()


CATCH_UP = 3.0
"""Seconds that a reader waits for a revision that is not there yet (Kubernetes: blockTimeout). It may be a mistake, and
who waits holds a seat."""
PACKED = Codec("msgpack", lambda type, obj: pack({"type": type, "object": obj}), pack)
"""As events and items travel on the bus."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who watches: where events go, in which form, and how long it waits until a revision is reached. `initial`: told
    when all that was there at the start has been told. `user`: its host, if it is one."""

    send: Callable[[Events], None]
    codec: Codec = PACKED
    patience: float = 5.0
    initial: bool = False
    user: str = ""


def initial_end(kind: Kind, revision: int) -> Object:
    obj = bookmark_of(kind.kind, revision)
    obj["metadata"]["annotations"] = {INITIAL_END: "true"}
    return obj


Newest = Callable[[Kind, str, Call], Awaitable[Stored | None]]


class Reads:
    def __init__(self, host: Host, storage: Storage, cache: WatchCache, hub: Hub, feed: Feed) -> None:
        self._host = host
        self._storage = storage
        self._cache = cache
        self._hub = hub
        self._feed = feed
        self.live: Live = _nothing
        """Where kinds that are read only come from."""

    async def get(self, kind: Kind, call: Call) -> Object:
        return (await self._found(kind, call, self._read)).obj

    async def one(self, kind: Kind, call: Call) -> Stored:
        """As `get`, for those of whom there are many: the newest comes from the cache once that is as new as the store
        was when it was asked for. Who asks in one moment shares one question to the store."""
        return await self._found(kind, call, self._newest)

    async def _read(self, kind: Kind, key: str, call: Call) -> Stored | None:
        return await self._storage.get(kind, key, call.left())

    async def _newest(self, kind: Kind, key: str, call: Call) -> Stored | None:
        if not await self._feed.newest(call.left()):
            return await self._read(kind, key, call)  # a cache that lags, or lies, is not waited for
        self._cache.check(kind.key, key=key)
        return self._cache.get(kind.key, key)

    async def _found(self, kind: Kind, call: Call, newest: Newest) -> Stored:
        key, revision = call.args.key(kind), call.args.revision()
        if kind.read_only:
            stored = next((each for each in await self._found_out(kind, call) if name_of(each.obj) == key), None)
        elif revision is None:
            stored = await newest(kind, key, call)
        else:
            await self._reached(revision, call)
            self._cache.check(kind.key, key=key)
            stored = self._cache.get(kind.key, key)
        if stored is None:
            raise refusals.not_found(kind, call.args.name())
        return stored

    async def _found_out(self, kind: Kind, call: Call) -> Sequence[Stored]:
        """All objects of a kind that is not kept, as of now."""
        found = await self.live(kind, call.left())
        return [Stored(obj, self._cache.revision) for obj in found]

    async def get_scale(self, kind: Kind, call: Call) -> Object:
        return scale_of(kind, await self.get(kind, call))

    async def list(self, kind: Kind, call: Call) -> dict[str, Any]:
        page = await self.page(kind, call)
        return {
            "kind": kind.kind + "List",
            "apiVersion": kind.api_version,
            "metadata": list_metadata(page),
            "items": [item_of(PACKED, stored) for stored in page.items],
        }

    async def table(self, kind: Kind, call: Call) -> dict[str, Any]:
        if call.args.text("name"):
            objects = [await self.get(kind, call)]
            metadata = {"resourceVersion": objects[0]["metadata"]["resourceVersion"]}
        else:
            page = await self.page(kind, call)
            objects, metadata = [stored.obj for stored in page.items], list_metadata(page)
        columns, rows = table(kind, objects, self._host.clock.now(), call.args.flag("wide"))
        return {
            "metadata": metadata,
            "columns": list(columns),
            "rows": [list(row) for row in rows],
            "objects": [_partial(kind, obj) for obj in objects],
        }

    def count(self, kind: Kind) -> int:
        """How many there are, as far as the cache knows."""
        return len(self._cache.objects(kind.key))

    async def selected(self, kind: Kind, call: Call) -> Sequence[Object]:
        """All that the request selects, fresh: what a deletion of a collection acts on."""
        selection = select(kind, call.args)
        await self._feed.fresh(call.left())
        self._cache.check(kind.key, selection.namespace)
        return [stored.obj for stored in self._cache.list(kind.key, selection)]

    async def watch(self, kind: Kind, args: Arguments, reader: Reader) -> None:
        """Until the reader leaves, or the events that it would need are not to be had."""
        selection, revision = select(kind, args), args.revision()
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(error: StatusError) -> None:
            if not ended.done():
                ended.set_exception(error)

        await self._catch_up(revision, reader.patience)
        self._feed.read_by(reader.user, "watch", kind.key)
        self._cache.check(kind.key, selection.namespace)
        watcher = Watcher(kind.key, selection, reader.send, end, reader.codec, reader.user)
        # From here to `add` nothing may wait: an event in between would be lost.
        events = self._first(kind, selection, revision, reader)
        for at in range(0, len(events), CHUNK):
            reader.send(events[at : at + CHUNK])
        del events  # a watch lasts for an hour, and so would they
        watcher.told = self._cache.revision if revision == self._cache.revision else 0
        self._hub.add(watcher)
        try:
            await ended
        finally:
            self._hub.remove(watcher)

    def _first(self, kind: Kind, selection: Selection, revision: int | None, reader: Reader) -> Events:
        """What a watch begins with: what has happened since `revision`, or what there is."""
        codec = reader.codec
        if revision:
            changes = self._cache.since(kind.key, revision)
            events = [event_of(codec, seen, change) for change in changes if (seen := selection.sees(change))]
        else:
            events = [codec.event("ADDED", stored.obj) for stored in self._cache.list(kind.key, selection)]
        if reader.initial:
            events.append(codec.event("BOOKMARK", initial_end(kind, self._cache.revision)))
        return events

    async def _reached(self, revision: int, call: Call) -> None:
        """Once the cache is as new as was asked for; Timeout that says how far it is."""
        await self._feed.ready()
        await self._catch_up(revision, min(call.left(), CATCH_UP))

    async def _catch_up(self, revision: int | None, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                if revision is None:
                    await self._feed.fresh(patience)
                else:
                    await self._feed.at_least(revision)
        except TimeoutError:
            if not self._feed.filled:
                raise refusals.not_ready() from None
            raise refusals.too_new(revision or 0, self._cache.revision) from None

    async def page(self, kind: Kind, call: Call) -> Page:
        """What a list shows: at most `limit` of what is selected, of one snapshot."""
        args = call.args
        selection, limit = select(kind, args), args.number("limit") or 0
        token, revision = args.text("continue"), args.revision()
        if limit < 0:
            raise refusals.bad_request("limit is a whole number from 0")
        if kind.read_only:
            found = [stored for stored in await self._found_out(kind, call) if selection.matches(stored.obj)]
            return Page(self._cache.revision, found)
        if token:
            await self._reached(parse_token(token)[0], call)
        elif revision is None:
            await self._feed.fresh(call.left())
        else:
            await self._reached(revision, call)
        self._cache.check(kind.key, selection.namespace)
        self._feed.read_by(call.request.src if call.request is not None else "", "list", kind.key)
        return self._cache.page(kind.key, selection, limit, token)


def select(kind: Kind, args: Arguments) -> Selection:
    """BadRequest for a selector that cannot be read, or for a field that this kind does not select by."""
    namespace = args.text("namespace") if kind.namespaced else ""
    fields = parse_field_selector(versions.selector(kind, args.text("fields")), kind.fields)
    return Selection(namespace, parse_label_selector(args.text("labels")), fields)


def list_metadata(page: Page) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": str(page.revision)}
    if page.continue_:
        metadata["continue"] = page.continue_
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
    return metadata


def _partial(kind: Kind, obj: Object) -> dict[str, Any]:
    meta = obj["metadata"]
    names = ("name", "namespace", "labels", "uid", "resourceVersion")
    return {"kind": kind.kind, **{name: meta[name] for name in names if name in meta}}
