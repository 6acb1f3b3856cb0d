"""The controller manager in the sim: real apiservers, real election, a scheduler and kubelets in a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from cluster.api import meta, views
from cluster.client.client import Client
from cluster.controllers import manager
from cluster.errors import StatusError
from tests.cluster.apiserver.cluster import TIMING, Cluster, deployment, service, simulate

Object = dict[str, Any]


class Scene:
    """Two managers, and what else a cluster needs, played by the test."""

    def __init__(self, cluster: Cluster, client: Client) -> None:
        self.cluster = cluster
        self.client = client
        self.dead: list[str] = []

    @classmethod
    async def open(cls, cluster: Cluster) -> Scene:
        for i in range(2):
            order = cluster.apiservers[i:] + cluster.apiservers[:i]
            config = manager.Config(order, TIMING)
            name = f"controller-manager-{i}"
            cluster.world.add(name, f"master-{i}", partial(manager.run, config=config))
        return cls(cluster, await cluster.client())

    async def until(self, holds: Callable[[], Awaitable[bool]], limit: float = 60.0) -> float:
        """Seconds of virtual time that it took."""
        started = asyncio.get_running_loop().time()
        async with asyncio.timeout(limit):
            while not await holds():  # noqa: ASYNC110 (it asks an apiserver; time is virtual)
                await asyncio.sleep(0.1)
        return asyncio.get_running_loop().time() - started

    async def items(self, kind: str, namespace: str = "default") -> list[Object]:
        return list((await self.client.list(kind, namespace))["items"])

    async def join(self, *names: str) -> None:
        for name in names:
            await self.client.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        await self.renew(*names)

    async def renew(self, *names: str) -> None:
        """What a kubelet says of itself every ten seconds."""
        for name in names:
            now = meta.micro_timestamp(self.cluster.world.time())
            if name in [meta.name_of(o) for o in await self.items("Lease", "kube-node-lease")]:
                patch = {"spec": {"renewTime": now}}
                await self.client.patch("Lease", name, patch, namespace="kube-node-lease")
            else:
                await self.client.create(await self._lease(name, now))
            ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": now, "lastTransitionTime": now}
            await self.client.patch("Node", name, {"status": {"conditions": [ready]}}, subresource="status")

    async def _lease(self, name: str, now: str) -> Object:
        owner = meta.owner_reference(await self.client.get("Node", name), controller=False)
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease", "ownerReferences": [owner]},
            "spec": {"holderIdentity": name, "renewTime": now, "leaseDurationSeconds": 40},
        }

    async def live(self, *nodes: str) -> None:
        """Scheduler and kubelets for ever: bind, run, and let go of what is deleted."""
        turn = 0
        while True:
            for pod in await self.items("Pod", ""):
                try:
                    turn += await self._advance(pod, [n for n in nodes if n not in self.dead], turn)
                except StatusError as error:
                    if error.reason not in ("NotFound", "Conflict"):  # others have been there first
                        raise
            await asyncio.sleep(0.2)

    async def _advance(self, pod: Object, alive: list[str], turn: int) -> int:
        place = (meta.name_of(pod), meta.namespace_of(pod))
        where = views.pod_node(pod)
        if not where:
            await self.client.bind(place[1], place[0], alive[turn % len(alive)])
            return 1
        if where in alive and meta.deleting(pod):
            await self.client.delete("Pod", *place, grace=0)
        elif where in alive and not views.pod_ready(pod):
            now = meta.timestamp(self.cluster.world.time())
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
            ip = f"127.77.16.{meta.revision_of(pod) % 250}"
            status = {"phase": "Running", "podIP": ip, "conditions": [ready]}
            await self.client.patch("Pod", place[0], {"status": status}, namespace=place[1], subresource="status")
        return 0

    async def available(self, name: str) -> int:
        found = await self.client.get("Deployment", name, "default")
        return int((found.get("status") or {}).get("availableReplicas") or 0)

    def leader(self) -> str:
        roles = [r for r in self.cluster.world.notes("role") if r[5]["role"] == "leader"]
        return str(roles[-1][2])


async def _rollout(cluster: Cluster) -> None:
    scene = await Scene.open(cluster)
    client = scene.client
    async with asyncio.TaskGroup() as group:
        await scene.join("n0", "n1")
        town = group.create_task(scene.live("n0", "n1"))
        await client.create(service("web", selector={"app": "web"}))
        await client.create(deployment("web", 3))

        async def up() -> bool:
            return await scene.available("web") == 3

        await scene.until(up)

        async def served() -> bool:
            listed = [len(s["endpoints"]) for s in await scene.items("EndpointSlice")]
            return 3 in listed

        await scene.until(served, 2.0)

        # The leader dies in the middle of an update; the other one finishes it.
        image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:2"}]
        await client.patch("Deployment", "web", image, type="json", namespace="default")
        first = scene.leader()
        await cluster.world.crash(first)

        async def updated() -> bool:
            images = [p["spec"]["containers"][0]["image"] for p in await scene.items("Pod")]
            return images == ["nginx:2"] * 3 and await up()

        await scene.until(updated)
        assert scene.leader() != first

        await client.delete("Deployment", "web", "default", propagation="Foreground")

        async def swept() -> bool:
            kinds = ("Deployment", "ReplicaSet", "Pod")
            return not [o for kind in kinds for o in await scene.items(kind)]

        await scene.until(swept)
        town.cancel()


def test_a_rollout_outlives_its_leader() -> None:
    world = simulate(_rollout, apiservers=2)
    assert world.notes("failure") == []


async def _failover(cluster: Cluster, steps: dict[str, float]) -> None:
    scene = await Scene.open(cluster)
    client = scene.client
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        await scene.join("n0", "n1", "n2")
        town = group.create_task(scene.live("n0", "n1", "n2"))
        web = deployment("web", 3)
        patience = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20}
        keys = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        web["spec"]["template"]["spec"]["tolerations"] = [{"key": key, **patience} for key in keys]
        await client.create(web)

        async def up() -> bool:
            return await scene.available("web") == 3

        await scene.until(up)
        await scene.renew("n0", "n1", "n2")
        silent_since = loop.time()
        scene.dead.append("n0")

        async def beat() -> None:
            while True:
                await asyncio.sleep(10)
                await scene.renew("n1", "n2")

        hearts = group.create_task(beat())

        async def detected() -> bool:
            found = meta.condition(await client.get("Node", "n0"), "Ready")
            return found is not None and found["status"] == "Unknown"

        async def tainted() -> bool:
            taints = views.taints(await client.get("Node", "n0"))
            return any(t["effect"] == "NoExecute" for t in taints)

        async def evicted() -> bool:
            return any(meta.deleting(p) for p in await scene.items("Pod") if views.pod_node(p) == "n0")

        async def replaced() -> bool:
            ready = [p for p in await scene.items("Pod") if views.pod_ready(p) and views.pod_node(p) != "n0"]
            return len(ready) == 3

        for name, step in (("detected", detected), ("tainted", tainted), ("evicted", evicted), ("replaced", replaced)):
            await scene.until(step, 400)
            steps[name] = loop.time() - silent_since

        # The machine never comes back: its node is removed, and what still names it goes with it.
        await client.delete("Node", "n0")

        async def forgotten() -> bool:
            leases = [meta.name_of(o) for o in await scene.items("Lease", "kube-node-lease")]
            return "n0" not in leases and not any(views.pod_node(p) == "n0" for p in await scene.items("Pod"))

        await scene.until(forgotten, 120)
        hearts.cancel()
        town.cancel()


def test_the_failover_chain_keeps_its_times() -> None:
    """Unknown after the grace of 40 s, tainted at once, evicted 20 s later (as tolerated), replaced at once."""
    steps: dict[str, float] = {}
    simulate(partial(_failover, steps=steps), apiservers=2)
    assert 40 <= steps["detected"] < 41
    assert steps["tainted"] - steps["detected"] < 0.5
    assert 19.5 < steps["evicted"] - steps["detected"] < 21
    assert steps["replaced"] - steps["evicted"] < 1.5


async def _namespace(cluster: Cluster) -> None:
    scene = await Scene.open(cluster)
    client = scene.client
    await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    for i in range(3):
        where = {"name": f"c{i}", "namespace": "team"}
        await client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": where})
    await client.delete("Namespace", "team")

    async def gone() -> bool:
        names = [meta.name_of(o) for o in (await client.list("Namespace"))["items"]]
        return "team" not in names

    await scene.until(gone)
    assert await scene.items("ConfigMap", "team") == []


def test_a_namespace_goes_with_all_that_is_in_it() -> None:
    simulate(_namespace)
