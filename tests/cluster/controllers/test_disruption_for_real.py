"""The disruption controller and evictions together, on real stores and apiservers: a drain never leaves too few."""

from __future__ import annotations

import asyncio

from cluster.api import meta, views
from cluster.errors import StatusError
from tests.cluster.apiserver.real import Object, Real, on_real_store
from tests.cluster.controllers.test_manager_for_real import running


def guard(**spec: object) -> Object:
    metadata = {"name": "guard", "namespace": "default"}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


def test_a_drain_waits_for_the_budget() -> None:
    """All three pods are evicted, as soon as each may: two are ready at every moment, and all come back elsewhere."""

    async def story(real: Real) -> None:
        scene, town = await running(real, "n0", "n1")
        client = scene.client
        await client.create(guard(maxUnavailable=1))

        async def counted() -> bool:
            status = (await client.get("PodDisruptionBudget", "guard", "default")).get("status") or {}
            return bool(status.get("disruptionsAllowed") == 1 and status.get("expectedPods") == 3)

        await scene.until(counted)
        fewest, refusals = 3, 0

        async def look() -> None:
            nonlocal fewest
            async with client.watch("Pod", "default", resource_version="") as events:
                pods: dict[str, Object] = {}
                async for event in events:
                    pods[meta.uid_of(event["object"])] = event["object"]
                    if event["type"] == "DELETED":
                        del pods[meta.uid_of(event["object"])]
                    standing = [p for p in pods.values() if views.pod_ready(p) and not meta.deleting(p)]
                    if len(pods) >= 3:
                        fewest = min(fewest, len(standing))

        async def evicted(name: str) -> None:
            nonlocal refusals
            while True:
                try:
                    await client.evict("default", name)
                    return
                except StatusError as error:
                    if error.reason != "TooManyRequests":
                        raise
                    refusals += 1
                    await asyncio.sleep(0.5)

        looking = asyncio.create_task(look())
        before = [meta.name_of(p) for p in await scene.items("Pod")]
        async with asyncio.timeout(60):
            await asyncio.gather(*(evicted(name) for name in before))

        async def back() -> bool:
            now = [meta.name_of(p) for p in await scene.items("Pod")]
            return await scene.available("web") == 3 and not set(before) & set(now)

        await scene.until(back)
        await scene.until(counted)
        assert fewest == 2
        assert refusals > 0
        for task in (town, looking):
            task.cancel()

    on_real_store(story)


def test_a_budget_follows_the_size_of_the_deployment() -> None:
    async def story(real: Real) -> None:
        scene, town = await running(real, "n0", "n1")
        client = scene.client
        await client.create(guard(minAvailable="50%"))

        async def status(expected: int, desired: int, allowed: int) -> bool:
            found = (await client.get("PodDisruptionBudget", "guard", "default")).get("status") or {}
            numbers = tuple(found.get(n) for n in ("expectedPods", "desiredHealthy", "disruptionsAllowed"))
            return numbers == (expected, desired, allowed)

        await scene.until(lambda: status(3, 2, 1))
        await client.scale("Deployment", "web", "default", 6)
        await scene.until(lambda: status(6, 3, 3))
        await client.patch("PodDisruptionBudget", "guard", {"spec": {"minAvailable": 6}}, namespace="default")
        await scene.until(lambda: status(6, 6, 0))
        town.cancel()

    on_real_store(story)
