"""How each apiserver does: asked for /readyz over a connection that is kept, and noticed at once when that breaks.

Real by nature: sockets and TLS. Must not know who is forwarded where.

    ready     it answers 200: connections may go there
    alive     it answers something else (it reads the store yet, or shuts down): only if nobody is ready
    down      it refuses, or has been silent for `silence` seconds, or the network is cut
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

EVERY = 0.25
"""Seconds between two questions."""
AGAIN = 0.1
"""Seconds until one that is down is tried again."""

State = Literal["ready", "alive", "down"]

BROKEN = (OSError, RuntimeError)
"""A connection that is gone. uvloop says RuntimeError of a write to one that has just been closed, asyncio nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """An apiserver's door."""

    machine: str
    address: str
    port: int


@dataclass(slots=True, eq=False)
class Server:
    place: Place
    state: State = "down"
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set for as long as it is down."""

    def __post_init__(self) -> None:
        self.lost.set()


class Watch:
    """Keeps the state of one server, for ever. `changed(server)` is called whenever it is another."""

    def __init__(
        self, server: Server, tls: ssl.SSLContext | None, silence: float, changed: Callable[[Server], None]
    ) -> None:
        self._server = server
        self._tls = tls
        self._silence = silence
        self._changed = changed
        place = server.place
        self._question = f"GET /readyz HTTP/1.1\r\nHost: {place.address}\r\nAccept: */*\r\n\r\n".encode()

    async def run(self, connected: Callable[[str], bool]) -> None:
        """`connected(machine)`: is the network whole up to there?"""
        place = self._server.place
        while True:
            writer = None
            try:
                if connected(place.machine):
                    async with asyncio.timeout(self._silence):
                        reader, writer = await asyncio.open_connection(place.address, place.port, ssl=self._tls)
                    await self._ask(reader, writer, connected)
            except (*BROKEN, TimeoutError, EOFError, ValueError):
                pass
            finally:
                if writer is not None:
                    writer.transport.abort()
            self._become("down")
            await asyncio.sleep(AGAIN)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connected: Callable[[str], bool]
    ) -> None:
        while connected(self._server.place.machine):
            async with asyncio.timeout(self._silence):
                writer.write(self._question)
                status = await _answer(reader)
            self._become("ready" if status == 200 else "alive")
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await reader.readexactly(1)  # nothing is due: either it is quiet or it ends
                raise ValueError("it speaks without being asked")

    def _become(self, state: State) -> None:
        server = self._server
        if server.state == state:
            return
        server.state = state
        if state == "down":
            server.lost.set()
        else:
            server.lost.clear()
        self._changed(server)


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status of one response, all of which is read. ValueError for what is none; EOFError at its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = int(head.split(" ", 2)[1])
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            await reader.readexactly(int(value))
    return status
