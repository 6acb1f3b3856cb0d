"""kill -9 of real processes while clients write: no acknowledged write is lost, the history stays linearizable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from cluster.client.client import Client
from cluster.config import ClusterSpec
from cluster.errors import StatusError
from cluster.experiments.assembly import seat
from cluster.experiments.register import Outcome, Plan, run_register
from cluster.topology import MODULES, apiservers, placements
from cluster.world.proc.launch import down, launch
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import eventually

pytestmark = pytest.mark.proc

SUBNET = 133


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    launch(tmp_path / "tree", {"subnet": SUBNET, "preload": MODULES[:2]})
    yield tmp_path / "tree"
    down(tmp_path / "tree", wipe=True)


@asynccontextmanager
async def connected(tree: Path) -> AsyncIterator[ProcWorld]:
    world = await ProcWorld.connect(tree)
    try:
        yield world
    finally:
        await world.close()


def test_a_store_whose_members_are_killed_loses_no_acknowledged_write(tree: Path) -> None:
    plan = Plan(seconds=8.0, faults=("crash", "crash-leader"), every=0.8, lasting=0.6, pause=0.05)

    async def story() -> Outcome:
        async with connected(tree) as world:
            return await run_register(world, plan, seed=1)

    outcome = asyncio.run(story())
    assert outcome.problems == []
    assert len(outcome.faults) >= 4
    writes = [o for o in outcome.history if o.kind != "read" and o.outcome == "ok"]
    assert len(writes) >= 50


class Creators:
    """Clients that create ConfigMaps, each with an apiserver of its own to begin with, and what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.failed: dict[str, StatusError] = {}

    async def run(self, client: Client, number: int) -> None:
        count = 0
        while True:
            count += 1
            name = f"c{number}-{count}"
            try:
                await client.create(
                    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta(name), "data": {"a": name}}
                )
            except StatusError as error:
                self.failed[name] = error
            else:
                self.acknowledged.append(name)


def _meta(name: str) -> dict[str, str]:
    return {"name": name, "namespace": "default"}


async def _serving(client: Client) -> bool:
    try:
        await client.get("Namespace", "default")
    except StatusError:
        return False
    return True


async def _create_under_kills(world: ProcWorld) -> tuple[Creators, dict[str, str]]:
    spec = ClusterSpec(workers=0, subnet=SUBNET)
    hosts = [p for p in placements(spec) if p.component in ("store", "apiserver")]
    await asyncio.gather(*(world.start(p.name, p.machine, p.spec) for p in hosts))
    client = await seat(world, spec)
    await eventually(lambda: _serving(client), within=10)
    creators, dice = Creators(), Random(1)
    own = [Client(client.rpc, apiservers(spec, i), timeout=0.5, user="admin") for i in range(3)]
    tasks = [asyncio.ensure_future(creators.run(c, i)) for i, c in enumerate(own)]
    for _ in range(8):
        await asyncio.sleep(dice.uniform(0.2, 0.6))
        victim = dice.choice(apiservers(spec))
        await world.crash(victim)
        await asyncio.sleep(dice.uniform(0.05, 0.3))
        await world.restart(victim)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
    await eventually(lambda: _serving(client), within=10)
    listed = await client.list("ConfigMap", "default")
    return creators, {o["metadata"]["name"]: o["data"]["a"] for o in listed["items"]}


def test_an_apiserver_that_is_killed_loses_no_acknowledged_object(tree: Path) -> None:
    async def story() -> tuple[Creators, dict[str, str]]:
        async with connected(tree) as world:
            return await _create_under_kills(world)

    creators, found = asyncio.run(story())
    assert len(creators.acknowledged) >= 50
    assert creators.failed, "no create was hit: nothing was tested"
    refused = {name: error for name, error in creators.failed.items() if error.definite}
    assert {error.reason for error in refused.values()} <= {"ServiceUnavailable"}
    assert not refused.keys() & found.keys(), "what was certainly refused is not there"
    lost = [name for name in creators.acknowledged if found.get(name) != name]
    assert lost == []
