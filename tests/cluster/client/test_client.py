"""The client: which apiserver is asked, what is tried again, and what never is."""

from __future__ import annotations

import asyncio

import pytest

from cluster.errors import StatusError
from cluster.world.faults import Partition
from tests.cluster.apiserver.cluster import Cluster, config_map, pod, simulate


def test_reads_move_on_and_stay() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(config_map("a"))
        await cluster.world.crash("apiserver-0")
        assert (await client.get("ConfigMap", "a", "default"))["metadata"]["name"] == "a"
        assert client.server == "apiserver-1"
        await cluster.world.restart("apiserver-0")
        await asyncio.sleep(1)
        before = cluster.world.time()
        await client.list("ConfigMap")
        assert client.server == "apiserver-1"
        assert cluster.world.time() - before < 0.1

    simulate(story, apiservers=3)


def test_a_write_without_an_answer_is_not_sent_again() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(config_map("a"))
        writes = cluster.store.txns
        cluster.store.mute = True
        with pytest.raises(StatusError) as caught:
            await client.patch("ConfigMap", "a", {"data": {"x": "1"}}, namespace="default")
        assert (caught.value.reason, caught.value.definite) == ("Timeout", False)
        cluster.store.mute = False
        await asyncio.sleep(5)
        assert (await client.get("ConfigMap", "a", "default"))["data"] == {"x": "1"}
        assert client.server == "apiserver-1"
        # The store's own client may send one operation twice (it carries a serial); a second patch there was not.
        assert cluster.store.txns >= writes + 1

    simulate(story, apiservers=2)


def test_a_refused_write_is_tried_until_time_is_up() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(config_map("a"))
        cluster.store.refuse = True

        async def relent() -> None:
            await asyncio.sleep(1.0)
            cluster.store.refuse = False

        helper = asyncio.create_task(relent())
        made = await client.create(config_map("b"))
        assert made["metadata"]["name"] == "b"
        await helper

    simulate(story, apiservers=2)


def test_all_apiservers_gone() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.ready()
        await cluster.world.fault(Partition(src=("tester",)))
        start = cluster.world.time()
        with pytest.raises(StatusError) as caught:
            await client.get("ConfigMap", "a", "default")
        assert caught.value.reason == "Timeout"
        assert cluster.world.time() - start == pytest.approx(2 * cluster.timing.request_timeout)
        start = cluster.world.time()
        with pytest.raises(StatusError):
            await client.with_timeout(0.5).create(config_map("a"))
        assert cluster.world.time() - start == pytest.approx(0.5)

    simulate(story, apiservers=2)


def test_events_of_one_second_are_listed_in_the_order_in_which_they_happened() -> None:
    """kubectl sorts them by the second only, and leaves the rest as the list has it, which goes by name."""

    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = await client.create(pod("web"))
        told = [f"Step{i}" for i in range(8)]
        for reason in told:
            client.event(made, "Normal", reason, "done")
        await asyncio.sleep(1)
        events = (await client.list("Event", "default"))["items"]
        assert [event["reason"] for event in events] == told

    simulate(story)


def test_events_are_recorded_in_the_background() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = await client.create(pod("web-1"))
        for message in ("pulled", "pulled", "started", "pulled"):
            client.event(made, "Normal", "Told", message)
        await asyncio.sleep(1)
        events = (await client.list("Event", fields=f"involvedObject.uid={made['metadata']['uid']}"))["items"]
        assert sorted((e["message"], e["count"]) for e in events) == [("pulled", 3), ("started", 1)]
        assert {e["source"]["component"] for e in events} == {"tester"}
        for event in events:
            await client.delete("Event", event["metadata"]["name"], "default")
        client.event(made, "Normal", "Told", "pulled")
        await asyncio.sleep(1)
        assert len((await client.list("Event", "default"))["items"]) == 1
        cluster.store.refuse = True
        client.event(made, "Warning", "Lost", "nobody will read this")
        await asyncio.sleep(10)
        cluster.store.refuse = False
        client.event(made, "Normal", "Told", "again")
        await asyncio.sleep(1)
        assert len((await client.list("Event", "default"))["items"]) == 2

    simulate(story)
