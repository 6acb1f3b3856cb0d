"""The whole kubelet with the simulated runtime, against a tiny apiserver, in the simulated world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cluster.api import meta
from cluster.config import Timing
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.faults import Duplicate, Loss, Partition, Reorder
from cluster.world.scenario import Spec, eventually
from cluster.world.sim import SimWorld
from tests.nodes.kubelet.fakeapi import FakeApi, Object

TIMING = Timing().scaled(20)


class Bench:
    """One worker and one apiserver."""

    def __init__(self, world: SimWorld, api: FakeApi) -> None:
        self.world = world
        self.api = api

    async def boot(self, **config: Any) -> None:
        data = {
            "apiservers": ["apiserver-0"],
            "timing": TIMING,
            "node": "worker-0",
            "node_ip": "127.77.1.1",
            "pod_cidr": "127.77.16.0/24",
            "runtime": "simulated",
            "zone": "zone-a",
            **config,
        }
        await self.world.start("kubelet-0", "worker-0", Spec("nodes.kubelet.component:run", data))

    def pod(self, name: str, *containers: Object, **spec: Any) -> Object:
        made = list(containers) or [{"name": "main", "image": "nginx"}]
        return self.api.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"nodeName": "worker-0", "containers": made, **spec},
            }
        )

    def status(self, name: str) -> Object:
        status: Object = self.api.of("Pod", f"default/{name}").get("status") or {}
        return status

    def state(self, name: str) -> Object:
        found: Object = (self.status(name).get("containerStatuses") or [{}])[0]
        return found

    def waits(self, name: str) -> str:
        return str((self.state(name).get("state", {}).get("waiting") or {}).get("reason", ""))

    def ready(self, name: str) -> bool:
        return (meta.condition(self.api.of("Pod", f"default/{name}"), "Ready") or {}).get("status") == "True"

    def gone(self, name: str) -> bool:
        return ("Pod", f"default/{name}") not in self.api.objects

    def events(self, reason: str) -> list[Object]:
        return [event for event in self.api.list("Event") if event["reason"] == reason]


def play(scenario: Callable[[Bench], Awaitable[None]], seed: int = 1) -> str:
    """The journal's digest."""
    with SimWorld(seed) as world:

        async def body() -> None:
            bench = Bench(world, FakeApi(await world.join("apiserver-0", "master-0"), TIMING.watch_keepalive))
            await scenario(bench)

        world.run(body())
        return world.digest()


def test_a_node_registers_and_keeps_its_lease() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot()
        await eventually(lambda: ("Node", "worker-0") in bench.api.objects, within=0.5)
        await eventually(lambda: "status" in bench.api.of("Node", "worker-0"), within=0.5)
        node = bench.api.of("Node", "worker-0")
        assert (meta.condition(node, "Ready") or {})["status"] == "True"
        assert node["metadata"]["labels"]["topology.kubernetes.io/zone"] == "zone-a"
        assert node["spec"]["podCIDR"] == "127.77.16.0/24"
        assert {"type": "InternalIP", "address": "127.77.1.1"} in node["status"]["addresses"]
        await asyncio.sleep(10)
        renewals = [call for call in bench.api.calls if call[0] == "lease.renew"]
        assert 18 <= len(renewals) <= 21, "every half second"
        assert [call for call in bench.api.calls if call == ("node.patch-status", "worker-0")] != []
        assert len([call for call in bench.api.calls if call[0] == "node.patch-status"]) <= 3, "only changes"

    play(scenario)


def test_a_node_that_was_called_unknown_says_that_it_is_ready() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot()
        await eventually(lambda: "status" in bench.api.objects.get(("Node", "worker-0"), {}), within=1)
        node = bench.api.of("Node", "worker-0")
        conditions = meta.set_condition(node["status"]["conditions"], "Ready", "Unknown", "Lost", "", "t")
        bench.api.put({**node, "status": {**node["status"], "conditions": conditions}})

        def ready() -> bool:
            found = meta.condition(bench.api.of("Node", "worker-0"), "Ready") or {}
            return bool(found["status"] == "True")

        assert not ready()
        await eventually(ready, within=0.5)

    play(scenario)


def test_a_pod_runs_and_is_deleted_gracefully() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot()
        pod = bench.pod("web")
        await eventually(lambda: bench.ready("web"), within=1)
        status = bench.status("web")
        assert status["phase"] == "Running"
        assert status["podIP"] == "127.77.16.1"
        assert status["hostIP"] == "127.77.1.1"
        entry = status["containerStatuses"][0]
        assert entry["containerID"] == f"capstan://{meta.uid_of(pod)}/main/0"
        assert entry["started"]
        bench.api.delete_pod("default/web")
        await eventually(lambda: bench.gone("web"), within=1)
        assert [len(bench.events(reason)) for reason in ("Created", "Started", "Killing")] == [1, 1, 1]
        again = bench.pod("web")
        assert meta.uid_of(again) != meta.uid_of(pod)
        await eventually(lambda: bench.ready("web"), within=1)
        assert bench.status("web")["podIP"] == "127.77.16.2", "an address rests before it is used again"

    play(scenario)


