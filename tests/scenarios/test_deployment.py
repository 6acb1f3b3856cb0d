"""The nginx Deployment on a whole cluster: runs, heals, scales, rolls on and back, waits for capacity."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.meta import condition, deleting, key_of, labels_of, name_of, uid_of
from cluster.api.views import is_pod_active, pod_ip, pod_node, pod_ready
from cluster.controllers.rollout import undo_patch
from tests.scenarios.chronicle import Object
from tests.scenarios.clusters import NGINX, Cluster, tell


async def running(c: Cluster, replicas: int = 2, **spec: Any) -> None:
    await c.apply("deployment-nginx", replicas=replicas, **spec)
    await c.until(lambda: c.settled(NGINX, replicas) and c.rolled_out(), "the Deployment runs")


def image_of(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def bounded(c: Cluster, low: int, high: int) -> None:
    """From now on a rule: never fewer than `low` ready pods of nginx, never more than `high` active ones."""

    def rule(kind: str, type: str, obj: Object) -> str:
        if kind != "Pod" or labels_of(obj).get("app") != "nginx":
            return ""
        active = [pod for pod in c.chronicle.kind("Pod", NGINX) if is_pod_active(pod)]
        ready = sum(pod_ready(pod) for pod in active)
        return "" if low <= ready and len(active) <= high else f"{ready} ready of {len(active)}, not in {low}..{high}"

    c.chronicle.rules.append(rule)


def progress(c: Cluster) -> tuple[str, str]:
    found = condition(c.get("Deployment", "nginx"), "Progressing") or {}
    return str(found.get("status")), str(found.get("reason"))


def refused(pod: Object, message: str) -> bool:
    found = condition(pod, "PodScheduled") or {}
    said = (found.get("status"), found.get("reason"), str(found.get("message")).startswith(message))
    return said == ("False", "Unschedulable", True)


def test_its_pods_run_on_different_nodes_and_the_service_has_them() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        assert len(set(c.placed())) == 2
        await c.until(lambda: len(c.addresses()) == 2, "both are endpoints")
        assert c.addresses() == sorted(pod_ip(pod) for pod in c.pods())
        subsets = c.get("Endpoints", "nginx")["subsets"]
        assert sorted(a["ip"] for s in subsets for a in s["addresses"]) == c.addresses()
        assert [(p["name"], p["port"]) for s in subsets for p in s["ports"]] == [("http", 80)]
        deployment = c.get("Deployment", "nginx")
        status = deployment["status"]
        assert {name: n for name, n in status.items() if name != "conditions"} == {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
        }
        available = condition(deployment, "Available") or {}
        assert (available["status"], available["reason"]) == ("True", "MinimumReplicasAvailable")
        assert progress(c) == ("True", "NewReplicaSetAvailable")
        assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
        for pod in c.pods():
            owner = pod["metadata"]["ownerReferences"][0]
            assert c.get("ReplicaSet", owner["name"])["metadata"]["uid"] == owner["uid"]
            assert c.containers(pod_node(pod)) == [uid_of(pod)]

    tell(story)


def test_a_deleted_pod_is_replaced() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        await c.until(lambda: len(c.addresses()) == 2, "both are endpoints")
        first, second = c.pods()
        await c.client.delete("Pod", name_of(first), "default")
        await c.until(lambda: c.chronicle.one("Pod", key_of(first)) is None and c.settled(NGINX, 2), "a successor")
        names = c.names()
        assert name_of(second) in names
        assert name_of(first) not in names
        await c.until(lambda: c.addresses() == sorted(map(pod_ip, c.pods())), "endpoints follow")
        assert c.containers(pod_node(first)).count(uid_of(first)) == 0

    tell(story)


def test_it_scales_up_and_down() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        before = c.names()
        await c.scale("Deployment", "nginx", 7)
        await c.until(lambda: c.settled(NGINX, 7) and c.rolled_out(), "seven run")
        assert set(before) <= set(c.names())
        assert {c.placed().count(f"worker-{i}") for i in range(3)} == {2, 3}
        await c.scale("Deployment", "nginx", 1)
        await c.until(lambda: c.settled(NGINX, 1) and c.rolled_out(), "one runs")
        await c.until(lambda: len(c.addresses()) == 1, "one endpoint")
        await c.scale("Deployment", "nginx", 0)
        await c.until(lambda: c.settled(NGINX, 0), "none runs")
        await c.until(lambda: not c.addresses(), "no endpoint")
        assert all(c.containers(f"worker-{i}") == [] for i in range(3))
        assert len(c.chronicle.kind("ReplicaSet")) == 1

    tell(story)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "low", "high"),
    [(3, 1, 0, 3, 4), (4, 0, 1, 3, 4), (5, "40%", "20%", 4, 7), (4, "25%", "25%", 3, 5)],
)
def test_a_rolling_update_stays_within_its_bounds(
    replicas: int, surge: int | str, unavailable: int | str, low: int, high: int
) -> None:
    async def story(c: Cluster) -> None:
        rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
        await running(c, replicas, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})
        bounded(c, low, high)
        await c.set_image("Deployment", "nginx", "container-0", "nginx:1.27")
        await c.until(lambda: c.rolled_out() and c.settled(NGINX, replicas), "the new revision runs")
        assert {image_of(pod) for pod in c.pods()} == {"nginx:1.27"}
        assert sorted(rs["spec"]["replicas"] for rs in c.chronicle.kind("ReplicaSet")) == [0, replicas]
        assert progress(c) == ("True", "NewReplicaSetAvailable")
        await c.until(lambda: len(c.addresses()) == replicas, "endpoints follow")

    tell(story)


def test_an_undo_brings_the_first_revision_back() -> None:
    async def story(c: Cluster) -> None:
        await running(c, 3)
        bounded(c, 3, 4)
        first = c.chronicle.kind("ReplicaSet")[0]
        await c.set_image("Deployment", "nginx", "container-0", "nginx:1.27")
        await c.until(c.rolled_out, "the second revision")
        patch = undo_patch(c.get("Deployment", "nginx"), c.chronicle.kind("ReplicaSet"))
        await c.patch("Deployment", "nginx", patch, type="json")
        await c.until(lambda: c.rolled_out() and c.settled(NGINX, 3), "the first revision again")
        assert {image_of(pod) for pod in c.pods()} == {"nginx:latest"}
        assert len(c.chronicle.kind("ReplicaSet")) == 2
        again = c.get("ReplicaSet", name_of(first))
        assert uid_of(again) == uid_of(first)
        assert again["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
        revision = c.get("Deployment", "nginx")["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        assert revision == "3"

    tell(story)


def test_a_paused_deployment_does_not_roll_but_scales() -> None:
    async def story(c: Cluster) -> None:
        await running(c, 3)
        await c.patch("Deployment", "nginx", {"spec": {"paused": True}})
        await c.set_image("Deployment", "nginx", "container-0", "nginx:1.27")
        await c.scale("Deployment", "nginx", 4)
        await c.until(lambda: c.settled(NGINX, 4), "it scales")
        assert progress(c) == ("Unknown", "DeploymentPaused")
        assert len(c.chronicle.kind("ReplicaSet")) == 1
        assert {image_of(pod) for pod in c.pods()} == {"nginx:latest"}
        bounded(c, 4, 5)
        await c.patch("Deployment", "nginx", {"spec": {"paused": None}})
        await c.until(lambda: c.rolled_out() and c.settled(NGINX, 4), "it rolls")
        assert {image_of(pod) for pod in c.pods()} == {"nginx:1.27"}

    tell(story)


def test_recreate_has_no_two_revisions_at_once() -> None:
    async def story(c: Cluster) -> None:
        await running(c, 3, strategy={"type": "Recreate"})

        def rule(kind: str, type: str, obj: Object) -> str:
            images = {image_of(pod) for pod in c.chronicle.kind("Pod", NGINX)}
            return f"pods of {sorted(images)} at once" if len(images) > 1 else ""

        c.chronicle.rules.append(rule)
        await c.set_image("Deployment", "nginx", "container-0", "nginx:1.27")
        await c.until(lambda: c.rolled_out() and c.settled(NGINX, 3), "the new revision runs")
        assert {image_of(pod) for pod in c.pods()} == {"nginx:1.27"}

    tell(story)


def test_a_revision_that_is_never_ready_stops_the_rollout_within_its_bounds() -> None:
    async def story(c: Cluster) -> None:
        await running(c, 3, progressDeadlineSeconds=5)
        bounded(c, 3, 4)
        broken = [{"name": "container-0", "readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1}}]
        await c.patch("Deployment", "nginx", {"spec": {"template": {"spec": {"containers": broken}}}})
        await c.until(lambda: progress(c) == ("False", "ProgressDeadlineExceeded"), "it gives up")
        assert len(c.ready_pods()) == 3
        await c.until(lambda: len(c.addresses()) == 3, "the old ones serve")
        patch = undo_patch(c.get("Deployment", "nginx"), c.chronicle.kind("ReplicaSet"))
        await c.patch("Deployment", "nginx", patch, type="json")
        await c.until(lambda: c.rolled_out() and c.settled(NGINX, 3), "undone")

    tell(story)


def test_a_pod_that_fits_nowhere_says_why_and_runs_when_a_node_joins() -> None:
    async def story(c: Cluster) -> None:
        nodes = [name_of(node) for node in c.chronicle.kind("Node")]
        for node in nodes:
            await c.client.patch("Node", node, {"spec": {"unschedulable": True}})
        await c.apply("deployment-nginx", replicas=2)
        message = "0/3 nodes are available: 3 node(s) were unschedulable."
        await c.until(lambda: any(m.startswith(message) for m in c.said("FailedScheduling")), "it says why")
        await c.until(lambda: len(c.pods()) == 2 and all(refused(pod, message) for pod in c.pods()), "so do the pods")
        assert condition(c.get("Deployment", "nginx"), "Available")["status"] == "False"  # type: ignore[index]
        await c.join("worker-3")
        await c.until(lambda: c.settled(NGINX, 2) and c.rolled_out(), "they run on the new node")
        assert c.placed() == ["worker-3", "worker-3"]

    tell(story)


def test_pods_larger_than_any_node_wait_for_room() -> None:
    async def story(c: Cluster) -> None:
        await running(c, 3)
        large = {"requests": {"cpu": "3950m"}, "limits": {"cpu": "3950m"}}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "large", "namespace": "default", "labels": {"app": "large"}},
            "spec": {
                "containers": [{"name": "main", "image": "busybox", "command": ["sleep", "1h"], "resources": large}]
            },
        }
        await c.client.create(pod)
        reason = "0/3 nodes are available: 3 Insufficient cpu."
        await c.until(lambda: any(m.startswith(reason) for m in c.said("FailedScheduling")), "it says why")
        assert not deleting(c.get("Pod", "large"))
        await c.scale("Deployment", "nginx", 2)
        await c.until(lambda: len(c.ready_pods({"app": "large"})) == 1, "it runs where room was made")

    tell(story)
