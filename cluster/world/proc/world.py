"""ProcWorld: everything that a scenario, a test or `launch.py` may do to a running tree of processes.

Must not start the tree (`launch.py`) nor know components.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from cluster.errors import UsageError
from cluster.world.faults import Rule, to_data
from cluster.world.host import Address, Host
from cluster.world.journal import Record, latest_peer
from cluster.world.proc.control import ControlClient, ask, error_from, frame
from cluster.world.proc.gate import Gate
from cluster.world.proc.host import Seated, build
from cluster.world.proc.journal import GATHER, read_all, read_one
from cluster.world.proc.layout import Layout
from cluster.world.proc.network import Network
from cluster.world.ruleset import Count
from cluster.world.scenario import Spec, Standing

STATES: Mapping[str, Literal["running", "paused", "down"]] = {
    "starting": "running",
    "running": "running",
    "stopped": "paused",
}


class ProcWorld:
    """`cluster.world.scenario.World` on a tree that is up. What is awaited belongs to the loop that first awaited.

    world = await ProcWorld.connect(directory); ...; await world.close()
    """

    def __init__(self, directory: Path | str) -> None:
        self.layout = Layout.of(directory)
        self._client: ControlClient | None = None
        self._gate: Gate | None = None
        self._seats: dict[Address, Seated] = {}
        self._epoch: float | None = None

    @classmethod
    async def connect(cls, directory: Path | str) -> ProcWorld:
        """UsageError when no tree is up in `directory`."""
        world = cls(directory)
        await world.call("ping")
        return world

    async def close(self) -> None:
        """Give back the seats and the connection; the tree goes on."""
        for name in list(self._seats):
            await self.leave(name)
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._gate is not None:
            self._gate.close()
            self._gate = None

    async def call(self, op: str, **fields: Any) -> Any:
        """Any operation of `service.py`."""
        if self._client is None:
            self._client = await ControlClient.open(self.layout.control)
        return await self._client.call(op, **fields)

    # ── World ────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self, name: Address, machine: str, spec: Spec) -> None:
        """Returns when its bus is bound. Start many at once with asyncio.gather."""
        await self.call("start", name=name, machine=machine, target=spec.target, config=dict(spec.config))

    async def crash(self, name: Address, *, lose_unsynced: bool = False) -> None:
        """What was not synced is lost in any case: it never left the process."""
        await self.call("crash", name=name)

    async def restart(self, name: Address, *, wipe: bool = False) -> None:
        await self.call("restart", name=name, wipe=wipe)

    async def remove(self, name: Address) -> None:
        await self.call("remove", name=name)

    async def pause(self, name: Address) -> None:
        await self.call("pause", name=name)

    async def resume(self, name: Address) -> None:
        await self.call("resume", name=name)

    async def poweroff(self, machine: str) -> None:
        """Crash all hosts of a machine, and end its containers."""
        await self.call("poweroff", machine=machine)

    async def poweron(self, machine: str) -> None:
        await self.call("poweron", machine=machine)

    async def skew(self, machine: str, *, offset: float = 0.0, rate: float = 1.0) -> None:
        await self.call("skew", machine=machine, offset=offset, rate=rate)

    async def drift(self, machine: str, rate: float) -> None:
        """Needs a tree with `ProcConfig.drifting`: its processes live on a loop whose time can be bent."""
        await self.call("drift", machine=machine, rate=rate)

    async def fault(self, rule: Rule, *, lasting: float = 0.0) -> str:
        return (await self.faults([rule], lasting=lasting))[0]

    async def faults(self, rules: Sequence[Rule], *, lasting: float = 0.0) -> list[str]:
        """Install several at once: one round for all of them. Their ids."""
        if lasting:
            rules = [replace(rule, expires=self.time() + lasting) for rule in rules]
        answer = await self.call("fault", rules=[to_data(rule) for rule in rules])
        ids: list[str] = answer["ids"]
        return ids

    async def heal(self, rule_id: str | None = None) -> None:
        await self.call("heal", id=rule_id)

    async def join(self, name: Address, machine: str) -> Host:
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(sock, str(self.layout.control))
            await loop.sock_sendall(sock, frame({"op": "join", "req": 1, "name": name, "machine": machine}))
            network = Network(sock, on_end=lambda: self._supervisor_gone(name))
            answer = await network.first_async()
            if "error" in answer:
                raise error_from(answer["error"])
            if self._gate is None:
                self._gate = Gate()
            seated = build(network, answer["ok"], self._gate)
        except BaseException:
            sock.close()
            raise
        self._seats[name] = seated
        return seated.host

    async def leave(self, name: Address) -> None:
        seated = self._seats.pop(name, None)
        if seated is None:
            raise UsageError(f"no seat {name!r} here", remedy=f"one of: {', '.join(sorted(self._seats)) or 'none'}")
        seated.close()
        try:
            await self.call("leave", name=name)
        except UsageError:  # the tree has gone: there is no seat any more
            if self.layout.is_up():
                raise

    def _supervisor_gone(self, name: Address) -> None:
        seated = self._seats.get(name)
        if seated is not None:
            seated.bus.close()

    async def census(self) -> Mapping[Address, Standing]:
        hosts = await self.call("hosts")
        return {n: Standing(h["machine"], STATES.get(h["state"], "down"), h["boot"]) for n, h in sorted(hosts.items())}

    async def ended(self, name: Address) -> None:
        await self.call("ended", name=name)

    async def evidence(self) -> Mapping[str, Sequence[Count]]:
        found = await self.call("evidence")
        return {rule: [(row[0], row[1], row[2], row[3]) for row in rows] for rule, rows in found.items()}

    async def latest_peer(self, name: Address, pattern: str) -> Address:
        status = await self.call("status")
        if status["config"]["journal"] != "messages":
            raise UsageError(f"whom {name} talks to is not in its journal", remedy="a cluster with journal: messages")
        await asyncio.sleep(2 * GATHER)
        boot = (await self.census())[name].boot
        return latest_peer(read_one(self.layout.journal(name, boot)), pattern)

    async def journal(self) -> Sequence[Record]:
        """Every process writes down what it still holds first."""
        await self.call("status")
        await asyncio.sleep(2 * GATHER)
        return list(read_all(self.layout))

    def hosts(self) -> Sequence[Address]:
        return sorted(ask(self.layout.control, "hosts"))

    def running(self, name: Address) -> bool:
        hosts = ask(self.layout.control, "hosts")
        if name not in hosts:
            raise UsageError(f"no host {name!r}", remedy=f"one of: {', '.join(sorted(hosts))}")
        return hosts[name]["state"] in ("starting", "running", "stopped")

    def time(self) -> float:
        if self._epoch is None:
            self._epoch = float(ask(self.layout.control, "ping")["epoch"])
        return time.monotonic() + self._epoch

    # ── more than a scenario needs ───────────────────────────────────────────────────────────────────────────

    async def status(self) -> Mapping[str, Any]:
        """Shape: `service.Service._status`; hosts by name with pid, boot, state, since, rss; rules with evidence."""
        answer: Mapping[str, Any] = await self.call("status")
        return answer

    async def address(self, machine: str) -> str:
        """The machine's IP address; a machine that is not known yet gets one."""
        return str((await self.call("address", machine=machine))["ip"])

    async def events(self, after: int = 0, timeout: float = 0.0) -> tuple[list[Mapping[str, Any]], int]:
        """What happened to hosts after event number `after`, waiting up to `timeout` seconds for the first; and the
        number to go on from."""
        answer = await self.call("wait-events", after=after, timeout=timeout)
        return answer["events"], answer["last"]
