"""Shell: the pods of this node, one worker each, fed by the watch and by the runtime.

Must not know what a worker does."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.api import meta
from nodes.kubelet.facts import Object
from nodes.kubelet.kit import Kit
from nodes.kubelet.podworker import PodWorker
from nodes.kubelet.runtime import Container, RuntimeFailure


class Pods:
    """Keyed by uid: a pod that was deleted and made again under its name is another."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._workers: dict[str, PodWorker] = {}
        self._found: dict[str, list[Container]] = {}

    def adopt(self, containers: Sequence[Container]) -> None:
        """What the runtime still had at boot; before the first `observe`."""
        for container in containers:
            self._found.setdefault(container.key.pod, []).append(container)

    def observe(self, old: Object | None, new: Object | None) -> None:
        """The watch's word on a pod of this node."""
        if old is not None and (new is None or meta.uid_of(new) != meta.uid_of(old)):
            worker = self._workers.get(meta.uid_of(old))
            if worker is not None:
                worker.observe(None)
        if new is None:
            return
        worker = self._workers.get(meta.uid_of(new))
        if worker is None:
            found = self._found.pop(meta.uid_of(new), [])
            worker = self._workers[meta.uid_of(new)] = PodWorker(self._kit, new, found, self._forget)
            worker.kick()
        else:
            worker.observe(new)

    def exited(self, container: Container) -> None:
        worker = self._workers.get(container.key.pod)
        if worker is not None:
            worker.exited(container)
            return
        found = self._found.get(container.key.pod)
        if found is not None:  # it ended between our boot and the first list
            self._found[container.key.pod] = [c for c in found if c.key != container.key] + [container]

    async def remove_orphans(self) -> None:
        """After the first list: containers of pods that are gone are killed and forgotten."""
        for uid in sorted(self._found):
            del self._found[uid]
            try:
                await self._kit.runtime.remove_pod(uid)
            except RuntimeFailure as failure:
                self._kit.host.note("orphan-stays", {"pod": uid, "error": failure.message})
            else:
                self._kit.host.note("orphan-removed", {"pod": uid})

    def find(self, namespace: str, name: str) -> PodWorker | None:
        """The newest of that name."""
        for worker in reversed(self._workers.values()):
            if meta.name_of(worker.pod) == name and meta.namespace_of(worker.pod) == namespace:
                return worker
        return None

    def workers(self) -> list[PodWorker]:
        return sorted(self._workers.values(), key=lambda worker: (meta.key_of(worker.pod), worker.uid))

    def _forget(self, uid: str) -> None:
        worker = self._workers.pop(uid, None)
        if worker is not None:
            worker.close()
