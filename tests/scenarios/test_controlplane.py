"""The control plane loses processes in the middle of its work: others go on, and it comes out right."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from cluster.api.meta import key_of, name_of
from cluster.api.views import is_pod_active, pod_ready
from cluster.errors import StatusError
from cluster.world.faults import Partition
from cluster.world.scenario import eventually
from tests.scenarios.chronicle import Object
from tests.scenarios.clusters import NGINX, Cluster, tell

MASTERS = ("master-0", "master-1", "master-2")


async def running(c: Cluster, replicas: int) -> None:
    await c.apply("deployment-nginx", replicas=replicas)
    await c.until(lambda: c.settled(NGINX, replicas) and c.rolled_out(), "nginx runs")


def at_most(c: Cluster, pods: int) -> None:
    def rule(kind: str, type: str, obj: Object) -> str:
        active = sum(is_pod_active(pod) for pod in c.chronicle.kind("Pod", NGINX))
        return "" if active <= pods else f"{active} active pods, more than {pods}"

    c.chronicle.rules.append(rule)


def at_least_ready(c: Cluster, pods: int) -> None:
    def rule(kind: str, type: str, obj: Object) -> str:
        ready = sum(is_pod_active(pod) and pod_ready(pod) for pod in c.chronicle.kind("Pod", NGINX))
        return "" if ready >= pods else f"{ready} ready pods, fewer than {pods}"

    c.chronicle.rules.append(rule)


def is_new(c: Cluster) -> bool:
    return {pod["spec"]["containers"][0]["image"] for pod in c.pods()} == {"nginx:1.27"}


@pytest.mark.parametrize("after", [1, 2, 4])
@pytest.mark.parametrize("lease", ["kube-controller-manager", "kube-scheduler"])
def test_a_leader_crashes_in_the_middle_of_a_rollout(lease: str, after: int) -> None:
    """`after`: so many pods of the new revision have been made."""

    async def story(c: Cluster) -> None:
        await running(c, 4)
        at_most(c, 5)
        at_least_ready(c, 4)
        leader = await c.holder(lease)
        await c.set_image("Deployment", "nginx", "container-0", "nginx:1.27")

        def made() -> int:
            images = [pod["spec"]["containers"][0]["image"] for pod in c.chronicle.kind("Pod", NGINX)]
            return images.count("nginx:1.27")

        await c.until(lambda: made() >= after, "in the middle")
        await c.world.crash(leader)
        await c.until(lambda: c.rolled_out() and is_new(c), "the standby finishes it")

        async def taken_over() -> bool:  # the last pod may need nobody any more: then it takes the lease after that
            return await c.holder(lease) != leader

        await eventually(taken_over, within=60, what="the standby leads")
        await c.until(lambda: c.settled(NGINX, 4) and len(c.addresses()) == 4, "settled")
        await c.world.restart(leader)
        await asyncio.sleep(5.0)
        assert c.settled(NGINX, 4)
        assert await c.holder(lease) != leader

    tell(story)


@pytest.mark.parametrize("wanted", [1, 8])
@pytest.mark.parametrize("dice", range(3))
def test_the_store_leader_is_cut_off_while_a_deployment_scales(dice: int, wanted: int) -> None:
    async def story(c: Cluster) -> None:
        await running(c, 4)
        at_most(c, max(wanted, 4))
        leader = await c.store_leader()
        machine = f"master-{leader[-1]}"
        others = tuple(m for m in (*MASTERS, "client", "worker-0", "worker-1", "worker-2") if m != machine)
        await c.scale("Deployment", "nginx", wanted)
        cut = await c.world.fault(Partition(src=(machine,), dst=others))
        await c.until(lambda: c.settled(NGINX, wanted) and c.rolled_out(), "it converges without that machine")
        assert await c.store_leader() not in ("", leader)
        await c.world.heal(cut)
        await asyncio.sleep(10.0)
        assert c.settled(NGINX, wanted)
        await c.until(lambda: len(c.addresses()) == wanted, "endpoints follow")

    tell(story, seed=dice)


def test_a_whole_master_loses_power_and_comes_back() -> None:
    async def story(c: Cluster) -> None:
        await running(c, 4)
        at_most(c, 6)
        at_least_ready(c, 4)
        machine = f"master-{(await c.holder('kube-controller-manager'))[-1]}"
        await c.world.poweroff(machine)
        await c.insist(lambda: c.client.scale("Deployment", "nginx", "default", 6))
        await c.until(lambda: c.settled(NGINX, 6) and c.rolled_out(), "the others do it")
        await c.world.poweron(machine)
        await asyncio.sleep(5.0)
        assert all(c.world.running(name) for name in c.world.hosts())
        assert c.settled(NGINX, 6)

    tell(story)


def test_the_whole_cluster_loses_power_and_comes_back_as_it_was() -> None:
    async def story(c: Cluster) -> None:
        await running(c, 4)
        before = c.names()
        machines = [*MASTERS, "worker-0", "worker-1", "worker-2"]
        for machine in machines:
            await c.world.poweroff(machine)
        await asyncio.sleep(30.0)
        for machine in machines:
            await c.world.poweron(machine)
        await c.until(lambda: all(c.node_status(f"worker-{i}") == "True" for i in range(3)), "Ready again")
        await asyncio.sleep(30.0)
        assert c.names() == before
        assert c.settled(NGINX, 4)
        assert len(c.addresses()) == 4
        await c.scale("Deployment", "nginx", 5)
        await c.until(lambda: c.settled(NGINX, 5) and c.rolled_out(), "and it works")

    tell(story)


class Writer:
    """Creates a ConfigMap now and then, and remembers which creates were acknowledged and which are in doubt."""

    def __init__(self, c: Cluster) -> None:
        self.cluster = c
        self.acknowledged: dict[str, str] = {}
        self.doubtful: list[str] = []

    async def run(self) -> None:
        for number in range(10_000):
            name = f"note-{number}"
            obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}
            self.doubtful.append(name)  # until an answer settles it; the last may never get one
            settled = True
            try:
                answer = await self.cluster.client.create(obj)
                self.acknowledged[name] = answer["metadata"]["uid"]
            except StatusError as error:
                settled = error.definite
            if settled:
                self.doubtful.remove(name)
            await asyncio.sleep(0.2)

    async def check(self) -> None:
        assert len(self.acknowledged) > 10
        listed = (await self.cluster.client.list("ConfigMap", "default"))["items"]
        found = {name_of(obj): obj["metadata"]["uid"] for obj in listed if name_of(obj).startswith("note-")}
        lost = {name: uid for name, uid in self.acknowledged.items() if found.get(name) != uid}
        assert lost == {}
        assert set(found) <= {*self.acknowledged, *self.doubtful}


async def nemesis(c: Cluster, dice: Random, seconds: int) -> None:
    """One process crashes each second and boots again a moment later; a second is too short for some to be back."""
    down: list[asyncio.Task[Any]] = []

    async def back(name: str, after: float) -> None:
        await asyncio.sleep(after)
        if not c.world.running(name):
            await c.world.restart(name)

    for _ in range(seconds):
        await asyncio.sleep(1.0)
        name = dice.choice(c.world.hosts())
        await c.world.crash(name)
        down.append(asyncio.create_task(back(name, dice.uniform(0.1, 4.0))))
    for task in down:
        task.cancel()


@pytest.mark.parametrize("dice", range(5))
def test_any_process_crashes_every_second(dice: int) -> None:
    async def story(c: Cluster) -> None:
        await running(c, 4)
        await c.apply("daemonset-log-agent")
        writer = Writer(c)
        writing = asyncio.create_task(writer.run())
        ordeal = asyncio.create_task(nemesis(c, Random(f"{dice}/nemesis"), 30))
        await asyncio.sleep(8.0)
        await c.insist(lambda: c.client.scale("Deployment", "nginx", "default", 6))
        await asyncio.sleep(8.0)
        env = [{"name": "container-0", "image": "nginx:1.27"}]
        patch = {"spec": {"template": {"spec": {"containers": env}}}}
        await c.insist(lambda: c.patch("Deployment", "nginx", patch))
        await ordeal
        for name in c.world.hosts():
            if not c.world.running(name):
                await c.world.restart(name)
        await c.until(lambda: c.settled(NGINX, 6) and c.rolled_out() and is_new(c), "the Deployment is as wanted", 90.0)
        await c.until(lambda: c.settled({"app": "log-agent"}, 3), "so is the DaemonSet")
        await c.until(lambda: all(c.node_status(f"worker-{i}") == "True" for i in range(3)), "all nodes are Ready")
        await c.until(lambda: len(c.addresses()) == 6, "all endpoints")
        writing.cancel()
        await asyncio.sleep(12.0)
        assert c.settled(NGINX, 6)
        assert c.settled({"app": "log-agent"}, 3)
        assert c.orphans() == []
        placed = {node: len(c.placed(NGINX)) for node in c.placed(NGINX)}
        assert set(placed) <= {"worker-0", "worker-1", "worker-2"}
        for i in range(3):
            here = {pod["metadata"]["uid"] for pod in c.pods({}) if pod["spec"]["nodeName"] == f"worker-{i}"}
            assert set(c.containers(f"worker-{i}")) == here
        live = (await c.client.list("Pod"))["items"]
        assert sorted(map(key_of, live)) == sorted(key_of(pod) for pod in c.chronicle.kind("Pod"))
        await writer.check()

    tell(story, seed=dice)
