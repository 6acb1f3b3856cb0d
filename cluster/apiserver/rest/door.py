"""The HTTPS server of one apiserver: sockets, connections, limits and flows that are written as they come.

The only module of this package that touches the real world. Must not know resources or verbs.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from aiohttp import WSMsgType, web
from aiohttp.http_exceptions import BadHttpMessage

from cluster.apiserver.component import Https
from cluster.apiserver.rest import bodies, channels
from cluster.apiserver.rest.flows import Duplex, Flow, Tunnel
from cluster.apiserver.rest.handlers import Answer, Handlers, Http, failed
from cluster.apiserver.rest.identity import of_certificate
from cluster.errors import StatusError

MOST_WAITING = 16 << 20
"""Bytes that a reader of a flow may be behind; one that is further behind is cut off: it can list again, and it must
not cost the server its memory."""
KEEP_ALIVE = 75.0
"""Seconds that an idle connection is kept."""
MOST_MESSAGE = 4 << 20
"""Bytes of one WebSocket message."""
HEARTBEAT = 20.0
"""Seconds between pings of a WebSocket: a client that is gone without a word is noticed."""
BODY_SECONDS = 30.0
"""That a client may take to send a body."""
GOODBYE = 2.0
"""Seconds that requests under way get when the server stops."""


def context(place: Https) -> ssl.SSLContext | None:
    """None without a certificate: plain HTTP, for tests."""
    if not place.cert:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(place.cert, place.key)
    if place.client_ca:
        made.load_verify_locations(place.client_ca)
        made.verify_mode = ssl.CERT_OPTIONAL
    return made


class _Protocol(web.RequestHandler):
    """What is no request at all is answered as everything is: by a Status."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if status < 500:
            error = StatusError(
                "BadRequest", f"this is not HTTP that can be read: {' '.join(str(message).split())[:300]}"
            )
        else:
            super().handle_error(request, status, exc, message)  # which logs it
            error = StatusError("InternalError", f"the request could not be served: {type(exc).__name__}")
        response = _response(failed(error), request)
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class Door:
    def __init__(self, place: Https, handlers: Handlers) -> None:
        self._place = place
        self._handlers = handlers

    async def run(self) -> None:
        """For ever; OSError when the address is taken."""
        server = _Server(self._serve, keepalive_timeout=KEEP_ALIVE, access_log=None)
        runner = web.ServerRunner(server)
        await runner.setup()
        place = self._place
        site = web.TCPSite(
            runner, place.address, place.port, ssl_context=context(place), shutdown_timeout=GOODBYE, backlog=512
        )
        try:
            await site.start()
            await asyncio.get_running_loop().create_future()
        finally:
            await runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            http = await _read(request)
        except StatusError as error:
            return _response(failed(error), request)
        answer = await self._handlers.handle(http)
        if isinstance(answer, Answer):
            return _response(answer, request)
        if isinstance(answer, Duplex | Tunnel):
            return await _converse(request, answer)
        return await _flow(request, answer)


async def _read(request: web.BaseRequest) -> Http:
    """The whole request. TooLarge before more than the limit was read."""
    limit = bodies.MOST_BYTES
    if (request.content_length or 0) > limit:
        raise StatusError("TooLarge", f"the body has {request.content_length} bytes; the limit is {limit}")
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                size += len(part)
                if size > limit:
                    raise StatusError("TooLarge", f"the body has more than {limit} bytes")
                parts.append(part)
    except TimeoutError:
        raise StatusError("BadRequest", f"the body did not come within {BODY_SECONDS:g} seconds") from None
    except BadHttpMessage as error:
        raise StatusError("BadRequest", f"the body cannot be read: {error}") from None
    values: dict[str, list[str]] = {}
    for name, value in request.rel_url.query.items():
        values.setdefault(name, []).append(value)
    query = {name: several[0] for name, several in values.items()}
    headers = {name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers}
    who = of_certificate(request.get_extra_info("peercert"))
    return Http(request.method, request.rel_url.raw_path, query, headers, b"".join(parts), who, values)


def _response(answer: Answer, request: web.BaseRequest) -> web.Response:
    headers = {"Content-Type": answer.content_type, "Cache-Control": "no-cache, private", **answer.headers}
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    if len(answer.body) > 128 << 10 and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response


async def _flow(request: web.BaseRequest, flow: Flow) -> web.StreamResponse:
    """Written as it comes; a reader who goes away ends it, and one who does not read is cut off."""
    response = web.StreamResponse(headers={"Content-Type": flow.content_type, "Cache-Control": "no-cache, private"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    outlet = _Outlet()
    work = asyncio.ensure_future(flow.run(outlet.write))
    work.add_done_callback(lambda _: outlet.close())
    try:
        async for data in outlet:
            await response.write(data)
        if outlet.behind:
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
    except ConnectionError:
        return response  # the reader has gone
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    return response


async def _converse(request: web.BaseRequest, talk: Duplex | Tunnel) -> web.StreamResponse:
    """A WebSocket for as long as there is something to say; then it is closed as one closes it."""
    socket = web.WebSocketResponse(
        protocols=(talk.protocol,) if talk.protocol else (), max_msg_size=MOST_MESSAGE, heartbeat=HEARTBEAT
    )
    await socket.prepare(request)
    try:
        if isinstance(talk, Tunnel):
            await talk.run(_Bytes(socket))
        else:
            await talk.run(_Channels(socket, talk.protocol))
    finally:
        await socket.close()
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
