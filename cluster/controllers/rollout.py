"""The arithmetic of a rollout: which ReplicaSet is new, how many pods each may have, which revision is which.

Must not write plans: `deployment` does. `history` and `undo_patch` serve the command line too
(Kubernetes: Deployment, kubectl rollout).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.api import meta, views
from cluster.controllers.plan import Object
from cluster.errors import UsageError

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
CHANGE_CAUSE = "kubernetes.io/change-cause"
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED,
        MAXIMUM,
        "deprecated.deployment.rollback.to",
    }
)


def replicas_of(obj: Object) -> int:
    """spec.replicas of a Deployment or ReplicaSet, 1 if not given."""
    replicas = obj["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def available_of(rs: Object) -> int:
    """status.availableReplicas."""
    return int((rs.get("status") or {}).get("availableReplicas") or 0)


def staying_of(rs: Object) -> int:
    """Available pods that it keeps: its status may tell of some that it has just been told to give up."""
    return min(available_of(rs), replicas_of(rs))


def total(sets: Sequence[Object]) -> int:
    """Pods that these sets ask for together."""
    return sum(replicas_of(rs) for rs in sets)


def strategy_of(deployment: Object) -> str:
    return str((deployment["spec"].get("strategy") or {}).get("type") or "RollingUpdate")


def bounds(deployment: Object) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods; never both 0 (Kubernetes: ResolveFenceposts)."""
    if strategy_of(deployment) != "RollingUpdate" or replicas_of(deployment) == 0:
        return 0, 0
    rolling = deployment["spec"].get("strategy", {}).get("rollingUpdate") or {}
    wanted = replicas_of(deployment)
    surge = views.int_or_percent(_or_quarter(rolling.get("maxSurge")), wanted, True)
    unavailable = views.int_or_percent(_or_quarter(rolling.get("maxUnavailable")), wanted, False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, wanted)


def _or_quarter(value: int | str | None) -> int | str:
    return "25%" if value is None else value


# ── revisions ────────────────────────────────────────────────────────────────────────────────────────────────


def template_of(obj: Object) -> dict[str, Any]:
    """The pod template without the hash label: what two revisions are compared by."""
    template: dict[str, Any] = meta.deep_copy(obj["spec"]["template"])
    labels = (template.get("metadata") or {}).get("labels")
    if labels is not None:
        labels.pop(HASH, None)
    return template


def age_order(rs: Object) -> tuple[str, str]:
    """Oldest first."""
    return rs["metadata"].get("creationTimestamp", ""), meta.name_of(rs)


def find_new(deployment: Object, sets: Sequence[Object]) -> Object | None:
    """The set with the Deployment's template; the oldest, should there be several."""
    wanted = template_of(deployment)
    return next((rs for rs in sorted(sets, key=age_order) if template_of(rs) == wanted), None)


def revision_number(obj: Object) -> int:
    """The revision annotation, 0 if there is none."""
    text = meta.annotations_of(obj).get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def copied_annotations(deployment: Object) -> dict[str, str]:
    """What a Deployment's annotations hand on to its new ReplicaSet."""
    return {k: v for k, v in meta.annotations_of(deployment).items() if k not in _NOT_COPIED}


def history(deployment: Object, replicasets: Sequence[Object]) -> list[dict[str, Any]]:
    """Revisions, oldest first: {revision, change_cause, replicaset, template}."""
    rows = [
        {
            "revision": revision_number(rs),
            "change_cause": meta.annotations_of(rs).get(CHANGE_CAUSE, ""),
            "replicaset": meta.name_of(rs),
            "template": rs["spec"]["template"],
        }
        for rs in _controlled(deployment, replicasets)
        if revision_number(rs)
    ]
    return sorted(rows, key=lambda row: row["revision"])


def undo_patch(deployment: Object, replicasets: Sequence[Object], to_revision: int = 0) -> list[dict[str, Any]]:
    """A JSON patch (type "json") for the Deployment that goes back to a revision; 0: the one before.

    Empty if that is what it already has. UsageError if it is paused, or there is no such revision."""
    place = f"deployment/{meta.name_of(deployment)}"
    if deployment["spec"].get("paused"):
        raise UsageError("a paused deployment cannot be rolled back", place=place, remedy="resume it first")
    rows = history(deployment, replicasets)
    known = ", ".join(str(row["revision"]) for row in rows)
    if to_revision:
        found = next((row for row in rows if row["revision"] == to_revision), None)
        if found is None:
            raise UsageError(f"unable to find revision {to_revision}", place=place, remedy=f"known: {known or 'none'}")
    elif len(rows) < 2:
        raise UsageError("no rollout history found", place=place, remedy="there is no earlier revision to go back to")
    else:
        found = rows[-2]
    rs = next(rs for rs in replicasets if meta.name_of(rs) == found["replicaset"])
    template = template_of(rs)
    if template == template_of(deployment):
        return []
    kept = {k: v for k, v in meta.annotations_of(deployment).items() if k in _NOT_COPIED}
    annotations = {**copied_annotations(rs), **kept}
    return [
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]


