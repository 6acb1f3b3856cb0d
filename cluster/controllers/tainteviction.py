"""What a node's trouble means for a pod on it: not ready, and evicted when its toleration has run out.

Must not taint nodes or find out who is silent (`nodelifecycle` does); it reads conditions and taints
(Kubernetes: taint-eviction-controller, and node-lifecycle-controller's MarkPodsNotReady).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cluster.api import meta, views
from cluster.controllers.controller import Context, Controller, View, changed
from cluster.controllers.plan import DONE, Delete, Emit, Object, Patch, Plan, PlanBuilder

SPARED = 0.5
"""Share of the grace for which the word of a kubelet that was called silent counts: so long it has to say so of its
node too. (Kubernetes lets it count until the node's next change.)"""


@dataclass(slots=True)
class Words:
    """What this controller has observed, in monotonic seconds: since when nodes have been Unknown, and when a pod was
    last called ready that was not."""

    silent: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)


def observe(memory: Words, kind: str, old: Object | None, new: Object | None, monotonic: float) -> None:
    key = meta.key_of(new or old or {})
    if kind == "Node":
        if _unknown(new):
            memory.silent.setdefault(key, monotonic)
        else:
            memory.silent.pop(key, None)
    elif new is None or not views.pod_ready(new):
        memory.ready.pop(key, None)
    elif old is not None and not views.pod_ready(old):
        memory.ready[key] = monotonic


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
        spared = _spared(key, views.pod_node(pod), ctx)
        if spared > 0:
            plan.again_after(spared)
        else:
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


def _spared(pod: str, node: str, ctx: Context) -> float:
    """Seconds for which the pod is not marked, because its kubelet has spoken since its node was called silent: it is
    back, and about to say so of the node, or has only come through for a moment."""
    memory: Words = ctx.memory
    silent, ready = memory.silent.get(node), memory.ready.get(pod)
    if silent is None or ready is None or ready < silent:
        return 0.0
    return ready + SPARED * ctx.timing.node_monitor_grace - ctx.monotonic


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
        if new is None:
            return []
        called_ready = old is not None and views.pod_ready(new) and not views.pod_ready(old)
        if changed(old, new, "spec.nodeName", "spec.tolerations") or (
            called_ready and _unknown(view.get("Node", "", views.pod_node(new)))
        ):
            return [meta.key_of(new)]
        return []
    if new is None or not (_troubled(old) or _troubled(new)):
        return []
    if not changed(old, new, "spec.taints", "status.conditions"):
        return []
    name = meta.name_of(new)
    return [meta.key_of(pod) for pod in view.list("Pod") if views.pod_node(pod) == name]


def _unknown(node: Object | None) -> bool:
    return node is not None and (meta.condition(node, "Ready") or {}).get("status") == "Unknown"


def _troubled(node: Object | None) -> bool:
    return node is not None and (
        not views.node_ready(node) or any(t.get("effect") == "NoExecute" for t in views.taints(node))
    )


CONTROLLER = Controller(
    name="taint-eviction-controller",
    kinds=("Pod", "Node"),
    keys=_keys,
    reconcile=reconcile,
    memory=Words,
    observe=observe,
    workers=8,
)
