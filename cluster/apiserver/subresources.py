"""What status, binding, scale and finalize make of an object.

Pure. Must not know the store.
"""

from __future__ import annotations

from typing import Any

from cluster.api import meta as m
from cluster.api.fielderrors import FieldError
from cluster.api.kinds import Kind
from cluster.api.selectors import of_workload
from cluster.apiserver import customobjects, refusals
from cluster.apiserver.registry import Outcome, check_preconditions, complete, prepare_update, settle
from cluster.errors import StatusError

Object = dict[str, Any]


def set_status(kind: Kind, old: Object, given: Object) -> Outcome:
    """Replace status, and nothing else."""
    if not kind.status:
        raise StatusError("MethodNotAllowed", f"{kind.qualified} have no status subresource")
    check_preconditions(kind, old, m.uid_of(given), given["metadata"].get("resourceVersion") or "")
    new = {**old}
    if given.get("status") is None:
        new.pop("status", None)
    else:
        new["status"] = given["status"]
    return settle(old, complete(kind, new, old, subresource="status"))


def again(kind: Kind, old: Object, new: Object, subresource: str) -> Outcome | None:
    """The outcome of a change that admission has changed further; None where only plain objects and statuses are
    anybody's to change."""
    if subresource == "":
        return prepare_update(kind, old, new)
    return set_status(kind, old, new) if subresource == "status" else None


def bind(kind: Kind, old: Object, node: str, uid: str, now: float) -> Outcome:
    """Give a pod its node, once (Kubernetes: assignPod)."""
    name = m.name_of(old)
    if not node:
        error = FieldError("target.name", "FieldValueRequired", "Required value")
        raise refusals.invalid(kind, name, [error])
    check_preconditions(kind, old, uid, "")
    if m.deleting(old):
        raise refusals.conflict(kind, name, f"pod {name} is being deleted, cannot be assigned to a host")
    spec = old.get("spec") or {}
    if spec.get("nodeName"):
        why = f'pod {name} is already assigned to node "{spec["nodeName"]}"'
        raise refusals.conflict(kind, name, why)
    status = old.get("status") or {}
    conditions = m.set_condition(status.get("conditions") or (), "PodScheduled", "True", "", "", m.timestamp(now))
    new = {**old, "spec": {**spec, "nodeName": node}, "status": {**status, "conditions": conditions}}
    return Outcome(new)


def finalize(kind: Kind, old: Object, given: Object) -> Outcome:
    """Replace a Namespace's spec.finalizers; the last one gone removes a namespace whose deletion has begun."""
    if kind.kind != "Namespace":
        raise StatusError("MethodNotAllowed", f"{kind.qualified} have no finalize subresource")
    check_preconditions(kind, old, m.uid_of(given), given["metadata"].get("resourceVersion") or "")
    spec = given.get("spec") or {}
    wanted = spec.get("finalizers") if type(spec) is dict else None
    if wanted is not None and (type(wanted) is not list or not all(type(w) is str for w in wanted)):
        raise refusals.bad_request("spec.finalizers is a list of strings")
    new = {**old, "spec": {**(old.get("spec") or {}), "finalizers": list(wanted or ())}}
    return settle(old, new)


def scale_of(kind: Kind, obj: Object) -> Object:
    """The autoscaling/v1 Scale of an object."""
    if not kind.scale:
        raise StatusError("MethodNotAllowed", f"{kind.qualified} have no scale subresource")
    meta = obj["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    head = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {name: meta[name] for name in names if name in meta},
    }
    if kind.model is not None and (paths := kind.model.scale) is not None:
        status: Object = {"replicas": customobjects.replicas_of(obj, paths.status)}
        if paths.selector:
            status["selector"] = customobjects.selector_of(obj, paths.selector)
        return {**head, "spec": {"replicas": customobjects.replicas_of(obj, paths.spec)}, "status": status}
    spec = obj.get("spec") or {}
    replicas = (obj.get("status") or {}).get("replicas", 0)
    status = {"replicas": replicas, "selector": str(of_workload(spec.get("selector")))}
    return {**head, "spec": {"replicas": spec.get("replicas", 0)}, "status": status}


def set_scale(kind: Kind, old: Object, given: Object) -> Outcome:
    """Replace spec.replicas by the Scale's."""
    if not kind.scale:
        raise StatusError("MethodNotAllowed", f"{kind.qualified} have no scale subresource")
    spec = given.get("spec") or {}
    replicas = spec.get("replicas") if type(spec) is dict else None
    if type(replicas) is not int or replicas < 0:
        message = f"Invalid value: {replicas!r}: must be greater than or equal to 0"
        raise refusals.invalid(kind, m.name_of(old), [FieldError("spec.replicas", "FieldValueInvalid", message)])
    meta = given["metadata"]
    check_preconditions(kind, old, m.uid_of(given), meta.get("resourceVersion") or "")
    path = kind.model.scale.spec if kind.model is not None and kind.model.scale is not None else "spec.replicas"
    return prepare_update(kind, old, customobjects.with_replicas(old, path, replicas))
