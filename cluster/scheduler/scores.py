"""Which of the nodes that fit is best: every score rates all of them at once, 0 to 100 each, by a table of weights.

Must not filter, and must not draw dice: equals are left equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cluster.api import views
from cluster.scheduler.snapshot import DEFAULT_CPU, DEFAULT_MEMORY, NodeInfo, PodInfo, Snapshot

MAX = 100
Score = Callable[[PodInfo, Sequence[NodeInfo], Snapshot], list[int] | None]
"""One whole number per node, in their order; None if it says nothing about this pod."""

IMAGE_LEAST = 23 * 1024 * 1024
IMAGE_MOST = 1000 * 1024 * 1024
"""Bytes of images already there that score 0, and per container that score 100 (Kubernetes: ImageLocality)."""


def least_allocated(pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> list[int]:
    """The share of cpu and of memory that would stay free, on average."""
    cpu, memory = pod.cpu or DEFAULT_CPU, pod.memory or DEFAULT_MEMORY
    return [
        (_free(node.scored_cpu + cpu, node.cpu) + _free(node.scored_memory + memory, node.memory)) // 2
        for node in nodes
    ]


def most_allocated(pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> list[int]:
    """The share that would be in use, on average: packs nodes full. Over-full counts as nothing."""
    cpu, memory = pod.cpu or DEFAULT_CPU, pod.memory or DEFAULT_MEMORY
    return [
        (_used(node.scored_cpu + cpu, node.cpu) + _used(node.scored_memory + memory, node.memory)) // 2
        for node in nodes
    ]


def _free(used: int, capacity: int) -> int:
    return (capacity - used) * MAX // capacity if used <= capacity and capacity else 0


def _used(used: int, capacity: int) -> int:
    return used * MAX // capacity if used <= capacity and capacity else 0


def balanced_allocation(pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> list[int]:
    """The closer the shares of cpu and of memory are to each other, the better."""
    cpu, memory = pod.cpu or DEFAULT_CPU, pod.memory or DEFAULT_MEMORY
    result = []
    for node in nodes:
        if not node.cpu or not node.memory:
            result.append(0)
            continue
        first = min(1.0, (node.scored_cpu + cpu) / node.cpu)
        second = min(1.0, (node.scored_memory + memory) / node.memory)
        result.append(int((1 - abs(first - second) / 2) * MAX))
    return result


def selector_spread(pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> list[int] | None:
    """Few pods of the same controller on the node (a third), and in its zone (two thirds, if it has one)."""
    if not pod.owner:
        return None
    counts = [node.owners.get(pod.owner, 0) for node in nodes]
    most = max(counts)
    zones: dict[str, int] = {}
    for node, count in zip(nodes, counts, strict=True):
        if node.zone:
            zones[node.zone] = zones.get(node.zone, 0) + count
    most_in_zone = max(zones.values(), default=0)
    result = []
    for node, count in zip(nodes, counts, strict=True):
        score = MAX * (most - count) / most if most else float(MAX)
        if node.zone:
            zone = MAX * (most_in_zone - zones[node.zone]) / most_in_zone if most_in_zone else float(MAX)
            score = score / 3 + zone * 2 / 3
        result.append(int(score))
    return result


def image_locality(pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> list[int] | None:
    """Bytes of the pod's images that the node has, each weighed by how many nodes have it."""
    spread = {name: snapshot.image_nodes.get(name, 0) / len(snapshot.nodes) for name in pod.image_names}
    if not any(spread.values()):
        return None
    most = IMAGE_MOST * len(pod.image_names)
    result = []
    for node in nodes:
        there = sum(int(node.images.get(name, 0) * spread[name]) for name in pod.image_names)
        result.append(MAX * (min(max(there, IMAGE_LEAST), most) - IMAGE_LEAST) // (most - IMAGE_LEAST))
    return result


def taint_toleration(pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> list[int] | None:
    """Few PreferNoSchedule taints that the pod does not tolerate."""
    if not any(node.soft_taints for node in nodes):
        return None
    tolerations = [t for t in views.tolerations(pod.obj) if t.get("effect") in (None, "", "PreferNoSchedule")]
    counts = [sum(not any(views.tolerates(t, taint) for t in tolerations) for taint in n.soft_taints) for n in nodes]
    most = max(counts)
    return [MAX - MAX * count // most if most else MAX for count in counts]


def node_affinity(pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> list[int] | None:
    """The weights of the preferred node affinity's terms that match."""
    affinity = ((pod.obj.get("spec") or {}).get("affinity") or {}).get("nodeAffinity") or {}
    if not affinity.get("preferredDuringSchedulingIgnoredDuringExecution"):
        return None
    sums = [views.preferred_node_affinity(pod.obj, node.obj) if node.obj else 0 for node in nodes]
    most = max(sums)
    return [MAX * total // most for total in sums] if most else None


STRATEGIES: Mapping[str, Score] = {"least": least_allocated, "most": most_allocated}

WEIGHTS: tuple[tuple[Score, int], ...] = (
    (taint_toleration, 3),
    (node_affinity, 2),
    (selector_spread, 2),
    (balanced_allocation, 1),
    (image_locality, 1),
)
"""Kubernetes' default weights; selector_spread stands where PodTopologySpread's defaults do. The strategy weighs 1."""


def rate(pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot, strategy: str) -> list[int]:
    """The weighted sum for each node, in their order."""
    totals = [0] * len(nodes)
    for score, weight in (*WEIGHTS, (STRATEGIES[strategy], 1)):
        rated = score(pod, nodes, snapshot)
        if rated is not None:
            totals = [total + weight * one for total, one in zip(totals, rated, strict=True)]
    return totals
