"""What an object uses of a ResourceQuota: counts, compute, storage, as far as the quota's scopes concern it.

Must not know what is used already. Source: Kubernetes, pkg/quota/v1/evaluator/core.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from cluster.api import quantity
from cluster.api.kind import Kind
from cluster.api.meta import annotations_of
from cluster.api.views import containers, init_containers, pod_limits, pod_requests, pod_terminal, qos_class

Object = Mapping[str, Any]
Amounts = dict[str, Fraction]

COUNTED = (
    *("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps"),
    "persistentvolumeclaims",
)
"""Plurals that stand for count/PLURAL."""
_MUST = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
_OF_CLASS = ".storageclass.storage.k8s.io/"
_POD_SCOPES = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass")
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"


def usage(kind: Kind, obj: Object) -> Amounts:
    """What the object uses, by every name that a quota can have for it."""
    used: Amounts = {f"count/{kind.qualified}": Fraction(1)}
    if not kind.group and kind.plural in COUNTED:
        used[kind.plural] = Fraction(1)
    match kind.key:
        case "Pod":
            return _pod(obj, used)
        case "Service":
            return used | _service(obj)
        case "PersistentVolumeClaim":
            return used | _claim(obj)
    return used


def _pod(pod: Object, used: Amounts) -> Amounts:
    if pod_terminal(pod):
        del used["pods"]
        return used
    for prefix, resources in (("requests.", pod_requests(pod)), ("limits.", pod_limits(pod))):
        for name, number in resources.items():
            amount = Fraction(number, 1000) if name == "cpu" else Fraction(number)
            used[prefix + name] = amount
            if prefix == "requests." and (name in ("cpu", "memory", "ephemeral-storage") or name.startswith("huge")):
                used[name] = amount
    return used


def _service(service: Object) -> Amounts:
    spec = service.get("spec") or {}
    ports, kind = len(spec.get("ports") or ()), spec.get("type", "ClusterIP")
    if kind == "NodePort":
        return {"services.nodeports": Fraction(ports)}
    if kind == "LoadBalancer":
        nodeports = ports if spec.get("allocateLoadBalancerNodePorts") is not False else 0
        return {"services.nodeports": Fraction(nodeports), "services.loadbalancers": Fraction(1)}
    return {}


def _claim(claim: Object) -> Amounts:
    spec = claim.get("spec") or {}
    asked = quantity.parse(((spec.get("resources") or {}).get("requests") or {}).get("storage", 0))
    used = {"requests.storage": asked}
    name = annotations_of(claim).get(BETA_CLASS) or spec.get("storageClassName")
    if name:
        used |= {f"{name}{_OF_CLASS}requests.storage": asked, f"{name}{_OF_CLASS}persistentvolumeclaims": Fraction(1)}
    return used


def concerns(quota: Object, kind: Kind, obj: Object) -> bool:
    """Whether the quota's scopes take the object in. Scopes are of pods: a quota with one counts nothing else."""
    spec = quota.get("spec") or {}
    wanted = [(scope, "Exists", ()) for scope in spec.get("scopes") or ()]
    for each in (spec.get("scopeSelector") or {}).get("matchExpressions") or ():
        wanted.append((each.get("scopeName"), each.get("operator"), tuple(each.get("values") or ())))
    if not wanted:
        return True
    return kind.key == "Pod" and all(_in_scope(obj, *each) for each in wanted)


def _in_scope(pod: Object, scope: str, operator: str, values: tuple[str, ...]) -> bool:
    spec = pod.get("spec") or {}
    if scope == "PriorityClass":
        name = spec.get("priorityClassName") or ""
        holds = {"In": name in values, "NotIn": name not in values, "Exists": bool(name), "DoesNotExist": not name}
        return holds.get(operator, False)
    terminating = spec.get("activeDeadlineSeconds") is not None
    match scope:
        case "Terminating":
            return terminating
        case "NotTerminating":
            return not terminating
        case "BestEffort":
            return qos_class(pod) == "BestEffort"
        case "NotBestEffort":
            return qos_class(pod) != "BestEffort"
        case "CrossNamespacePodAffinity":
            return _crosses(spec.get("affinity") or {})
    return False


def _crosses(affinity: Object) -> bool:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        weighted = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [each.get("podAffinityTerm") or {} for each in weighted]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False


def unspecified(hard: Iterable[str], pod: Object) -> str:
    """What a pod must say so that it can be counted: "limits.cpu for: main; requests.memory for: main", "" if it does
    (Kubernetes: podEvaluator.Constraints)."""
    missing: list[str] = []
    for name in sorted({*hard} & {*_MUST}):
        which, _, resource = name.rpartition(".")
        silent = sorted(
            str(each.get("name", ""))
            for each in (*containers(pod), *init_containers(pod))
            if resource not in (((each.get("resources") or {}).get(which or "requests")) or {})
        )
        if silent:
            missing.append(f"{name} for: {','.join(silent)}")
    return "; ".join(missing)


def kinds_counted(hard: Iterable[str], kinds: Iterable[Kind]) -> list[str]:
    """The keys of the kinds whose objects a quota with these names counts, sorted."""
    names = [*hard]
    plain = {name.partition(".")[0] for name in names}
    found = []
    for kind in kinds:
        counted = f"count/{kind.qualified}" in names or (not kind.group and kind.plural in plain)
        if kind.key == "Pod":
            counted |= any(name in _MUST or name.startswith(("requests.", "limits.", "hugepages-")) for name in names)
            counted |= "ephemeral-storage" in names
        elif kind.key == "PersistentVolumeClaim":
            counted |= any(_OF_CLASS in name or name == "requests.storage" for name in names)
        if kind.namespaced and counted:
            found.append(kind.key)
    return sorted(found)


# ── numbers and texts ────────────────────────────────────────────────────────────────────────────────────────


def amounts(quantities: Mapping[str, Any] | None) -> Amounts:
    return {name: quantity.parse(value) for name, value in (quantities or {}).items()}


def texts(found: Mapping[str, Fraction]) -> dict[str, str]:
    """As a quota's status shows amounts, sorted by name."""
    return {name: text(name, found[name]) for name in sorted(found)}


def text(name: str, amount: Fraction) -> str:
    base = name.removeprefix("requests.").removeprefix("limits.").rpartition("/requests.")[2]
    if base == "cpu":
        return quantity.format_cpu(-(-amount * 1000 // 1))
    return quantity.format_resource(base, -(-amount // 1))


def recounted(quota: Object, objects: Iterable[tuple[Kind, Object]]) -> dict[str, Any]:
    """The quota's status when `objects` are all that there is in its namespace."""
    hard = amounts((quota.get("spec") or {}).get("hard"))
    used = dict.fromkeys(hard, Fraction(0))
    for kind, obj in objects:
        if concerns(quota, kind, obj):
            for name, amount in usage(kind, obj).items():
                if name in used:
                    used[name] += amount
    return {"hard": texts(hard), "used": texts(used)}
