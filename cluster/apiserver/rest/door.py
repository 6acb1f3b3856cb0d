"""The HTTPS server of one apiserver: sockets, connections, limits, and requests as they come in.

With `delivery` the only module of this package that touches the real world. Must not know resources or verbs.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Awaitable
from functools import partial
from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web_protocol import RequestPayloadError

from cluster.api.kinds import KINDS
from cluster.apiserver.component import Apiserver, Https
from cluster.apiserver.rest import bodies, delivery, ownprocess
from cluster.apiserver.rest.exchange import Answer, Http, failed
from cluster.apiserver.rest.flows import Duplex, Tunnel
from cluster.apiserver.rest.handlers import Handlers
from cluster.apiserver.rest.identity import ANONYMOUS, of_certificate
from cluster.apiserver.rest.metered import Metered
from cluster.apiserver.rest.metering import Meter, by_kind, plain
from cluster.apiserver.rest.refusing import RefusingContext
from cluster.errors import StatusError

KEEP_ALIVE = 75.0
"""Seconds that an idle connection is kept."""
BODY_SECONDS = 30.0
"""That a client may take to send a body."""
HEAD_SECONDS = 30.0
"""That a client may take to send the head of its first request (Kubernetes: 32); the next has KEEP_ALIVE."""
GOODBYE = 10.0
"""Seconds that requests under way get when the server stops."""
NOTICE = 0.5
"""Seconds between not being ready any more and taking no more connections: so long balancers need to notice."""


def context(place: Https) -> ssl.SSLContext | None:
    """None without a certificate: plain HTTP, for tests."""
    if not place.cert:
        return None
    made = RefusingContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(place.cert, place.key)
    if place.client_ca:
        made.load_verify_locations(place.client_ca)
        made.verify_mode = ssl.CERT_OPTIONAL
    return made


class _Protocol(web.RequestHandler):
    """What is no request at all is answered as everything is: by a Status. `who`: the user of the connection's
    certificate, read once."""

    __slots__ = ("flow", "late", "who")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.who = of_certificate(transport.get_extra_info("peercert"))
        self.flow: asyncio.Future[None] | None = None
        self.late = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._late)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.late.cancel()
        if self.flow is not None:
            self.flow.cancel()  # a quiet watch would hear of it when it has something to say
        super().connection_lost(exc)

    def _late(self) -> None:
        """No request has come yet, or half a head: a connection is not held for who says nothing."""
        if self.transport is not None and not self.transport.is_closing():
            text = f"the head of a request did not come within {HEAD_SECONDS:g} seconds"
            answer = failed(StatusError("BadRequest", text))
            head = f"HTTP/1.1 {answer.status} Bad Request\r\nContent-Type: {answer.content_type}\r\n"
            self.transport.write(f"{head}Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n".encode())
            self.transport.write(answer.body)
            self.transport.close()

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """What is wrong with a body its sender has been told."""
        if not isinstance(kwargs.get("exc_info"), RequestPayloadError):
            super().log_exception(*args, **kwargs)

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
        response = delivery.respond(failed(error), request)
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


async def serve(server: Apiserver, place: Https) -> None:
    """The door of an apiserver, until the process is told to end (SIGTERM)."""
    handlers, meter = Handlers(server, f"{place.address}:{place.port}"), Meter()
    handlers.documents.metrics = lambda: "".join([*meter.families(), *_sizes(server), *ownprocess.families()])
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    door = Door(place, Metered(handlers, meter))
    running = asyncio.ensure_future(door.run())
    telling = asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait((running, telling), return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            server.closing = True
            await asyncio.sleep(NOTICE)
            door.stop()
        await running
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        telling.cancel()
        running.cancel()


def _sizes(server: Apiserver) -> list[str]:
    """What the server holds."""
    cache = server.cache
    objects = [(KINDS[kind].qualified, len(list(cache.objects(kind)))) for kind in cache.kinds() if kind in KINDS]
    return [
        by_kind("apiserver_storage_objects", "gauge", "Objects in the watch cache.", objects),
        plain("apiserver_watch_cache_revision", "gauge", "The revision that it has come to.", cache.revision),
        plain("apiserver_registered_watchers", "gauge", "Watchers, on both doors.", len(server.hub)),
    ]


class Door:
    def __init__(self, place: Https, handlers: Handlers | Metered) -> None:
        self._place = place
        self._handlers = handlers
        self._stopping = asyncio.Event()
        self._lasting: set[asyncio.Future[None]] = set()
        """What goes on: watches, logs, conversations."""

    def stop(self) -> None:
        """Take no more connections, finish what is asked, end what goes on as one ends it; then `run` returns."""
        self._stopping.set()
        for work in list(self._lasting):
            work.cancel()

    def _lasts(self, work: Awaitable[None]) -> asyncio.Future[None]:
        running = asyncio.ensure_future(work)
        self._lasting.add(running)
        running.add_done_callback(self._lasting.discard)
        if self._stopping.is_set():
            running.cancel()
        return running

    def _flows(self, request: web.BaseRequest, work: Awaitable[None]) -> asyncio.Future[None]:
        """Until its reader has gone."""
        running = self._lasts(work)
        if request.transport is None:
            running.cancel()
        request.protocol.flow = running  # type: ignore[attr-defined]
        return running

    async def run(self) -> None:
        """Until it is stopped; OSError when the address is taken."""
        server = _Server(self._serve, keepalive_timeout=KEEP_ALIVE, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=GOODBYE)
        await runner.setup()
        place = self._place
        site = web.TCPSite(runner, place.address, place.port, ssl_context=context(place), backlog=512)
        try:
            await site.start()
            await self._stopping.wait()
        finally:
            await runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        request.protocol.late.cancel()  # type: ignore[attr-defined]
        try:
            http = await _read(request)
        except StatusError as error:
            return delivery.respond(failed(error), request)
        answer = await self._handlers.handle(http)
        if isinstance(answer, Answer):
            if answer.parts is not None and request.version >= HttpVersion11:
                return await delivery.pieces(request, answer)
            return delivery.respond(answer, request)
        if isinstance(answer, Duplex | Tunnel):
            return await delivery.converse(request, answer, self._lasts)
        if answer.protocol is not None:
            return await delivery.tell(request, answer, partial(self._flows, request))
        return await delivery.stream(request, answer, partial(self._flows, request))


async def _read(request: web.BaseRequest) -> Http:
    """The whole request. TooLarge before more than the limit was read."""
    limit = bodies.MOST_BYTES
    if (request.content_length or 0) > limit:
        raise StatusError("TooLarge", f"Request entity too large: limit is {limit}")
    body = await _body(request, limit) if request.can_read_body else b""
    url = request.rel_url
    query: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    if url.raw_query_string:
        for name, value in url.query.items():
            values.setdefault(name, []).append(value)
        query = {name: several[0] for name, several in values.items()}
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    who = getattr(request.protocol, "who", ANONYMOUS)
    return Http(request.method, url.raw_path, query, headers, body, who, values, url.raw_path_qs, request.remote or "")


async def _body(request: web.BaseRequest, limit: int) -> bytes:
    parts, size = [], 0
    try:
        if request.content.is_eof() and 0 < (request.content_length or 0) <= limit:
            return request.content.read_nowait()  # it came with its head
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                size += len(part)
                if size > limit:
                    raise StatusError("TooLarge", f"Request entity too large: limit is {limit}")
                parts.append(part)
    except TimeoutError:
        raise StatusError("BadRequest", f"the body did not come within {BODY_SECONDS:g} seconds") from None
    except (BadHttpMessage, RequestPayloadError) as error:
        raise StatusError("BadRequest", f"the body cannot be read: {error}") from None
    return b"".join(parts)
