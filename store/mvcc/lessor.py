"""The clock of the leases: at the leader only, it says which are over and must be revoked through the log.

Pure: `now` is monotonic seconds, an argument. Must not revoke anything itself, nor be kept in a snapshot: a new leader
gives every lease its full time again (etcd: lessor.Promote), so a lease may live longer than its TTL, never shorter.

A keep-alive may be answered only when the leadership was confirmed after it arrived, and with a `now` from before that:
an answer of a leader that was replaced meanwhile would promise more than the new one keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from math import inf

from cluster.errors import StatusError

MOST = 1000
"""Leases that `expired` names at once (etcd: leaseRevokeRate)."""
RETRY = 3.0
"""Seconds after which a lease that is over and was not revoked is named again."""


class Lessor:
    def __init__(self) -> None:
        self._leading = False
        self._ttl: dict[int, int] = {}
        self._expiry: dict[int, float] = {}
        self._named: dict[int, float] = {}
        self._queue: list[tuple[float, int]] = []
        """(not due before, id); a keep-alive leaves the old row, which is moved when it comes up."""

    @property
    def leading(self) -> bool:
        return self._leading

    def promote(self, leases: Iterable[tuple[int, int]], now: float, extend: float = 0.0) -> None:
        """This member leads from now on; `leases` are all (id, ttl). `extend`: seconds on top, for what the former
        leader may have promised while it was being replaced."""
        self._leading = True
        self._ttl = dict(leases)
        self._expiry = {id: now + ttl + extend for id, ttl in self._ttl.items()}
        self._named = {}
        self._queue = [(expiry, id) for id, expiry in self._expiry.items()]
        heapify(self._queue)

    def demote(self) -> None:
        """Somebody else leads: nothing is over here any more."""
        self._leading = False
        self._ttl, self._expiry, self._named, self._queue = {}, {}, {}, []

    def update(self, changes: Iterable[tuple[int, int]], now: float) -> None:
        """What `Leases.take_changes` told, after it was applied."""
        if not self._leading:
            return
        for id, ttl in changes:
            self._named.pop(id, None)
            if not ttl:
                self._ttl.pop(id, None)
                self._expiry.pop(id, None)
                continue
            self._ttl[id], self._expiry[id] = ttl, now + ttl
            heappush(self._queue, (now + ttl, id))

    def keepalive(self, id: int, now: float) -> int:
        """Another full TTL from `now`; its seconds. StatusError NotLeader, or NotFound: it is gone or about to go
        (etcd: Renew waits for the revocation and then finds none)."""
        self._check_leading()
        ttl = self._ttl.get(id)
        if ttl is None or id in self._named or self._expiry[id] <= now:
            raise StatusError("NotFound", f"requested lease {id} not found", {"lease": id})
        self._expiry[id] = max(self._expiry[id], now + ttl)
        return ttl

    def remaining(self, id: int, now: float) -> float:
        """Seconds, 0 when it is over. StatusError NotLeader or NotFound."""
        self._check_leading()
        expiry = self._expiry.get(id)
        if expiry is None:
            raise StatusError("NotFound", f"requested lease {id} not found", {"lease": id})
        return max(0.0, expiry - now)

    def _check_leading(self) -> None:
        if not self._leading:
            raise StatusError("NotLeader", "only the leader knows how long a lease lasts")

    def expired(self, now: float) -> list[int]:
        """Ids to propose a revocation for, those that were over first in front; each again after `RETRY`."""
        found: list[int] = []
        queue = self._queue
        while queue and queue[0][0] <= now and len(found) < MOST:
            _, id = heappop(queue)
            expiry = self._expiry.get(id)
            if expiry is None:
                continue
            if expiry > now:
                heappush(queue, (expiry, id))
                continue
            if now - self._named.get(id, -inf) >= RETRY:
                self._named[id] = now
                found.append(id)
                heappush(queue, (now + RETRY, id))
        return found

    def deadline(self) -> float:
        """When `expired` may have something to name; never too late, `inf` for never."""
        return self._queue[0][0] if self._queue else inf
