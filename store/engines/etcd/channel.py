"""gRPC over one HTTP/2 connection on a socket: unary calls and streams, deadlines, pings. Real by nature: it dials.

Must not choose a member, and must not try anything twice. A call that fails says whether the server may have acted on
it: not if its end never left, if the server refused the stream, or closed before it came to it (RFC 9113 8.7).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Any, cast

from store.engines.etcd.endpoints import Endpoint
from store.engines.etcd.http2 import (
    REFUSED_STREAM,
    Connection,
    Data,
    Event,
    GoAway,
    Header,
    Headers,
    Pong,
    ProtocolError,
    Reset,
)
from store.engines.etcd.refusals import CANCELLED, DEADLINE, INTERNAL, UNAUTHENTICATED, UNAVAILABLE, Failure, failure_of

PING_EVERY = 6.0
"""Seconds of silence after which a connection with calls on it is probed. etcd takes more than one in 5 s ill
(--grpc-keepalive-min-time)."""
PONG_WITHIN = 3.0
MAX_MESSAGE = 1 << 30
AHEAD = 16
"""Messages of a stream that may lie here unread before the server is held back."""
TLS_REMEDY = "check --etcd-cacert, --etcd-cert, --etcd-key and the URL's host name"


class Unary:
    """One call with one answer; `future` gets the answer's bytes, or a `Failure`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[bytes] = loop.create_future()
        self.trailers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []

    def received(self, event: Data) -> int:
        self._parts.append(event.data)
        return event.credit

    def ended(self, failure: Failure | None) -> None:
        if self.future.done():
            return
        if failure is not None:
            self.future.set_exception(failure)
            return
        data = b"".join(self._parts)
        if len(data) < 5 or data[0] or int.from_bytes(data[1:5], "big") != len(data) - 5:
            self.future.set_exception(Failure(INTERNAL, "an answer that is not one plain gRPC message"))
        else:
            self.future.set_result(data[5:])


class Duplex:
    """One call with messages both ways, until it is closed. Reading ends with a `Failure`, always."""

    def __init__(self, channel: Channel) -> None:
        self.trailers: dict[bytes, bytes] = {}
        self.number = 0
        self._channel = channel
        self._buffer = bytearray()
        self._messages: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._end: Failure | None = None
        self._debt = 0

    def send(self, message: bytes) -> None:
        if self._end is None:
            self._channel.push(self.number, message)

    def close(self) -> None:
        self._end = self._end or Failure(CANCELLED, "closed")
        self._channel.drop(self.number)
        self._wake()

    async def next(self) -> bytes:
        """The next message. Failure when the call is over and all that came before has been read."""
        while not self._messages:
            if self._end is not None:
                raise self._end
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        message = self._messages.popleft()
        if self._debt and len(self._messages) < AHEAD:
            self._channel.credit(self.number, self._debt)
            self._debt = 0
        return message

    def received(self, event: Data) -> int:
        buffer = self._buffer
        buffer += event.data
        while len(buffer) >= 5:
            size = int.from_bytes(buffer[1:5], "big")
            if buffer[0] or size > MAX_MESSAGE:
                self._end = Failure(INTERNAL, "not a plain gRPC message")
                break
            if len(buffer) < 5 + size:
                break
            self._messages.append(bytes(buffer[5 : 5 + size]))
            del buffer[: 5 + size]
        self._wake()
        if len(self._messages) < AHEAD:
            return event.credit
        self._debt += event.credit
        return 0

    def ended(self, failure: Failure | None) -> None:
        self._end = self._end or failure or Failure(UNAVAILABLE, "the server has ended the stream")
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


Call = Unary | Duplex


