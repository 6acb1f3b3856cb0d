"""TaintNodesByCondition: a new node gets no pods before the node controller has seen that it is ready.

Pure. Must not look at the node's status: it has only just come.
"""

from __future__ import annotations

from cluster.apiserver.admission.review import CREATE, Plugin, Review, Sources
from cluster.apiserver.admission.tolerationseconds import NOT_READY


def taint(review: Review, sources: Sources) -> None:
    taints = review.spec().get("taints") or []
    if type(taints) is not list or any(type(t) is not dict or t.get("key") == NOT_READY for t in taints):
        return
    review.with_spec(taints=[*taints, {"key": NOT_READY, "effect": "NoSchedule"}])


PLUGIN = Plugin("TaintNodesByCondition", {CREATE: ("Node",)}, mutate=taint)
