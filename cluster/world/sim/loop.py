"""An asyncio event loop on virtual time in which every callback has an owner.

Must not know hosts, buses or disks: an owner is anything with `dead` and `parked`. Nothing ready: jump to the next
timer. Nothing ready and no timer: `Deadlock`. Only the loop's public interface is used by components (sleep, timeout,
Queue, TaskGroup, create_task all work); executors, threads and sockets are refused.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from math import inf, nextafter
from typing import Any

LIVELOCK = 2_000_000
"""Callbacks at one instant after which the run is stopped: something never lets time pass."""


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set, but the scenario has not ended."""


class Livelock(RuntimeError):
    """Callbacks go on and on at one instant."""


class Owner:
    """Whose turn it is. `parked` is a list while the owner is paused, else None. Its clock shows `offset` and `rate`
    times true time."""

    __slots__ = ("dead", "name", "offset", "parked", "rate")

    def __init__(self, name: str, rate: float = 1.0) -> None:
        self.name = name
        self.rate = rate
        self.offset = 0.0
        self.dead = False
        self.parked: list[SimHandle] | None = None


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)


class SimHandle:
    """What call_soon and call_at return; the public face of asyncio.Handle and TimerHandle."""

    __slots__ = ("_when", "args", "callback", "context", "gone", "owner")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context | None, when: float
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = copy_context() if context is None else context
        self.owner = self.context.get(OWNER)
        self.gone = False
        self._when = when

    def cancel(self) -> None:
        self.gone = True

    def cancelled(self) -> bool:
        return self.gone

    def when(self) -> float:
        return self._when


def _reached(owner: Owner, local: float) -> float:
    """True time at which its clock has reached `local`."""
    when = (local - owner.offset) / owner.rate
    while owner.offset + when * owner.rate < local:
        when = nextafter(when, inf)
    return when


def set_rate(loop: SimLoop, owner: Owner, rate: float) -> None:
    """Its clock goes on from where it is, so many times as fast; what it waits for comes accordingly."""
    old_rate, old_offset = owner.rate, owner.offset
    owner.rate, owner.offset = rate, old_offset + loop._now * (old_rate - rate)
    for at, (when, tie, handle) in enumerate(loop._heap):
        if handle.owner is owner:
            when = max(loop._now, _reached(owner, old_offset + when * old_rate))
            handle._when = when
            loop._heap[at] = (when, tie, handle)
    heapq.heapify(loop._heap)


class SimTask(asyncio.Task[Any]):
    """Hashes by a per-loop serial: asyncio keeps tasks in sets, and sets ordered by address are not repeatable."""

    serial: int
    owner: Owner | None

    def __new__(cls, coro: Any, *, loop: SimLoop, name: str | None, context: Context | None) -> SimTask:
        task = super().__new__(cls)
        loop.serial += 1
        task.serial = loop.serial
        task.owner = OWNER.get() if context is None else context.get(OWNER)
        return task

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other


