"""ClusterRoles that are made of others: the rules of all that the aggregationRule selects, in one.

Must not know what rules mean. Source: Kubernetes, "Aggregated ClusterRoles" (clusterroleaggregation_controller.go).
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.api import meta
from cluster.api.selectors import from_label_selector
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Object, Plan, Update


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    role = view.get("ClusterRole", "", key)
    if role is None or meta.deleting(role) or not role.get("aggregationRule"):
        return DONE
    selectors = [from_label_selector(given) for given in role["aggregationRule"].get("clusterRoleSelectors") or ()]
    rules: list[Object] = []
    for other in view.list("ClusterRole"):
        if meta.name_of(other) == key or not any(one.matches(meta.labels_of(other)) for one in selectors):
            continue
        rules += [rule for rule in other.get("rules") or () if rule not in rules]
    before = role.get("rules") or []
    same = len(before) == len(rules) and all(rule in before for rule in rules)
    return DONE if same else Plan((Update({**role, "rules": rules}),))


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    """Any role may be part of any that aggregates; these are few."""
    for role in view.list("ClusterRole"):
        if role.get("aggregationRule"):
            yield meta.name_of(role)


CONTROLLER = Controller(
    name="clusterrole-aggregation-controller", kinds=("ClusterRole",), keys=_keys, reconcile=reconcile
)
