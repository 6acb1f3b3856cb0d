"""An asyncio event loop on virtual time in which every callback has an owner.

Must not know hosts, buses or disks: an owner is anything with `dead` and `parked`. Nothing ready: jump to the next
timer. Nothing ready and no timer: `Deadlock`. Only the loop's public interface is used by components (sleep, timeout,
Queue, TaskGroup, create_task all work); executors, threads and sockets are refused.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from math import inf, nextafter
from typing import Any

from cluster.world.sim.owner import OWNER, Owner
from cluster.world.sim.task import SimTask

LIVELOCK = 2_000_000
"""Callbacks at one instant after which the run is stopped: something never lets time pass."""


class Deadlock(Exception):
    """Nothing is ready and no timer is set, but the scenario has not ended."""


class Livelock(Exception):
    """Callbacks go on and on at one instant."""


class SimHandle:
    """What call_soon and call_at return; the public face of asyncio.Handle and TimerHandle. The loop fills it in: there
    is one for each callback, and a call of `__init__` would be a third of what it costs."""

    __slots__ = ("_when", "args", "callback", "context", "gone", "owner")

    _when: float
    args: tuple[Any, ...]
    callback: Callable[..., Any]
    context: Context
    gone: bool
    owner: Owner | None

    def cancel(self) -> None:
        self.gone = True

    def cancelled(self) -> bool:
        return self.gone

    def when(self) -> float:
        return self._when


def _nobody(letter: Any) -> None:
    raise RuntimeError(f"no carrier for {letter!r}")


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
        if type(handle) is SimHandle and handle.owner is owner:
            when = max(loop._now, _reached(owner, old_offset + when * old_rate))
            handle._when = when
            loop._heap[at] = (when, tie, handle)
    heapify(loop._heap)


class SimLoop(asyncio.AbstractEventLoop):
    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[SimHandle] = deque()
        self._heap: list[tuple[float, int, Any]] = []
        """Time, order, and a handle or a letter."""
        self._tie = 0
        self.carry: Callable[[Any], None] = _nobody
        """Takes every letter that was posted, at its time."""
        self.drifting = False
        """Was there ever an owner whose clock is not true time?"""
        self.serial = 0
        self._stopping = False
        self._running = False
        self._closed = False
        self._failure: BaseException | None = None

    @property
    def failure(self) -> BaseException | None:
        """The first exception that nobody caught: it stops the loop, and `run_until_complete` raises it."""
        return self._failure

    def fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stopping = True

    # ── time and callbacks ───────────────────────────────────────────────────────────────────────────────────

    def time(self) -> float:
        """As the clock of whose turn it is shows it; outside of every host: true time."""
        if not self.drifting:
            return self._now
        owner = OWNER.get()
        return self._now if owner is None else owner.offset + self._now * owner.rate

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        handle = SimHandle()
        handle.callback = callback
        handle.args = args
        if context is None:
            handle.context = copy_context()
            handle.owner = OWNER.get()
        else:
            handle.context = context
            handle.owner = context.get(OWNER)
        handle.gone = False
        handle._when = self._now
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """On the clock of the callback's owner."""
        now = self._now
        if self.drifting:
            owner = OWNER.get() if context is None else context.get(OWNER)
            now = now if owner is None else owner.offset + now * owner.rate
        return self.call_at(now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """`when` on the clock of the callback's owner."""
        handle = SimHandle()
        handle.callback = callback
        handle.args = args
        if context is None:
            handle.context = copy_context()
            handle.owner = OWNER.get()
        else:
            handle.context = context
            handle.owner = context.get(OWNER)
        handle.gone = False
        if self.drifting and handle.owner is not None:
            when = _reached(handle.owner, when)
        handle._when = when
        self._tie += 1
        heappush(self._heap, (when, self._tie, handle))
        return handle

    def post(self, when: float, letter: tuple[Any, ...]) -> None:
        """Hand `letter` to the carrier at `when`, true time. It is nobody's: no crash takes it back, nothing cancels
        it. (A callback for each would cost as much as all else that the network does.)"""
        self._tie += 1
        heappush(self._heap, (when, self._tie, letter))

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

        def ended(_: Any) -> None:
            self._stopping = True

        main.add_done_callback(ended)
        try:
            self.run_forever()
        finally:
            main.remove_done_callback(ended)
        if self._failure is not None and not (main.done() and not main.cancelled() and main.exception()):
            main.cancel()
            raise self._failure
        return main.result()

    def stop(self) -> None:
        self._stopping = True

    def run_forever(self) -> None:
        if self._running:
            raise RuntimeError("the loop is running")
        before = events._get_running_loop()
        self._running, self._stopping = True, self._failure is not None
        events._set_running_loop(self)
        try:
            self._spin()
        finally:
            self._running = False
            events._set_running_loop(before)

    def _spin(self) -> None:
        ready, heap, pop, popleft, now = self._ready, self._heap, heappop, self._ready.popleft, self._now
        carry = self.carry
        left = LIVELOCK
        while not self._stopping:
            try:
                if ready:
                    handle = popleft()
                    left -= 1
                    if not left:
                        raise Livelock(f"{LIVELOCK} callbacks at {self._now:.6f} s, the last {handle.callback!r}")
                elif heap:
                    when, _, timed = pop(heap)
                    if when > now:
                        self._now = now = when
                        left = LIVELOCK
                    if type(timed) is tuple:
                        carry(timed)
                        continue
                    handle = timed
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
                if handle.args:
                    handle.context.run(handle.callback, *handle.args)
                else:
                    handle.context.run(handle.callback)
            except (SystemExit, KeyboardInterrupt, Deadlock, Livelock):
                raise
            except BaseException as error:
                self.fail(error)

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
                with suppress(RuntimeError, BaseExceptionGroup):  # a `finally` that awaits; a task group that ends
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

    async def shutdown_asyncgens(self) -> None:
        return None

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and "never retrieved" not in context.get("message", ""):
            self.fail(error)
