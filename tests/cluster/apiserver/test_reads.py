"""list and watch over the bus: freshness, pages, transitions, bookmarks, 410, lagging members."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.api.kinds import KINDS
from cluster.apiserver import component
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.component import Apiserver
from cluster.apiserver.hub import Codec
from cluster.apiserver.reads import Reader
from cluster.client.client import Client
from cluster.errors import StatusError
from cluster.world.faults import partition_groups
from tests.cluster.apiserver.cluster import TIMING, Cluster, config_map, pod, simulate

Object = dict[str, Any]


def names(answer: Object) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


class Watching:
    """Collects a watch's events in the background."""

    def __init__(self, client: Client, kind: str, **options: Any) -> None:
        self.events: list[Object] = []
        self.error: StatusError | None = None
        self.task = asyncio.create_task(self.read(client, kind, options))

    async def read(self, client: Client, kind: str, options: dict[str, Any]) -> None:
        try:
            async with client.watch(kind, **options) as events:
                async for event in events:
                    self.events.append(event)
        except StatusError as error:
            self.error = error

    def seen(self) -> list[tuple[str, str]]:
        return [(e["type"], e["object"]["metadata"]["name"]) for e in self.events if e["type"] != "BOOKMARK"]


def test_lists_select_and_page() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        for name in ("web-1", "web-2", "web-3", "db-1"):
            await client.create(pod(name))
        await client.bind("default", "web-2", "worker-0")
        assert names(await client.list("Pod")) == ["db-1", "web-1", "web-2", "web-3"]
        assert names(await client.list("Pod", labels="app=web")) == ["web-1", "web-2", "web-3"]
        assert names(await client.list("Pod", fields="spec.nodeName=worker-0")) == ["web-2"]
        assert names(await client.list("Pod", "kube-system")) == []
        first = await client.list("Pod", limit=3)
        assert first["kind"] == "PodList"
        assert first["metadata"]["remainingItemCount"] == 1
        await client.delete("Pod", "web-3", "default")
        await client.create(pod("web-4"))
        second = await client.list("Pod", limit=3, continue_=first["metadata"]["continue"])
        assert names(first) + names(second) == ["db-1", "web-1", "web-2", "web-3"]
        assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        for options in ({"labels": "a in"}, {"fields": "spec.nowhere=1"}, {"continue_": "x"}, {"limit": -1}):
            with pytest.raises(StatusError) as caught:
                await client.list("Pod", **options)
            assert caught.value.reason == "BadRequest", options

    simulate(story)


def test_a_list_is_as_fresh_as_the_store_whoever_serves_it() -> None:
    async def story(cluster: Cluster) -> None:
        writer, reader = await cluster.client("writer"), await cluster.client("reader", first=1)
        for i in range(20):
            await writer.create(config_map(f"c{i:02}"))
            assert f"c{i:02}" in names(await reader.list("ConfigMap"))
        await asyncio.gather(*(writer.create(config_map(f"d{i}")) for i in range(5)))
        answers = await asyncio.gather(*(reader.list("ConfigMap") for _ in range(10)))
        assert all(len(answer["items"]) == 25 for answer in answers)

    simulate(story, apiservers=2)


def test_a_lagging_member_is_left_for_another() -> None:
    async def story(cluster: Cluster) -> None:
        writer, reader = await cluster.client("writer"), await cluster.client("reader", first=1)
        await writer.create(config_map("a"))
        assert names(await reader.list("ConfigMap")) == ["a"]
        cluster.store.frozen.add("store-1")
        await writer.create(config_map("b"))
        assert names(await reader.list("ConfigMap", resource_version="0")) == ["a"]
        assert names(await reader.list("ConfigMap")) == ["a", "b"]
        assert reader.server == "apiserver-1"

    world = simulate(story, apiservers=2)
    assert [r[5]["member"] for r in world.notes("watch-cache") if r[5]["event"] == "lags"] == ["store-1"]


def test_watch_tells_each_change_once_and_in_order() -> None:
    async def story(cluster: Cluster) -> None:
        client, other = await cluster.client(), await cluster.client("other", first=1)
        made = await client.create(pod("web-1"))
        all_pods = Watching(other, "Pod", resource_version=made["metadata"]["resourceVersion"])
        webs = Watching(other, "Pod", labels="app=web", resource_version="")
        here = Watching(other, "Pod", fields="spec.nodeName=worker-0", resource_version="0")
        await asyncio.sleep(1)
        await client.create(pod("db-1"))
        await client.bind("default", "web-1", "worker-0")
        await client.patch("Pod", "web-1", {"metadata": {"labels": {"app": "released"}}}, namespace="default")
        await client.delete("Pod", "web-1", "default", grace=0)
        await asyncio.sleep(1)
        assert all_pods.seen() == [("ADDED", "db-1"), *[("MODIFIED", "web-1")] * 2, ("DELETED", "web-1")]
        assert webs.seen() == [("ADDED", "web-1"), ("MODIFIED", "web-1"), ("DELETED", "web-1")]
        assert here.seen() == [("ADDED", "web-1"), ("MODIFIED", "web-1"), ("DELETED", "web-1")]
        revisions = [int(e["object"]["metadata"]["resourceVersion"]) for e in all_pods.events]
        assert revisions == sorted(set(revisions))
        deleted = webs.events[2]["object"]
        assert deleted["metadata"]["labels"] == {"app": "web"}

    simulate(story, apiservers=2)


