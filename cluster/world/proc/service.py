"""The supervisor's door: the requests on run/control.sock, and the life of the supervisor's process.

Must not do what is asked itself. Operations, each {op, req, ...} -> ok:

    configure {name, target, config} -> {}, for its next boot
    start {name, machine, target, config} -> {pid, boot}     crash | restart | remove | pause | resume {name} -> {}
    (restart {wipe}: with an empty disk)                     ended {name} -> {}, once it does not run
    poweroff | poweron {machine} -> {}                       skew {machine, offset, rate} -> {}
    drift {machine, rate} -> {}                              evidence {} -> {rule: [[src, dst, hit, passed], ...]}
    fault {rules: [data], for: seconds} -> {ids, silent}     heal {id: str | None} -> {healed, silent}
    join {name, machine} -> orders (this connection is the seat's control socket from now on)   leave {name} -> {}
    leash {end} -> {}: "down" or "heal" is done when this connection ends; "": nothing
    hosts {} -> {name: {machine, ip, port, state, boot}}     address {machine} -> {ip}
    status {} -> {hosts: {...}, seats, rules: [...], started, now, config, pid, ...}     ping {} -> {pid, time, epoch}
    wait-events {after: n, timeout} -> {events: [...], last: n}                          down {} -> {}
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from cluster.errors import UsageError
from cluster.wire import pack
from cluster.world.proc.control import FrameProtocol, Message, error_body
from cluster.world.proc.osprocess import call_me, resident_bytes
from cluster.world.proc.registry import Member, Record
from cluster.world.proc.supervisor import Setting, Supervisor

Handler = Callable[["Connection", Message], Awaitable[Any]]


class Connection:
    """One client of the control socket; it may become a seat."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.member: Member | None = None
        self.leash = ""
        self.protocol = FrameProtocol(self._receive, self._ended)

    def _receive(self, message: Message) -> None:
        if "req" in message:
            self.service.spawn(self._answer(message))
        elif self.member is not None:
            self.service.supervisor.heard(self.member, message)

    async def _answer(self, message: Message) -> None:
        try:
            handler = self.service.verbs.get(message.get("op", ""))
            if handler is None:
                raise UsageError(f"unknown operation {message.get('op')!r}")
            answer: Message = {"ok": await handler(self, message)}
            pack(answer)
        except UsageError as error:
            answer = {"error": error_body(error)}
        except (KeyError, TypeError, ValueError, OSError) as error:
            answer = {"error": error_body(error)}
        self.protocol.send({"req": message["req"], **answer})

    def _ended(self) -> None:
        if self.member is not None:
            self.service.spawn(self.service.supervisor.leave(self.member.record.name))
        if self.leash == "down":
            self.service.spawn(self.service.end())
        elif self.leash == "heal":
            self.service.spawn(self.service.supervisor.heal_all())


