"""An event loop whose time runs at another rate than the machine's: what a process with a drifting clock lives on.

Must not know why. It is asyncio's own loop (uvloop's time cannot be bent): its clock is scaled, and so is how long it
waits for files and sockets, so that a timer of one second of its own comes after 1 / rate true seconds.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import Any


class _Selector(selectors.DefaultSelector):
    rate = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None else timeout / self.rate)


class BentLoop(asyncio.SelectorEventLoop):
    def __init__(self, rate: float = 1.0) -> None:
        self._rate = rate
        self._from = time.monotonic()
        """True time from which the rate counts, and what this loop's clock showed then."""
        self._shown = self._from
        self._waiter = _Selector()
        self._waiter.rate = rate
        super().__init__(self._waiter)

    def time(self) -> float:
        return self._shown + (time.monotonic() - self._from) * self._rate

    def set_rate(self, rate: float) -> None:
        """From now on; the clock goes on from where it is."""
        now = time.monotonic()
        self._shown, self._from = self._shown + (now - self._from) * self._rate, now
        self._rate = self._waiter.rate = rate


def run(body: Any, loop: BentLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(body)
