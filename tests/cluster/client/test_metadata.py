"""All kinds in one list and one watch: what is told, in which order, over breaks; and namespaces emptied in one go."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.api.kinds import kind_key
from cluster.api.meta import key_of, revision_of
from cluster.client.informer import InformerSet
from cluster.errors import StatusError
from tests.cluster.apiserver.cluster import Cluster, config_map, deployment, pod, simulate

Object = dict[str, Any]


class Told:
    """Every change that a set of informers tells of kinds that nobody watches by name."""

    def __init__(self, informers: InformerSet, but: tuple[str, ...] = ("Event", "Namespace")) -> None:
        self.informers = informers
        self.changes: list[tuple[str, str, int]] = []
        self.known: dict[tuple[str, str], Object] = {}
        informers.add_rest(but).on_change(self.changed)
        self.task = asyncio.create_task(informers.run())

    def changed(self, kind: str, old: Object | None, new: Object | None) -> None:
        obj = new or old or {}
        place = (kind, key_of(obj))
        assert self.known.get(place) == old
        if new is None:
            del self.known[place]
        else:
            assert set(new) == {"apiVersion", "kind", "metadata"}
            self.known[place] = new
        self.changes.append((kind, key_of(obj), revision_of(obj)))


def test_all_kinds_are_told_in_the_stores_order_and_only_their_metadata() -> None:
    async def story(cluster: Cluster) -> None:
        writer = await cluster.client("writer")
        await writer.create(config_map("before", secret="yes"))
        informers = InformerSet(await cluster.client(), cluster.timing)
        informers.add("Pod")
        told = Told(informers)
        await informers.wait_synced()
        assert ("ConfigMap", "default/before") in told.known
        told.changes.clear()
        await writer.create(deployment("web"))
        await writer.create(pod("watched-by-name"))
        await writer.create(config_map("after"))
        await writer.delete("ConfigMap", "before", "default")
        await writer.patch("Deployment", "web", {"metadata": {"labels": {"a": "b"}}}, namespace="default")
        await asyncio.sleep(0.1)
        names = [(kind, key) for kind, key, _ in told.changes]
        assert names == [
            ("Deployment", "default/web"),
            ("ConfigMap", "default/after"),
            ("ConfigMap", "default/before"),
            ("Deployment", "default/web"),
        ]
        assert informers.cache.get("Deployment", "default", "web") == told.known["Deployment", "default/web"]
        assert set(informers.cache.get("Pod", "default", "watched-by-name") or {}) > {"spec"}

    simulate(story)


def test_it_follows_over_breaks_and_lists_again_when_it_was_away_too_long() -> None:
    async def story(cluster: Cluster) -> None:
        writer = await cluster.client("writer", first=1)
        informers = InformerSet(await cluster.client(), cluster.timing)
        told = Told(informers)
        await informers.wait_synced()
        await cluster.world.crash("apiserver-0")
        for i in range(3):
            await writer.create(config_map(f"a{i}"))
        await asyncio.sleep(10)
        assert len([place for place in told.known if place[0] == "ConfigMap"]) == 3
        await cluster.world.pause("tester")
        for i in range(12):  # more than the window of 5 holds
            await writer.create(config_map(f"b{i}"))
        await writer.delete("ConfigMap", "a0", "default")
        await cluster.world.crash("apiserver-1")
        await cluster.world.restart("apiserver-0")
        await asyncio.sleep(5)
        await cluster.world.resume("tester")
        await asyncio.sleep(20)
        live = await (await cluster.client("reader")).list_all(("Event", "Namespace"))
        assert told.known == {(kind_key(obj), key_of(obj)): obj for obj in live["items"]}
        assert ("ConfigMap", "default/a0") not in told.known

    simulate(story, apiservers=2, window=5)


def test_a_quiet_watch_is_told_how_far_it_is() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        start = (await client.list_all())["metadata"]["resourceVersion"]
        async with client.watch_all(("ConfigMap",), resource_version=start) as events:
            made = await client.create(config_map("a"))
            event = await anext(events)
        assert event["type"] == "BOOKMARK"
        assert revision_of(event["object"]) == revision_of(made)

    simulate(story)


def test_a_namespace_is_emptied_of_all_kinds_and_says_what_was_there() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
        held = config_map("held", "team")
        held["metadata"]["finalizers"] = ["example.com/held"]
        await client.create(held)
        await client.create(config_map("free", "team"))
        await client.create(pod("p", "team"))
        await client.create(config_map("elsewhere"))
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        await client.create({**lease, "metadata": {"name": "last", "namespace": "team"}, "spec": {}})
        assert await client.purge("team") == {"Pod": 1, "ConfigMap": 2}
        assert await client.purge("team") == {"ConfigMap": 1}
        assert (await client.list("Lease", "team"))["items"] != []
        await client.patch("ConfigMap", "held", {"metadata": {"finalizers": None}}, namespace="team")
        assert await client.purge("team") == {"Lease": 1}
        assert await client.purge("team") == {}
        assert [key_of(obj) for obj in (await client.list("ConfigMap"))["items"]] == ["default/elsewhere"]
        with pytest.raises(StatusError, match="namespace is required"):
            await client.purge("")

    simulate(story)
