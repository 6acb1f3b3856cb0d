"""The log agent of every node: one pod on each, on those that join, never two, rolled one node after the other."""

from __future__ import annotations

import asyncio

from cluster.api.meta import labels_of, name_of, uid_of
from cluster.api.views import pod_node, pod_ready, taints
from cluster.world.faults import Partition
from tests.scenarios.chronicle import Object
from tests.scenarios.clusters import Cluster, tell

AGENT = {"app": "log-agent"}
THREE = ["worker-0", "worker-1", "worker-2"]


async def running(c: Cluster) -> None:
    await c.apply("daemonset-log-agent")
    await c.until(lambda: complete(c, 3) and c.placed(AGENT) == THREE, "one on each")


def complete(c: Cluster, nodes: int) -> bool:
    obj = c.get("DaemonSet", "log-agent", "kube-system")
    status = obj.get("status", {})
    names = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberReady")
    counted = [status.get(name, 0) for name in (*names, "numberAvailable")]
    seen = status.get("observedGeneration") == obj["metadata"]["generation"]
    return seen and counted == 5 * [nodes] and c.settled(AGENT, nodes)


def one_container_a_node(c: Cluster) -> None:
    """A rule: no machine ever has two live containers of the set, whatever the API says."""

    def rule(kind: str, type: str, obj: Object) -> str:
        if kind != "Pod":
            return ""
        machines = [name for name in c.world.hosts() if name.startswith("kubelet-")]
        counts = {m: len(c.containers(f"worker-{m.rpartition('-')[2]}")) for m in machines}
        crowded = [m for m, n in counts.items() if n > 1]
        return f"two live containers on {', '.join(crowded)}" if crowded else ""

    c.chronicle.rules.append(rule)


def test_a_worker_that_joins_gets_one_and_one_that_leaves_loses_it() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        one_container_a_node(c)
        stable = {uid_of(pod) for pod in c.pods(AGENT)}
        await c.join("worker-3")
        await c.until(lambda: complete(c, 4), "one on the new node")
        assert c.placed(AGENT) == [*THREE, "worker-3"]
        await c.leave("worker-3")
        await c.until(lambda: complete(c, 3), "its pod is reclaimed")
        assert c.placed(AGENT) == THREE
        assert {uid_of(pod) for pod in c.pods(AGENT)} == stable
        await asyncio.sleep(20.0)
        assert {uid_of(pod) for pod in c.pods(AGENT)} == stable
        assert len(c.chronicle.kind("Node")) == 3

    tell(story)


def test_a_worker_that_comes_back_under_its_name_gets_one_again() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        await c.leave("worker-2")
        await c.until(lambda: complete(c, 2), "its pod is reclaimed")
        await c.join("worker-2")
        await c.until(lambda: complete(c, 3), "it has one again")
        assert c.placed(AGENT) == THREE

    tell(story)


def test_a_rolling_update_takes_one_node_after_the_other() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        one_container_a_node(c)

        def rule(kind: str, type: str, obj: Object) -> str:
            ready = [pod for pod in c.chronicle.kind("Pod", AGENT) if pod_ready(pod)]
            return "" if len(ready) >= 2 else f"only {len(ready)} ready"

        c.chronicle.rules.append(rule)
        before = {uid_of(pod) for pod in c.pods(AGENT)}
        await c.set_image("DaemonSet", "log-agent", "agent", "busybox:1.37", "kube-system")
        await c.until(lambda: complete(c, 3), "rolled out")
        assert not before & {uid_of(pod) for pod in c.pods(AGENT)}
        assert {pod["spec"]["containers"][0]["image"] for pod in c.pods(AGENT)} == {"busybox:1.37"}
        hashes = {labels_of(pod)["controller-revision-hash"] for pod in c.pods(AGENT)}
        assert len(hashes) == 1

    tell(story)


def test_a_silent_node_keeps_its_agent_and_a_tainted_one_loses_it() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        before = {uid_of(pod): pod_node(pod) for pod in c.pods(AGENT)}
        await c.world.poweroff("worker-1")
        await c.until(lambda: any(t["effect"] == "NoExecute" for t in taints(c.get("Node", "worker-1", ""))), "tainted")
        await asyncio.sleep(c.spec.timing.default_toleration + 10)
        assert {uid_of(pod): pod_node(pod) for pod in c.pods(AGENT)} == before
        await c.world.poweron("worker-1")
        await c.until(lambda: complete(c, 3), "as before")
        assert {uid_of(pod): pod_node(pod) for pod in c.pods(AGENT)} == before
        keep_out = [{"key": "dedicated", "value": "db", "effect": "NoExecute"}]
        await c.client.patch("Node", "worker-0", {"spec": {"taints": keep_out}})
        await c.until(lambda: complete(c, 2), "its pod is gone")
        assert c.placed(AGENT) == ["worker-1", "worker-2"]
        await c.client.patch("Node", "worker-0", {"spec": {"taints": None}})
        await c.until(lambda: complete(c, 3), "and back")

    tell(story)


def test_only_nodes_that_its_selector_names() -> None:
    async def story(c: Cluster) -> None:
        await c.apply("daemonset-log-agent")
        await c.until(lambda: complete(c, 3), "one on each")
        await c.client.patch("Node", "worker-1", {"metadata": {"labels": {"disk": "ssd"}}})
        template = {"spec": {"nodeSelector": {"disk": "ssd"}}}
        await c.patch("DaemonSet", "log-agent", {"spec": {"template": template}}, namespace="kube-system")
        await c.until(lambda: complete(c, 1) and c.placed(AGENT) == ["worker-1"], "only there")
        await c.client.patch("Node", "worker-2", {"metadata": {"labels": {"disk": "ssd"}}})
        await c.until(lambda: complete(c, 2) and c.placed(AGENT) == ["worker-1", "worker-2"], "there too")

    tell(story)


def test_while_all_nodes_are_silent_no_agent_goes() -> None:
    async def story(c: Cluster) -> None:
        await running(c)
        before = [name_of(pod) for pod in c.pods(AGENT)]
        rule = Partition(src=tuple(THREE), dst=("master-0", "master-1", "master-2", "client"))
        cut = await c.world.fault(rule)
        await c.until(lambda: all(c.node_status(n) == "Unknown" for n in THREE), "it is noticed")
        await asyncio.sleep(c.spec.timing.default_toleration + 20)
        assert [name_of(pod) for pod in c.pods(AGENT)] == before
        await c.world.heal(cut)
        await c.until(lambda: complete(c, 3), "as before")
        assert [name_of(pod) for pod in c.pods(AGENT)] == before

    tell(story)
