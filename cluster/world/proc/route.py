"""The way to one peer on the bus: its DEALER, and what waits until it is connected.

Must not know rules: what comes here is to be sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import zmq

from cluster.world.faults import Link
from cluster.world.proc.network import PeerAddress

if TYPE_CHECKING:
    from cluster.world.proc.bus import ZmqBus

QUEUE = 1000
"""Messages that a peer's socket holds (high-water mark), and that may wait for a connection or for `listen`."""
HOLD = 0.2
"""Seconds that a message waits for a peer to connect; then it is lost."""
RECONNECT = (10, 100)
"""First and longest wait between attempts to connect, in ms."""
NOBLOCK = int(zmq.NOBLOCK)

Waiting = tuple[bytes, str, int]
"""A frame with its kind and id, for the journal."""


class Route:
    """The way to one peer: its DEALER, and what waits until it is connected."""

    __slots__ = ("_bus", "_fd", "_loop", "_push", "_shut", "_sock", "_timer", "_waiting", "link", "peer")

    def __init__(self, bus: ZmqBus, peer: PeerAddress, link: Link) -> None:
        self.peer = peer
        self.link = link
        self._bus = bus
        self._loop = bus.loop
        self._shut = False
        self._waiting: deque[Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        sock = self._sock = bus.context.socket(zmq.DEALER)
        sock.setsockopt(zmq.LINGER, 0)
        sock.setsockopt(zmq.SNDHWM, QUEUE)
        sock.setsockopt(zmq.RCVHWM, 1)
        sock.setsockopt(zmq.IMMEDIATE, 1)
        sock.setsockopt(zmq.RECONNECT_IVL, RECONNECT[0])
        sock.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT[1])
        source = ""
        if bus.keys is not None:
            sock.setsockopt(zmq.CURVE_SERVERKEY, peer.key)
            sock.setsockopt(zmq.CURVE_PUBLICKEY, bus.keys.public)
            sock.setsockopt(zmq.CURVE_SECRETKEY, bus.keys.secret)
            source = f"{bus.ip}:0;"  # from its machine's own address: who fails to greet is named by it (gate.py)
        sock.connect(f"tcp://{source}{peer.ip}:{peer.port}")
        self._fd = int(sock.getsockopt(zmq.FD))
        # Past pyzmq's Python wrapper, which costs as much again as the sending.
        self._push: Callable[[bytes, int], Any] = zmq.backend.Socket.send.__get__(sock)

    def send(self, frame: bytes, kind: str, id: int) -> None:
        if self._shut:
            self._bus.lost(kind, self.link.dst, id, "no such host")
            return
        if self._waiting:
            self._hold(frame, kind, id)
            return
        try:
            self._push(frame, NOBLOCK)
        except zmq.Again:
            self._hold(frame, kind, id)

    def _hold(self, frame: bytes, kind: str, id: int) -> None:
        if len(self._waiting) >= QUEUE:
            self._bus.lost(kind, self.link.dst, id, "queue is full")
            return
        self._waiting.append((frame, kind, id))
        if self._timer is None:
            self._timer = self._loop.call_later(HOLD, self._give_up)
            self._loop.add_reader(self._fd, self._flush)
            self._loop.call_soon(self._flush)  # the edge may have passed already

    def _flush(self) -> None:
        if self._timer is None:
            return
        while self._waiting:
            if not self._sock.getsockopt(zmq.EVENTS) & zmq.POLLOUT:
                return
            try:
                self._push(self._waiting[0][0], NOBLOCK)
            except zmq.Again:
                return
            self._waiting.popleft()
        self._disarm()

    def _give_up(self) -> None:
        for _, kind, id in self._waiting:
            self._bus.lost(kind, self.link.dst, id, "host is down")
        self._waiting.clear()
        self._disarm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._loop.remove_reader(self._fd)

    def close(self, linger: int = 0) -> None:
        """`linger`: milliseconds that what was sent may still take to leave."""
        self._shut = True
        self._disarm()
        self._waiting.clear()
        self._sock.close(linger)
