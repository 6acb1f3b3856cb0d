"""NamespaceLifecycle: nothing new in a namespace that is not there or is going, and some namespaces stay.

Pure. Must not look namespaces up: whether one exists may take a live read.
"""

from __future__ import annotations

from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import deleting, name_of, namespace_of
from cluster.apiserver import refusals
from cluster.apiserver.admission.review import DELETE, Object, Plugin, Review, Sources

IMMORTAL = ("default", "kube-system", "kube-public")


def check(kind: Kind, obj: Object, namespace: Object | None) -> None:
    """NotFound in a namespace that does not exist, Forbidden in one that is going."""
    if namespace is None:
        raise refusals.not_found(KINDS["Namespace"], namespace_of(obj))
    if deleting(namespace) or (namespace.get("status") or {}).get("phase") == "Terminating":
        name = namespace_of(obj)
        why = f"unable to create new content in namespace {name} because it is being terminated"
        causes = [{"field": "metadata.namespace", "reason": "NamespaceTerminating", "message": why}]
        raise refusals.forbidden(kind, name_of(obj), why, causes=causes)


def protect(review: Review, sources: Sources) -> None:
    if review.name in IMMORTAL:
        raise review.forbidden("this namespace may not be deleted")


PLUGIN = Plugin("NamespaceLifecycle", {DELETE: ("Namespace",)}, mutate=protect)
