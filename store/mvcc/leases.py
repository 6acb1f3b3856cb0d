"""The leases as all members know them: who was granted what for how long, and which keys hang on it.

Pure. Must not know time: when a lease is over is the leader's affair (`lessor.py`), and it says so through the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster.errors import StatusError

MAX_TTL = 9_000_000_000
"""Seconds (etcd: MaxLeaseTTL)."""


class Lease:
    """`ttl`: seconds that were granted. `keys`: those attached, in the order of their coming."""

    __slots__ = ("id", "keys", "ttl")

    def __init__(self, id: int, ttl: int) -> None:
        self.id = id
        self.ttl = ttl
        self.keys: dict[bytes, None] = {}


class Leases:
    """`last`: the highest id that was given by the store itself."""

    def __init__(self) -> None:
        self.last = 0
        self._by_id: dict[int, Lease] = {}
        self._changes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._by_id.values())

    def __contains__(self, id: int) -> bool:
        return id in self._by_id

    def get(self, id: int) -> Lease:
        """StatusError NotFound."""
        lease = self._by_id.get(id)
        if lease is None:
            raise StatusError("NotFound", f"requested lease {id} not found", {"lease": id})
        return lease

    def grant(self, id: int, ttl: int) -> Lease:
        """`id` 0: one that is free. StatusError AlreadyExists."""
        if not id:
            id = self.last + 1
            while id in self._by_id:
                id += 1
            self.last = id
        elif id in self._by_id:
            raise StatusError("AlreadyExists", f"lease {id} already exists", {"lease": id})
        lease = self._by_id[id] = Lease(id, ttl)
        self._changes[id] = ttl
        return lease

    def drop(self, id: int) -> None:
        del self._by_id[id]
        self._changes[id] = 0

    def move(self, key: bytes, old: int, new: int) -> None:
        """`key` hung on `old` and now hangs on `new` (0: none)."""
        if old:
            del self._by_id[old].keys[key]
        if new:
            self._by_id[new].keys[key] = None

    def take_changes(self) -> list[tuple[int, int]]:
        """What a lessor must hear, once: (id, granted seconds), or (id, 0) for one that is gone."""
        changes, self._changes = self._changes, {}
        return list(changes.items())

    # ── as a whole ───────────────────────────────────────────────────────────────────────────────────────────

    def rows(self) -> list[tuple[int, int]]:
        """(id, ttl) by id. The keys know their lease."""
        return sorted((lease.id, lease.ttl) for lease in self)

    def load(self, last: int, rows: Iterable[tuple[int, int]]) -> None:
        """Into an empty one; `move` attaches the keys again."""
        self.last = last
        self._by_id = {id: Lease(id, ttl) for id, ttl in rows}
