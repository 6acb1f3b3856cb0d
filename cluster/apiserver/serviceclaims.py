"""The addresses and node ports of Services, as the cache knows them to be taken.

Shell. Must not choose: see allocation. Whether one really is free is decided by the store, at the write.
"""

from __future__ import annotations

from cluster.api.kinds import Kind
from cluster.api.meta import Object
from cluster.apiserver import allocation
from cluster.apiserver.feed import Feed
from cluster.apiserver.registry import Outcome
from cluster.apiserver.request import Call
from cluster.apiserver.watchcache import WatchCache
from cluster.world.host import Host


class ServiceClaims:
    def __init__(self, host: Host, cache: WatchCache, feed: Feed, ranges: allocation.Ranges) -> None:
        self._host = host
        self._cache = cache
        self._feed = feed
        self._ranges = ranges

    def allocated(self, kind: Kind, outcome: Outcome, old: Object | None, taken: set[str]) -> Outcome:
        """The outcome with addresses chosen; `taken`, filled at the first call, remembers those that others hold."""
        if kind.kind != "Service" or outcome.obj is None:
            return outcome
        held = allocation.claims(old)
        if outcome.remove:
            return Outcome(outcome.obj, True, (), held)
        if not taken:
            others = (stored.obj for stored in self._cache.objects("Service"))
            taken.update(claim for service in others for claim in allocation.claims(service))
            taken.difference_update(held)
        obj = allocation.allocate(outcome.obj, taken, self._ranges, self._host.rng)
        wanted = allocation.claims(obj)
        claims = tuple(claim for claim in wanted if claim not in held)
        return Outcome(obj, False, claims, tuple(claim for claim in held if claim not in wanted))

    def retake(self, asked: Object, chosen: Object, lost: tuple[str, ...], taken: set[str]) -> None:
        """Others hold these: remember it and choose again, unless they were asked for by name."""
        named = [claim for claim in lost if claim in allocation.claims(asked)]
        if named:
            raise allocation.already_allocated(chosen, named)
        taken.update(lost)

    async def heard_all(self, call: Call, taken: set[str]) -> bool:
        """Until the cache is as new as the store; what was taken is asked of it again."""
        await self._feed.fresh(call.left())
        taken.clear()
        return True
