"""port-forward: what clients say about connections, in both protocols, on one side; ports of a pod on the other.

Shell without sockets. Must not know SPDY's frames (`spdy`) or the kubelet's requests (`podports`).

    SPDY/3.1+portforward.k8s.io   kubectl: a SPDY connection; two streams for each TCP connection, "error" and "data",
                                  with headers streamtype, port and requestid
    v4.channel.k8s.io, v5         Python's clients: ?ports=80,90; port i has channels 2i (data) and 2i + 1 (error), and
                                  each of them begins with the port, two bytes, little-endian

Text on an error stream says why there is no connection. Source: Kubernetes, KEP-4006 and the kubelet's portforward.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cluster.api.meta import name_of, namespace_of
from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest import channels, spdy
from cluster.apiserver.rest.flows import Client, Raw
from cluster.apiserver.rest.podlogs import kubelet_of
from cluster.apiserver.rest.podports import PodPort
from cluster.errors import StatusError
from cluster.rpc import Rpc

SPDY = "SPDY/3.1+portforward.k8s.io"
PROTOCOLS = (SPDY, channels.V5, channels.V4, "")
MOST_PORTS = 64
CHUNK = 32 * 1024
"""Bytes of one frame of data."""


class Ports:
    """Makes connections to ports of one pod."""

    def __init__(self, rpc: Rpc, pod: dict[str, Any], prefix: str) -> None:
        """`prefix`: of the connections' names. BadRequest for a pod without a node."""
        self._rpc = rpc
        self._kubelet = kubelet_of(pod)
        self._place = {"namespace": namespace_of(pod), "pod": name_of(pod)}
        self._prefix = prefix
        self._number = 0

    def open(self, port: int) -> PodPort:
        self._number += 1
        return PodPort(self._rpc, self._kubelet, {**self._place, "port": port}, f"{self._prefix}.{self._number}")


def ports_of(values: Sequence[str]) -> list[int]:
    """Of the query's `ports`, repeated or with commas. BadRequest."""
    words = [word for value in values for word in value.split(",") if word]
    if not words:
        raise bad_request("query parameter 'ports' is required")
    if len(words) > MOST_PORTS:
        raise bad_request(f"at most {MOST_PORTS} ports")
    return [port_of(word) for word in words]


def port_of(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 65535):
        raise bad_request(f"unable to parse {text[:32]!r} as a port")
    return int(text)


# ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────


class ByChannels:
    """One connection for each port that was asked for, for as long as the WebSocket is there."""

    def __init__(self, ports: Ports, numbers: Sequence[int]) -> None:
        self._numbers = numbers
        self._pods = [ports.open(number) for number in numbers]

    async def run(self, client: Client) -> None:
        for i, number in enumerate(self._numbers):
            for channel in (2 * i, 2 * i + 1):
                await client.send(channel, number.to_bytes(2, "little"))
        hearing = asyncio.ensure_future(self._hear(client))
        speaking = [asyncio.ensure_future(self._speak(client, i)) for i in range(len(self._pods))]
        try:
            everything = asyncio.gather(*speaking, return_exceptions=True)
            await asyncio.wait((hearing, everything), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end_all([hearing, *speaking])

    async def _hear(self, client: Client) -> None:
        while (message := await client.receive()) is not None:
            channel, data = message
            if channel == channels.CLOSE and data and data[0] % 2 == 0 and data[0] // 2 < len(self._pods):
                self._pods[data[0] // 2].end()
            elif channel % 2 == 0 and channel // 2 < len(self._pods) and data:
                await self._pods[channel // 2].write(data)

    async def _speak(self, client: Client, i: int) -> None:
        async def deliver(data: bytes) -> None:
            if data:
                await client.send(2 * i, data)
            else:  # there is no half-closing in this protocol: who is told nothing more has nothing more to say
                self._pods[i].end()

        try:
            await self._pods[i].run(deliver)
        except StatusError as error:
            await client.send(2 * i + 1, error.message.encode())


# ── SPDY ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Pair:
    """The streams of one TCP connection; 0: not there yet."""

    port: int
    error: int = 0
    data: int = 0
    pod: PodPort | None = None
    task: asyncio.Task[None] | None = None


class BySpdy:
    """As many connections as the client likes, over one SPDY connection."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._session = spdy.Session()
        self._pairs: dict[str, _Pair] = {}
        """By request id."""
        self._owners: dict[int, _Pair] = {}
        """By stream."""
        self._credit = asyncio.Event()
        self._send: Callable[[bytes], Awaitable[None]] = _nowhere

    async def run(self, raw: Raw) -> None:
        self._send = raw.send
        try:
            while (data := await raw.receive()) is not None:
                for event in self._session.feed(data):
                    await self._happened(event)
                self._credit.set()
                await self._flush()
        except StatusError:
            return  # it is not SPDY: there is nothing that could be said
        finally:
            await _end_all([pair.task for pair in self._pairs.values() if pair.task is not None])

    async def _happened(self, event: spdy.Event) -> None:
        if isinstance(event, spdy.Opened):
            self._opened(event)
            return
        pair = self._owners.get(event.stream)
        if pair is None or event.stream != pair.data:
            return
        if isinstance(event, spdy.Reset):
            if pair.task is not None:
                pair.task.cancel()
            return
        if pair.pod is not None:
            if event.data:
                await self._flush()
                await pair.pod.write(event.data)
                self._session.took(event.stream, len(event.data))
            if event.fin:
                pair.pod.end()

    def _opened(self, event: spdy.Opened) -> None:
        """A data stream whose error stream is there begins the connection."""
        headers, session = event.headers, self._session
        kind, id = headers.get("streamtype", ""), headers.get("requestid", "")
        try:
            port = port_of(headers.get("port", ""))
        except StatusError:
            port = 0
        pair = self._pairs.setdefault(id, _Pair(port))
        if not port or kind not in ("error", "data") or getattr(pair, kind) or (kind == "data" and not pair.error):
            session.reset(event.stream, spdy.REFUSED_STREAM)
            if not pair.error:
                self._pairs.pop(id, None)
            return
        setattr(pair, kind, event.stream)
        self._owners[event.stream] = pair
        session.reply(event.stream)
        if kind == "data":
            pair.pod = self._ports.open(port)
            if event.fin:
                pair.pod.end()
            pair.task = asyncio.ensure_future(self._carry(id, pair, pair.pod))

    async def _carry(self, id: str, pair: _Pair, pod: PodPort) -> None:
        """Both streams end with it, however it ends; an error goes first, on its own stream."""
        session = self._session
        try:
            await pod.run(lambda data: self._deliver(pair.data, data))
        except StatusError as error:
            session.send(pair.error, error.message.encode(), fin=True)
            session.reset(pair.data)
        except asyncio.CancelledError:
            session.reset(pair.data)
            raise
        finally:
            session.send(pair.error, b"", fin=True)
            for stream in (pair.error, pair.data):
                self._owners.pop(stream, None)
            self._pairs.pop(id, None)
            with suppress(ConnectionError):
                await self._flush()

    async def _deliver(self, stream: int, data: bytes) -> None:
        session = self._session
        if not data:
            session.send(stream, b"", fin=True)
        for start in range(0, len(data), CHUNK):
            part = data[start : start + CHUNK]
            while session.lives(stream) and session.room(stream) < len(part):
                self._credit.clear()
                await self._credit.wait()
            session.send(stream, part)
        await self._flush()

    async def _flush(self) -> None:
        data = self._session.output()
        if data:
            await self._send(data)


async def _nowhere(data: bytes) -> None:
    return None


async def _end_all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, StatusError, ConnectionError):
            await task
