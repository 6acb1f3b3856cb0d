"""The controller manager on real stores and apiservers: its stories again, ways of deletion, zones, endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cluster.api import meta, views
from tests.cluster.apiserver.cluster import config_map, deployment, pod, service
from tests.cluster.apiserver.real import Object, Real, on_real_store, refused
from tests.cluster.controllers import test_manager
from tests.cluster.controllers.test_manager import Scene

STORIES = (
    test_manager.test_a_rollout_outlives_its_leader,
    test_manager.test_the_failover_chain_keeps_its_times,
    test_manager.test_a_namespace_goes_with_all_that_is_in_it,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
def test_on_the_real_store_too(story: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_manager, "simulate", on_real_store)
    story()


async def running(real: Real, *nodes: str, replicas: int = 3) -> tuple[Scene, asyncio.Task[None]]:
    """A Deployment "web" that is available on these nodes."""
    scene = await Scene.open(real)  # type: ignore[arg-type]
    await scene.join(*nodes)
    town = asyncio.create_task(scene.live(*nodes))
    await scene.client.create(deployment("web", replicas))

    async def up() -> bool:
        return await scene.available("web") == replicas

    await scene.until(up)
    return scene, town


@pytest.mark.parametrize("way", ["Background", "Foreground", "Orphan", ""])
def test_ways_of_deletion(way: str) -> None:
    """Who goes first, and who stays: Deployment, ReplicaSet and pods. Background is what happens unasked."""

    async def story(real: Real) -> None:
        scene, town = await running(real, "n0", "n1")
        client = scene.client
        stranger = await client.create(pod("stranger"))
        order: list[str] = []

        async def follow(kind: str) -> None:
            async with client.watch(kind, "default", resource_version="") as events:
                async for event in events:
                    if event["type"] == "DELETED" and meta.name_of(event["object"]) != "stranger":
                        order.append(kind)

        following = [asyncio.create_task(follow(kind)) for kind in ("Deployment", "ReplicaSet", "Pod")]
        await asyncio.sleep(0.1)
        before = {meta.uid_of(p): p for p in await scene.items("Pod")}
        await client.delete("Deployment", "web", "default", propagation=way)

        async def settled() -> bool:
            owners = [] if way == "Orphan" else [*await scene.items("ReplicaSet"), *await scene.items("Pod")]
            return await scene.items("Deployment") == [] and [meta.name_of(o) for o in owners] in ([], ["stranger"])

        await scene.until(settled)
        await asyncio.sleep(5)
        if way == "Orphan":
            (left,) = await scene.items("ReplicaSet")
            assert meta.owners_of(left) == []
            assert {meta.uid_of(p) for p in await scene.items("Pod")} == set(before)
            assert order == ["Deployment"]
        elif way == "Foreground":
            assert order == ["Pod"] * 3 + ["ReplicaSet", "Deployment"]
        else:
            assert order == ["Deployment", "ReplicaSet"] + ["Pod"] * 3
        assert (await client.get("Pod", "stranger", "default"))["metadata"]["uid"] == stranger["metadata"]["uid"]
        for task in (town, *following):
            task.cancel()

    on_real_store(story)


def test_what_has_two_owners_lives_as_long_as_one_of_them() -> None:
    async def story(real: Real) -> None:
        scene = await Scene.open(real)  # type: ignore[arg-type]
        client = scene.client
        owners = [await client.create(config_map(f"owner-{i}")) for i in range(2)]
        child = config_map("child")
        child["metadata"]["ownerReferences"] = [meta.owner_reference(owner, controller=False) for owner in owners]
        await client.create(child)
        await client.delete("ConfigMap", "owner-0", "default")

        async def freed() -> bool:
            return len(meta.owners_of(await client.get("ConfigMap", "child", "default"))) == 1

        await scene.until(freed)
        await client.delete("ConfigMap", "owner-1", "default")

        async def swept() -> bool:
            return [meta.name_of(o) for o in await scene.items("ConfigMap")] == []

        await scene.until(swept)

    on_real_store(story)


def test_a_pod_whose_label_is_changed_is_set_free_and_taken_back() -> None:
    """The ReplicaSet makes another; the Service's slices follow the labels and readiness at once."""

    async def story(real: Real) -> None:
        scene, town = await running(real, "n0", "n1")
        client = scene.client
        await client.create(service("web", selector={"app": "web"}))

        async def served() -> dict[str, bool]:
            slices = [
                s
                for s in await scene.items("EndpointSlice")
                if s["metadata"]["labels"].get("kubernetes.io/service-name") == "web"
            ]
            return {e["targetRef"]["name"]: e["conditions"]["ready"] for s in slices for e in s["endpoints"]}

        def serves(*expected: str) -> Callable[[], Awaitable[bool]]:
            async def holds() -> bool:
                return sorted(name for name, ready in (await served()).items() if ready) == sorted(expected)

            return holds

        names = [meta.name_of(p) for p in await scene.items("Pod")]
        await scene.until(serves(*names), 5.0)
        legacy = await client.get("Endpoints", "web", "default")
        assert len(legacy["subsets"][0]["addresses"]) == 3
        loose = names[0]
        await client.patch("Pod", loose, {"metadata": {"labels": {"app": "loose"}}}, namespace="default")

        async def replaced() -> bool:
            found = {meta.name_of(p): p for p in await scene.items("Pod")}
            return len(found) == 4 and meta.controller_of(found[loose]) is None

        await scene.until(replaced)
        await scene.until(
            serves(*(meta.name_of(p) for p in await scene.items("Pod") if meta.name_of(p) != loose)), 10.0
        )
        # Its label back: adopted, and one too many goes.
        await client.patch("Pod", loose, {"metadata": {"labels": {"app": "web"}}}, namespace="default")

        async def level() -> bool:
            found = [p for p in await scene.items("Pod") if not meta.deleting(p)]
            return len(found) == 3 and all(meta.controller_of(p) for p in found)

        await scene.until(level)
        # One that says it is not ready leaves the ready ones.
        (sick, *_) = [meta.name_of(p) for p in await scene.items("Pod") if not meta.deleting(p)]
        town.cancel()
        not_ready = {"type": "Ready", "status": "False", "lastTransitionTime": meta.timestamp(real.world.time())}
        await client.patch(
            "Pod", sick, {"status": {"conditions": [not_ready]}}, namespace="default", subresource="status"
        )

        async def left() -> bool:
            return (await served()).get(sick) is False

        await scene.until(left, 5.0)
        legacy = await client.get("Endpoints", "web", "default")
        assert [a["targetRef"]["name"] for a in legacy["subsets"][0]["notReadyAddresses"]] == [sick]
        await client.delete("Service", "web", "default")

        async def none() -> bool:
            return await served() == {} and "web" not in [meta.name_of(o) for o in await scene.items("Endpoints")]

        await scene.until(none, 20.0)
        await refused(client.get("Endpoints", "web", "default"), "NotFound")

    on_real_store(story)


