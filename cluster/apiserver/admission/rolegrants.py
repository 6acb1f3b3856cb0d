"""Who writes a role or a binding gives nothing that they do not have, unless they may escalate, or bind.

Pure. Must not decide whether they may write at all. Source: Kubernetes, "Privilege escalation prevention and
bootstrapping" (pkg/registry/rbac: policybased).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster.api.kinds import KINDS
from cluster.apiserver import refusals
from cluster.apiserver.admission.review import CREATE, UPDATE, Plugin, Review, Sources
from cluster.apiserver.auth.escalation import not_covered, refusal
from cluster.apiserver.auth.rbac import GROUP, rules_of
from cluster.apiserver.auth.rules import EVERYTHING, MANAGER, MASTERS, Attributes, Rule, Who

May = Callable[[Who, Attributes], bool]
Rules = Callable[[Who, str], Sequence[Rule]]


@dataclass(frozen=True, slots=True)
class Grants:
    """`may(who, asked)`: by any authorizer. `rules(who, namespace)`: what RBAC gives them there."""

    may: May
    rules: Rules

    def plugin(self) -> Plugin:
        kinds = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
        return Plugin("RoleGrants", {CREATE: kinds, UPDATE: kinds}, validate=self.check)

    def check(self, review: Review, sources: Sources) -> None:
        if MASTERS in review.who.groups or review.who.name == MANAGER:
            return
        if review.kind.kind in ("Role", "ClusterRole"):
            self._role(review, sources)
        else:
            self._binding(review, sources)

    def _role(self, review: Review, sources: Sources) -> None:
        new, old = review.current, review.old
        if old is not None and all(old.get(part) == new.get(part) for part in ("rules", "aggregationRule")):
            return
        if self._may(review, "escalate", review.kind.plural, review.name):
            return
        self._held(review, rules_of(new))
        selectors = (new.get("aggregationRule") or {}).get("clusterRoleSelectors")
        if selectors and (old or {}).get("aggregationRule") != new.get("aggregationRule"):
            if not_covered(self.rules(review.who, ""), EVERYTHING):
                raise review.forbidden("must have cluster-admin privileges to use the aggregationRule")

    def _binding(self, review: Review, sources: Sources) -> None:
        new, old = review.current, review.old
        if old is not None and all(old.get(part) == new.get(part) for part in ("roleRef", "subjects")):
            return
        ref = new.get("roleRef") or {}
        name, plural = str(ref.get("name") or ""), "roles" if ref.get("kind") == "Role" else "clusterroles"
        if self._may(review, "bind", plural, name):
            return
        place = f"{review.namespace}/{name}" if plural == "roles" else name
        role = sources.find(str(ref.get("kind") or ""), place)
        if role is None:
            raise refusals.not_found(KINDS[str(ref["kind"])], name)
        self._held(review, rules_of(role))

    def _held(self, review: Review, wanted: Sequence[Rule]) -> None:
        missing = not_covered(self.rules(review.who, review.namespace), wanted)
        if missing:
            raise review.forbidden(refusal(review.who, missing))

    def _may(self, review: Review, verb: str, plural: str, name: str) -> bool:
        return self.may(review.who, Attributes(verb, GROUP, plural, namespace=review.namespace, name=name))
