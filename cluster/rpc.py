"""Request, reply, deadline and stream over a bus that only drops things.

Must not know sockets or what is asked. One `Rpc` per host; it is the host's one receiver.

    rpc = Rpc(host, keepalive=2.0)
    rpc.serve("store.txn", handler)            async handler(Request) -> body; StatusError answers an error
    rpc.serve_stream("watch", opener)          async opener(Request, Sender): returning ends the stream
    body = await rpc.call("store-0", "store.txn", {...}, timeout=1.0)
    async with rpc.stream("apiserver-0", "pod.watch", {...}) as events: async for body in events: ...
    rpc.cast(dst, kind, body)                  one way, no answer; rpc.hear(kind, receiver) takes it
    future = rpc.ask("store-0", "store.txn", body, timeout)   all asked in one turn travel together (cluster/bundle.py)
    rpc.serve_batch("store.txn", handler)      handler(Batch) gets what was asked in one turn

What is promised: a reply that arrives belongs to its request (matched by id and by the boot that asked). No reply
in time is StatusError Timeout, which is indefinite. A request is executed at most once per message that
arrives; the bus may repeat messages, so a server remembers nothing and callers see the first reply.

Streams: every item carries a sequence number from 1; a gap that a quarter of a keep-alive does not fill, or silence of
three keep-alives, breaks the stream (StatusError StreamBroken) and the reader opens a new one from its last revision.
The reader pings; a server that hears none for three keep-alives closes its side, and answers a ping for a stream that
it does not know with an end, so that a reader notices a server's restart within one ping.

Wire kinds: a request has its own kind, several as one message kind + ".many"; the answer is kind + ".reply"; items of a
stream are kind + ".item", one item for several streams of a host kind + ".items", and the reader's pings kind + ".ping"
(body: the stream's id); a reader that leaves sends `stream.close`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from cluster.bundle import MANY, REPLY, Asker, Batch, BatchHandler, settle
from cluster.errors import StatusError
from cluster.stream import CLOSE, ITEM, ITEMS, MISSED, PING, SLACK, Seat, Sender, Stream
from cluster.world.host import Address, Envelope, Host, Receiver

__all__ = ["Answer", "Batch", "Request", "Rpc", "Sender", "Stream"]


class Request(NamedTuple):
    """What a handler gets: a named tuple, as an envelope is, for there is one per message. `deadline` is on the
    loop's clock, 0 for none."""

    kind: str
    src: Address
    body: Any
    deadline: float
    id: int
    boot: int
    place: int = 0
    """In its message, when several came as one."""


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


class Share(Answer):
    """The way back to one request of a batch, for whoever serves one by one."""

    __slots__ = ("_batch", "_place")

    def __init__(self, batch: Batch, place: int, answer: Answer) -> None:
        super().__init__(answer.host, answer.to, answer.kind, answer.corr)
        self._batch = batch
        self._place = place

    def ok(self, body: Any) -> None:
        self._batch.ok(self._place, body)

    def error(self, error: StatusError) -> None:
        self._batch.error(self._place, error)