class Service:
    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.over = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        s = supervisor
        self.verbs: dict[str, Handler] = {
            "start": self._start,
            "configure": self._configure,
            "crash": lambda c, m: s.crash(m["name"]),
            "restart": lambda c, m: s.restart(m["name"], wipe=bool(m.get("wipe"))),
            "ended": lambda c, m: s.ended(m["name"]),
            "evidence": self._evidence,
            "drift": lambda c, m: s.faults.drift(m["machine"], float(m["rate"])),
            "leash": self._leash,
            "remove": lambda c, m: s.remove(m["name"]),
            "pause": lambda c, m: s.pause(m["name"]),
            "resume": lambda c, m: s.resume(m["name"]),
            "poweroff": lambda c, m: s.poweroff(m["machine"]),
            "poweron": lambda c, m: s.poweron(m["machine"]),
            "skew": lambda c, m: s.faults.skew(m["machine"], float(m["offset"]), float(m["rate"])),
            "fault": lambda c, m: s.faults.fault(m["rules"], float(m.get("for") or 0.0)),
            "heal": lambda c, m: s.faults.heal(m.get("id")),
            "join": self._join,
            "leave": lambda c, m: s.leave(m["name"]),
            "hosts": self._hosts,
            "address": self._address,
            "status": self._status,
            "ping": self._ping,
            "wait-events": self._wait_events,
            "down": self._down,
        }

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, connection: Connection, message: Message) -> Message:
        record = await self.supervisor.start(
            message["name"], message["machine"], message["target"], message.get("config") or {}
        )
        return {"pid": record.pid, "boot": record.boot}

    async def _configure(self, connection: Connection, message: Message) -> Message:
        record = self.supervisor.registry.get(message["name"])
        record.target, record.config = message["target"], message["config"]
        return {}

    async def _join(self, connection: Connection, message: Message) -> Message:
        if connection.member is not None:
            raise UsageError("this connection is a seat already")
        record, member = await self.supervisor.join(message["name"], message["machine"], connection.protocol)
        connection.member = member
        return self.supervisor.orders(record)

    async def _leash(self, connection: Connection, message: Message) -> Message:
        if message["end"] not in ("", "down", "heal"):
            raise UsageError(f"unknown end {message['end']!r}")
        connection.leash = message["end"]
        return {}

    async def _evidence(self, connection: Connection, message: Message) -> Any:
        """As of now: every process that runs says what it has counted."""
        await self.supervisor.directives.direct({"op": "poll"})
        return self.supervisor.directives.counts()

    async def _hosts(self, connection: Connection, message: Message) -> Message:
        return {
            r.name: {"machine": r.machine, "ip": r.ip, "port": r.port, "state": r.state, "boot": r.boot}
            for r in self.supervisor.registry.sorted()
        }

    async def _address(self, connection: Connection, message: Message) -> Message:
        return {"ip": self.supervisor.registry.address(message["machine"])}

    async def _ping(self, connection: Connection, message: Message) -> Message:
        s = self.supervisor
        return {"pid": os.getpid(), "fork_server": os.getppid(), "time": s.time(), "epoch": s.time.epoch}

    async def _status(self, connection: Connection, message: Message) -> Message:
        s = self.supervisor
        silent = await s.directives.direct({"op": "poll"})
        return {
            **await self._ping(connection, message),
            "started": s.started,
            "now": s.time(),
            "directory": str(s.layout.root),
            "hosts": {r.name: describe(r) for r in s.registry.sorted()},
            "seats": {r.name: {"machine": r.machine, "ip": r.ip, "port": r.port} for r in s.registry.sorted(seat=True)},
            "machines": {r.machine: r.ip for r in s.registry.sorted()},
            "skews": {machine: list(skew) for machine, skew in s.faults.skews.items()},
            "rules": [{**rule, **s.directives.evidence(rule["id"])} for rule in s.faults.data()],
            "silent": silent,
            "config": asdict(s.config),
        }

    async def _wait_events(self, connection: Connection, message: Message) -> Message:
        return await self.supervisor.chronicle.after(
            int(message.get("after") or 0), float(message.get("timeout") or 0.0)
        )

    async def _down(self, connection: Connection, message: Message) -> Message:
        await self.end()
        return {}

    async def end(self) -> None:
        """Of every process of the tree."""
        s = self.supervisor
        for record in s.registry.sorted():
            record.killed = True
        await s.fork.call("shutdown")
        s.chronicle.close()
        s.layout.clear()
        asyncio.get_running_loop().call_later(0.01, self.over.set)


def describe(record: Record) -> Message:
    """One host in `status`; `state` is running | starting | stopped | dead | "exit 1" | "signal 11"."""
    return {
        "name": record.name,
        "machine": record.machine,
        "pid": record.pid if record.lives else 0,
        "boot": record.boot,
        "state": record.ending if record.state == "exited" else record.state,
        "since": record.since,
        "rss": resident_bytes(record.pid) if record.lives else 0,
        "ip": record.ip,
        "port": record.port,
        "target": record.target,
        "unheard": dict(record.unheard),
    }


async def serve(setting: Setting, ready: Callable[[], None]) -> None:
    """The supervisor's life: listen, say so, go on until `down`."""
    call_me("supervisor")
    service = Service(Supervisor(setting))
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(str(setting.layout.control))
    finally:
        os.umask(mask)
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: Connection(service).protocol, sock=listener, backlog=256)
    ready()
    await service.over.wait()
    server.close()
