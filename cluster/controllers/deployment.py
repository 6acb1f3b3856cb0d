"""Roll a Deployment from one ReplicaSet to the next (Kubernetes: Deployment).

Must not touch pods: ReplicaSets do. The numbers come from `rollout`, the conditions from `deploymentstatus`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta, views
from cluster.controllers import deploymentstatus as status
from cluster.controllers import rollout
from cluster.controllers.claims import claim
from cluster.controllers.controller import Context, Controller, View, own_and_owned
from cluster.controllers.plan import DONE, Create, Delete, Emit, Object, Patch, Plan, PlanBuilder, Update
from cluster.controllers.rollout import replicas_of


@dataclass(slots=True)
class _Round:
    """One look at one Deployment: what it has, and what is being decided."""

    view: View
    deployment: Object
    sets: list[Object]
    new: Object | None
    ctx: Context
    plan: PlanBuilder
    conditions: list[dict[str, Any]]
    revision: int = 0
    scaled: bool = False
    collision: bool = False
    resized: dict[str, int] = field(default_factory=dict)

    @property
    def old(self) -> list[Object]:
        return [rs for rs in self.sets if rs is not self.new]


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """One step of the rollout; what the step changes wakes the next."""
    deployment = view.get("Deployment", *meta.split_key(key))
    if deployment is None:
        return DONE
    plan = PlanBuilder()
    claimed = claim(view, deployment, "ReplicaSet")
    plan.actions.extend(claimed.actions)
    sets = [rs for rs in claimed.mine if not meta.deleting(rs)]
    new = rollout.find_new(deployment, sets)
    conditions = status.paused_conditions(deployment, ctx.now)
    work = _Round(view, deployment, sets, new, ctx, plan, conditions)
    if not meta.deleting(deployment):
        _step(work)
    _write_status(work)
    return plan.build()


def _step(work: _Round) -> None:
    _number_revision(work)
    if work.deployment["spec"].get("paused") or _being_scaled(work):
        _scale_all(work)
        if work.deployment["spec"].get("paused"):
            _clean_up(work)
    elif rollout.strategy_of(work.deployment) == "Recreate":
        _recreate(work)
    else:
        _roll(work)
    if work.new is not None:
        _sync_new(work)


def _roll(work: _Round) -> None:
    if work.new is None:
        _create_new(work)
        return
    wanted = replicas_of(work.deployment)
    size = wanted if replicas_of(work.new) > wanted else rollout.new_size(work.deployment, work.sets, work.new)
    if _resize(work, work.new, size):
        return
    for name, replicas in rollout.old_sizes(work.deployment, work.old, work.new).items():
        _resize(work, _named(work, name), replicas)
    if not work.scaled:
        _clean_up(work)


def _recreate(work: _Round) -> None:
    """Every old pod is gone before the first new one comes."""
    for rs in work.old:
        _resize(work, rs, 0)
    if work.scaled or _old_pods_run(work):
        return
    if work.new is None:
        _create_new(work)
    elif not _resize(work, work.new, replicas_of(work.deployment)):
        _clean_up(work)


def _old_pods_run(work: _Round) -> bool:
    return any(not views.pod_terminal(pod) for rs in work.old for pod in work.view.owned_by(meta.uid_of(rs), "Pod"))


def _named(work: _Round, name: str) -> Object:
    return next(rs for rs in work.sets if meta.name_of(rs) == name)


# ── the new set ──────────────────────────────────────────────────────────────────────────────────────────────


def _number_revision(work: _Round) -> None:
    """A template that comes back (undo) gets a new number, the highest."""
    highest = max((rollout.revision_number(rs) for rs in work.old), default=0)
    current = 0 if work.new is None else rollout.revision_number(work.new)
    work.revision = current if current > highest else highest + 1


def _create_new(work: _Round) -> None:
    deployment = work.deployment
    name = meta.name_of(deployment)
    collisions = int((deployment.get("status") or {}).get("collisionCount") or 0)
    suffix = meta.template_hash(deployment["spec"]["template"], collisions)
    taken = work.view.get("ReplicaSet", meta.namespace_of(deployment), f"{name}-{suffix}")
    if taken is not None:
        # A set of that name that is being deleted will go; any other holds the name for good.
        if not meta.deleting(taken):
            work.collision = True
        return
    size = rollout.new_size(deployment, work.sets, None)
    template = rollout.template_of(deployment)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), rollout.HASH: suffix}
    template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
    selector = meta.deep_copy(deployment["spec"]["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), rollout.HASH: suffix}
    spec: dict[str, Any] = {"replicas": size, "selector": selector, "template": template}
    if deployment["spec"].get("minReadySeconds"):
        spec["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
    rs: Object = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-{suffix}",
            "namespace": meta.namespace_of(deployment),
            "labels": dict(labels),
            "annotations": {
                **rollout.copied_annotations(deployment),
                **_size_annotations(deployment),
                rollout.REVISION: str(work.revision),
            },
            "ownerReferences": [meta.owner_reference(deployment)],
        },
        "spec": spec,
    }
    work.plan.add(Create(rs))
    if size:
        message = f"Scaled up replica set {name}-{suffix} from 0 to {size}"
        work.plan.add(Emit(deployment, "Normal", "ScalingReplicaSet", message))
    work.scaled = True
    if status.deadline_of(deployment) is not None:
        message = f'Created new replica set "{name}-{suffix}"'
        work.conditions = status.set_progress(work.conditions, "True", status.NEW_CREATED, message, work.ctx.now)


def _sync_new(work: _Round) -> None:
    """The new set carries the Deployment's annotations, its revision and its minReadySeconds."""
    new, deployment = work.new, work.deployment
    assert new is not None  # asked before
    annotations = {**rollout.copied_annotations(deployment), rollout.REVISION: str(work.revision)}
    before = meta.annotations_of(new).get(rollout.REVISION)
    if before and before != str(work.revision):
        past = meta.annotations_of(new).get(rollout.REVISION_HISTORY)
        annotations[rollout.REVISION_HISTORY] = f"{past},{before}" if past else before
    patch: dict[str, Any] = {}
    if any(meta.annotations_of(new).get(k) != v for k, v in annotations.items()):
        patch["metadata"] = {"annotations": annotations}
    wanted = int(deployment["spec"].get("minReadySeconds") or 0)
    if int(new["spec"].get("minReadySeconds") or 0) != wanted:
        patch["spec"] = {"minReadySeconds": wanted}
    if patch:
        work.plan.add(Patch("ReplicaSet", meta.namespace_of(new), meta.name_of(new), patch))
    if status.deadline_of(deployment) is not None and not any(
        c.get("type") == status.PROGRESSING for c in work.conditions
    ):
        message = f'Found new replica set "{meta.name_of(new)}"'
        work.conditions = status.set_progress(work.conditions, "True", status.NEW_FOUND, message, work.ctx.now)


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────────────────


