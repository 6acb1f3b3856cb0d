"""Does a pod fit on this node, beside those that were admitted before it? Pure; the scheduler's word is not enough.

Kubernetes: kubelet admission. A pod that does not fit is rejected for good: Failed, reason OutOfcpu, OutOfpods, ...
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.api import meta, quantity
from nodes.kubelet.facts import Object, Verdict
from nodes.kubelet.podstate import is_sidecar


def requests(pod: Mapping[str, Any]) -> dict[str, int]:
    """What the pod asks for: cpu in milli-cores, others in whole units, and one of `pods`.

    Kubernetes: the sum of its containers and sidecars, or what an init container needs beside the sidecars that were
    started before it, whichever is more; plus spec.overhead."""
    spec = pod.get("spec") or {}
    running: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        asks = _asks(container)
        peak = _most(peak, _plus(running, asks))
        if is_sidecar(container):
            running = _plus(running, asks)
    for container in spec.get("containers") or ():
        running = _plus(running, _asks(container))
    total = _plus(_most(peak, running), quantity.resources(spec.get("overhead")))
    return {**total, "pods": 1}


def admit(
    pod: Object, admitted: Iterable[Mapping[str, int]], allocatable: Mapping[str, int], node: Mapping[str, Any]
) -> Verdict | None:
    """None if it fits. `admitted`: the requests of the pods that are on the node; `node`: its Node object."""
    used: dict[str, int] = {}
    for other in admitted:
        used = _plus(used, other)
    for name, amount in requests(pod).items():
        capacity = allocatable.get(name, 0)
        if amount > 0 and used.get(name, 0) + amount > capacity:
            return Verdict(
                f"OutOf{name}",
                f"Node didn't have enough resource: {name}, requested: {amount}, "
                f"used: {used.get(name, 0)}, capacity: {capacity}",
            )
    if not _wanted_here(pod, node):
        return Verdict(
            "NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
        )
    return None


def _wanted_here(pod: Object, node: Mapping[str, Any]) -> bool:
    spec = pod.get("spec") or {}
    labels = meta.labels_of(node)
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    fields = {"metadata.name": meta.name_of(node)}
    return any(_term(term, labels, fields) for term in required.get("nodeSelectorTerms") or ())


def _term(term: Mapping[str, Any], labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    """Kubernetes: all requirements of a term hold; a term without any matches nothing."""
    expressions, by_field = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not by_field:
        return False
    return all(_holds(e, labels) for e in expressions) and all(_holds(e, fields) for e in by_field)


def _holds(expression: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    wanted = tuple(expression.get("values") or ())
    if operator in ("Gt", "Lt"):
        try:
            mine, limit = int(values[key]), int(wanted[0])
        except (KeyError, ValueError, IndexError):
            return False
        return mine > limit if operator == "Gt" else mine < limit
    present = key in values
    if operator == "In":
        return present and values[key] in wanted
    if operator == "NotIn":
        return not present or values[key] not in wanted
    return present if operator == "Exists" else not present if operator == "DoesNotExist" else False


def _asks(container: Mapping[str, Any]) -> dict[str, int]:
    resources = container.get("resources") or {}
    return quantity.resources({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def _plus(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in (*left, *(n for n in right if n not in left))}


def _most(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    names = (*left, *(n for n in right if n not in left))
    return {name: max(left.get(name, 0), right.get(name, 0)) for name in names}
