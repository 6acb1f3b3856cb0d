"""Rules of LimitRanges and ResourceQuotas, in the words of Kubernetes (pkg/apis/core/validation).

Must not check types or single values: the schema has done that. Must not count: that is admission's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api import formats
from cluster.api.fielderrors import ROOT, Errors, MapKey, Path, at
from cluster.api.meta import Object
from cluster.api.quantity import parse
from cluster.api.validate_core import immutable

Map = Mapping[str, Any]

_SPEC = at(ROOT, "spec")
LIMIT_TYPES = ("Container", "Pod", "PersistentVolumeClaim")
COMPUTE = ("cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage",
           "limits.cpu", "limits.memory", "limits.ephemeral-storage")  # fmt: skip
COUNTS = ("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
          "persistentvolumeclaims", "services.nodeports", "services.loadbalancers")  # fmt: skip
STANDARD = (*COMPUTE, *COUNTS, "requests.storage")
SCOPES = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity")
_OPPOSITES = (("Terminating", "NotTerminating"), ("BestEffort", "NotBestEffort"))
_PAIRS = (  # (the smaller, as it is called; the larger, as it is called)
    ("min", "min value", "max", "max value"),
    ("min", "min value", "defaultRequest", "default request value"),
    ("defaultRequest", "default request value", "max", "max value"),
    ("min", "min value", "default", "default value"),
    ("default", "default value", "max", "max value"),
    ("defaultRequest", "default request value", "default", "default limit value"),
)


def limit_range(obj: Object, errors: Errors) -> None:
    seen: dict[str, None] = {}
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        place, type = at(_SPEC, "limits", index), item["type"]
        if type not in LIMIT_TYPES and ("/" not in type or formats.qualified_name(type)):
            errors.invalid(at(place, "type"), type, "must be a standard limit type or fully qualified")
        if type in seen:
            errors.duplicate(at(place, "type"), type)
        seen[type] = None
        if type == "Pod":
            for name in ("default", "defaultRequest"):
                if item.get(name):
                    errors.forbidden(at(place, name), "may not be specified when `type` is 'Pod'")
        elif type == "PersistentVolumeClaim" and not any("storage" in (item.get(n) or {}) for n in ("min", "max")):
            text = "either minimum or maximum storage value is required, but neither was provided"
            errors.required(at(place, "limits"), text)
        _limits(item, place, errors)


def _limits(item: Map, path: Path, errors: Errors) -> None:
    for small, small_text, large, large_text in _PAIRS:
        ours, theirs = item.get(small) or {}, item.get(large) or {}
        for name, value in ours.items():
            if name in theirs and parse(value) > parse(theirs[name]):
                text = f"{small_text} {value} is greater than {large_text} {theirs[name]}"
                errors.invalid((at(path, small), MapKey(name)), value, text)
    most, least = item.get("max") or {}, item.get("min") or {}
    for name, value in (item.get("maxLimitRequestRatio") or {}).items():
        place, ratio = (at(path, "maxLimitRequestRatio"), MapKey(name)), parse(value)
        if ratio < 1:
            errors.invalid(place, value, f"ratio {value} is less than 1")
        elif name in most and name in least and parse(least[name]) > 0:
            widest = parse(most[name]) / parse(least[name])
            if ratio > widest:
                errors.invalid(place, value, f"ratio {value} is greater than max/min = {float(widest):f}")


def quota(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    for name, value in (spec.get("hard") or {}).items():
        place = (at(_SPEC, "hard"), MapKey(name))
        if wrong := formats.qualified_name(name):
            errors.invalid(place, name, wrong)
        elif "/" not in name and name not in STANDARD and not name.startswith("hugepages-"):
            errors.invalid(place, name, "must be a standard resource for quota")
        amount = parse(value)
        if amount < 0:
            errors.invalid(place, value, "must be greater than or equal to 0")
        elif (name in COUNTS or name.startswith("count/")) and amount != int(amount):
            errors.invalid(place, value, "must be an integer")
    scopes = spec.get("scopes") or ()
    _scopes(list(scopes), spec.get("hard") or {}, at(_SPEC, "scopes"), errors)
    found = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    for index, each in enumerate(found):
        _expression(each, at(_SPEC, "scopeSelector", "matchExpressions", index), errors)


def _scopes(scopes: list[str], hard: Map, path: Path, errors: Errors) -> None:
    for scope in scopes:
        if scope not in SCOPES:
            errors.invalid(path, scopes, "unsupported scope")
        for name in hard:
            if scope == "BestEffort" and name != "pods" or name != "pods" and name not in COMPUTE:
                errors.invalid(path, scopes, "unsupported scope applied to resource")
                break
    for pair in _OPPOSITES:
        if set(pair) <= set(scopes):
            errors.invalid(path, scopes, "conflicting scopes")


def _expression(found: Map, path: Path, errors: Errors) -> None:
    scope, operator, values = found["scopeName"], found["operator"], found.get("values")
    if scope not in SCOPES:
        errors.invalid(at(path, "scopeName"), scope, "unsupported scope")
    elif scope != "PriorityClass" and operator != "Exists":
        text = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
        text += "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
        errors.invalid(at(path, "operator"), operator, text + "ResourceQuotaScopeCrossNamespacePodAffinity")
    if operator in ("In", "NotIn"):
        if not values:
            text = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            errors.required(at(path, "values"), text)
    elif values:
        text = "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"
        errors.invalid(at(path, "values"), values, text)


def quota_update(new: Object, old: Object, errors: Errors) -> None:
    spec, was = new.get("spec") or {}, old.get("spec") or {}
    immutable(sorted(spec.get("scopes") or ()), sorted(was.get("scopes") or ()), at(_SPEC, "scopes"), errors)
    immutable(spec.get("scopeSelector"), was.get("scopeSelector"), at(_SPEC, "scopeSelector"), errors)