def test_one_that_ignores_sigterm_is_killed_when_its_grace_is_over() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot(stages={"stubborn": {"runs": [{"stop_seconds": None}]}})
        bench.pod("web", {"name": "main", "image": "stubborn"})
        await eventually(lambda: bench.ready("web"), within=1)
        bench.api.delete_pod("default/web", grace=5)
        await asyncio.sleep(4.8)
        assert not bench.gone("web")
        await eventually(lambda: bench.gone("web"), within=0.5)

    play(scenario)


def test_crashes_are_restarted_with_back_off() -> None:
    """ "this image crashes after 3 s, twice"."""

    async def scenario(bench: Bench) -> None:
        runs = [{"seconds": 3, "exit_code": 7, "times": 2}, {}]
        await bench.boot(stages={"shop": {"runs": runs}})
        bench.pod("web", {"name": "main", "image": "registry:5000/team/shop:1"})
        await asyncio.sleep(6.3)
        entry = bench.state("web")
        assert entry["restartCount"] == 1
        assert entry["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert entry["lastState"]["terminated"]["exitCode"] == 7
        await eventually(lambda: bench.ready("web"), within=1)
        assert bench.state("web")["restartCount"] == 2
        assert len(bench.events("BackOff")) == 1
        await asyncio.sleep(30)
        assert bench.state("web")["restartCount"] == 2

    play(scenario)


def test_a_job_like_pod_ends_by_itself() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot()
        bench.pod("job", {"name": "main", "image": "busybox", "command": ["sleep", "2"]}, restartPolicy="Never")
        bench.pod("bad", {"name": "main", "image": "busybox", "command": ["sh", "-c", "exit 3"]}, restartPolicy="Never")
        await eventually(lambda: bench.status("job").get("phase") == "Succeeded", within=3)
        assert bench.status("bad")["phase"] == "Failed"
        assert bench.state("bad")["state"]["terminated"]["exitCode"] == 3

    play(scenario)


def test_probes_decide_over_readiness_and_life() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot(stages={"slow": {"runs": [{"ready_after": 3, "healthy_for": 10}, {"ready_after": 0}]}})
        probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1}
        container = {"name": "main", "image": "slow", "readinessProbe": probe}
        living = {**container, "livenessProbe": {**probe, "initialDelaySeconds": 5, "failureThreshold": 3}}
        bench.pod("web", living)
        await asyncio.sleep(2)
        assert bench.status("web")["phase"] == "Running"
        assert not bench.ready("web")
        await eventually(lambda: bench.ready("web"), within=2.5)
        await eventually(lambda: bench.state("web")["restartCount"] == 1, within=15)
        await eventually(lambda: bench.ready("web"), within=2)
        assert any("Liveness probe failed" in event["message"] for event in bench.events("Unhealthy"))

    play(scenario)


def test_a_missing_config_map_is_waited_for() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot()
        env = [{"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "paint", "key": "colour"}}}]
        bench.pod("web", {"name": "main", "image": "nginx", "env": env})
        reason = "CreateContainerConfigError"
        await eventually(lambda: bench.waits("web") == reason, within=1)
        assert bench.state("web")["state"]["waiting"]["message"] == 'configmap "paint" not found'
        metadata = {"name": "paint", "namespace": "default"}
        bench.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"colour": "red"}})
        await eventually(lambda: bench.ready("web"), within=2)

    play(scenario)


def test_a_pod_that_does_not_fit_is_rejected() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot(capacity={"cpu": "1", "memory": "1Gi", "pods": "10"})
        asks = {"resources": {"requests": {"cpu": "600m"}}}
        bench.pod("a", {"name": "main", "image": "nginx", **asks})
        await eventually(lambda: bench.ready("a"), within=1)
        bench.pod("b", {"name": "main", "image": "nginx", **asks})
        await eventually(lambda: bench.status("b").get("phase") == "Failed", within=1)
        assert bench.status("b")["reason"] == "OutOfcpu"
        bench.api.delete_pod("default/a")
        await eventually(lambda: bench.gone("a"), within=1)
        bench.pod("c", {"name": "main", "image": "nginx", **asks})
        await eventually(lambda: bench.ready("c"), within=1)

    play(scenario)


