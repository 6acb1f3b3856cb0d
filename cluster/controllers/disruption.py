"""Count healthy pods for each PodDisruptionBudget, and say how many may be evicted now (Kubernetes: disruption).

Must not evict or delete anything: evictions take from what is written here into the budget's status.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster.api import disruption, meta, views
from cluster.controllers.controller import Context, Controller, View, changed
from cluster.controllers.plan import DONE, Emit, Object, Patch, Plan, PlanBuilder, Update

SCALED = ("ReplicaSet", "ReplicationController", "StatefulSet")
"""Controllers of pods that say how many they want."""
POD = "Pod "
"""Before the key of a pod; the keys of budgets stand alone."""


class Unknown(Exception):
    """How many pods there should be cannot be found out; says why."""


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """One budget, or a pod that was to be evicted and is still there."""
    if key.startswith(POD):
        return _spared(view.get("Pod", *meta.split_key(key.removeprefix(POD))), ctx)
    budget = view.get("PodDisruptionBudget", *meta.split_key(key))
    if budget is None or meta.deleting(budget):
        return DONE
    plan = PlanBuilder()
    pods = [pod for pod in view.list("Pod", meta.namespace_of(budget)) if disruption.guards(budget, pod)]
    old = budget.get("status") or {}
    if not pods and old.get("observedGeneration") != meta.generation_of(budget):
        plan.add(Emit(budget, "Normal", "NoPods", "No matching pods found"))
    try:
        expected, desired = expectations(view, budget, pods)
    except (Unknown, ValueError) as error:
        _give_up(plan, budget, str(error), ctx)
        return plan.build()
    disrupted = _disrupted(plan, budget, pods, ctx)
    healthy = sum(
        1 for pod in pods if not meta.deleting(pod) and meta.name_of(pod) not in disrupted and views.pod_ready(pod)
    )
    allowed = max(0, healthy - desired) if expected > 0 else 0
    status: dict[str, Any] = {
        **{name: value for name, value in old.items() if name == "conditions"},
        "observedGeneration": meta.generation_of(budget),
        "expectedPods": expected,
        "desiredHealthy": desired,
        "currentHealthy": healthy,
        "disruptionsAllowed": allowed,
    }
    if disrupted:
        status["disruptedPods"] = disrupted
    _write(plan, budget, disruption.with_allowed(status, meta.generation_of(budget), meta.timestamp(ctx.now)))
    return plan.build()


def _write(plan: PlanBuilder, budget: Object, status: Object) -> None:
    old = budget.get("status") or {}
    if {**old, "disruptedPods": old.get("disruptedPods") or {}} != {"disruptedPods": {}, **status}:
        plan.add(Update({**budget, "status": status}, "status"))


def _give_up(plan: PlanBuilder, budget: Object, why: str, ctx: Context) -> None:
    """Nothing may be evicted of what cannot be counted."""
    now, old = meta.timestamp(ctx.now), budget.get("status") or {}
    status = {**old, "disruptionsAllowed": 0, "observedGeneration": meta.generation_of(budget)}
    generation = meta.generation_of(budget)
    status = disruption.with_condition(status, "False", disruption.SYNC_FAILED, why, generation, now)
    if status != old:
        text = f"Failed to calculate the number of expected pods: {why}"
        _write(plan, budget, status)
        plan.add(Emit(budget, "Warning", "CalculateExpectedPodCountFailed", text))


# ── how many there should be ─────────────────────────────────────────────────────────────────────────────────


def expectations(view: View, budget: Object, pods: list[Object]) -> tuple[int, int]:
    """(pods that there should be, of them healthy at the least). Unknown; ValueError for what is no percentage.

    A number that must stay counts from the pods that there are; percentages, and what may be away, count from what the
    pods' controllers want, so that a workload that is short of pods is not counted as whole."""
    spec = budget.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if most is not None:
        expected = _expected_scale(view, pods)
        return expected, max(0, expected - views.int_or_percent(most, expected, round_up=True))
    if least is None:
        return 0, 0
    if type(least) is int:
        return len(pods), least
    expected = _expected_scale(view, pods)
    return expected, views.int_or_percent(least, expected, round_up=True)


