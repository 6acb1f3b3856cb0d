"""What a Deployment's status says: counters, Available, Progressing and its deadline (Kubernetes: Deployment).

Must not scale anything; it is given what the sets have and returns a status.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster.api import meta
from cluster.controllers.plan import Object
from cluster.controllers.rollout import available_of, bounds, replicas_of, total

AVAILABLE, PROGRESSING, REPLICA_FAILURE = "Available", "Progressing", "ReplicaFailure"
NEW_CREATED = "NewReplicaSetCreated"
NEW_FOUND = "FoundNewReplicaSet"
UPDATED = "ReplicaSetUpdated"
NEW_AVAILABLE = "NewReplicaSetAvailable"
DEADLINE = "ProgressDeadlineExceeded"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"
NO_DEADLINE = 2**31 - 1

Conditions = list[dict[str, Any]]


def deadline_of(deployment: Object) -> int | None:
    """spec.progressDeadlineSeconds, None for never (Kubernetes writes that as the largest number)."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return None if seconds is None or seconds >= NO_DEADLINE else int(seconds)


def set_progress(conditions: Conditions, status: str, reason: str, message: str, now: float) -> Conditions:
    """Sets Progressing; lastUpdateTime moves with reason, message or status, lastTransitionTime with status only."""
    return _set(conditions, PROGRESSING, status, reason, message, now)


def _set(conditions: Conditions, type: str, status: str, reason: str, message: str, now: float) -> Conditions:
    old = _find(conditions, type)
    if old and (old.get("status"), old.get("reason"), old.get("message", "")) == (status, reason, message):
        return conditions
    result = meta.set_condition(conditions, type, status, reason, message, meta.timestamp(now))
    for entry in result:
        if entry["type"] == type:
            entry["lastUpdateTime"] = meta.timestamp(now)
    return result


def _find(conditions: Sequence[dict[str, Any]], type: str) -> dict[str, Any]:
    return next((c for c in conditions if c.get("type") == type), {})


def counters(deployment: Object, sets: Sequence[Object], new: Object | None) -> dict[str, int]:
    """The status without conditions; zeros are left out, as in Kubernetes' JSON."""

    def added(field: str, of: Sequence[Object]) -> int:
        return sum(int((rs.get("status") or {}).get(field) or 0) for rs in of)

    available = sum(available_of(rs) for rs in sets)
    counts = {
        "observedGeneration": meta.generation_of(deployment),
        "replicas": added("replicas", sets),
        "updatedReplicas": added("replicas", [new] if new else []),
        "readyReplicas": added("readyReplicas", sets),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total(sets) - available),
        "collisionCount": int((deployment.get("status") or {}).get("collisionCount") or 0),
    }
    return {name: n for name, n in counts.items() if n}


def complete(deployment: Object, counts: dict[str, int]) -> bool:
    """All pods are of the new revision and available, and no old one is left (Kubernetes: DeploymentComplete)."""
    wanted = replicas_of(deployment)
    return (
        counts.get("updatedReplicas", 0) == wanted
        and counts.get("replicas", 0) == wanted
        and counts.get("availableReplicas", 0) == wanted
        and counts.get("observedGeneration", 0) >= meta.generation_of(deployment)
    )


def status_of(
    deployment: Object, sets: Sequence[Object], new: Object | None, conditions: Conditions, now: float
) -> dict[str, Any]:
    """The whole status; `conditions` are those so far (a set that was just made has been noted in them)."""
    counts = counters(deployment, sets, new)
    conditions = _available(deployment, counts, conditions, now)
    if deadline_of(deployment) is None:
        conditions = [c for c in conditions if c.get("type") != PROGRESSING]
    elif not deployment["spec"].get("paused"):
        conditions = _progress(deployment, counts, new, conditions, now)
    conditions = _failure(sets, new, conditions, now)
    return {**counts, "conditions": conditions} if conditions else dict(counts)


