"""Planted bugs of the kubelet. Must not contain correct code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nodes.kubelet import podstate, podworker, prober, probes
from nodes.kubelet.backoff import Backoff
from nodes.kubelet.facts import ContainerFacts, Instant, PodFacts
from nodes.kubelet.pods import Pods
from nodes.kubelet.probes import Health
from nodes.kubelet.statuswriter import StatusWriter
from nodes.network.ipam import Pool
from tests.store.raft.bugs import Patch
from tests.zoo.bug import Bug, register

BUGS: dict[str, Bug] = {}
planted = register("kubelet", BUGS)
Object = dict[str, Any]


@planted(
    "deletion-not-heeded",
    "a pod that is being deleted is stopped, and not started any more",
    "Kubernetes: Termination of Pods",
    story="gentle",
    check="deleted-pods-end",
)
def deletion_not_heeded(patch: Patch) -> None:
    right = podstate.ending

    def ending(pod: Object, facts: PodFacts, now: Instant) -> bool:
        meta_ = {k: v for k, v in pod["metadata"].items() if k != "deletionTimestamp"}
        return right({**pod, "metadata": meta_}, facts, now)

    patch.setattr(podstate, "ending", ending)
    patch.setattr(podworker, "ending", ending)


@planted(
    "orphans-run-on",
    "containers of pods that were deleted while the kubelet was down are stopped when it is back",
    "Kubernetes: kubelet, HandlePodCleanups",
    story="pods",
    check="ended-with-their-pods",
)
def orphans_run_on(patch: Patch) -> None:
    async def remove_orphans(pods: Pods) -> None:
        return None

    patch.setattr(Pods, "remove_orphans", remove_orphans)


@planted(
    "removal-not-heeded",
    "a pod that is gone from the API is stopped, deleted or not",
    "Kubernetes: kubelet, HandlePodRemoves",
    story="pods",
    check="ended-with-their-pods",
)
def removal_not_heeded(patch: Patch) -> None:
    right = podworker.PodWorker.observe

    def observe(worker: podworker.PodWorker, pod: Object | None) -> None:
        if pod is not None or worker._finishing:
            right(worker, pod)

    patch.setattr(podworker.PodWorker, "observe", observe)


@planted(
    "restart-forgets-containers",
    "a kubelet that starts takes over the containers that run, and starts none of them twice",
    "Kubernetes: kubelet restart, PLEG relist",
    story="pods",
    check="one-incarnation",
)
def restart_forgets_containers(patch: Patch) -> None:
    patch.setattr(Pods, "adopt", lambda pods, containers: None)


@planted(
    "address-given-twice",
    "the addresses of pods that run are taken, after a restart of the kubelet too",
    "Kubernetes: network model",
    story="pods",
    check="addresses-distinct",
)
def address_given_twice(patch: Patch) -> None:
    patch.setattr(Pool, "restore", lambda pool, owner, ip: True)


@planted(
    "ready-before-its-probe",
    "a container with a readiness probe is not ready before the first success",
    "Kubernetes: Pod Lifecycle, readinessProbe",
    story="programs",
    check="ready-after-probe",
)
def ready_before_its_probe(patch: Patch) -> None:
    right = probes.health

    def health(specs: Any, outcomes: Mapping[Any, bool | None]) -> Health:
        return replace(right(specs, outcomes), ready=outcomes.get("readiness") is not False)

    patch.setattr(prober, "health", health)


@planted(
    "restart-policy-ignored",
    "what has ended is started again as restartPolicy says",
    "Kubernetes: Pod Lifecycle, restartPolicy",
    story="programs",
    check="restart-policy",
)
def restart_policy_ignored(patch: Patch) -> None:
    def again(facts: ContainerFacts, policy: str) -> bool:
        return True

    patch.setattr(podstate, "_again", again)


@planted(
    "no-crash-backoff",
    "what crashes again and again waits longer each time",
    "Kubernetes: Pod Lifecycle, CrashLoopBackOff",
    story="programs",
    check="crash-backoff",
)
def no_crash_backoff(patch: Patch) -> None:
    patch.setattr(Backoff, "delay", lambda backoff, restarts: 0.0)


@planted(
    "status-by-name",
    "a status is written to the pod that it is about, not to another of its name",
    "Kubernetes: kubelet status manager, uid precondition",
    story="pinned",
    check="own-status",
)
def status_by_name(patch: Patch) -> None:
    right = StatusWriter.__init__

    class ByName:
        """A client that leaves the uid out of patches."""

        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        async def patch(self, kind: str, name: str, body: Object, **options: Any) -> Object:
            answer: Object = await self._client.patch(kind, name, {"status": body["status"]}, **options)
            return answer

    def init(writer: StatusWriter, kit: Any, pod: Object, wanted: Any) -> None:
        right(writer, replace(kit, client=ByName(kit.client)), pod, wanted)

    patch.setattr(StatusWriter, "__init__", init)


@planted(
    "status-not-written-again",
    "what others have written over a pod's status is written again as it is",
    "Kubernetes: kubelet status manager, needsReconcile",
    story="silences",
    check="ready-again",
)
def status_not_written_again(patch: Patch) -> None:
    patch.setattr(StatusWriter, "seen", lambda writer, pod: None)
