"""The default roles and bindings as objects, and what has to become of those that are there.

Pure. Must not write. Source: Kubernetes, "Auto-reconciliation": missing rules and subjects come back, additions stay,
and who does not want that sets rbac.authorization.kubernetes.io/autoupdate to "false".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cluster.apiserver.auth.controllerroles import BINDINGS, CLUSTER_BINDINGS, CONTROLLERS, ROLES, account
from cluster.apiserver.auth.controllerroles import controller_rules as _of_controller
from cluster.apiserver.auth.defaultroles import AGGREGATE, AGGREGATED, CLUSTER_ROLES, LABELS, RBAC
from cluster.apiserver.auth.escalation import not_covered
from cluster.apiserver.auth.rbac import rule_of, rules_of, written

Object = dict[str, Any]
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
API_VERSION = f"{RBAC}/v1"
DEFAULTS = "kubernetes.io/bootstrapping"


def objects() -> list[Object]:
    """All of them; roles first."""
    made = [_role(name, list(rules), LABELS.get(name, "")) for name, rules in CLUSTER_ROLES.items()]
    made += [_aggregated(name) for name in AGGREGATED]
    made += [_role(f"system:controller:{name}", list(_of_controller(name))) for name in CONTROLLERS]
    for (namespace, name), rules in ROLES.items():
        made.append({**_object("Role", name, namespace), "rules": list(rules)})
    for name, (role, subjects) in _cluster_bindings():
        made.append(_binding("ClusterRoleBinding", name, ("ClusterRole", role), subjects))
    for (namespace, name), (role, subjects) in BINDINGS.items():
        made.append(_binding("RoleBinding", name, ("Role", role), subjects, namespace))
    return made


def _cluster_bindings() -> Iterator[tuple[str, tuple[str, tuple[Object, ...]]]]:
    yield from CLUSTER_BINDINGS.items()
    for name in CONTROLLERS:
        yield f"system:controller:{name}", (f"system:controller:{name}", (account(name),))


def _object(kind: str, name: str, namespace: str = "", label: str = "") -> Object:
    labels = {DEFAULTS: "rbac-defaults"}
    if label:
        labels[label] = "true"
    meta: Object = {"name": name, "annotations": {AUTOUPDATE: "true"}, "labels": labels}
    if namespace:
        meta["namespace"] = namespace
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta}


def _role(name: str, rules: list[Object], label: str = "") -> Object:
    return {**_object("ClusterRole", name, label=label), "rules": rules}


def _aggregated(name: str) -> Object:
    """admin is also part of nothing, edit of admin, view of edit: as labels on them."""
    word, parts = AGGREGATED[name]
    above = {"edit": "admin", "view": "edit"}.get(name, "")
    rules = [rule for part in parts for rule in CLUSTER_ROLES[f"system:aggregate-to-{part}"]]
    role = _role(name, rules, AGGREGATE + above if above else "")
    return {**role, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {AGGREGATE + word: "true"}}]}}


def _binding(kind: str, name: str, role: tuple[str, str], subjects: Iterable[Object], namespace: str = "") -> Object:
    ref = {"apiGroup": RBAC, "kind": role[0], "name": role[1]}
    made = {**_object(kind, name, namespace), "roleRef": ref}
    return {**made, "subjects": [dict(subject) for subject in subjects]} if subjects else made


def reconciled(wanted: Object, there: Object) -> Object | None:
    """`there` with what it lacks of `wanted`; None if it lacks nothing or is not to be touched."""
    if (there["metadata"].get("annotations") or {}).get(AUTOUPDATE) != "true":
        return None
    if "roleRef" in wanted:
        if there.get("roleRef") != wanted["roleRef"]:
            return None  # it cannot be changed, and its maker meant it
        have = there.get("subjects") or []
        lacks = [subject for subject in wanted.get("subjects") or () if subject not in have]
        return {**there, "subjects": [*have, *lacks]} if lacks else None
    if "aggregationRule" in wanted:
        if there.get("aggregationRule") == wanted["aggregationRule"]:
            return None  # its rules are the aggregation controller's
        return {**there, "aggregationRule": wanted["aggregationRule"]}
    missing = not_covered(rules_of(there), map(rule_of, wanted.get("rules") or ()))
    if not missing:
        return None
    return {**there, "rules": [*(there.get("rules") or ()), *map(written, missing)]}
