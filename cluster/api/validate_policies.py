"""Rules of IngressClasses and NetworkPolicies, in the words of Kubernetes (pkg/apis/networking/validation).

Must not check types or single values: the schema has done that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from cluster.api import formats
from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object
from cluster.api.validate_core import immutable
from cluster.api.validate_selectors import label_selector

Map = Mapping[str, Any]

_SPEC = at(ROOT, "spec")
CONTROLLER_LENGTH = 250


def ingress_class(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    name, place = spec.get("controller") or "", at(_SPEC, "controller")
    domain, slash, _ = name.partition("/")
    if len(name) > CONTROLLER_LENGTH:
        errors.too_long(place, f"may not be more than {CONTROLLER_LENGTH} bytes")
    if not slash or formats.dns_subdomain(domain):
        errors.invalid(place, name, 'must be a domain-prefixed path (such as "acme.io/foo")')
    found = spec.get("parameters")
    if found is None:
        return
    place = at(_SPEC, "parameters")
    if found.get("scope", "Cluster") == "Cluster":
        if found.get("namespace"):
            errors.forbidden(at(place, "namespace"), "parameters.scope is set to 'Cluster'")
    elif not found.get("namespace"):
        errors.required(at(place, "namespace"), "parameters.scope is set to 'Namespace'")


def ingress_class_update(new: Object, old: Object, errors: Errors) -> None:
    spec, was = new.get("spec") or {}, old.get("spec") or {}
    immutable(spec.get("controller"), was.get("controller"), at(_SPEC, "controller"), errors)


# ── network policies ─────────────────────────────────────────────────────────────────────────────────────────


def network_policy(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    label_selector(spec.get("podSelector"), at(_SPEC, "podSelector"), errors)
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            place = at(_SPEC, direction, index)
            for number, port in enumerate(rule.get("ports") or ()):
                _port(port, at(place, "ports", number), errors)
            for number, peer in enumerate(rule.get(side) or ()):
                _peer(peer, at(place, side, number), errors)
    types = spec.get("policyTypes") or ()
    if len(types) > 2:
        errors.invalid(at(_SPEC, "policyTypes"), list(types), "may not specify more than two policyTypes")


def _port(port: Map, path: Path, errors: Errors) -> None:
    first, last = port.get("port"), port.get("endPort")
    if isinstance(first, int):
        if wrong := formats.port_number(first):
            errors.invalid(at(path, "port"), first, wrong)
    elif first is not None and (wrong := formats.port_name(first)):
        errors.invalid(at(path, "port"), first, wrong)
    if last is None:
        return
    if not isinstance(first, int):
        text = "may not be specified when `port` is " + ("not specified" if first is None else "non-numeric")
        errors.invalid(at(path, "endPort"), last, text)
    elif last < first:
        errors.invalid(at(path, "endPort"), last, "must be greater than or equal to `port`")


def _peer(peer: Map, path: Path, errors: Errors) -> None:
    selectors = [name for name in ("podSelector", "namespaceSelector") if peer.get(name) is not None]
    for name in selectors:
        label_selector(peer[name], at(path, name), errors)
    block = peer.get("ipBlock")
    if block is None:
        if not selectors:
            errors.required(path, "must specify a peer")
        return
    if selectors:
        errors.forbidden(path, "may not specify both ipBlock and another peer")
    place = at(path, "ipBlock")
    if wrong := formats.cidr(block["cidr"]):
        errors.invalid(at(place, "cidr"), block["cidr"], wrong)
        return
    outer = ipaddress.ip_network(block["cidr"], strict=False)
    for index, text in enumerate(block.get("except") or ()):
        if wrong := formats.cidr(text):
            errors.invalid(at(place, "except", index), text, wrong)
            continue
        inner = ipaddress.ip_network(text, strict=False)
        if inner.version != outer.version or inner.prefixlen <= outer.prefixlen or inner[0] not in outer:
            errors.invalid(at(place, "except", index), text, "must be a strict subset of `cidr`")
