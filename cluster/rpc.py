"""Request, reply, deadline and stream over a bus that only drops things.

Must not know sockets or what is asked. One `Rpc` per host; it is the host's one receiver.

    rpc = Rpc(host, keepalive=2.0)
    rpc.serve("store.txn", handler)            async handler(Request) -> body; StatusError answers an error
    rpc.serve_stream("watch", opener)          async opener(Request, Sender): returning ends the stream
    body = await rpc.call("store-0", "store.txn", {...}, timeout=1.0)
    async with rpc.stream("apiserver-0", "pod.watch", {...}) as events: async for body in events: ...
    rpc.cast(dst, kind, body)                  one way, no answer

What is promised: a reply that arrives belongs to its request (matched by id and by the boot that asked). No reply
in time is StatusError Timeout, which is indefinite. A request is executed at most once per message that
arrives; the bus may repeat messages, so a server remembers nothing and callers see the first reply.

Streams: every item carries a sequence number from 1; a gap (that a quarter of a keep-alive does not fill: the bus may
reorder), or silence of three keep-alives, breaks the stream
(StatusError StreamBroken) and the reader opens a new one from its last revision. The reader pings; a server that
hears none for three keep-alives closes its side, and answers a ping for a stream that it does not know with an end,
so that a reader notices a server's restart within one ping.

Wire kinds: a request has its own kind; its answer is kind + ".reply"; items of a stream are kind + ".item", and
the reader's pings kind + ".ping" (body: the stream's id); a reader that leaves sends `stream.close`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

from cluster.errors import StatusError
from cluster.world.host import Address, Envelope, Host

REPLY, ITEM, PING = ".reply", ".item", ".ping"
CLOSE = "stream.close"
MISSED = 3
"""Keep-alives that may be missed before a stream counts as broken."""
OVERTAKEN = 4
"""A missing item is waited for a keep-alive divided by this: the ones after it may have overtaken it."""
HELD = 4096
"""Items that may be held until the one before them comes."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler gets. `deadline` is on the loop's clock, 0 for none."""

    kind: str
    src: Address
    body: Any
    deadline: float
    id: int
    boot: int


Handler = Callable[[Request], Awaitable[Any]]
FastHandler = Callable[[Request, "Answer"], None]
"""Called in the bus's own turn, without a task: it calls `answer.ok(body)` or `answer.error(e)`, now or later."""


@dataclass(slots=True)
class Answer:
    """The way back to one request; using it twice is harmless for the caller (the first wins)."""

    host: Host
    to: Address
    kind: str
    corr: int

    def ok(self, body: Any) -> None:
        self.host.bus.send(self.to, self.kind + REPLY, {"ok": body}, corr=self.corr)

    def error(self, error: StatusError) -> None:
        self.host.bus.send(self.to, self.kind + REPLY, {"error": error.to_body()}, corr=self.corr)


