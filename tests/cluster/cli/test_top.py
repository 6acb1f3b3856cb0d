"""`top` against apiservers whose kubelets measure what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cluster.cli.session import PATIENCE
from cluster.client.client import Client
from cluster.rpc import Request, Rpc
from cluster.world.host import Host
from tests.cluster.apiserver.cluster import TIMING, Cluster, pod, simulate
from tests.cluster.cli.seat import Seat

Object = dict[str, Any]
MIB = 1 << 20
NODES = {"worker-0": (1.5, 400 * MIB), "worker-1": (0.25, 900 * MIB)}
"""cores, bytes."""
PODS = {
    "worker-0": [("default", "web-a", {"main": (0.2, 30 * MIB), "side": (0.0001, MIB + 1)})],
    "worker-1": [("default", "web-b", {"main": (0.01, 50 * MIB)}), ("team", "job", {"main": (0.5, 10 * MIB)})],
}


def kubelet(node: str) -> Callable[[Host], Awaitable[None]]:
    async def run(host: Host) -> None:
        async def usage(request: Request) -> Object:
            cpu, memory = NODES[node]
            pods = [
                {
                    "namespace": namespace,
                    "name": name,
                    "window": 1.0,
                    "containers": [{"name": part, "cpu": c, "memory": m} for part, (c, m) in parts.items()],
                }
                for namespace, name, parts in PODS[node]
            ]
            return {"node": node, "at": host.clock.now(), "window": 1.0, "cpu": cpu, "memory": memory, "pods": pods}

        rpc = Rpc(host, keepalive=TIMING.watch_keepalive)
        rpc.serve("kubelet.usage", usage)
        await asyncio.Event().wait()

    return run


async def fill(client: Client, cluster: Cluster) -> None:
    """Two nodes with their pods, and a node that says nothing."""
    for namespace in ("team", "empty"):
        await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for name in (*NODES, "worker-2"):
        able = {"cpu": "2", "memory": "1000Mi"}
        status = {"allocatable": able, "capacity": able}
        labels = {"disk": "ssd" if name == "worker-1" else "none"}
        await client.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
        await client.update({**await client.get("Node", name), "status": status}, subresource="status")
    for home, found in PODS.items():
        for namespace, name, _ in found:
            await client.create(pod(name, namespace, nodeName=home))
    await client.create(pod("idle-c", nodeName="worker-2"))
    for home in NODES:
        cluster.world.add(f"kubelet-{home[-1]}", home, kubelet(home))


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    def run(story: Callable[[Seat], Awaitable[None]], *, filled: bool = True) -> None:
        async def seated(cluster: Cluster) -> None:
            client = await cluster.client()
            if filled:
                await fill(client, cluster)
            await story(Seat(client.with_timeout(PATIENCE), monkeypatch, capsys))

        simulate(seated)

    return run


def test_nodes(tell: Callable[..., None]) -> None:
    head = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]
    first, second = ["worker-0", "1500m", "75%", "400Mi", "40%"], ["worker-1", "250m", "12%", "900Mi", "90%"]
    silent = ["worker-2", *["<unknown>"] * 4]

    async def story(seat: Seat) -> None:
        assert (await seat.run("top", "node")).rows == [head, first, second, silent]
        assert (await seat.run("top", "nodes", "--sort-by", "memory", "--no-headers")).rows == [second, first, silent]
        assert (await seat.run("top", "no", "--sort-by", "cpu", "--no-headers")).rows == [first, second, silent]
        assert (await seat.run("top", "node", "-l", "disk=ssd")).rows == [head, second]
        assert (await seat.run("top", "node/worker-0")).rows == [head, first]
        quiet = await seat.run("top", "node", "worker-2")
        assert (quiet.status, quiet.out) == (1, "")
        assert "top node worker-2: no figures of it yet: its kubelet does not answer; see `get nodes`" in quiet.error
        assert 'nodes "worker-9" not found' in (await seat.run("top", "node", "worker-9")).error

    tell(story)


def test_pods(tell: Callable[..., None]) -> None:
    head = ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    a, b = ["web-a", "201m", "31Mi"], ["web-b", "10m", "50Mi"]

    async def story(seat: Seat) -> None:
        assert (await seat.run("top", "pod")).rows == [head, a, b]
        assert (await seat.run("top", "po", "--sort-by", "memory", "--no-headers")).rows == [b, a]
        assert (await seat.run("top", "pod", "web-b")).rows == [head, b]
        assert (await seat.run("top", "pod", "-n", "team")).rows == [head, ["job", "500m", "10Mi"]]
        everywhere = (await seat.run("top", "pods", "-A", "--sort-by=cpu")).rows
        assert everywhere == [["NAMESPACE", *head], ["team", "job", "500m", "10Mi"], ["default", *a], ["default", *b]]
        parts = (await seat.run("top", "pod", "web-a", "--containers")).rows
        assert parts == [["POD", *head], ["web-a", "main", "200m", "30Mi"], ["web-a", "side", "1m", "1Mi"]]
        silent = await seat.run("top", "pod", "-l", "app=idle")
        assert silent.status == 1
        assert "no figures yet of 1 pod: no container runs, or its kubelet does not answer" in silent.error
        assert "top pod idle-c: no figures of it yet" in (await seat.run("top", "pod", "idle-c")).error
        assert 'pods "nobody" not found' in (await seat.run("top", "pod", "nobody")).error
        none = await seat.run("top", "pod", "-n", "empty")
        assert (none.status, none.error) == (0, "No resources found in empty namespace.\n")

    tell(story)


def test_nobody_has_figures_yet(tell: Callable[..., None]) -> None:
    async def story(seat: Seat) -> None:
        none = await seat.run("top", "node")
        assert (none.status, none.error) == (0, "No resources found.\n")

    tell(story, filled=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "of what?"),
        (("deploy",), "top deploy: of what?; top node [NAME] or top pod [NAME]"),
        (("pod", "a", "b"), "of what?"),
        (("pod/",), "of what?"),
        (("pod", "--sort-by", "disk"), "--sort-by: 'disk' is not possible; cpu or memory"),
        (("pod", "a", "-l", "a=b"), "-l: a name and a selector cannot be mixed"),
        (("pod", "a", "-A"), "-A: a resource cannot be retrieved by name across all namespaces"),
    ],
)
def test_what_cannot_be_meant(tell: Callable[..., None], words: tuple[str, ...], message: str) -> None:
    async def story(seat: Seat) -> None:
        said = await seat.run("top", *words)
        assert (said.status, message in said.error) == (2, True), said

    tell(story, filled=False)
