"""A ServiceAccount called default in every namespace (Kubernetes: serviceaccounts_controller.go).

Must not make tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.api import meta
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Create, Object, Plan

DEFAULT = "default"


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    namespace = view.get("Namespace", "", key)
    if namespace is None or meta.deleting(namespace) or view.get("ServiceAccount", key, DEFAULT) is not None:
        return DONE
    about = {"name": DEFAULT, "namespace": key}
    return Plan((Create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about}),))


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if kind == "Namespace":
        if new is not None:
            yield meta.name_of(new)
    elif new is None and old is not None and meta.name_of(old) == DEFAULT:
        yield meta.namespace_of(old)


CONTROLLER = Controller(
    name="serviceaccount-controller", kinds=("Namespace", "ServiceAccount"), keys=_keys, reconcile=reconcile
)