def _available(deployment: Object, counts: dict[str, int], conditions: Conditions, now: float) -> Conditions:
    enough = counts.get("availableReplicas", 0) >= replicas_of(deployment) - bounds(deployment)[1]
    if enough:
        message = "Deployment has minimum availability."
        return _set(conditions, AVAILABLE, "True", "MinimumReplicasAvailable", message, now)
    message = "Deployment does not have minimum availability."
    return _set(conditions, AVAILABLE, "False", "MinimumReplicasUnavailable", message, now)


def _progress(
    deployment: Object, counts: dict[str, int], new: Object | None, conditions: Conditions, now: float
) -> Conditions:
    current = _find(conditions, PROGRESSING)
    settled = counts.get("replicas", 0) == counts.get("updatedReplicas", 0) and current.get("reason") == NEW_AVAILABLE
    if settled:
        return conditions
    what = f'ReplicaSet "{meta.name_of(new)}"' if new else f'Deployment "{meta.name_of(deployment)}"'
    if complete(deployment, counts):
        return set_progress(conditions, "True", NEW_AVAILABLE, f"{what} has successfully progressed.", now)
    if _moved(deployment.get("status") or {}, counts):
        # Removed first, so that lastUpdateTime moves although nothing else in the condition does.
        rest = [c for c in conditions if c.get("type") != PROGRESSING]
        fresh = set_progress(rest, "True", UPDATED, f"{what} is progressing.", now)
        if current.get("status") == "True":
            fresh[-1]["lastTransitionTime"] = current["lastTransitionTime"]
        return fresh
    left = time_left(deployment, conditions, now)
    if left is not None and left <= 0:
        return set_progress(conditions, "False", DEADLINE, f"{what} has timed out progressing.", now)
    return conditions


def _moved(old: dict[str, Any], new: dict[str, int]) -> bool:
    """More updated, more ready, more available, or fewer old pods than before (Kubernetes: DeploymentProgressing)."""

    def number(status: dict[str, Any], field: str) -> int:
        return int(status.get(field) or 0)

    def outdated(status: dict[str, Any]) -> int:
        return number(status, "replicas") - number(status, "updatedReplicas")

    grown = any(number(new, f) > number(old, f) for f in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return grown or outdated(new) < outdated(old)


def time_left(deployment: Object, conditions: Conditions, now: float) -> float | None:
    """Seconds until the progress deadline passes; None if none runs. Already passed: 0 or less."""
    deadline = deadline_of(deployment)
    current = _find(conditions, PROGRESSING)
    if deadline is None or not current or deployment["spec"].get("paused"):
        return None
    if current.get("reason") == NEW_AVAILABLE or current.get("reason") == DEADLINE:
        return None
    since = current.get("lastUpdateTime") or current.get("lastTransitionTime")
    return meta.parse_time(since) + deadline - now if since else None


def _failure(sets: Sequence[Object], new: Object | None, conditions: Conditions, now: float) -> Conditions:
    """ReplicaFailure is handed up from the new set, or else from any other."""
    found = next(
        (c for rs in ([new] if new else []) + list(sets) if (c := meta.condition(rs, REPLICA_FAILURE)) is not None),
        None,
    )
    if found is None:
        return [c for c in conditions if c.get("type") != REPLICA_FAILURE]
    reason, message = str(found.get("reason", "")), str(found.get("message", ""))
    return _set(conditions, REPLICA_FAILURE, str(found["status"]), reason, message, now)


def paused_conditions(deployment: Object, now: float) -> Conditions:
    """Status conditions with the beginning or end of a pause noted in Progressing: time paused does not count."""
    conditions: Conditions = list((deployment.get("status") or {}).get("conditions") or [])
    current = _find(conditions, PROGRESSING)
    if deadline_of(deployment) is None or current.get("reason") == DEADLINE:
        return conditions
    paused = bool(deployment["spec"].get("paused"))
    if paused and current.get("reason") != PAUSED:
        return set_progress(conditions, "Unknown", PAUSED, "Deployment is paused", now)
    if not paused and current.get("reason") == PAUSED:
        return set_progress(conditions, "Unknown", RESUMED, "Deployment is resumed", now)
    return conditions
