"""Many requests of one turn as one message, and their answers as few: what makes thousands of small calls cheap.

Must not know what is asked; `cluster.rpc` sends and receives bundles.

    asker:   ask(), ask(), ask() in one turn  ->  one message "KIND.many", body [first request, second, ...]
    server:  one `Batch`; what it answers in one turn  ->  one message "KIND.many.reply",
             body [(place, body) or (place, None, error), ...]

A single request of a turn goes as it always did ("KIND", answered by "KIND.reply"), and a server that does not know
bundles of a kind gets its requests one by one. A bundle is one message to the network: all of it is lost, delayed or
repeated together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from cluster.errors import StatusError
from cluster.wire import pack
from cluster.world.host import Address, Host

MANY = ".many"
REPLY = ".reply"
MOST = 1000
"""Requests in one bundle; more go into the next."""
MOST_BYTES = 1 << 20
"""About so many bytes in one bundle: what is bigger goes alone, so that limits of one message hold."""

Waiter = asyncio.Future[Any]


class Lane:
    """All that is asked in one turn of one destination, by kind and patience."""

    __slots__ = ("bodies", "dst", "kind", "timeout", "waiters")

    def __init__(self, dst: Address, kind: str, timeout: float) -> None:
        self.dst = dst
        self.kind = kind
        self.timeout = timeout
        self.bodies: list[Any] = []
        self.waiters: list[Waiter] = []


class Asker:
    """The asking side of one host."""

    def __init__(self, host: Host) -> None:
        self._bus = host.bus
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[tuple[Address, str, float], Lane] = {}
        self._open: dict[int, tuple[list[Waiter], asyncio.TimerHandle]] = {}

    def ask(self, dst: Address, kind: str, body: Any, timeout: float) -> Waiter:
        """The answer's body, or StatusError as the server says, or Timeout (indefinite) after `timeout` seconds."""
        waiter: Waiter = self._loop.create_future()
        key = (dst, kind, timeout)
        lane = self._lanes.get(key)
        if lane is None:
            if not self._lanes:
                self._bus.defer(self._send)
            lane = self._lanes[key] = Lane(dst, kind, timeout)
        lane.bodies.append(body)
        lane.waiters.append(waiter)
        return waiter

    def _send(self) -> None:
        lanes, self._lanes = self._lanes, {}
        for lane in lanes.values():
            bodies, waiters = lane.bodies, lane.waiters
            start = 0
            while start < len(bodies):
                try:
                    end = _portion(bodies, start)
                except (TypeError, ValueError, OverflowError):
                    end = start + 1  # one of them cannot be packed: each goes alone, and that one says so
                self._send_part(lane, bodies[start:end], waiters[start:end])
                start = end

    def _send_part(self, lane: Lane, bodies: list[Any], waiters: list[Waiter]) -> None:
        timeout = lane.timeout
        try:
            if len(bodies) == 1:
                id = self._bus.send(lane.dst, lane.kind, bodies[0], timeout=timeout)
            else:
                id = self._bus.send(lane.dst, lane.kind + MANY, bodies, timeout=timeout)
        except (TypeError, ValueError, OverflowError) as error:
            # A body that msgpack cannot pack: its caller's bug.
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
            return
        timer = self._loop.call_later(timeout, self._give_up, id, lane)
        self._open[id] = (waiters, timer)

    def _give_up(self, id: int, lane: Lane) -> None:
        waiters, _ = self._open.pop(id)
        for waiter in waiters:
            if not waiter.done():
                text = f"no answer from {lane.dst} to {lane.kind} within {lane.timeout:g} s"
                waiter.set_exception(StatusError("Timeout", text))

    def receive(self, corr: int, kind: str, body: Any) -> bool:
        """An answer; False if nobody here has asked."""
        found = self._open.get(corr)
        if found is None:
            return False
        waiters, timer = found
        if not kind.endswith(MANY + REPLY):
            if len(waiters) == 1:
                settle(waiters[0], body)
            elif type(body) is dict and type(body.get("error")) is dict:  # all of them are refused at once
                for waiter in waiters:
                    settle(waiter, body)
        elif type(body) is list:
            _settle_each(waiters, body)
        if waiters[-1].done() and all([waiter.done() for waiter in waiters]):
            timer.cancel()
            del self._open[corr]
        return True


def _portion(bodies: Sequence[Any], start: int) -> int:
    """Where the bundle that begins at `start` ends. Nearly always all goes into one, which one look tells."""
    end = min(len(bodies), start + MOST)
    if end - start == 1 or weight(bodies[start:end]) <= MOST_BYTES:
        return end
    size = 0
    for at in range(start, end):
        size += weight(bodies[at])
        if size > MOST_BYTES and at > start:
            return at
    return end


def weight(body: Any) -> int:
    """How many bytes a body takes. Packing it to see is faster than looking at its parts."""
    return len(pack(body))


def settle(waiter: Waiter, body: Any) -> None:
    if waiter.done():
        return
    if type(body) is dict and "ok" in body:
        waiter.set_result(body["ok"])
    elif type(body) is dict and type(body.get("error")) is dict:
        waiter.set_exception(StatusError.from_body(body["error"]))
    else:
        waiter.set_exception(StatusError("InternalError", "the answer has neither `ok` nor `error`"))


def _settle_each(waiters: list[Waiter], rows: list[Any]) -> None:
    count = len(waiters)
    for row in rows:
        if type(row) is not list or not row or type(row[0]) is not int or not 0 <= row[0] < count:
            continue
        waiter = waiters[row[0]]
        if waiter.done():
            continue
        if len(row) == 2:
            waiter.set_result(row[1])
        elif len(row) == 3 and type(row[2]) is dict:
            waiter.set_exception(StatusError.from_body(row[2]))


class Batch:
    """What a server gets: `bodies` of `src`, asked in one turn. `deadline` on the loop's clock, 0 for none. Each place
    is answered once, now or later, by `ok` or `error`; answering twice is harmless for the asker (the first wins)."""

    __slots__ = ("_bus", "_kind", "_rows", "_single", "bodies", "boot", "deadline", "id", "src")

    def __init__(self, host: Host, kind: str, sender: tuple[Address, int, int], bodies: list[Any]) -> None:
        self._bus = host.bus
        self._single = not kind.endswith(MANY)
        self._kind = kind
        self.src, self.boot, self.id = sender
        self.bodies = bodies
        self.deadline = 0.0
        self._rows: list[Any] = []

    def ok(self, place: int, body: Any) -> None:
        if self._single:
            self._bus.send(self.src, self._kind + REPLY, {"ok": body}, corr=self.id)
            return
        if not self._rows:
            self._bus.defer(self._send)
        self._rows.append((place, body))

    def error(self, place: int, error: StatusError) -> None:
        if self._single:
            self._bus.send(self.src, self._kind + REPLY, {"error": error.to_body()}, corr=self.id)
            return
        if not self._rows:
            self._bus.defer(self._send)
        self._rows.append((place, None, error.to_body()))

    def refuse(self, error: StatusError) -> None:
        """The same answer to all."""
        for place in range(len(self.bodies)):
            self.error(place, error)

    def _send(self) -> None:
        rows, self._rows = self._rows, []
        start = 0
        while start < len(rows):
            end = _portion(rows, start)
            self._bus.send(self.src, self._kind + REPLY, rows[start:end], corr=self.id)
            start = end


BatchHandler = Callable[[Batch], None]
"""Called in the bus's own turn. A StatusError that it raises refuses the whole batch."""
