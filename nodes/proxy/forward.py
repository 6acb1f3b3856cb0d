"""Forwarding TCP connections by the table's rules. Real by nature: it opens sockets and dials.

Must not choose endpoints (the balancer does) nor watch anything. Every worker's proxy serves the same ClusterIPs on
one kernel, so listeners share their port (SO_REUSEPORT) and the kernel deals connections out among the proxies.

A rule without endpoints has no listener, so that the kernel itself refuses. A connection to an endpoint on a machine
that the network is cut from hangs until the cut heals or `DIAL_SECONDS` are over; one that exists when the cut comes
is reset. Connections to endpoints that left the table run to their end, as with kube-proxy.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any, cast

from cluster.world.host import Host
from nodes.network.ports import here
from nodes.proxy.balance import Balancer
from nodes.proxy.table import Endpoint, Key, Rule

DIAL_SECONDS = 20.0
RETRY_SECONDS = 2.0
"""After so long a port that could not be bound is tried again."""
BACKLOG = 512
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, no time: closing sends RST."""


class Forwarder:
    """`machine_of`: the machine of a Node's name. `node_ip`: connections to endpoints come from there."""

    def __init__(self, host: Host, balancer: Balancer, machine_of: Callable[[str], str], node_ip: str) -> None:
        self.links: dict[Link, None] = {}
        self._host = host
        self._balancer = balancer
        self._machine_of = machine_of
        self._node_ip = node_ip
        self._rules: dict[Key, Rule] = {}
        self._acceptors: dict[Key, _Acceptor] = {}
        self._retry: asyncio.TimerHandle | None = None
        self._healed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        host.links.on_change(self._links_changed)

    def apply(self, rules: Mapping[Key, Rule]) -> None:
        """Serve exactly these rules from now on."""
        self._rules = {key: rule for key, rule in rules.items() if key.protocol == "TCP"}
        for key in [key for key in self._acceptors if not self._serves(key)]:
            self._acceptors.pop(key).close()
        failed = False
        for key in self._rules:
            if self._serves(key) and key not in self._acceptors:
                failed = not self._listen(key) or failed
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if failed:
            self._retry = self._loop.call_later(RETRY_SECONDS, lambda: self.apply(self._rules))

    def close(self) -> None:
        """Stop listening and reset every connection."""
        self.apply({})
        for link in list(self.links):
            link.reset()

    def rule(self, key: Key) -> Rule | None:
        return self._rules.get(key)

    def pick(self, key: Key, client_ip: str) -> Endpoint | None:
        rule = self._rules.get(key)
        return None if rule is None else self._balancer.pick(rule, client_ip, self._loop.time())

    def connected(self, endpoint: Endpoint) -> bool:
        return not endpoint.node or self._host.links.connected(self._machine_of(endpoint.node))

    async def dial(self, endpoint: Endpoint, link: Link) -> None:
        """Connect `link.back`. OSError as the network says; TimeoutError (one of them) after DIAL_SECONDS."""
        async with asyncio.timeout(DIAL_SECONDS):
            while not self.connected(endpoint):
                self._healed.clear()
                await self._healed.wait()
            await self._loop.create_connection(
                lambda: link.back, endpoint.ip, here(endpoint.port), local_addr=(self._node_ip, 0)
            )

    def _serves(self, key: Key) -> bool:
        return key in self._rules and bool(self._rules[key].endpoints)

    def _listen(self, key: Key) -> bool:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((key.ip, here(key.port)))
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            self._host.note("listen-failed", {"ip": key.ip, "port": key.port, "error": str(error)})
            return False
        self._acceptors[key] = _Acceptor(self._loop, listener, lambda: Link(self, key).front)
        return True

    def _links_changed(self) -> None:
        for link in list(self.links):
            if link.endpoint is not None and link.established and not self.connected(link.endpoint):
                link.reset()
        self._healed.set()


