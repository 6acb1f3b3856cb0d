"""A task of the simulated loop: it has an owner, and a place in an order that every run repeats.

Must not run anything.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any

from cluster.world.sim.owner import OWNER, Owner


class SimTask(asyncio.Task[Any]):
    """Hashes by a per-loop serial: asyncio keeps tasks in sets, and sets ordered by address are not repeatable."""

    serial: int
    owner: Owner | None

    def __new__(
        cls, coro: Any, *, loop: asyncio.AbstractEventLoop, name: str | None, context: Context | None
    ) -> SimTask:
        task = super().__new__(cls)
        loop.serial += 1  # type: ignore[attr-defined]
        task.serial = loop.serial  # type: ignore[attr-defined]
        task.owner = OWNER.get() if context is None else context.get(OWNER)
        return task

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other
