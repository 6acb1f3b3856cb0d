"""The chain that every new object passes: may it be here, and what does the cluster add to it?

Pure: what a plugin must know of other objects comes in through `Settings.find`. Must not write.
Each plugin is named as in Kubernetes. NamespaceLifecycle stands apart: whether a namespace exists may take a live read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import deleting, name_of, namespace_of
from cluster.apiserver import refusals

Object = dict[str, Any]

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
SYSTEM_PRIORITIES: Mapping[str, int] = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """`toleration_seconds`: what a pod gets for a node that is not ready. `find(kind, key)`: an object as last heard
    of. `all(kind)`: all of a kind."""

    toleration_seconds: int
    find: Callable[[str, str], Object | None]
    all: Callable[[str], list[Object]]


Plugin = Callable[[Object, Settings], Object]


def admit_create(kind: Kind, obj: Object, settings: Settings) -> Object:
    """The object with what the plugins add; Forbidden when one refuses. What has no spec map is left to validation."""
    if type(obj.get("spec", {})) is not dict:
        return obj
    for plugin in _PLUGINS.get(kind.kind, ()):
        obj = plugin(obj, settings)
    return obj


def namespace_lifecycle(kind: Kind, obj: Object, namespace: Object | None) -> None:
    """NotFound in a namespace that does not exist, Forbidden in one that is going."""
    if namespace is None:
        raise refusals.not_found(KINDS["Namespace"], namespace_of(obj))
    if deleting(namespace) or (namespace.get("status") or {}).get("phase") == "Terminating":
        name = namespace_of(obj)
        why = f"unable to create new content in namespace {name} because it is being terminated"
        causes = [{"field": "metadata.namespace", "reason": "NamespaceTerminating", "message": why}]
        raise refusals.forbidden(kind, name_of(obj), why, causes=causes)


def default_toleration_seconds(pod: Object, settings: Settings) -> Object:
    spec = pod.get("spec") or {}
    tolerations = spec.get("tolerations") or []
    if type(tolerations) is not list or not all(type(t) is dict for t in tolerations):
        return pod
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": settings.toleration_seconds}
        for key in (NOT_READY, UNREACHABLE)
        if not any(t.get("key") in (key, None, "") and t.get("effect") in ("NoExecute", None, "") for t in tolerations)
    ]
    return {**pod, "spec": {**spec, "tolerations": [*tolerations, *added]}} if added else pod


def service_account(pod: Object, settings: Settings) -> Object:
    """Seam: names the account; that it exists is not checked as long as there are no tokens."""
    spec = pod.get("spec") or {}
    return pod if spec.get("serviceAccountName") else {**pod, "spec": {**spec, "serviceAccountName": "default"}}


def priority(pod: Object, settings: Settings) -> Object:
    spec = pod.get("spec") or {}
    name = spec.get("priorityClassName")
    if not name:
        default = next((c for c in settings.all("PriorityClass") if c.get("globalDefault")), None)
        if default is None:
            return {**pod, "spec": {**spec, "priority": 0}}
        name = name_of(default)
    elif type(name) is not str:
        return pod
    found = settings.find("PriorityClass", name)
    value = found.get("value") if found is not None else SYSTEM_PRIORITIES.get(name)
    if value is None:
        raise refusals.forbidden(KINDS["Pod"], name_of(pod), f"no PriorityClass with name {name} was found")
    policy = (found or {}).get("preemptionPolicy") or "PreemptLowerPriority"
    return {**pod, "spec": {**spec, "priorityClassName": name, "priority": value, "preemptionPolicy": policy}}


def taint_nodes_by_condition(node: Object, settings: Settings) -> Object:
    """A new node gets no pods before the node controller has seen that it is ready."""
    spec = node.get("spec") or {}
    taints = spec.get("taints") or []
    if type(taints) is not list or any(type(t) is not dict or t.get("key") == NOT_READY for t in taints):
        return node
    return {**node, "spec": {**spec, "taints": [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]}}


_PLUGINS: Mapping[str, tuple[Plugin, ...]] = {
    "Pod": (service_account, default_toleration_seconds, priority),
    "Node": (taint_nodes_by_condition,),
}
