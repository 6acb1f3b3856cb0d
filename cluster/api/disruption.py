"""PodDisruptionBudgets: which pods they guard, and what an eviction takes from them (Kubernetes: policy/v1).

Pure. Must not count pods (the disruption controller does) nor delete any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api import meta, views
from cluster.api.meta import Object
from cluster.api.selectors import from_label_selector

ALLOWED, SUFFICIENT, INSUFFICIENT, SYNC_FAILED = (
    "DisruptionAllowed",
    "SufficientPods",
    "InsufficientPods",
    "SyncFailed",
)
TARGET = "DisruptionTarget"
"""The condition of a pod that is about to be taken away."""
CAUSE = "DisruptionBudget"
MOST_DISRUPTED = 2000
"""Evictions that the controller may not have confirmed yet."""


def guards(budget: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Whether the budget's selector has the pod, in its own namespace. No selector has none, an empty one all."""
    if meta.namespace_of(budget) != meta.namespace_of(pod):
        return False
    selector = (budget.get("spec") or {}).get("selector")
    return from_label_selector(selector).matches(meta.labels_of(pod))


def needs_no_budget(pod: Mapping[str, Any]) -> bool:
    """Whether taking the pod away disrupts nothing: it does not run (yet, or any more), or is going already."""
    return views.pod_terminal(pod) or views.pod_phase(pod) == "Pending" or meta.deleting(pod)


def may_go_unhealthy(budget: Mapping[str, Any]) -> bool:
    """Whether a pod of it that is not ready, and so counts for nothing, may be evicted without asking the budget."""
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired = status.get("desiredHealthy") or 0
    return desired > 0 and (status.get("currentHealthy") or 0) >= desired


def with_allowed(status: Object, generation: int, now: str) -> Object:
    """The status with its condition DisruptionAllowed as disruptionsAllowed has it."""
    if (status.get("disruptionsAllowed") or 0) > 0:
        return with_condition(status, "True", SUFFICIENT, "", generation, now)
    return with_condition(status, "False", INSUFFICIENT, "", generation, now)


def with_condition(status: Object, value: str, reason: str, message: str, generation: int, now: str) -> Object:
    conditions = meta.set_condition(status.get("conditions") or (), ALLOWED, value, reason, message, now)
    for condition in conditions:
        if condition["type"] == ALLOWED:
            condition["observedGeneration"] = generation
    return {**status, "conditions": conditions}


def without_one(budget: Object, pod: str, now: str) -> Object:
    """The budget after one more pod of it is evicted: one disruption less, and the pod's name noted, so that the
    controller does not count it as healthy. ValueError if there is none left."""
    status = budget.get("status") or {}
    left = (status.get("disruptionsAllowed") or 0) - 1
    if left < 0:
        raise ValueError("no disruption is allowed")
    taken = {**status, "disruptionsAllowed": left, "disruptedPods": {**(status.get("disruptedPods") or {}), pod: now}}
    if left == 0:
        taken = with_allowed(taken, meta.generation_of(budget), now)
    return {**budget, "status": taken}
