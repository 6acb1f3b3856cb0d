"""The balancer over real sockets on loopback. Nothing here waits for a time: every step waits for its own event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.balancer import servers
from cluster.balancer.component import Balancer, Config
from cluster.world.host import Host
from cluster.world.scenario import eventually
from tests.nodes.proxy.test_forward import Links, free_port

pytestmark = pytest.mark.proc

ADDRESS = "127.78.0.250"
WITHIN = 60.0


class Door:
    """Stands for an apiserver: says that it is ready, or not, and to everything else its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.code = 200
        self.mute = False
        self.port = 0
        self.accepted = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.78.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def die(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.accepted += 1
        while line := await reader.readline():
            if self.mute:
                await asyncio.get_running_loop().create_future()
            if line.startswith(b"GET /readyz"):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nok" % self.code)
            elif line.strip():
                writer.write(self.name.encode() + b" " + line)
        writer.close()


class Place:
    def __init__(self) -> None:
        self.doors = [Door("a"), Door("b")]
        self.links = Links()
        self.states: dict[str, str] = {}
        self.port = free_port(ADDRESS)
        self._dialled: list[asyncio.StreamWriter] = []

    def note(self, event: str, data: Any) -> None:
        self.states[data["machine"]] = data["state"]

    async def until(self, **states: str) -> None:
        await eventually(lambda: {**self.states, **states} == self.states, within=WITHIN, every=0.01)

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(ADDRESS, self.port)
        self._dialled.append(writer)
        return reader, writer

    async def close(self) -> None:
        for door in self.doors:
            door.die()
        for writer in self._dialled:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def says(self) -> str:
        """Who answers a new connection."""
        reader, writer = await self.dial()
        writer.write(b"hello\n")
        answer = await reader.readline()
        writer.close()
        return answer.decode()


def play(story: Callable[[Place], Awaitable[None]]) -> None:
    async def whole() -> None:
        place, unused = Place(), None
        for door in place.doors:
            await door.open()
        servers = tuple({"machine": d.name, "address": "127.78.0.1", "port": d.port} for d in place.doors)
        nothing: Any = unused
        host = Host("balancer-0", "balancer", 1, nothing, Random(0), nothing, nothing, place.links, place.note)
        running = asyncio.ensure_future(Balancer(host, Config(ADDRESS, place.port, servers)).run())
        try:
            await place.until(a="ready", b="ready")
            await story(place)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await place.close()

    asyncio.run(whole())


def test_all_go_to_one_until_it_dies_and_then_to_the_next() -> None:
    async def story(place: Place) -> None:
        assert [await place.says() for _ in range(3)] == ["a hello\n"] * 3
        reader, writer = await place.dial()
        writer.write(b"early\n")
        assert await reader.readline() == b"a early\n"
        place.doors[0].die()
        assert await place.says() == "b hello\n", "before anybody has noticed"
        with pytest.raises((ConnectionError, EOFError)):
            await reader.readexactly(1)
        await place.until(a="down")
        await place.doors[0].open()
        await place.until(a="ready")
        assert await place.says() == "b hello\n", "nobody moves without need"
        writer.close()

    play(story)


def test_one_that_stands_still_loses_its_connections_and_those_that_wait_go_elsewhere() -> None:
    async def story(place: Place) -> None:
        reader, writer = await place.dial()
        writer.write(b"early\n")
        assert await reader.readline() == b"a early\n"
        place.doors[0].mute = True
        assert await place.says() == "b hello\n", "its client has not noticed"
        with pytest.raises((ConnectionError, EOFError)):
            await reader.readexactly(1)
        assert place.states["a"] == "down"
        writer.close()

    play(story)


def test_one_that_is_not_ready_keeps_what_it_has_and_gets_nothing_new() -> None:
    async def story(place: Place) -> None:
        reader, writer = await place.dial()
        writer.write(b"one\n")
        assert await reader.readline() == b"a one\n"
        place.doors[0].code = 500
        await place.until(a="alive")
        assert await place.says() == "b hello\n"
        writer.write(b"two\n")
        assert await reader.readline() == b"a two\n"
        place.doors[1].code = 500
        await place.until(b="alive")
        assert (await place.says())[1:] == " hello\n", "if nobody is ready, whoever lives says so itself"
        writer.close()

    play(story)


def test_a_cut_network_counts_and_half_a_connection_is_one() -> None:
    async def story(place: Place) -> None:
        reader, writer = await place.dial()
        writer.write(b"half\n")
        writer.write_eof()
        assert await reader.read() == b"a half\n", "the other half is heard to its end"
        reader, writer = await place.dial()
        writer.write(b"cut\n")
        assert await reader.readline() == b"a cut\n"
        place.links.set("a")
        with pytest.raises((ConnectionError, EOFError)):
            await reader.readexactly(1)
        assert await place.says() == "b hello\n"
        place.links.set("a", "b")
        nobody, writer = await place.dial()
        writer.write(b"hello\n")
        with pytest.raises((ConnectionError, EOFError)):
            await nobody.readexactly(1)

    play(story)


def test_a_write_to_a_connection_that_has_just_been_closed_ends_no_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop answers it with a RuntimeError; it was the end of the balancer."""
    dialled = 0

    class Closed:
        transport = SimpleNamespace(abort=lambda: None)

        def write(self, data: bytes) -> None:
            raise RuntimeError("unable to perform operation; the handler is closed")

    async def open_connection(*place: Any, **how: Any) -> tuple[asyncio.StreamReader, Any]:
        nonlocal dialled
        dialled += 1
        return asyncio.StreamReader(), Closed()

    monkeypatch.setattr(asyncio, "open_connection", open_connection)

    async def story() -> None:
        one = servers.Server(servers.Place("master-0", "127.0.0.1", 1))
        watching = asyncio.ensure_future(servers.Watch(one, None, 1.0, lambda _: None).run(lambda _: True))
        while dialled < 3 and not watching.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not watching.done()
        watching.cancel()

    asyncio.run(story())
