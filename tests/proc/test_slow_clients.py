"""Clients that take their time at a door of its own, with little patience: none is waited for."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cluster.apiserver.component import Https
from cluster.apiserver.rest import door
from cluster.apiserver.rest.door import Door
from cluster.apiserver.rest.flows import Flow

pytestmark = [pytest.mark.proc, pytest.mark.timeout(60)]

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"


class Nobody:
    """Handlers that are never asked: no request here is whole."""

    async def handle(self, http: Any) -> Any:
        raise AssertionError("half a request was handed on")


def at_a_door(monkeypatch: pytest.MonkeyPatch, story: Callable[[int], Awaitable[None]]) -> None:
    monkeypatch.setattr(door, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(door, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(door, "GOODBYE", 0.1)

    async def whole() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        there = Door(Https("127.0.0.1", port), Nobody())  # type: ignore[arg-type]
        running = asyncio.ensure_future(there.run())
        await asyncio.sleep(0.1)
        await story(port)
        there.stop()
        await running

    asyncio.run(whole())


async def told(port: int, *pieces: bytes) -> Any:
    """What somebody is told who sends these pieces, and then nothing any more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.02)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
    status = json.loads(await reader.readexactly(int(length.partition(b" ")[2])))
    writer.close()
    assert int(head.split()[1]) == status["code"] == 400
    assert status["kind"] == "Status"
    return status["message"]


@pytest.mark.parametrize(
    "pieces", [(), (b"G",), (HEAD[:20],), tuple(bytes((byte,)) for byte in HEAD[:6]), (HEAD, b"X-Slow: 1\r\n")]
)
def test_a_head_that_does_not_end(monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]) -> None:
    async def story(port: int) -> None:
        assert await told(port, *pieces) == "the head of a request did not come within 0.3 seconds"

    at_a_door(monkeypatch, story)


def test_a_head_letter_by_letter_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes on sending has no more time than who does not."""

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"X-Slow: ")
        answering = asyncio.ensure_future(reader.read())
        while not answering.done():
            writer.write(b"x")
            await asyncio.sleep(0.01)
        writer.close()
        assert b"did not come within" in await answering

    at_a_door(monkeypatch, story)


def test_a_body_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(port: int) -> None:
        message = await told(port, HEAD + b"Connection: close\r\n\r\n", b"{", b'"a"')
        assert message == "the body did not come within 0.3 seconds"

    at_a_door(monkeypatch, story)


def test_who_goes_away_from_a_quiet_watch_is_noticed_at_once() -> None:
    """Nothing is written to it that could fail: it must not count, or be looked through, until the next bookmark."""

    async def whole() -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def quiet(write: Any) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        class Quiet:
            async def handle(self, http: Any) -> Flow:
                return Flow("application/json", quiet)

        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        there = Door(Https("127.0.0.1", port), Quiet())  # type: ignore[arg-type]
        running = asyncio.ensure_future(there.run())
        await asyncio.sleep(0.1)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /watch HTTP/1.1\r\nHost: x\r\n\r\n")
        await began.wait()
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), 20)
        there.stop()
        await running

    asyncio.run(whole())
