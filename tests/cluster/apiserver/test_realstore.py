"""Apiservers on a real three-member store: what the tests with a fake one take for granted."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from cluster.apiserver import component
from cluster.client.client import Client
from cluster.client.informer import InformerSet
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.faults import partition_groups
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from store import member
from store.config import Config as StoreConfig
from tests.cluster.apiserver.cluster import TIMING, config_map

STORES = ("store-0", "store-1", "store-2")
APISERVERS = ("apiserver-0", "apiserver-1", "apiserver-2")


def boot(world: SimWorld) -> None:
    for i, name in enumerate(STORES):
        world.add(name, f"master-{i}", partial(member.run, config=StoreConfig(STORES)))
        config = component.Config(store=STORES, prefer=name, timing=TIMING)
        world.add(APISERVERS[i], f"master-{i}", partial(component.run, config=config))


async def client_of(world: SimWorld, name: str, first: int = 0, machine: str = "desk") -> Client:
    host = await world.join(name, machine)
    order = APISERVERS[first:] + APISERVERS[:first]
    return Client(Rpc(host, keepalive=TIMING.watch_keepalive), order, timeout=TIMING.request_timeout)


async def until_served(client: Client) -> None:
    async def served() -> bool:
        try:
            return await client.ready()
        except StatusError:
            return False

    await eventually(served, within=30, what="an apiserver that serves")


def test_objects_survive_a_machine_that_is_cut_off(seed: int) -> None:
    """The minority's apiserver refuses what it cannot promise, serves what it has when asked for any state, and after
    the healing all see the same."""

    async def story(world: SimWorld) -> None:
        boot(world)
        inside = await client_of(world, "inside", machine="master-0")
        inside.servers.names = ("apiserver-0",)
        outside = await client_of(world, "outside", first=1)
        await until_served(inside)
        await until_served(outside)
        await outside.create(config_map("before"))
        await inside.list("ConfigMap")
        rules = partition_groups([("master-0",), ("master-1", "master-2", "desk")])
        for rule in rules:
            await world.fault(rule)
        acknowledged = ["before"]
        for i in range(10):
            try:
                await outside.create(config_map(f"during-{i}"))
                acknowledged.append(f"during-{i}")
            except StatusError as error:
                if error.reason not in ("Timeout", "ServiceUnavailable"):
                    raise
        assert len(acknowledged) > 5
        refused = 0
        for work in (inside.create(config_map("lost")), inside.list("ConfigMap"), inside.get("Node", "x")):
            try:
                await work
            except StatusError as error:
                refused += error.reason in ("Timeout", "ServiceUnavailable")
        assert refused == 3
        stale = [o["metadata"]["name"] for o in (await inside.list("ConfigMap", resource_version="0"))["items"]]
        assert stale == ["before"]
        await world.heal()
        await until_served(inside)

        async def same() -> bool:
            try:
                one, two = await inside.list("ConfigMap"), await outside.list("ConfigMap")
            except StatusError:
                return False
            names = [o["metadata"]["name"] for o in one["items"]]
            return one["items"] == two["items"] and set(acknowledged) <= set(names)

        await eventually(same, within=30, what="the same on both sides")

    with SimWorld(seed) as world:
        world.run(story(world))


def test_informers_live_through_the_death_of_every_host(seed: int) -> None:
    async def story(world: SimWorld) -> None:
        boot(world)
        client, writer = await client_of(world, "reader"), await client_of(world, "writer", first=1)
        await until_served(writer)
        informers = InformerSet(client, TIMING)
        informers.add("ConfigMap")
        following = asyncio.create_task(informers.run())
        acknowledged: dict[str, Any] = {}
        for number, victim in enumerate((*STORES, *APISERVERS)):
            await world.crash(victim)
            for i in range(4):
                try:
                    made = await writer.create(config_map(f"c{number}-{i}"))
                    acknowledged[made["metadata"]["name"]] = made
                except StatusError as error:
                    if error.reason not in ("Timeout", "ServiceUnavailable"):
                        raise
            await world.restart(victim)
            await asyncio.sleep(5)

        async def agree() -> bool:
            items = (await writer.list("ConfigMap"))["items"]
            stored = {item["metadata"]["name"]: item for item in items}
            assert all(stored.get(name) == made for name, made in acknowledged.items())
            return bool(items == informers.cache.list("ConfigMap"))

        await eventually(agree, within=30, every=1.0, what="agreement")
        assert not following.done()
        assert len(acknowledged) >= 12

    with SimWorld(seed) as world:
        world.run(story(world))
