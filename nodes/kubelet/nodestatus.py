"""The Node object as its kubelet writes it: labels, addresses, capacity, conditions. Pure; must not read the machine.

Kubernetes: "Node Status". What others put on a Node (taints, further labels, conditions of unknown types) stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.api import meta, quantity
from nodes.kubelet.config import Config

Object = dict[str, Any]

LEASE_NAMESPACE = "kube-node-lease"
OWN_CONDITIONS = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the kubelet knows of itself. `trouble`: why the node is not ready, "" if it is."""

    boot_id: str
    images: Sequence[tuple[str, int]] = ()
    trouble: str = ""


def labels_of(config: Config) -> dict[str, str]:
    labels = {
        "kubernetes.io/hostname": config.node,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
    }
    if config.zone:
        labels["topology.kubernetes.io/zone"] = config.zone
        labels["topology.kubernetes.io/region"] = config.zone.rpartition("-")[0] or config.zone
    return {**labels, **config.labels}


def new_node(config: Config) -> Object:
    """The Node to create, without its status."""
    spec: Object = {"podCIDR": config.pod_cidr, "podCIDRs": [config.pod_cidr], "providerID": f"capstan://{config.node}"}
    if config.taints:
        spec["taints"] = [dict(taint) for taint in config.taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": config.node, "labels": labels_of(config)},
        "spec": spec,
    }


def adoption(config: Config, node: Object) -> Object | None:
    """The merge patch that makes a Node that exists already ours; None if there is nothing to change."""
    patch: Object = {}
    labels = {k: v for k, v in labels_of(config).items() if meta.labels_of(node).get(k) != v}
    if labels:
        patch["metadata"] = {"labels": labels}
    if not (node.get("spec") or {}).get("podCIDR"):
        patch["spec"] = {"podCIDR": config.pod_cidr, "podCIDRs": [config.pod_cidr]}
    return patch or None


def allocatable_of(config: Config) -> dict[str, int]:
    """Capacity in whole numbers: cpu in milli-cores; nothing is reserved for the system."""
    return quantity.resources(config.capacity)


def node_status(config: Config, node: Object, machine: Machine, now: float) -> Object:
    """The status as it should be; heartbeats are stamped `now`, transitions only where a condition changed."""
    stamp = meta.timestamp(now)
    conditions = list((node.get("status") or {}).get("conditions") or ())
    for type, words in (
        ("MemoryPressure", ("KubeletHasSufficientMemory", "kubelet has sufficient memory available")),
        ("DiskPressure", ("KubeletHasNoDiskPressure", "kubelet has no disk pressure")),
        ("PIDPressure", ("KubeletHasSufficientPID", "kubelet has sufficient PID available")),
    ):
        conditions = meta.set_condition(conditions, type, "False", *words, stamp)
    if machine.trouble:
        conditions = meta.set_condition(conditions, "Ready", "False", "KubeletNotReady", machine.trouble, stamp)
    else:
        conditions = meta.set_condition(
            conditions, "Ready", "True", "KubeletReady", "kubelet is posting ready status", stamp
        )
    for entry in conditions:
        if entry["type"] in OWN_CONDITIONS:
            entry["lastHeartbeatTime"] = stamp
    return {
        "capacity": dict(config.capacity),
        "allocatable": dict(config.capacity),
        "addresses": [
            {"type": "InternalIP", "address": config.node_ip},
            {"type": "Hostname", "address": config.node},
        ],
        "conditions": conditions,
        "nodeInfo": {
            "architecture": "amd64",
            "operatingSystem": "linux",
            "osImage": "Capstan",
            "kernelVersion": "",
            "kubeletVersion": config.version,
            "kubeProxyVersion": config.version,
            "containerRuntimeVersion": f"capstan-{config.runtime}://1",
            "machineID": config.node,
            "systemUUID": config.node,
            "bootID": machine.boot_id,
        },
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "images": [{"names": [name], "sizeBytes": size} for name, size in machine.images],
    }


def differs(wanted: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Is there news besides heartbeats? Fields that others added do not count."""
    return any(_quiet(value) != _quiet(written.get(key)) for key, value in wanted.items())


def _quiet(value: Any) -> Any:
    if isinstance(value, list):
        return [_quiet(item) for item in value]
    if isinstance(value, Mapping):
        return {k: _quiet(v) for k, v in value.items() if k not in ("lastHeartbeatTime", "lastTransitionTime")}
    return value or None


def lease(config: Config, owner: Object | None, now: float) -> Object:
    """The node's Lease as of `now`. The holder is the node itself, as in Kubernetes."""
    metadata: Object = {"name": config.node, "namespace": LEASE_NAMESPACE}
    if owner is not None:
        reference = meta.owner_reference(owner, controller=False)
        metadata["ownerReferences"] = [reference]
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": config.node,
            "leaseDurationSeconds": max(round(config.timing.node_lease_duration), 1),
            "renewTime": meta.micro_timestamp(now),
        },
    }
