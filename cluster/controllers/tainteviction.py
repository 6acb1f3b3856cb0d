"""What a node's trouble means for a pod on it: not ready, and evicted when its toleration has run out.

Must not taint nodes or find out who is silent (`nodelifecycle` does); it reads conditions and taints
(Kubernetes: taint-eviction-controller, and node-lifecycle-controller's MarkPodsNotReady).
"""

from __future__ import annotations

from collections.abc import Iterable

from cluster.api import meta, views
from cluster.controllers.controller import Context, Controller, View, changed
from cluster.controllers.plan import DONE, Delete, Emit, Object, Patch, Plan, PlanBuilder


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """One pod: it is looked at again at the very moment when it must go."""
    pod = view.get("Pod", *meta.split_key(key))
    if pod is None or not views.pod_node(pod) or meta.deleting(pod):
        return DONE
    node = view.get("Node", "", views.pod_node(pod))
    if node is None:
        return DONE
    plan = PlanBuilder()
    if _must_be_marked(pod, node):
        plan.add(_not_ready(pod, ctx.now))
    due = eviction_time(pod, node, ctx.now)
    if due is not None and due <= ctx.now:
        plan.add(Emit(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {key}"))
        plan.add(Delete("Pod", meta.namespace_of(pod), meta.name_of(pod), uid=meta.uid_of(pod)))
    elif due is not None:
        plan.again_after(due - ctx.now)
    return plan.build()


def eviction_time(pod: Object, node: Object, now: float) -> float | None:
    """Seconds since 1970 at which the pod must go; None: it may stay. A taint that does not say since when it is
    there counts from now; of several the earliest end decides."""
    ends: list[float] = []
    for taint in views.taints(node):
        if taint.get("effect") == "NoExecute":
            delay = views.eviction_delay([taint], views.tolerations(pod))
            if delay == 0.0:
                return now
            if delay is not None:
                since = taint.get("timeAdded")
                ends.append((meta.parse_time(str(since)) if since else now) + delay)
    return min(ends, default=None)


def _must_be_marked(pod: Object, node: Object) -> bool:
    """A silent node's pods are not ready, whatever they last said. A node that itself says it is not ready has a
    kubelet that speaks for its pods: only what became ready before the node said so is marked."""
    ready, pod_ready = meta.condition(node, "Ready"), meta.condition(pod, "Ready")
    if ready is None or pod_ready is None or pod_ready.get("status") != "True":
        return False
    if ready.get("status") == "Unknown":
        return True
    since, before = ready.get("lastTransitionTime"), pod_ready.get("lastTransitionTime")
    return bool(ready.get("status") == "False" and since and before) and (
        meta.parse_time(str(before)) < meta.parse_time(str(since))
    )


def _not_ready(pod: Object, now: float) -> Patch:
    old = meta.condition(pod, "Ready") or {}
    conditions = meta.set_condition(
        pod["status"]["conditions"],
        "Ready",
        "False",
        str(old.get("reason") or ""),
        str(old.get("message") or ""),
        meta.timestamp(now),
    )
    # The list of conditions is replaced as a whole, so what the kubelet may have written meanwhile must not be lost.
    patch = {
        "metadata": {"resourceVersion": pod["metadata"].get("resourceVersion", "")},
        "status": {"conditions": conditions},
    }
    return Patch("Pod", meta.namespace_of(pod), meta.name_of(pod), patch, "status")


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterable[str]:
    if kind == "Pod":
        # Not for each change of its status: a kubelet that is heard again says so of its pods before its node is Ready,
        # and would be contradicted here, and would contradict, as fast as both can write.
        if changed(old, new, "spec.nodeName", "spec.tolerations") and new is not None:
            return [meta.key_of(new)]
        return []
    if new is None or not (_troubled(old) or _troubled(new)):
        return []
    if not changed(old, new, "spec.taints", "status.conditions"):
        return []
    name = meta.name_of(new)
    return [meta.key_of(pod) for pod in view.list("Pod") if views.pod_node(pod) == name]


def _troubled(node: Object | None) -> bool:
    return node is not None and (
        not views.node_ready(node) or any(t.get("effect") == "NoExecute" for t in views.taints(node))
    )


CONTROLLER = Controller(
    name="taint-eviction-controller",
    kinds=("Pod", "Node"),
    keys=_keys,
    reconcile=reconcile,
    workers=8,
)
