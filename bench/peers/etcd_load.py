"""Clients of etcd for a load process: closed loops of callbacks over a few HTTP/2 connections.

Must not parse more of an answer than tells whether it is right: what etcd can do is measured, not this client. As
many calls as there are clients share up to 16 connections, as with etcd's own load tool.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import count, cycle
from typing import Any

from bench.peers import etcdpb as pb
from bench.peers.http2 import Connection, Reader
from bench.store_load import Outcome
from bench.store_workload import EVENTS, MIX, PREFIX, VALUE, Deliveries, Phase, event_key, event_value, events_in

CONNECTIONS = 16
STREAMS = 10
"""That a process's watches are spread over: with one, as etcd's own client has it, many events arrive later."""
GAP = 0.005
"""As in store_seat.py."""

Request = tuple[str, bytes]


async def open_driver(setup: dict[str, Any], name: str) -> EtcdLoad:
    return EtcdLoad()


class Client:
    """One closed loop. `ask` gives the next request, None when there is no more; `right` looks at the answer."""

    def __init__(self, load: EtcdLoad, connection: Connection, phase: Phase, number: int) -> None:
        self._load = load
        self._connection = connection
        self._gap = GAP if phase.kind == "watch" else 0.0
        self._began = 0.0
        self.ask, self.right = load.script(phase, number)

    def begin(self) -> None:
        self._began = now = time.monotonic()
        request = self.ask() if now < self._load.end else None
        if request is None:
            self._load.over()
        else:
            self._connection.call(*request, self._done)

    def _done(self, answer: bytes | None) -> None:
        outcome = self._load.outcome
        if answer is not None and self.right(answer):
            outcome.latencies.append(time.monotonic() - self._began)
        else:
            outcome.errors += 1
            if self._connection.lost:
                self._load.over()
                return
        if self._gap:
            asyncio.get_running_loop().call_later(self._gap, self.begin)
        else:
            self.begin()


class EtcdLoad:
    """`end`: when the clients stop."""

    def __init__(self) -> None:
        self.end = 0.0
        self.outcome = Outcome()
        self._connections: list[Connection] = []
        self._watch: Connection | None = None
        self._target = ""
        self._mods: dict[bytes, int] = {}
        self._seen = Deliveries()
        self._left = 0
        self._finished: asyncio.Future[None] | None = None
        self._events = count()

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────

    async def prepare(self, phase: Phase, target: Any) -> None:
        """`target` is the leader's host:port."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        wanted = max(1, min(CONNECTIONS, phase.clients) // phase.step)
        if target != self._target or len(self._connections) != wanted or any(c.lost for c in self._connections):
            for connection in self._connections:
                connection.close()
            self._target = target
            self._connections = [await self._connect() for _ in range(wanted)]
        first = self._connections[0]
        if phase.kind == "txns":
            self._mods = pb.modified(await asked(first, pb.RANGE, pb.get(PREFIX, after(PREFIX), keys_only=True)))
        if phase.watchers:
            await self._open_watches(phase.watchers, pb.revision(await asked(first, pb.RANGE, pb.get(EVENTS))) + 1)

    async def _connect(self) -> Connection:
        host, _, port = self._target.rpartition(":")
        return await Connection.open(host, int(port))

    async def _open_watches(self, watchers: int, revision: int) -> None:
        """On STREAMS streams of one connection; returns when the server has confirmed each."""
        self._seen = seen = Deliveries()
        self._watch = await self._connect()
        created = 0
        ready = asyncio.get_running_loop().create_future()

        def on_message(message: bytes) -> None:
            nonlocal created
            if created < watchers:
                created += any(number == 3 and value == 1 for number, value in pb.fields(message))
                if created == watchers:
                    ready.set_result(None)
            now = time.monotonic()
            for sent, event in events_in(message):
                seen.saw(now, sent, event)

        streams: list[Reader] = [self._watch.stream(pb.WATCH, on_message) for _ in range(min(STREAMS, watchers))]
        for number in range(watchers):
            streams[number % len(streams)].send(pb.watch(EVENTS, after(EVENTS), revision))
        async with asyncio.timeout(5.0):
            await ready

    async def go(self, phase: Phase, at: float) -> Outcome:
        self.outcome = outcome = Outcome()
        loop, connections = asyncio.get_running_loop(), cycle(self._connections)
        clients = [Client(self, next(connections), phase, number) for number in phase.numbers]
        self._left, self._finished = len(clients), loop.create_future()
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        outcome.began = time.monotonic()
        self.end = outcome.began + phase.seconds
        for client in clients:
            client.begin()
        if clients:
            await self._finished
        outcome.ended = time.monotonic()
        return outcome

    def over(self) -> None:
        """One client has ended."""
        self._left -= 1
        if not self._left and self._finished is not None:
            self._finished.set_result(None)

    def deliveries(self) -> Deliveries:
        return self._seen

    async def close(self) -> None:
        for connection in (*self._connections, self._watch):
            if connection is not None:
                connection.close()
        await asyncio.sleep(0)

    # ── what a client asks ───────────────────────────────────────────────────────────────────────────────────

    def script(self, phase: Phase, client: int) -> tuple[Callable[[], Request | None], Callable[[bytes], bool]]:
        keys = phase.keys(client)
        if phase.kind == "fill":
            once = iter([(pb.PUT, pb.put(key, VALUE)) for key in keys])
            return (lambda: next(once, None)), lambda answer: True
        if phase.kind == "puts":
            puts = cycle([(pb.PUT, pb.put(key, VALUE)) for key in keys])
            return (lambda: next(puts)), lambda answer: True
        if phase.kind in ("gets", "serializable"):
            serializable = phase.kind == "serializable"
            gets = cycle([(pb.RANGE, pb.get(key, serializable=serializable)) for key in keys])
            return (lambda: next(gets)), holds_value
        if phase.kind == "watch":
            return (lambda: self._event(client)), self._sent
        updates = Updates(self._mods, keys)
        if phase.kind == "txns":
            return updates.next, updates.right
        return self._mixed(updates, client)

    def _event(self, client: int) -> Request:
        return pb.PUT, pb.put(event_key(client), event_value(time.monotonic(), client, next(self._events)))

    def _sent(self, _: bytes) -> bool:
        self.outcome.events += 1
        return True

    def _mixed(self, updates: Updates, client: int) -> tuple[Callable[[], Request | None], Callable[[bytes], bool]]:
        letters = cycle(MIX)
        letter = ""

        def ask() -> Request:
            nonlocal letter
            letter = next(letters)
            if letter == "E":
                return self._event(client)
            return updates.update() if letter == "U" else updates.read()

        def right(answer: bytes) -> bool:
            if letter == "E":
                return self._sent(answer)
            return updates.right(answer) if letter == "U" else updates.was_read(answer)

        return ask, right


