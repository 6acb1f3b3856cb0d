"""Forwarding over real sockets on loopback. Nothing here waits for a time: every step waits for its own event."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
import uvloop

from cluster.world.host import Host
from cluster.world.scenario import eventually
from nodes.proxy.balance import Balancer
from nodes.proxy.forward import Forwarder
from nodes.proxy.table import Endpoint, Key, Rule

SERVICE, NODE = "127.78.240.1", "127.78.1.1"


class Links:
    """A network that can be cut by hand."""

    def __init__(self) -> None:
        self.cut: list[str] = []
        self._callbacks: list[Callable[[], None]] = []

    def connected(self, machine: str) -> bool:
        return machine not in self.cut

    def on_change(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def set(self, *machines: str) -> None:
        self.cut = list(machines)
        for callback in self._callbacks:
            callback()


class Place:
    """A forwarder with what it needs, and echo servers to forward to."""

    def __init__(self) -> None:
        self.links = Links()
        self.notes: list[tuple[str, Mapping[str, Any]]] = []
        unused: Any = None
        host = Host(
            "proxy-0",
            "worker-0",
            1,
            unused,
            Random(0),
            unused,
            unused,
            self.links,
            lambda e, d: self.notes.append((e, d)),
        )
        self.forwarder = Forwarder(host, Balancer("round-robin", Random(0)), lambda node: node, NODE)
        self.key = Key(SERVICE, free_port(SERVICE), "TCP")
        self.servers: list[asyncio.Server] = []

    async def serve(self, ip: str, answer: Callable[..., Awaitable[None]], node: str = "worker-0") -> Endpoint:
        server = await asyncio.start_server(answer, ip, 0)
        self.servers.append(server)
        return Endpoint(ip, server.sockets[0].getsockname()[1], node)

    def route(self, *endpoints: Endpoint) -> None:
        self.forwarder.apply({self.key: Rule(self.key, "default/web", "", endpoints)})

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.key.ip, self.key.port)

    async def ask(self, text: bytes) -> bytes:
        """Send, close our half, read to the end."""
        reader, writer = await self.connect()
        writer.write(text)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer


def free_port(ip: str) -> int:
    with socket.socket() as probe:
        probe.bind((ip, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    made = Place()
    try:
        yield made
    finally:
        made.forwarder.close()
        for server in made.servers:
            server.close()


def run(story: Callable[[Place], Awaitable[None]]) -> None:
    """On both loops: uvloop's transports differ from asyncio's."""

    async def told() -> None:
        async with place() as made, asyncio.timeout(10):
            await story(made)

    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(told())


def named(name: bytes) -> Callable[..., Awaitable[None]]:
    """Answers name:text once the client has sent all, so only a half-close gets an answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name + b":" + await reader.read())
        writer.close()

    return answer


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


