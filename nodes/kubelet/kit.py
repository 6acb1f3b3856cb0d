"""What every part of a running kubelet shares. Must not decide anything."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta
from cluster.client.client import Client
from cluster.world.host import Host
from nodes.kubelet.admit import admit, requests
from nodes.kubelet.config import Config
from nodes.kubelet.environment import Surroundings
from nodes.kubelet.facts import Instant, Object, Verdict
from nodes.kubelet.nodestatus import allocatable_of, new_node
from nodes.kubelet.podstate import Rules
from nodes.kubelet.runtime import Runtime
from nodes.network.ipam import Pool

ADDRESS_REST = 10.0
"""Seconds that a pod's address rests before another pod gets it, while there are others."""


@dataclass(slots=True)
class Kit:
    """`group`: every task of the kubelet; one that fails with a bug ends the kubelet. `node`: as last seen."""

    host: Host
    config: Config
    client: Client
    runtime: Runtime
    group: asyncio.TaskGroup
    pool: Pool
    rules: Rules
    node: Object
    admitted: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, host: Host, config: Config, client: Client, runtime: Runtime, group: asyncio.TaskGroup) -> Kit:
        pool = Pool(config.pod_cidr, ADDRESS_REST)
        return cls(host, config, client, runtime, group, pool, Rules.of(config.timing), new_node(config))

    def instant(self) -> Instant:
        return Instant(self.host.clock.monotonic(), self.host.clock.now())

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self.group.create_task(work)

    def emit(self, pod: Object, type: str, reason: str, message: str) -> None:
        self.client.event(pod, type, reason, message)

    def surroundings(self, ip: str, sources: dict[tuple[str, str], Object], services: list[Object]) -> Surroundings:
        config = self.config
        return Surroundings(sources, services, config.node, config.node_ip, ip, allocatable_of(config))

    def admit(self, pod: Object, *, known: bool) -> Verdict | None:
        """Count the pod in, or say why not. `known`: it was admitted by an earlier boot."""
        uid = meta.uid_of(pod)
        if not known:
            verdict = admit(pod, self.admitted.values(), allocatable_of(self.config), self.node)
            if verdict is not None:
                return verdict
        self.admitted[uid] = requests(pod)
        return None

    def release(self, uid: str) -> None:
        """The pod takes no resources and no address any more."""
        self.admitted.pop(uid, None)
        self.pool.release(uid, self.host.clock.monotonic())
