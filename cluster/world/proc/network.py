"""What one process knows of the network: who is where, which rules hold, how its clock is off; kept by the supervisor.

Must not send or receive messages of the bus. Directives come over the control socket, which no fault touches:

    {op: rules, version, lamport, rules: [rule, ...]}      all that are in force (faults.to_data)
    {op: peers, version, lamport, set: {name: [machine, ip, port, key]}, gone: [name, ...]}
    {op: skew,  version, lamport, machine, skew: [offset, rate, since]}
    {op: drift, version, lamport, machine, rate}
    {op: poll,  version, lamport}                          answer, no more
    and each is answered by {op: ack, version, lamport, evidence: {rule: [[src, dst, hit, passed], ...]},
      unheard: {"who: why": how often}}                    only if there is any

`version` also stands in a page of shared memory, raised before a directive is sent. The bus compares it before each
send and each delivery and reads the control socket when it has changed: a process that stood still (SIGSTOP), in
the middle of a batch even, obeys new rules with the first message after.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.world.faults import Link, from_data
from cluster.world.proc.bentloop import BentLoop
from cluster.world.proc.control import FrameReader, Message, frame
from cluster.world.proc.zap import KeyList
from cluster.world.ruleset import Count, RuleSet

EVIDENCE_EVERY = 0.5
"""Seconds between reports of what rules hit, while there are any: what a SIGKILL may lose."""


@dataclass(frozen=True, slots=True)
class PeerAddress:
    machine: str
    ip: str
    port: int
    key: bytes = b""
    """32 bytes; none where the bus is not encrypted."""

    @property
    def endpoint(self) -> str:
        return f"tcp://{self.ip}:{self.port}"


class WorldTime:
    """The world's time: wall time when the tree came up, plus seconds that never jump; the same in every process."""

    def __init__(self, epoch: float) -> None:
        self.epoch = epoch

    @staticmethod
    def new_epoch() -> float:
        return time.time() - time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() + self.epoch


class VersionPage:
    """One counter in memory that all processes of the tree share (a mapped file)."""

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(fd, mmap.PAGESIZE)
        finally:
            os.close(fd)
        self.cell = memoryview(self._map).cast("Q")

    def raise_to(self, version: int) -> None:
        self.cell[0] = version


