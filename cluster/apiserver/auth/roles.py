"""The default roles in the store: made in a few transactions when they are missing, mended when they lack something.

Shell. Idempotent; several apiservers may do it at once. Must not know what the roles say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from cluster.api.kinds import KINDS
from cluster.api.meta import key_of
from cluster.apiserver.auth.firstroles import objects, reconciled
from cluster.apiserver.feed import Feed
from cluster.apiserver.registry import Object, complete, prepare_create, prepare_update
from cluster.apiserver.storage import Storage, encode
from cluster.apiserver.watchcache import WatchCache
from cluster.errors import StatusError
from cluster.world.host import Host
from store.mvcc.values import Compare, Op, Put

TOGETHER = 100
"""Objects in one transaction (etcd allows 128 operations)."""
PAUSE = 0.2
"""Seconds between tries while the store does not answer."""


class Roles:
    def __init__(self, host: Host, storage: Storage, cache: WatchCache, feed: Feed, timeout: float) -> None:
        self._host = host
        self._storage = storage
        self._cache = cache
        self._feed = feed
        self._timeout = timeout
        self.ready = False

    async def run(self) -> None:
        """Until all are there and as they have to be. Where they are nothing is asked of the store."""
        while wanted := self._missing():
            try:
                for at in range(0, len(wanted), TOGETHER):
                    await self._write(wanted[at : at + TOGETHER])
            except (StatusError, TimeoutError) as error:
                self._host.note("default-roles", {"error": str(error) or "the store has not told yet"})
                await asyncio.sleep(PAUSE)
        self.ready = True

    def _missing(self) -> list[tuple[Object, int]]:
        """What is to be written, with the revision that is there (0: nothing)."""
        found: list[tuple[Object, int]] = []
        for obj in objects():
            kind = KINDS[obj["kind"]]
            stored = self._cache.get(kind.key, key_of(obj))
            if stored is None:
                made = prepare_create(kind, obj, self._host.clock.now(), self._host.rng)
                found.append((complete(kind, made), 0))
            elif (better := reconciled(obj, stored.obj)) is not None:
                outcome = prepare_update(kind, stored.obj, better)
                if outcome.obj is not None:
                    found.append((outcome.obj, stored.revision))
        return found

    async def _write(self, wanted: Sequence[tuple[Object, int]]) -> None:
        """All of them or, when another apiserver was faster, none: then what it made is waited for."""
        compares = [Compare(_key(obj), "mod", "=", revision) for obj, revision in wanted]
        puts: Iterable[Op] = [Put(_key(obj), encode(obj)) for obj, _ in wanted]
        result = await self._storage.store.txn(compares, list(puts), [], timeout=self._timeout)
        async with asyncio.timeout(self._timeout):
            await self._feed.at_least(result.revision)


def _key(obj: Object) -> bytes:
    meta = obj["metadata"]
    return KINDS[obj["kind"]].storage_key(meta.get("namespace") or "", meta["name"]).encode()
