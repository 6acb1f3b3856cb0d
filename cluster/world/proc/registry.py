"""The supervisor's books: hosts, seats, machines, addresses, boot numbers; and the tree's own configuration.

Must not start, end or talk to anything.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.addresses import machine_ip
from cluster.errors import UsageError
from cluster.world.proc.buskeys import SEATS, KeyFolder
from cluster.world.proc.control import FrameProtocol
from cluster.world.proc.journal import MAX_BYTES
from cluster.world.proc.layout import Layout

FIRST_PORT = 7001
"""Ports that nobody named are counted up from here, on each machine's own address."""


@dataclass(frozen=True, slots=True)
class ProcConfig:
    """What `launch` takes. Whatever is left out is made up by rule."""

    preload: tuple[str, ...] = ()
    """Modules that the fork server imports, so that its children need not."""
    machines: Mapping[str, str] = field(default_factory=dict)
    """machine -> IP address. Else master-i 127.S.0.(1+i), worker-i 127.S.1.(1+i), any other 127.S.15.n."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """host -> TCP port of its bus socket; else the first that is free from 7001."""
    places: Mapping[str, str] = field(default_factory=dict)
    """host -> machine, for those in `ports`: then `launch` sees that a port is in use before it starts anything."""
    subnet: int = 77
    seed: str = ""
    """Of every host's dice; "" draws one."""
    journal: str = "messages"
    """off | events | messages"""
    journal_bytes: int = MAX_BYTES
    sync_in_thread: bool = False
    curve: bool = False
    """The bus is encrypted, and nobody is heard without a key of this tree's list."""
    drifting: bool = False
    """Processes live on a slower loop, whose time can be bent (`World.drift`)."""


@dataclass(slots=True)
class Record:
    """One host that was started and not removed, or one seat that was joined and not left."""

    name: str
    machine: str
    ip: str
    port: int
    target: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    seat: bool = False
    key: bytes = b""
    """Its public key on the bus."""
    boot: int = 0
    state: str = "dead"
    """starting | running | stopped | dead (killed on purpose) | exited"""
    pid: int = 0
    since: float = 0.0
    """World time of the last change of state."""
    ending: str = ""
    """How its last boot ended, when nobody killed it: "exit 1", "signal 11"."""
    unheard: Mapping[str, int] = field(default_factory=dict)
    """Who knocked at this boot of it in vain, as last reported: "who: why" -> how often."""
    killed: bool = False
    failure: str = ""
    member: Member | None = None
    ready: asyncio.Future[None] | None = None
    gone: asyncio.Future[None] | None = None

    @property
    def lives(self) -> bool:
        return self.state in ("starting", "running", "stopped")

    def entry(self) -> list[Any]:
        """Its row in the table of peers (`network.PeerAddress`)."""
        return [self.machine, self.ip, self.port, self.key]


