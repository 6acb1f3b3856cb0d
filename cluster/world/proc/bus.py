"""The bus on ZeroMQ: a ROUTER for what comes in, a DEALER per peer for what goes out, driven through ZMQ_FD.

Must not know what is said. Rules act on the sending side; a partition is enforced on the receiving side too.

The traps of ZMQ_FD: it signals edges (commands, not messages), so a socket is drained until EAGAIN, and whoever stops
early must come back by itself. `getsockopt(EVENTS)` and a failed `recv` process commands; a failed `send` may not.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import zmq

from cluster.errors import UsageError
from cluster.wire import MAX_FRAME, WireError, decode, encode
from cluster.world.faults import Corrupt, Link
from cluster.world.host import Address, Envelope, Receiver
from cluster.world.journal import DELIVER, DROP, SEND
from cluster.world.proc.buskeys import KeyPair
from cluster.world.proc.gate import OVERHEAD, Gate, Guard
from cluster.world.proc.journal import Journal
from cluster.world.proc.network import Network, PeerAddress
from cluster.world.proc.route import NOBLOCK, QUEUE, Route

BATCH = 1000
"""Deliveries in one turn of the loop."""
SEND_EVERY = 64
"""What deliveries made their receiver send goes out after so many of them."""
MAX_LAMPORT = 1 << 62
EVENTS, POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)
KILL_LINGER = 300
"""Milliseconds that what a host sent before it kills itself may take to leave; a peer that is up takes far less."""


@dataclass(frozen=True, slots=True)
class BusOptions:
    """`seed` decides the dice of the rules. With `keys` all sockets are encrypted, and only who has a key of the
    cluster's list is heard."""

    name: Address
    boot: int
    seed: str
    keys: KeyPair | None = None


