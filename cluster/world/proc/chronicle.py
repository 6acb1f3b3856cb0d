"""What the supervisor saw and did: into its journal, and kept for those who wait for events.

Must not act on anything.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from cluster.world.proc.control import Message
from cluster.world.proc.journal import Journal
from cluster.world.proc.network import WorldTime

NAME = "supervisor"
"""The journal's host for what concerns no single host."""
KEPT = 1000
"""Events."""


class Chronicle:
    """`lamport` is the latest Lamport time that the supervisor has heard of or given out."""

    def __init__(self, time: WorldTime, boot: int, journal: Journal) -> None:
        self.lamport = 0
        self._time = time
        self._boot = boot
        self._journal = journal
        self._number = 0
        self._events: deque[Message] = deque(maxlen=KEPT)
        self._happened = asyncio.Event()

    def tell(self, event: str, data: Mapping[str, Any]) -> None:
        """Something that concerns no single host."""
        self.write(NAME, self._boot, event, data)

    def write(self, host: str, boot: int, event: str, data: Mapping[str, Any]) -> None:
        self.lamport += 1
        now = self._time()
        self._journal.note((now, self.lamport, host, boot), event, data)
        self._number += 1
        told = {"n": self._number, "time": now, "host": host, "boot": boot, "event": event, "data": dict(data)}
        self._events.append(told)
        self._happened.set()

    async def after(self, number: int, timeout: float) -> Message:
        """{events, last}: events with numbers over `number`; waits up to `timeout` seconds for the first."""
        end = self._time() + timeout
        while True:
            found = [event for event in self._events if event["n"] > number]
            if found or self._time() >= end:
                return {"events": found, "last": found[-1]["n"] if found else number}
            self._happened.clear()
            try:
                await asyncio.wait_for(self._happened.wait(), end - self._time())
            except TimeoutError:
                continue

    def close(self) -> None:
        self._journal.close()
