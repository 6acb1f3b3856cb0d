"""Empty a namespace that is being deleted, then let it go (Kubernetes: Namespace).

Must not trust caches that it is empty, nor know which kinds there are: the apiserver empties it, and says what it
found.
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.api import meta
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Object, Plan, PlanBuilder, Purge, Update

FINALIZER = "kubernetes"


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """When something that was still there is gone, it is looked at again."""
    namespace = view.get("Namespace", "", key)
    if namespace is None or not meta.deleting(namespace):
        return DONE
    finalizers = (namespace.get("spec") or {}).get("finalizers") or []
    if FINALIZER not in finalizers:
        return DONE
    plan = PlanBuilder()
    plan.add(Purge(key))
    rest = [f for f in finalizers if f != FINALIZER]
    spec = {**(namespace.get("spec") or {}), "finalizers": rest}
    plan.add(Update({**namespace, "spec": spec}, "finalize"))
    return plan.build()


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if kind == "Namespace":
        if new is not None:
            yield meta.name_of(new)
    elif new is None and old is not None and meta.namespace_of(old):
        namespace = view.get("Namespace", "", meta.namespace_of(old))
        if namespace is not None and meta.deleting(namespace):
            yield meta.name_of(namespace)


CONTROLLER = Controller(
    name="namespace-controller",
    kinds=("Namespace",),
    all_kinds=True,
    keys=_keys,
    reconcile=reconcile,
)
