"""Informers on real stores and apiservers: a lagging apiserver is waited for or left, never believed."""

from __future__ import annotations

import asyncio

import pytest

from cluster.client.informer import InformerSet
from cluster.world.faults import Partition
from cluster.world.scenario import eventually
from tests.cluster.apiserver.cluster import config_map
from tests.cluster.apiserver.real import Real, on_real_store
from tests.cluster.client.test_informer import Follower


@pytest.mark.parametrize("dice", range(3))
def test_a_lagging_apiserver_takes_nobody_back(dice: int) -> None:
    """apiserver-1 is cut off from the store while things change; then it is all that is left, and later healed."""

    async def story(real: Real) -> None:
        world = real.world
        client, writer = await real.client(), await real.client("writer", only=True)
        follower = Follower(InformerSet(client, real.timing), "ConfigMap")
        await writer.create(config_map("a"))
        await writer.create(config_map("b"))
        await asyncio.sleep(1)
        cut = await world.fault(Partition(src=("apiserver-1",), dst=real.stores))
        for i in range(20):
            await writer.patch("ConfigMap", "a", {"data": {"i": str(i)}}, namespace="default")
        await writer.delete("ConfigMap", "b", "default")
        await asyncio.sleep(1)
        seen = follower.informers.cache.list("ConfigMap")
        assert [obj["data"] for obj in seen] == [{"i": "19"}]
        await world.crash("apiserver-0")
        stale = await real.client("stale", first=1, only=True)
        old = await stale.list("ConfigMap", resource_version="0")
        assert [item["metadata"]["name"] for item in old["items"]] == ["a", "b"], "it does lag"
        # Whoever goes there with a revision waits; the follower checks every change that it is told of.
        await asyncio.sleep(8)
        assert follower.informers.cache.list("ConfigMap") == seen
        fresh = InformerSet(await real.client("fresh", first=1, only=True), real.timing)
        fresh.add("ConfigMap")
        starting = asyncio.create_task(fresh.run())
        await asyncio.sleep(1)
        assert not fresh.has_synced, "who has seen nothing yet, in this life, does not take the past for the present"
        await world.heal(cut)
        await eventually(lambda: fresh.cache.list("ConfigMap") == seen, within=20, what="what it had missed")
        made = await (await real.client("late", first=1)).create(config_map("c"))
        await eventually(lambda: made in follower.informers.cache.list("ConfigMap"), within=20, what="what came after")
        assert not follower.task.done()
        assert not starting.done()

    on_real_store(story, apiservers=2, seed=dice)


def test_an_apiserver_that_comes_back_empty_handed_is_asked_for_no_less() -> None:
    """Restarted behind a cut it knows nothing: reads are refused, and no cache is emptied."""

    async def story(real: Real) -> None:
        world = real.world
        client = await real.client()
        follower = Follower(InformerSet(client, real.timing), "ConfigMap")
        await client.create(config_map("a"))
        await asyncio.sleep(1)
        cut = await world.fault(Partition(src=("apiserver-0",), dst=real.stores))
        await world.restart("apiserver-0")
        await asyncio.sleep(10)
        assert [obj["metadata"]["name"] for obj in follower.informers.cache.list("ConfigMap")] == ["a"]
        await world.heal(cut)

        async def again() -> bool:
            return len((await client.list("ConfigMap"))["items"]) == 1

        await eventually(again, within=10)
        await client.create(config_map("b"))
        await eventually(lambda: len(follower.informers.cache.list("ConfigMap")) == 2, within=10)

    on_real_store(story)
