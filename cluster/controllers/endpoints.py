"""A Service's pods as one Endpoints object, ready and not ready apart (Kubernetes: Endpoints).

Must not know slices; what both ask of a pod stands here once: `serving_pods` and `services_of`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cluster.api import meta, views
from cluster.api.selectors import from_labels
from cluster.controllers.controller import Context, Controller, View, changed
from cluster.controllers.plan import DONE, Create, Delete, Object, Plan, Update

MAX_ADDRESSES = 1000
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
HEADLESS = "service.kubernetes.io/headless"
MANAGED_BY = "endpoints.kubernetes.io/managed-by"


def selects(service: Object) -> bool:
    """Whether the Service has pods of its own finding: with a selector, and not a mere name."""
    spec = service.get("spec") or {}
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName"


def serving_pods(view: View, service: Object) -> list[Object]:
    """Its pods that have an address and have not ended; terminating ones too."""
    selector = from_labels(service["spec"].get("selector"))
    return [
        pod
        for pod in view.list("Pod", meta.namespace_of(service))
        if views.pod_ip(pod) and not views.pod_terminal(pod) and selector.matches(meta.labels_of(pod))
    ]


def target(pod: Object) -> dict[str, Any]:
    """targetRef of the pod's address."""
    fields = {"kind": "Pod", "namespace": meta.namespace_of(pod), "name": meta.name_of(pod), "uid": meta.uid_of(pod)}
    return {name: value for name, value in fields.items() if value}


def ports_of(service: Object, pod: Object) -> list[dict[str, Any]]:
    """The Service's ports as numbers of this pod; a name that the pod does not have is left out."""
    app_protocols = [port.get("appProtocol") for port in (service["spec"].get("ports") or ())]
    result = []
    for port, app_protocol in zip(views.service_ports(service), app_protocols, strict=True):
        number = views.target_port(pod, port)
        if number is not None:
            entry: dict[str, Any] = {"name": port.name, "port": number, "protocol": port.protocol}
            if app_protocol:
                entry["appProtocol"] = app_protocol
            result.append(entry)
    return result


def hostname_of(service: Object, pod: Object) -> str:
    """The name of the pod below a headless Service, "" if it has none."""
    spec = pod["spec"]
    return str(spec.get("hostname") or "") if spec.get("subdomain") == meta.name_of(service) else ""


def headless(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP") == "None")


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """The Endpoints of the Service's name: made, changed, or removed with the Service."""
    namespace, name = meta.split_key(key)
    service = view.get("Service", namespace, name)
    existing = view.get("Endpoints", namespace, name)
    if service is None or meta.deleting(service):
        if existing is None or not _ours(existing):
            return DONE
        return Plan((Delete("Endpoints", namespace, name, uid=meta.uid_of(existing)),))
    if not selects(service):
        return DONE
    subsets, over = _subsets(view, service)
    labels = {**meta.labels_of(service), MANAGED_BY: "endpoint-controller"}
    if headless(service):
        labels[HEADLESS] = ""
    annotations = {k: v for k, v in meta.annotations_of(existing or {}).items() if k != OVER_CAPACITY}
    if over:
        annotations[OVER_CAPACITY] = "truncated"
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": labels}
    if annotations:
        metadata["annotations"] = annotations
    if existing is None:
        return Plan((Create({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets}),))
    if (
        (existing.get("subsets") or []) == subsets
        and meta.labels_of(existing) == labels
        and meta.annotations_of(existing) == annotations
    ):
        return DONE
    fresh = {**existing["metadata"], "labels": labels, "annotations": annotations}
    return Plan((Update({**existing, "metadata": fresh, "subsets": subsets}),))


def _ours(existing: Object) -> bool:
    """Endpoints that somebody wrote by hand, for a Service without a selector, are theirs."""
    return MANAGED_BY in meta.labels_of(existing)


def _subsets(view: View, service: Object) -> tuple[list[dict[str, Any]], bool]:
    """Pods with the same ports share a subset; (subsets, whether some did not fit)."""
    public = bool(service["spec"].get("publishNotReadyAddresses"))
    pods = [pod for pod in serving_pods(view, service) if public or not meta.deleting(pod)]
    pods.sort(key=lambda pod: not (public or views.pod_ready(pod)))  # if some must be left out, then not ready ones
    groups: dict[str, dict[str, Any]] = {}
    for pod in pods[:MAX_ADDRESSES]:
        ports = ports_of(service, pod)
        if not ports and not headless(service):
            continue
        group = groups.setdefault(json.dumps(ports), {"ports": ports, "addresses": [], "notReadyAddresses": []})
        address: dict[str, Any] = {"ip": views.pod_ip(pod), "targetRef": target(pod)}
        if views.pod_node(pod):
            address["nodeName"] = views.pod_node(pod)
        if hostname_of(service, pod):
            address["hostname"] = hostname_of(service, pod)
        ready = public or views.pod_ready(pod)
        group["addresses" if ready else "notReadyAddresses"].append(address)
    for group in groups.values():
        for part in ("addresses", "notReadyAddresses"):
            group[part].sort(key=lambda address: (address["ip"], address["targetRef"].get("uid", "")))
    subsets = [{name: value for name, value in groups[k].items() if value} for k in sorted(groups)]
    return subsets, len(pods) > MAX_ADDRESSES


def services_of(view: View, old: Object | None, new: Object | None) -> Iterator[str]:
    """Keys of the Services that a pod's change concerns, those that it has left included."""
    if not changed(
        old,
        new,
        "metadata.labels",
        "metadata.deletionTimestamp",
        "spec.nodeName",
        "status.phase",
        "status.podIP",
        "status.conditions",
    ):
        return
    for service in view.list("Service", meta.namespace_of(new or old or {})):
        if selects(service):
            selector = from_labels(service["spec"]["selector"])
            if any(obj is not None and selector.matches(meta.labels_of(obj)) for obj in (old, new)):
                yield meta.key_of(service)


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if kind == "Pod":
        yield from services_of(view, old, new)
    else:
        yield meta.key_of(new or old or {})


CONTROLLER = Controller(
    name="endpoints-controller",
    kinds=("Service", "Pod", "Endpoints"),
    keys=_keys,
    reconcile=reconcile,
)
