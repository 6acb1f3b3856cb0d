"""A cluster in the simulated world for one story of the zoo: booted, seen through by `Truth`, with seats for clients.

Must not know stories, nor judge: what it gives is a `cluster.history.run.Run`, which checks judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict
from random import Random
from typing import Any

from cluster.client.client import Client
from cluster.config import PROFILES, ClusterSpec
from cluster.errors import StatusError
from cluster.experiments.assembly import nodes_ready, seat
from cluster.history.record import Recorder
from cluster.history.run import Meta, Run
from cluster.rpc import Rpc
from cluster.topology import apiservers, masters, members, placements, workers
from cluster.world.faults import Partition, Rule
from cluster.world.journal import Record
from cluster.world.scenario import Spec
from cluster.world.sim import SimWorld
from store.client import StoreClient
from tests.zoo.truth import Truth

Object = dict[str, Any]
Act = Callable[[Any, Random], Coroutine[Any, Any, None]]


class Stage:
    """`admin`: a client that no fault names. Times of the run are the world's."""

    def __init__(self, world: SimWorld, story: str, seed: int, shape: Mapping[str, Any]) -> None:
        self.world = world
        self.spec = ClusterSpec(profile="fast", timing=PROFILES["fast"], runtime="simulated", **shape)
        self.history = Recorder()
        self.notes: list[Record] = []
        self.admin: Client
        self.truth: Truth
        self._story, self._seed = story, seed
        self._phases: dict[str, tuple[float, float]] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._keep_notes()

    def dice(self, name: str) -> Random:
        """Of its own, so that what one act draws does not change what another does."""
        return Random(f"{self._seed}/{self._story}/{name}")

    def _keep_notes(self) -> None:
        """Of the journal only what is no message: a story of a minute has a hundred thousand of those."""
        record = self.world.board.record

        def keep(entry: Record) -> None:
            if len(entry) == 6:
                self.notes.append(entry)
            record(entry)

        self.world.board.record = keep

    # ── before and after ─────────────────────────────────────────────────────────────────────────────────────

    async def boot(self) -> None:
        for placement in placements(self.spec):
            config = {**placement.spec.config, **({"trace": True} if placement.component == "apiserver" else {})}
            await self.world.start(placement.name, placement.machine, Spec(placement.spec.target, config))
        rpc = Rpc(await self.world.join("scout", "client"), keepalive=self.spec.timing.watch_keepalive)
        store = StoreClient(rpc, members(self.spec))
        self.truth = Truth(store, members(self.spec), self.world.time)
        self._tasks.append(asyncio.create_task(self.truth.run()))
        self.admin = await seat(self.world, self.spec, "admin")
        await nodes_ready(self.admin, workers(self.spec))
        self._phases["boot"] = (0.0, self.world.time())

    async def play(self, acts: Mapping[str, Act], seconds: float, settle: float) -> None:
        """All acts side by side for so long; then everything is mended, and has time to come to rest: those that
        only look on (`looks_on`) go on until then."""
        begun = self.world.time()
        tasks = {name: asyncio.create_task(act(self, self.dice(name))) for name, act in acts.items()}
        await asyncio.sleep(seconds)
        await self._end([task for name, task in tasks.items() if not getattr(acts[name], "stays", False)])
        mended = self.world.time()
        await self.mend()
        await asyncio.sleep(settle)
        await self._end([task for task in tasks.values() if not task.done()])
        self._phases |= {"timeline": (begun, mended), "settle": (mended, self.world.time())}

    async def _end(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, StatusError):
                raise result

    async def mend(self) -> None:
        await self.world.heal()
        for name, standing in (await self.world.census()).items():
            if standing.state == "paused":
                await self.world.resume(name)
            elif standing.state == "down":
                await self.world.restart(name)

    def run(self) -> Run:
        """What was recorded."""
        meta = Meta(
            scenario=self._story,
            title=self._story,
            world="sim",
            seed=self._seed,
            engine=self.spec.engine,
            seconds=self.world.time(),
            began="2026-01-01T00:00:00Z",
            replay=f"launch.py zoo --story {self._story} --seeds {self._seed}:{self._seed + 1}",
            machines={p.name: p.machine for p in placements(self.spec)},
            timing=asdict(self.spec.timing),
            phases=self._phases,
        )
        return Run(meta, "", self.history.history(), records=tuple(self.notes), events=tuple(self.truth.events))

    # ── for acts ─────────────────────────────────────────────────────────────────────────────────────────────

    async def seat(self, name: str, first: int = 0, machine: str = "client", timeout: float = 1.0) -> Client:
        """A client of its own that asks apiserver `first` first."""
        rpc = Rpc(await self.world.join(name, machine), keepalive=self.spec.timing.watch_keepalive)
        return Client(rpc, apiservers(self.spec, first), timeout=timeout, user=name)

    async def until(self, holds: Callable[[], bool], within: float) -> bool:
        """Whether it came to hold in that time, by the truth."""
        end = self.world.time() + within
        while not holds():
            if self.world.time() >= end:
                return False
            await asyncio.sleep(0.05)
        return True

    async def fault(self, rule: Rule, lasting: float) -> None:
        await self.world.fault(rule, lasting=lasting)

    async def cut(self, machine: str, lasting: float) -> None:
        """From all other machines of the cluster."""
        others = tuple(m for m in (*masters(self.spec), *workers(self.spec)) if m != machine)
        await self.fault(Partition(src=(machine,), dst=others), lasting)

    async def bounce(self, host: str, down: float) -> None:
        """Kill it, and boot it again after so long."""
        await self.world.crash(host)
        await asyncio.sleep(down)
        if not self.world.running(host):
            await self.world.restart(host)

    def leader(self, lease: str) -> str:
        """Who holds a Lease of kube-system, by the truth; "" for nobody."""
        found = self.truth.of("Lease").get(f"kube-system/{lease}") or {}
        return str((found.get("spec") or {}).get("holderIdentity") or "")


def looks_on(act: Act) -> Act:
    """Of an act that does nothing to the cluster."""
    act.stays = True  # type: ignore[attr-defined]
    return act


async def tried(work: Awaitable[Any]) -> Any:
    """What it answers, None if it was refused or nobody answered."""
    try:
        return await work
    except StatusError:
        return None
