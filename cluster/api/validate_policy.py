"""Rules of PodDisruptionBudget and RuntimeClass (Kubernetes: policy and node validation).

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
"""

from __future__ import annotations

from cluster.api import formats
from cluster.api.fielderrors import ROOT, Errors, MapKey, at
from cluster.api.meta import Object
from cluster.api.validate_apps import at_most_all
from cluster.api.validate_core import immutable
from cluster.api.validate_pod import label_selector, toleration

_SPEC = at(ROOT, "spec")


def disruption_budget(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        errors.invalid(_SPEC, spec, "minAvailable and maxUnavailable cannot be both set")
    if least is not None:
        at_most_all(least, at(_SPEC, "minAvailable"), errors)
    if most is not None:
        at_most_all(most, at(_SPEC, "maxUnavailable"), errors)
    label_selector(spec.get("selector"), at(_SPEC, "selector"), errors)


def runtime_class(obj: Object, errors: Errors) -> None:
    scheduling, path = obj.get("scheduling") or {}, at(ROOT, "scheduling")
    seen: list[Object] = []
    for index, each in enumerate(scheduling.get("tolerations") or ()):
        toleration(each, at(path, "tolerations", index), errors)
        if each in seen:
            errors.duplicate(at(path, "tolerations", index), each)
        seen.append(each)
    for key in (obj.get("overhead") or {}).get("podFixed") or {}:
        if wrong := formats.qualified_name(key):
            errors.invalid((at(ROOT, "overhead", "podFixed"), MapKey(key)), key, wrong)


def runtime_class_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(new.get("handler"), old.get("handler"), at(ROOT, "handler"), errors)
