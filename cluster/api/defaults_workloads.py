"""Defaults of StatefulSets, ReplicationControllers, Jobs, claims and autoscalers that depend on other fields.

Must not refuse anything: as `defaults`, which reads this. Source: Kubernetes' SetDefaults_* of apps, core, batch and
autoscaling.
"""

from __future__ import annotations

from typing import Any

from cluster.api.meta import deep_copy
from cluster.api.schema import REGISTRY

Map = dict[str, Any]
BACKOFF_LIMIT, UNLIMITED = 6, 2**31 - 1
UTILIZATION = 80
"""Percent of cpu that an autoscaler aims at if nobody says."""
_SCALE_UP: Map = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_SCALE_DOWN: Map = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def _map(value: Any) -> Map:
    return value if type(value) is dict else {}


def _template_labels(spec: Any) -> Map:
    return _map(_map(_map(_map(spec).get("template")).get("metadata")).get("labels"))


def _labels_from_template(obj: Map) -> None:
    """An object without labels gets its template's."""
    labels, metadata = _template_labels(obj.get("spec")), obj.get("metadata")
    if labels and type(metadata) is dict and not metadata.get("labels"):
        metadata["labels"] = dict(labels)


def _update_strategy(strategy: Map) -> None:
    if strategy.get("type") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {"partition": 0})


def _stateful_set_spec(spec: Map) -> None:
    templates = spec.get("volumeClaimTemplates")
    for claim in templates if type(templates) is list else ():
        if type(claim) is dict:
            claim.setdefault("apiVersion", "v1")
            claim.setdefault("kind", "PersistentVolumeClaim")


def _replication_controller(obj: Map) -> None:
    spec, labels = _map(obj.get("spec")), _template_labels(obj.get("spec"))
    if labels and spec and not spec.get("selector"):
        spec["selector"] = dict(labels)
    _labels_from_template(obj)


def _job(job: Map) -> None:
    spec = job.get("spec")
    if type(spec) is dict:
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        spec.setdefault("parallelism", 1)
        spec.setdefault("backoffLimit", UNLIMITED if "backoffLimitPerIndex" in spec else BACKOFF_LIMIT)
        spec.setdefault("completionMode", "NonIndexed")
        spec.setdefault("suspend", False)
        spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    _labels_from_template(job)


def _claim(claim: Map) -> None:
    status = claim.setdefault("status", {})
    if type(status) is dict:
        status.setdefault("phase", "Pending")


def _autoscaler_spec(spec: Map) -> None:
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": UTILIZATION}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _behavior(behavior: Map) -> None:
    """Who says anything about the pace gets what is usual for the rest of it."""
    for direction, usual in (("scaleUp", _SCALE_UP), ("scaleDown", _SCALE_DOWN)):
        rules = behavior.setdefault(direction, {})
        if type(rules) is dict:
            for name, value in usual.items():
                rules.setdefault(name, deep_copy(value))


for _name, _hook in {
    "StatefulSetSpec": _stateful_set_spec,
    "StatefulSetUpdateStrategy": _update_strategy,
    "ReplicationController": _replication_controller,
    "Job": _job,
    "PersistentVolumeClaim": _claim,
    "HorizontalPodAutoscalerSpec": _autoscaler_spec,
    "HorizontalPodAutoscalerBehavior": _behavior,
}.items():
    REGISTRY.on_default(_name, _hook)