def _controlled(deployment: Object, replicasets: Sequence[Object]) -> list[Object]:
    uid = meta.uid_of(deployment)
    return [rs for rs in replicasets if (meta.controller_of(rs) or {}).get("uid") == uid]


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────────────────


def new_size(deployment: Object, sets: Sequence[Object], new: Object | None) -> int:
    """How many pods the new set should have now: never more than maxSurge over the Deployment's replicas."""
    wanted = replicas_of(deployment)
    current = 0 if new is None else replicas_of(new)
    if strategy_of(deployment) == "Recreate":
        return wanted
    room = wanted + bounds(deployment)[0] - total(sets)
    return current if room <= 0 else current + min(room, wanted - current)


def old_sizes(deployment: Object, old: Sequence[Object], new: Object | None) -> dict[str, int]:
    """{name: replicas} of the old sets that can shrink without falling below the pods that must be available.

    First what is unhealthy anyway, oldest set first, then healthy pods (Kubernetes: reconcileOldReplicaSets)."""
    sizes = {meta.name_of(rs): replicas_of(rs) for rs in old}
    wanted = replicas_of(deployment)
    minimum = wanted - bounds(deployment)[1]
    new_replicas = 0 if new is None else replicas_of(new)
    new_available = 0 if new is None else staying_of(new)
    removable = sum(sizes.values()) + new_replicas - minimum - (new_replicas - new_available)
    if removable <= 0:
        return {}
    ordered = sorted(old, key=age_order)
    for rs in ordered:
        name = meta.name_of(rs)
        unhealthy = max(0, min(removable, sizes[name] - available_of(rs)))
        sizes[name] -= unhealthy
        removable -= unhealthy
    healthy = new_available + sum(staying_of(rs) for rs in old) - minimum
    for rs in ordered:
        name = meta.name_of(rs)
        shrink = max(0, min(healthy, sizes[name]))
        sizes[name] -= shrink
        healthy -= shrink
    return {meta.name_of(rs): sizes[meta.name_of(rs)] for rs in old if sizes[meta.name_of(rs)] != replicas_of(rs)}


@dataclass(frozen=True, slots=True)
class Share:
    """One set's part of a scaling that hits in the middle of a rollout."""

    name: str
    replicas: int


def proportional(deployment: Object, active: Sequence[Object]) -> list[Share]:
    """Every active set's new size when the Deployment is scaled while it rolls, in proportion to their sizes.

    The largest set takes the rest (Kubernetes: proportional scaling)."""
    wanted = replicas_of(deployment)
    allowed = wanted + bounds(deployment)[0] if wanted > 0 else 0
    to_add = allowed - total(active)
    if to_add >= 0:  # larger first, newer first
        ordered = sorted(sorted(active, key=age_order, reverse=True), key=lambda rs: -replicas_of(rs))
    else:  # larger first, older first
        ordered = sorted(sorted(active, key=age_order), key=lambda rs: -replicas_of(rs))
    added = 0
    sizes: dict[str, int] = {}
    for rs in ordered:
        part = _part(deployment, rs, to_add, added)
        sizes[meta.name_of(rs)] = replicas_of(rs) + part
        added += part
    if ordered and to_add != added:
        first = meta.name_of(ordered[0])
        sizes[first] = max(0, sizes[first] + to_add - added)
    return [Share(meta.name_of(rs), sizes[meta.name_of(rs)]) for rs in ordered]


def _part(deployment: Object, rs: Object, to_add: int, added: int) -> int:
    size = replicas_of(rs)
    if size == 0 or to_add == added:
        return 0
    wanted = replicas_of(deployment)
    if wanted == 0:
        fraction = -size
    else:
        text = meta.annotations_of(rs).get(MAXIMUM, "")
        before = int(text) if text.isdecimal() else int((deployment.get("status") or {}).get("replicas") or 0)
        after = wanted + bounds(deployment)[0]
        # Half away from zero, as Kubernetes rounds; all numbers are positive.
        fraction = (2 * size * after + before) // (2 * before) - size if before else 0
    room = to_add - added
    return min(fraction, room) if to_add > 0 else max(fraction, room)
