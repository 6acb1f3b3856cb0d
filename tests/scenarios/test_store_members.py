"""A whole cluster goes on while every member of its store is replaced by another one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cluster.rpc import Rpc
from cluster.topology import members, store_machines, store_spec
from store.administrator import Administrator
from store.client import StoreClient
from tests.scenarios.clusters import NGINX, Cluster, tell


def test_the_cluster_follows_its_store_to_other_members(seed: int) -> None:
    async def story(c: Cluster) -> None:
        await c.apply("deployment-nginx", replicas=2)
        await c.until(lambda: c.settled(NGINX, 2), "nginx runs")
        rpc = Rpc(await c.world.join("operator", "client"))
        administrator = Administrator(rpc, StoreClient(rpc, members(c.spec), timeout=2.0).roster)
        for number in range(3):
            old, new = f"store-{number}", f"store-{number + 3}"
            machines = store_machines(c.spec)
            c.spec = replace(c.spec, stores={**machines, new: machines[old]})
            await c.world.start(new, machines[old], store_spec(c.spec))
            await administrator.join(new, within=20.0, instead_of=old)
            await c.world.remove(old)
            await asyncio.sleep(6)
        assert sorted((await administrator.members()).voters) == ["store-3", "store-4", "store-5"]
        await c.insist(lambda: c.scale("Deployment", "nginx", 4))
        await c.until(lambda: c.settled(NGINX, 4), "nginx was scaled")
        await c.world.crash((await administrator.members()).leader)
        await c.insist(lambda: c.scale("Deployment", "nginx", 3))
        await c.until(lambda: c.settled(NGINX, 3), "and once more, with a new leader")

    tell(story, seed)