class Updates:
    """One client's guarded updates, key after key; it remembers each key's mod_revision."""

    def __init__(self, mods: dict[bytes, int], keys: list[bytes]) -> None:
        self._mods = mods
        self._keys = cycle(keys)
        self._parts = {key: (pb.guard(key), pb.branches(key, VALUE), pb.get(key)) for key in keys}
        self._key = keys[0]

    def next(self) -> Request:
        self._key = next(self._keys)
        return self.update()

    def update(self) -> Request:
        guard, branches, _ = self._parts[self._key]
        return pb.TXN, pb.update(guard, self._mods.get(self._key, 0), branches)

    def read(self) -> Request:
        self._key = next(self._keys)
        return pb.RANGE, self._parts[self._key][2]

    def right(self, answer: bytes) -> bool:
        if not pb.succeeded(answer):
            return False
        self._mods[self._key] = pb.revision(answer)
        return True

    def was_read(self, answer: bytes) -> bool:
        found = pb.modified(answer)
        self._mods |= found
        return bool(found)


def holds_value(answer: bytes) -> bool:
    """Does a RangeResponse hold a value of ours? It cannot be so long without."""
    return len(answer) > len(VALUE)


def after(prefix: bytes) -> bytes:
    return prefix[:-1] + bytes((prefix[-1] + 1,))


async def asked(connection: Connection, path: str, message: bytes) -> bytes:
    """One call, awaited. ConnectionError when it failed."""
    future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    connection.call(path, message, lambda answer: None if future.done() else future.set_result(answer))
    async with asyncio.timeout(5.0):
        answer = await future
    if answer is None:
        raise ConnectionError(f"{connection.authority} refused {path}")
    return answer
