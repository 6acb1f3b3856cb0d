"""Which nodes a DaemonSet's pods belong on, and what such a pod looks like (Kubernetes: DaemonSet).

Must not decide what to create or delete; `daemonset` does.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from cluster.api import meta, views
from cluster.controllers.history import HASH
from cluster.controllers.plan import Object
from cluster.controllers.replicaset import new_pod

_TAINT = "node.kubernetes.io/"
STANDARD_TOLERATIONS = (
    {"key": _TAINT + "not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": _TAINT + "unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": _TAINT + "disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": _TAINT + "memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": _TAINT + "pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": _TAINT + "unschedulable", "operator": "Exists", "effect": "NoSchedule"},
)
_HOST_NETWORK = {"key": _TAINT + "network-unavailable", "operator": "Exists", "effect": "NoSchedule"}


class Fit(NamedTuple):
    """`start`: a pod is to be made on the node. `stay`: one that is there may go on."""

    start: bool
    stay: bool


def fit(daemonset: Object, node: Object) -> Fit:
    """Node name, selector and affinity decide both; a taint without a toleration keeps new pods away, and drives
    away those that are there only if its effect is NoExecute."""
    spec = daemonset["spec"]["template"]["spec"]
    if spec.get("nodeName") and spec["nodeName"] != meta.name_of(node):
        return Fit(False, False)
    if not views.node_matches({"spec": spec}, node):
        return Fit(False, False)
    tolerations = tolerated(spec)
    if views.untolerated_taint(views.taints(node), tolerations) is None:
        return Fit(True, True)
    return Fit(False, views.untolerated_taint(views.taints(node), tolerations, ("NoExecute",)) is None)


def tolerated(spec: Object) -> list[dict[str, Any]]:
    """The template's tolerations with the standard ones that are not among them."""
    result = [dict(t) for t in spec.get("tolerations") or ()]
    standard = (*STANDARD_TOLERATIONS, _HOST_NETWORK) if spec.get("hostNetwork") else STANDARD_TOLERATIONS
    result.extend(dict(t) for t in standard if t not in result)
    return result


def pod_for(daemonset: Object, node: str, revision: str, beside: bool = False) -> Object:
    """The pod of that revision for one node, pinned there by affinity; the scheduler binds it.

    Its name follows from owner and node. So a create that was sent twice, or by two who both think they lead, or
    by one whose cache lags, makes one pod: never two on a node. `beside`: a surge, where the new revision's pod
    comes beside the old one's; then the revision is in the name too."""
    text = f"{meta.uid_of(daemonset)}/{node}" + (f"/{revision}" if beside else "")
    suffix = meta.safe_encode(hashlib.sha256(text.encode()).hexdigest()[:9])
    pod = new_pod(daemonset, f"{meta.name_of(daemonset)[:53]}-{suffix}")
    pod["metadata"].setdefault("labels", {})[HASH] = revision
    spec = pod["spec"]
    spec["tolerations"] = tolerated(spec)
    only = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    affinity = spec.setdefault("affinity", {})
    # The template's own terms have been looked at when the node was chosen.
    affinity.setdefault("nodeAffinity", {})["requiredDuringSchedulingIgnoredDuringExecution"] = {
        "nodeSelectorTerms": [only]
    }
    return pod


def target_node(pod: Object) -> str:
    """The node that a pod is bound to, or pinned to; "" if neither."""
    bound = views.pod_node(pod)
    if bound:
        return bound
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for entry in term.get("matchFields") or ():
            if entry.get("key") == "metadata.name" and entry.get("operator") == "In" and entry.get("values"):
                return str(entry["values"][0])
    return ""


def survivor_order(pod: Object) -> tuple[Any, ...]:
    """The first in this order stays when a node has several: bound, running, older, then by name."""
    running = views.pod_phase(pod) == "Running"
    return not views.pod_node(pod), not running, pod["metadata"].get("creationTimestamp", ""), meta.name_of(pod)
