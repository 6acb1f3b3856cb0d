"""Watching several kinds at once and telling whoever wants to know; survives the apiserver that it watches through.

Must not keep objects: that is an informer's work. Times are the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from cluster.client.client import Client
from cluster.client.informer import InformerSet
from cluster.config import Timing

Object = dict[str, Any]
Listener = Callable[[str, str, Object], None]


class Observer:
    """async with Observer(client, ("Pod", "Node")) as o: o.on_event(f); await o.synced()

    f(kind, type, object) hears ADDED, MODIFIED and DELETED; what is there at the start comes as ADDED."""

    def __init__(self, client: Client, kinds: Sequence[str]) -> None:
        self._informers = InformerSet(client, Timing())
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None
        for kind in kinds:
            self._informers.add(kind).on_change(self._told(kind))

    def _told(self, kind: str) -> Callable[[Object | None, Object | None], None]:
        def tell(old: Object | None, new: Object | None) -> None:
            type = "DELETED" if new is None else "ADDED" if old is None else "MODIFIED"
            obj = new if new is not None else old
            if obj is not None:
                for listener in self._listeners:
                    listener(kind, type, obj)

        return tell

    def on_event(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def synced(self) -> None:
        await self._informers.wait_synced()

    async def __aenter__(self) -> Observer:
        self._task = asyncio.ensure_future(self._informers.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
