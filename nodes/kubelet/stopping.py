"""Shell: bringing one container down: preStop, SIGTERM, and SIGKILL when its grace is over.

Must not decide that it is to stop, nor when the grace ends (`podstate.py` does; `stop_by` in the facts says it).
"""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol

from nodes.kubelet.facts import ContainerFacts, Object, PodFacts, key_of
from nodes.kubelet.kit import Kit
from nodes.kubelet.runtime import ContainerKey, RuntimeFailure
from nodes.kubelet.starting import run_hook

KILL_RETRY = 1.0
"""Seconds after which a container that has not ended is killed again."""


class Worker(Protocol):
    """What is looked at of the pod's worker."""

    pod: Object
    facts: PodFacts

    def container(self, name: str) -> Object | None: ...


class Stopper:
    """One stop at a time per container; `news` wakes it when the container has ended or its grace was cut short."""

    def __init__(self, kit: Kit, worker: Worker) -> None:
        self._kit = kit
        self._worker = worker
        self._events: dict[str, asyncio.Event] = {}

    def go(self, name: str, attempt: int) -> bool:
        """Begin; False if it is being stopped already (it then looks at its grace again)."""
        if name in self._events:
            self.news(name)
            return False
        self._events[name] = asyncio.Event()
        self._kit.spawn(self._stop(name, attempt))
        return True

    def news(self, name: str) -> None:
        event = self._events.get(name)
        if event is not None:
            event.set()

    async def _stop(self, name: str, attempt: int) -> None:
        key = key_of(self._worker.pod, name, attempt)
        try:
            await self._pre_stop(name, key)
            await self._signal(key, "TERM")
            while self._lives(name, attempt):
                left = self._left(name)
                if left <= 0:
                    await self._signal(key, "KILL")
                await self._wait(name, attempt, left if left > 0 else KILL_RETRY)
        finally:
            del self._events[name]

    async def _pre_stop(self, name: str, key: ContainerKey) -> None:
        """Run the hook; it counts against the grace, and is given up with it."""
        container = self._worker.container(name) or {}
        hook = (container.get("lifecycle") or {}).get("preStop")
        if not hook or self._left(name) <= 0:
            return
        limit = (self._worker.facts.ip, self._left(name))
        work = asyncio.ensure_future(run_hook(self._kit, key, container, hook, limit))
        work.add_done_callback(lambda _: self.news(name))
        while not work.done() and self._lives(name, key.attempt) and self._left(name) > 0:
            await self._wait(name, key.attempt, self._left(name))
        if not work.done():
            work.cancel()
        elif work.result():
            self._kit.emit(self._worker.pod, "Warning", "FailedPreStopHook", f"PreStopHook failed: {work.result()}")

    async def _wait(self, name: str, attempt: int, seconds: float) -> None:
        """Until there is news, or for so long."""
        event = self._events[name]
        event.clear()
        if not self._lives(name, attempt):
            return
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return

    def _of(self, name: str) -> ContainerFacts:
        return self._worker.facts.of(name)

    def _left(self, name: str) -> float:
        return self._of(name).stop_by - self._kit.host.clock.monotonic()

    def _lives(self, name: str, attempt: int) -> bool:
        facts = self._of(name)
        return facts.attempt == attempt and facts.phase == "running"

    async def _signal(self, key: ContainerKey, name: Literal["TERM", "KILL"]) -> None:
        try:
            await self._kit.runtime.signal(key, name)
        except RuntimeFailure as failure:
            self._kit.host.note("signal-failed", {"container": key.id, "signal": name, "error": failure.message})
