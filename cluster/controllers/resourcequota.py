"""Give back what objects used of ResourceQuotas when they go, and count anew when what is allowed changes.

Must not charge: admission does, in the transaction that makes an object. What is used is counted by live reads, the
quota first: whatever is made after that changes the quota, and then this count does not count (Kubernetes' own reckons
from its caches, and may for a moment forget a pod that was just made).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.api import meta, usage
from cluster.api.kinds import KINDS
from cluster.api.views import pod_terminal
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Object, Plan, Recount

KIND = "ResourceQuota"


def counted(quota: Object) -> Sequence[str]:
    """The kinds whose objects it counts."""
    return usage.kinds_counted((quota.get("spec") or {}).get("hard") or (), KINDS.values())


def status(quota: Object, objects: Sequence[tuple[str, Object]]) -> Object:
    return usage.recounted(quota, [(KINDS[kind], obj) for kind, obj in objects if kind in KINDS])


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    namespace, name = meta.split_key(key)
    quota = view.get(KIND, namespace, name)
    if quota is None or meta.deleting(quota):
        return DONE
    return Plan((Recount(KIND, namespace, name, counted, status),))


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if kind == KIND and new is not None:
        # Every charge changes the quota; only what it allows is a reason to count.
        if old is None or old.get("spec") != new.get("spec") or not new.get("status"):
            yield meta.key_of(new)
        return
    if new is not None and not (kind == "Pod" and old is not None and pod_terminal(new) and not pod_terminal(old)):
        return
    gone = new or old or {}
    if meta.namespace_of(gone):
        for quota in view.list(KIND, meta.namespace_of(gone)):
            yield meta.key_of(quota)


CONTROLLER = Controller(
    name="resourcequota-controller",
    kinds=(KIND, "Pod"),
    all_kinds=True,
    keys=_keys,
    reconcile=reconcile,
)
