"""Whether a Deployment or DaemonSet is rolled out: what `kubectl rollout status` waits for.

Pure. Must not look anything up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api.meta import generation_of


def rolled_out(obj: Mapping[str, Any]) -> bool:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if status.get("observedGeneration", 0) < generation_of(obj):
        return False
    if obj["kind"] == "DaemonSet":
        desired = status.get("desiredNumberScheduled", 0)
        return bool(status.get("updatedNumberScheduled", 0) >= desired <= status.get("numberAvailable", 0))
    want, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    if obj["kind"] == "ReplicaSet":
        return bool(status.get("readyReplicas", 0) >= want)
    return bool(updated >= want and status.get("replicas", 0) <= updated <= status.get("availableReplicas", 0))
