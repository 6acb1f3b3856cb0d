"""A Service's pods as EndpointSlices of at most 100 (Kubernetes: EndpointSlice).

Must not move an endpoint from one slice to another without need: every change of a slice goes to every proxy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cluster.api import meta, views
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.endpoints import (
    HEADLESS,
    headless,
    hostname_of,
    ports_of,
    selects,
    services_of,
    serving_pods,
    target,
)
from cluster.controllers.plan import DONE, Create, Delete, Object, Plan, PlanBuilder, Update

MAX_ENDPOINTS = 100
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"

Endpoint = dict[str, Any]


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """Slices as few changes away from the wanted endpoints as can be."""
    namespace, name = meta.split_key(key)
    service = view.get("Service", namespace, name)
    if service is None or meta.deleting(service) or not selects(service):
        return DONE  # garbage collection takes the slices of a Service that is gone
    plan = PlanBuilder()
    # One empty slice says that there are no endpoints, and not that nobody has looked.
    wanted = _wanted(view, service) or {"[]": {}}
    mine = slices_of(view, service)
    taken = {meta.name_of(each) for each in mine}
    slices: dict[str, list[Object]] = {ports: [] for ports in sorted(wanted)}
    others: list[Object] = []
    for each in mine:
        slices.get(json.dumps(each.get("ports") or []), others).append(each)
    for ports, found in slices.items():
        if not found and others:
            found.append(others.pop(0))  # changed in place, so that there is no moment without a slice
        _pack(plan, service, _Group(ports, wanted[ports], found), taken)
    for each in others:
        plan.add(_removal(each))
    return plan.build()


@dataclass(frozen=True, slots=True)
class _Group:
    """Pods with the same ports (as JSON): the endpoints wanted by identity, and the slices there are."""

    ports: str
    wanted: dict[str, Endpoint]
    slices: list[Object]


def slices_of(view: View, service: Object) -> list[Object]:
    """This controller's slices of that very Service, not of an earlier one of its name."""
    return [
        each
        for each in view.owned_by(meta.uid_of(service), "EndpointSlice")
        if meta.labels_of(each).get(MANAGED_BY) == MANAGER and not meta.deleting(each)
    ]


def _wanted(view: View, service: Object) -> dict[str, dict[str, Endpoint]]:
    """ports (as JSON) -> address and pod -> endpoint."""
    result: dict[str, dict[str, Endpoint]] = {}
    for pod in serving_pods(view, service):
        ports = ports_of(service, pod)
        if ports or headless(service):
            endpoint = _endpoint(view, service, pod)
            result.setdefault(json.dumps(ports), {})[_identity(endpoint)] = endpoint
    return result


def _identity(endpoint: Endpoint) -> str:
    return f"{endpoint['addresses'][0]}/{(endpoint.get('targetRef') or {}).get('uid', '')}"


def _endpoint(view: View, service: Object, pod: Object) -> Endpoint:
    serving, terminating = views.pod_ready(pod), meta.deleting(pod)
    public = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint: Endpoint = {
        "addresses": [views.pod_ip(pod)],
        "conditions": {
            "ready": public or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": target(pod),
    }
    if views.pod_node(pod):
        endpoint["nodeName"] = views.pod_node(pod)
        node = view.get("Node", "", views.pod_node(pod))
        if node is not None and views.node_zone(node):
            endpoint["zone"] = views.node_zone(node)
    if hostname_of(service, pod):
        endpoint["hostname"] = hostname_of(service, pod)
    return endpoint


def _pack(plan: PlanBuilder, service: Object, group: _Group, taken: set[str]) -> None:
    """Endpoints stay where they are; new ones fill up what changes anyway, then the fullest, then new slices."""
    left = dict(group.wanted)
    kept: list[tuple[Object, list[Endpoint]]] = []
    for each in group.slices:
        stay = [left.pop(_identity(e)) for e in each.get("endpoints") or [] if _identity(e) in left]
        kept.append((each, stay))
    kept.sort(key=lambda entry: ((entry[0].get("endpoints") or []) == entry[1], -len(entry[1])))
    waiting = [left[identity] for identity in sorted(left)]
    one_empty = not group.wanted
    for each, endpoints in kept:
        room = MAX_ENDPOINTS - len(endpoints)
        endpoints, waiting = endpoints + waiting[:room], waiting[room:]
        if not endpoints and not one_empty:
            plan.add(_removal(each))
            continue
        one_empty = False
        _change(plan, service, each, endpoints, json.loads(group.ports))
    while waiting or (one_empty and not kept):
        plan.add(Create(_new(service, group.ports, waiting[:MAX_ENDPOINTS], taken)))
        waiting, one_empty = waiting[MAX_ENDPOINTS:], False


def _change(
    plan: PlanBuilder, service: Object, each: Object, endpoints: list[Endpoint], ports: list[dict[str, Any]]
) -> None:
    labels = _labels(service)
    same = (each.get("endpoints") or []) == endpoints and (each.get("ports") or []) == ports
    if not same or meta.labels_of(each) != labels:
        metadata = {**each["metadata"], "labels": labels}
        plan.add(Update({**each, "metadata": metadata, "endpoints": endpoints, "ports": ports}))


def _new(service: Object, ports: str, endpoints: list[Endpoint], taken: set[str]) -> Object:
    """Named after Service, ports and number, so that a create that was sent twice makes one slice."""
    number = 0
    while True:
        suffix = meta.template_hash({"service": meta.uid_of(service), "ports": ports, "number": number})
        name = f"{meta.name_of(service)}-{suffix}"
        if name not in taken:
            break
        number += 1
    taken.add(name)
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": meta.namespace_of(service),
            "labels": _labels(service),
            "ownerReferences": [meta.owner_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": json.loads(ports),
    }


def _labels(service: Object) -> dict[str, str]:
    labels = {**meta.labels_of(service), SERVICE_NAME: meta.name_of(service), MANAGED_BY: MANAGER}
    return {**labels, HEADLESS: ""} if headless(service) else labels


def _removal(each: Object) -> Delete:
    return Delete("EndpointSlice", meta.namespace_of(each), meta.name_of(each), uid=meta.uid_of(each))


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if kind == "Pod":
        yield from services_of(view, old, new)
    elif kind == "Service":
        yield meta.key_of(new or old or {})
    elif kind == "EndpointSlice":
        for each in (old, new):
            if each is not None and meta.labels_of(each).get(MANAGED_BY) == MANAGER:
                yield f"{meta.namespace_of(each)}/{meta.labels_of(each).get(SERVICE_NAME, '')}"
    elif kind == "Node" and new is not None and (old is None or views.node_zone(old) != views.node_zone(new)):
        if views.node_zone(new):
            for pod in view.list("Pod"):
                if views.pod_node(pod) == meta.name_of(new):
                    yield from services_of(view, None, pod)


CONTROLLER = Controller(
    name="endpointslice-controller",
    kinds=("Service", "Pod", "EndpointSlice", "Node"),
    keys=_keys,
    reconcile=reconcile,
)
