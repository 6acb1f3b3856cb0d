"""The balancer: takes TCP connections and carries each to an apiserver that lives; TLS goes through untouched.

Shell, real by nature. Must not look into what it carries. All connections go to one apiserver for as long as that is
ready, so that whoever writes finds what they wrote; then to the next. One that is down loses its connections at once
(if another is ready), so that clients come again. A connection to which nobody has said anything yet is carried to
another server without its client noticing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cluster.balancer.servers import BROKEN, Place, Server, Watch
from cluster.world.host import Host

CHUNK = 64 * 1024
DIAL_SECONDS = 1.0
HELLO_SECONDS = 30.0
"""For a client to say its first word, and for a server that is not down to answer it."""
BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Config:
    address: str
    port: int
    servers: tuple[Mapping[str, Any], ...]
    """machine, address and port of each apiserver's door."""
    ca: str = ""
    """The authority that signed their certificates (PEM); "": they speak plain HTTP, for tests."""
    silence: float = 1.0
    """Seconds after which a server that does not answer counts as down."""


async def run(host: Host, config: Config) -> None:
    """For ever; OSError when the address is taken."""
    await Balancer(host, config).run()


class Balancer:
    def __init__(self, host: Host, config: Config) -> None:
        self._host = host
        self._config = config
        self._servers = [Server(Place(**place)) for place in config.servers]
        self._current = self._servers[0]
        self._links: dict[Server, set[_Link]] = {server: set() for server in self._servers}

    async def run(self) -> None:
        tls = ssl.create_default_context(cafile=self._config.ca) if self._config.ca else None
        self._host.links.on_change(self._cut)
        door = await asyncio.start_server(self._serve, self._config.address, self._config.port, backlog=BACKLOG)
        async with door, asyncio.TaskGroup() as group:
            for server in self._servers:
                group.create_task(Watch(server, tls, self._config.silence, self._changed).run(self._connected))

    # ── who lives ────────────────────────────────────────────────────────────────────────────────────────────

    def _changed(self, server: Server) -> None:
        self._host.note("balance", {"machine": server.place.machine, "state": server.state})
        others = any(other.state == "ready" for other in self._servers if other is not server)
        if server.state == "down" and others:
            self._drop(server)
        elif server.state == "ready":
            for other in self._servers:
                if other.state == "down":
                    self._drop(other)

    def _cut(self) -> None:
        for server in self._servers:
            if not self._connected(server.place.machine):
                self._drop(server)

    def _drop(self, server: Server) -> None:
        for link in list(self._links[server]):
            link.abort()

    def _connected(self, machine: str) -> bool:
        return self._host.links.connected(machine)

    def _order(self, tried: Sequence[Server]) -> list[Server]:
        """Whom to try, the best first; those that are down last: a look is old news."""
        rank = {"ready": 0, "alive": 1, "down": 2}
        left = [s for s in self._servers if s not in tried and self._connected(s.place.machine)]
        return sorted(left, key=lambda server: (rank[server.state], server is not self._current))

    # ── connections ──────────────────────────────────────────────────────────────────────────────────────────

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(reader, writer)
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                first = await reader.read(CHUNK)
            tried: list[Server] = []
            while first and (order := self._order(tried)):
                tried.append(order[0])
                if await self._try(link, order[0], first):
                    return
        except (*BROKEN, TimeoutError):
            return
        finally:
            link.abort()

    async def _try(self, link: _Link, server: Server, first: bytes) -> bool:
        """Carry the connection to `server` until it is over; False if it has not said a word."""
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                back, forth = await asyncio.open_connection(server.place.address, server.place.port)
        except (OSError, TimeoutError):
            return False
        links = self._links[server]
        try:
            forth.write(first)
            answer = await self._first(back, server)
            if not answer:
                return False
            self._current = server if server.state == "ready" else self._current
            links.add(link)
            await link.carry(back, forth, answer)
            return True
        finally:
            links.discard(link)
            forth.transport.abort()

    async def _first(self, back: asyncio.StreamReader, server: Server) -> bytes:
        """What the server answers first; b"" when it ends, or is found to be down, before it has."""
        reading = asyncio.ensure_future(back.read(CHUNK))
        was_up = server.state != "down"
        losing = asyncio.ensure_future(server.lost.wait() if was_up else asyncio.sleep(DIAL_SECONDS))
        try:
            await asyncio.wait((reading, losing), timeout=HELLO_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else b""
        except OSError:
            return b""
        finally:
            for task in (reading, losing):
                task.cancel()
                with suppress(asyncio.CancelledError, *BROKEN):
                    await task


class _Link:
    """One connection of a client, with the server that it is carried to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._forth: asyncio.StreamWriter | None = None

    async def carry(self, back: asyncio.StreamReader, forth: asyncio.StreamWriter, answer: bytes) -> None:
        """Until both sides have ended, or one of them is gone."""
        self._forth = forth
        self._writer.write(answer)
        there = asyncio.ensure_future(_copy(self._reader, forth))
        here = asyncio.ensure_future(_copy(back, self._writer))
        try:
            await asyncio.gather(there, here)
            for writer in (forth, self._writer):
                writer.close()
                with suppress(*BROKEN):
                    await writer.wait_closed()
        except BROKEN:
            return
        finally:
            for task in (there, here):
                task.cancel()
                with suppress(asyncio.CancelledError, *BROKEN):
                    await task

    def abort(self) -> None:
        """Both sides, at once. Twice is once."""
        for writer in (self._writer, self._forth):
            if writer is not None:
                writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof() and not writer.is_closing():
        writer.write_eof()
