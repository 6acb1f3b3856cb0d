"""The quotas that a request has to stay within: read as new as need be, charged in the transaction of what uses them.

Shell. Must not reckon: what is used and what is left is said by cluster/apiserver/admission/quota.py.

A charge is a write of the quota that only counts if the quota is still as it was read; it goes into the same
transaction as the object, so that nothing is used that is not counted, nor counted that is not there. Requests of one
namespace take turns here: they would only overtake one another in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from cluster.api.kinds import KINDS
from cluster.api.meta import key_of
from cluster.apiserver.admission import quota
from cluster.apiserver.admission.review import Review
from cluster.apiserver.request import Call
from cluster.apiserver.storage import Charge, Storage
from cluster.apiserver.watchcache import Selection, Stored, WatchCache
from cluster.errors import StatusError

KIND = "ResourceQuota"


class Quotas:
    def __init__(self, storage: Storage, cache: WatchCache) -> None:
        self._storage = storage
        self._cache = cache
        self._turns: dict[str, asyncio.Lock] = {}
        self._newer: dict[str, Stored] = {}
        """What was written here, or read from the store, until the cache has heard of it."""

    def concern(self, review: Review | None) -> bool:
        """Whether there is any quota that a request has to stay within."""
        return (
            review is not None
            and KIND in KINDS
            and bool(self._cache.objects(KIND))
            and quota.handles(review)
            and bool(self._within(review.namespace))
        )

    def turn(self, review: Review | None) -> AbstractAsyncContextManager[None]:
        """To be held from the first look at the quotas until the write."""
        if not self.concern(review):
            return nullcontext()
        assert review is not None
        return self._turns.setdefault(review.namespace, asyncio.Lock())

    async def charges(self, review: Review | None, call: Call) -> tuple[Charge, ...]:
        """What a request's write has to write of quotas. Forbidden when one is exceeded, by the store's own word: what
        was given back may not have been heard of yet. A charge of a quota that is out of date fails at the write."""
        if not self.concern(review):
            return ()
        assert review is not None
        try:
            return self._charges(review)
        except StatusError:
            await self.refresh(review.namespace, call.left())
            return self._charges(review)

    def _charges(self, review: Review) -> tuple[Charge, ...]:
        stored = self._within(review.namespace)
        revisions = {key_of(each.obj): each.revision for each in stored}
        changed = quota.charged(review, [each.obj for each in stored])
        return tuple(Charge(key_of(each), each, revisions[key_of(each)]) for each in changed)

    def charged(self, charges: Sequence[Charge], revision: int) -> None:
        """They were written, at that revision of the store."""
        for each in charges:
            self._newer[each.key] = Stored(each.obj, revision)

    async def refresh(self, namespace: str, timeout: float) -> None:
        """Somebody else has changed them: read them from the store."""
        for each in self._within(namespace):
            key = key_of(each.obj)
            stored = await self._storage.get(KINDS[KIND], key, timeout)
            # One that is gone has no revision that a write could be held against: it is out until the cache knows.
            self._newer[key] = stored if stored is not None else Stored({**each.obj, "spec": {}}, each.revision)

    def _within(self, namespace: str) -> list[Stored]:
        found = []
        for stored in self._cache.list(KIND, Selection(namespace)):
            key = key_of(stored.obj)
            newer = self._newer.get(key)
            if newer is not None and newer.revision < stored.revision + bool(newer.obj["spec"]):
                del self._newer[key]
                newer = None
            found.append(newer or stored)
        return found