class Network:
    """`refresh()` reads waiting directives at once; `attach(loop)` makes them be read as they come."""

    def __init__(self, sock: socket.socket, on_end: Callable[[], None]) -> None:
        """`on_end` is called when the supervisor has gone."""
        self.name = self.machine = ""
        self.peers: dict[str, PeerAddress] = {}
        self.keys = KeyList()
        self.unheard: Mapping[str, int] = {}
        """Who knocked here in vain (gate.py)."""
        self.rules = RuleSet()
        self.skew = (0.0, 1.0, 0.0)
        self.bent: BentLoop | None = None
        """The loop of this process, if it is one whose time can be bent."""
        self.version = 0
        self.lamport = 0
        """The latest Lamport time seen here; the bus keeps it going."""
        self.time = WorldTime(0.0)
        self.cell = memoryview(bytearray(8)).cast("Q")
        self._sock = sock
        self._on_end = on_end
        self._reader = FrameReader()
        self._waiting: list[Message] = []
        self._on_rules: list[Callable[[], None]] = []
        self._on_peers: list[Callable[[str], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._reporting: asyncio.TimerHandle | None = None
        self._reported: dict[str, list[Count]] = {}
        self._ended = False

    # ── becoming part of the world ───────────────────────────────────────────────────────────────────────────

    def first(self) -> Message:
        """Block until the first message (a child's orders). SystemExit when the supervisor has gone."""
        self._sock.setblocking(True)
        while not self._waiting:
            data = self._sock.recv(1 << 16)
            if not data:
                raise SystemExit(1)
            self._waiting += self._reader.feed(data)
        return self._waiting.pop(0)

    async def first_async(self) -> Message:
        """The same without blocking the loop. ConnectionError when the supervisor has gone."""
        loop = asyncio.get_running_loop()
        self._sock.setblocking(False)
        while not self._waiting:
            data = await loop.sock_recv(self._sock, 1 << 16)
            if not data:
                raise ConnectionError("the supervisor ended")
            self._waiting += self._reader.feed(data)
        return self._waiting.pop(0)

    def become(self, orders: Mapping[str, Any]) -> None:
        """Take name, machine, table, rules and skew from `orders` (see `supervisor.Supervisor.orders`)."""
        self.name, self.machine = orders["name"], orders["machine"]
        self.time = WorldTime(orders["epoch"])
        self.cell = VersionPage(Path(orders["page"])).cell
        self.lamport = orders["lamport"]
        self._apply({"op": "peers", "set": orders["peers"], "gone": []})
        self.skew = tuple(orders["skew"])
        self.version = orders["version"]
        self._rules(orders["rules"])

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._sock.setblocking(False)
        loop.add_reader(self._sock.fileno(), self.refresh)
        self._rules_changed()
        self.refresh()

    def close(self) -> None:
        if self._loop is not None and not self._ended:
            self._loop.remove_reader(self._sock.fileno())
        self._ended = True
        for timer in (self._expiry, self._reporting):
            if timer is not None:
                timer.cancel()
        self._sock.close()

    # ── directives ───────────────────────────────────────────────────────────────────────────────────────────

    def refresh(self) -> None:
        """Apply every directive that has arrived."""
        while not self._ended:
            try:
                data = self._sock.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._end()
                return
            self._waiting += self._reader.feed(data)
        while self._waiting:
            message = self._waiting.pop(0)
            self._apply(message)
            self.version = message["version"]
            self.lamport = max(self.lamport, message["lamport"])
            self._send_ack()

    def _end(self) -> None:
        self._ended = True
        if self._loop is not None:
            self._loop.remove_reader(self._sock.fileno())
        self._on_end()

    def tell(self, message: Message) -> None:
        """Say something to the supervisor; lost when it does not read."""
        try:
            self._sock.sendall(frame(message))
        except (BlockingIOError, OSError):
            return

    def _send_ack(self) -> None:
        """With the evidence that has changed since the last one."""
        counts = self.rules.counts()
        changed = {id: rows for id, rows in counts.items() if rows and self._reported.get(id) != rows}
        self._reported = counts
        message = {"op": "ack", "version": self.version, "lamport": self.lamport, "evidence": changed}
        if self.unheard:
            message["unheard"] = self.unheard
        self.tell(message)

    def _apply(self, message: Message) -> None:
        op = message["op"]
        if op == "rules":
            self._rules(message["rules"])
        elif op == "peers":
            for name, entry in message["set"].items():
                peer = self.peers[name] = PeerAddress(*entry)
                self.keys.set(name, peer.key)
                self._peer_changed(name)
            for name in message["gone"]:
                self.peers.pop(name, None)
                self.keys.drop(name)
                self._peer_changed(name)
        elif op == "skew" and message["machine"] == self.machine:
            self.skew = tuple(message["skew"])
        elif op == "drift" and message["machine"] == self.machine and self.bent is not None:
            self.bent.set_rate(message["rate"])

    def _peer_changed(self, name: str) -> None:
        for callback in self._on_peers:
            callback(name)

    def on_peers(self, callback: Callable[[str], None]) -> None:
        """Call back with a name whose address is new, other, or gone."""
        self._on_peers.append(callback)

    def knows(self, ip: str) -> bool:
        """Does a host or a seat have this address?"""
        return any(peer.ip == ip for peer in self.peers.values())

    # ── rules ────────────────────────────────────────────────────────────────────────────────────────────────

    def _rules(self, data: list[Message]) -> None:
        wanted = {item["id"]: from_data(item) for item in data}
        have = {rule.id: rule for rule in self.rules.rules}
        for id in have:
            if id not in wanted:
                self.rules.heal(id)
        for id, rule in wanted.items():
            if have.get(id) != rule:
                self.rules.install(rule)
        self._rules_changed()

    def on_rules(self, callback: Callable[[], None]) -> None:
        self._on_rules.append(callback)

    def _rules_changed(self) -> None:
        if self._loop is None:
            return
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        ends = [rule.expires for rule in self.rules.rules if rule.expires]
        if ends:
            wait = max(0.0, min(ends) - self.time())
            self._expiry = self._loop.call_later(wait, self._expire)
        if self.rules.rules and self._reporting is None:
            self._reporting = self._loop.call_later(EVIDENCE_EVERY, self._report)
        for callback in self._on_rules:
            callback()

    def _expire(self) -> None:
        self._expiry = None
        self.rules.expire(self.time())
        self._rules_changed()

    def say_evidence(self) -> None:
        """At once: this process is about to end."""
        self._send_ack()

    def _report(self) -> None:
        self._reporting = None
        if self.rules.counts() != self._reported:
            self._send_ack()
        if self.rules.rules and self._loop is not None:
            self._reporting = self._loop.call_later(EVIDENCE_EVERY, self._report)

    def connected(self, machine: str) -> bool:
        """Do bytes flow between this machine and `machine`, both ways?"""
        mine = self.machine
        if machine == mine or not self.rules.rules:
            return True
        now = self.time()
        out = self.rules.cut(Link("", mine, "", machine), "tcp.data", now)
        return not out and not self.rules.cut(Link("", machine, "", mine), "tcp.data", now)