async def reset(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b"" and False
    except ConnectionResetError:
        return True


def test_connections_go_to_the_endpoints_in_turn_and_half_close_passes_through() -> None:
    async def story(place: Place) -> None:
        place.route(await place.serve("127.78.16.1", named(b"a")), await place.serve("127.78.17.1", named(b"b")))
        answers = [await place.ask(b"hello") for _ in range(4)]
        assert answers == [b"a:hello", b"b:hello", b"a:hello", b"b:hello"]
        assert place.forwarder.links == {}

    run(story)


def test_the_endpoint_sees_the_nodes_address() -> None:
    async def story(place: Place) -> None:
        async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(writer.get_extra_info("peername")[0].encode())
            writer.close()

        place.route(await place.serve("127.78.16.1", peer))
        assert await place.ask(b"") == NODE.encode()

    run(story)


def test_without_an_endpoint_the_kernel_refuses_at_once() -> None:
    async def story(place: Place) -> None:
        endpoint = await place.serve("127.78.16.1", named(b"a"))
        place.route()
        with pytest.raises(ConnectionRefusedError):
            await place.connect()
        place.route(endpoint)
        assert await place.ask(b"x") == b"a:x"
        place.route()
        with pytest.raises(ConnectionRefusedError):
            await place.connect()

    run(story)


def test_an_endpoint_that_refuses_resets_the_client() -> None:
    async def story(place: Place) -> None:
        place.route(Endpoint("127.78.16.1", free_port("127.78.16.1"), "worker-0"))
        reader, writer = await place.connect()
        assert await reset(reader)
        writer.close()

    run(story)


def test_much_data_passes_both_ways_while_neither_side_holds_it_all() -> None:
    async def story(place: Place) -> None:
        place.route(await place.serve("127.78.16.1", echo))
        reader, writer = await place.connect()
        block = bytes(range(256)) * 4096
        count = 24

        async def send() -> None:
            for _ in range(count):
                writer.write(block)
                await writer.drain()
            writer.write_eof()

        sending = asyncio.create_task(send())
        received = 0
        while data := await reader.read(1 << 20):
            start = received % 256
            assert data[:64] == bytes((start + i) % 256 for i in range(min(64, len(data))))
            received += len(data)
        await sending
        writer.close()
        assert received == count * len(block)

    run(story)


def test_a_reader_that_stands_still_stops_the_sender() -> None:
    """Back-pressure: what the proxy holds is bounded, so it stops to read from the endpoint."""

    async def story(place: Place) -> None:
        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    writer.write(bytes(1 << 20))
                    await writer.drain()
            except ConnectionError:
                return
            finally:
                writer.transport.abort()

        place.route(await place.serve("127.78.16.1", flood))
        with socket.socket() as client:
            client.connect((place.key.ip, place.key.port))
            links = place.forwarder.links
            await eventually(lambda: any(stopped(link.back) for link in links), within=9, every=0)
            (link,) = place.forwarder.links
            assert link.front.transport is not None
            assert 0 < link.front.transport.get_write_buffer_size() < 4 << 20

    def stopped(side: Any) -> bool:
        return side.transport is not None and not side.transport.is_reading()

    run(story)


def test_a_cut_resets_what_is_open_and_what_is_new_hangs_until_it_heals() -> None:
    async def story(place: Place) -> None:
        place.route(await place.serve("127.78.17.1", echo, "worker-1"))
        reader, writer = await place.connect()
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        place.links.set("worker-2")
        writer.write(b"two")
        assert await reader.readexactly(3) == b"two"
        place.links.set("worker-1")
        assert await reset(reader)
        writer.close()
        reader, writer = await place.connect()
        writer.write(b"three")
        waiting = asyncio.create_task(reader.readexactly(5))
        place.links.set("worker-1", "worker-2")
        assert not waiting.done()
        place.links.set()
        assert await waiting == b"three"
        writer.close()

    run(story)


def test_connections_to_an_endpoint_that_left_run_to_their_end() -> None:
    async def story(place: Place) -> None:
        first = await place.serve("127.78.16.1", echo)
        second = await place.serve("127.78.17.1", named(b"b"))
        place.route(first)
        reader, writer = await place.connect()
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        place.route(second)
        writer.write(b"two")
        assert await reader.readexactly(3) == b"two"
        assert await place.ask(b"x") == b"b:x"
        place.route()
        writer.write(b"three")
        assert await reader.readexactly(5) == b"three"
        writer.close()

    run(story)


def test_two_proxies_share_one_address() -> None:
    """Every worker's proxy serves the same ClusterIPs on one kernel."""

    async def story(place: Place) -> None:
        endpoint = await place.serve("127.78.16.1", named(b"a"))
        place.route(endpoint)
        other = Place()
        other.key = place.key
        other.route(endpoint)
        assert (place.notes, other.notes) == ([], [])
        place.forwarder.close()
        assert await place.ask(b"x") == b"a:x"
        other.forwarder.close()

    run(story)


def test_a_port_in_use_is_noted_and_served_once_it_is_free() -> None:
    async def story(place: Place) -> None:
        endpoint = await place.serve("127.78.16.1", named(b"a"))
        with socket.socket() as taken:
            taken.bind((place.key.ip, place.key.port))
            taken.listen()
            place.route(endpoint)
            assert [event for event, _ in place.notes] == ["listen-failed"]
        place.route(endpoint)
        assert await place.ask(b"x") == b"a:x"

    run(story)
