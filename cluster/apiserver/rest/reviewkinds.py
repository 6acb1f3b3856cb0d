"""Kinds that are asked and answered, never stored: who am I, may I, what does it use.

Pure, data only. Source: Kubernetes API, groups authentication.k8s.io, authorization.k8s.io and metrics.k8s.io.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReviewKind:
    """As `cluster.api.kinds.Kind`, of what discovery tells."""

    kind: str
    group: str
    plural: str
    namespaced: bool = False
    version: str = "v1"
    short: tuple[str, ...] = ()
    status: bool = False
    scale: bool = False
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ("create",)

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}"


AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"
REVIEW_KINDS: tuple[ReviewKind, ...] = (
    ReviewKind("SelfSubjectReview", AUTHENTICATION, "selfsubjectreviews"),
    ReviewKind("TokenReview", AUTHENTICATION, "tokenreviews"),
    ReviewKind("SelfSubjectAccessReview", AUTHORIZATION, "selfsubjectaccessreviews"),
    ReviewKind("SelfSubjectRulesReview", AUTHORIZATION, "selfsubjectrulesreviews"),
    ReviewKind("SubjectAccessReview", AUTHORIZATION, "subjectaccessreviews"),
    ReviewKind("LocalSubjectAccessReview", AUTHORIZATION, "localsubjectaccessreviews", namespaced=True),
)
METRICS = "metrics.k8s.io"
METRIC_KINDS: tuple[ReviewKind, ...] = (
    ReviewKind("NodeMetrics", METRICS, "nodes", version="v1beta1", verbs=("get", "list")),
    ReviewKind("PodMetrics", METRICS, "pods", namespaced=True, version="v1beta1", verbs=("get", "list")),
)
"""Kinds that are measured when they are asked for."""
SELF = tuple(kind.plural for kind in REVIEW_KINDS if kind.kind.startswith("Self"))
"""Those that anybody who is known may ask."""
