"""What create, update and delete make of an object: the metadata that is the server's, generation, finalizers, grace.

Pure: objects in, `Outcome` out; refusals are StatusErrors. Must not know the store, nor admission's policies.
Source: Kubernetes' registry/rest package (BeforeCreate, BeforeUpdate, BeforeDelete) and the kinds' strategies.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Any

from cluster.api import meta as m
from cluster.api.defaults import default
from cluster.api.fielderrors import FieldError
from cluster.api.kinds import Kind
from cluster.api.validate import validate
from cluster.api.views import pod_phase, qos_class
from cluster.apiserver import customobjects, refusals
from cluster.errors import StatusError, UsageError

Object = dict[str, Any]

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_FINALIZER = {"Foreground": FOREGROUND, "Orphan": ORPHAN, "Background": ""}
DEFAULT_GRACE = 30
_CONTAINERS = ("containers", "initContainers")
_ADDRESSES = ("clusterIP", "clusterIPs")
_SERVERS_OWN = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "uid")
_NOT_STORED = ("resourceVersion", "selfLink")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`obj`: the object as it is to be, None if nothing is to be written. `remove`: delete it (obj is what is
    answered). `claims` and `releases`: allocation keys that must be free and become taken, or become free."""

    obj: Object | None
    remove: bool = False
    claims: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()


NOTHING = Outcome(None)


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    uid: str = ""
    resource_version: str = ""
    grace: int | None = None
    propagation: str = ""


# ── create ───────────────────────────────────────────────────────────────────────────────────────────────────


def prepare_create(kind: Kind, given: Object, now: float, rng: Random) -> Object:
    """A new object as the store may have it, before admission, defaults and validation."""
    if (refusal := customobjects.ending(kind)) is not None:
        raise refusal
    obj = {**given, "metadata": {k: v for k, v in given["metadata"].items() if k not in _SERVERS_OWN}}
    meta = obj["metadata"]
    if meta.get("resourceVersion"):
        raise refusals.bad_request("resourceVersion should not be set on objects to be created")
    for name in (*_NOT_STORED, "managedFields"):
        meta.pop(name, None)
    if not meta.get("name"):
        if not meta.get("generateName"):
            error = FieldError(
                "metadata.name", "FieldValueRequired", "Required value: name or generateName is required"
            )
            raise refusals.invalid(kind, "", [error])
        meta["name"] = meta["generateName"][:248] + m.random_suffix(rng)
    if kind.namespaced:
        meta["namespace"] = meta.get("namespace") or "default"
    elif meta.pop("namespace", ""):
        raise refusals.bad_request(f"{kind.kind} is in no namespace: metadata.namespace may not be set")
    meta["uid"] = m.new_uid(rng)
    meta["creationTimestamp"] = m.timestamp(now)
    if kind.generation:
        meta["generation"] = 1
    if kind.status and kind.kind != "Node":  # a Node is registered together with its status
        obj.pop("status", None)
    if kind.begin is not None:
        kind.begin(obj, m.timestamp(now))
    if kind.kind == "Pod":
        obj["status"] = {"phase": "Pending", "qosClass": _qos_class(obj)}
    elif kind.kind == "Namespace":
        obj["status"] = {"phase": "Active"}
        spec = obj.get("spec")
        obj["spec"] = {**(spec if type(spec) is dict else {}), "finalizers": ["kubernetes"]}
    return obj


def _qos_class(pod: Object) -> str:
    try:
        return qos_class(pod)
    except (TypeError, ValueError, AttributeError, KeyError, StatusError, UsageError):
        return "BestEffort"  # it is malformed: the validator will say where


def requalified(kind: Kind, before: Object, after: Object) -> Object:
    """A new object as admission leaves it: a pod whose containers it has changed may be of another class."""
    if kind.kind != "Pod" or after is before:
        return after
    spec, had = after.get("spec"), before.get("spec")
    if type(spec) is dict and type(had) is dict and all(spec.get(f) is had.get(f) for f in _CONTAINERS):
        return after
    return {**after, "status": {**(after.get("status") or {}), "qosClass": _qos_class(after)}}


