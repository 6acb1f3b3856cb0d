"""The cluster's authority as a ConfigMap in every namespace, for pods to know their apiserver by.

Must not read files: the certificate comes in. Source: Kubernetes, root-ca-cert-publisher (publisher.go).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from cluster.api import meta
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Create, Object, Plan, Update

NAME = "kube-root-ca.crt"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


def reconcile(ca: str, view: View, key: str, ctx: Context) -> Plan:
    """`ca`: PEM."""
    namespace = view.get("Namespace", "", key)
    if namespace is None or meta.deleting(namespace):
        return DONE
    data = {"ca.crt": ca}
    found = view.get("ConfigMap", key, NAME)
    if found is not None:
        return DONE if found.get("data") == data else Plan((Update({**found, "data": data}),))
    about = {"name": NAME, "namespace": key, "annotations": {"kubernetes.io/description": DESCRIPTION}}
    return Plan((Create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data}),))


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    obj = new or old or {}
    if kind == "Namespace":
        if new is not None:
            yield meta.name_of(obj)
    elif meta.name_of(obj) == NAME:
        yield meta.namespace_of(obj)


def controller(ca: str) -> Controller:
    return Controller(
        name="root-ca-cert-publisher",
        kinds=("Namespace", "ConfigMap"),
        keys=_keys,
        reconcile=partial(reconcile, ca),
    )
