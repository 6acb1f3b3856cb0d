"""Keep the number of pods that a ReplicaSet asks for (Kubernetes: ReplicaSet).

Must not know Deployments, nodes' health or endpoints; what it adopts is decided in `claims`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from cluster.api import meta, views
from cluster.controllers.claims import claim
from cluster.controllers.controller import Context, Controller, Failure, View, own_and_owned
from cluster.controllers.plan import DONE, Create, Delete, Emit, Object, Plan, PlanBuilder, Update

BURST = 500
"""Pods created or deleted by one plan (Kubernetes: BurstReplicas)."""
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """Adopt and release, create or delete the difference, write the status."""
    rs = view.get("ReplicaSet", *meta.split_key(key))
    if rs is None:
        return DONE
    plan = PlanBuilder()
    claimed = claim(view, rs, "Pod")
    plan.actions.extend(claimed.actions)
    active = [pod for pod in claimed.mine if views.is_pod_active(pod)]
    failure = None if meta.deleting(rs) else _failure(rs, active, ctx.failure)
    if failure is not None:
        # The last attempt stopped half way: say so first, because this one may stop at the same place.
        _write_status(plan, rs, active, ctx, failure)
        plan.add(Emit(rs, "Warning", failure[0], failure[1]))
    if not meta.deleting(rs):
        _scale(plan, view, rs, active, ctx)
    if failure is None:
        _write_status(plan, rs, active, ctx, None)
    _look_again_when_available(plan, rs, active, ctx.now)
    return plan.build()


def desired(rs: Object) -> int:
    """spec.replicas, 1 if it is not given."""
    replicas = rs["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _scale(plan: PlanBuilder, view: View, rs: Object, active: list[Object], ctx: Context) -> None:
    difference = len(active) - desired(rs)
    if difference < 0:
        for _ in range(min(-difference, BURST)):
            pod = new_pod(rs, _prefix(rs) + meta.random_suffix(ctx.rng))
            plan.add(Create(pod))
            plan.add(Emit(rs, "Normal", "SuccessfulCreate", f"Created pod: {meta.name_of(pod)}"))
    elif difference > 0:
        for pod in victims(active, _related(view, rs))[: min(difference, BURST)]:
            plan.add(Delete("Pod", meta.namespace_of(pod), meta.name_of(pod), uid=meta.uid_of(pod)))
            plan.add(Emit(rs, "Normal", "SuccessfulDelete", f"Deleted pod: {meta.name_of(pod)}"))


def _prefix(rs: Object) -> str:
    return f"{meta.name_of(rs)[:57]}-"


def new_pod(owner: Object, name: str) -> Object:
    """A pod of the owner's template under that name, controlled by the owner."""
    template = owner["spec"]["template"]
    source = template.get("metadata") or {}
    metadata: dict[str, Any] = {"name": name, "namespace": meta.namespace_of(owner)}
    for field in ("labels", "annotations", "finalizers"):
        if source.get(field):
            metadata[field] = meta.deep_copy(source[field])
    metadata["ownerReferences"] = [meta.owner_reference(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": meta.deep_copy(template["spec"])}


def _related(view: View, rs: Object) -> list[Object]:
    """Active pods of this set and of its Deployment's other sets: they count for how full a node is."""
    reference = meta.controller_of(rs)
    family = [rs] if reference is None else view.owned_by(reference["uid"], "ReplicaSet")
    pods = [pod for member in family for pod in view.owned_by(meta.uid_of(member), "Pod")]
    return [pod for pod in pods if views.is_pod_active(pod)]


def victims(pods: list[Object], related: list[Object]) -> list[Object]:
    """Pods in the order in which they are given up (Kubernetes: ActivePodsWithRanks).

    Unassigned before assigned; pending before running; not ready before ready; lower deletion cost first; more
    related pods on its node first; ready for shorter first; more restarts first; newer first; then by uid."""
    crowd = Counter(views.pod_node(pod) for pod in related)

    def rank(pod: Object) -> tuple[Any, ...]:
        ready = views.pod_ready(pod)
        return (
            bool(views.pod_node(pod)),
            _PHASES.get(views.pod_phase(pod), 1),
            ready,
            _deletion_cost(pod),
            -crowd[views.pod_node(pod)],
            -_ready_since(pod) if ready else 0.0,
            -views.pod_restarts(pod),
            -_created(pod),
            meta.uid_of(pod),
        )

    return sorted(pods, key=rank)


def _deletion_cost(pod: Object) -> int:
    text = meta.annotations_of(pod).get(DELETION_COST, "0")
    sign = -1 if text.startswith("-") else 1
    digits = text.removeprefix("-")
    return sign * int(digits) if digits.isdecimal() else 0


def _ready_since(pod: Object) -> float:
    found = meta.condition(pod, "Ready") or {}
    return meta.parse_time(found["lastTransitionTime"]) if found.get("lastTransitionTime") else 0.0


def _created(obj: Object) -> float:
    stamp = obj["metadata"].get("creationTimestamp")
    return meta.parse_time(stamp) if stamp else 0.0


def _failure(rs: Object, active: list[Object], failure: Failure | None) -> tuple[str, str] | None:
    """(reason, message) while the difference could not be made."""
    if failure is None or failure.kind != "Pod" or failure.reason == "Conflict":
        return None
    difference = len(active) - desired(rs)
    if difference < 0 and failure.verb == "create":
        # Without the drawn part of the name, as generateName has it elsewhere: a message that differed each time would
        # change the status each time, and that change would have the create tried again at once.
        prefix = _prefix(rs)
        message = re.sub(rf'"{re.escape(prefix)}[a-z0-9]+"', f'"{prefix}"', failure.message)
        return "FailedCreate", f"Error creating: {message}"
    if difference > 0 and failure.verb == "delete":
        return "FailedDelete", f"Error deleting: {failure.message}"
    return None


def _write_status(
    plan: PlanBuilder, rs: Object, active: list[Object], ctx: Context, failure: tuple[str, str] | None
) -> None:
    old = rs.get("status") or {}
    wanted = (rs["spec"]["template"].get("metadata") or {}).get("labels") or {}
    min_ready = rs["spec"].get("minReadySeconds") or 0
    counts = {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(1 for pod in active if wanted.items() <= meta.labels_of(pod).items()),
        "readyReplicas": sum(1 for pod in active if views.pod_ready(pod)),
        "availableReplicas": sum(1 for pod in active if views.pod_available(pod, min_ready, ctx.now)),
        "observedGeneration": meta.generation_of(rs),
    }
    status: dict[str, Any] = {name: n for name, n in counts.items() if n or name == "replicas"}
    conditions = [c for c in old.get("conditions") or [] if c.get("type") != "ReplicaFailure" or failure]
    if failure:
        stamp = meta.timestamp(ctx.now)
        conditions = meta.set_condition(conditions, "ReplicaFailure", "True", failure[0], failure[1], stamp)
    if conditions:
        status["conditions"] = conditions
    if {name: value for name, value in old.items() if value or name == "replicas"} != status:
        plan.add(Update({**rs, "status": status}, "status"))


def _look_again_when_available(plan: PlanBuilder, rs: Object, active: list[Object], now: float) -> None:
    """Nothing changes when a ready pod becomes available: it is the passing of minReadySeconds that does it."""
    min_ready = rs["spec"].get("minReadySeconds") or 0
    for pod in active:
        if min_ready and views.pod_ready(pod) and not views.pod_available(pod, min_ready, now):
            plan.again_after(max(0.0, _ready_since(pod) + min_ready - now))


CONTROLLER = Controller(
    name="replicaset-controller",
    kinds=("ReplicaSet", "Pod"),
    keys=own_and_owned("ReplicaSet"),
    reconcile=reconcile,
)
