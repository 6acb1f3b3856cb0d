"""Which requests a policy or a webhook is asked about: rules, selectors, and conditions in CEL.

Pure. Must not evaluate a policy. Source: admissionregistration.k8s.io/v1, MatchResources and RuleWithOperations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.api.meta import labels_of
from cluster.api.selectors import from_label_selector
from cluster.apiserver.admission.cel import Budget, CelError, Exhausted, program, value_of
from cluster.apiserver.admission.review import Object, Review, Sources, maps

EXEMPT = (
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "MutatingAdmissionPolicyBinding"),
)
"""Nobody is to lock themselves out: what decides about requests does not decide about itself."""


class Facts:
    """What expressions may look at of one request, each made once."""

    def __init__(self, review: Review, sources: Sources) -> None:
        self.review = review
        self.sources = sources
        self._made: dict[str, Any] = {}

    def values(self) -> dict[str, Any]:
        """object, oldObject, request and namespaceObject."""
        if not self._made:
            review = self.review
            self._made = {
                "oldObject": value_of(review.old),
                "request": value_of(request_of(review)),
                "namespaceObject": value_of(self.namespace()),
            }
        # The object changes on its way through the plugins and webhooks.
        return {**self._made, "object": value_of(self.review.obj)}

    def namespace(self) -> Object | None:
        if self.review.kind.key == "Namespace":
            return self.review.current
        return self.sources.find("Namespace", self.review.namespace) if self.review.namespace else None


def request_of(review: Review) -> Object:
    """AdmissionRequest without the objects (admission.k8s.io/v1)."""
    kind = review.kind
    who = {"username": review.who.name, "groups": list(review.who.groups)}
    resource = {"group": kind.group, "version": kind.version, "resource": kind.plural}
    as_kind = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    found: Object = {
        "kind": as_kind,
        "resource": resource,
        "requestKind": as_kind,
        "requestResource": resource,
        "name": review.name,
        "operation": review.operation,
        "userInfo": who,
        "dryRun": review.dry_run,
        "options": review.options or None,
    }
    if review.subresource:
        found |= {"subResource": review.subresource, "requestSubResource": review.subresource}
    if review.namespace:
        found["namespace"] = review.namespace
    return found


def matches(constraints: Object | None, facts: Facts, *, rules: str = "resourceRules") -> bool:
    """Whether MatchResources (or a webhook, whose rules are called `rules`) takes the request in; none takes all."""
    review, constraints = facts.review, constraints or {}
    if review.kind.key in EXEMPT:
        return False
    if _any_rule(constraints.get("excludeResourceRules"), review):
        return False
    if not _any_rule(constraints.get(rules), review) and (constraints.get(rules) or rules == "rules"):
        return False
    return _selected(constraints.get("objectSelector"), (review.obj, review.old)) and _in_namespace(
        constraints.get("namespaceSelector"), facts
    )


def _any_rule(rules: Any, review: Review) -> bool:
    return any(_rule(rule, review) for rule in maps(rules))


def _rule(rule: Object, review: Review) -> bool:
    kind = review.kind
    names = rule.get("resourceNames") or ()
    return (
        _has(rule.get("operations"), review.operation)
        and _has(rule.get("apiGroups"), kind.group)
        and _has(rule.get("apiVersions"), kind.version)
        and rule.get("scope", "*") in ("*", "Namespaced" if kind.namespaced else "Cluster")
        and (not names or review.name in names)
        and any(_resource(str(each), review) for each in rule.get("resources") or ())
    )


def _has(values: Iterable[Any] | None, value: str) -> bool:
    found = [*(values or ())]
    return "*" in found or value in found


def _resource(pattern: str, review: Review) -> bool:
    """ "pods", "pods/status", "pods/*", "*", "*/status", "*/*"."""
    resource, slash, sub = pattern.partition("/")
    if resource not in ("*", review.kind.plural):
        return False
    return sub in ("*", review.subresource) if slash else not review.subresource


def _selected(selector: Object | None, objects: Iterable[Object | None]) -> bool:
    """An object that was, or is to be, selected."""
    if not selector:
        return True
    wanted = from_label_selector(selector)
    return any(obj is not None and wanted.matches(labels_of(obj)) for obj in objects)


def _in_namespace(selector: Object | None, facts: Facts) -> bool:
    """Objects of the whole cluster are in, but for namespaces, which are their own."""
    if not selector:
        return True
    review = facts.review
    if not review.namespace and review.kind.key != "Namespace":
        return True
    namespace = facts.namespace()
    return from_label_selector(selector).matches(labels_of(namespace) if namespace is not None else {})


def conditions(holder: Mapping[str, Any], facts: Facts, budget: Budget, **values: Any) -> bool:
    """Whether all matchConditions hold: one that is false decides, whatever others say; else CelError for one that has
    no value."""
    wrong: list[str] = []
    for each in maps(holder.get("matchConditions")):
        try:
            if program(each.get("expression", "")).evaluate({**facts.values(), **values}, budget) is not True:
                return False
        except (CelError, Exhausted) as error:
            wrong.append(f"expression '{each.get('expression')}' resulted in error: {_text(error)}")
    if wrong:
        raise CelError(wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]")
    return True


def _text(error: Exception) -> str:
    return str(error) or "the bound on its cost was reached"