def test_bookmarks_move_quiet_watches_on() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        start = (await client.list("Node"))["metadata"]["resourceVersion"]
        quiet = Watching(client, "Node", resource_version=start)
        for i in range(30):
            await client.create(config_map(f"c{i}"))
        await asyncio.sleep(cluster.timing.bookmark + 0.5)
        last = (await client.list("ConfigMap"))["metadata"]["resourceVersion"]
        assert [e["type"] for e in quiet.events] == ["BOOKMARK"]
        assert quiet.events[0]["object"]["metadata"]["resourceVersion"] == last
        assert quiet.events[0]["object"]["kind"] == "Node"
        await asyncio.sleep(3 * cluster.timing.bookmark)
        assert len(quiet.events) == 1

    simulate(story)


def test_too_old_and_too_new() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        first = await client.create(config_map("c"))
        page = await client.list("ConfigMap", limit=1, resource_version="0")
        await client.create(config_map("b"))
        page = await client.list("ConfigMap", limit=1)
        for i in range(12):
            await client.patch("ConfigMap", "c", {"data": {"i": str(i)}}, namespace="default")
        late = Watching(client, "ConfigMap", resource_version=first["metadata"]["resourceVersion"])
        await asyncio.sleep(1)
        assert late.error is not None
        assert late.error.reason == "Expired"
        with pytest.raises(StatusError) as caught:
            await client.list("ConfigMap", limit=1, continue_=page["metadata"]["continue"])
        assert caught.value.reason == "Expired"
        early = Watching(client, "ConfigMap", resource_version="100000")
        await asyncio.sleep(2 * cluster.timing.request_timeout)
        assert early.error is not None
        assert early.error.message.startswith("Too large resource version")

    simulate(story, window=10)


def test_a_store_that_has_compacted_ends_the_watches() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(config_map("a"))
        watch = Watching(client, "ConfigMap", resource_version="0")
        await asyncio.sleep(1)
        rule = [await cluster.world.fault(r) for r in partition_groups([("master-0",), ("master-9", "desk")])]
        cluster.store.frozen.add("store-0")
        for i in range(10):
            cluster.store.space.put(b"elsewhere", str(i).encode())
        cluster.store.space.compact(cluster.store.space.revision)
        await cluster.world.restart("store-0")
        cluster.store.thaw()
        for each in rule:
            await cluster.world.heal(each)
        await asyncio.sleep(10)
        assert watch.error is not None
        assert watch.error.reason in ("Expired", "StreamBroken")
        assert names(await client.list("ConfigMap")) == ["a"]

    simulate(story)


def test_a_restarted_apiserver_serves_what_it_can_read() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(config_map("a"))
        await cluster.world.restart("apiserver-0")
        assert names(await client.list("ConfigMap")) == ["a"]
        cluster.store.refuse = True
        with pytest.raises(StatusError) as caught:
            await client.list("ConfigMap")
        assert caught.value.reason in ("ServiceUnavailable", "Timeout")
        assert names(await client.list("ConfigMap", resource_version="0")) == ["a"]
        assert await client.ready()

    simulate(story)


class Counted(bytes):
    """Knows how many of its kind there are."""

    living = 0

    def __new__(cls, *data: Any) -> Counted:
        cls.living += 1
        return super().__new__(cls, *data)

    def __del__(self) -> None:
        type(self).living -= 1


def test_a_watch_that_goes_on_keeps_nothing_of_what_it_has_told() -> None:
    """Informers watch for as long as they live: what they began with must not be kept for so long."""
    told: list[int] = []
    codec = Codec("counted", lambda type, obj: Counted(type, "ascii"), lambda obj: b"")
    reader = Reader(lambda events: told.append(len(events)), codec)

    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        for i in range(20):
            await client.create(config_map(f"c{i}"))
        host = await cluster.world.join("apiserver-9", "master-0")
        server = Apiserver(host, component.Config(store=("store-0",), prefer="store-0", timing=TIMING))
        running = asyncio.ensure_future(server.run())
        watch = asyncio.ensure_future(server.reads.watch(KINDS["ConfigMap"], Arguments({}), reader))
        await asyncio.sleep(1)
        assert told == [20]
        assert Counted.living == 0
        assert not watch.done()
        for task in (watch, running):
            task.cancel()
        await asyncio.gather(watch, running, return_exceptions=True)

    simulate(story)
