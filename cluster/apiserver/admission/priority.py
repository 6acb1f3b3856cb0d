"""Priority: a pod's priority comes from its PriorityClass, and at most one class is everybody's default.

Pure. Must not know what priorities are for.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.api.meta import name_of
from cluster.apiserver.admission.review import CREATE, UPDATE, Object, Plugin, Review, Sources

SYSTEM_PRIORITIES: Mapping[str, int] = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}


def compute(review: Review, sources: Sources) -> None:
    if review.kind.kind != "Pod":
        return
    if review.operation == UPDATE:
        _keep(review)
        return
    spec = review.spec()
    name = spec.get("priorityClassName")
    if not name:
        default = _default(sources)
        if default is None:
            _agree(review, 0, "")
            review.with_spec(priority=0, preemptionPolicy=spec.get("preemptionPolicy") or "PreemptLowerPriority")
            return
        name = name_of(default)
    elif type(name) is not str:
        return
    found = sources.find("PriorityClass", name)
    value = found.get("value") if found is not None else SYSTEM_PRIORITIES.get(name)
    if value is None:
        raise review.forbidden(f"no PriorityClass with name {name} was found")
    policy = str((found or {}).get("preemptionPolicy") or "PreemptLowerPriority")
    _agree(review, value, policy)
    review.with_spec(priorityClassName=name, priority=value, preemptionPolicy=policy)


def _agree(review: Review, value: int, policy: str) -> None:
    spec = review.spec()
    given = spec.get("priority")
    if given is not None and given != value:
        raise review.forbidden(
            f"the integer value of priority ({given}) must not be provided in pod spec; priority admission controller "
            f"computed {value} from the given PriorityClass name"
        )
    asked = spec.get("preemptionPolicy")
    if policy and asked and asked != policy:
        raise review.forbidden(
            f"the string value of PreemptionPolicy ({asked}) must not be provided in pod spec; priority admission "
            f"controller computed {policy} from the given PriorityClass name"
        )


def _keep(review: Review) -> None:
    """Who replaces a pod need not know its priority."""
    had = (review.old or {}).get("spec") or {}
    if review.spec().get("priority") is None and had.get("priority") is not None:
        review.with_spec(priority=had["priority"])


def _default(sources: Sources) -> Object | None:
    """Of several, which only the store's own users can make, the lowest (Kubernetes: getDefaultPriorityClass)."""
    marked = [each for each in sources.all("PriorityClass") if each.get("globalDefault")]
    return min(marked, key=lambda each: (each.get("value", 0), name_of(each)), default=None)


def one_default(review: Review, sources: Sources) -> None:
    if review.kind.kind != "PriorityClass" or not review.current.get("globalDefault"):
        return
    for each in sources.all("PriorityClass"):
        if each.get("globalDefault") and name_of(each) != review.name:
            raise review.forbidden(
                f"PriorityClass {name_of(each)} is already marked as default. Only one default can exist"
            )


PLUGIN = Plugin(
    "Priority",
    {CREATE: ("Pod", "PriorityClass"), UPDATE: ("Pod", "PriorityClass")},
    mutate=compute,
    validate=one_default,
)