def test_a_kubelet_that_restarts_adopts_its_containers() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot()
        bench.pod("web")
        bench.pod("gone")
        await eventually(lambda: bench.ready("web") and bench.ready("gone"), within=1)
        before = bench.status("web")
        await bench.world.crash("kubelet-0")
        bench.api.drop("Pod", "default/gone")
        await asyncio.sleep(5)
        await bench.world.restart("kubelet-0")
        await asyncio.sleep(5)
        assert bench.status("web") == before
        assert len(bench.events("Started")) == 2
        notes = [record[5] for record in bench.world.notes("orphan-removed")]
        assert len(notes) == 1

    play(scenario)


def test_a_cut_off_kubelet_goes_on_and_catches_up() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot(stages={"once": {"runs": [{"seconds": 4}]}})
        bench.pod("stays")
        bench.pod("ends", {"name": "main", "image": "once"}, restartPolicy="Never")
        bench.pod("evicted")
        await eventually(lambda: all(bench.ready(n) for n in ("stays", "ends", "evicted")), within=1)
        rule = await bench.world.fault(Partition(src=("worker-0",), dst=("master-0",)))
        stays = bench.api.of("Pod", "default/stays")
        conditions = meta.set_condition(stays["status"]["conditions"], "Ready", "False", "NodeLost", "", "t")
        bench.api.put({**stays, "status": {**stays["status"], "conditions": conditions}})
        bench.api.delete_pod("default/evicted")
        await asyncio.sleep(20)
        assert bench.status("ends")["phase"] == "Running"
        assert not bench.gone("evicted")
        await bench.world.heal(rule)
        await eventually(lambda: bench.status("ends")["phase"] == "Succeeded", within=8)
        await eventually(lambda: bench.gone("evicted"), within=8)
        await eventually(lambda: bench.ready("stays"), within=8)
        assert bench.state("stays")["restartCount"] == 0

    play(scenario)


def test_logs_and_exec_over_the_bus() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot(stages={"chatty": {"runs": [{"log": ["one", "two"], "log_every": 1}]}})
        bench.pod("web", {"name": "main", "image": "chatty"})
        await eventually(lambda: bench.ready("web"), within=1)
        rpc = Rpc(await bench.world.join("seat", "laptop"), keepalive=TIMING.watch_keepalive)
        where = {"namespace": "default", "pod": "web"}

        async def logs(**options: Any) -> str:
            async with rpc.stream("kubelet-0", "kubelet.logs", {**where, **options}) as items:
                return b"".join([item async for item in items]).decode()

        await asyncio.sleep(2)
        assert (await logs()).startswith("one\ntwo\ntick 1\n")
        assert await logs(tail=1) == "tick 2\n"
        done = await rpc.call("kubelet-0", "kubelet.exec", {**where, "argv": ["echo", "hi"]}, timeout=2)
        assert done == {"stdout": b"hi\n", "stderr": b"", "code": 0}
        follow = asyncio.ensure_future(logs(follow=True, tail=0))
        await asyncio.sleep(2.5)
        bench.api.delete_pod("default/web")
        assert "tick 4\n" in await follow
        for body, reason in (({**where, "pod": "no"}, "NotFound"), ({**where, "container": "no"}, "BadRequest")):
            with pytest.raises(StatusError) as caught:
                await rpc.call("kubelet-0", "kubelet.exec", {**body, "argv": ["x"]}, timeout=2)
            assert caught.value.reason == reason
        stats = await rpc.call("kubelet-0", "kubelet.stats", {}, timeout=2)
        assert stats["node"] == "worker-0"

    play(scenario)


def test_a_bad_network_delays_and_loses_nothing(seed: int) -> None:
    """Messages are lost, repeated and overtaken; a kubelet crashes in between; every pod comes up and goes."""

    async def scenario(bench: Bench) -> None:
        await bench.world.fault(Loss(probability=0.1))
        await bench.world.fault(Duplicate(probability=0.2, spread=0.1))
        await bench.world.fault(Reorder(probability=0.2, window=0.1))
        await bench.boot()
        names = [f"web-{number}" for number in range(6)]
        for name in names:
            bench.pod(name)
        await eventually(lambda: all(bench.ready(name) for name in names), within=60)
        await bench.world.restart("kubelet-0")
        for name in names:
            bench.api.delete_pod(f"default/{name}")
        await eventually(lambda: all(bench.gone(name) for name in names), within=60)
        assert bench.world.platter("kubelet-0").files == {}

    play(scenario, seed)


def test_the_same_seed_gives_the_same_journal() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.boot()
        for number in range(5):
            bench.pod(f"web-{number}")
        await asyncio.sleep(3)
        for number in range(5):
            bench.api.delete_pod(f"default/web-{number}")
        await asyncio.sleep(3)
        assert all(bench.gone(f"web-{number}") for number in range(5))

    assert play(scenario) == play(scenario)
