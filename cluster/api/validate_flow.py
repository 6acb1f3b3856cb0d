"""Rules of FlowSchemas and PriorityLevelConfigurations (Kubernetes: pkg/apis/flowcontrol/validation).

Must not check types or single values: the schema has done that. Must not decide which request waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object, name_of

Map = Mapping[str, Any]

_SPEC = at(ROOT, "spec")
MOST_QUEUES = 10_000_000
_OF_KIND = {"User": "user", "Group": "group", "ServiceAccount": "serviceAccount"}


def flow_schema(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    precedence = spec.get("matchingPrecedence", 1000)
    if not 1 <= precedence <= 10000:
        text = "must be a value between 1 and 10000, inclusive"
        errors.invalid(at(_SPEC, "matchingPrecedence"), precedence, text)
    elif precedence == 1 and name_of(obj) != "exempt":
        text = "only the schema named 'exempt' may have matchingPrecedence 1"
        errors.invalid(at(_SPEC, "matchingPrecedence"), precedence, text)
    for index, rule in enumerate(spec.get("rules") or ()):
        _rule(rule, at(_SPEC, "rules", index), errors)


def _rule(rule: Map, path: Path, errors: Errors) -> None:
    if not rule.get("subjects"):
        errors.required(at(path, "subjects"), "subjects must contain at least one value")
    for index, subject in enumerate(rule.get("subjects") or ()):
        place = at(path, "subjects", index)
        for kind, name in _OF_KIND.items():
            if subject["kind"] == kind and subject.get(name) is None:
                errors.required(at(place, name), f"{name} is required when subject kind is '{kind}'")
            elif subject["kind"] != kind and subject.get(name) is not None:
                errors.forbidden(at(place, name), f"{name} is forbidden when subject kind is not '{kind}'")
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        errors.required(path, "at least one of resourceRules and nonResourceRules has to be non-empty")
    for index, found in enumerate(rule.get("resourceRules") or ()):
        place = at(path, "resourceRules", index)
        for name in ("verbs", "apiGroups", "resources"):
            _words(found.get(name) or (), at(place, name), errors)
        if not found.get("namespaces") and not found.get("clusterScope"):
            text = "resource rules that are not cluster scoped must supply at least one namespace"
            errors.required(at(place, "namespaces"), text)
    for index, found in enumerate(rule.get("nonResourceRules") or ()):
        for name in ("verbs", "nonResourceURLs"):
            _words(found.get(name) or (), at(path, "nonResourceRules", index, name), errors)


def _words(words: Any, path: Path, errors: Errors) -> None:
    if not words:
        errors.required(path)
    elif "*" in words and len(words) > 1:
        errors.invalid(path, list(words), "if '*' is present, must not specify other values")


def priority_level(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    type, limited, exempt = spec.get("type"), spec.get("limited"), spec.get("exempt")
    if name_of(obj) == "exempt" and type != "Exempt":
        errors.invalid(at(_SPEC, "type"), type, "type must be 'Exempt' if name is 'exempt'")
    if type == "Exempt" and limited is not None:
        errors.forbidden(at(_SPEC, "limited"), "must be nil if the type is not Limited")
    if type == "Limited" and exempt is not None:
        errors.forbidden(at(_SPEC, "exempt"), "must be nil if the type is Limited")
    if type == "Limited" and limited is None:
        errors.required(at(_SPEC, "limited"), "must not be empty when type is Limited")
    elif type == "Limited" and limited is not None:
        _limit_response(limited["limitResponse"], at(_SPEC, "limited", "limitResponse"), errors)


def _limit_response(response: Map, path: Path, errors: Errors) -> None:
    queuing, place = response.get("queuing"), at(path, "queuing")
    if response["type"] == "Reject":
        if queuing is not None:
            errors.forbidden(place, "must be nil if limited.limitResponse.type is not Limited")
        return
    if queuing is None:
        errors.required(place, "must not be empty if limited.limitResponse.type is Limited")
        return
    queues, hand, length = (queuing[name] for name in ("queues", "handSize", "queueLengthLimit"))
    if length <= 0:
        errors.invalid(at(place, "queueLengthLimit"), length, "must be positive")
    if not 0 < queues <= MOST_QUEUES:
        text = "must be positive" if queues <= 0 else f"must not be greater than {MOST_QUEUES}"
        errors.invalid(at(place, "queues"), queues, text)
    if hand <= 0:
        errors.invalid(at(place, "handSize"), hand, "must be positive")
    elif hand > queues:
        errors.invalid(at(place, "handSize"), hand, f"should not be greater than queues ({queues})")
