"""Notes of where a member's log stands, a few times a second while it changes: what a run's report is drawn from.

Must not change anything. A timer beside the turns: without one (`trace` 0) nothing of it is in any path.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cluster.world.host import Host
from store.storage import Storage

if TYPE_CHECKING:
    from store.member import Member


class Trace:
    """`every` so many seconds, if anything has changed: log {term, last, commit, applied, snapshot}."""

    def __init__(self, host: Host, every: float, member: Member, storage: Storage) -> None:
        self._host = host
        self._storage = storage
        self._every = every
        self._member = member
        self._said: dict[str, int] = {}
        self._look()

    def _snapshot(self) -> int:
        newest = self._storage.snapshot
        return newest.index if newest is not None else 0

    def _look(self) -> None:
        status = self._member.node.status()
        now = {
            "term": status.term,
            "last": status.last,
            "commit": status.commit,
            "applied": self._member.applied,
            "snapshot": self._snapshot(),
        }
        if now != self._said:
            self._said = now
            self._host.note("log", now)
        asyncio.get_running_loop().call_later(self._every, self._look)
