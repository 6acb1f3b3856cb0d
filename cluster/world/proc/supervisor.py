"""The supervisor: starts, kills, stops and watches host processes, and gives seats to others.

Must not know components, nor who asks (`service.py`). It restarts nothing by itself: a death is reported.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cluster.errors import UsageError
from cluster.world.proc.chronicle import NAME, Chronicle
from cluster.world.proc.containers import kill_group
from cluster.world.proc.control import FrameProtocol, Message
from cluster.world.proc.directives import Directives, FaultDesk
from cluster.world.proc.forkclient import ForkClient
from cluster.world.proc.journal import Journal
from cluster.world.proc.layout import Layout
from cluster.world.proc.network import VersionPage, WorldTime
from cluster.world.proc.osprocess import is_stopped
from cluster.world.proc.registry import Member, ProcConfig, Record, Registry, settle


@dataclass(frozen=True, slots=True)
class Setting:
    """What the supervisor is given at its start."""

    layout: Layout
    config: ProcConfig
    link: socket.socket
    """Its end of the socketpair with the fork server."""


class Supervisor:
    def __init__(self, setting: Setting) -> None:
        self.layout = setting.layout
        self.config = setting.config
        self.registry = Registry(setting.layout, setting.config)
        self.time = WorldTime(WorldTime.new_epoch())
        self.started = self.time()
        self.fork = ForkClient(setting.link, self._fork_event, self._fork_server_gone)
        boot = self.registry.next_boot(NAME)
        journal = Journal(self.layout.journal(NAME, boot), self.config.journal, self.config.journal_bytes)
        journal.attach(asyncio.get_running_loop())
        self.chronicle = Chronicle(self.time, boot, journal)
        self.directives = Directives(self.registry, VersionPage(self.layout.page), self.chronicle)
        self.faults = FaultDesk(self.directives, self.chronicle, self.time, drifting=setting.config.drifting)
        self._seed = setting.config.seed or os.urandom(8).hex()
        self._containers: dict[str, int] = {}
        self._by_pid: dict[int, Record] = {}

    # ── hosts ────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self, name: str, machine: str, target: str, config: Mapping[str, Any]) -> Record:
        """Add a host and boot it; returns when its bus is bound. UsageError, and no host, when it fails."""
        record = self.registry.add(name, machine)
        record.target, record.config = target, config
        await self.boot(record)
        if record.failure:
            await self.remove(name)
            raise UsageError(record.failure, place=name, remedy=f"see {self.layout.log(name)}", status=1)
        return record

    async def boot(self, record: Record) -> None:
        """The next incarnation of a host that does not run."""
        loop = asyncio.get_running_loop()
        record.boot = self.registry.next_boot(record.name)
        record.killed, record.failure, record.ending = False, "", ""
        record.ready, record.gone = loop.create_future(), loop.create_future()
        self._change(record, "starting")
        # Before anything is awaited: hosts that are started at once then all stand in the first one's orders, and none
        # has to be told of the others.
        spread = self.directives.ship({"op": "peers", "set": self._entry(record), "gone": []})
        mine, its = socket.socketpair()
        protocol = FrameProtocol(lambda m: self.heard(member, m), lambda: member.release())
        member = Member(record, protocol)
        try:
            await loop.create_unix_connection(lambda: protocol, sock=mine)
            member.acked, record.member = self.directives.version, member
            protocol.send({**self.orders(record), "target": record.target, "config": dict(record.config)})
            log = str(self.layout.log(record.name))
            record.pid = (await self.fork.call("spawn", fds=(its.fileno(),), name=record.name, log=log))["pid"]
        finally:
            its.close()
        self._by_pid[record.pid] = record
        await record.ready
        await self.directives.acknowledged(spread)

    def orders(self, record: Record) -> Message:
        """What a process must know to be this host or seat; valid until the next directive."""
        return {
            "name": record.name,
            "machine": record.machine,
            "boot": record.boot,
            "epoch": self.time.epoch,
            "page": str(self.layout.page),
            "version": self.directives.version,
            "lamport": self.chronicle.lamport,
            "peers": self.registry.table(),
            "rules": self.faults.data(),
            "skew": self.faults.skew_of(record.machine),
            "drifting": self.config.drifting,
            "drift": self.faults.drifts.get(record.machine, 1.0),
            "seed": self._seed,
            "key": self.registry.key_file(record),
            "data": str(self.layout.data(record.name)),
            "journal": {
                "path": str(self.layout.journal(record.name, record.boot)),
                "level": self.config.journal,
                "cap": self.config.journal_bytes,
            },
            "sync_in_thread": self.config.sync_in_thread,
        }

    async def crash(self, name: str) -> None:
        """SIGKILL, and wait until it is reaped. One that does not run is left alone."""
        record = self.registry.get(name)
        if record.lives and record.gone is not None:
            record.killed = True
            await self._signal(record, signal.SIGKILL)
            await record.gone

    async def ended(self, name: str) -> None:
        record = self.registry.get(name)
        while record.lives and record.gone is not None:
            await asyncio.shield(record.gone)

    async def restart(self, name: str, *, wipe: bool = False) -> None:
        await self.crash(name)
        record = self.registry.get(name)
        if wipe:
            self._note(record, "wipe", {})
            shutil.rmtree(self.layout.data(name), ignore_errors=True)
        await self.boot(record)
        if record.failure:
            raise UsageError(record.failure, place=name, remedy=f"see {self.layout.log(name)}", status=1)

    async def remove(self, name: str) -> None:
        """Crash it; forget its address, and its disk."""
        await self.crash(name)
        record = self.registry.forget(name)
        self._note(record, "remove", {})
        shutil.rmtree(self.layout.data(name), ignore_errors=True)
        if all(other.machine != record.machine for other in self.registry.sorted()):
            await self.fork.call("poweroff", machine=record.machine, forget=True)
        await self.directives.direct({"op": "peers", "set": {}, "gone": [name]})

    async def pause(self, name: str) -> None:
        record = self.registry.get(name)
        if record.state not in ("running", "starting"):
            return
        await self._signal(record, signal.SIGSTOP)
        for _ in range(200):  # the signal is sent; its threads stop one by one
            if is_stopped(record.pid) or not record.lives or sys.platform != "linux":
                break
            await asyncio.sleep(0.0005)
        if record.lives:
            self._change(record, "stopped", "pause")
            if record.member is not None:
                record.member.release()

    async def resume(self, name: str) -> None:
        record = self.registry.get(name)
        if record.state == "stopped":
            self._change(record, "running", "resume")
            await self._signal(record, signal.SIGCONT)

    async def poweroff(self, machine: str) -> None:
        """SIGKILL to every host of the machine and to its containers."""
        records = self.registry.on_machine(machine)
        self.chronicle.tell("poweroff", {"machine": machine})
        await asyncio.gather(
            self.fork.call("poweroff", machine=machine, forget=False), *(self.crash(r.name) for r in records)
        )

    async def poweron(self, machine: str) -> None:
        """Boot every host of the machine that does not run."""
        self.chronicle.tell("poweron", {"machine": machine})
        down = [record for record in self.registry.on_machine(machine) if not record.lives]
        await asyncio.gather(*(self.restart(record.name) for record in down))

    async def heal_all(self) -> None:
        """No rule, no skew, nobody stopped or dead: for whoever did it and went away."""
        await self.faults.heal(None)
        for machine in list(self.faults.skews):
            await self.faults.skew(machine, 0.0, 1.0)
        for machine in list(self.faults.drifts):
            await self.faults.drift(machine, 1.0)
        for record in self.registry.sorted():
            if record.state == "stopped":
                await self.resume(record.name)
            elif not record.lives:
                await self.restart(record.name)

    async def _signal(self, record: Record, number: int) -> None:
        await self.fork.call("signal", pid=record.pid, signal=int(number))

    # ── seats ────────────────────────────────────────────────────────────────────────────────────────────────

    async def join(self, name: str, machine: str, protocol: FrameProtocol) -> tuple[Record, Member]:
        """Give the process behind `protocol` a seat. The caller sends the orders before it yields."""
        record = self.registry.add(name, machine, seat=True)
        record.boot = self.registry.next_boot(name)
        spread = self.directives.ship({"op": "peers", "set": self._entry(record), "gone": []})
        await self.directives.acknowledged(spread)
        record.member = Member(record, protocol)
        record.member.acked = self.directives.version
        self._change(record, "running", "join")
        return record, record.member

    async def leave(self, name: str) -> None:
        record = self.registry.records.get(name)
        if record is None or not record.seat:
            return
        del self.registry.records[name]
        if record.member is not None:
            record.member.release()
        shutil.rmtree(self.layout.data(name), ignore_errors=True)
        self._note(record, "leave", {})
        await self.directives.direct({"op": "peers", "set": {}, "gone": [name]})

    # ── what it hears ────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, member: Member, message: Message) -> None:
        """Something a process said on its control socket."""
        record = member.record
        op = message.get("op")
        if op == "ack":
            self.directives.heard(member, message)
        elif op == "running" and record.state == "starting":
            self._change(record, "running", "start")
            settle(record.ready)
        elif op == "failed":
            record.failure = str(message["error"])

    def _entry(self, record: Record) -> dict[str, list[Any]]:
        return {record.name: record.entry()}

    def _fork_event(self, event: Message) -> None:
        kind = event["event"]
        if kind == "exited":
            record = self._by_pid.pop(event["pid"], None)
            if record is not None:
                self._exited(record, event)
        elif kind == "container":
            self._containers[event["id"]] = event["pid"]
        elif kind == "container-exited":
            self._containers.pop(event["id"], None)

    def _exited(self, record: Record, event: Message) -> None:
        how = f"signal {event['signal']}" if event["signal"] else f"exit {event['code']}"
        data = {k: event[k] for k in ("code", "signal", "cpu", "maxrss")}
        if record.killed:
            self._change(record, "dead", "crash", data)
        else:
            record.ending = how
            self._change(record, "exited", "exited", data)
            record.failure = record.failure or f"it ended by itself ({how})"
            print(f"{record.name} (pid {record.pid}) ended by itself: {how}", file=sys.stderr, flush=True)
        if record.member is not None:
            record.member.release()
            record.member.protocol.close()
            record.member = None
        settle(record.ready)
        settle(record.gone)

    def _fork_server_gone(self) -> None:
        """The kernel kills its children; what containers started themselves is ours to kill."""
        for pid in self._containers.values():
            kill_group(pid)
        for pid in self._by_pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.layout.clear_all()
        os._exit(1)

    def _change(self, record: Record, state: str, event: str = "", data: Mapping[str, Any] | None = None) -> None:
        record.state, record.since = state, self.time()
        if event:
            self._note(record, event, {"pid": record.pid, **(data or {})})

    def _note(self, record: Record, event: str, data: Mapping[str, Any]) -> None:
        self.chronicle.write(record.name, record.boot, event, data)
