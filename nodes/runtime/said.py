"""What simulated containers say to whoever talks to them: to a command its answer, on a connection what came.

Must not keep time, nor run anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from nodes.kubelet.runtime import STDERR, STDOUT, Executed


class Said:
    """What a simulated container answers to a command, as if somebody talked to it: it hears nothing."""

    def __init__(self, done: Executed) -> None:
        self._done = done

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        for channel, data in ((STDOUT, self._done.stdout), (STDERR, self._done.stderr)):
            if data:
                yield channel, data

    async def write(self, data: bytes) -> None:
        pass

    async def end_input(self) -> None:
        pass

    def resize(self, width: int, height: int) -> None:
        pass

    async def wait(self) -> int:
        return self._done.exit_code

    async def close(self) -> None:
        pass


class Overheard(Said):
    """Somebody attached to a simulated container: its log from now on."""

    def __init__(self, log: AsyncIterator[bytes]) -> None:
        super().__init__(Executed(b"", b"", 0))
        self._log = log

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        async for chunk in self._log:
            yield STDOUT, chunk


class Echo:
    """A connection to a simulated container: it gives back what it gets. See `nodes.kubelet.runtime.Pipe`."""

    def __init__(self) -> None:
        self._parts: asyncio.Queue[bytes] = asyncio.Queue(maxsize=16)

    async def read(self) -> bytes:
        return await self._parts.get()

    async def write(self, data: bytes) -> None:
        await self._parts.put(data)

    async def end(self) -> None:
        await self._parts.put(b"")

    def close(self) -> None:
        pass