async def tainted(scene: Scene, effect: str) -> list[str]:
    return [
        meta.name_of(node)
        for node in (await scene.client.list("Node"))["items"]
        if any(t["effect"] == effect and t["key"].endswith(("unreachable", "not-ready")) for t in views.taints(node))
    ]


def test_zones_and_rates() -> None:
    """Three of five nodes of zone a fall silent: nothing there is evicted, though no pod goes there any more. Two of
    four in zone b fall silent: evicted one after the other, ten seconds apart. All down: called off."""

    async def story(real: Real) -> None:
        scene = await Scene.open(real)  # type: ignore[arg-type]
        client = scene.client
        a, b = [f"a{i}" for i in range(5)], [f"b{i}" for i in range(4)]
        await scene.join(*a, *b)
        for name in a + b:
            zone = {"metadata": {"labels": {"topology.kubernetes.io/zone": name[0]}}}
            await client.patch("Node", name, zone)
        alive = [*a[:2], *b[:2]]

        async def beat() -> None:
            while True:
                await scene.renew(*alive)
                await asyncio.sleep(10)

        hearts = asyncio.create_task(beat())

        async def silent() -> bool:
            return await tainted(scene, "NoSchedule") == ["a2", "a3", "a4", "b2", "b3"]

        took = await scene.until(silent, 60)
        assert 38 < took < 45
        executed: dict[str, float] = {}
        start = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < start + 60:
            for name in await tainted(scene, "NoExecute"):
                executed.setdefault(name, asyncio.get_running_loop().time() - start)
            await asyncio.sleep(0.2)
        assert sorted(executed) == ["b2", "b3"]
        times = sorted(executed.values())
        assert 9.5 < times[1] - times[0] < 10.8
        alive.clear()
        await asyncio.sleep(60)
        assert await tainted(scene, "NoExecute") == [], "when all is down it is the masters that are cut off"
        alive.extend(a)

        async def back() -> bool:
            return sorted(await tainted(scene, "NoExecute")) == ["b0", "b1", "b2", "b3"]

        await scene.until(back, 150)
        assert (await tainted(scene, "NoSchedule"))[:1] == ["b0"]
        hearts.cancel()

    on_real_store(story)


def test_content_of_a_namespace_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods with grace and finalizers hold it; nothing new gets in; when it is gone the name is free again."""

    async def story(real: Real) -> None:
        scene = await Scene.open(real)  # type: ignore[arg-type]
        client = scene.client
        space: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
        await client.create(space)
        held = config_map("held", "team")
        held["metadata"]["finalizers"] = ["example.com/f"]
        await client.create(held)
        await client.create(pod("p", "team"))
        await client.bind("team", "p", "nowhere")
        made: Any = await client.create({**service("s"), "metadata": {"name": "s", "namespace": "team"}})
        await client.delete("Namespace", "team")
        await asyncio.sleep(10)
        found = await client.get("Namespace", "team")
        assert found["status"]["phase"] == "Terminating"
        await refused(client.create(config_map("late", "team")), "Forbidden")
        assert await scene.items("Service", "team") == []
        assert meta.deleting((await scene.items("Pod", "team"))[0])
        await client.delete("Pod", "p", "team", grace=0)
        await asyncio.sleep(5)
        assert meta.name_of(await client.get("Namespace", "team")) == "team"
        await client.patch("ConfigMap", "held", {"metadata": {"finalizers": None}}, namespace="team")

        async def gone() -> bool:
            return "team" not in [meta.name_of(o) for o in (await client.list("Namespace"))["items"]]

        await scene.until(gone)
        await client.create(space)
        heir = await client.create(service("heir", clusterIP=made["spec"]["clusterIP"]))
        assert heir["spec"]["clusterIP"] == made["spec"]["clusterIP"]

    on_real_store(story)
