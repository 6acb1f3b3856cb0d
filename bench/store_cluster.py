"""Three members of one of our own engines as OS processes, and nothing else of the cluster; for `bench store`.

Must not measure: store_loaders.py does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.samples import Cell, Sample
from bench.store_loaders import LoadError, Loaders
from cluster.config import PROFILES, Timing
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.proc.launch import down, launch
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec
from store.client import MemberStatus
from store.engines import Store, engine

MEMBERS = ("store-0", "store-1", "store-2")
SUBNET = 151
TIMING: Timing = PROFILES["fast"]
"""As `up` runs it."""


async def statuses(store: Store) -> list[MemberStatus]:
    """Of the members that answer."""

    async def one(name: str) -> MemberStatus | None:
        try:
            return await store.status(name, timeout=0.5)
        except StatusError:
            return None

    return [s for s in await asyncio.gather(*map(one, MEMBERS)) if s is not None]


def agreed(found: list[MemberStatus]) -> str:
    """The leader that all three members name, or ""."""
    leaders = {status.leader for status in found}
    return leaders.pop() if len(found) == len(MEMBERS) and len(leaders) == 1 else ""


class OwnCluster:
    """`System`, with any engine whose members say who leads."""

    def __init__(
        self,
        folder: Path,
        name: str = "capstan",
        engine: str = "raft",
        subnet: int = SUBNET,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """`options`: of each member's config, besides what the engine says."""
        self.name = name
        self.folder = folder / name
        self._engine = engine
        self._subnet = subnet
        self._options = options or {}
        self._world: ProcWorld | None = None
        self._loaders: Loaders | None = None
        self._store: Store | None = None
        self._kills = 0

    async def start(self) -> None:
        await self.start_members()
        setup = {"folder": str(self.folder), "members": MEMBERS, "engine": self._engine}
        self._loaders = await Loaders.start("bench.store_seat", setup, self.name)
        if self._engine == "raft":  # raftos would take an hour for them
            await self._loaders.fill(await self.leader())

    async def start_members(self) -> None:
        """Without load processes."""
        down(self.folder, wipe=True)
        kind = engine(self._engine)
        module = kind.target.partition(":")[0]
        world = self._world = launch(self.folder, {"subnet": self._subnet, "preload": [module]})
        spec = Spec(kind.target, {**kind.config(MEMBERS, TIMING), **self._options})
        await asyncio.gather(*(world.start(name, f"master-{i}", spec) for i, name in enumerate(MEMBERS)))
        host = await world.join("bench", "bench")
        rpc = Rpc(host, keepalive=TIMING.watch_keepalive)
        self._store = kind.client(rpc, MEMBERS, None, 2.0)
        await self.leader(30.0)

    async def stop(self) -> None:
        if self._loaders is not None:
            await self._loaders.stop()
            self._loaders = None
        if self._world is not None:
            await self._world.close()
            self._world = None
        down(self.folder, wipe=True)

    @property
    def store(self) -> Store:
        assert self._store is not None, "not started"
        return self._store

    async def leader(self, within: float = 10.0) -> str:
        """Whom all members follow. LoadError when they do not agree."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            name = agreed(await statuses(self.store))
            if name:
                return name
            await asyncio.sleep(0.02)
        raise LoadError(f"no leader within {within:g} s: {await self._states()}")

    async def _states(self) -> str:
        """What became of the members, in words."""
        assert self._world is not None
        hosts = (await self._world.status())["hosts"]
        states = [f"{name} {hosts[name]['state']}" if name in hosts else f"{name} gone" for name in MEMBERS]
        return f"{', '.join(states)}; see {self.folder}/log"

    async def pids(self) -> dict[str, int]:
        assert self._world is not None
        hosts = (await self._world.status())["hosts"]
        return {name: hosts[name]["pid"] for name in MEMBERS}

    async def measure(self, cell: Cell, seconds: float) -> Sample:
        assert self._loaders is not None
        leader, pids = await self.leader(), await self.pids()
        return await self._loaders.measure(cell, seconds, pids[leader], list(pids.values()), leader)

    async def failover(self) -> float:
        assert self._world is not None
        leader = await self.leader()
        await self.store.put(b"/bench/failover", b"before")
        self._kills += 1
        began = time.monotonic()
        await self._world.crash(leader)
        took = await self._written(began)
        await self._world.restart(leader)
        await self._caught_up()
        return took

    async def _written(self, began: float) -> float:
        """Milliseconds from `began` until one of the writes sent every 10 ms is acknowledged."""
        acknowledged = asyncio.Event()

        async def attempt(n: int) -> None:
            try:
                await self.store.put(b"/bench/failover", b"%d/%d" % (self._kills, n), timeout=2.0)
                acknowledged.set()
            except StatusError:
                return  # another attempt is on its way

        tasks: list[asyncio.Task[None]] = []
        try:
            while not acknowledged.is_set():
                if time.monotonic() - began > 20:
                    raise LoadError("no write within 20 s of the kill")
                tasks.append(asyncio.create_task(attempt(len(tasks))))
                try:
                    async with asyncio.timeout(0.01):
                        await acknowledged.wait()
                except TimeoutError:
                    continue
            return (time.monotonic() - began) * 1000
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _caught_up(self) -> None:
        """Until every member has applied what the leader had committed."""
        leader = await self.leader()
        wanted = (await self.store.status(leader)).commit
        end = time.monotonic() + 30
        while time.monotonic() < end:
            found = await statuses(self.store)
            if len(found) == len(MEMBERS) and all(status.applied >= wanted for status in found):
                return
            await asyncio.sleep(0.02)
        raise LoadError("a restarted member did not catch up within 30 s")