class Channel(asyncio.Protocol):
    """`ready` is done when the server has spoken HTTP/2. What is asked in one turn of the loop is one write."""

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> None:
        self.endpoint = endpoint
        self.ready: asyncio.Future[None] = loop.create_future()
        self.lost: Failure | None = None
        self._loop = loop
        self._http = Connection()
        self._calls: dict[int, Call] = {}
        self._transport: asyncio.Transport | None = None
        self._flushing = False
        self._heard = loop.time()
        self._pinged = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def usable(self) -> bool:
        """May a new call begin here?"""
        return self.lost is None and not self._http.going_away

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────

    async def unary(self, block: bytes, message: bytes, timeout: float) -> bytes:
        """Failure DEADLINE after `timeout` seconds, or whatever else went wrong."""
        call = Unary(self._loop)
        number = self._begin(block, call)
        self._http.send(number, _framed(message), end=True)
        self._flush_soon()
        timer = self._loop.call_later(timeout, self._expired, number, timeout)
        try:
            return await call.future
        finally:
            timer.cancel()
            self.drop(number)  # nothing, unless nobody waits any more

    def duplex(self, block: bytes, message: bytes) -> Duplex:
        """A stream of messages that begins with `message`."""
        call = Duplex(self)
        call.number = self._begin(block, call)
        self.push(call.number, message)
        return call

    def push(self, number: int, message: bytes) -> None:
        if number in self._calls:
            self._http.send(number, _framed(message))
            self._flush_soon()

    def credit(self, number: int, octets: int) -> None:
        self._http.consumed(number, octets)
        self._flush_soon()

    def drop(self, number: int) -> None:
        """End a call from here; nothing if it is over."""
        if self._calls.pop(number, None) is not None:
            self._http.reset(number)
            self._flush_soon()

    def _begin(self, block: bytes, call: Call) -> int:
        if self.lost is not None:
            raise Failure(self.lost.code, self.lost.message, acted=False)
        number = self._http.open(block)
        if not self._calls:
            self._heard = self._loop.time()
        self._calls[number] = call
        if self._timer is None:
            self._timer = self._loop.call_later(PING_EVERY, self._probe)
        return number

    def _expired(self, number: int, timeout: float) -> None:
        call = self._calls.get(number)
        if call is not None:
            acted = self._http.sent(number)
            self.drop(number)
            call.ended(Failure(DEADLINE, f"no answer within {timeout:g} s", acted=acted))

    # ── the socket ───────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._pinged = False
        try:
            for event in self._http.receive(data):
                self._took(event)
        except ProtocolError as error:
            self.abort(Failure(UNAVAILABLE, f"{self.endpoint.url}: {error}"))
            return
        if not self.ready.done():
            self.ready.set_result(None)
        self._flush_soon()

    def connection_lost(self, error: Exception | None) -> None:
        url = self.endpoint.url
        if isinstance(error, ssl.SSLError) and not self.ready.done():
            self._fail(Failure(UNAUTHENTICATED, f"{url}: {error}; {TLS_REMEDY}", acted=False))
        else:
            self._fail(Failure(UNAVAILABLE, f"the connection to {url} was closed{f': {error}' if error else ''}"))

    def abort(self, failure: Failure) -> None:
        """Close at once; every call that is under way fails with this, or more definitely."""
        self._fail(failure)
        if self._transport is not None:
            self._transport.abort()

    def give_up(self, failure: Failure) -> None:
        """Nobody waits for `ready` any more."""
        self.ready.cancel()
        self.abort(failure)

    def _fail(self, failure: Failure) -> None:
        if self.lost is not None:
            return
        self.lost = failure
        if self._timer is not None:
            self._timer.cancel()
        if not self.ready.done():
            self.ready.set_exception(Failure(failure.code, failure.message, acted=False))
        calls, self._calls = self._calls, {}
        for number, call in calls.items():
            acted = failure.acted and self._http.sent(number)
            call.ended(Failure(failure.code, failure.message, acted=acted))

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is not None and not self._transport.is_closing() and (data := self._http.outgoing()):
            self._transport.write(data)

    def _probe(self) -> None:
        """Is a silent server still there? Only while somebody waits for it."""
        self._timer = None
        if not self._calls:
            return
        silent = self._loop.time() - self._heard
        if self._pinged:
            self.abort(Failure(UNAVAILABLE, f"{self.endpoint.url} has been silent for {silent:.1f} s"))
            return
        wait = PING_EVERY - silent
        if wait <= 0:
            self._http.ping(b"capstan!")
            self._pinged = True
            self._flush_soon()
            wait = PONG_WITHIN
        self._timer = self._loop.call_later(wait, self._probe)

    # ── what the server said ─────────────────────────────────────────────────────────────────────────────────

    def _took(self, event: Event) -> None:
        if isinstance(event, Data):
            if (call := self._calls.get(event.stream)) is not None:
                if credit := call.received(event):
                    self._http.consumed(event.stream, credit)
                if event.ended:
                    self._end(event.stream, Failure(INTERNAL, "an answer without a status"))
        elif isinstance(event, Headers):
            self._headers(event.stream, event.headers, event.ended)
        elif isinstance(event, Reset):
            refused = event.code == REFUSED_STREAM
            self._end(event.stream, Failure(UNAVAILABLE, f"stream reset, code {event.code}", acted=not refused))
        elif isinstance(event, GoAway):
            for number in [number for number in self._calls if number > event.last]:
                self._end(number, Failure(UNAVAILABLE, f"the server is leaving {event.text}".rstrip(), acted=False))
        else:
            assert isinstance(event, Pong)  # that it came is all that matters

    def _headers(self, number: int, headers: tuple[Header, ...], ended: bool) -> None:
        call = self._calls.get(number)
        if call is None:
            return
        call.trailers.update(headers)
        if ended:
            self._end(number, failure_of(call.trailers))

    def _end(self, number: int, failure: Failure | None) -> None:
        call = self._calls.pop(number, None)
        if call is not None:
            if not self._http.sent(number):
                self._http.reset(number)
            call.ended(failure)


def _framed(message: bytes) -> bytes:
    """gRPC's length-prefixed message, not compressed."""
    return b"\0" + len(message).to_bytes(4, "big") + message


async def dial(endpoint: Endpoint, tls: ssl.SSLContext | None, timeout: float) -> Channel:
    """A channel whose server has answered. Failure, not acted, if that is not to be had within `timeout` seconds."""
    loop = asyncio.get_running_loop()
    channel = Channel(endpoint, loop)
    options: dict[str, Any] = {"ssl": tls, "server_hostname": endpoint.host} if tls is not None else {}
    try:
        async with asyncio.timeout(timeout):
            await loop.create_connection(lambda: channel, endpoint.host, endpoint.port, **options)
            await channel.ready
    except TimeoutError:
        failure = Failure(UNAVAILABLE, f"{endpoint.url} does not answer within {timeout:g} s", acted=False)
        channel.give_up(failure)
        raise failure from None
    except ssl.SSLError as error:
        raise Failure(UNAUTHENTICATED, f"{endpoint.url}: {error}; {TLS_REMEDY}", acted=False) from None
    except OSError as error:
        raise Failure(UNAVAILABLE, f"{endpoint.url}: {error}", acted=False) from None
    except BaseException:
        channel.give_up(Failure(CANCELLED, "given up", acted=False))
        raise
    return channel