class ZmqBus:
    """`cluster.world.host.Bus`. UsageError when the address cannot be bound."""

    def __init__(self, gate: Gate, options: BusOptions, network: Network, journal: Journal) -> None:
        self.context = gate.context
        self.loop = asyncio.get_running_loop()
        self.keys = options.keys
        self.ip = network.peers[options.name].ip
        self.counts: dict[str, int] = {}
        """Frames refused, by reason."""
        self._gate = gate
        self._guard: Guard | None = None
        self._name = options.name
        self._boot = options.boot
        self._ids = options.boot << 32
        self._dice = Random(f"{options.seed}/network/{options.name}/{options.boot}")
        self._network = network
        self._journal = journal
        self._routes: dict[Address, Route] = {}
        self._links_in: dict[Address, Link] = {}
        self._receiver: Receiver | None = None
        self._early: deque[Envelope] = deque(maxlen=QUEUE)
        self._closed = False
        self._ending = False
        """The end of this turn is on its way: what is posted or deferred waits for it."""
        self._deferred: deque[Callable[[], None]] = deque()
        self._posted: list[tuple[Route, bytes, str, int]] = []
        self._router = self._bind(network.peers[options.name])
        self._pull: Callable[[int], bytes] = zmq.backend.Socket.recv.__get__(self._router)
        self._get: Callable[[int], int] = zmq.backend.Socket.get.__get__(self._router)
        self._fd = int(self._router.getsockopt(zmq.FD))
        self.loop.add_reader(self._fd, self._drain)
        self.loop.call_soon(self._drain)
        network.on_peers(self._peer_changed)

    def _bind(self, me: PeerAddress) -> zmq.Socket[bytes]:
        sock: zmq.Socket[bytes] = self.context.socket(zmq.ROUTER)
        sock.setsockopt(zmq.LINGER, 0)
        sock.setsockopt(zmq.RCVHWM, QUEUE)
        sock.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME + (OVERHEAD if self.keys else 0))
        if self.keys is not None:
            self._guard = self._gate.guard(sock, self.keys, self._network, self.note)
        try:
            sock.bind(me.endpoint)
        except zmq.ZMQError as error:
            self._unbind(sock)
            remedy = f"end the process that has it, or choose another port for {self._name}"
            raise UsageError(str(error), place=f"{me.ip}:{me.port}", remedy=remedy, status=1) from None
        return sock

    def _unbind(self, sock: zmq.Socket[bytes]) -> None:
        if self._guard is not None:
            self._guard.close()
        sock.close(0)

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, dst: Address, kind: str, body: Any, *, corr: int = 0, timeout: float = 0.0) -> int:
        network, journal = self._network, self._journal
        lamport = network.lamport + 1
        id = self._ids + 1
        frame = encode(kind, self._name, dst, self._boot, id, corr, timeout, lamport, body)
        self._ids, network.lamport = id, lamport
        if self._closed:
            return id
        if journal.messages:
            journal.add((network.time(), lamport, self._name, self._boot, SEND, kind, dst, id, corr, len(frame)))
        if network.cell[0] != network.version:
            network.refresh()
        route = self._routes.get(dst)
        if route is None:
            route = self._open(dst)
        if route is None or len(frame) > MAX_FRAME:
            self.lost(kind, dst, id, "too large" if route else "no such host")
        elif network.rules.rules:
            self._judge(route, frame, kind, id)
        elif dst == self._name:
            self.loop.call_soon(self._receive, frame)
        else:
            self._post(route, frame, kind, id)
        return id

    def _post(self, route: Route, frame: bytes, kind: str, id: int) -> None:
        """Sent together at the end of this turn, or of this batch of deliveries: one by one, each would wake the
        socket's thread, and go out as a packet of its own."""
        if not self._ending:
            self._ending = True
            self.loop.call_soon(self._end_turn)
        self._posted.append((route, frame, kind, id))

    def defer(self, callback: Callable[[], None]) -> None:
        if not self._ending:
            self._ending = True
            self.loop.call_soon(self._end_turn)
        self._deferred.append(callback)

    def flush(self) -> None:
        posted, self._posted = self._posted, []
        for route, frame, kind, id in posted:
            route.send(frame, kind, id)

    def _end_turn(self) -> None:
        """What is deferred by what was deferred still belongs to this turn."""
        self._ending = True
        try:
            while self._deferred:
                self._deferred.popleft()()
        finally:
            self._ending = False
            self.flush()

    def _judge(self, route: Route, frame: bytes, kind: str, id: int) -> None:
        rules = self._network.rules
        verdict = rules.verdict(route.link, kind, len(frame), self._network.time(), self._dice)
        if not verdict.deliveries:
            self.lost(kind, route.link.dst, id, verdict.rule)
            if any(isinstance(rule, Corrupt) and rule.id == verdict.rule for rule in rules.rules):
                # The damaged byte is the frame's first, so that no receiver can take it for a good frame.
                self._dispatch(route, bytes((frame[0] ^ 0xFF,)) + frame[1:], kind, id)
        for delay in verdict.deliveries:
            if delay > 0:
                self.loop.call_later(delay, self._dispatch, route, frame, kind, id)
            else:
                self._dispatch(route, frame, kind, id)
        if verdict.kill:
            self._die(verdict.kill)

    def _die(self, rule: str) -> None:
        """SIGKILL to itself, once all that was sent is with the kernel: that is what the end of the context waits
        for."""
        self.note("crash", {"rule": rule})
        self._journal.flush()
        self._network.say_evidence()
        self.flush()
        for route in self._routes.values():
            route.close(linger=KILL_LINGER)
        self._unbind(self._router)
        with suppress(zmq.ZMQError):
            self._gate.close()
        os.kill(os.getpid(), signal.SIGKILL)

    def _dispatch(self, route: Route, frame: bytes, kind: str, id: int) -> None:
        if self._closed:
            return
        if route.link.dst == self._name:
            self.loop.call_soon(self._receive, frame)
        elif self._routes.get(route.link.dst) is route:
            self._post(route, frame, kind, id)
        else:
            self.lost(kind, route.link.dst, id, "no such host")

    def _open(self, dst: Address) -> Route | None:
        peer = self._network.peers.get(dst)
        if peer is None:
            return None
        route = Route(self, peer, Link(self._name, self._network.machine, dst, peer.machine))
        self._routes[dst] = route
        return route

    def _peer_changed(self, name: Address) -> None:
        self._links_in.pop(name, None)
        route = self._routes.get(name)
        if route is not None and route.peer != self._network.peers.get(name):
            del self._routes[name]
            route.close()

    def lost(self, kind: str, peer: Address, id: int, why: str) -> None:
        """Record that a message was dropped, by rule or by circumstance."""
        if self._journal.messages:
            network = self._network
            self._journal.add((network.time(), network.lamport, self._name, self._boot, DROP, kind, peer, id, why))

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────

    def listen(self, receiver: Receiver) -> None:
        self._receiver = receiver
        while self._early:
            receiver(self._early.popleft())

    def _drain(self) -> None:
        """Take what has arrived; come back when there may be more, whatever happens."""
        if self._closed:
            return
        recv, receive, flags = self._pull, self._receive, NOBLOCK
        more = True
        self._ending = True
        try:
            for n in range(1, BATCH + 1):
                recv(flags)  # the sender's identity
                receive(recv(flags))
                if n == 1 and not self._closed and not self._get(EVENTS) & POLLIN:
                    more = False  # often there is just one, and asking costs a third of being told by an exception
                    break
                if n % SEND_EVERY == 0:
                    self.flush()
        except zmq.Again:
            more = False
        finally:
            self._end_turn()
            if more:
                self.loop.call_soon(self._drain)

    def _receive(self, frame: bytes) -> None:
        network = self._network
        if network.cell[0] != network.version:
            network.refresh()
        if self._closed:
            return
        try:
            envelope = decode(frame)
            if envelope.lamport > MAX_LAMPORT:
                raise WireError("a Lamport time that no run reaches")
        except WireError as error:
            self._refuse("malformed", str(error))
            self._resynchronise()
            return
        src = envelope.src
        if envelope.dst != self._name:
            self._refuse("misdirected", f"{envelope.kind} from {src} to {envelope.dst}")
            return
        link = self._links_in.get(src)
        if link is None:
            peer = network.peers.get(src)
            if peer is None:
                self._refuse("unknown sender", f"{envelope.kind} from {src}")
                return
            link = self._links_in[src] = Link(src, peer.machine, self._name, network.machine)
        if network.rules.rules:
            rule = network.rules.cut(link, envelope.kind, network.time(), count=True)
            if rule:
                self.lost(envelope.kind, src, envelope.id, rule)
                return
        lamport = network.lamport = max(network.lamport, envelope.lamport) + 1
        journal = self._journal
        if journal.messages:
            head = (network.time(), lamport, self._name, self._boot)
            journal.add((*head, DELIVER, envelope.kind, src, envelope.boot, envelope.id))
        if self._receiver is not None:
            self._receiver(envelope)
        else:
            self._early.append(envelope)

    def _resynchronise(self) -> None:
        """A message of more parts than two leaves parts behind that would be taken for the next message."""
        while self._router.getsockopt(zmq.RCVMORE):
            self._router.recv(NOBLOCK)

    def _refuse(self, reason: str, detail: str) -> None:
        """Count; the first of its kind also goes into the journal."""
        count = self.counts[reason] = self.counts.get(reason, 0) + 1
        if count == 1:
            self.note("bad-frame", {"reason": reason, "detail": detail[:200]})

    def note(self, event: str, data: dict[str, Any]) -> None:
        network = self._network
        network.lamport += 1
        self._journal.note((network.time(), network.lamport, self._name, self._boot), event, data)

    def close(self) -> None:
        """Give address and sockets back; nothing is sent or delivered any more."""
        if self._closed:
            return
        self._closed = True
        self.loop.remove_reader(self._fd)
        for route in self._routes.values():
            route.close()
        self._routes.clear()
        self._unbind(self._router)