class Rpc:
    def __init__(self, host: Host, *, keepalive: float = 2.0) -> None:
        self.host = host
        self.keepalive = keepalive
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._fast: dict[str, FastHandler] = {}
        self._heard: dict[str, Receiver] = {}
        self._batches: dict[str, BatchHandler] = {}
        self._asker = Asker(host)
        self._patterns: list[tuple[str, FastHandler]] = []
        self._openers: dict[tuple[Address, int, int], Sender] = {}
        self._seat = Seat(host, keepalive)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._serial = host.boot << 32
        # Not before this turn is over: what came early must meet the handlers that are about to be registered.
        asyncio.get_running_loop().call_soon(host.bus.listen, self._receive)

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

    def hear(self, kind: str, receiver: Receiver) -> None:
        """Messages to which nobody waits for an answer (`cast`), as they came."""
        self._heard[kind] = receiver

    def serve_batch(self, kind: str, handler: BatchHandler) -> None:
        """All that one host has asked of this kind in one turn; a single request is a batch of one."""
        self._batches[kind] = self._batches[kind + MANY] = handler

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
            if isinstance(answer, Share):
                raise StatusError("BadRequest", f"{request.kind} is a stream: it is asked for alone")
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
        wait = self.keepalive
        while not task.done():
            await asyncio.sleep(wait)
            if task.done():
                return
            now = loop.time()
            if now - sender.heard > MISSED * self.keepalive:
                self._openers.pop(key, None)
                task.cancel()
                return
            wait = sender.spoke + SLACK * self.keepalive - now
            if wait <= 0:
                sender.alive()
                wait = self.keepalive

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

    def ask(self, dst: Address, kind: str, body: Any, timeout: float) -> asyncio.Future[Any]:
        """As `call`; what is asked in one turn of one destination, with one kind and timeout, is one message."""
        return self._asker.ask(dst, kind, body, timeout)

    def cast(self, dst: Address, kind: str, body: Any) -> None:
        self.host.bus.send(dst, kind, body)

    def stream(self, dst: Address, kind: str, body: Any) -> Stream:
        return Stream(self._seat, dst, kind, body)

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────

    def _receive(self, envelope: Envelope) -> None:
        heard = self._heard.get(envelope.kind)
        if heard is not None:
            try:
                heard(envelope)
            except StatusError:
                return  # of a shape that means nothing; nobody waits for an answer
            return
        if envelope.corr:
            if envelope.kind.endswith(ITEM):
                reader = self._seat.readers.get(envelope.corr)
                if reader is not None:
                    reader.item(envelope.body, envelope.boot)
                return
            if envelope.kind.endswith(ITEMS):
                self._seat.items(envelope.body, envelope.boot)
                return
            future = self._pending.get(envelope.corr)
            if future is not None:
                settle(future, envelope.body)
            else:
                self._asker.receive(envelope.corr, envelope.kind, envelope.body)
            return
        if envelope.kind == PING:
            self._pinged(envelope)
        elif envelope.kind == CLOSE:
            self._closed(envelope)
        else:
            self._dispatch(envelope)

    def _dispatch(self, envelope: Envelope) -> None:
        kind = envelope.kind
        deadline = asyncio.get_running_loop().time() + envelope.timeout if envelope.timeout else 0.0
        batched = self._batches.get(kind)
        if batched is not None or kind.endswith(MANY):
            self._dispatch_batch(envelope, batched, deadline)
            return
        handler = self._handler(kind)
        answer = Answer(self.host, envelope.src, kind, envelope.id)
        if handler is None:
            answer.error(StatusError("MethodNotAllowed", f"{self.host.name} does not serve {kind!r}"))
            return
        request = Request(kind, envelope.src, envelope.body, deadline, envelope.id, envelope.boot)
        _handle(handler, request, answer)

    def _handler(self, kind: str) -> FastHandler | None:
        handler = self._fast.get(kind)
        return handler or next((h for p, h in self._patterns if fnmatchcase(kind, p)), None)

    def _dispatch_batch(self, envelope: Envelope, batched: BatchHandler | None, deadline: float) -> None:
        kind, body = envelope.kind, envelope.body
        many = kind.endswith(MANY)
        batch = Batch(self.host, kind, (envelope.src, envelope.boot, envelope.id), body if many else [body])
        batch.deadline = deadline
        if type(batch.bodies) is not list:
            Answer(self.host, envelope.src, kind, envelope.id).error(
                StatusError("BadRequest", f"{kind}: a bundle is an array of requests")
            )
        elif batched is not None:
            try:
                batched(batch)
            except StatusError as error:
                batch.refuse(error)
        else:
            one = kind.removesuffix(MANY)
            handler = self._handler(one)
            if handler is None:
                batch.refuse(StatusError("MethodNotAllowed", f"{self.host.name} does not serve {one!r}"))
                return
            answer = Answer(self.host, envelope.src, one, envelope.id)
            for place, single in enumerate(batch.bodies):
                request = Request(one, envelope.src, single, deadline, envelope.id, envelope.boot, place)
                _handle(handler, request, Share(batch, place, answer))

    def _pinged(self, envelope: Envelope) -> None:
        if type(envelope.body) is not list:
            return
        now = asyncio.get_running_loop().time()
        for stream_id in envelope.body:
            if type(stream_id) is not int:
                return
            sender = self._openers.get((envelope.src, envelope.boot, stream_id))
            if sender is None:
                error = StatusError("StreamBroken", f"{self.host.name} does not know this stream (any more)")
                Sender(self.host, envelope.src, "stream", stream_id).end(error)
            else:
                sender.heard = now

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
        future.set_exception(StatusError("Timeout", f"no answer from {dst} to {kind} within {timeout:.3g} s"))


def _handle(handler: FastHandler, request: Request, answer: Answer) -> None:
    try:
        handler(request, answer)
    except StatusError as error:
        answer.error(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # A body of the wrong shape is the sender's mistake; it must not stop this host.
        answer.error(StatusError("BadRequest", f"{request.kind}: {type(error).__name__}: {error}"))