class Rpc:
    def __init__(self, host: Host, *, keepalive: float = 2.0) -> None:
        self.host = host
        self.keepalive = keepalive
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._fast: dict[str, FastHandler] = {}
        self._patterns: list[tuple[str, FastHandler]] = []
        self._openers: dict[tuple[Address, int, int], Sender] = {}
        self._readers: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._serial = host.boot << 32
        host.bus.listen(self._receive)

    def serial(self) -> int:
        """A number that this host has never given before, in no boot: it names an operation over all its attempts."""
        self._serial += 1
        return self._serial

    # ── serving ──────────────────────────────────────────────────────────────────────────────────────────────

    def serve_fast(self, pattern: str, handler: FastHandler) -> None:
        """`pattern` is a kind, or an fnmatch pattern tried in the order of registration after exact kinds."""
        if "*" in pattern:
            self._patterns.append((pattern, handler))
        else:
            self._fast[pattern] = handler

    def serve(self, pattern: str, handler: Handler) -> None:
        """Each request gets a task. What a handler raises besides StatusError answers InternalError and is noted."""

        def start(request: Request, answer: Answer) -> None:
            self._spawn(self._run(handler, request, answer))

        self.serve_fast(pattern, start)

    def serve_stream(self, pattern: str, opener: Callable[[Request, Sender], Awaitable[None]]) -> None:
        """`opener` pushes items with `sender.send(body)` until it returns, raises, or is cancelled because the
        reader went away. A StatusError ends the stream with that error."""

        def start(request: Request, answer: Answer) -> None:
            sender = Sender(self.host, request.src, request.kind, request.id)
            key = (request.src, request.boot, request.id)
            if key in self._openers:  # the bus repeated the request
                return
            self._openers[key] = sender
            task = self._spawn(self._push(opener, request, sender))
            sender.closed = task.cancel
            self._spawn(self._keep_alive(key, sender, task))

        self.serve_fast(pattern, start)

    async def _run(self, handler: Handler, request: Request, answer: Answer) -> None:
        try:
            body = await handler(request)
        except StatusError as error:
            answer.error(error)
        except Exception as error:
            self.host.note("handler-failed", {"kind": request.kind, "error": repr(error)})
            answer.error(StatusError("InternalError", f"{type(error).__name__}: {error}"))
        else:
            answer.ok(body)

    async def _push(
        self, opener: Callable[[Request, Sender], Awaitable[None]], request: Request, sender: Sender
    ) -> None:
        error: StatusError | None = None
        try:
            await opener(request, sender)
        except StatusError as failure:
            error = failure
        except Exception as failure:
            self.host.note("handler-failed", {"kind": request.kind, "error": repr(failure)})
            error = StatusError("InternalError", f"{type(failure).__name__}: {failure}")
        finally:
            self._openers.pop((request.src, request.boot, request.id), None)
        sender.end(error)

    async def _keep_alive(self, key: tuple[Address, int, int], sender: Sender, task: asyncio.Task[Any]) -> None:
        loop = asyncio.get_running_loop()
        sender.heard = loop.time()
        while not task.done():
            await asyncio.sleep(self.keepalive)
            if task.done():
                return
            if loop.time() - sender.heard > MISSED * self.keepalive:
                self._openers.pop(key, None)
                task.cancel()
                return
            sender.alive()

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────────

    async def call(self, dst: Address, kind: str, body: Any, *, timeout: float) -> Any:
        """The answer's body. StatusError as the server says, or Timeout (indefinite) after `timeout` seconds."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        id = self.host.bus.send(dst, kind, body, timeout=timeout)
        self._pending[id] = future
        handle = asyncio.get_running_loop().call_later(timeout, _time_out, future, dst, kind, timeout)
        try:
            return await future
        finally:
            handle.cancel()
            self._pending.pop(id, None)

    def cast(self, dst: Address, kind: str, body: Any) -> None:
        self.host.bus.send(dst, kind, body)

    def stream(self, dst: Address, kind: str, body: Any) -> Stream:
        return Stream(self, dst, kind, body)

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────

    def _receive(self, envelope: Envelope) -> None:
        if envelope.corr:
            if envelope.kind.endswith(ITEM):
                reader = self._readers.get(envelope.corr)
                if reader is not None:
                    reader._item(envelope.body)
                return
            future = self._pending.get(envelope.corr)
            if future is not None and not future.done():
                _settle(future, envelope.body)
            return
        if envelope.kind.endswith(PING):
            self._pinged(envelope)
        elif envelope.kind == CLOSE:
            self._closed(envelope)
        else:
            self._dispatch(envelope)

    def _dispatch(self, envelope: Envelope) -> None:
        kind = envelope.kind
        handler = self._fast.get(kind)
        if handler is None:
            handler = next((h for p, h in self._patterns if fnmatchcase(kind, p)), None)
        answer = Answer(self.host, envelope.src, kind, envelope.id)
        if handler is None:
            answer.error(StatusError("MethodNotAllowed", f"{self.host.name} does not serve {kind!r}"))
            return
        deadline = asyncio.get_running_loop().time() + envelope.timeout if envelope.timeout else 0.0
        request = Request(kind, envelope.src, envelope.body, deadline, envelope.id, envelope.boot)
        try:
            handler(request, answer)
        except StatusError as error:
            answer.error(error)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            # A body of the wrong shape is the sender's mistake; it must not stop this host.
            answer.error(StatusError("BadRequest", f"{kind}: {type(error).__name__}: {error}"))

    def _pinged(self, envelope: Envelope) -> None:
        stream_id = envelope.body
        if type(stream_id) is not int:
            return
        sender = self._openers.get((envelope.src, envelope.boot, stream_id))
        if sender is None:
            kind = envelope.kind.removesuffix(PING)
            error = StatusError("StreamBroken", f"{self.host.name} does not know this stream (any more)")
            Sender(self.host, envelope.src, kind, stream_id).end(error)
        else:
            sender.heard = asyncio.get_running_loop().time()

    def _closed(self, envelope: Envelope) -> None:
        if type(envelope.body) is not int:
            return
        sender = self._openers.pop((envelope.src, envelope.boot, envelope.body), None)
        if sender is not None and sender.closed is not None:
            sender.closed()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _time_out(future: asyncio.Future[Any], dst: Address, kind: str, timeout: float) -> None:
    if not future.done():
        future.set_exception(StatusError("Timeout", f"no answer from {dst} to {kind} within {timeout:g} s"))


def _settle(future: asyncio.Future[Any], body: Any) -> None:
    if type(body) is dict and "ok" in body:
        future.set_result(body["ok"])
    elif type(body) is dict and type(body.get("error")) is dict:
        future.set_exception(StatusError.from_body(body["error"]))
    else:
        future.set_exception(StatusError("InternalError", "the answer has neither `ok` nor `error`"))


class Sender:
    """The server's side of one stream. Items are numbered; nothing is kept: a lost item breaks the stream."""

    def __init__(self, host: Host, to: Address, kind: str, stream_id: int) -> None:
        self.to = to
        self.heard = 0.0
        self.closed: Callable[[], Any] | None = None
        self._host = host
        self._kind = kind + ITEM
        self._id = stream_id
        self._seq = 0

    def send(self, body: Any) -> None:
        self._seq += 1
        self._host.bus.send(self.to, self._kind, (self._seq, body), corr=self._id)

    def alive(self) -> None:
        """Says how many items there were, so that a lost last one is noticed."""
        self._host.bus.send(self.to, self._kind, (self._seq,), corr=self._id)

    def end(self, error: StatusError | None) -> None:
        self._seq += 1
        body = (self._seq, None, error.to_body() if error else {})
        self._host.bus.send(self.to, self._kind, body, corr=self._id)


