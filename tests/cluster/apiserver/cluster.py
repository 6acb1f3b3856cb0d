"""A simulated cluster of fake stores and real apiservers, and clients on it; for the tests of shells."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cluster.apiserver import component
from cluster.client.client import Client
from cluster.config import Timing
from cluster.rpc import Rpc
from cluster.world.host import Host
from cluster.world.sim import SimWorld
from tests.cluster.apiserver.fakestore import FakeStore

Object = dict[str, Any]
TIMING = dataclasses.replace(Timing(), bookmark=2.0, request_timeout=2.0, watch_keepalive=1.0)


@dataclass
class Cluster:
    world: SimWorld
    store: FakeStore
    apiservers: tuple[str, ...]
    timing: Timing = TIMING

    async def client(self, name: str = "tester", *, first: int = 0, machine: str = "desk") -> Client:
        return self.seated(await self.world.join(name, machine), first=first)

    def seated(self, host: Host, *, first: int = 0) -> Client:
        order = self.apiservers[first:] + self.apiservers[:first]
        return Client(Rpc(host, keepalive=self.timing.watch_keepalive), order, timeout=self.timing.request_timeout)


def simulate(
    scenario: Callable[[Cluster], Awaitable[None]],
    *,
    apiservers: int = 1,
    seed: int = 0,
    **config: Any,
) -> SimWorld:
    """Run a scenario against one key space behind as many store members as apiservers. The world, closed."""
    with SimWorld(seed) as world:
        store = FakeStore()
        members = tuple(f"store-{i}" for i in range(apiservers))
        cluster = Cluster(world, store, tuple(f"apiserver-{i}" for i in range(apiservers)))

        async def story() -> None:
            for i, member in enumerate(members):
                world.add(member, f"master-{i}", store.run)
                settings = component.Config(store=members, prefer=member, timing=TIMING, **config)
                world.add(f"apiserver-{i}", f"master-{i}", partial(component.run, config=settings))
            await scenario(cluster)

        world.run(story())
    return world


def pod(name: str, namespace: str = "default", **spec: Any) -> Object:
    labels = {"app": name.partition("-")[0]}
    containers = [{"name": "main", "image": "nginx:1.25"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": containers, **spec},
    }


def config_map(name: str, namespace: str = "default", **data: str) -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def deployment(name: str, replicas: int = 2) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "nginx:1.25"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def service(name: str, **spec: Any) -> Object:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}], **spec}}
