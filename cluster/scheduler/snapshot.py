"""Nodes and the pods on them as the scheduler counts them, assumed ones at once: facts worked out when they change.

Must not decide anything, and must not know queues or apiservers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta, views
from cluster.api.views import Object

DEFAULT_CPU = 100
"""Thousandths of a core that scores reckon for a pod that requests none (Kubernetes: DefaultMilliCPURequest)."""
DEFAULT_MEMORY = 200 * 1024 * 1024
UNSCHEDULABLE: Mapping[str, str] = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclass(slots=True)
class PodInfo:
    """What scheduling needs to know of one pod. cpu in thousandths, memory in bytes, `other` resources in units."""

    key: str
    uid: str
    namespace: str
    node: str
    obj: Object
    labels: Mapping[str, str]
    priority: int
    cpu: int
    memory: int
    other: Mapping[str, int]
    ports: list[tuple[str, str, int]]
    owner: str
    """uid of its controller, "" if none."""
    deleting: bool
    image_names: list[str]
    anti_affinity: tuple[Object, ...]
    """Required anti-affinity terms: they bind later pods too."""
    shape: str
    """Equal for pods that every static filter treats alike."""
    only_nodes: tuple[str, ...] | None
    """The only nodes that its required affinity names, None if it names none (DaemonSet pods name one)."""

    @classmethod
    def of(cls, pod: Object) -> PodInfo:
        spec = pod.get("spec") or {}
        requests = views.pod_requests(pod)
        owner = meta.controller_of(pod)
        affinity = spec.get("affinity") or {}
        node_affinity = affinity.get("nodeAffinity")
        anti = (affinity.get("podAntiAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
        shape = (spec.get("nodeSelector"), node_affinity, spec.get("tolerations"), spec.get("nodeName"))
        return cls(
            key=meta.key_of(pod),
            uid=meta.uid_of(pod),
            namespace=meta.namespace_of(pod),
            node=spec.get("nodeName") or "",
            obj=pod,
            labels=meta.labels_of(pod),
            priority=int(spec.get("priority") or 0),
            cpu=requests.pop("cpu", 0),
            memory=requests.pop("memory", 0),
            other={name: amount for name, amount in requests.items() if amount},
            ports=views.host_ports(pod),
            owner=owner["uid"] if owner else "",
            deleting=meta.deleting(pod),
            image_names=[str(c.get("image", "")) for c in views.containers(pod)],
            anti_affinity=tuple(anti or ()),
            shape=repr(shape),
            only_nodes=_named_nodes(node_affinity) if node_affinity else None,
        )


def _named_nodes(node_affinity: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Nodes named by metadata.name in every required term, None as soon as one term names none."""
    required = node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    names: dict[str, None] = {}
    terms = required.get("nodeSelectorTerms") or ()
    for term in terms:
        found = [f for f in term.get("matchFields") or () if f["key"] == "metadata.name" and f["operator"] == "In"]
        if not found:
            return None
        names.update(dict.fromkeys(found[0]["values"]))
    return tuple(sorted(names)) if terms else None


@dataclass(slots=True)
class NodeInfo:
    """One node with its room. `obj` is None while only pods of it are known (their watch may be ahead)."""

    name: str
    obj: Object | None = None
    version: int = 0
    """Goes up when anything but its pods changes: static verdicts hold for one version."""
    labels: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
    unschedulable: bool = False
    hard_taints: tuple[Object, ...] = ()
    soft_taints: tuple[Object, ...] = ()
    images: Mapping[str, int] = field(default_factory=dict)
    """Size in bytes by each name that the image has."""
    cpu: int = 0
    memory: int = 0
    max_pods: int = 0
    other: Mapping[str, int] = field(default_factory=dict)
    pods: dict[str, PodInfo] = field(default_factory=dict)
    used_cpu: int = 0
    used_memory: int = 0
    used_other: dict[str, int] = field(default_factory=dict)
    scored_cpu: int = 0
    """As used_cpu, with DEFAULT_CPU for pods that request none."""
    scored_memory: int = 0
    owners: dict[str, int] = field(default_factory=dict)
    """Pods that are not being deleted, by the uid of their controller."""
    ports: list[tuple[str, str, int]] = field(default_factory=list)

    def set(self, node: Object) -> None:
        allocatable = views.node_allocatable(node)
        self.obj = node
        self.version += 1
        self.labels = meta.labels_of(node)
        self.zone = views.node_zone(node)
        self.unschedulable = views.node_unschedulable(node)
        taints = views.taints(node)
        self.hard_taints = tuple(t for t in taints if t.get("effect") in ("NoSchedule", "NoExecute"))
        self.soft_taints = tuple(t for t in taints if t.get("effect") == "PreferNoSchedule")
        images = (node.get("status") or {}).get("images") or ()
        self.images = {name: int(i.get("sizeBytes", 0)) for i in images for name in i.get("names") or ()}
        self.cpu = allocatable.pop("cpu", 0)
        self.memory = allocatable.pop("memory", 0)
        self.max_pods = allocatable.pop("pods", 0)
        self.other = allocatable

    def add(self, pod: PodInfo) -> None:
        self.pods[pod.key] = pod
        self._count(pod, 1)

    def remove(self, pod: PodInfo) -> None:
        del self.pods[pod.key]
        self._count(pod, -1)

    def _count(self, pod: PodInfo, sign: int) -> None:
        self.used_cpu += sign * pod.cpu
        self.used_memory += sign * pod.memory
        self.scored_cpu += sign * (pod.cpu or DEFAULT_CPU)
        self.scored_memory += sign * (pod.memory or DEFAULT_MEMORY)
        for name, amount in pod.other.items():
            self.used_other[name] = self.used_other.get(name, 0) + sign * amount
        if pod.owner and not pod.deleting:
            self.owners[pod.owner] = self.owners.get(pod.owner, 0) + sign
        for port in pod.ports:
            if sign > 0:
                self.ports.append(port)
            else:
                self.ports.remove(port)


