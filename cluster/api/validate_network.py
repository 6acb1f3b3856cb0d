"""Rules of Services, Endpoints, EndpointSlices and Ingresses.

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
Unlike Kubernetes, loopback addresses are good endpoints: every machine of this cluster lives in 127.0.0.0/8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api import formats
from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object
from cluster.api.validate_core import immutable

Map = Mapping[str, Any]
_SPEC = at(ROOT, "spec")


def service(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    type, address = spec.get("type", "ClusterIP"), spec.get("clusterIP") or ""
    headless = address == "None"
    if not spec.get("ports") and not headless and type != "ExternalName":
        errors.required(at(_SPEC, "ports"))
    if type == "ExternalName":
        if address:
            errors.forbidden(at(_SPEC, "clusterIP"), "may not be set when `type` is 'ExternalName'")
        if not spec.get("externalName"):
            errors.required(at(_SPEC, "externalName"))
    elif address and not headless and (wrong := formats.ip(address)):
        errors.invalid(at(_SPEC, "clusterIP"), address, wrong)
    if headless and type in ("NodePort", "LoadBalancer"):
        errors.invalid(at(_SPEC, "clusterIP"), address, f"may not be set to 'None' for {type} services")
    clusters = spec.get("clusterIPs")
    if clusters and clusters[0] != address:
        errors.invalid(at(_SPEC, "clusterIPs"), clusters, "first value must match `clusterIP`")
    _service_ports(spec, type, errors)
    if spec.get("sessionAffinityConfig") and spec.get("sessionAffinity", "None") == "None":
        errors.forbidden(at(_SPEC, "sessionAffinityConfig"), "must not be set when session affinity is None")
    if spec.get("externalTrafficPolicy") and type not in ("NodePort", "LoadBalancer") and not spec.get("externalIPs"):
        errors.invalid(
            at(_SPEC, "externalTrafficPolicy"),
            spec["externalTrafficPolicy"],
            "may only be set for externally-accessible services",
        )


def _service_ports(spec: Map, type: str, errors: Errors) -> None:
    ports = spec.get("ports") or ()
    _port_names(ports, at(_SPEC, "ports"), errors, needed=len(ports) > 1)
    taken: dict[tuple[int, str], None] = {}
    for index, port in enumerate(ports):
        number = port.get("nodePort")
        if not number:
            continue
        place = at(_SPEC, "ports", index, "nodePort")
        if type == "ClusterIP":
            errors.forbidden(place, "may not be used when `type` is 'ClusterIP'")
        mark = (number, port.get("protocol", "TCP"))
        if mark in taken:
            errors.duplicate(place, number)
        taken[mark] = None


def _port_names(ports: Sequence[Map], path: Path, errors: Errors, needed: bool) -> None:
    names: dict[str, None] = {}
    for index, port in enumerate(ports):
        name = port.get("name") or ""
        if not name:
            if needed:
                errors.required(at(path, index, "name"))
        elif name in names:
            errors.duplicate(at(path, index, "name"), name)
        names[name] = None


def service_update(new: Object, old: Object, errors: Errors) -> None:
    """A cluster IP is for life, as long as the type has one."""
    spec, was = new["spec"], old["spec"]
    if "ExternalName" in (spec.get("type"), was.get("type")):
        return
    if was.get("clusterIP") and spec.get("clusterIP") != was["clusterIP"]:
        errors.invalid(at(_SPEC, "clusterIP"), spec.get("clusterIP", ""), "field is immutable")


def endpoints(obj: Object, errors: Errors) -> None:
    for index, subset in enumerate(obj.get("subsets") or ()):
        place = at(ROOT, "subsets", index)
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.required(place, "must specify `addresses` or `notReadyAddresses`")
        ports = subset.get("ports") or ()
        _port_names(ports, at(place, "ports"), errors, needed=len(ports) > 1)
        for number, port in enumerate(ports):
            if not port.get("port"):
                errors.required(at(place, "ports", number, "port"))


MAX_ENDPOINTS = 1000
MAX_ADDRESSES = 100


def endpoint_slice(obj: Object, errors: Errors) -> None:
    found = obj.get("endpoints") or ()
    if len(found) > MAX_ENDPOINTS:
        errors.add(
            at(ROOT, "endpoints"),
            "FieldValueTooMany",
            f"Too many: {len(found)}: must have at most {MAX_ENDPOINTS} items",
        )
    for index, endpoint in enumerate(found):
        place = at(ROOT, "endpoints", index, "addresses")
        if len(endpoint["addresses"]) > MAX_ADDRESSES:
            errors.add(place, "FieldValueTooMany", f"Too many: must have at most {MAX_ADDRESSES} items")
        form = formats.dns_subdomain if obj["addressType"] == "FQDN" else formats.ip
        for number, address in enumerate(endpoint["addresses"]):
            if wrong := form(address):
                errors.invalid(at(place, number), address, wrong)
    names: dict[str, None] = {}
    for index, port in enumerate(obj.get("ports") or ()):
        name = port.get("name") or ""
        if name in names:
            errors.duplicate(at(ROOT, "ports", index, "name"), name)
        names[name] = None


def endpoint_slice_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(new["addressType"], old["addressType"], at(ROOT, "addressType"), errors)


def ingress(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    if not spec.get("rules") and not spec.get("defaultBackend"):
        errors.invalid(_SPEC, spec, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        _backend(spec["defaultBackend"], at(_SPEC, "defaultBackend"), errors)
    for index, rule in enumerate(spec.get("rules") or ()):
        place = at(_SPEC, "rules", index)
        host = rule.get("host") or ""
        if host and formats.ip(host) is None:
            errors.invalid(at(place, "host"), host, "must be a DNS name, not an IP address")
        elif host and (wrong := formats.dns_subdomain(host.removeprefix("*."))):
            errors.invalid(at(place, "host"), host, wrong)
        for number, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            _ingress_path(path, at(place, "http", "paths", number), errors)


def _ingress_path(path: Map, place: Path, errors: Errors) -> None:
    text = path.get("path") or ""
    if path["pathType"] != "ImplementationSpecific" or text:
        if not text.startswith("/"):
            errors.invalid(at(place, "path"), text, "must be an absolute path")
        elif any(part in text for part in ("//", "/./", "/../", "%2f", "%2F")):
            errors.invalid(at(place, "path"), text, "must not contain '//', '/./', '/../', '%2f' or '%2F'")
    _backend(path["backend"], at(place, "backend"), errors)


def _backend(backend: Map, path: Path, errors: Errors) -> None:
    found, resource = backend.get("service"), backend.get("resource")
    if found is not None and resource is not None:
        errors.invalid(path, "", "cannot set both resource and service backends")
    elif found is None and resource is None:
        errors.required(path, "resource or service backend is required")
    elif found is not None:
        port = found.get("port") or {}
        if port.get("name") and port.get("number"):
            errors.invalid(path, "", "cannot set both port name & port number")
        elif not port.get("name") and not port.get("number"):
            errors.required(path, "port name or number is required")
