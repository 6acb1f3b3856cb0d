"""Planted bugs of the scheduler. Must not contain correct code."""

from __future__ import annotations

from typing import Any

from cluster.api import meta, views
from cluster.scheduler import filters
from cluster.scheduler.component import Session
from cluster.scheduler.snapshot import NodeInfo, PodInfo, Snapshot
from tests.store.raft.bugs import Patch
from tests.zoo.bug import Bug, register

BUGS: dict[str, Bug] = {}
planted = register("scheduler", BUGS)
Object = dict[str, Any]


def _without(patch: Patch, *names: str) -> None:
    """The scheduler without these filters."""
    gone = [getattr(filters, name) for name in names]
    patch.setattr(filters, "STATIC", tuple(f for f in filters.STATIC if f not in gone))
    _both(patch, tuple(f for f in filters.DYNAMIC if f not in gone))


def _both(patch: Patch, dynamic: tuple[filters.Filter, ...]) -> None:
    patch.setattr(filters, "DYNAMIC", dynamic)


@planted(
    "assumes-nothing",
    "a pod counts on its node from the decision on, not from when the watch tells of its binding",
    "Kubernetes: scheduler cache, AssumePod",
    story="puzzle",
    check="no-overcommit",
)
def assumes_nothing(patch: Patch) -> None:
    def assume(snapshot: Snapshot, pod: PodInfo, node: str) -> None:
        pod.node = node
        snapshot._assumed[pod.key] = pod.uid

    patch.setattr(Snapshot, "assume", assume)


@planted(
    "ending-pods-weigh-nothing",
    "a pod that is being deleted takes its room until it is gone",
    "Kubernetes: NodeInfo counts terminating pods",
    story="puzzle",
    check="no-overcommit",
)
def ending_pods_weigh_nothing(patch: Patch) -> None:
    right = Snapshot.set_pod

    def set_pod(snapshot: Snapshot, pod: Object) -> None:
        right(snapshot, pod)
        if meta.deleting(pod):
            snapshot.remove_pod(meta.key_of(pod))

    patch.setattr(Snapshot, "set_pod", set_pod)


@planted(
    "taints-ignored",
    "a pod is not put on a node with a taint that it does not tolerate",
    "Kubernetes: Taints and Tolerations (filter TaintToleration)",
    story="puzzle",
    check="taints-respected",
)
def taints_ignored(patch: Patch) -> None:
    _without(patch, "taint_toleration")


@planted(
    "not-ready-is-fine",
    "no new pod is put on a node that is not Ready",
    "Kubernetes: Taint Nodes by Condition",
    story="outages",
    check="nothing-new-on-not-ready-nodes",
)
def not_ready_is_fine(patch: Patch) -> None:
    right = filters.taint_toleration
    fine = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")

    def taint_toleration(pod: PodInfo, node: NodeInfo) -> filters.Reasons:
        taint = views.untolerated_taint(node.hard_taints, views.tolerations(pod.obj))
        return filters.FITS if taint is not None and taint["key"] in fine else right(pod, node)

    patch.setattr(filters, "STATIC", tuple(taint_toleration if f is right else f for f in filters.STATIC))


@planted(
    "selectors-ignored",
    "a pod is put where its nodeSelector says",
    "Kubernetes: Assigning Pods to Nodes (filter NodeAffinity)",
    story="puzzle",
    check="placed-as-asked",
)
def selectors_ignored(patch: Patch) -> None:
    _without(patch, "node_affinity")


@planted(
    "ports-ignored",
    "no two pods on a node ask for one port of the host",
    "Kubernetes: filter NodePorts",
    story="puzzle",
    check="ports-distinct",
)
def ports_ignored(patch: Patch) -> None:
    _without(patch, "node_ports")


@planted(
    "deleted-nodes-stay",
    "a node that was deleted takes no pods",
    "Kubernetes: scheduler cache, RemoveNode",
    story="departures",
    check="bound-to-what-is",
)
def deleted_nodes_stay(patch: Patch) -> None:
    patch.setattr(Snapshot, "remove_node", lambda snapshot, name: None)


@planted(
    "failed-bind-forgotten",
    "a pod whose binding failed is tried again",
    "Kubernetes: handleBindingCycleError",
    story="puzzle",
    check="scheduled-if-it-fits",
)
def failed_bind_forgotten(patch: Patch) -> None:
    patch.setattr(Session, "_undo", lambda session, info: None)
