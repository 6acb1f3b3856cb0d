"""Informers over real apiservers: in the end they have what the store has, and never went back on the way."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from cluster.client.informer import InformerSet
from cluster.errors import StatusError
from cluster.world.faults import Delay, Loss, Partition
from cluster.world.scenario import eventually
from tests.cluster.apiserver.cluster import Cluster, config_map, pod, simulate

Object = dict[str, Any]


class Follower:
    """An informer set in the background that checks every change it is told of."""

    def __init__(self, informers: InformerSet, kind: str, **scope: str) -> None:
        self.informers = informers
        self.kind = kind
        self.last: dict[str, int] = {}
        self.known: dict[str, Object] = {}
        informers.add(kind, **scope).on_change(self.changed)
        self.task = asyncio.create_task(informers.run())

    def changed(self, old: Object | None, new: Object | None) -> None:
        name = (new or old or {})["metadata"]["name"]
        assert self.known.get(name) == old
        if new is None:
            del self.known[name]
            return
        revision = int(new["metadata"]["resourceVersion"])
        assert revision > self.last.get(name, 0)
        self.last[name] = revision
        self.known[name] = new


def test_it_has_what_there_is_and_follows() -> None:
    async def story(cluster: Cluster) -> None:
        client, writer = await cluster.client(), await cluster.client("writer")
        await writer.create(pod("web-1"))
        follower = Follower(InformerSet(client, cluster.timing), "Pod", fields="spec.nodeName=worker-0")
        await follower.informers.wait_synced()
        assert follower.informers.cache.list("Pod") == []
        bound = await writer.bind("default", "web-1", "worker-0")
        await asyncio.sleep(0.1)
        assert follower.informers.cache.list("Pod") == [bound]
        late = follower.informers.add("ConfigMap")
        await writer.create(config_map("a"))
        await late.wait_synced()
        await asyncio.sleep(0.1)
        assert follower.informers.cache.get("ConfigMap", "default", "a") is not None
        with pytest.raises(ValueError, match="other selectors"):
            follower.informers.add("ConfigMap", labels="a=b")
        await writer.delete("Pod", "web-1", "default", grace=0)
        await asyncio.sleep(0.1)
        assert follower.informers.cache.list("Pod") == []

    simulate(story)


def test_a_selector_that_does_not_exist_is_not_waited_for() -> None:
    async def story(cluster: Cluster) -> None:
        informers = InformerSet(await cluster.client(), cluster.timing)
        informers.add("Pod", fields="spec.nowhere=1")
        with pytest.raises(ExceptionGroup) as caught:
            await informers.run()
        assert isinstance(caught.value.exceptions[0], StatusError)

    simulate(story)


def test_it_lists_again_when_its_place_is_lost() -> None:
    async def story(cluster: Cluster) -> None:
        client, writer = await cluster.client(), await cluster.client("writer")
        follower = Follower(InformerSet(client, cluster.timing), "ConfigMap")
        await writer.create(config_map("a"))
        await writer.create(config_map("b"))
        await asyncio.sleep(1)
        rule = await cluster.world.fault(Partition(src=("tester",)))
        await writer.delete("ConfigMap", "a", "default")
        for i in range(20):
            await writer.patch("ConfigMap", "b", {"data": {"i": str(i)}}, namespace="default")
        await asyncio.sleep(5)
        await cluster.world.heal(rule)
        await asyncio.sleep(8)
        assert [o["metadata"]["name"] for o in follower.informers.cache.list("ConfigMap")] == ["b"]
        assert follower.informers.cache.list("ConfigMap")[0]["data"] == {"i": "19"}

    simulate(story, window=5)


def test_it_does_not_go_back_to_a_lagging_apiserver() -> None:
    async def story(cluster: Cluster) -> None:
        client, writer = await cluster.client(), await cluster.client("writer")
        follower = Follower(InformerSet(client, cluster.timing), "ConfigMap")
        await writer.create(config_map("a"))
        await asyncio.sleep(1)
        cluster.store.frozen.add("store-1")
        made = await writer.create(config_map("b"))
        await asyncio.sleep(0.5)
        await cluster.world.crash("apiserver-0")
        await asyncio.sleep(8)
        assert client.server == "apiserver-1"
        assert follower.informers.cache.get("ConfigMap", "default", "b") == made

    simulate(story, apiservers=2)


def test_chaos_ends_in_agreement(seed: int) -> None:
    """Crashes, losses, delays and pauses; then calm, and the cache is the store."""

    async def story(cluster: Cluster) -> None:
        dice, world = Random(seed), cluster.world
        follower = Follower(InformerSet(await cluster.client(), cluster.timing), "ConfigMap")
        writer = await cluster.client("writer", first=1)

        async def write() -> None:
            for i in range(150):
                name = f"c{dice.randrange(6)}"
                try:
                    match dice.randrange(3):
                        case 0:
                            await writer.create(config_map(name))
                        case 1:
                            await writer.delete("ConfigMap", name, "default")
                        case _:
                            await writer.patch("ConfigMap", name, {"data": {"i": str(i)}}, namespace="default")
                except StatusError as error:
                    if error.reason not in ("AlreadyExists", "NotFound", "Timeout", "ServiceUnavailable"):
                        raise
                await asyncio.sleep(dice.uniform(0, 0.3))

        async def harm() -> None:
            for _ in range(12):
                await asyncio.sleep(dice.uniform(0.5, 3))
                victim = dice.choice(cluster.apiservers)
                match dice.randrange(5):
                    case 0:
                        await world.restart(victim)
                    case 1:
                        await world.pause(victim)
                        await asyncio.sleep(dice.uniform(0, 5))
                        await world.resume(victim)
                    case 2:
                        await world.fault(Loss(src=(victim,), both=True, probability=0.2))
                    case 3:
                        await world.fault(Delay(src=(victim,), both=True, seconds=0.2, jitter=0.3))
                    case _:
                        await world.heal()

        await asyncio.gather(write(), harm())
        await world.heal()

        async def agree() -> bool:
            stored: list[Object] = (await writer.list("ConfigMap"))["items"]
            return stored == follower.informers.cache.list("ConfigMap")

        await eventually(agree, within=30, every=1.0, what=f"agreement, seed {seed}")
        assert not follower.task.done()

    simulate(story, apiservers=2, seed=seed, window=40)
