"""The scheduler's shell against a real apiserver, in the simulated world."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from cluster.api import meta
from cluster.client.client import Client
from cluster.errors import UsageError
from cluster.scheduler import component
from cluster.world.faults import DropNth, Partition
from cluster.world.scenario import eventually
from tests.cluster.apiserver.cluster import TIMING, Cluster, simulate
from tests.cluster.scheduler.objects import Object, node, pod


def start(cluster: Cluster, count: int = 1, **settings: Any) -> None:
    for i in range(count):
        config = component.Config(apiservers=cluster.apiservers, timing=TIMING, **settings)
        cluster.world.add(f"scheduler-{i}", f"master-{10 + i}", partial(component.run, config=config))


def fresh(name: str, cpu: str = "", **more: Any) -> Object:
    """A pod to create: the apiserver gives the uid, and sees no status."""
    made = pod(name, cpu, **more)
    del made["metadata"]["uid"], made["status"]
    return made


async def create(client: Client, *objects: Object) -> None:
    """Nodes are made ready: nodes begin with the taint not-ready, which node lifecycle takes away."""
    for obj in objects:
        answer = await client.create(obj)
        if obj["kind"] == "Node":
            answer = await client.update({**answer, "spec": obj["spec"]})
            await client.update({**answer, "status": obj["status"]}, subresource="status")


async def nodes_of(client: Client) -> dict[str, str]:
    items = (await client.list("Pod", "default"))["items"]
    return {meta.name_of(item): item["spec"].get("nodeName", "") for item in items}


async def all_bound(client: Client) -> bool:
    return all((await nodes_of(client)).values())


async def ready(cluster: Cluster) -> Client:
    client = await cluster.client()
    await eventually(client.ready, within=20)
    return client


def test_pods_are_bound_spread_and_told_so() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await ready(cluster)
        await create(client, node("a"), node("b"), node("c"))
        start(cluster)
        await create(client, *(fresh(f"p{i}", "1") for i in range(6)))
        await eventually(partial(all_bound, client), within=60)
        places = list((await nodes_of(client)).values())
        assert sorted(places) == ["a", "a", "b", "b", "c", "c"]

        async def told() -> bool:
            events = (await client.list("Event", "default"))["items"]
            said = {e["message"] for e in events if e["reason"] == "Scheduled"}
            return said == {f"Successfully assigned default/{p} to {n}" for p, n in (await nodes_of(client)).items()}

        await eventually(told, within=20)

    simulate(scenario)


def test_what_fits_nowhere_says_why_and_a_new_node_wakes_it() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await ready(cluster)
        await create(client, node("a", "1"))
        start(cluster)
        await create(client, fresh("big", "3"))
        said = "0/1 nodes are available: 1 Insufficient cpu."

        async def refused() -> bool:
            found = meta.condition(await client.get("Pod", "big", "default"), "PodScheduled") or {}
            return (found.get("status"), found.get("reason"), found.get("message")) == ("False", "Unschedulable", said)

        await eventually(refused, within=60)

        async def told() -> bool:
            events = (await client.list("Event", "default"))["items"]
            return [(e["type"], e["message"]) for e in events if e["reason"] == "FailedScheduling"] == [
                ("Warning", said)
            ]

        await eventually(told, within=20)
        before = cluster.world.time()
        await create(client, node("b", "4"))
        await eventually(partial(all_bound, client), within=20)
        assert cluster.world.time() - before < TIMING.scheduler_backoff_max + 1
        assert await nodes_of(client) == {"big": "b"}

    simulate(scenario)


def test_a_deleted_pod_makes_room() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await ready(cluster)
        await create(client, node("a", "1"), fresh("first", "1"))
        start(cluster)
        await eventually(partial(all_bound, client), within=60)
        await create(client, fresh("second", "1"))
        await asyncio.sleep(5)
        assert (await nodes_of(client))["second"] == ""
        await client.delete("Pod", "first", "default", grace=0)
        await eventually(partial(all_bound, client), within=20)

    simulate(scenario)


def test_pods_of_other_schedulers_and_gated_ones_are_left_alone() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await ready(cluster)
        await create(client, node("a"))
        start(cluster)
        await create(client, fresh("theirs", schedulerName="other"), fresh("ours"))

        async def ours() -> bool:
            return (await nodes_of(client))["ours"] == "a"

        await eventually(ours, within=60)
        assert (await nodes_of(client))["theirs"] == ""

    simulate(scenario)


def test_a_binding_whose_answer_is_lost_is_looked_up_and_not_repeated() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await ready(cluster)
        await create(client, node("a"), node("b"))
        start(cluster)
        await cluster.world.fault(DropNth(kinds=("pod.bind.reply",), n=1))
        await create(client, fresh("p"))
        await eventually(lambda: bool(cluster.world.notes("bound")), within=60)
        (note,) = cluster.world.notes("bound")
        assert (await nodes_of(client))["p"] == note[5]["node"]
        assert len([r for r in cluster.world.notes("send") if r[5] == "pod.bind"]) == 1

    simulate(scenario)


def test_a_binding_that_never_arrived_is_made_again() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await ready(cluster)
        await create(client, node("a", "1"))
        start(cluster)
        await cluster.world.fault(DropNth(kinds=("pod.bind",), n=1))
        await create(client, fresh("p", "1"))
        await eventually(partial(all_bound, client), within=60)
        assert len([r for r in cluster.world.notes("send") if r[5] == "pod.bind"]) == 2

    simulate(scenario)


def test_one_of_three_leads_and_another_takes_over_without_double_booking() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await ready(cluster)
        await create(client, node("a", "3"), node("b", "3"))
        start(cluster, 3)
        await create(client, *(fresh(f"p{i}", "1") for i in range(3)))
        await eventually(partial(all_bound, client), within=60)
        leaders = [
            r[2]
            for r in cluster.world.notes("role")
            if r[5]["role"] == "leader" and r[5].get("name") == component.LEASE
        ]
        assert len(leaders) == 1
        seat = f"master-{10 + int(leaders[0][-1])}"
        await cluster.world.fault(Partition(src=(seat,), dst=()))
        await create(client, *(fresh(f"q{i}", "1") for i in range(4)))

        async def full() -> bool:
            return sorted((await nodes_of(client)).values()) == ["", *"aaabbb"]

        await eventually(full, within=TIMING.leader_lease * 3)
        later = [
            r[2]
            for r in cluster.world.notes("role")
            if r[5]["role"] == "leader" and r[5].get("name") == component.LEASE
        ]
        assert len(set(later)) == 2

    simulate(scenario)


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(UsageError, match="least, most"):
        component.Config(apiservers=("a",), score_strategy="best")