def complete(kind: Kind, obj: Object, old: Object | None = None, *, subresource: str = "") -> Object:
    """With defaults, and valid; or Invalid with all that is wrong."""
    if kind.model is not None:
        return customobjects.complete(kind, kind.model, obj, old)
    try:
        full = default(obj)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        # Defaults reckon with the right types; the validator says which one is wrong.
        wrong = validate(obj, old, subresource=subresource)
        if not wrong:
            raise refusals.bad_request(f"{type(error).__name__}: {error}") from None
        raise refusals.invalid(kind, m.name_of(obj), wrong) from None
    errors = validate(full, old, subresource=subresource)
    if kind.kind == "CustomResourceDefinition" and not errors and not subresource:
        errors = customobjects.unreadable(full)
    if errors:
        raise refusals.invalid(kind, m.name_of(obj), errors)
    return full


# ── update ───────────────────────────────────────────────────────────────────────────────────────────────────


def prepare_update(kind: Kind, old: Object, given: Object) -> Outcome:
    """Replace all but status; NOTHING if that changes nothing."""
    check_preconditions(kind, old, m.uid_of(given), given["metadata"].get("resourceVersion") or "")
    new = {**given, "metadata": _kept(old, given["metadata"])}
    if kind.status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    if kind.kind == "Namespace" and isinstance(new.get("spec") or {}, dict):
        new["spec"] = {**(new.get("spec") or {}), "finalizers": (old.get("spec") or {}).get("finalizers", [])}
    if kind.kind == "Service":
        new = _keep_allocated(new, old)
    new = complete(kind, new, old)
    if kind.generation and _asks(kind, new) != _asks(kind, old):
        new["metadata"]["generation"] = m.generation_of(old) + 1
    return settle(old, new)


def settle(old: Object, new: Object) -> Outcome:
    """Write `new` if it differs from `old`; remove it if nothing holds its deletion up any more."""
    if same(old, new):
        return NOTHING
    return Outcome(new, remove=removable(new))


def removable(obj: Object) -> bool:
    """Its deletion has begun, and neither finalizers nor a grace period hold it up."""
    if not m.deleting(obj) or m.finalizers_of(obj) or obj["metadata"].get("deletionGracePeriodSeconds"):
        return False
    return not (obj.get("kind") == "Namespace" and (obj.get("spec") or {}).get("finalizers"))


def check_preconditions(kind: Kind, old: Object, uid: str, resource_version: str) -> None:
    """Conflict if the object is another one, or has changed, since it was read. "" checks nothing."""
    name = m.name_of(old)
    if uid and uid != m.uid_of(old):
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {m.uid_of(old)}"
        raise refusals.conflict(kind, name, why)
    if resource_version and resource_version != old["metadata"].get("resourceVersion"):
        raise refusals.conflict(kind, name)


def same(one: Object, other: Object) -> bool:
    """Equal but for what is never stored."""
    if {k: v for k, v in one.items() if k != "metadata"} != {k: v for k, v in other.items() if k != "metadata"}:
        return False
    return stored_metadata(one) == stored_metadata(other)


def stored_metadata(obj: Object) -> Object:
    """metadata without what is the store's (resourceVersion) or unknown here."""
    return {k: v for k, v in obj["metadata"].items() if k not in _NOT_STORED}


def _kept(old: Object, given: Object) -> Object:
    """The new metadata: the caller's, with what is the server's own as it was."""
    result = {k: v for k, v in given.items() if k not in _SERVERS_OWN and k not in _NOT_STORED}
    for name in (*_SERVERS_OWN, "name", "namespace", "generateName"):
        if name in old["metadata"]:
            result[name] = old["metadata"][name]
    return {k: v for k, v in result.items() if v not in (None, [], {}) or k == "deletionGracePeriodSeconds"}


def _asks(kind: Kind, obj: Object) -> Object:
    """What generation counts changes of."""
    left_out = ("metadata",) if kind.custom and not kind.status else ("metadata", "status")
    return {k: v for k, v in obj.items() if k not in left_out and k != "apiVersion"}


