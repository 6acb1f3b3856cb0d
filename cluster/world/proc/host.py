"""Builds the `Host` of one process or seat: clock with skew, links, bus, disk, notes.

Must not know the component that gets it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from cluster.world.apifaults import ApiRules
from cluster.world.diskfaults import DiskRules
from cluster.world.host import Host
from cluster.world.proc.bus import BusOptions, ZmqBus
from cluster.world.proc.buskeys import KeyPair
from cluster.world.proc.disk import ProcDisk
from cluster.world.proc.gate import Gate
from cluster.world.proc.journal import Journal
from cluster.world.proc.network import Network


class ProcClock:
    """Real time, bent by the machine's skew; `monotonic` is the loop's."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def now(self) -> float:
        now = self._network.time()
        offset, rate, since = self._network.skew
        return now + offset + (now - since) * (rate - 1.0)

    def monotonic(self) -> float:
        """Not what the loop keeps for a whole turn."""
        bent = self._network.bent
        return time.monotonic() if bent is None else bent.time()


class ProcLinks:
    def __init__(self, network: Network) -> None:
        self._network = network

    def connected(self, machine: str) -> bool:
        return self._network.connected(machine)

    def on_change(self, callback: Callable[[], None]) -> None:
        self._network.on_rules(callback)


@dataclass(slots=True)
class Seated:
    """A host and what must be closed when it gives its place back."""

    host: Host
    bus: ZmqBus
    disk: ProcDisk
    journal: Journal
    network: Network

    def close(self) -> None:
        self.bus.close()
        self.network.close()
        self.disk.close()
        self.journal.close()


def build(network: Network, orders: Mapping[str, Any], gate: Gate) -> Seated:
    """A host as the supervisor orders it (`supervisor.Supervisor.orders`); its loop must be running."""
    name, boot, seed = orders["name"], orders["boot"], orders["seed"]
    network.become(orders)
    where = orders["journal"]
    journal = Journal(Path(where["path"]), where["level"], where["cap"])
    keys = KeyPair.read(Path(orders["key"])) if orders.get("key") else None
    bus = ZmqBus(gate, BusOptions(name, boot, seed, keys), network, journal)
    network.attach(bus.loop)
    journal.attach(bus.loop)
    mine = (network.rules, name, orders["machine"], network.time)
    harms = DiskRules(*mine, Random(f"{seed}/disk/{name}/{boot}"))
    disk = ProcDisk(Path(orders["data"]), in_thread=orders["sync_in_thread"], rules=harms)

    def note(event: str, data: Mapping[str, Any]) -> None:
        bus.note(event, dict(data))

    host = Host(
        name=name,
        machine=orders["machine"],
        boot=boot,
        clock=ProcClock(network),
        rng=Random(f"{seed}/{name}/{boot}"),
        bus=bus,
        disk=disk,
        links=ProcLinks(network),
        note=note,
        faults=ApiRules(*mine, Random(f"{seed}/faults/{name}/{boot}")),
    )
    return Seated(host, bus, disk, journal, network)
