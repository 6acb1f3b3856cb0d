"""Things go as they were asked to: in the background, in the foreground, alone, with their namespace, or not yet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.api.kinds import KINDS
from cluster.api.meta import deleting, finalizers_of, name_of, owners_of, uid_of
from cluster.errors import StatusError
from tests.scenarios.clusters import NGINX, Cluster, manifest, tell

Object = dict[str, Any]


async def running(c: Cluster) -> None:
    await c.apply("deployment-nginx")
    await c.until(lambda: c.settled(NGINX, 2) and c.rolled_out(), "nginx runs")


def gone(c: Cluster) -> bool:
    return not any(c.chronicle.kind(kind) for kind in ("Deployment", "ReplicaSet", "Pod"))


def order(c: Cluster) -> list[str]:
    """Kinds in the order in which the last of each went."""
    last = {e.kind: i for i, e in enumerate(c.chronicle.events) if e.type == "DELETED"}
    return sorted((k for k in last if k in ("Deployment", "ReplicaSet", "Pod")), key=lambda k: last[k])


def config_map(name: str, namespace: str = "default", **metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, **metadata}}


async def exists(c: Cluster, kind: str, name: str, namespace: str = "default") -> bool:
    listed = await c.client.list(kind, namespace, fields=f"metadata.name={name}")
    return len(listed["items"]) == 1


async def vanishes(c: Cluster, kind: str, name: str, namespace: str = "default", within: float = 30.0) -> None:
    for _ in range(int(within / 0.1)):
        if not await exists(c, kind, name, namespace):
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"{kind} {namespace}/{name} is still there after {within:g} s")


def test_in_the_background_the_owner_goes_first() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        await c.client.delete("Deployment", "nginx", "default", propagation="Background")
        await c.until(lambda: gone(c), "all of it is gone")
        assert order(c)[0] == "Deployment"
        assert all(c.containers(f"worker-{i}") == [] for i in range(3))
        assert c.get("Service", "nginx")["spec"]["clusterIP"]
        await c.until(lambda: c.addresses() == [], "the Service stays, without endpoints")

    tell(story)


def test_in_the_foreground_the_owner_goes_last() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        answer = await c.client.delete("Deployment", "nginx", "default", propagation="Foreground")
        assert deleting(answer)
        assert finalizers_of(answer) == ["foregroundDeletion"]
        await c.until(lambda: gone(c), "all of it is gone")
        assert order(c) == ["Pod", "ReplicaSet", "Deployment"]

    tell(story)


def test_orphans_live_on() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        pods, sets = c.pods(), c.chronicle.kind("ReplicaSet")
        await c.client.delete("Deployment", "nginx", "default", propagation="Orphan")
        await c.until(lambda: not c.chronicle.kind("Deployment"), "the Deployment is gone")
        await asyncio.sleep(20.0)
        assert [uid_of(pod) for pod in c.pods()] == [uid_of(pod) for pod in pods]
        assert [uid_of(rs) for rs in c.chronicle.kind("ReplicaSet")] == [uid_of(rs) for rs in sets]
        assert owners_of(c.chronicle.kind("ReplicaSet")[0]) == []
        # A Deployment of the same kind takes them over as they are.
        await c.seen(await c.client.create(manifest("deployment-nginx")[0]))
        await c.until(lambda: c.rolled_out() and c.settled(NGINX, 2), "adopted")
        assert [uid_of(pod) for pod in c.pods()] == [uid_of(pod) for pod in pods]
        assert len(c.chronicle.kind("ReplicaSet")) == 1

    tell(story)


def test_a_namespace_takes_everything_in_it_along() -> None:
    async def story(c: Cluster) -> None:
        await c.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        for obj in (*manifest("deployment-nginx"), *manifest("daemonset-log-agent")):
            obj["metadata"]["namespace"] = "shop"
            await c.client.create(obj)
        await c.client.create(config_map("settings", "shop"))
        await c.client.create(config_map("settings", "default"))
        await c.until(lambda: c.settled(NGINX, 2) and c.settled({"app": "log-agent"}, 3), "all run")
        await c.until(lambda: len(c.addresses("nginx", "shop")) == 2, "endpoints too")
        answer = await c.client.delete("Namespace", "shop")
        assert answer["status"]["phase"] == "Terminating"
        with pytest.raises(StatusError) as caught:
            await c.client.create(config_map("late", "shop"))
        assert caught.value.reason == "Forbidden"
        await vanishes(c, "Namespace", "shop", "", within=60.0)
        for kind, entry in KINDS.items():
            if entry.namespaced:
                assert (await c.client.list(kind, "shop"))["items"] == [], kind
        assert all(c.containers(f"worker-{i}") == [] for i in range(3))
        assert await exists(c, "ConfigMap", "settings")
        # The name is free again, and nothing of the old one comes with it.
        await c.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        await asyncio.sleep(5.0)
        assert (await c.client.list("Pod", "shop"))["items"] == []
        await c.client.create(config_map("settings", "shop"))

    tell(story)


def test_a_namespace_waits_for_finalizers_in_it() -> None:
    async def story(c: Cluster) -> None:
        await c.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        await c.client.create(config_map("held", "shop", finalizers=["example.com/hold"]))
        await c.client.create(config_map("free", "shop"))
        await c.client.delete("Namespace", "shop")
        await vanishes(c, "ConfigMap", "free", "shop")
        await asyncio.sleep(20.0)
        assert await exists(c, "Namespace", "shop", "")
        assert deleting(await c.client.get("ConfigMap", "held", "shop"))
        await c.client.patch("ConfigMap", "held", {"metadata": {"finalizers": None}}, namespace="shop")
        await vanishes(c, "Namespace", "shop", "")

    tell(story)


def test_a_finalizer_holds_an_object_until_it_is_taken_off() -> None:
    async def story(c: Cluster) -> None:
        holds = ["example.com/a", "example.com/b"]
        await c.client.create(config_map("held", finalizers=holds))
        answer = await c.client.delete("ConfigMap", "held", "default")
        assert deleting(answer)
        await asyncio.sleep(10.0)
        with pytest.raises(StatusError) as caught:
            await c.client.create(config_map("held"))
        assert caught.value.reason == "AlreadyExists"
        more = {"metadata": {"finalizers": [*holds, "example.com/late"]}}
        with pytest.raises(StatusError) as caught:
            await c.client.patch("ConfigMap", "held", more, namespace="default")
        assert caught.value.reason == "Invalid"
        assert "no new finalizers can be added" in caught.value.message
        await c.client.patch("ConfigMap", "held", {"metadata": {"finalizers": holds[1:]}}, namespace="default")
        assert await exists(c, "ConfigMap", "held")
        await c.client.patch("ConfigMap", "held", {"metadata": {"finalizers": []}}, namespace="default")
        assert not await exists(c, "ConfigMap", "held")

    tell(story)


def test_a_pod_with_a_finalizer_stops_at_once_and_is_remembered() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        pod = c.pods()[0]
        await c.patch("Pod", name_of(pod), {"metadata": {"finalizers": ["example.com/hold"]}})
        await c.client.delete("Pod", name_of(pod), "default")
        await c.until(lambda: len(c.ready_pods()) == 2, "a successor runs")
        await c.until(lambda: c.containers(pod["spec"]["nodeName"]).count(uid_of(pod)) == 0, "it does not run")
        await asyncio.sleep(10.0)
        assert deleting(c.get("Pod", name_of(pod)))
        await c.client.patch("Pod", name_of(pod), {"metadata": {"finalizers": None}}, namespace="default")
        await c.until(lambda: c.settled(NGINX, 2), "and then it is gone")

    tell(story)


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_a_deletion_goes_on_when_the_leader_crashes(propagation: str) -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        leader = await c.holder("kube-controller-manager")
        await c.client.delete("Deployment", "nginx", "default", propagation=propagation)
        await c.world.crash(leader)
        await c.until(lambda: gone(c), "the next one finishes it")
        await c.world.restart(leader)
        await asyncio.sleep(5.0)
        assert gone(c)

    tell(story)
