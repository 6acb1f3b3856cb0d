"""gRPC's channel against servers that misbehave: what fails, and whether the server may have acted on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from store.engines.etcd import channel as channels
from store.engines.etcd.channel import Channel, dial
from store.engines.etcd.endpoints import Endpoint
from store.engines.etcd.http2 import DATA, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, header_block
from store.engines.etcd.refusals import DEADLINE, INTERNAL, UNAVAILABLE, Failure
from tests.store.engines.test_etcd_http2 import answer, frame, setting

pytestmark = pytest.mark.proc

BLOCK = header_block([(b":path", b"/x")])
Reply = Callable[[int, int, int, asyncio.StreamWriter], None]
"""What the server does about a frame: (kind, flags, stream, its side)."""


def play(reply: Reply, scenario: Callable[[Endpoint], Awaitable[None]], hello: bytes = frame(SETTINGS, 0, 0)) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello)
        try:
            await reader.readexactly(len(PREFACE))
            while True:
                head = await reader.readexactly(9)
                await reader.readexactly(int.from_bytes(head[:3], "big"))
                reply(head[3], head[4], int.from_bytes(head[5:9], "big"), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await scenario(Endpoint("etcd-0", "", "127.0.0.1", port, False))
            await asyncio.sleep(0.02)

    asyncio.run(main())


def nothing(kind: int, flags: int, stream: int, writer: asyncio.StreamWriter) -> None:
    """Reads, and says nothing."""


def on(wanted: int, data: Callable[[int], bytes], close: bool = False) -> Reply:
    def reply(kind: int, flags: int, stream: int, writer: asyncio.StreamWriter) -> None:
        if kind == wanted and not (kind == PING and flags):
            writer.write(data(stream))
            if close:
                writer.close()

    return reply


async def failure(call: Awaitable[object]) -> tuple[int, bool]:
    """(code, may the server have acted on it?)"""
    with pytest.raises(Failure) as caught:
        await call
    return caught.value.code, caught.value.acted


async def open_to(endpoint: Endpoint) -> Channel:
    return await dial(endpoint, None, 2.0)


@pytest.mark.parametrize(
    ("reply", "code", "acted"),
    [
        (on(DATA, lambda stream: b"", close=True), UNAVAILABLE, True),
        (on(HEADERS, lambda stream: frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\0")), UNAVAILABLE, False),
        (on(HEADERS, lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\x07")), UNAVAILABLE, False),
        (on(HEADERS, lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\x02")), UNAVAILABLE, True),
        (on(DATA, lambda stream: frame(PING, 0, 7, b"")[:5] + b"\xff" * 99), UNAVAILABLE, True),
        (on(DATA, lambda stream: answer(stream) + frame(DATA, 1, stream, b"")), INTERNAL, True),
        (
            on(DATA, lambda stream: answer(stream) + frame(DATA, 0, stream, b"\1junk") + answer(stream, True)),
            INTERNAL,
            True,
        ),
        (nothing, DEADLINE, True),
    ],
    ids=["closed", "going away", "refused", "reset", "garbage", "no status", "no message", "silent"],
)
def test_what_may_have_happened(reply: Reply, code: int, acted: bool) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        channel = await open_to(endpoint)
        assert await failure(channel.unary(BLOCK, b"write", 0.3)) == (code, acted)
        channel.abort(Failure(UNAVAILABLE, "over"))

    play(reply, scenario)


def test_a_request_that_never_left_as_a_whole_had_no_effect() -> None:
    async def scenario(endpoint: Endpoint) -> None:
        channel = await open_to(endpoint)
        assert await failure(channel.unary(BLOCK, b"write", 0.2)) == (DEADLINE, False)
        channel.abort(Failure(UNAVAILABLE, "over"))

    play(nothing, scenario, hello=frame(SETTINGS, 0, 0, setting(4, 0)))


def test_new_calls_need_a_new_connection_when_a_server_is_leaving() -> None:
    async def scenario(endpoint: Endpoint) -> None:
        channel = await open_to(endpoint)
        assert channel.usable
        done = b"\0\0\0\0\x02ok"
        assert await channel.unary(BLOCK, b"", 1.0) == done[5:]
        assert not channel.usable
        channel.abort(Failure(UNAVAILABLE, "over"))
        assert await failure(channel.unary(BLOCK, b"", 1.0)) == (UNAVAILABLE, False)

    def reply(stream: int) -> bytes:
        leaving = frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff\0\0\0\0")
        return leaving + answer(stream) + frame(DATA, 0, stream, b"\0\0\0\0\x02ok") + answer(stream, True)

    play(on(DATA, reply), scenario)


@pytest.mark.parametrize("hello", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silent", "http/1.1"])
def test_a_server_of_another_kind_is_no_server(hello: bytes) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        assert await failure(dial(endpoint, None, 0.3)) == (UNAVAILABLE, False)

    play(nothing, scenario, hello=hello)


def test_nobody_listens() -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        assert await failure(dial(Endpoint("etcd-0", "", "127.0.0.1", port, False), None, 1.0)) == (UNAVAILABLE, False)

    asyncio.run(main())


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "PING_EVERY", 0.1)
    monkeypatch.setattr(channels, "PONG_WITHIN", 0.1)


@pytest.mark.usefixtures("_soon")
def test_a_silent_server_is_given_up() -> None:
    async def scenario(endpoint: Endpoint) -> None:
        channel = await open_to(endpoint)
        code, _ = await failure(asyncio.wait_for(channel.duplex(BLOCK, b"watch").next(), 2.0))
        assert code == UNAVAILABLE
        assert not channel.usable

    play(nothing, scenario)


@pytest.mark.usefixtures("_soon")
def test_a_server_that_answers_pings_may_be_silent_for_long() -> None:
    async def scenario(endpoint: Endpoint) -> None:
        channel = await open_to(endpoint)
        stream = channel.duplex(BLOCK, b"watch")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.next(), 0.6)
        assert channel.usable
        channel.abort(Failure(UNAVAILABLE, "over"))

    play(on(PING, lambda stream: frame(PING, 1, 0, b"capstan!")), scenario)