def _size_annotations(deployment: Object) -> dict[str, str]:
    wanted = replicas_of(deployment)
    return {rollout.DESIRED: str(wanted), rollout.MAXIMUM: str(wanted + rollout.bounds(deployment)[0])}


def _resize(work: _Round, rs: Object, size: int) -> bool:
    """Whether the set's replicas change; its annotations follow the Deployment either way."""
    before = replicas_of(rs)
    annotations = _size_annotations(work.deployment)
    stale = any(meta.annotations_of(rs).get(k) != v for k, v in annotations.items())
    if before == size and not stale:
        return False
    patch: dict[str, Any] = {"metadata": {"annotations": annotations}}
    if before != size:
        # Only from the size that was seen: two steps taken on one stale view must not add up.
        patch["metadata"]["resourceVersion"] = rs["metadata"].get("resourceVersion", "")
        patch["spec"] = {"replicas": size}
    work.plan.add(Patch("ReplicaSet", meta.namespace_of(rs), meta.name_of(rs), patch))
    if before == size:
        return False
    direction = "up" if size > before else "down"
    message = f"Scaled {direction} replica set {meta.name_of(rs)} from {before} to {size}"
    work.plan.add(Emit(work.deployment, "Normal", "ScalingReplicaSet", message))
    work.scaled = True
    return True


