"""One HorizontalPodAutoscaler in two versions: autoscaling/v2, which is stored, and autoscaling/v1.

Pure. Must not refuse anything: it bears any shape, and what is wrong the validators say. What v1 has no field for
(everything but cpu) travels in annotations, so that an object read and written back in v1 loses nothing (Kubernetes:
autoscaling/v1 conversion).
"""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]

V1, V2 = "autoscaling/v1", "autoscaling/v2"
_ALPHA = "autoscaling.alpha.kubernetes.io/"
METRICS, BEHAVIOR = _ALPHA + "metrics", _ALPHA + "behavior"
CURRENT_METRICS, CONDITIONS = _ALPHA + "current-metrics", _ALPHA + "conditions"
ANNOTATIONS = (METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS)
CPU = "targetCPUUtilizationPercentage"
CURRENT_CPU = "currentCPUUtilizationPercentage"
_CARRIED = ((METRICS, "spec", "metrics"), (BEHAVIOR, "spec", "behavior"),
            (CURRENT_METRICS, "status", "currentMetrics"), (CONDITIONS, "status", "conditions"))  # fmt: skip


def to_v1(obj: Object) -> Object:
    """An autoscaling/v2 object as autoscaling/v1 shows it."""
    spec, status = dict(_map(obj.get("spec"))), dict(_map(obj.get("status")))
    cpu, metrics = _taken(spec.pop("metrics", None), "target")
    current, currents = _taken(status.pop("currentMetrics", None), "current")
    if cpu is not None:
        spec[CPU] = cpu
    if current is not None:
        status[CURRENT_CPU] = current
    carried = {
        METRICS: metrics,
        BEHAVIOR: spec.pop("behavior", None),
        CURRENT_METRICS: currents,
        CONDITIONS: status.pop("conditions", None),
    }
    return _put_together(obj, V1, carried, spec, status)


def from_v1(obj: Object) -> Object:
    """An autoscaling/v1 object as it is stored."""
    spec, status = dict(_map(obj.get("spec"))), dict(_map(obj.get("status")))
    annotations = _map(_map(obj.get("metadata")).get("annotations"))
    for key, part, name in _CARRIED:
        value = _read(annotations.get(key))
        if value:
            (spec if part == "spec" else status)[name] = value
    if (cpu := spec.pop(CPU, None)) is not None:
        spec["metrics"] = [_cpu("target", {"type": "Utilization", "averageUtilization": cpu}), *spec.get("metrics", [])]
    if (current := status.pop(CURRENT_CPU, None)) is not None:
        measured = _cpu("current", {"averageUtilization": current})
        status["currentMetrics"] = [measured, *status.get("currentMetrics", [])]
    return _put_together(obj, V2, {}, spec, status)


def _put_together(obj: Object, version: str, carried: Object, spec: Object, status: Object) -> Object:
    metadata = _map(obj.get("metadata"))
    annotations = {k: v for k, v in _map(metadata.get("annotations")).items() if k not in ANNOTATIONS}
    for key, value in carried.items():
        if value:
            annotations[key] = json.dumps(value, separators=(",", ":"))
    metadata = {**metadata, "annotations": annotations}
    if not annotations:
        del metadata["annotations"]
    result = {**obj, "apiVersion": version, "metadata": metadata}
    if "spec" in obj:
        result["spec"] = spec
    if "status" in obj:
        result["status"] = status
    return result


def _map(value: Any) -> Object:
    return value if type(value) is dict else {}


def _read(text: Any) -> Any:
    """What an annotation holds; None where nobody can read it."""
    try:
        return json.loads(text) if type(text) is str else None
    except (ValueError, RecursionError):
        return None


def _cpu(place: str, value: Object) -> Object:
    return {"type": "Resource", "resource": {"name": "cpu", place: value}}


def _taken(metrics: Any, place: str) -> tuple[Any, list[Any]]:
    """The utilization of cpu, which v1 has a field for, and the other metrics."""
    found, rest = None, []
    for metric in metrics if type(metrics) is list else ():
        source = _map(_map(metric).get("resource"))
        utilization = _map(source.get(place)).get("averageUtilization")
        if found is None and source.get("name") == "cpu" and utilization is not None:
            found = utilization
        else:
            rest.append(metric)
    return found, rest