class _Acceptor:
    """Accepts on one socket. Not asyncio's Server: its `close` may take the connections along in newer Pythons, and
    making one is a coroutine, while rules are applied in one turn."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listener: socket.socket, make: Callable[[], asyncio.Protocol]
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._make = make
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._again: asyncio.TimerHandle | None = None
        loop.add_reader(listener, self._accept)

    def close(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # out of files, most likely: let some connections end first
                self._loop.remove_reader(self._listener)
                self._again = self._loop.call_later(RETRY_SECONDS, self._loop.add_reader, self._listener, self._accept)
                return
            client.setblocking(False)
            task = self._loop.create_task(self._take(client))
            self._tasks[task] = None
            task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _take(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, client)
        except OSError:
            client.close()  # it left before we came to it


class Link:
    """One forwarded connection: the client's side `front`, the endpoint's side `back`."""

    def __init__(self, forwarder: Forwarder, key: Key) -> None:
        self.front = _Side(self)
        self.back = _Side(self)
        self.front.other, self.back.other = self.back, self.front
        self.endpoint: Endpoint | None = None
        self.established = False
        self._forwarder = forwarder
        self._key = key
        self._dialling: asyncio.Task[None] | None = None

    def opened(self, side: _Side) -> None:
        if side is self.back:
            self.established = True
            self.front.hand_on_early()
            return
        self._forwarder.links[self] = None
        side.pause()
        peer = side.transport.get_extra_info("peername") if side.transport else None
        self.endpoint = self._forwarder.pick(self._key, peer[0] if peer else "")
        if self.endpoint is None:
            self.reset()
            return
        self._dialling = asyncio.get_running_loop().create_task(self._dial(self.endpoint))

    async def _dial(self, endpoint: Endpoint) -> None:
        try:
            await self._forwarder.dial(endpoint, self)
        except OSError:
            self.reset()
            return
        if self.front.transport is None or self.front.lost:
            self.reset()

    def closed(self, side: _Side, error: Exception | None) -> None:
        """One side is gone: what it has sent is still delivered, unless it was reset."""
        if error is not None or not self.established:
            self.reset()
        else:
            side.other.finish()
        if self.front.lost and (self.back.lost or not self.established):
            self._forwarder.links.pop(self, None)

    def reset(self) -> None:
        """Both sides get a RST, at once."""
        if self._dialling is not None and not self._dialling.done() and self._dialling is not asyncio.current_task():
            self._dialling.cancel()
        self.front.reset()
        self.back.reset()
        self._forwarder.links.pop(self, None)


class _Side(asyncio.Protocol):
    """One of the two transports; hands on what it gets and slows down when the other side is full."""

    other: _Side

    def __init__(self, link: Link) -> None:
        self.transport: asyncio.Transport | None = None
        self.ended = False
        """Its peer has said that it sends no more."""
        self._early: list[bytes] = []
        """What came before there was another side: uvloop starts to read whatever `connection_made` asked for."""
        self.lost = False
        self._link = link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._link.opened(self)

    def data_received(self, data: bytes) -> None:
        if self.other.transport is None:
            self._early.append(data)
            self.pause()
        else:
            self.other.transport.write(data)

    def hand_on_early(self) -> None:
        """The other side is there now."""
        for data in self._early:
            self.data_received(data)
        self._early.clear()
        if self.ended:
            self.other.end()
        else:
            self.resume()

    def eof_received(self) -> bool:
        self.ended = True
        self.other.end()
        return True  # half-closed: the other direction goes on

    def pause_writing(self) -> None:
        self.other.pause()

    def resume_writing(self) -> None:
        self.other.resume()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._link.closed(self, error)

    def pause(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def end(self) -> None:
        """No more data for this side's peer. When both directions have ended, the connection is over."""
        if self.transport is None or self.lost:
            return
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        if self.ended and self.other.ended:
            self.finish()
            self.other.finish()

    def finish(self) -> None:
        """Close once everything is written."""
        if self.transport is not None and not self.lost:
            self.transport.close()

    def reset(self) -> None:
        if self.transport is None or self.lost:
            return
        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            # A socket of our own on the same connection: uvloop's stand-in takes no options.
            with socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()
