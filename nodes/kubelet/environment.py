"""A container's environment, command line and mounts, from its manifest and what that refers to. Pure.

Must not fetch: ConfigMaps and Secrets come in by name, absent ones are what `Missing` tells about.
Kubernetes: "Define Environment Variables", "Dependent Environment Variables", "Downward API".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any

from cluster.api import meta, quantity
from nodes.kubelet.facts import Object

Source = tuple[str, str]
"""("ConfigMap" or "Secret", name), in the pod's own namespace."""


class Missing(Exception):
    """What a container refers to is not there; it waits with CreateContainerConfigError until it is."""


TokenWanted = tuple[str, int]
"""A token of the pod's account: for which audience ("" for the cluster itself), for how many seconds."""
TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pod can refer to. `sources`: those that exist; `services`: of its namespace, for service links;
    `allocatable`: the node's, what resourceFieldRef means where a container has no limit."""

    sources: Mapping[Source, Object] = field(default_factory=dict)
    services: Sequence[Object] = ()
    node: str = ""
    host_ip: str = ""
    ip: str = ""
    allocatable: Mapping[str, int] = field(default_factory=dict)
    tokens: Mapping[TokenWanted, str] = field(default_factory=dict)
    """Of the pod's account."""


def tokens_wanted(pod: Object) -> list[TokenWanted]:
    """What its projected volumes need; no doubles."""
    found: dict[TokenWanted, None] = {}
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            if source.get("serviceAccountToken") is not None:
                found[token_wanted(source["serviceAccountToken"])] = None
    return list(found)


def token_wanted(source: Mapping[str, Any]) -> TokenWanted:
    return str(source.get("audience") or ""), int(source.get("expirationSeconds") or TOKEN_SECONDS)


def references(pod: Object, container: Object | None = None) -> list[Source]:
    """Every ConfigMap and Secret that the container (its env), or the pod (its volumes), refers to; no doubles."""
    found: dict[Source, None] = {}
    if container is None:
        for volume in (pod.get("spec") or {}).get("volumes") or ():
            for source in [volume, *((volume.get("projected") or {}).get("sources") or ())]:
                if source.get("configMap"):
                    found["ConfigMap", source["configMap"]["name"]] = None
                if source.get("secret"):
                    found["Secret", source["secret"].get("secretName") or source["secret"].get("name")] = None
        return list(found)
    for entry in container.get("envFrom") or ():
        for kind, word in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            if entry.get(word):
                found[kind, entry[word]["name"]] = None
    for entry in container.get("env") or ():
        for kind, word in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            ref = (entry.get("valueFrom") or {}).get(word)
            if ref:
                found[kind, ref["name"]] = None
    return list(found)


def environment(pod: Object, container: Object, around: Surroundings) -> dict[str, str]:
    """The variables in force: service links, then envFrom, then env, later ones winning. Missing for a reference that
    is not optional and not there."""
    result: dict[str, str] = {}
    if (pod.get("spec") or {}).get("enableServiceLinks", True):
        result.update(service_links(around.services))
    for entry in container.get("envFrom") or ():
        for kind, word in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            if entry.get(word):
                data = content(around, (kind, entry[word]["name"]), bool(entry[word].get("optional")))
                prefix = entry.get("prefix") or ""
                result.update({prefix + key: value.decode(errors="replace") for key, value in data.items()})
    for entry in container.get("env") or ():
        name = entry["name"]
        if entry.get("valueFrom"):
            value = _value_from(pod, container, entry["valueFrom"], around)
            if value is not None:
                result[name] = value
        else:
            result[name] = expand(entry.get("value") or "", result)
    return result


def content(around: Surroundings, source: Source, optional: bool) -> dict[str, bytes]:
    """Key to value, sorted. Missing if there is no such object and it is not optional."""
    kind, name = source
    obj = around.sources.get(source)
    if obj is None:
        if optional:
            return {}
        raise Missing(f'{kind.lower()} "{name}" not found')
    result = {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}
    for key, value in (obj.get("data") or {}).items():
        result[key] = base64.b64decode(value) if kind == "Secret" else value.encode()
    return dict(sorted(result.items()))


