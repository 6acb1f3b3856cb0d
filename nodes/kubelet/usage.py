"""What this node's containers use: CPU as a rate between two looks, memory as it is.

Shell. Must not know how a runtime measures. A look is taken when somebody asks, and never otherwise; the one before it
that is at least `LEAST` seconds old is what it is compared with, else the container's start.

    kubelet.usage  call  {} -> {node, at, window, cpu, memory,
                                pods: [{namespace, name, window, containers: [{name, cpu, memory}]}]}

cpu is in cores, memory in bytes, times in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.api import meta
from cluster.errors import StatusError
from cluster.rpc import Request, Rpc
from nodes.kubelet.kit import Kit
from nodes.kubelet.pods import Pods
from nodes.kubelet.podworker import PodWorker
from nodes.kubelet.runtime import ContainerKey, RuntimeFailure, Used

LEAST = 1.0
"""Seconds between two looks whose difference says something."""
LONGEST = 60.0
"""Seconds that a look is kept: what was before is not what is."""


@dataclass(frozen=True, slots=True)
class _Look:
    """`at`: monotonic."""

    at: float
    agent: Used
    containers: Mapping[ContainerKey, Used]


class Usage:
    def __init__(self, kit: Kit, pods: Pods) -> None:
        self._kit = kit
        self._pods = pods
        self._looks: deque[_Look] = deque(maxlen=64)

    def register(self, rpc: Rpc) -> None:
        rpc.serve("kubelet.usage", self._usage)

    async def _usage(self, request: Request) -> dict[str, Any]:
        try:
            used = await self._kit.runtime.usage()
        except RuntimeFailure as failure:
            raise StatusError("ServiceUnavailable", failure.message) from failure
        now = self._kit.instant()
        look = _Look(now.mono, used.agent, used.containers)
        before = self._before(now.mono)
        self._looks.append(look)
        cpu, window = _rate(used.agent, before.agent if before else None, now.mono - before.at if before else 0.0)
        pods = [self._pod(worker, look, before, now.wall) for worker in self._pods.workers()]
        shown = [pod for pod in pods if pod["containers"]]
        own = [container for pod in shown for container in pod["containers"]]
        return {
            "node": self._kit.config.node,
            "at": now.wall,
            "window": window,
            "cpu": cpu + sum(container["cpu"] for container in own),
            "memory": used.agent.memory + sum(container["memory"] for container in own),
            "pods": shown,
        }

    def _before(self, now: float) -> _Look | None:
        """The newest look that is old enough."""
        while self._looks and now - self._looks[0].at > LONGEST:
            self._looks.popleft()
        return next((look for look in reversed(self._looks) if now - look.at >= LEAST), None)

    def _pod(self, worker: PodWorker, look: _Look, before: _Look | None, wall: float) -> dict[str, Any]:
        containers, windows = [], []
        for name, facts in worker.facts.containers.items():
            key = ContainerKey(worker.uid, name, facts.attempt)
            used = look.containers.get(key)
            if facts.phase != "running" or used is None:
                continue
            old = before.containers.get(key) if before else None
            since = look.at - before.at if before and old else max(wall - facts.started_at, 0.0)
            cpu, window = _rate(used, old, since)
            containers.append({"name": name, "cpu": cpu, "memory": used.memory})
            windows.append(window)
        where = {"namespace": meta.namespace_of(worker.pod), "name": meta.name_of(worker.pod)}
        return {**where, "window": min(windows, default=0.0), "containers": containers}


def _rate(now: Used, before: Used | None, seconds: float) -> tuple[float, float]:
    """(cores, over how many seconds)."""
    if seconds <= 0:
        return 0.0, 0.0
    return max(now.cpu - (before.cpu if before else 0.0), 0.0) / seconds, seconds
