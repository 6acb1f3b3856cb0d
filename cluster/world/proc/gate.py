"""The sockets of one process and who may be heard on them: CURVE, ZeroMQ's questions about keys, word of who failed.

Must not decide who is known (`zap.py`) nor what a failure means (`greetings.py`). No thread: all of it is on the loop.
Without keys a `Gate` is a context and no more.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import zmq
from zmq.utils import z85

from cluster.world.proc import greetings
from cluster.world.proc.buskeys import KeyPair
from cluster.world.proc.greetings import Greetings
from cluster.world.proc.network import Network
from cluster.world.proc.strangers import Strangers
from cluster.world.proc.zap import Knock, Verdict, judge, parse

AGAIN = 0.01
"""Seconds until those who wait for a newer list are looked at again."""
PATIENCE = 30.0
"""Seconds that they wait: ZeroMQ itself ends a greeting then."""
BATCH = 100
"""Questions or events in one turn of the loop."""
OVERHEAD = 64
"""Bytes that encryption may add to a frame."""
TOLD = int(
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
EARLY = (greetings.GONE, greetings.SILENT)
EVENT = struct.Struct("=HI")

Tell = Callable[[str, dict[str, Any]], None]


class Gate:
    """One for all hosts or seats of a process; used on one loop."""

    def __init__(self) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.numbers = count(1)
        self._zap: zmq.Socket[bytes] | None = None
        self._fd = -1
        self._guards: dict[str, Guard] = {}
        self.waiting: list[tuple[float, Knock]] = []
        """Who is not answered yet, and until when (loop's time)."""
        self._timer: asyncio.TimerHandle | None = None

    def guard(self, router: zmq.Socket[bytes], keys: KeyPair, network: Network, tell: Tell) -> Guard:
        """From now on `router`, not yet bound, hears only who is in the network's list of keys."""
        if self._zap is None:
            self._open()
        guard = self._guards[network.name] = Guard(self, router, network, tell)
        router.setsockopt(zmq.CURVE_SERVER, 1)
        router.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
        router.setsockopt(zmq.ZAP_DOMAIN, network.name.encode())
        router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        return guard

    def dismiss(self, guard: Guard) -> None:
        if self._guards.get(guard.name) is guard:
            del self._guards[guard.name]

    def _open(self) -> None:
        zap = self._zap = self.context.socket(zmq.ROUTER)
        zap.setsockopt(zmq.LINGER, 0)
        zap.bind("inproc://zeromq.zap.01")
        self._fd = int(zap.getsockopt(zmq.FD))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, self._asked)
        loop.call_soon(self._asked)

    def _asked(self) -> None:
        if self._zap is None:
            return
        with suppress(zmq.Again):
            for _ in range(BATCH):
                knock = parse(self._zap.recv_multipart(zmq.NOBLOCK))
                if knock is not None:
                    self._judge(asyncio.get_running_loop().time() + PATIENCE, knock)
            asyncio.get_running_loop().call_soon(self._asked)

    def _judge(self, end: float, knock: Knock) -> None:
        guard = self._guards.get(knock.domain)
        verdict = Verdict.STRANGER if guard is None else guard.judge(knock)
        if verdict is not Verdict.WAIT:
            assert self._zap is not None
            with suppress(zmq.Again):
                self._zap.send_multipart(knock.answer(verdict), zmq.NOBLOCK)
            return
        self.waiting.append((end, knock))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(AGAIN, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        waiting, self.waiting = self.waiting, []
        now = asyncio.get_running_loop().time()
        for end, knock in waiting:
            if now < end:
                self._judge(end, knock)
        self._asked()  # sending may have taken the edge

    def close(self) -> None:
        """When all sockets of it are closed; waits for what lingers."""
        if self._timer is not None:
            self._timer.cancel()
        if self._zap is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._zap.close(0)
            self._zap = None
        self.context.term()


class Guard:
    """Of one socket."""

    def __init__(self, gate: Gate, router: zmq.Socket[bytes], network: Network, tell: Tell) -> None:
        self.name = network.name
        self._gate = gate
        self._router = router
        self._network = network
        self._tell = tell
        self._strangers = Strangers()
        network.unheard = self._strangers.counts
        self._greetings = Greetings()
        self._closed = False
        where = f"inproc://greetings.{next(gate.numbers)}"
        router.monitor(where, TOLD)
        mon: zmq.Socket[bytes] = gate.context.socket(zmq.PAIR)
        self._monitor = mon
        mon.setsockopt(zmq.LINGER, 0)
        mon.setsockopt(zmq.RCVHWM, 0)  # ZeroMQ's thread would stand still while this is full
        mon.connect(where)
        self._fd = int(mon.getsockopt(zmq.FD))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, self._told)
        loop.call_soon(self._told)

    def judge(self, knock: Knock) -> Verdict:
        network = self._network
        if network.cell[0] != network.version:
            network.refresh()
        verdict = judge(knock.key, network.keys, behind=network.cell[0] != network.version)
        if verdict is Verdict.STRANGER:
            key = z85.encode(knock.key).decode()
            self._unheard(f"{knock.address} with key {key}", "it is not a key of this cluster")
        return verdict

    def _told(self) -> None:
        if self._closed:
            return
        with suppress(zmq.Again):
            for _ in range(BATCH):
                event, value = EVENT.unpack(self._monitor.recv_multipart(zmq.NOBLOCK)[0])
                self._happened(event, value)
            asyncio.get_running_loop().call_soon(self._told)

    def _happened(self, event: int, value: int) -> None:
        book = self._greetings
        if event == zmq.EVENT_ACCEPTED:
            book.accepted(value, _peer(value))
        elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            book.succeeded()
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            book.failed("")  # `judge` has told
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            book.failed(greetings.why_protocol(value))
        elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            book.failed(greetings.why_undetailed(value))
        elif event == zmq.EVENT_DISCONNECTED:
            found = book.ended(value)
            if found is not None and not (found[1] in EARLY and self._is_ours(found[0])):
                self._unheard(*found)

    def _is_ours(self, ip: str) -> bool:
        """Our own die or stand still while they greet, and lose patience with one that stands still; they come from
        their machines' addresses (route.py)."""
        return ip == greetings.NOBODY or self._network.knows(ip)

    def _unheard(self, who: str, why: str) -> None:
        if self._strangers.saw(who, why):
            self._tell("unheard", {"from": who, "why": why})

    def close(self) -> None:
        """Before its socket is closed."""
        if self._closed:
            return
        self._closed = True
        self._gate.dismiss(self)
        asyncio.get_running_loop().remove_reader(self._fd)
        self._router.disable_monitor()
        self._monitor.close(0)


def _peer(fd: int) -> str:
    """The IP address at the other end; NOBODY when it has gone already."""
    try:
        with socket.fromfd(fd, socket.AF_INET, socket.SOCK_STREAM) as sock:
            return str(sock.getpeername()[0])
    except OSError:
        return greetings.NOBODY