def _value_from(pod: Object, container: Object, source: Object, around: Surroundings) -> str | None:
    for kind, word in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        ref = source.get(word)
        if ref:
            optional = bool(ref.get("optional"))
            data = content(around, (kind, ref["name"]), optional)
            if ref["key"] in data:
                return data[ref["key"]].decode(errors="replace")
            if optional:
                return None
            raise Missing(f"couldn't find key {ref['key']} in {kind} {meta.namespace_of(pod)}/{ref['name']}")
    if source.get("fieldRef"):
        return field_value(pod, source["fieldRef"].get("fieldPath") or "", around)
    if source.get("resourceFieldRef"):
        return resource_value(container, source["resourceFieldRef"], around)
    return None


_INDEXED = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")


def field_value(pod: Object, path: str, around: Surroundings) -> str:
    """Kubernetes: downward API's fieldRef. Missing for a path that it does not know."""
    match = _INDEXED.fullmatch(path)
    if match is not None:
        values = meta.labels_of(pod) if match[1] == "labels" else meta.annotations_of(pod)
        return values.get(match[2], "")
    spec = pod.get("spec") or {}
    known = {
        "metadata.name": meta.name_of(pod),
        "metadata.namespace": meta.namespace_of(pod),
        "metadata.uid": meta.uid_of(pod),
        "spec.nodeName": around.node,
        "spec.serviceAccountName": spec.get("serviceAccountName") or "default",
        "status.hostIP": around.host_ip,
        "status.hostIPs": around.host_ip,
        "status.podIP": around.ip,
        "status.podIPs": around.ip,
    }
    if path in known:
        return known[path]
    if path in ("metadata.labels", "metadata.annotations"):
        values = meta.labels_of(pod) if path.endswith("labels") else meta.annotations_of(pod)
        return "\n".join(f'{key}="{value}"' for key, value in sorted(values.items()))
    raise Missing(f"fieldRef {path!r} is not supported")


def resource_value(container: Object, ref: Object, around: Surroundings) -> str:
    """Kubernetes: resourceFieldRef; in units of the divisor, rounded up. A limit that is not set is the node's."""
    part, _, name = (ref.get("resource") or "").partition(".")
    resources = container.get("resources") or {}
    text = (resources.get(part) or {}).get(name)
    if text is None and part == "requests":
        text = (resources.get("limits") or {}).get(name)
    if text is not None:
        amount = Fraction(quantity.parse(text))
    elif part == "limits" and name in around.allocatable:
        amount = Fraction(around.allocatable[name], 1000 if name == "cpu" else 1)
    else:
        amount = Fraction(0)
    divisor = Fraction(quantity.parse(ref.get("divisor") or "1")) or Fraction(1)
    return str(ceil(amount / divisor))


def service_links(services: Iterable[Object]) -> dict[str, str]:
    """Kubernetes: {SVC}_SERVICE_HOST, {SVC}_SERVICE_PORT and the Docker-links form, for Services with an address."""
    result: dict[str, str] = {}
    for service in services:
        spec = service.get("spec") or {}
        ip, ports = spec.get("clusterIP"), spec.get("ports") or ()
        if not ip or ip == "None" or not ports:
            continue
        name = meta.name_of(service).upper().replace("-", "_")
        result[f"{name}_SERVICE_HOST"] = ip
        result[f"{name}_SERVICE_PORT"] = str(ports[0]["port"])
        for index, port in enumerate(ports):
            if port.get("name"):
                result[f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
            protocol = (port.get("protocol") or "TCP").lower()
            url = f"{protocol}://{ip}:{port['port']}"
            if index == 0:
                result[f"{name}_PORT"] = url
            stem = f"{name}_PORT_{port['port']}_{protocol.upper()}"
            result.update({stem: url, f"{stem}_PROTO": protocol, f"{stem}_PORT": str(port["port"]), f"{stem}_ADDR": ip})
    return result


_VARIABLE = re.compile(r"\$\$|\$\(([^()$]+)\)")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """$(NAME) by its value, or as it stands if there is none; $$ is one $, so that $$(NAME) stays $(NAME)."""
    return _VARIABLE.sub(lambda m: "$" if m[0] == "$$" else variables.get(m[1], m[0]), text)
