"""The rows of the core group's kinds other than pods, and of EndpointSlices, Leases and Ingresses.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api import meta, views
from cluster.api.meta import Object, name_of
from cluster.api.printing import NONE, UNKNOWN, Printer, age, joined, map_text, since

Map = Mapping[str, Any]
_ROLE = "node-role.kubernetes.io/"


def _node(node: Object, now: float) -> list[str]:
    ready = meta.condition(node, "Ready")
    status = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    if views.node_unschedulable(node):
        status += ",SchedulingDisabled"
    labels = meta.labels_of(node)
    roles = {key.removeprefix(_ROLE): None for key in labels if key.startswith(_ROLE) and key != _ROLE}
    if labels.get("kubernetes.io/role"):
        roles[labels["kubernetes.io/role"]] = None
    info = (node.get("status") or {}).get("nodeInfo") or {}
    return [
        name_of(node),
        status,
        joined(sorted(roles)),
        age(node, now),
        info.get("kubeletVersion") or "",
        views.node_address(node) or NONE,
        views.node_address(node, "ExternalIP") or NONE,
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _namespace(namespace: Object, now: float) -> list[str]:
    return [name_of(namespace), (namespace.get("status") or {}).get("phase") or "", age(namespace, now)]


def _ingress_points(status: Map) -> list[str]:
    points = (status.get("loadBalancer") or {}).get("ingress") or ()
    return [point.get("ip") or point.get("hostname") or "" for point in points]


def _external_ip(service: Object) -> str:
    spec = service.get("spec") or {}
    addresses = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ExternalName":
            return spec.get("externalName") or NONE
        case "LoadBalancer":
            points = _ingress_points(service.get("status") or {}) + addresses
            return ",".join(points) or "<pending>"
    return joined(addresses)


def _service(service: Object, now: float) -> list[str]:
    spec = service.get("spec") or {}
    ports = [
        f"{p.port}:{p.node_port}/{p.protocol}" if p.node_port else f"{p.port}/{p.protocol}"
        for p in views.service_ports(service)
    ]
    return [
        name_of(service),
        spec.get("type") or "ClusterIP",
        spec.get("clusterIP") or NONE,
        _external_ip(service),
        joined(ports),
        age(service, now),
        map_text(spec.get("selector")),
    ]


def _few(texts: Sequence[str]) -> str:
    """The first three, and how many more there are."""
    more = f" + {len(texts) - 3} more..." if len(texts) > 3 else ""
    return (",".join(texts[:3]) or NONE) + more


def _host_port(ip: str, port: Any) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _endpoints(endpoints: Object, now: float) -> list[str]:
    found: list[str] = []
    for subset in endpoints.get("subsets") or ():
        addresses = [address["ip"] for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        found += [_host_port(ip, port["port"]) for port in ports for ip in addresses] if ports else addresses
    return [name_of(endpoints), _few(found), age(endpoints, now)]


def _endpoint_slice(found: Object, now: float) -> list[str]:
    ports = [str(port.get("port") or "*") for port in found.get("ports") or ()]
    addresses = [address for endpoint in found.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    unset = "<unset>"
    return [
        name_of(found),
        found.get("addressType") or "",
        _few(ports) if ports else unset,
        _few(addresses) if addresses else unset,
        age(found, now),
    ]


def _config_map(found: Object, now: float) -> list[str]:
    return [name_of(found), str(len(found.get("data") or {}) + len(found.get("binaryData") or {})), age(found, now)]


def _secret(secret: Object, now: float) -> list[str]:
    return [name_of(secret), secret.get("type") or "Opaque", str(len(secret.get("data") or {})), age(secret, now)]


def _service_account(account: Object, now: float) -> list[str]:
    return [name_of(account), str(len(account.get("secrets") or ())), age(account, now)]


def _event(event: Object, now: float) -> list[str]:
    about, source, series = event.get("involvedObject") or {}, event.get("source") or {}, event.get("series") or {}
    count = int(series.get("count") or event.get("count") or 1)
    first = event.get("firstTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or first
    first_seen, last_seen = since(first, now), since(last, now)
    if count > 1:
        last_seen = f"{last_seen} (x{count} over {first_seen})"
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return [
        last_seen,
        event.get("type") or "",
        event.get("reason") or "",
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath") or "",
        f"{component}, {host}" if host else component,
        (event.get("message") or "").strip(),
        first_seen,
        str(count),
        name_of(event),
    ]


def _lease(lease: Object, now: float) -> list[str]:
    return [name_of(lease), (lease.get("spec") or {}).get("holderIdentity") or "", age(lease, now)]


def _ingress(ingress: Object, now: float) -> list[str]:
    spec = ingress.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    return [
        name_of(ingress),
        spec.get("ingressClassName") or NONE,
        _few(hosts) if hosts else "*",
        ",".join(_ingress_points(ingress.get("status") or {})),
        "80, 443" if spec.get("tls") else "80",
        age(ingress, now),
    ]


NODE = Printer(
    ("NAME", "STATUS", "ROLES", "AGE", "VERSION")
    + ("*INTERNAL-IP", "*EXTERNAL-IP", "*OS-IMAGE", "*KERNEL-VERSION", "*CONTAINER-RUNTIME"),
    _node,
)
NAMESPACE = Printer(("NAME", "STATUS", "AGE"), _namespace)
SERVICE = Printer(("NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "*SELECTOR"), _service)
ENDPOINTS = Printer(("NAME", "ENDPOINTS", "AGE"), _endpoints)
ENDPOINT_SLICE = Printer(("NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"), _endpoint_slice)
CONFIG_MAP = Printer(("NAME", "DATA", "AGE"), _config_map)
SECRET = Printer(("NAME", "TYPE", "DATA", "AGE"), _secret)
SERVICE_ACCOUNT = Printer(("NAME", "SECRETS", "AGE"), _service_account)
EVENT = Printer(
    ("LAST SEEN", "TYPE", "REASON", "OBJECT", "*SUBOBJECT", "*SOURCE", "MESSAGE", "*FIRST SEEN", "*COUNT", "*NAME"),
    _event,
)
LEASE = Printer(("NAME", "HOLDER", "AGE"), _lease)
INGRESS = Printer(("NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"), _ingress)
