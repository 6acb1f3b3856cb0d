"""An apiserver that misbehaves as its host says: slow, refusing, wrong, standing still, leaving events out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.errors import StatusError
from cluster.world.faults import ApiFault
from tests.cluster.apiserver.cluster import Cluster, simulate


def settings(name: str, value: str = "1") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}}


def test_slow_and_overloaded_and_wrong() -> None:
    async def scenario(cluster: Cluster) -> None:
        client, world = await cluster.client(), cluster.world
        await client.create(settings("a"))
        began = world.time()
        slow = await world.fault(ApiFault(way="slow", seconds=0.3, verbs=("get",)))
        await client.get("ConfigMap", "a", "default")
        assert world.time() - began >= 0.3
        await world.heal(slow)
        refused = await world.fault(ApiFault(way="overloaded", verbs=("create",)))
        with pytest.raises(StatusError) as caught:
            await client.create(settings("b"))
        assert caught.value.reason == "TooManyRequests"
        assert caught.value.definite
        await world.heal(refused)
        with pytest.raises(StatusError, match="not found"):
            await client.get("ConfigMap", "b", "default")
        await world.fault(ApiFault(way="error", code=500, verbs=("create",)))
        made = []
        for n in range(20):
            with pytest.raises(StatusError) as caught:
                await client.create(settings(f"c{n}"))
            assert not caught.value.definite
            try:
                made.append(await client.get("ConfigMap", f"c{n}", "default"))
            except StatusError:
                continue
        assert 0 < len(made) < 20  # nobody can know

    simulate(scenario)


def test_a_stale_apiserver_serves_the_past_until_it_is_healed() -> None:
    async def scenario(cluster: Cluster) -> None:
        world = cluster.world
        liar, other = await cluster.client("one", first=0), await cluster.client("two", first=1)
        await other.create(settings("a"))
        await liar.list("ConfigMap")
        rule = await world.fault(ApiFault(way="stale", src=("apiserver-0",)))
        seen: list[str] = []
        watching = asyncio.ensure_future(_watch(liar, seen))
        await asyncio.sleep(0.5)
        await other.create(settings("b"))
        await asyncio.sleep(1.0)
        listed = await liar.list("ConfigMap")
        assert [o["metadata"]["name"] for o in listed["items"]] == ["a"]
        assert seen == ["a"]
        assert (await liar.get("ConfigMap", "b", "default"))["data"] == {"value": "1"}  # not from the cache
        assert len((await other.list("ConfigMap"))["items"]) == 2
        hit = sum(row[2] for row in (await world.evidence())[rule])
        assert hit >= 2  # the event that was held back, and the list
        await world.heal(rule)
        await asyncio.sleep(0.1)
        assert seen == ["a", "b"]
        assert len((await liar.list("ConfigMap"))["items"]) == 2
        watching.cancel()

    simulate(scenario, apiservers=2)


async def _watch(client: Any, seen: list[str]) -> None:
    async with client.watch("ConfigMap") as events:
        async for event in events:
            if event["type"] != "BOOKMARK":
                seen.append(event["object"]["metadata"]["name"])


def test_missed_events_are_left_out_and_lists_know_better() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await cluster.client()
        seen: list[str] = []
        watching = asyncio.ensure_future(_watch(client, seen))
        await asyncio.sleep(0.2)
        rule = await cluster.world.fault(ApiFault(way="missed", probability=0.5, kinds=("ConfigMap",)))
        for n in range(40):
            await client.create(settings(f"m{n:02}"))
        await asyncio.sleep(0.5)
        assert 5 < len(seen) < 35
        ((_, _, hit, passed),) = (await cluster.world.evidence())[rule]
        assert (hit, passed) == (40 - len(seen), len(seen))
        assert len((await client.list("ConfigMap"))["items"]) == 40
        watching.cancel()

    simulate(scenario)


def test_writes_are_noted_with_who_asked_only_if_wanted() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await cluster.client("writer")
        await client.create(settings("a"))
        await client.update({**settings("a", "2")})
        await client.delete("ConfigMap", "a", "default")

    world = simulate(scenario, trace=True)
    mine = [r for r in world.notes("write") if r[5]["user"] == "writer"]
    assert [r[5]["verb"] for r in mine] == ["create", "update", "delete"]
    assert {r[5]["key"] for r in mine} == {"default/a"}
    sent = {r[7] for r in world.board.records if r[2] == "writer" and r[4] == "send"}
    assert all(r[5]["message"][0] == "writer" and r[5]["message"][2] in sent for r in mine)
    assert not simulate(scenario).notes("write")
