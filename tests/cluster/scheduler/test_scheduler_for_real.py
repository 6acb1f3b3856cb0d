"""The scheduler on real stores and apiservers: its stories again, three nodes that do not fit, two who both decide."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from cluster.api import meta
from cluster.client.client import Client
from cluster.client.election import lead
from cluster.config import Timing
from cluster.scheduler import component
from cluster.world.host import Host
from cluster.world.scenario import eventually
from tests.cluster.apiserver.real import Real, on_real_store
from tests.cluster.scheduler import test_component as stories
from tests.cluster.scheduler.objects import node
from tests.cluster.scheduler.test_component import create, fresh, nodes_of, start

STORIES = (
    stories.test_pods_are_bound_spread_and_told_so,
    stories.test_what_fits_nowhere_says_why_and_a_new_node_wakes_it,
    stories.test_a_deleted_pod_makes_room,
    stories.test_pods_of_other_schedulers_and_gated_ones_are_left_alone,
    stories.test_a_binding_whose_answer_is_lost_is_looked_up_and_not_repeated,
    stories.test_a_binding_that_never_arrived_is_made_again,
    stories.test_one_of_three_leads_and_another_takes_over_without_double_booking,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
def test_on_the_real_store_too(story: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "simulate", on_real_store)
    story()


def test_the_event_tells_of_each_node_what_is_wrong_with_it() -> None:
    """ "0/3 nodes are available: ...", counted by reason, and once with a count however often it is tried."""

    async def story(real: Real) -> None:
        client = await real.client()
        await create(
            client,
            node("small", "1"),
            node("tainted", taints=[{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]),
            node("cordoned", unschedulable=True),
        )
        start(real)  # type: ignore[arg-type]
        await create(client, fresh("big", "3"))
        said = (
            "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {dedicated: db}, "
            "1 node(s) were unschedulable."
        )

        async def told(times: int = 1) -> bool:
            found = [e for e in (await client.list("Event", "default"))["items"] if e["reason"] == "FailedScheduling"]
            assert len(found) <= 1
            return [(e["type"], e["message"], e["involvedObject"]["name"]) for e in found if e["count"] >= times] == [
                ("Warning", said, "big")
            ]

        await eventually(told, within=30)
        # A label moves nothing: it is tried again, and fits no better.
        await client.patch("Pod", "big", {"metadata": {"labels": {"tried": "again"}}}, namespace="default")
        await eventually(partial(told, 2), within=30)
        pod = await client.get("Pod", "big", "default")
        condition = meta.condition(pod, "PodScheduled")
        assert condition is not None
        assert (condition["status"], condition["reason"], condition["message"]) == ("False", "Unschedulable", said)
        assert pod["status"]["phase"] == "Pending"
        await client.patch("Node", "cordoned", {"spec": {"unschedulable": None}})

        async def bound() -> bool:
            return await nodes_of(client) == {"big": "cordoned"}

        await eventually(bound, within=30)

    on_real_store(story)


@pytest.mark.parametrize("dice", range(3))
def test_two_that_both_decide_bind_each_pod_once(dice: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if their election had failed: each leads by a Lease of its own. The apiserver lets one of them win, no pod
    moves, and the loser goes on."""

    async def apart(client: Client, host: Host, name: str, timing: Timing, work: Callable[[], Awaitable[None]]) -> None:
        await lead(client, host, f"{name}-{host.name}", timing, work)

    async def story(real: Real) -> None:
        client = await real.client()
        await create(client, *(node(name, "8") for name in "abc"))
        monkeypatch.setattr(component, "lead", apart)
        start(real, 2)  # type: ignore[arg-type]
        homes: dict[str, str] = {}

        async def follow() -> None:
            async with client.watch("Pod", "default", resource_version="") as events:
                async for event in events:
                    if event["type"] == "BOOKMARK":
                        continue
                    name, where = meta.name_of(event["object"]), event["object"]["spec"].get("nodeName", "")
                    assert where or name not in homes, f"{name} left {homes.get(name)}"
                    if where:
                        assert homes.setdefault(name, where) == where, f"{name} moved from {homes[name]} to {where}"

        following = asyncio.create_task(follow())
        await asyncio.sleep(3)
        await create(client, *(fresh(f"p{i}", "1") for i in range(12)))
        await eventually(lambda: len(homes) == 12, within=30, what="all are bound")
        await asyncio.sleep(5)
        assert not following.done()
        bound = [note[5]["pod"] for note in real.world.notes("bound")]
        assert sorted(bound) == sorted(f"default/p{i}" for i in range(12)), "each was bound by one of them, and once"
        assert len({note[2] for note in real.world.notes("bound")}) == 2, "both took part"
        refused = [r for r in real.world.notes("send") if r[5] == "pod.bind"]
        assert len(refused) > 12, "they met"
        following.cancel()

    on_real_store(story, apiservers=2, seed=dice)
