"""Who belongs to a ReplicaSet is decided by labels: a pod can be set free, and taken back."""

from __future__ import annotations

from cluster.api.meta import controller_of, key_of, name_of, uid_of
from cluster.api.views import pod_ip
from tests.scenarios.clusters import NGINX, Cluster, tell

FREE = {"app": "debug"}


async def freed(c: Cluster) -> str:
    """One of the two pods is relabelled; its name."""
    await c.apply("deployment-nginx")
    await c.until(lambda: c.settled(NGINX, 2) and len(c.addresses()) == 2, "the Deployment runs")
    pod = c.pods()[0]
    await c.patch("Pod", name_of(pod), {"metadata": {"labels": FREE}})
    await c.until(lambda: c.settled(NGINX, 2) and c.rolled_out(), "another takes its place")
    await c.until(lambda: controller_of(c.get("Pod", name_of(pod))) is None, "it is set free")
    free = c.get("Pod", name_of(pod))
    assert uid_of(free) == uid_of(pod)
    assert len(c.chronicle.kind("Pod")) == 3
    await c.until(lambda: len(c.addresses()) == 2 and pod_ip(pod) not in c.addresses(), "it serves no more")
    return name_of(pod)


def test_a_freed_pod_runs_on_and_outlives_its_deployment() -> None:
    async def story(c: Cluster) -> None:
        name = await freed(c)
        assert [name_of(pod) for pod in c.ready_pods(FREE)] == [name]
        await c.client.delete("Deployment", "nginx", "default", propagation="Foreground")
        await c.until(lambda: not c.chronicle.kind("Pod", NGINX) and not c.chronicle.kind("Deployment"), "all gone")
        assert [name_of(pod) for pod in c.ready_pods(FREE)] == [name]

    tell(story)


def test_a_pod_that_comes_back_is_adopted_and_one_too_many_goes() -> None:
    async def story(c: Cluster) -> None:
        name = await freed(c)
        keys = [key_of(pod) for pod in c.chronicle.kind("Pod")]
        await c.patch("Pod", name, {"metadata": {"labels": NGINX}})
        await c.until(lambda: c.settled(NGINX, 2) and len(c.chronicle.kind("Pod")) == 2, "two are left")
        assert all(key_of(pod) in keys for pod in c.pods())
        owner = c.chronicle.kind("ReplicaSet")[0]
        assert all((controller_of(pod) or {})["uid"] == uid_of(owner) for pod in c.pods())
        await c.until(lambda: c.rolled_out() and len(c.addresses()) == 2, "counted right")

    tell(story)


def test_a_pod_of_the_same_labels_is_adopted_instead_of_a_new_one() -> None:
    async def story(c: Cluster) -> None:
        name = await freed(c)
        template_hash = c.chronicle.kind("ReplicaSet")[0]["metadata"]["labels"]["pod-template-hash"]
        assert c.get("Pod", name)["metadata"]["labels"]["pod-template-hash"] == template_hash
        await c.client.delete("Deployment", "nginx", "default", propagation="Orphan")
        await c.until(lambda: not c.chronicle.kind("Deployment"), "the Deployment is gone")
        assert len(c.chronicle.kind("ReplicaSet")) == 1
        rs = c.chronicle.kind("ReplicaSet")[0]
        await c.until(lambda: controller_of(c.chronicle.kind("ReplicaSet")[0]) is None, "its set is free")
        await c.patch("Pod", name, {"metadata": {"labels": NGINX}})
        await c.patch("ReplicaSet", name_of(rs), {"spec": {"replicas": 3}})

        def owners() -> list[str]:
            return [str((controller_of(pod) or {}).get("uid")) for pod in c.pods()]

        await c.until(lambda: c.settled(NGINX, 3) and owners() == 3 * [uid_of(rs)], "three run, all of the set")
        assert name in c.names()

    tell(story)
