"""Remove pods that nobody else will: on vanished nodes, unbound and terminating, or finished and too many
(Kubernetes: PodGC).

Must not evict from nodes that exist, but for those that an operator has declared out of service.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cluster.api import meta, views
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Delete, Object, Patch, Plan, PlanBuilder, Verify

THRESHOLD = 12500
"""--terminated-pod-gc-threshold"""
FINISHED = "#finished"
"""The key under which all finished pods are looked at."""
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


@dataclass(slots=True)
class Missing:
    """Since when (monotonic seconds) nodes that pods are bound to have been missed."""

    since: dict[str, float] = field(default_factory=dict)


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """One pod, or all the finished ones."""
    if key == FINISHED:
        return _finished(view, ctx)
    pod = view.get("Pod", *meta.split_key(key))
    if pod is None:
        return DONE
    name = views.pod_node(pod)
    if not name:
        return Plan((_force(pod),)) if meta.deleting(pod) else DONE
    missing: Missing = ctx.memory
    node = view.get("Node", "", name)
    if node is None:
        since = missing.since.setdefault(name, ctx.monotonic)
        # A node that comes back within this time finds its pods (Kubernetes: quarantine, 40 s).
        left = since + 2 * ctx.timing.node_ttl_gc - ctx.monotonic
        if left > 0:
            return Plan((), left)
        return _orphaned(pod, name, ctx)
    missing.since.pop(name, None)
    out = any(t.get("key") == OUT_OF_SERVICE for t in views.taints(node))
    if meta.deleting(pod) and out and not views.node_ready(node):
        return Plan((*_failed(pod, "the node is out of service", ctx), _force(pod)))
    return DONE


def _orphaned(pod: Object, node: str, ctx: Context) -> Plan:
    plan = PlanBuilder()
    plan.add(Verify("Node", "", node, "unchanged"))  # no resourceVersion: there is none such
    plan.actions.extend(_failed(pod, "PodGC: node no longer exists", ctx))
    plan.add(_force(pod))
    return plan.build()


def _failed(pod: Object, message: str, ctx: Context) -> list[Patch]:
    """Nobody will say any more how it ended, so it has failed."""
    if views.pod_terminal(pod):
        return []
    conditions = meta.set_condition(
        (pod.get("status") or {}).get("conditions") or [],
        "DisruptionTarget",
        "True",
        "DeletionByPodGC",
        message,
        meta.timestamp(ctx.now),
    )
    patch = {"metadata": {"uid": meta.uid_of(pod)}, "status": {"phase": "Failed", "conditions": conditions}}
    return [Patch("Pod", meta.namespace_of(pod), meta.name_of(pod), patch, "status")]


def _force(pod: Object) -> Delete:
    return Delete("Pod", meta.namespace_of(pod), meta.name_of(pod), uid=meta.uid_of(pod), grace=0)


def _finished(view: View, ctx: Context) -> Plan:
    """The oldest of those beyond the threshold; looked at again every sweep."""
    finished = [pod for pod in view.list("Pod") if views.pod_terminal(pod) and not meta.deleting(pod)]
    surplus = max(0, len(finished) - THRESHOLD)
    finished.sort(key=lambda pod: (pod["metadata"].get("creationTimestamp", ""), meta.key_of(pod)))
    return Plan(tuple(_force(pod) for pod in finished[:surplus]), ctx.timing.node_ttl_gc)


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if kind == "Node":
        obj = new or old or {}
        concerned = old is None or new is None or views.taints(old) != views.taints(new)
        if concerned:
            for pod in view.list("Pod"):
                if views.pod_node(pod) == meta.name_of(obj):
                    yield meta.key_of(pod)
    elif new is not None:
        begins = old is None or views.pod_node(old) != views.pod_node(new) or meta.deleting(old) != meta.deleting(new)
        if begins:
            yield meta.key_of(new)


CONTROLLER = Controller(
    name="pod-garbage-collector",
    kinds=("Pod", "Node"),
    keys=_keys,
    reconcile=reconcile,
    memory=Missing,
    extra_keys=(FINISHED,),
)