class Stream:
    """The reader's side: an async context manager and iterator of bodies.

    Ends when the server ended it; raises StatusError as the server says, or StreamBroken."""

    def __init__(self, rpc: Rpc, dst: Address, kind: str, body: Any) -> None:
        self.dst = dst
        self.kind = kind
        self._rpc = rpc
        self._body = body
        self._id = 0
        self._seq = 0
        self._items: deque[Any] = deque()
        self._early: dict[int, Any] = {}
        self._gap: asyncio.TimerHandle | None = None
        self._over = False
        self._error: StatusError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Stream:
        loop = asyncio.get_running_loop()
        self._id = self._rpc.host.bus.send(self.dst, self.kind, self._body)
        self._rpc._readers[self._id] = self
        self._last = loop.time()
        self._timer = loop.call_later(self._rpc.keepalive, self._ping)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rpc._readers.pop(self._id, None)
        for timer in (self._timer, self._gap):
            if timer is not None:
                timer.cancel()
        if not self._over:
            self._rpc.host.bus.send(self.dst, CLOSE, self._id)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Any:
        while not self._items:
            if self._over:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._items.popleft()

    def _ping(self) -> None:
        loop = asyncio.get_running_loop()
        if self._over:
            return
        if loop.time() - self._last > MISSED * self._rpc.keepalive:
            self._finish(StatusError("StreamBroken", f"{self.dst} has been silent on {self.kind}"))
            return
        self._rpc.host.bus.send(self.dst, self.kind + PING, self._id)
        self._timer = loop.call_later(self._rpc.keepalive, self._ping)

    def _item(self, body: Any) -> None:
        if self._over or type(body) is not list or not body or type(body[0]) is not int:
            return
        self._last = asyncio.get_running_loop().time()
        seq = body[0]
        if len(body) == 1:  # a keep-alive
            if seq > self._seq:
                self._miss()
        elif seq <= self._seq:
            if len(body) == 3 and body[2]:  # a server that has forgotten us (it restarted) counts from the start
                self._finish(StatusError.from_body(body[2]))
            # anything else was repeated by the bus
        elif seq == self._seq + 1:
            self._accept(body)
            while not self._over and self._seq + 1 in self._early:
                self._accept(self._early.pop(self._seq + 1))
        else:
            if len(self._early) < HELD:
                self._early[seq] = body
            self._miss()

    def _accept(self, body: Any) -> None:
        self._seq = body[0]
        if len(body) == 3:
            self._finish(StatusError.from_body(body[2]) if body[2] else None)
        else:
            self._items.append(body[1])
            self._wake()

    def _miss(self) -> None:
        """The next item is not here, though a later one is: the bus may have let one overtake the other."""
        if self._gap is None:
            wait = self._rpc.keepalive / OVERTAKEN
            self._gap = asyncio.get_running_loop().call_later(wait, self._give_up, self._seq + 1)

    def _give_up(self, missing: int) -> None:
        self._gap = None
        if not self._over and self._seq < missing:
            self._finish(StatusError("StreamBroken", f"item {missing} of {self.kind} was lost"))
        elif self._early:  # that one came, another is missing since
            self._miss()

    def _finish(self, error: StatusError | None) -> None:
        self._over = True
        self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
