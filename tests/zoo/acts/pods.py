"""Pods of all sorts come and go, and whole workloads of them. Must not judge."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from cluster.api.meta import uid_of
from cluster.client.client import Client
from tests.zoo.acts.api import side_by_side
from tests.zoo.objects import pod, service, workload
from tests.zoo.stage import Stage, tried


async def bare_pods(stage: Stage, dice: Random) -> None:
    """Pods without a controller, under few names, some forced away: the next of the name is another pod."""
    await _bare_pods(stage, 0.5)


async def gentle_pods(stage: Stage, dice: Random) -> None:
    """As bare pods, and nobody is forced away."""
    await _bare_pods(stage, 0.0)


async def _bare_pods(stage: Stage, forced: float) -> None:
    async def work(client: Client, dice: Random) -> None:
        while True:
            name = f"bare-{client.user}-{dice.randrange(2)}"
            made = await tried(client.create(pod(name, terminationGracePeriodSeconds=1)))
            await asyncio.sleep(dice.uniform(0.2, 1.5))
            if made is None:
                continue
            grace = 0 if dice.random() < forced else None
            await tried(client.delete("Pod", name, "default", uid=uid_of(made), grace=grace))
            await asyncio.sleep(0.0 if grace == 0 else dice.uniform(0.0, 2.0))

    await side_by_side(stage, "bare", work)


async def pinned_pods(stage: Stage, dice: Random) -> None:
    """As bare pods, always on worker-0, and always forced away: old and new of one name meet on one kubelet."""

    async def work(client: Client, dice: Random) -> None:
        name = f"pinned-{client.user}"
        while True:
            made = await tried(client.create(pod(name, nodeName="worker-0", terminationGracePeriodSeconds=1)))
            await asyncio.sleep(dice.uniform(0.0, 0.4))
            if made is not None:
                await tried(client.delete("Pod", name, "default", uid=uid_of(made), grace=0))

    await side_by_side(stage, "pinned", work)


async def residents(stage: Stage, dice: Random) -> None:
    """Pods that stay, whatever their kubelets go through."""
    for number in range(4):
        await stage.admin.create(pod(f"resident-{number}"))
        await asyncio.sleep(dice.uniform(0.0, 0.5))
    await asyncio.sleep(1000.0)


async def programs(stage: Stage, dice: Random) -> None:
    """Programs that end, well or badly, under each restart policy; probes that begin late."""
    rows: list[tuple[str, dict[str, Any]]] = [
        ("never-bad", {"command": ["sh", "-c", "sleep 0.3; exit 1"], "restartPolicy": "Never"}),
        ("never-good", {"command": ["sh", "-c", "sleep 0.3"], "restartPolicy": "Never"}),
        ("onfailure-good", {"command": ["sh", "-c", "sleep 0.4; exit 0"], "restartPolicy": "OnFailure"}),
        ("onfailure-bad", {"command": ["sh", "-c", "sleep 0.2; exit 3"], "restartPolicy": "OnFailure"}),
        ("always", {"command": ["sh", "-c", "sleep 0.2; exit 1"]}),
    ]
    for name, spec in rows:
        await stage.admin.create(pod(name, "busybox", **spec))
    for number in range(1000):
        delay = dice.randrange(1, 4)
        probe = {"tcpSocket": {"port": 80}, "initialDelaySeconds": delay, "periodSeconds": 1}
        await tried(stage.admin.create(pod(f"probed-{number}", probe=probe)))
        await asyncio.sleep(dice.uniform(0.5, 2.0))
        if number >= 3:
            await tried(stage.admin.delete("Pod", f"probed-{number - 3}", "default"))


async def puzzle(stage: Stage, dice: Random) -> None:
    """Pods that do not all fit: large ones, ones with a port of the host, ones that want a certain zone."""

    async def work(client: Client, dice: Random) -> None:
        for number in range(1000):
            name = f"piece-{client.user}-{number}"
            made = await tried(client.create(_piece(name, dice)))
            await asyncio.sleep(dice.uniform(0.0, 0.5))
            if made is not None and dice.random() < 0.5:
                old = f"piece-{client.user}-{dice.randrange(max(0, number - 4), number + 1)}"
                await tried(client.delete("Pod", old, "default"))

    await side_by_side(stage, "puzzle", work)


def _piece(name: str, dice: Random) -> dict[str, object]:
    cpu = dice.choice(("500m", "1", "1500m", "2"))
    if dice.random() < 0.3:
        return pod(name, cpu=cpu, ports=[{"containerPort": 80, "hostPort": 8000 + dice.randrange(2)}])
    if dice.random() < 0.3:
        zone = dice.choice(("a", "b", "c"))
        return pod(name, cpu=cpu, nodeSelector={"topology.kubernetes.io/zone": zone}, terminationGracePeriodSeconds=1)
    return pod(name, cpu=cpu, terminationGracePeriodSeconds=1)


async def rolling(stage: Stage, dice: Random) -> None:
    """A Deployment behind a Service that gets new images all the time, and other sizes now and then."""
    await stage.admin.create(service("web"))
    await stage.admin.create(workload("Deployment", "web", replicas=4, pod=_slow_to_be_ready("nginx:1")))
    await asyncio.sleep(2.0)
    for number in range(2, 1000):
        if dice.random() < 0.7:
            spec = {"template": {"spec": _slow_to_be_ready(f"nginx:{number}")}}
            await tried(stage.admin.patch("Deployment", "web", {"spec": spec}, namespace="default"))
        else:
            await tried(stage.admin.scale("Deployment", "web", "default", dice.randrange(2, 7)))
        await asyncio.sleep(dice.uniform(0.5, 3.0))


def _slow_to_be_ready(image: str) -> dict[str, object]:
    probe = {"tcpSocket": {"port": 80}, "initialDelaySeconds": 1, "periodSeconds": 1}
    spec: dict[str, object] = pod("x", image, probe=probe, terminationGracePeriodSeconds=1)["spec"]
    return spec


async def served(stage: Stage, dice: Random) -> None:
    """A Deployment behind a Service, scaled now and then; its pods stand on several nodes."""
    await stage.admin.create(service("web"))
    plain = pod("x", terminationGracePeriodSeconds=1)["spec"]
    await stage.admin.create(workload("Deployment", "web", replicas=4, pod=plain))
    while True:
        await asyncio.sleep(dice.uniform(0.5, 3.0))
        await tried(stage.admin.scale("Deployment", "web", "default", dice.randrange(1, 7)))


async def steady(stage: Stage, dice: Random) -> None:
    """A Deployment behind a Service that nobody changes, and a lost node for a few seconds is no reason to."""
    await stage.admin.create(service("web"))
    await stage.admin.create(workload("Deployment", "web", replicas=5))
    await asyncio.sleep(1000.0)


async def standing(stage: Stage, dice: Random) -> None:
    """A Deployment whose pods tolerate a lost node for some seconds; nobody changes it."""
    tolerations = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 4}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    ]
    spec = pod("x", terminationGracePeriodSeconds=1, tolerations=tolerations)["spec"]
    await stage.admin.create(workload("Deployment", "web", replicas=5, pod=spec))
    await asyncio.sleep(1000.0)


async def daemons(stage: Stage, dice: Random) -> None:
    """DaemonSets come, get new images, and go."""
    spec = pod("x", terminationGracePeriodSeconds=0)["spec"]

    async def work(client: Client, dice: Random) -> None:
        name = f"agent-{client.user}"
        while True:
            await tried(client.create(workload("DaemonSet", name, pod=spec)))
            await asyncio.sleep(dice.uniform(0.5, 2.0))
            if dice.random() < 0.5:
                fresh = pod("x", f"nginx:{dice.randrange(100)}", terminationGracePeriodSeconds=0)["spec"]
                patch = {"spec": {"template": {"spec": fresh}}}
                await tried(client.patch("DaemonSet", name, patch, namespace="default"))
            elif dice.random() < 0.5:
                await tried(client.delete("DaemonSet", name, "default"))
            await asyncio.sleep(dice.uniform(0.2, 1.0))

    await side_by_side(stage, "daemon", work)
