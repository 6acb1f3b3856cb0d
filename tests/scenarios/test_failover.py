"""A worker falls silent: without power, or only cut off. Each step comes when the timing profile says, and it heals."""

from __future__ import annotations

import asyncio

import pytest

from cluster.api.meta import deleting, name_of, uid_of
from cluster.api.views import pod_node, taints
from cluster.config import PROFILES, Timing
from cluster.report.failover import STEPS, FailoverClock, last_renewal
from cluster.world.faults import Partition
from cluster.world.scenario import eventually
from cluster.world.sim.host import EPOCH
from tests.scenarios.clusters import NGINX, Cluster, tell

MASTERS = ("master-0", "master-1", "master-2")


async def running(c: Cluster, replicas: int) -> str:
    """nginx runs; the name of a worker that has a pod of it."""
    await c.apply("deployment-nginx", replicas=replicas)
    await c.until(lambda: c.settled(NGINX, replicas) and len(c.addresses()) == replicas, "nginx runs")
    return c.placed()[0]


def started(c: Cluster, node: str) -> FailoverClock:
    clock = FailoverClock(node, NGINX, "nginx")
    clock.start(c.pods())
    assert clock.victims

    def feed(kind: str, type: str, obj: dict[str, object]) -> str:
        clock.feed(kind, type, obj, c.world.time())
        return ""

    c.chronicle.rules.append(feed)
    return clock


async def renewed(c: Cluster, node: str) -> float:
    """World time of the last renewal of the node's lease."""
    return last_renewal(await c.lease(node, "kube-node-lease")) - EPOCH


def check(clock: FailoverClock, since: float, timing: Timing) -> None:
    steps = {step.name: step for step in clock.steps(since, timing)}
    assert list(steps) == list(STEPS)
    for step in steps.values():
        low, high = step.predicted
        assert step.seconds is not None, f"{step.name} was not seen"
        assert low <= step.seconds <= high, f"{step.name} after {step.seconds:.3f} s, not in {low:g}..{high:g}"
    order = [steps[name].seconds for name in ("detected", "tainted", "evicted", "recreated", "bound", "running")]
    assert order == sorted(order, key=lambda s: s or 0.0)


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("dice", range(2))
def test_a_worker_without_power_is_replaced_in_the_predicted_time(profile: str, dice: int) -> None:
    timing = PROFILES[profile]
    reach = timing.node_monitor_grace + timing.default_toleration + 30.0

    async def story(c: Cluster) -> None:
        lost = await running(c, 3)
        clock = started(c, lost)
        await c.world.poweroff(lost)
        await c.until(clock.done, "the whole chain", within=reach)
        check(clock, await renewed(c, lost), timing)
        assert c.node_status(lost) == "Unknown"
        assert {t["key"] for t in taints(c.get("Node", lost, ""))} == {"node.kubernetes.io/unreachable"}
        assert {t["effect"] for t in taints(c.get("Node", lost, ""))} == {"NoSchedule", "NoExecute"}
        await c.until(lambda: len(c.ready_pods()) == 3, "three run again")
        assert lost not in c.placed()
        old = [pod for pod in c.chronicle.kind("Pod", NGINX) if pod_node(pod) == lost]
        assert [uid_of(pod) for pod in old] == list(clock.victims)
        assert all(deleting(pod) for pod in old)
        # Power comes back: the node is one of us again, and its old pods go.
        await c.world.poweron(lost)
        await c.until(lambda: c.node_status(lost) == "True" and not taints(c.get("Node", lost, "")), "Ready again")
        await c.until(lambda: c.settled(NGINX, 3), "the old pods are cleaned up")
        assert c.containers(lost) == []
        await c.until(lambda: len(c.addresses()) == 3 and c.rolled_out(), "counted right")

    tell(story, seed=dice, profile=profile)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_short_silence_costs_no_pod(profile: str) -> None:
    timing = PROFILES[profile]

    async def story(c: Cluster) -> None:
        lost = await running(c, 3)
        before = {uid_of(pod) for pod in c.pods()}
        cut = await c.world.fault(Partition(src=(lost,), dst=(*MASTERS, "client")))
        await c.until(lambda: c.node_status(lost) == "Unknown", "it is noticed", within=timing.node_monitor_grace + 30)
        await c.until(lambda: len(c.addresses()) == 2, "its pod is no endpoint")
        await c.world.heal(cut)
        so_far = len(c.chronicle.events)
        await c.until(lambda: c.node_status(lost) == "True" and not taints(c.get("Node", lost, "")), "Ready again")
        await c.until(lambda: len(c.addresses()) == 3 and c.settled(NGINX, 3), "its pod serves again")
        assert {uid_of(pod) for pod in c.pods()} == before
        # Its kubelet and the eviction controller agree about the pod, and do not overwrite each other until then.
        written = [e for e in c.chronicle.events[so_far:] if e.kind == "Pod"]
        assert len(written) <= 3

    tell(story, profile=profile)