def _being_scaled(work: _Round) -> bool:
    """Some active set was sized for another number of replicas (Kubernetes: isScalingEvent)."""
    wanted = str(replicas_of(work.deployment))
    return any(meta.annotations_of(rs).get(rollout.DESIRED, wanted) != wanted for rs in work.sets if replicas_of(rs))


def _scale_all(work: _Round) -> None:
    deployment = work.deployment
    active = [rs for rs in work.sets if replicas_of(rs)]
    wanted = replicas_of(deployment)
    if len(active) <= 1:
        only = active[0] if active else work.new or max(work.old, key=rollout.age_order, default=None)
        if only is not None:
            _resize(work, only, wanted)
        return
    new = work.new
    if new is not None and replicas_of(new) == wanted == rollout.available_of(new):
        for rs in work.old:
            _resize(work, rs, 0)
    elif rollout.strategy_of(deployment) == "RollingUpdate":
        for share in rollout.proportional(deployment, active):
            _resize(work, _named(work, share.name), share.replicas)


def _clean_up(work: _Round) -> None:
    """Old sets beyond revisionHistoryLimit go, oldest revision first, once the rollout is complete or paused."""
    limit = work.deployment["spec"].get("revisionHistoryLimit")
    limit = 10 if limit is None else int(limit)
    counts = status.counters(work.deployment, work.sets, work.new)
    if not work.deployment["spec"].get("paused") and not status.complete(work.deployment, counts):
        return
    empty = [
        rs
        for rs in work.old
        if replicas_of(rs) == 0
        and int((rs.get("status") or {}).get("replicas") or 0) == 0
        and int((rs.get("status") or {}).get("observedGeneration") or 0) >= meta.generation_of(rs)
    ]
    surplus = len(work.old) - limit
    for rs in sorted(empty, key=lambda rs: (rollout.revision_number(rs), rollout.age_order(rs)))[: max(0, surplus)]:
        place = (meta.namespace_of(rs), meta.name_of(rs))
        work.plan.add(Delete("ReplicaSet", *place, uid=meta.uid_of(rs), propagation="Background"))


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────


def _write_status(work: _Round) -> None:
    deployment, now = work.deployment, work.ctx.now
    found = status.status_of(deployment, work.sets, work.new, work.conditions, now)
    if work.collision:
        found["collisionCount"] = int(found.get("collisionCount", 0)) + 1
    old = {name: value for name, value in (deployment.get("status") or {}).items() if value}
    if found != old:
        work.plan.add(Update({**deployment, "status": found}, "status"))
    left = status.time_left(deployment, found.get("conditions", []), now)
    if left is not None:
        work.plan.again_after(max(0.0, left))
    if work.new is not None and not meta.deleting(deployment) and rollout.revision_number(deployment) != work.revision:
        # Last: it changes the resourceVersion that the status update goes by.
        patch = {"metadata": {"annotations": {rollout.REVISION: str(work.revision)}}}
        work.plan.add(Patch("Deployment", meta.namespace_of(deployment), meta.name_of(deployment), patch))


_WORKLOAD = own_and_owned("Deployment")


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> list[str]:
    """Pods matter only to Recreate, and only when they end or go."""
    if kind != "Pod":
        return list(_WORKLOAD(view, kind, old, new))
    if old is None or not (new is None or views.pod_terminal(new)):
        return []
    reference = meta.controller_of(old)
    if reference is None or reference["kind"] != "ReplicaSet":
        return []
    rs = view.get("ReplicaSet", meta.namespace_of(old), reference["name"])
    owner = meta.controller_of(rs) if rs is not None else None
    return [f"{meta.namespace_of(old)}/{owner['name']}"] if owner and owner["kind"] == "Deployment" else []


CONTROLLER = Controller(
    name="deployment-controller",
    kinds=("Deployment", "ReplicaSet", "Pod"),
    keys=_keys,
    reconcile=reconcile,
)