class SimLoop(asyncio.AbstractEventLoop):
    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[SimHandle] = deque()
        self._heap: list[tuple[float, int, SimHandle]] = []
        self._tie = 0
        self.serial = 0
        self._stopping = False
        self._running = False
        self._closed = False
        self.callbacks = 0
        self.failure: BaseException | None = None
        """The first exception that nobody caught; `run_until_complete` raises it."""

    # ── time and callbacks ───────────────────────────────────────────────────────────────────────────────────

    def time(self) -> float:
        """As the clock of whose turn it is shows it; outside of every host: true time."""
        owner = OWNER.get()
        if owner is None or (owner.rate == 1.0 and not owner.offset):
            return self._now
        return owner.offset + self._now * owner.rate

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        handle = SimHandle(callback, args, context, self._now)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """On the clock of the callback's owner."""
        handle = SimHandle(callback, args, context, 0.0)
        owner = handle.owner
        now = self._now if owner is None else owner.offset + self._now * owner.rate
        return self._set(handle, now + delay)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        return self._set(SimHandle(callback, args, context, when), when)

    def _set(self, handle: SimHandle, when: float) -> SimHandle:
        """`when` on the clock of the handle's owner, which must have reached it when the callback runs."""
        owner = handle.owner
        if owner is not None and (owner.rate != 1.0 or owner.offset):
            when = _reached(owner, when)
        handle._when = when
        self._tie += 1
        heapq.heappush(self._heap, (when, self._tie, handle))
        return handle

    def release(self, owner: Owner) -> None:
        """Let the callbacks that were parked while `owner` was paused run now, in their order."""
        parked, owner.parked = owner.parked or [], None
        self._ready.extend(parked)

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        raise RuntimeError("no threads in the simulated world")

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        raise RuntimeError("no threads in the simulated world")

    # ── tasks and futures ────────────────────────────────────────────────────────────────────────────────────

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> Any:
        return SimTask(coro, loop=self, name=name, context=context)

    def tasks_of(self, owner: Owner) -> list[SimTask]:
        return [t for t in asyncio.all_tasks(self) if isinstance(t, SimTask) and t.owner is owner]

    # ── running ──────────────────────────────────────────────────────────────────────────────────────────────

    def run_until_complete(self, future: Any) -> Any:
        main = asyncio.ensure_future(future, loop=self)
        main.add_done_callback(self._stop)
        try:
            self.run_forever()
        finally:
            main.remove_done_callback(self._stop)
        if self.failure is not None and not (main.done() and not main.cancelled() and main.exception()):
            main.cancel()
            raise self.failure
        return main.result()

    def _stop(self, _: Any) -> None:
        self._stopping = True

    def stop(self) -> None:
        self._stopping = True

    def run_forever(self) -> None:
        if self._running:
            raise RuntimeError("the loop is running")
        before = events._get_running_loop()
        self._running, self._stopping = True, False
        events._set_running_loop(self)
        try:
            self._spin()
        finally:
            self._running = False
            events._set_running_loop(before)

    def _spin(self) -> None:
        ready, heap, pop, now = self._ready, self._heap, heapq.heappop, self._now
        at_once = 0
        while not self._stopping and self.failure is None:
            if ready:
                handle = ready.popleft()
                at_once += 1
                if at_once > LIVELOCK:
                    raise Livelock(f"{LIVELOCK} callbacks at {self._now:.6f} s, the last {handle.callback!r}")
            elif heap:
                when, _, handle = pop(heap)
                if when > now:
                    self._now = now = when
                    at_once = 0
            else:
                raise Deadlock(f"nothing is ready and no timer is set at {self._now:.6f} s")
            if handle.gone:
                continue
            owner = handle.owner
            if owner is not None:
                if owner.dead:
                    continue
                if owner.parked is not None:
                    owner.parked.append(handle)
                    continue
            self.callbacks += 1
            try:
                handle.context.run(handle.callback, *handle.args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.failure = error

    def discard(self, tasks: list[SimTask]) -> None:
        """End tasks after the run (those of crashed owners too): cancelled, run to their end, then forgotten."""
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            if task.owner is not None:
                task.owner.dead, task.owner.parked = False, None
            task.cancel()
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            for _ in range(100 * len(tasks) + 100):
                if not self._ready:
                    break
                handle = self._ready.popleft()
                if not handle.gone:
                    handle.context.run(handle.callback, *handle.args)
        finally:
            events._set_running_loop(before)
        for task in tasks:
            if not task.done():
                # Its next step was dropped with its owner, so cancelling could not reach it.
                with suppress(RuntimeError):  # a `finally` that awaits
                    task.get_coro().close()
            elif not task.cancelled():
                task.exception()  # seen: nobody is left to report it to

    # ── what asyncio asks of a loop ──────────────────────────────────────────────────────────────────────────

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._ready.clear()
        self._heap.clear()

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        raise NotImplementedError

    async def shutdown_asyncgens(self) -> None:
        return None

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and "never retrieved" not in context.get("message", ""):
            self.failure = self.failure or error