def test_a_worker_that_is_cut_off_keeps_its_pods_until_it_heals() -> None:
    timing = PROFILES["fast"]

    async def story(c: Cluster) -> None:
        lost = await running(c, 3)
        victims = c.containers(lost)
        assert victims
        clock = started(c, lost)
        cut = await c.world.fault(Partition(src=(lost,), dst=(*MASTERS, "client")))
        await c.until(clock.done, "the whole chain", within=60.0)
        check(clock, await renewed(c, lost), timing)
        # Nobody can tell the kubelet: the containers run on, the pods are Terminating.
        await c.until(lambda: len(c.ready_pods()) == 3, "replaced elsewhere")
        assert c.containers(lost) == victims
        old = [pod for pod in c.chronicle.kind("Pod", NGINX) if pod_node(pod) == lost]
        assert sorted(map(uid_of, old)) == victims
        assert all(deleting(pod) for pod in old)
        names = [name_of(pod) for pod in old]
        await c.world.heal(cut)
        await c.until(lambda: c.settled(NGINX, 3), "the old ones are gone")
        assert c.containers(lost) == []
        assert not set(names) & set(c.names())
        await c.until(lambda: c.node_status(lost) == "True" and not taints(c.get("Node", lost, "")), "Ready again")

    tell(story)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_when_all_nodes_fall_silent_nothing_is_evicted(profile: str) -> None:
    timing = PROFILES[profile]

    async def story(c: Cluster) -> None:
        await running(c, 3)
        before = {uid_of(pod) for pod in c.pods()}
        nodes = [name_of(node) for node in c.chronicle.kind("Node")]
        cut = await c.world.fault(Partition(src=tuple(nodes), dst=(*MASTERS, "client")))
        wait = timing.node_monitor_grace + 30
        await c.until(lambda: all(c.node_status(n) == "Unknown" for n in nodes), "it is noticed", within=wait)
        await asyncio.sleep(timing.default_toleration + 5.0)
        left = [t for n in nodes for t in taints(c.get("Node", n, "")) if t["effect"] == "NoExecute"]
        assert left == []
        assert {uid_of(pod) for pod in c.pods()} == before
        await c.world.heal(cut)
        await c.until(lambda: all(c.node_status(n) == "True" for n in nodes), "Ready again")
        await c.until(lambda: c.settled(NGINX, 3) and len(c.addresses()) == 3, "as before")
        await asyncio.sleep(10.0)
        assert {uid_of(pod) for pod in c.pods()} == before

    tell(story, profile=profile)


@pytest.mark.parametrize("dice", range(3))
def test_a_node_that_is_heard_again_is_ready_at_once(dice: int) -> None:
    """Not when its kubelet's watch has found out that it was cut off, which takes seconds."""

    async def story(c: Cluster) -> None:
        await c.world.fault(Partition(src=("worker-1",), dst=MASTERS))
        await c.until(lambda: c.node_status("worker-1") == "Unknown", "it is called lost")
        silent = await renewed(c, "worker-1")
        await asyncio.sleep(4.0)  # by now the kubelet's watches are opened anew only every few seconds
        await c.world.heal()

        async def heard() -> bool:
            return await renewed(c, "worker-1") > silent

        await eventually(heard, within=10.0, every=0.01, what="it is heard again")
        await c.until(lambda: c.node_status("worker-1") == "True", "it is Ready", within=0.1)

    tell(story, seed=dice)
