"""Objects for the controllers' tests, and a view of them: the real cache, filled by hand."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from cluster.api import meta
from cluster.api.kinds import KINDS
from cluster.client.cache import Cache, Scope
from cluster.config import Timing
from cluster.controllers.controller import Context, Failure
from cluster.controllers.plan import Action, Object, Plan

NOW = 1_800_000_000.0


def view(*objects: Object) -> Cache:
    cache = Cache()
    for kind in KINDS:
        cache.track(kind, Scope())
    for number, obj in enumerate(objects, 1):
        obj["metadata"].setdefault("resourceVersion", str(number))
        cache.event(obj["kind"], "ADDED", obj)
    return cache


def ctx(
    now: float = NOW, memory: Any = None, failure: Failure | None = None, monotonic: float | None = None
) -> Context:
    return Context(now, Timing(), Random(7), now - NOW if monotonic is None else monotonic, failure, memory)


def of(plan: Plan | Sequence[Action], kind: type) -> list[Any]:
    """The plan's actions of one type."""
    return [a for a in (plan.actions if isinstance(plan, Plan) else plan) if isinstance(a, kind)]


def stamp(ago: float = 0.0) -> str:
    return meta.timestamp(NOW - ago)


def make(kind: str, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> Object:
    entry = KINDS[kind]
    base: dict[str, Any] = {"name": name, "uid": f"{kind.lower()}-{name}", "creationTimestamp": stamp(3600)}
    if entry.namespaced:
        base["namespace"] = "default"
    obj: Object = {"apiVersion": entry.api_version, "kind": kind, "metadata": {**base, **metadata}}
    if spec is not None:
        obj["spec"] = spec
    return obj


def owned(obj: Object, owner: Object) -> Object:
    obj["metadata"]["ownerReferences"] = [meta.owner_reference(owner)]
    return obj


def pod(name: str, node: str = "", *, ready: bool | None = None, phase: str = "", **metadata: Any) -> Object:
    """`ready`: None for a pod that has not started; else it runs."""
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "nginx"}]}
    if node:
        spec["nodeName"] = node
    metadata.setdefault("labels", {"app": "web"})
    obj = make("Pod", name, spec, **metadata)
    obj["status"] = {"phase": phase or ("Pending" if ready is None else "Running")}
    if ready is not None:
        state = "True" if ready else "False"
        obj["status"]["conditions"] = [{"type": "Ready", "status": state, "lastTransitionTime": stamp(600)}]
        obj["status"]["podIP"] = f"127.77.16.{len(name) + sum(name.encode()) % 200}"
    return obj


def template(image: str = "nginx", **labels: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": image}]}
    return {"metadata": {"labels": labels or {"app": "web"}}, "spec": spec}


def workload(kind: str, name: str = "web", **spec: Any) -> Object:
    """A Deployment, ReplicaSet or DaemonSet for app=web."""
    base = {"selector": {"matchLabels": {"app": "web"}}, "template": template()}
    return make(kind, name, {**base, **spec}, generation=1)


def node(name: str, ready: str = "True", taints: Sequence[dict[str, Any]] = (), **labels: str) -> Object:
    spec: dict[str, Any] = {"taints": list(taints)} if taints else {}
    obj = make("Node", name, spec, labels={key.replace("_", "/"): value for key, value in labels.items()})
    if ready:
        obj["status"] = {
            "conditions": [
                {"type": "Ready", "status": ready, "lastHeartbeatTime": stamp(), "lastTransitionTime": stamp(60)}
            ]
        }
    return obj
