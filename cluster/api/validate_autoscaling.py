"""Rules of HorizontalPodAutoscaler (Kubernetes: autoscaling validation).

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object
from cluster.api.validate_pod import label_selector

_SPEC = at(ROOT, "spec")
SOURCES: Mapping[str, str] = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
"""The field in which a metric of a type says what it is."""
LONGEST_STABILIZATION, LONGEST_PERIOD = 3600, 1800


def autoscaler(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    least, most = spec.get("minReplicas"), spec["maxReplicas"]
    if most < 1:
        errors.invalid(at(_SPEC, "maxReplicas"), most, "must be greater than 0")
    if least is not None and most < least:
        errors.invalid(at(_SPEC, "maxReplicas"), most, "must be greater than or equal to `minReplicas`")
    _reference(spec["scaleTargetRef"], at(_SPEC, "scaleTargetRef"), errors)
    for index, metric in enumerate(spec.get("metrics") or ()):
        _metric(metric, at(_SPEC, "metrics", index), errors)
    for direction in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(direction)
        if rules is not None:
            _rules(rules, at(_SPEC, "behavior", direction), errors)


def _reference(reference: Object, path: Path, errors: Errors) -> None:
    for name in ("kind", "name"):
        if "/" in reference[name] or "%" in reference[name] or reference[name] in (".", ".."):
            errors.invalid(at(path, name), reference[name], "may not contain '/' or '%'")


def _metric(metric: Object, path: Path, errors: Errors) -> None:
    wanted = SOURCES[metric["type"]]
    given = [name for name in SOURCES.values() if metric.get(name) is not None]
    if wanted not in given:
        text = "must populate information for the given metric source"
        errors.required(at(path, wanted), text)
    for extra in given:
        if extra != wanted:
            errors.forbidden(at(path, extra), "must populate the given metric source only")
    if wanted in given:
        source, place = metric[wanted], at(path, wanted)
        _target(source["target"], wanted, at(place, "target"), errors)
        if "metric" in source:
            label_selector(source["metric"].get("selector"), at(place, "metric", "selector"), errors)
        if "describedObject" in source:
            _reference(source["describedObject"], at(place, "describedObject"), errors)


def _target(target: Object, source: str, path: Path, errors: Errors) -> None:
    per_pod, utilization, value = target.get("averageValue"), target.get("averageUtilization"), target.get("value")
    for name in ("averageValue", "value"):
        if target.get(name) in ("0", 0):
            errors.invalid(at(path, name), target[name], "must be positive")
    if utilization is not None and utilization < 1:
        errors.invalid(at(path, "averageUtilization"), utilization, "must be greater than 0")
    if source in ("resource", "containerResource"):
        if utilization is None and per_pod is None:
            errors.required(
                at(path, "averageUtilization"), "must set either a target raw value or a target utilization"
            )
        if utilization is not None and per_pod is not None:
            errors.forbidden(at(path, "averageValue"), "may not set both a target raw value and a target utilization")
    elif source == "pods":
        if per_pod is None:
            errors.required(at(path, "averageValue"), "must specify a positive target averageValue")
    elif per_pod is None and value is None:
        errors.required(at(path, "averageValue"), "must set either a target value for metric or a per-pod target")
    elif source == "external" and per_pod is not None and value is not None:
        errors.forbidden(at(path, "value"), "may not set both a target value for metric and a per-pod target")


def _rules(rules: Object, path: Path, errors: Errors) -> None:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and not 0 <= window <= LONGEST_STABILIZATION:
        text = (
            "must be greater than or equal to zero"
            if window < 0
            else f"must be less than or equal to {LONGEST_STABILIZATION}"
        )
        errors.invalid(at(path, "stabilizationWindowSeconds"), window, text)
    policies = rules.get("policies") or ()
    if not policies:
        errors.required(at(path, "policies"), "must specify at least one Policy")
    for index, policy in enumerate(policies):
        place, period = at(path, "policies", index), policy["periodSeconds"]
        if policy["value"] <= 0:
            errors.invalid(at(place, "value"), policy["value"], "must be greater than zero")
        if period <= 0:
            errors.invalid(at(place, "periodSeconds"), period, "must be greater than zero")
        if period > LONGEST_PERIOD:
            errors.invalid(at(place, "periodSeconds"), period, f"must be less than or equal to {LONGEST_PERIOD}")