class Member:
    """The supervisor's end of one control socket: what was sent, what was acknowledged."""

    def __init__(self, record: Record, protocol: FrameProtocol) -> None:
        self.record = record
        self.protocol = protocol
        self.acked = 0
        self.evidence: dict[str, list[int]] = {}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def acknowledged(self, version: int) -> asyncio.Future[None]:
        """Done when it has obeyed `version`, or need not any more (`release`)."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.acked >= version:
            future.set_result(None)
        else:
            self._waiting.append((version, future))
        return future

    def heard(self, version: int) -> None:
        self.acked = max(self.acked, version)
        self._settle(self.acked)

    def release(self) -> None:
        """It stands still, or has ended: nobody waits for it any more."""
        self._settle(1 << 62)

    def _settle(self, version: int) -> None:
        for wanted, future in self._waiting:
            if wanted <= version and not future.done():
                future.set_result(None)
        self._waiting = [(w, f) for w, f in self._waiting if not f.done()]


class Registry:
    """Who is there, and where."""

    def __init__(self, layout: Layout, config: ProcConfig) -> None:
        self.records: dict[str, Record] = {}
        self.machines: dict[str, str] = dict(config.machines)
        self._layout = layout
        self._config = config
        self._extra = 0
        self._keys = KeyFolder(layout.bus_keys) if config.curve else None

    def add(self, name: str, machine: str, *, seat: bool = False) -> Record:
        """A new record with an address of its own. UsageError when the name is taken or cannot be one."""
        if not re.fullmatch(r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,99})", name):
            raise UsageError(f"{name!r} is not a host's name", remedy="letters, digits, dots and dashes")
        if name in self.records:
            raise UsageError(f"there is a host {name!r} already", status=1)
        ip = self.address(machine)
        record = Record(name, machine, ip, self._port(name, ip), seat=seat)
        if self._keys is not None:
            record.key = self._keys.ensure(_holder(record)).public
        self.records[name] = record
        return record

    def key_file(self, record: Record) -> str:
        """Where its key pair is; "" where the bus is not encrypted."""
        return str(self._keys.path(_holder(record))) if self._keys is not None else ""

    def forget(self, name: str) -> Record:
        """A host that will not come back, and its key with it: another of its name is another one."""
        record = self.records.pop(name)
        if self._keys is not None and name != SEATS:
            self._keys.forget(name)
        return record

    def get(self, name: str, *, seat: bool = False) -> Record:
        record = self.records.get(name)
        if record is None or record.seat != seat:
            known = ", ".join(r.name for r in self.sorted(seat=seat)) or "none is there"
            raise UsageError(f"no {'seat' if seat else 'host'} {name!r}", remedy=f"one of: {known}")
        return record

    def sorted(self, *, seat: bool = False) -> list[Record]:
        return [self.records[name] for name in sorted(self.records) if self.records[name].seat == seat]

    def on_machine(self, machine: str) -> list[Record]:
        """Its hosts. UsageError for a machine that has none."""
        found = [record for record in self.sorted() if record.machine == machine]
        if not found:
            known = ", ".join(sorted({record.machine for record in self.sorted()})) or "none is there"
            raise UsageError(f"no machine {machine!r}", remedy=f"one of: {known}")
        return found

    def members(self) -> Iterator[Member]:
        for record in self.records.values():
            if record.member is not None:
                yield record.member

    def table(self) -> dict[str, list[Any]]:
        return {r.name: r.entry() for r in self.records.values()}

    def next_boot(self, name: str) -> int:
        """Counts on over `down` and `up` and removal: an answer to an earlier life never matches."""
        path = self._layout.boots(name)
        try:
            boot = int(path.read_text()) + 1
        except (FileNotFoundError, ValueError):
            boot = 1
        path.write_text(str(boot))
        return boot

    def address(self, machine: str) -> str:
        """The machine's IP address; a new machine gets one."""
        ip = self.machines.get(machine)
        if ip is None:
            ip = self.machines[machine] = self._new_address(machine)
        return ip

    def _new_address(self, machine: str) -> str:
        self._extra += 1
        return default_address(machine, self._config.subnet, self._extra)

    def _port(self, name: str, ip: str) -> int:
        if name in self._config.ports:
            return self._config.ports[name]
        taken = {r.port for r in self.records.values() if r.ip == ip} | set(self._config.ports.values())
        port = FIRST_PORT
        while port in taken or not is_free(ip, port):
            port += 1
            if port > 65535:
                raise UsageError("no port is free", place=ip, status=1)
        return port


def _holder(record: Record) -> str:
    return SEATS if record.seat else record.name


def is_free(ip: str, port: int) -> bool:
    """Can a socket be bound there now?"""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((ip, port))
        except OSError:
            return False
    return True


def settle(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def default_address(machine: str, subnet: int, n: int = 1) -> str:
    """master-i and worker-i by rule, any other machine the n-th of a range of its own."""
    if sys.platform != "linux":  # others have only 127.0.0.1 without set-up; ports keep machines apart
        return "127.0.0.1"
    try:
        return machine_ip(subnet, machine)
    except UsageError:
        return f"127.{subnet}.15.{n}"
