"""Streams over a bus that only drops things: numbered items one way, pings the other; a gap or silence breaks them.

Must not know requests (`cluster.rpc` opens and dispatches streams). Kept apart from it because both ends of a stream
have a life of their own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from cluster.errors import StatusError
from cluster.world.host import Address, Host

ITEM, PING, CLOSE = ".item", "stream.ping", "stream.close"
ITEMS = ".items"
"""One body that is the next item of several streams of one host."""
MISSED = 3
"""Keep-alives that may be missed before a stream counts as broken."""
OVERTAKEN = 4  # a missing item is waited for a keep-alive divided by this: later ones may have overtaken it
SLACK = 1.1  # a keep-alive comes so many keep-alives after the last item: a bookmark of the same period spares it
HELD = 4096  # items that may be held until the one before them comes


class Sender:
    """The server's side of one stream. Items are numbered; nothing is kept: a lost item breaks the stream."""

    def __init__(self, host: Host, to: Address, kind: str, stream_id: int) -> None:
        self.to = to
        self.heard = 0.0
        self.spoke = -inf
        self.closed: Callable[[], Any] | None = None
        self._host = host
        self._kind = kind + ITEM
        self._id = stream_id
        self._seq = 0

    def send(self, body: Any) -> None:
        self._seq += 1
        self.spoke = asyncio.get_running_loop().time()
        self._host.bus.send(self.to, self._kind, (self._seq, body), corr=self._id)

    @staticmethod
    def send_all(senders: Sequence[Sender], body: Any) -> None:
        """The same item to each: one message to each host, however many of its streams it is for."""
        groups: dict[tuple[Address, str], list[Sender]] = {}
        for sender in senders:
            groups.setdefault((sender.to, sender._kind), []).append(sender)
        for (to, kind), group in groups.items():
            if len(group) == 1:
                group[0].send(body)
                continue
            now = asyncio.get_running_loop().time()
            places = []
            for sender in group:
                sender._seq += 1
                sender.spoke = now
                places.append((sender._id, sender._seq))
            first = group[0]
            first._host.bus.send(to, kind.removesuffix(ITEM) + ITEMS, (places, body), corr=first._id)

    def alive(self) -> None:
        """Says how many items there were, so that a lost last one is noticed."""
        self._host.bus.send(self.to, self._kind, (self._seq,), corr=self._id)

    def end(self, error: StatusError | None) -> None:
        self._seq += 1
        body = (self._seq, None, error.to_body() if error else {})
        self._host.bus.send(self.to, self._kind, body, corr=self._id)


@dataclass(slots=True)
class Seat:
    """What all streams that one host reads share. `readers` by the id of the request that opened each."""

    host: Host
    keepalive: float
    readers: dict[int, Stream] = field(default_factory=dict)
    pinged: set[Address] = field(default_factory=set)
    """Servers that are told, each keep-alive, which of their streams are still read: in one message for them all."""

    def joins(self, stream: Stream) -> None:
        self.readers[stream.id] = stream
        if stream.dst not in self.pinged:
            self.pinged.add(stream.dst)
            asyncio.get_running_loop().call_later(self.keepalive, self._ping, stream.dst)

    def _ping(self, server: Address) -> None:
        now = asyncio.get_running_loop().time()
        read = [stream for stream in self.readers.values() if stream.dst == server and stream.lives(now)]
        if not read:
            self.pinged.discard(server)
            return
        # One that was just opened is left out: its request may still be on the way, and must not be overtaken.
        ids = [stream.id for stream in read if now - stream.opened >= self.keepalive / 2]
        if ids:
            self.host.bus.send(server, PING, ids)
        asyncio.get_running_loop().call_later(self.keepalive, self._ping, server)

    def items(self, body: Any, boot: int) -> None:
        """One item for several streams; nobody may change what they share."""
        if type(body) is not list or len(body) != 2 or type(body[0]) is not list:
            return
        for place in body[0]:
            if type(place) is list and len(place) == 2 and type(place[0]) is int:
                reader = self.readers.get(place[0])
                if reader is not None:
                    reader.item([place[1], body[1]], boot)


class Stream:
    """The reader's side: an async context manager and iterator of bodies.

    Ends when the server ended it; raises StatusError as the server says, or StreamBroken."""

    def __init__(self, seat: Seat, dst: Address, kind: str, body: Any) -> None:
        self.dst = dst
        self.kind = kind
        self._seat = seat
        self._body = body
        self.id = 0
        self.opened = 0.0
        self._seq = 0
        self._boot = 0
        self._items: deque[Any] = deque()
        self._early: dict[int, Any] = {}
        self._gap: asyncio.TimerHandle | None = None
        self._over = False
        self._error: StatusError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._last = 0.0

    async def __aenter__(self) -> Stream:
        self.id = self._seat.host.bus.send(self.dst, self.kind, self._body)
        self.opened = self._last = asyncio.get_running_loop().time()
        self._seat.joins(self)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._seat.readers.pop(self.id, None)
        if self._gap is not None:
            self._gap.cancel()
        if not self._over:
            self._seat.host.bus.send(self.dst, CLOSE, self.id)

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

    def lives(self, now: float) -> bool:
        """Whether it goes on; a server that has been silent for too long ends it."""
        if not self._over and now - self._last > MISSED * self._seat.keepalive:
            self._finish(StatusError("StreamBroken", f"{self.dst} has been silent on {self.kind}"))
        return not self._over

    def item(self, body: Any, boot: int) -> None:
        """`boot`: the sender's. A server that has restarted, and met a second copy of our request, serves a stream of
        its own under the same id, from wherever it is by now: its items must not pass for a continuation."""
        if self._over or type(body) is not list or not body or type(body[0]) is not int or boot < self._boot:
            return
        if self._boot < boot:
            if self._boot:
                # Whatever it says is about where that copy begins, not about where we are by now.
                self._finish(StatusError("StreamBroken", f"{self.dst} restarted"))
                return
            self._boot = boot
        self._last = asyncio.get_running_loop().time()
        seq = body[0]
        if len(body) == 1:  # a keep-alive
            if seq > self._seq:
                self._miss()
        elif seq <= self._seq:  # repeated by the bus
            if len(body) == 3 and body[2]:  # a server that has forgotten us (it restarted) counts from the start
                told = StatusError.from_body(body[2])
                self._finish(StatusError("StreamBroken", f"{self.dst} has begun anew: {told.message}"))
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
            wait, loop = self._seat.keepalive / OVERTAKEN, asyncio.get_running_loop()
            self._gap = loop.call_later(wait, self._give_up, self._seq + 1)

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
