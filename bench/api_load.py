"""A load process of `bench api`: closed-loop HTTPS clients on connections that stay open, and watchers.

Must not know what it loads: any server that speaks Kubernetes' REST API. `python -m bench.api_load` reads one order
from standard input and writes one result, both JSON:

    {"do": "gets", "place": {...}, "connections": 32, "seconds": 2.0, "paths": [...]}
    {"do": "creates", ..., "path": "/api/v1/...", "body": {...}}        metadata.name is counted up
    {"do": "lists", ..., "path": ..., "times": 5}
    {"do": "paced", ..., "path": ..., "gap": 0.005}                     one after the other, until standard input ends
    {"do": "watch", ..., "watchers": 1000, "path": ..., "changes": "/api/v1/...", "rate": 100, "idle": 1.0}

`place`: host, port, and PEM files ca, cert, key (or a bearer token).
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any, cast

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH, CHUNKED, LAST_CHUNK = b"content-length:", b"transfer-encoding: chunked", b"0\r\n\r\n"
STAMP = b'"bench/stamp":"'
"""Annotation of a change that watchers hear of: the time at which it was asked for."""


@dataclass(slots=True)
class Tally:
    """`latencies` in seconds of requests that were answered 2xx; `refused`: other statuses, how often."""

    latencies: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)


class Talker(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._needed = 0
        self._chunked = False
        """The answer is over when its last chunk is there: nobody here looks at what is in it."""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._needed:
            end = buffer.find(HEAD_END)
            if end < 0:
                return
            head = bytes(buffer[:end]).lower()
            at = head.find(LENGTH)
            length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._needed = end + len(HEAD_END) + length
            self._chunked = CHUNKED in head
        if len(buffer) < self._needed or self._waiting is None or (self._chunked and not buffer.endswith(LAST_CHUNK)):
            return
        status, body = int(buffer[9:12]), bytes(buffer[buffer.find(HEAD_END) + 4 :])
        buffer.clear()
        self._needed = 0
        waiting, self._waiting = self._waiting, None
        if not waiting.done():
            waiting.set_result((status, body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("the server closed the connection"))

    def ask(self, request: bytes) -> Awaitable[tuple[int, bytes]]:
        assert self._transport is not None, "not connected"
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Ear(asyncio.Protocol):
    """One watcher. Of each event it hears of only its stamp is read."""

    def __init__(self, delays: list[float]) -> None:
        self.events = 0
        self.opened = False
        self._delays = delays
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.opened = True
        now = time.time()
        text = self._rest + data
        at = text.find(STAMP)
        last = 0
        while at >= 0:
            end = text.find(b'"', at + len(STAMP))
            if end < 0:
                break
            self._delays.append(now - float(text[at + len(STAMP) : end]))
            self.events += 1
            last = end
            at = text.find(STAMP, end)
        self._rest = text[max(last, len(text) - 64) :]

    def ask(self, request: bytes) -> None:
        assert self._transport is not None, "not connected"
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass(frozen=True, slots=True)
class Place:
    host: str
    port: int
    ca: str
    cert: str = ""
    key: str = ""
    token: str = ""

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", "Accept: application/json"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if body:
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body


async def connect(place: Place, number: int) -> list[Talker]:
    context, loop = place.context(), asyncio.get_running_loop()
    opened = []
    for _ in range(number):
        _, talker = await loop.create_connection(Talker, place.host, place.port, ssl=context)
        opened.append(talker)
    return opened


async def closed_loop(talkers: list[Talker], requests: Iterator[bytes], seconds: float) -> Tally:
    """Each connection asks anew as soon as it is answered, for so long."""
    tally = Tally()
    end = time.perf_counter() + seconds

    async def one(talker: Talker) -> None:
        while True:
            began = time.perf_counter()
            if began >= end:
                return
            status, _ = await talker.ask(next(requests))
            if 200 <= status < 300:
                tally.latencies.append(time.perf_counter() - began)
            else:
                tally.refused[str(status)] = tally.refused.get(str(status), 0) + 1

    await asyncio.gather(*map(one, talkers))
    return tally


async def gets(place: Place, order: dict[str, Any]) -> dict[str, Any]:
    talkers = await connect(place, order["connections"])
    requests = cycle([place.request("GET", path) for path in order["paths"]])
    return result(await closed_loop(talkers, requests, order["seconds"]), order["seconds"])


async def creates(place: Place, order: dict[str, Any]) -> dict[str, Any]:
    """Names go on from `first`."""
    talkers = await connect(place, order["connections"])

    def bodies() -> Iterator[bytes]:
        for number in count(order.get("first", 0)):
            body = {**order["body"], "metadata": {**order["body"]["metadata"], "name": f"bench-{number}"}}
            yield place.request("POST", order["path"], json.dumps(body).encode())

    return result(await closed_loop(talkers, bodies(), order["seconds"]), order["seconds"])


async def fill(place: Place, order: dict[str, Any]) -> dict[str, Any]:
    """So many objects, as `creates` makes them."""
    talkers = await connect(place, order["connections"])
    numbers = iter(range(order["first"], order["first"] + order["number"]))
    refused: dict[str, int] = {}

    async def one(talker: Talker) -> None:
        for number in numbers:
            name = order["body"]["metadata"]["name"] or f"bench-{number}"
            body = {**order["body"], "metadata": {**order["body"]["metadata"], "name": name}}
            status, _ = await talker.ask(place.request("POST", order["path"], json.dumps(body).encode()))
            if status != 201:
                refused[str(status)] = refused.get(str(status), 0) + 1

    await asyncio.gather(*map(one, talkers))
    return {"refused": refused}


async def lists(place: Place, order: dict[str, Any]) -> dict[str, Any]:
    """One after the other."""
    (lister,) = await connect(place, 1)
    request = place.request("GET", order["path"])
    took, size = [], 0
    for _ in range(order["times"]):
        began = time.perf_counter()
        status, body = await lister.ask(request)
        took.append(time.perf_counter() - began)
        size = len(body)
        if status != 200:
            raise SystemExit(f"the list was answered {status}")
        await asyncio.sleep(0.02)
    return {"took": took, "bytes": size}


async def paced(place: Place, order: dict[str, Any]) -> dict[str, Any]:
    """A small request every few milliseconds, until nobody wants more of them."""
    (talker,) = await connect(place, 1)
    request = place.request("GET", order["path"])
    waits: list[float] = []
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not over.done():
        began = time.perf_counter()
        await talker.ask(request)
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(order["gap"])
    return {"waits": waits}


async def watch(place: Place, order: dict[str, Any]) -> dict[str, Any]:
    """Watchers, idle for a while (`idle` seconds; the process that measures memory looks then: see "ready" on standard
    error), and then changes at a steady rate, each of which every watcher hears of."""
    context, loop = place.context(), asyncio.get_running_loop()
    delays: list[float] = []
    request = place.request("GET", order["path"])
    ears: list[Ear] = []
    for _ in range(order["watchers"]):
        _, ear = await loop.create_connection(lambda: Ear(delays), place.host, place.port, ssl=context)
        ear.ask(request)
        ears.append(ear)
    (writer,) = await connect(place, 1)
    await asyncio.sleep(order["idle"])
    print("ready", file=sys.stderr, flush=True)
    await asyncio.sleep(order["idle"])
    changes, gap = int(order["rate"] * order["seconds"]), 1 / order["rate"]
    began = time.perf_counter()
    refused = 0
    for number in range(changes):
        await asyncio.sleep(max(0.0, began + number * gap - time.perf_counter()))
        body = {"metadata": {"annotations": {"bench/stamp": repr(time.time())}}}
        status, _ = await writer.ask(place.request("PATCH", order["changes"], json.dumps(body).encode()))
        refused += status != 200
    wanted, limit = (changes - refused) * order["watchers"], time.perf_counter() + 20
    while sum(ear.events for ear in ears) < wanted and time.perf_counter() < limit:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    heard = sum(ear.events for ear in ears)
    return {"delays": percentiles(delays), "wanted": wanted, "heard": heard, "refused": refused}


def percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    at = {f"p{share}": ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)}
    return {**at, "max": ordered[-1]}


def result(tally: Tally, seconds: float) -> dict[str, Any]:
    rate = len(tally.latencies) / seconds
    return {"rate": rate, "latencies": percentiles(tally.latencies), "refused": tally.refused}


DOES: dict[str, Callable[[Place, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
    "gets": gets,
    "creates": creates,
    "fill": fill,
    "lists": lists,
    "paced": paced,
    "watch": watch,
}


async def obey(order: dict[str, Any]) -> dict[str, Any]:
    return await DOES[order["do"]](Place(**order["place"]), order)


def main() -> None:
    gc.disable()
    found = uvloop.run(obey(json.loads(sys.stdin.readline())))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**found, "cpu": usage.ru_utime + usage.ru_stime}))


if __name__ == "__main__":
    main()
