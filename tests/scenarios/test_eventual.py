"""The whole cluster on the engine `eventual`: it boots, runs a deployment, and outlives a master and a partition."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster.api.meta import labels_of
from cluster.api.views import pod_ready
from cluster.client.client import Client
from cluster.config import PROFILES, ClusterSpec
from cluster.errors import StatusError
from cluster.experiments.assembly import assemble, nodes_ready, seat
from cluster.experiments.cap import Setup, run_cap
from cluster.rpc import Rpc
from cluster.topology import members, workers
from cluster.world.faults import Partition
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from store.client import StoreClient
from tests.scenarios.clusters import manifest

SPEC = ClusterSpec(engine="eventual", runtime="simulated", timing=PROFILES["fast"])
SETTLING = 3.0
Story = Callable[[SimWorld, Client], Awaitable[None]]


def tell(story: Story, seed: int) -> None:
    with SimWorld(seed) as world:

        async def whole() -> None:
            await assemble(world, SPEC)
            client = await seat(world, SPEC)
            await nodes_ready(client, workers(SPEC))
            # Each replica grants a lease to whom it hears first: until the leases have settled there are three of
            # each leader, who undo each other's work (docs/engines.md).
            await asyncio.sleep(SETTLING)
            await story(world, client)

        world.run(whole())


async def running(client: Client, count: int) -> None:
    """Until there are so many ready nginx pods, and no others."""

    async def so_many() -> bool:
        try:
            pods = (await client.list("Pod", "default"))["items"]
        except StatusError as error:
            if error.code < 500:
                raise
            return False
        mine = [pod for pod in pods if labels_of(pod).get("app") == "nginx"]
        return len(mine) == count == sum(pod_ready(pod) for pod in mine)

    await eventually(so_many, within=60, every=0.2, what=f"{count} pods")


async def scale(client: Client, replicas: int) -> None:
    """Until somebody takes it: an apiserver without its replica refuses."""
    while True:
        try:
            await client.patch("Deployment", "nginx", {"spec": {"replicas": replicas}}, namespace="default")
            return
        except StatusError as error:
            if error.code < 500:
                raise


async def deployed(client: Client, replicas: int) -> None:
    (deployment,) = manifest("deployment-nginx")[:1]
    deployment["spec"]["replicas"] = replicas
    await client.create(deployment)
    await running(client, replicas)


@pytest.mark.parametrize("dice", range(3))
def test_a_deployment_survives_the_loss_of_a_master_and_its_return(dice: int) -> None:
    async def story(world: SimWorld, client: Client) -> None:
        await deployed(client, 3)
        await world.poweroff("master-0")
        await scale(client, 5)
        await running(client, 5)
        await world.poweron("master-0")
        await asyncio.sleep(2.0)
        await scale(client, 2)
        await running(client, 2)

    tell(story, dice)


@pytest.mark.parametrize("dice", range(3))
def test_both_halves_of_the_control_plane_go_on_and_agree_again_after_healing(dice: int) -> None:
    async def story(world: SimWorld, client: Client) -> None:
        await deployed(client, 3)
        others = ("master-1", "master-2", *workers(SPEC))
        await world.fault(Partition(src=("master-0",), dst=others), lasting=5.0)
        here = Client(Rpc(await world.join("here", "master-0")), ("apiserver-0",), timeout=2.0)
        there = Client(Rpc(await world.join("there", "master-1")), ("apiserver-1",), timeout=2.0)
        for name, side in (("here", here), ("there", there)):
            made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}
            await side.create(made)
        await scale(there, 4)
        await asyncio.sleep(8.0)
        # Both sides had a controller manager that led, and the whole object is one value: what one side wrote of its
        # status may have overwritten what the other was told of its spec. Then the store must say so.
        deployment = await client.get("Deployment", "nginx", "default")
        replicas = deployment["spec"]["replicas"]
        scout = StoreClient(Rpc(await world.join("scout", "client")), members(SPEC))
        found = [(await scout.conflicts(member)).lost for member in members(SPEC)]
        named = {lost.key for rows in found for lost in rows}
        assert replicas == 4 or b"/registry/deployments/default/nginx" in named
        await running(client, replicas)
        for side in (here, there):
            names = [obj["metadata"]["name"] for obj in (await side.list("ConfigMap", "default"))["items"]]
            assert {"here", "there"} <= set(names), "what each side took is on both"

    tell(story, dice)


def test_the_cap_experiment_beside_a_working_cluster() -> None:
    async def story(world: SimWorld, client: Client) -> None:
        machines = {member: f"master-{i}" for i, member in enumerate(members(SPEC))}
        report = await run_cap(world, Setup(members(SPEC), machines, engine="eventual"))
        assert report.problems() == []
        assert report.lost
        assert report.linearizable == "illegal"

    tell(story, 0)


def test_the_sim_carries_it_cheaply() -> None:
    """An idle cluster: what the replicas say to each other stays little."""
    with SimWorld(1) as world:

        async def whole() -> int:
            await assemble(world, SPEC)
            client = await seat(world, SPEC)
            await nodes_ready(client, workers(SPEC))
            scout = StoreClient(Rpc(await world.join("scout", "client")), members(SPEC))
            before = (await scout.status("store-0")).applied
            await asyncio.sleep(60.0)
            return (await scout.status("store-0")).applied - before

        batches = world.run(whole())
        assert batches < 60 * 40, "a batch, and a sync, for each few writes of the cluster"