def _expected_scale(view: View, pods: list[Object]) -> int:
    """What all controllers of these pods want together; a pod without one counts for nothing."""
    wanted: dict[str, int] = {}
    for pod in pods:
        reference = meta.controller_of(pod)
        if reference is None or reference["uid"] in wanted:
            continue
        uid, replicas = _scale(view, pod, reference)
        wanted[reference["uid"]] = 0  # it counts for its own controller
        wanted[uid] = replicas
    return sum(wanted.values())


def _scale(view: View, pod: Object, reference: dict[str, Any]) -> tuple[str, int]:
    """(uid, replicas) of the Deployment above the pod's ReplicaSet, or of the pod's controller."""
    owner = _owner(view, meta.namespace_of(pod), reference, SCALED)
    if owner is None:
        raise Unknown(f'found no controllers for pod "{meta.name_of(pod)}"')
    above = meta.controller_of(owner)
    if owner["kind"] == "ReplicaSet" and above is not None:
        owner = _owner(view, meta.namespace_of(pod), above, ("Deployment",)) or owner
    replicas = owner["spec"].get("replicas")
    return meta.uid_of(owner), 1 if replicas is None else int(replicas)


def _owner(view: View, namespace: str, reference: dict[str, Any], kinds: tuple[str, ...]) -> Object | None:
    if reference["kind"] not in kinds:
        return None
    found = view.get(reference["kind"], namespace, reference["name"])
    known = found is not None and meta.uid_of(found) == reference["uid"] and "spec" in found
    return found if known else None


# ── pods that were evicted ───────────────────────────────────────────────────────────────────────────────────


def _disrupted(plan: PlanBuilder, budget: Object, pods: list[Object], ctx: Context) -> dict[str, str]:
    """Evicted pods that are not seen to go yet; after a while nobody believes any more that they will."""
    noted, kept = (budget.get("status") or {}).get("disruptedPods") or {}, {}
    for pod in pods:
        stamp = noted.get(meta.name_of(pod))
        if stamp is None or meta.deleting(pod):
            continue
        left = meta.parse_time(stamp) + ctx.timing.disruption_timeout - ctx.now
        if left < 0:
            text = f"Pod was expected by PDB {meta.key_of(budget)} to be deleted but it wasn't"
            plan.add(Emit(pod, "Warning", "NotDeleted", text))
        else:
            kept[meta.name_of(pod)] = stamp
            plan.again_after(left + 0.001)
    return kept


def _spared(pod: Object | None, ctx: Context) -> Plan:
    """A pod that was to be evicted and was not says so no longer."""
    if pod is None or not _is_target(pod):
        return DONE
    conditions = (pod.get("status") or {})["conditions"]
    target = meta.condition(pod, disruption.TARGET) or {}
    stamp = target.get("lastTransitionTime")
    left = meta.parse_time(stamp) + ctx.timing.disruption_timeout - ctx.now if stamp else 0.0
    if left > 0:
        return Plan((), left + 0.001)
    conditions = meta.set_condition(conditions, disruption.TARGET, "False", "", "", meta.timestamp(ctx.now))
    patch = {
        "metadata": {"uid": meta.uid_of(pod), "resourceVersion": pod["metadata"]["resourceVersion"]},
        "status": {"conditions": conditions},
    }
    return Plan((Patch("Pod", meta.namespace_of(pod), meta.name_of(pod), patch, "status"),))


def _is_target(pod: Object) -> bool:
    found = meta.condition(pod, disruption.TARGET)
    standing = not meta.deleting(pod) and not views.pod_terminal(pod)
    return standing and found is not None and found.get("status") == "True"


# ── what to look at ──────────────────────────────────────────────────────────────────────────────────────────


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if kind == "PodDisruptionBudget":
        yield meta.key_of(new or old or {})
        return
    obj = new or old or {}
    if kind == "Pod" and new is not None and _is_target(new):
        yield POD + meta.key_of(new)
    budgets = view.list("PodDisruptionBudget", meta.namespace_of(obj))
    if not budgets:
        return
    if kind == "Pod":
        for budget in budgets:
            if any(each is not None and disruption.guards(budget, each) for each in (old, new)):
                yield meta.key_of(budget)
    elif changed(old, new, "spec.replicas"):
        yield from (meta.key_of(budget) for budget in budgets)


CONTROLLER = Controller(
    name="disruption-controller",
    kinds=("PodDisruptionBudget", "Pod", "ReplicaSet", "Deployment"),
    keys=_keys,
    reconcile=reconcile,
)
