"""Recording Events: in the background, equal ones as one object with a count.

Must not hold its caller up nor fail it: an Event that cannot be written is dropped.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Protocol

from cluster.api.meta import micro_timestamp, name_of, namespace_of, object_reference, timestamp, uid_of
from cluster.errors import StatusError
from cluster.world.host import Host

Object = dict[str, Any]

WAITING = 1000
"""Events that may wait to be written; more are dropped, the newest first."""
REMEMBERED = 4096
"""Events that a repetition is recognised of."""


class Writer(Protocol):
    """What the recorder needs of a client."""

    async def create(self, obj: Object) -> Object: ...

    async def patch(self, kind: str, name: str, patch: Any, *, namespace: str) -> Object: ...


class EventRecorder:
    """One per client. Events are written one after the other by a task that lives while there are any."""

    def __init__(self, writer: Any, host: Host) -> None:
        self._writer: Writer = writer
        self._host = host
        self._queue: list[tuple[Object, str, str, str]] = []
        self._known: OrderedDict[tuple[str, ...], Object] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def record(self, about: Object, type: str, reason: str, message: str) -> None:
        if len(self._queue) >= WAITING:
            return
        self._queue.append((about, type, reason, message))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._queue:
            about, type, reason, message = self._queue.pop(0)
            key = (about.get("kind", ""), uid_of(about) or name_of(about), type, reason, message)
            try:
                await self._put(key, about)
            except StatusError as error:
                self._known.pop(key, None)
                if error.definite and error.retry:  # nobody serves: those behind it would wait as long for nothing
                    self._queue.clear()

    async def _put(self, key: tuple[str, ...], about: Object) -> None:
        now = timestamp(self._host.clock.now())
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            count = known["count"] + 1
            change = {"count": count, "lastTimestamp": now}
            try:
                await self._writer.patch("Event", name_of(known), change, namespace=namespace_of(known))
            except StatusError as error:
                if error.reason != "NotFound":
                    raise
            else:
                self._known[key] = {**known, "count": count}
                return
        event = self._event(key, about, now)
        await self._writer.create(event)
        self._known[key] = event
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _event(self, key: tuple[str, ...], about: Object, now: str) -> Object:
        _, _, type, reason, message = key
        namespace = namespace_of(about) or "default"
        component = self._host.name
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name_of(about)}.{self._suffix()}", "namespace": namespace},
            "involvedObject": object_reference(about),
            "type": type,
            "reason": reason,
            "message": message,
            "source": {"component": component.rpartition("-")[0] or component, "host": self._host.machine},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "eventTime": micro_timestamp(self._host.clock.now()),
            "count": 1,
        }

    def _suffix(self) -> str:
        """Its own, and in the order of time, for lists go by name and kubectl shows those of one second as they stand
        there."""
        nanoseconds = int(self._host.clock.now() * 1e9)
        return f"{nanoseconds:016x}{self._host.rng.getrandbits(64) & 0xFFFF:04x}"
