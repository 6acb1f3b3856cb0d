"""ValidatingAdmissionPolicy: bindings say where, policies say what, in CEL; what follows is Deny, Warn or Audit.

Pure. Must not wait: parameters come from `Sources`. Source: Kubernetes, apiserver/pkg/admission/plugin/policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cluster.api.kinds import key_for
from cluster.api.meta import labels_of, name_of
from cluster.api.selectors import from_label_selector
from cluster.apiserver.admission.cel import Budget, CelError, Exhausted, program, value_of
from cluster.apiserver.admission.review import Object, Review, Sources, maps
from cluster.apiserver.admission.rules import Facts, conditions, matches
from cluster.errors import REASONS, StatusError

POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
OVER_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"
FAILURE = "validation.policy.admission.k8s.io/validation_failure"


@dataclass(frozen=True, slots=True)
class Failure:
    """One validation that does not hold, or that has no value."""

    policy: str
    binding: str
    message: str
    reason: str = "Invalid"
    expression: int = 0
    action: tuple[str, ...] = ("Deny",)


def validate(review: Review, sources: Sources) -> None:
    """All policies on a request: warns, notes for the audit, and refuses with the first that denies."""
    facts = Facts(review, sources)
    denied: Failure | None = None
    told: list[Object] = []
    for binding in sorted(sources.all(BINDING), key=name_of):
        spec = binding.get("spec") or {}
        policy = sources.find(POLICY, str(spec.get("policyName") or ""))
        if policy is None or not _applies(policy, spec, facts):
            continue
        for failure in _failures(policy, binding, facts):
            if "Deny" in failure.action and denied is None:
                denied = failure
            if "Warn" in failure.action:
                review.warn(
                    f"Validation failed for ValidatingAdmissionPolicy '{failure.policy}' with binding "
                    f"'{failure.binding}': {failure.message}"
                )
            if "Audit" in failure.action:
                told.append(_audited(failure))
    if told:
        review.annotations[FAILURE] = json.dumps(told, separators=(",", ":"))
    if denied is not None:
        raise _denied(review, denied)


def _applies(policy: Object, binding: Object, facts: Facts) -> bool:
    constraints = (policy.get("spec") or {}).get("matchConstraints")
    return matches(constraints, facts, rules="resourceRules") and matches(binding.get("matchResources"), facts)


def _failures(policy: Object, binding: Object, facts: Facts) -> Iterator[Failure]:
    spec, bound = policy.get("spec") or {}, binding.get("spec") or {}
    action = tuple(bound.get("validationActions") or ("Deny",))
    names = name_of(policy), name_of(binding)
    broken: list[Failure] = []
    try:
        for params in _params(spec, bound, facts):
            budget = Budget()
            values = {"params": value_of(params)}
            if conditions(spec, facts, budget, **values):
                yield from _validations(spec, (names, action), facts, budget, values)
    except CelError as error:
        broken.append(Failure(*names, str(error), action=action))
    except Exhausted:
        broken.append(Failure(*names, OVER_BUDGET, action=action))
    if spec.get("failurePolicy", "Fail") == "Fail":
        yield from broken


def _params(spec: Object, bound: Object, facts: Facts) -> list[Object | None]:
    """What the policy is asked with, once each: [None] without parameters. CelError when there are none and that is
    not allowed."""
    wanted = spec.get("paramKind")
    if not wanted:
        return [None]
    reference = bound.get("paramRef")
    if not reference:
        return [None]
    kind = key_for(str(wanted.get("kind") or ""), str(wanted.get("apiVersion") or ""))
    namespace = str(reference.get("namespace") or facts.review.namespace)
    found: list[Object | None] = []
    if name := reference.get("name"):
        for key in (f"{namespace}/{name}", str(name)):
            obj = facts.sources.find(kind, key)
            if obj is not None:
                found = [obj]
                break
    else:
        selector = from_label_selector(reference.get("selector") or {})
        objects = [*facts.sources.within(kind, namespace)] or [*facts.sources.all(kind)]
        found = [obj for obj in sorted(objects, key=name_of) if selector.matches(labels_of(obj))]
    if not found and reference.get("parameterNotFoundAction") != "Allow":
        raise CelError(
            "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
        )
    return found


def _validations(
    spec: Object,
    named: tuple[tuple[str, str], tuple[str, ...]],
    facts: Facts,
    budget: Budget,
    values: dict[str, Any],
) -> Iterator[Failure]:
    names, action = named
    values = {**facts.values(), **values}
    values["variables"] = _variables(spec, values, budget)
    fails = spec.get("failurePolicy", "Fail") == "Fail"
    for at, each in enumerate(maps(spec.get("validations"))):
        expression = " ".join(str(each.get("expression", "")).split())
        reason = each.get("reason") or "Invalid"
        try:
            holds = program(each.get("expression", "")).evaluate(values, budget)
            if holds is not True:
                yield Failure(*names, _message(each, expression, values, budget), reason, at, action)
        except CelError as error:
            if fails:
                text = f"expression '{expression}' resulted in error: {error}"
                yield Failure(*names, text, "Invalid", at, action)
    for each in maps(spec.get("auditAnnotations")):
        try:
            told = program(each.get("valueExpression", "")).evaluate(values, budget)
        except CelError:
            continue
        if type(told) is str and told:
            facts.review.annotations[f"{names[0]}/{each.get('key')}"] = told


def _variables(spec: Object, values: dict[str, Any], budget: Budget) -> Any:
    """Each may use those before it. One without a value is not there: who uses it fails, who does not is spared."""
    from celpy import celtypes

    found = celtypes.MapType()
    for each in maps(spec.get("variables")):
        try:
            value = program(each.get("expression", "")).evaluate({**values, "variables": found}, budget)
        except CelError:
            continue
        found[celtypes.StringType(each.get("name", ""))] = value_of(value)
    return found


def _message(each: Object, expression: str, values: dict[str, Any], budget: Budget) -> str:
    """messageExpression's text; without one, or when it has none, the message; else the expression itself."""
    if each.get("messageExpression"):
        try:
            told = program(each["messageExpression"]).evaluate(values, budget)
        except CelError:
            told = None
        if type(told) is str and told.strip() and "\n" not in told:
            return told.strip()[:5000]
    return str(each.get("message") or "").strip() or f"failed expression: {expression}"


def _audited(failure: Failure) -> Object:
    return {
        "message": failure.message,
        "policy": failure.policy,
        "binding": failure.binding,
        "expressionIndex": failure.expression,
        "validationActions": list(failure.action),
    }


def _denied(review: Review, failure: Failure) -> StatusError:
    told = (
        f"ValidatingAdmissionPolicy '{failure.policy}' with binding '{failure.binding}' denied request: "
        f"{failure.message}"
    )
    forbidden = review.forbidden(told)
    reason = {"RequestEntityTooLarge": "TooLarge"}.get(failure.reason, failure.reason)
    details = {**forbidden.details, "causes": [{"message": told}]}
    return StatusError(reason if reason in REASONS else "Invalid", forbidden.message, details)
