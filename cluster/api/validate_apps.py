"""Rules of workloads, and of PriorityClass and ControllerRevision.

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
"""

from __future__ import annotations

from typing import Any

from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object, name_of
from cluster.api.selectors import from_label_selector
from cluster.api.validate_core import immutable
from cluster.api.validate_pod import label_selector, pod_template

_SPEC = at(ROOT, "spec")


def _workload(obj: Object, errors: Errors) -> None:
    """Selector and template: the selector says something, and the template's own pods match it."""
    spec = obj["spec"]
    selector, place = spec["selector"], at(_SPEC, "selector")
    label_selector(selector, place, errors)
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.invalid(place, selector, f"empty selector is invalid for {obj['kind'].lower()}")
    template = spec.get("template")
    if template is None:
        errors.required(at(_SPEC, "template"))
        return
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not from_label_selector(selector).matches(labels):
        errors.invalid(
            at(_SPEC, "template", "metadata", "labels"), labels, "`selector` does not match template `labels`"
        )
    pod_template(template, at(_SPEC, "template"), errors)


def selector_update(new: Object, old: Object, errors: Errors) -> None:
    """A workload's selector is fixed: its pods would be lost."""
    immutable(new["spec"]["selector"], old["spec"]["selector"], at(_SPEC, "selector"), errors)


def is_zero(value: Any) -> bool:
    """0 or "0%"."""
    return value in (0, "0%")


def at_most_all(value: Any, path: Path, errors: Errors) -> None:
    """A percentage is of all, so it ends at 100."""
    if isinstance(value, str) and int(value.rstrip("%")) > 100:
        errors.invalid(path, value, "must not be greater than 100%")


def deployment(obj: Object, errors: Errors) -> None:
    _workload(obj, errors)
    spec = obj["spec"]
    strategy, place = spec.get("strategy") or {}, at(_SPEC, "strategy")
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling is not None:
        errors.forbidden(at(place, "rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")
    elif rolling is not None:
        place = at(place, "rollingUpdate", "maxUnavailable")
        if is_zero(rolling.get("maxUnavailable")) and is_zero(rolling.get("maxSurge")):
            errors.invalid(place, rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0")
        at_most_all(rolling.get("maxUnavailable"), place, errors)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        errors.invalid(at(_SPEC, "progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds")


def replica_set(obj: Object, errors: Errors) -> None:
    _workload(obj, errors)


def daemon_set(obj: Object, errors: Errors) -> None:
    _workload(obj, errors)
    strategy, place = obj["spec"].get("updateStrategy") or {}, at(_SPEC, "updateStrategy", "rollingUpdate")
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") != "RollingUpdate" or rolling is None:
        return
    unavailable, surge = rolling.get("maxUnavailable", 1), rolling.get("maxSurge", 0)
    if is_zero(unavailable) and is_zero(surge):
        errors.required(at(place, "maxUnavailable"), "cannot be 0 when maxSurge is 0")
    elif not is_zero(unavailable) and not is_zero(surge):
        errors.invalid(at(place, "maxSurge"), surge, "may not be set when maxUnavailable is non-zero")
    at_most_all(unavailable, at(place, "maxUnavailable"), errors)
    at_most_all(surge, at(place, "maxSurge"), errors)


def controller_revision_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(new.get("data"), old.get("data"), at(ROOT, "data"), errors)


HIGHEST_USER_PRIORITY = 1_000_000_000


def priority_class(obj: Object, errors: Errors) -> None:
    if name_of(obj).startswith("system-"):
        return  # the two system classes; who may make them is admission's question
    if obj["value"] > HIGHEST_USER_PRIORITY:
        errors.forbidden(
            at(ROOT, "value"), f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        )


def priority_class_update(new: Object, old: Object, errors: Errors) -> None:
    for name in ("value", "preemptionPolicy"):
        if new.get(name) != old.get(name):
            errors.forbidden(at(ROOT, name), "may not be changed in an update.")
