"""One question for all who ask it in one moment.

Must not know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """`ask(seconds)` is a question whose answer is about the time while it is on its way: whoever comes later needs
    the next one, and shares it with all who come until that is sent."""

    def __init__(self, ask: Callable[[float], Coroutine[Any, Any, T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def answer(self, timeout: float) -> T:
        """Of a question that was sent after this call. Errors are the question's own."""
        # One that was on its way before we asked may be too old for us; the next one is not.
        if self._asking is not None and not self._asking.done():
            if self._next is None or self._next.done():
                self._next = asyncio.create_task(self._after(self._asking, timeout))
                self._next.add_done_callback(_look_at)
            question = self._next
        else:
            question = self._asking = asyncio.create_task(self._ask(timeout))
            question.add_done_callback(_look_at)
        return await asyncio.shield(question)

    async def _after(self, previous: asyncio.Task[T], timeout: float) -> T:
        await asyncio.wait((previous,))
        self._asking, self._next = self._next, None
        return await self._ask(timeout)


def _look_at(task: asyncio.Task[Any]) -> None:
    """An error of a question that nobody waits for any more is none."""
    if not task.cancelled():
        task.exception()
