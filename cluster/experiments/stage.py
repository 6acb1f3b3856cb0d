"""What one run stands on: its world, its cluster, its book, its dice, and the seats from which it asks.

Must not know what a scenario does with them. One seed decides all draws: each user of chance has dice of its own, with
a name, so that a draw more in one place changes nothing in another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from cluster.client.client import Client
from cluster.config import PROFILES, ClusterSpec
from cluster.errors import UsageError
from cluster.experiments.book import Book
from cluster.rpc import Rpc
from cluster.scenario.model import Scenario
from cluster.topology import Folders, apiservers, members, store_machines, workers
from cluster.world.host import Address, Host
from cluster.world.scenario import Spec, Standing, World
from store.engines import Store, engine

OBSERVER = "observer"
"""Machine and host of the run's own eyes: outside of the cluster, named by no fault."""
CLIENTS = "clients"
"""The machine of clients that sit nowhere in particular; named by no fault either."""
PATIENCE = 5.0
"""Seconds for one answer to the run's own questions to an apiserver."""


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a run takes place. `name`: the world's. `spec`: of a cluster that is up already (then nothing is booted);
    None: one is made from the scenario's shape. `folders`: of real kubelets. `subnet`: of its addresses. `schedule`:
    how long messages take in the sim (cluster/world/sim/schedule.py)."""

    name: str = "sim"
    spec: ClusterSpec | None = None
    folders: Folders | None = None
    subnet: int = 77
    replay: str = ""
    began: str = ""
    """Wall time, ISO 8601."""
    schedule: str = ""


SIM = Venue()


def cluster_spec(scenario: Scenario, venue: Venue) -> ClusterSpec:
    """UsageError for a shape that no cluster can have."""
    shape = scenario.shape
    if shape.profile not in PROFILES:
        remedy = f"one of {', '.join(PROFILES)}"
        raise UsageError(f"unknown profile {shape.profile!r}", place=scenario.place, remedy=remedy)
    try:
        return ClusterSpec(
            masters=shape.masters,
            workers=0 if shape.only == "store" else shape.workers,
            engine=shape.engine,
            profile=shape.profile,
            runtime="process" if venue.folders is not None else "simulated",
            timing=PROFILES[shape.profile],
            zones=shape.zones,
            subnet=venue.subnet,
        )
    except UsageError as error:
        raise UsageError(error.args[0], place=scenario.place, remedy=error.remedy) from None


@dataclass(slots=True)
class Stage:
    world: World
    scenario: Scenario
    spec: ClusterSpec
    venue: Venue
    seed: int
    book: Book
    deadline: float = 0.0
    """World time at which every rule ends by itself, whatever becomes of this process."""
    before: dict[Address, str] = field(default_factory=dict)
    """How the hosts of a cluster that was up already were then."""
    bent: dict[str, None] = field(default_factory=dict)
    """Machines whose clocks were touched."""
    workers: dict[str, None] = field(default_factory=dict)
    """Worker machines that there are by now."""
    workers_ever: dict[str, None] = field(default_factory=dict)
    _seats: dict[Address, Rpc] = field(default_factory=dict)
    _member: int = -1
    _store: Store | None = None
    _client: Client | None = None

    def dice(self, name: str) -> Random:
        return Random(f"{self.seed}/{name}")

    @property
    def whole(self) -> bool:
        """Is it a whole cluster, or the store alone?"""
        return self.scenario.shape.only == "cluster"

    @property
    def members(self) -> tuple[Address, ...]:
        """The store's, as they are by now."""
        return members(self.spec)

    def store_options(self, base: Spec) -> Spec:
        """What a member runs, with the scenario's options and the notes that reports are made from."""
        if self.spec.engine != "raft":
            return base
        return Spec(base.target, {**base.config, "trace": TRACE, **self.scenario.shape.options})

    def __post_init__(self) -> None:
        for machine in workers(self.spec):
            self.came(machine)

    def came(self, worker: str) -> None:
        self.workers[worker] = self.workers_ever[worker] = None

    def went(self, worker: str) -> None:
        self.workers.pop(worker, None)

    def next_member(self) -> int:
        """Of store-N, a number that no member has had."""
        self._member = max(self._member, *(int(name.rpartition("-")[2]) for name in self.members)) + 1
        return self._member

    def joined(self, member: Address, machine: str) -> None:
        self.spec = replace(self.spec, stores={**store_machines(self.spec), member: machine})

    def left(self, member: Address) -> None:
        self.spec = replace(self.spec, stores={n: m for n, m in store_machines(self.spec).items() if n != member})

    # ── seats ────────────────────────────────────────────────────────────────────────────────────────────────

    async def seat(self, name: Address, machine: str) -> Rpc:
        """A seat of that name, taken once."""
        if name not in self._seats:
            host = await self.world.join(name, machine)
            self._seats[name] = Rpc(host, keepalive=self.spec.timing.watch_keepalive)
        return self._seats[name]

    async def host(self, name: Address, machine: str) -> Host:
        return (await self.seat(name, machine)).host

    def store_client(self, rpc: Rpc, prefer: Address | None = None, timeout: float = 1.0) -> Store:
        return engine(self.spec.engine, self.spec.etcd).client(rpc, self.members, prefer, timeout)

    def api_client(self, rpc: Rpc, servers: tuple[Address, ...] = (), timeout: float = PATIENCE) -> Client:
        return Client(rpc, servers or apiservers(self.spec), timeout=timeout, user=rpc.host.name)

    async def store(self) -> Store:
        """The observer's own."""
        if self._store is None:
            self._store = self.store_client(await self.seat(OBSERVER, OBSERVER))
        return self._store

    async def client(self) -> Client:
        """The observer's own. UsageError where there is no apiserver to ask."""
        if not self.whole:
            raise UsageError(
                "there are no apiservers in a cluster of the store alone", remedy="cluster: {only: cluster}"
            )
        if self._client is None:
            self._client = self.api_client(await self.seat(OBSERVER, OBSERVER))
        return self._client

    async def machines(self) -> dict[str, dict[Address, Standing]]:
        """Machine: its hosts, of those that there are now."""
        found: dict[str, dict[Address, Standing]] = {}
        for name, standing in (await self.world.census()).items():
            found.setdefault(standing.machine, {})[name] = standing
        return found

    async def close(self) -> None:
        """Give all seats back."""
        for name in list(self._seats):
            del self._seats[name]
            await self.world.leave(name)


TRACE = 0.1
"""Seconds between two notes of where a member's log stands."""


async def gently(*works: Any) -> None:
    """All of these, to their ends, whatever any of them raises; then the first error."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
