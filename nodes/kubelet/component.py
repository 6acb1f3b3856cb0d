"""Shell of the kubelet: puts the node's parts together and runs them. Must not decide anything.

`nodeagent.py` registers the node and keeps its Lease and status; `pods.py` has a `podworker.py` for each pod;
`serving.py` answers logs and exec on the bus (its docstring has the shapes).
"""

from __future__ import annotations

import asyncio

from cluster.client.client import Client
from cluster.client.informer import InformerSet
from cluster.rpc import Rpc
from cluster.world.host import Host
from nodes.kubelet.config import Config
from nodes.kubelet.forwarding import Forwarding
from nodes.kubelet.kit import Kit
from nodes.kubelet.nodeagent import NodeAgent
from nodes.kubelet.pods import Pods
from nodes.kubelet.runtime import Container, Runtime, RuntimeFailure
from nodes.kubelet.serving import Serving
from nodes.kubelet.stages import parse_stages
from nodes.kubelet.usage import Usage
from nodes.runtime.process import ProcessRuntime
from nodes.runtime.simulated import SimulatedRuntime

__all__ = ["Config", "run"]

OPEN_RETRY = 0.5
"""Seconds between tries to reach the runtime."""


async def run(host: Host, config: Config) -> None:
    """A node's agent, for ever. A runtime that does not answer is tried again; until then the node is not there."""
    rpc = Rpc(host, keepalive=config.timing.watch_keepalive)
    client = Client(rpc, config.apiservers, timeout=config.timing.request_timeout, user=f"system:node:{config.node}")
    runtime = _runtime(host, config)
    async with asyncio.TaskGroup() as group:
        kit = Kit.of(host, config, client, runtime, group)
        pods = Pods(kit)
        pods.adopt(await _open(host, runtime, pods))
        agent = NodeAgent(kit, f"{host.name}-{host.boot}")
        Serving(kit, pods).register(rpc)
        Forwarding(kit, pods).register(rpc)
        Usage(kit, pods).register(rpc)
        informers = InformerSet(client, config.timing)
        node = informers.add("Node", fields=f"metadata.name={config.node}")
        node.on_change(lambda old, new: agent.observe(new))
        mine = informers.add("Pod", fields=f"spec.nodeName={config.node}")
        mine.on_change(pods.observe)
        group.create_task(informers.run())
        group.create_task(agent.run())
        await mine.wait_synced()
        await pods.remove_orphans()


def _runtime(host: Host, config: Config) -> Runtime:
    if config.runtime == "process":
        return ProcessRuntime(host.machine, config.container_socket, config.root)
    return SimulatedRuntime(host, parse_stages(config.stages))


async def _open(host: Host, runtime: Runtime, pods: Pods) -> list[Container]:
    """The journal is told what runs, whatever the kubelet makes of it (`starting.py` tells of starts)."""

    def exited(container: Container) -> None:
        host.note("container", {"id": container.key.id, "state": "exited", "code": container.exit_code})
        pods.exited(container)

    while True:
        try:
            found = await runtime.open(exited)
            host.note("containers", {"running": {c.key.id: c.ip for c in found if c.state == "running"}})
            return found
        except RuntimeFailure as failure:
            host.note("runtime-unreachable", {"error": failure.message})
            await asyncio.sleep(OPEN_RETRY)
