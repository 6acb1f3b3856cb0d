"""Shell: one connection to the containers' parent (`cluster/world/proc/containers.py` has the protocol).

Must not know what is asked. Real by nature: a unix socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from cluster.wire import WireError, pack, unpack
from nodes.kubelet.runtime import RuntimeFailure

Message = dict[str, Any]
TIMEOUT = 10.0
"""Seconds for one answer; starting a container is a fork, never a pull."""


class Link:
    """Connects when it is first needed, and again when it broke. `on_event(message)`: what comes without a
    request, in the loop."""

    def __init__(self, path: str, machine: str, on_event: Callable[[Message], None]) -> None:
        self._path = path
        self._machine = machine
        self._on_event = on_event
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._next = 0
        self._connecting = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return self._writer is not None

    async def ask(self, message: Message) -> Message:
        """The answer. RuntimeFailure with the errno's name as reason ("ENOENT") where it is an error, "Unreachable"
        where there is none."""
        async with self._connecting:
            if self._writer is None:
                await self._connect()
        answer = await self._exchange(message)
        error = answer.get("error")
        if error is not None:
            reason, _, text = str(error).partition(": ")
            raise RuntimeFailure(reason, text)
        return answer

    async def close(self) -> None:
        self._lost()

    async def _connect(self) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise RuntimeFailure("Unreachable", f"{self._path}: {error.strerror or error}") from error
        self._writer = writer
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))
        await self._exchange({"op": "attach", "machine": self._machine})

    async def _exchange(self, message: Message) -> Message:
        if self._writer is None:
            raise RuntimeFailure("Unreachable", "the containers' parent has gone")
        self._next += 1
        number = self._next
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        data = pack({**message, "req": number})
        self._writer.write(len(data).to_bytes(4, "big") + data)
        try:
            async with asyncio.timeout(TIMEOUT):
                return await future
        except TimeoutError:
            raise RuntimeFailure("Unreachable", f"no answer to {message['op']} within {TIMEOUT:g} s") from None
        finally:
            self._pending.pop(number, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                message = unpack(await reader.readexactly(size))
                if "event" in message:
                    self._on_event(message)
                    continue
                future = self._pending.get(message.get("req", 0))
                if future is not None and not future.done():
                    future.set_result(message)
        except (asyncio.IncompleteReadError, ConnectionError, WireError):
            self._lost()

    def _lost(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._reading is not None and self._reading is not asyncio.current_task():
            self._reading.cancel()
        self._reading = None
        for future in self._pending.values():
            if not future.done():
                future.set_exception(RuntimeFailure("Unreachable", "the containers' parent has gone"))
