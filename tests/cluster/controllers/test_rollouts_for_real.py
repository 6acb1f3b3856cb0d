"""Deployments on real stores and apiservers: history, deadline, and what is tried again with growing waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise

from cluster.api import meta
from tests.cluster.apiserver.cluster import deployment
from tests.cluster.apiserver.real import Object, Real, on_real_store, pause
from tests.cluster.controllers.test_manager import Scene
from tests.cluster.controllers.test_manager_for_real import running


def image_of(obj: Object) -> str:
    return str(obj["spec"]["template"]["spec"]["containers"][0]["image"])


async def set_image(scene: Scene, image: str) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    await scene.client.patch("Deployment", "web", patch, namespace="default", type="strategic")


def rolled_out(scene: Scene, image: str, replicas: int) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        found = await scene.client.get("Deployment", "web", "default")
        status = found.get("status") or {}
        counts = [status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        done = status.get("observedGeneration") == meta.generation_of(found) and image_of(found) == image
        return done and counts == [replicas] * 3

    return holds


def test_old_revisions_are_kept_up_to_the_limit() -> None:
    """revisionHistoryLimit 2: four images, two old ReplicaSets; going back to one of them is a new revision of it."""

    async def story(real: Real) -> None:
        scene, town = await running(real, "n0", "n1", replicas=2)
        await scene.client.patch("Deployment", "web", {"spec": {"revisionHistoryLimit": 2}}, namespace="default")
        for n in (2, 3, 4):
            await set_image(scene, f"nginx:{n}")
            await scene.until(rolled_out(scene, f"nginx:{n}", 2))

        async def revisions() -> dict[str, str]:
            sets = await scene.items("ReplicaSet")
            return {image_of(rs): meta.annotations_of(rs)["deployment.kubernetes.io/revision"] for rs in sets}

        async def kept() -> bool:
            return await revisions() == {"nginx:2": "2", "nginx:3": "3", "nginx:4": "4"}

        await scene.until(kept, 10)
        hashes = {rs["metadata"]["labels"]["pod-template-hash"] for rs in await scene.items("ReplicaSet")}
        assert len(hashes) == 3
        await set_image(scene, "nginx:2")
        await scene.until(rolled_out(scene, "nginx:2", 2))
        assert await revisions() == {"nginx:2": "5", "nginx:3": "3", "nginx:4": "4"}
        town.cancel()

    on_real_store(story)


def test_no_progress_within_the_deadline_is_said_and_taken_back() -> None:
    async def story(real: Real) -> None:
        scene, town = await running(real, "n0", "n1", replicas=2)
        client = scene.client
        town.cancel()  # from here on no pod gets ready
        await client.patch("Deployment", "web", {"spec": {"progressDeadlineSeconds": 30}}, namespace="default")
        await set_image(scene, "nginx:2")

        async def given_up() -> bool:
            found = meta.condition(await client.get("Deployment", "web", "default"), "Progressing") or {}
            return (found.get("status"), found.get("reason")) == ("False", "ProgressDeadlineExceeded")

        took = await scene.until(given_up, 60)
        assert 29 <= took <= 33
        assert await scene.available("web") == 2, "the old ones serve on"
        await set_image(scene, "nginx:1.25")

        async def well() -> bool:
            found = meta.condition(await client.get("Deployment", "web", "default"), "Progressing") or {}
            return found.get("status") == "True"

        await scene.until(well, 20)

    on_real_store(story)


def test_what_is_refused_is_tried_again_with_growing_waits() -> None:
    """Pods of a priority class that does not exist: refused; an Event says why; when the class is there, they come."""

    async def story(real: Real) -> None:
        scene = await Scene.open(real)  # type: ignore[arg-type]
        client = scene.client
        web = deployment("web", 1)
        web["spec"]["template"]["spec"]["priorityClassName"] = "high"
        await client.create(web)
        await pause(30)
        tried = [r[0] for r in real.world.notes("send") if r[5] == "pod.create"]
        waits = [later - earlier for earlier, later in pairwise(tried)]
        assert 8 < len(tried) < 30
        assert waits[-1] > 3, "about as long as all before it"
        assert all(later < 5 * earlier + 0.1 for earlier, later in pairwise(waits)), waits
        events = [e for e in await scene.items("Event") if e["reason"] == "FailedCreate"]
        assert events
        assert all("no PriorityClass with name high was found" in e["message"] for e in events)
        (rs,) = await scene.items("ReplicaSet")
        failure = meta.condition(rs, "ReplicaFailure")
        assert failure is not None
        assert (failure["status"], failure["reason"]) == ("True", "FailedCreate")
        high = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 7}
        await client.create(high)

        async def there() -> bool:
            return [p["spec"]["priority"] for p in await scene.items("Pod")] == [7]

        await scene.until(there, 60)

    on_real_store(story)