def _keep_allocated(new: Object, old: Object) -> Object:
    """A Service that does not name its address or node ports keeps those that it has (Kubernetes:
    patchAllocatedValues)."""
    spec, had = new.get("spec"), old.get("spec") or {}
    if type(spec) is not dict:
        return new
    if spec.get("type", "ClusterIP") == "ExternalName":
        own = {name: value for name, value in spec.items() if name not in _ADDRESSES or value != had.get(name)}
        return {**new, "spec": own}
    spec = _drop_type_dependent(dict(spec), had)
    if had.get("type") != "ExternalName" and not spec.get("clusterIP") and had.get("clusterIP"):
        spec["clusterIP"] = had["clusterIP"]
        spec["clusterIPs"] = had.get("clusterIPs", [had["clusterIP"]])
    if spec.get("type") in ("NodePort", "LoadBalancer") and type(spec.get("ports")) is list:
        known = {(p.get("protocol", "TCP"), p["port"]): p["nodePort"] for p in had.get("ports", ()) if "nodePort" in p}
        spec["ports"] = [_with_node_port(port, known) for port in spec["ports"]]
    return {**new, "spec": spec}


def _drop_type_dependent(spec: Object, had: Object) -> Object:
    """What the old type had and the new one cannot have goes, if it was merely sent back (dropTypeDependentFields)."""
    if spec.get("type", "ClusterIP") != "ClusterIP" or had.get("type") not in ("NodePort", "LoadBalancer"):
        return spec
    held = {port["nodePort"] for port in had.get("ports", ()) if "nodePort" in port}
    for name in ("externalTrafficPolicy", "allocateLoadBalancerNodePorts", "healthCheckNodePort"):
        if name in spec and spec[name] == had.get(name):
            del spec[name]
    if type(spec.get("ports")) is list:
        spec["ports"] = [_without_node_port(port, held) for port in spec["ports"]]
    return spec


def _without_node_port(port: Any, held: set[int]) -> Any:
    if type(port) is not dict or type(port.get("nodePort")) is not int or port["nodePort"] not in held:
        return port
    return {name: value for name, value in port.items() if name != "nodePort"}


def _with_node_port(port: Any, known: dict[tuple[str, int], int]) -> Any:
    if type(port) is not dict or port.get("nodePort"):
        return port
    number = port.get("port")
    found = known.get((str(port.get("protocol", "TCP")), number)) if type(number) is int else None
    return {**port, "nodePort": found} if found else port


# ── delete ───────────────────────────────────────────────────────────────────────────────────────────────────


def prepare_delete(kind: Kind, old: Object, options: DeleteOptions, now: float) -> Outcome:
    """Begin the deletion, or go on with one, or remove the object at once."""
    check_preconditions(kind, old, options.uid, options.resource_version)
    if options.propagation not in ("", *_FINALIZER):
        text = f'propagationPolicy "{options.propagation}": needs to be one of Foreground, Background, Orphan'
        raise refusals.bad_request(text)
    meta = stored_metadata(old)
    meta["finalizers"] = _finalizers(m.finalizers_of(old), options.propagation)
    if kind.kind == "CustomResourceDefinition" and not m.deleting(old) and CLEANUP not in meta["finalizers"]:
        meta["finalizers"].append(CLEANUP)  # its objects go first
    if not meta["finalizers"]:
        del meta["finalizers"]
    grace = _grace(kind, old, options.grace)
    if m.deleting(old):
        had = int(meta.get("deletionGracePeriodSeconds") or 0)
        if grace < had:
            meta["deletionGracePeriodSeconds"] = grace
            meta["deletionTimestamp"] = m.timestamp(m.parse_time(meta["deletionTimestamp"]) - had + grace)
    else:
        meta["deletionTimestamp"] = m.timestamp(now + grace)
        meta["deletionGracePeriodSeconds"] = grace
        if "generation" in meta:
            meta["generation"] += 1
    new = {**old, "metadata": meta}
    if kind.kind == "Namespace":
        new["status"] = {**(old.get("status") or {}), "phase": "Terminating"}
    if removable(new):
        return Outcome(new, remove=True)
    return NOTHING if same(old, new) else Outcome(new)


def _finalizers(old: Collection[str], propagation: str) -> list[str]:
    if not propagation:
        return list(old)
    rest = [finalizer for finalizer in old if finalizer not in (FOREGROUND, ORPHAN)]
    wanted = _FINALIZER[propagation]
    return [*rest, wanted] if wanted else rest


def _grace(kind: Kind, old: Object, asked: int | None) -> int:
    """Only pods that are on a node, and not at their end, are given time (Kubernetes: podStrategy)."""
    if kind.kind != "Pod":
        return 0
    spec = old.get("spec") or {}
    if not spec.get("nodeName") or pod_phase(old) in ("Succeeded", "Failed"):
        return 0
    grace = spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE) if asked is None else asked
    return 1 if grace < 0 else int(grace)
