"""Can this pod run on this node, and if not, why, in Kubernetes' words. One function a filter.

Must not rank, and must not change what it looks at. A filter answers with the reasons against; none is yes.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.api import views
from cluster.scheduler.snapshot import UNSCHEDULABLE, NodeInfo, PodInfo

Reasons = tuple[str, ...]
Filter = Callable[[PodInfo, NodeInfo], Reasons]

FITS: Reasons = ()
AFFINITY: Reasons = ("node(s) didn't match Pod's node affinity/selector",)


def node_unschedulable(pod: PodInfo, node: NodeInfo) -> Reasons:
    """A cordoned node takes only pods that tolerate node.kubernetes.io/unschedulable."""
    if not node.unschedulable or any(views.tolerates(t, UNSCHEDULABLE) for t in views.tolerations(pod.obj)):
        return FITS
    return ("node(s) were unschedulable",)


def node_name(pod: PodInfo, node: NodeInfo) -> Reasons:
    wanted = views.pod_node(pod.obj)
    return FITS if wanted in ("", node.name) else ("node(s) didn't match the requested node name",)


def taint_toleration(pod: PodInfo, node: NodeInfo) -> Reasons:
    """NoSchedule and NoExecute; names the first taint that is not tolerated."""
    taint = views.untolerated_taint(node.hard_taints, views.tolerations(pod.obj))
    if taint is None:
        return FITS
    return (f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}",)


def node_affinity(pod: PodInfo, node: NodeInfo) -> Reasons:
    """spec.nodeSelector and the required node affinity."""
    return FITS if node.obj is not None and views.node_matches(pod.obj, node.obj) else AFFINITY


def node_ports(pod: PodInfo, node: NodeInfo) -> Reasons:
    for wanted in pod.ports:
        if any(views.host_ports_clash(wanted, taken) for taken in node.ports):
            return ("node(s) didn't have free ports for the requested pod ports",)
    return FITS


def node_resources_fit(pod: PodInfo, node: NodeInfo) -> Reasons:
    """Every resource that is short, each with a reason; what is not requested is not looked at."""
    if (
        len(node.pods) < node.max_pods
        and (not pod.cpu or pod.cpu <= node.cpu - node.used_cpu)
        and (not pod.memory or pod.memory <= node.memory - node.used_memory)
        and not pod.other
    ):
        return FITS
    short = []
    if len(node.pods) >= node.max_pods:
        short.append("Too many pods")
    if pod.cpu and pod.cpu > node.cpu - node.used_cpu:
        short.append("Insufficient cpu")
    if pod.memory and pod.memory > node.memory - node.used_memory:
        short.append("Insufficient memory")
    for name, amount in pod.other.items():
        if amount > node.other.get(name, 0) - node.used_other.get(name, 0):
            short.append(f"Insufficient {name}")
    return tuple(short)


STATIC: tuple[Filter, ...] = (node_unschedulable, node_name, taint_toleration, node_affinity)
"""Depend on the pod's shape and the node's version only, so their verdict is kept."""
DYNAMIC: tuple[Filter, ...] = (node_ports, node_resources_fit)
"""Depend on the pods that are on the node."""


class StaticVerdicts:
    """The static filters' verdicts by pod shape and node, worked out once for each version of a node."""

    LIMIT = 512
    """Shapes that are kept; the oldest goes first."""

    def __init__(self) -> None:
        self._shapes: dict[str, dict[str, tuple[NodeInfo, int, Reasons]]] = {}

    def of(self, pod: PodInfo) -> Callable[[NodeInfo], Reasons]:
        if pod.only_nodes is not None:
            named = pod.only_nodes
            return lambda node: run(STATIC, pod, node) if node.name in named else AFFINITY
        known = self._shapes.get(pod.shape)
        if known is None:
            if len(self._shapes) >= self.LIMIT:
                del self._shapes[next(iter(self._shapes))]
            known = self._shapes[pod.shape] = {}

        def verdict(node: NodeInfo) -> Reasons:
            kept = known.get(node.name)
            if kept is not None and kept[0] is node and kept[1] == node.version:
                return kept[2]
            reasons = run(STATIC, pod, node)
            known[node.name] = (node, node.version, reasons)
            return reasons

        return verdict


def run(filters: tuple[Filter, ...], pod: PodInfo, node: NodeInfo) -> Reasons:
    """The reasons of the first filter that has any."""
    for check in filters:
        reasons = check(pod, node)
        if reasons:
            return reasons
    return FITS