class Snapshot:
    """All nodes with their pods. A pod counts on its node from `assume` or from the first watch event that shows it
    bound, until it is removed, forgotten, or has run to its end."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeInfo] = {}
        """Nodes that exist, sorted by name."""
        self.repelling: dict[str, PodInfo] = {}
        """Pods on nodes that have required anti-affinity, by key."""
        self.image_nodes: dict[str, int] = {}
        """On how many nodes an image is, by name."""
        self._all: dict[str, NodeInfo] = {}
        self._pods: dict[str, PodInfo] = {}
        self._assumed: dict[str, str] = {}

    def set_node(self, node: Object) -> None:
        name = meta.name_of(node)
        info = self._all.setdefault(name, NodeInfo(name))
        self._count_images(info, -1)
        info.set(node)
        self._count_images(info, 1)
        if name not in self.nodes:
            self.nodes = dict(sorted([*self.nodes.items(), (name, info)]))

    def remove_node(self, name: str) -> None:
        """Its pods are kept in mind, should it come back before they are gone."""
        info = self.nodes.pop(name, None)
        if info is not None:
            self._count_images(info, -1)
            info.obj, info.images = None, {}
            self._drop_if_empty(info)

    def set_pod(self, pod: Object) -> None:
        """A pod as the watch shows it. One that is not bound leaves an assumed one as it is."""
        key = meta.key_of(pod)
        if not views.pod_node(pod):
            if self._assumed.get(key) != meta.uid_of(pod):
                self.remove_pod(key)
            return
        self.remove_pod(key)
        if not views.pod_terminal(pod):
            self._add(PodInfo.of(pod))

    def remove_pod(self, key: str) -> None:
        self._assumed.pop(key, None)
        info = self._pods.pop(key, None)
        if info is not None:
            node = self._all[info.node]
            node.remove(info)
            self.repelling.pop(key, None)
            self._drop_if_empty(node)

    def assume(self, pod: PodInfo, node: str) -> None:
        """It counts on `node` at once, until the watch says otherwise, or `forget`."""
        self.remove_pod(pod.key)
        pod.node = node
        self._add(pod)
        self._assumed[pod.key] = pod.uid

    def forget(self, key: str, uid: str) -> None:
        """The binding did not happen. Nothing is done once the watch has shown the pod on a node."""
        if self._assumed.get(key) == uid:
            self.remove_pod(key)

    def assumed(self, key: str, uid: str) -> bool:
        return self._assumed.get(key) == uid

    def placed(self, key: str) -> PodInfo | None:
        """The pod that counts on a node, assumed or bound."""
        return self._pods.get(key)

    def _add(self, info: PodInfo) -> None:
        self._all.setdefault(info.node, NodeInfo(info.node)).add(info)
        self._pods[info.key] = info
        if info.anti_affinity:
            self.repelling[info.key] = info

    def _count_images(self, info: NodeInfo, sign: int) -> None:
        for name in info.images:
            self.image_nodes[name] = self.image_nodes.get(name, 0) + sign

    def _drop_if_empty(self, info: NodeInfo) -> None:
        if info.obj is None and not info.pods:
            self._all.pop(info.name, None)
