"""How answers leave: whole, in pieces, as a flow that is written as it comes, or as a conversation over a WebSocket.

Sockets are aiohttp's; real by nature. Must not know resources or verbs.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web

from cluster.apiserver.rest import channels, messages
from cluster.apiserver.rest.exchange import Answer, failed
from cluster.apiserver.rest.flows import Duplex, Flow, Tunnel
from cluster.errors import StatusError

MOST_WAITING = 16 << 20
"""Bytes that a reader of a flow may be behind; one that is further behind is cut off: it can list again, and it must
not cost the server its memory."""
STALLED = 60.0
"""Seconds that one write to a reader of a flow may take: who reads nothing for so long is cut off."""
KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
"""After 30 seconds of silence, every 10 seconds, three times: then a client is gone without a word."""
MOST_MESSAGE = 4 << 20
"""Bytes of one WebSocket message."""
HEARTBEAT = 20.0
"""Seconds between pings of a WebSocket: a client that is gone without a word is noticed."""

Lasts = Callable[[Awaitable[None]], asyncio.Future[None]]
"""Something that goes on, which its server knows of and may end."""


def respond(answer: Answer, request: web.BaseRequest) -> web.Response:
    body = answer.body + b"".join(answer.parts or ())
    response = web.Response(status=answer.status, body=body, headers=_headers(answer))
    if len(body) > 128 << 10 and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response


async def pieces(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """A long answer, piece by piece, with everybody else's turn in between; who does not read is cut off."""
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    response.enable_chunked_encoding()
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    try:
        await response.prepare(request)
        for part in answer.parts or ():
            async with asyncio.timeout(STALLED):
                await response.write(part)
            await asyncio.sleep(0)
        await response.write_eof()
    except ConnectionError:
        pass  # the reader has gone
    except TimeoutError:
        _cut(request)
    return response


def _headers(answer: Answer) -> dict[str, str]:
    return {"Content-Type": answer.content_type, "Cache-Control": "no-cache, private", **answer.headers}


def _cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _watched_over(request: web.BaseRequest) -> None:
    """The system asks a silent client now and then whether it is still there."""
    end = None if request.transport is None else request.transport.get_extra_info("socket")
    if end is not None:
        for option, value in KEEPALIVE.items():
            end.setsockopt(socket.IPPROTO_TCP, option, value)


async def stream(request: web.BaseRequest, flow: Flow, lasts: Lasts) -> web.StreamResponse:
    """Written as it comes; a reader who goes away ends it, one who does not read is cut off, and when the server stops
    it ends as if it were over."""
    response = web.StreamResponse(headers={"Content-Type": flow.content_type, "Cache-Control": "no-cache, private"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    _watched_over(request)
    outlet = _Outlet()
    work = lasts(flow.run(outlet.write))
    work.add_done_callback(lambda _: outlet.close())
    try:
        async for data in outlet:
            async with asyncio.timeout(STALLED):
                await response.write(data)
        if outlet.behind:
            _cut(request)
            return response
        await response.write_eof()
    except ConnectionError:
        return response  # the reader has gone
    except TimeoutError:
        _cut(request)
        return response
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    return response


async def _shaken(request: web.BaseRequest, protocol: str | None) -> web.WebSocketResponse:
    """The WebSocket that was asked for. BadRequest for what is none."""
    socket = web.WebSocketResponse(
        protocols=(protocol,) if protocol else (), max_msg_size=MOST_MESSAGE, heartbeat=HEARTBEAT
    )
    try:
        await socket.prepare(request)
    except web.HTTPException as error:
        raise StatusError("BadRequest", f"this is no WebSocket: {str(error.text)[:200]}") from None
    return socket


async def tell(request: web.BaseRequest, flow: Flow, lasts: Lasts) -> web.StreamResponse:
    """The same over a WebSocket, whose reader says nothing."""
    try:
        socket = await _shaken(request, flow.protocol)
    except StatusError as error:
        return respond(failed(error), request)
    outlet = _Outlet()
    work = lasts(flow.run(outlet.write))
    work.add_done_callback(lambda _: outlet.close())
    speaking = asyncio.ensure_future(_speak(socket, flow, outlet))
    leaving = asyncio.ensure_future(_left(socket))
    stopped = False
    try:
        await asyncio.wait((speaking, leaving), return_when=asyncio.FIRST_COMPLETED)
        stopped = work.cancelled()
        if outlet.behind or (speaking.done() and isinstance(speaking.exception(), TimeoutError)):
            _cut(request)
    finally:
        ending = (work, speaking, leaving)
        for one in ending:
            one.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await socket.close(code=WSCloseCode.GOING_AWAY if stopped else WSCloseCode.OK)
    return socket


async def _speak(socket: web.WebSocketResponse, flow: Flow, outlet: _Outlet) -> None:
    """TimeoutError for a reader that does not read."""
    with suppress(ConnectionError):  # the reader has gone
        async for data in outlet:
            for message in messages.of(data, flow.content_type, flow.protocol or ""):
                async with asyncio.timeout(STALLED):
                    await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))


async def _left(socket: web.WebSocketResponse) -> None:
    """Until it has closed its end, or is gone. What it says is let fall."""
    while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        pass


async def converse(request: web.BaseRequest, talk: Duplex | Tunnel, lasts: Lasts) -> web.StreamResponse:
    """A WebSocket for as long as there is something to say; then it is closed as one closes it."""
    try:
        socket = await _shaken(request, talk.protocol)
    except StatusError as error:
        return respond(failed(error), request)
    running = lasts(
        talk.run(_Bytes(socket)) if isinstance(talk, Tunnel) else talk.run(_Channels(socket, talk.protocol))
    )
    try:
        await asyncio.wait((running,))
        if not running.cancelled():
            running.result()
    finally:
        stopped = running.cancelled()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await socket.close(code=WSCloseCode.GOING_AWAY if stopped else WSCloseCode.OK)
    return socket


class _Bytes:
    """`flows.Raw` over a WebSocket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def receive(self) -> bytes | None:
        message = await self._socket.receive()
        return message.data if message.type == WSMsgType.BINARY else None

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # it has left: `receive` says so
            await self._socket.send_bytes(data)


class _Channels:
    """`flows.Client` over a WebSocket."""

    def __init__(self, socket: web.WebSocketResponse, protocol: str) -> None:
        self._socket = socket
        self._protocol = protocol

    async def receive(self) -> tuple[int, bytes] | None:
        while True:
            message = await self._socket.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return None
            if message.data:
                with suppress(StatusError):  # a message that is none is let fall
                    return channels.unframe(message.data, self._protocol)

    async def send(self, channel: int, data: bytes) -> None:
        framed = channels.frame(channel, data, self._protocol)
        with suppress(ConnectionError):  # it has left: `receive` says so
            if isinstance(framed, str):
                await self._socket.send_str(framed)
            else:
                await self._socket.send_bytes(framed)


class _Outlet:
    """Between whoever writes without waiting and a connection that takes its time."""

    def __init__(self) -> None:
        self.behind = False
        self._parts: list[bytes] = []
        self._size = 0
        self._closed = False
        self._stirred = asyncio.Event()

    def write(self, data: bytes) -> None:
        if self.behind or self._closed:
            return
        self._parts.append(data)
        self._size += len(data)
        self.behind = self._size > MOST_WAITING
        self._stirred.set()

    def close(self) -> None:
        self._closed = True
        self._stirred.set()

    def __aiter__(self) -> _Outlet:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts or self.behind:
            if self._closed or self.behind:
                raise StopAsyncIteration
            self._stirred.clear()
            await self._stirred.wait()
        data = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return data
