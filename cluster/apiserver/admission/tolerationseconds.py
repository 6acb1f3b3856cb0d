"""DefaultTolerationSeconds: a pod stays for a while on a node that is not ready or not reachable.

Pure. Must not know for how long: that is a setting.
"""

from __future__ import annotations

from cluster.apiserver.admission.review import CREATE, Plugin, Review, Sources

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def add(review: Review, sources: Sources) -> None:
    tolerations = review.spec().get("tolerations") or []
    if type(tolerations) is not list or not all(type(t) is dict for t in tolerations):
        return
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": sources.toleration_seconds}
        for key in (NOT_READY, UNREACHABLE)
        if not any(t.get("key") in (key, None, "") and t.get("effect") in ("NoExecute", None, "") for t in tolerations)
    ]
    if added:
        review.with_spec(tolerations=[*tolerations, *added])


PLUGIN = Plugin("DefaultTolerationSeconds", {CREATE: ("Pod",)}, mutate=add)
