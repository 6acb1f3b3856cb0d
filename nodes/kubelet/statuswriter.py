"""Shell: getting one pod's latest status to an apiserver, however long it takes. Must not know what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cluster.api import meta
from cluster.errors import StatusError
from nodes.kubelet.facts import Object
from nodes.kubelet.kit import Kit

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


class StatusWriter:
    """Only the newest status is written, only if it is another than the apiserver has, with the pod's uid."""

    def __init__(self, kit: Kit, pod: Object, wanted: Callable[[], bool]) -> None:
        """`wanted`: is there still a pod to write to?"""
        self._kit = kit
        self._namespace, self._name, self._uid = meta.namespace_of(pod), meta.name_of(pod), meta.uid_of(pod)
        self._wanted = wanted
        self._status: Object = {}
        self._written: Mapping[str, Any] = pod.get("status") or {}
        self._revision = meta.revision_of(pod)
        self._task: asyncio.Task[None] | None = None

    def put(self, status: Object) -> None:
        self._status = status
        self._go()

    def seen(self, pod: Object) -> None:
        """The apiserver has this now. What others wrote over (nodelifecycle: Ready=False) is written again."""
        if meta.revision_of(pod) <= self._revision:
            return
        self._revision = meta.revision_of(pod)
        self._written = pod.get("status") or {}
        self._go()

    async def flushed(self) -> None:
        """Until everything is written, or there is no pod any more."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def _go(self) -> None:
        if self._differs() and (self._task is None or self._task.done()):
            self._task = self._kit.spawn(self._write())

    def _differs(self) -> bool:
        """Is anything of ours other than what the apiserver has? Conditions of others do not count."""
        return any(
            not _same_conditions(value, self._written.get("conditions") or ())
            if key == "conditions"
            else value != self._written.get(key)
            for key, value in self._status.items()
        )

    async def _write(self) -> None:
        pause = FIRST_PAUSE
        while self._differs() and self._wanted():
            status = self._status
            patch = {"metadata": {"uid": self._uid}, "status": status}
            try:
                answer = await self._kit.client.patch(
                    "Pod", self._name, patch, namespace=self._namespace, subresource="status"
                )
            except StatusError:  # gone, or another of that name (the watch will say so), or nobody serves
                await asyncio.sleep(pause * self._kit.host.rng.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = FIRST_PAUSE
                if meta.revision_of(answer) >= self._revision:
                    self._revision = meta.revision_of(answer)
                    self._written = status


def _same_conditions(mine: Sequence[Object], theirs: Sequence[Object]) -> bool:
    have = {entry["type"]: entry for entry in theirs}
    own = [entry for entry in mine if entry["type"] in OWN_CONDITIONS or entry["type"] not in have]
    return all(have.get(entry["type"]) == entry for entry in own)
