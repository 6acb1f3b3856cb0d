"""Read-only views of pods, nodes and services: what their fields mean, as Kubernetes defines it.

Must not change an object, and must not decide what to do about one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cluster.api import meta, quantity
from cluster.api.selectors import Requirement

Object = Mapping[str, Any]
Taint = Mapping[str, Any]
Toleration = Mapping[str, Any]


# ── pods ─────────────────────────────────────────────────────────────────────


def pod_phase(pod: Object) -> str:
    """Pending, Running, Succeeded, Failed or Unknown; a pod without status is Pending."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def pod_node(pod: Object) -> str:
    """The node it is bound to, "" while it is not."""
    return str((pod.get("spec") or {}).get("nodeName") or "")


def pod_ip(pod: Object) -> str:
    """status.podIP, "" while it has none."""
    return str((pod.get("status") or {}).get("podIP") or "")


def pod_terminal(pod: Object) -> bool:
    """Whether it has run to its end: phase Succeeded or Failed."""
    return pod_phase(pod) in ("Succeeded", "Failed")


def is_pod_active(pod: Object) -> bool:
    """Whether a workload counts it: neither at its end nor being deleted (Kubernetes: IsPodActive)."""
    return not pod_terminal(pod) and not meta.deleting(pod)


def pod_ready(pod: Object) -> bool:
    """Whether its condition Ready is True."""
    found = meta.condition(pod, "Ready")
    return found is not None and found.get("status") == "True"


def pod_available(pod: Object, min_ready_seconds: float, now: float) -> bool:
    """Whether it has been ready for `min_ready_seconds` (Kubernetes: IsPodAvailable)."""
    found = meta.condition(pod, "Ready")
    if found is None or found.get("status") != "True":
        return False
    if not min_ready_seconds:
        return True
    since = found.get("lastTransitionTime")
    return bool(since) and meta.parse_time(str(since)) + min_ready_seconds <= now


def pod_restarts(pod: Object) -> int:
    """Restarts of all its containers, init containers included only if they keep running (sidecars)."""
    sidecars = {c["name"] for c in init_containers(pod) if is_sidecar(c)}
    status = pod.get("status") or {}
    total = sum(int(s.get("restartCount", 0)) for s in status.get("containerStatuses") or ())
    return total + sum(
        int(s.get("restartCount", 0)) for s in status.get("initContainerStatuses") or () if s.get("name") in sidecars
    )


def containers(pod: Object) -> Sequence[Object]:
    """spec.containers."""
    return (pod.get("spec") or {}).get("containers") or ()


def init_containers(pod: Object) -> Sequence[Object]:
    """spec.initContainers."""
    return (pod.get("spec") or {}).get("initContainers") or ()


def is_sidecar(container: Object) -> bool:
    """An init container that keeps running beside the others: its restartPolicy is Always."""
    return container.get("restartPolicy") == "Always"


def images(pod: Object) -> list[str]:
    """Images of all its containers, each once, in order of appearance."""
    return list(dict.fromkeys(str(c.get("image", "")) for c in (*init_containers(pod), *containers(pod))))


def pod_requests(pod: Object) -> dict[str, int]:
    """What the scheduler reckons with: per resource (cpu in thousandths, the rest in whole units).

    The containers' sum, or the largest demand of an init container on its turn if that is more; sidecars count for
    both, from their turn on; spec.overhead on top (Kubernetes: PodRequests).
    """
    return _pod_resources(pod, "requests")


def pod_limits(pod: Object) -> dict[str, int]:
    """As `pod_requests`, of the limits."""
    return _pod_resources(pod, "limits")


def _pod_resources(pod: Object, which: str) -> dict[str, int]:
    total: dict[str, int] = {}
    for container in containers(pod):
        _add(total, _resources(container, which))
    if init := init_containers(pod):
        running: dict[str, int] = {}
        peak: dict[str, int] = {}
        for container in init:
            wanted = _resources(container, which)
            if is_sidecar(container):
                _add(total, wanted)
                _add(running, wanted)
                turn = running
            else:
                turn = dict(running)
                _add(turn, wanted)
            for name, amount in turn.items():
                peak[name] = max(peak.get(name, 0), amount)
        for name, amount in peak.items():
            total[name] = max(total.get(name, 0), amount)
    if overhead := (pod.get("spec") or {}).get("overhead"):
        _add(total, quantity.resources(overhead))
    return total


def _resources(container: Object, which: str) -> dict[str, int]:
    return quantity.resources((container.get("resources") or {}).get(which))


def _add(total: dict[str, int], amounts: Mapping[str, int]) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, 0) + amount


def qos_class(pod: Object) -> Literal["Guaranteed", "Burstable", "BestEffort"]:
    """Of cpu and memory: no request and no limit at all is BestEffort; limits equal to requests, both given in every
    container, is Guaranteed (Kubernetes: GetPodQOS)."""
    any_given = False
    guaranteed = True
    for container in (*containers(pod), *init_containers(pod)):
        requests, limits = _resources(container, "requests"), _resources(container, "limits")
        for name in ("cpu", "memory"):
            request, limit = requests.get(name, 0), limits.get(name, 0)
            any_given = any_given or bool(request or limit)
            guaranteed = guaranteed and limit > 0 and requests.get(name, limit) == limit
    if not any_given:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def host_ports(pod: Object) -> list[tuple[str, str, int]]:
    """(hostIP, protocol, hostPort) of all that it takes on its node; hostIP "0.0.0.0" means every address."""
    found = []
    for container in (*containers(pod), *(c for c in init_containers(pod) if is_sidecar(c))):
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                found.append((port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", int(port["hostPort"])))
    return found


def host_ports_clash(a: tuple[str, str, int], b: tuple[str, str, int]) -> bool:
    """Whether two entries of `host_ports` cannot share a node: "0.0.0.0" stands for every address."""
    return a[1:] == b[1:] and (a[0] == b[0] or "0.0.0.0" in (a[0], b[0]))


# ── nodes ────────────────────────────────────────────────────────────────────


def node_ready(node: Object) -> bool:
    """Whether its condition Ready is True (neither False nor Unknown)."""
    found = meta.condition(node, "Ready")
    return found is not None and found.get("status") == "True"


def node_unschedulable(node: Object) -> bool:
    """Whether it is cordoned: spec.unschedulable."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def node_allocatable(node: Object) -> dict[str, int]:
    """status.allocatable as numbers, or status.capacity when it has none: cpu in thousandths, the rest whole units."""
    status = node.get("status") or {}
    return quantity.resources(status.get("allocatable") or status.get("capacity"))


def node_zone(node: Object) -> str:
    """Label topology.kubernetes.io/zone, "" if none."""
    return meta.labels_of(node).get("topology.kubernetes.io/zone", "")


def node_address(node: Object, type: str = "InternalIP") -> str:
    """The first address of that type, "" if none."""
    for address in (node.get("status") or {}).get("addresses") or ():
        if address.get("type") == type:
            return str(address.get("address", ""))
    return ""


# ── taints and tolerations ───────────────────────────────────────────────────


def taints(node: Object) -> Sequence[Taint]:
    """spec.taints."""
    return (node.get("spec") or {}).get("taints") or ()


def tolerations(pod: Object) -> Sequence[Toleration]:
    """spec.tolerations."""
    return (pod.get("spec") or {}).get("tolerations") or ()


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """No effect tolerates every effect; operator Exists every value, and with no key everything
    (Kubernetes: ToleratesTaint)."""
    effect, key = toleration.get("effect"), toleration.get("key")
    if effect and effect != taint.get("effect"):
        return False
    if key and key != taint.get("key"):
        return False
    match toleration.get("operator") or "Equal":
        case "Exists":
            return True
        case "Equal":
            return bool(key) and (toleration.get("value") or "") == (taint.get("value") or "")
    return False


def untolerated_taint(
    node_taints: Iterable[Taint],
    pod_tolerations: Sequence[Toleration],
    effects: Sequence[str] = ("NoSchedule", "NoExecute"),
) -> Taint | None:
    """The first taint of these effects that nothing tolerates."""
    for taint in node_taints:
        if taint.get("effect") in effects and not any(tolerates(t, taint) for t in pod_tolerations):
            return taint
    return None


def eviction_delay(node_taints: Iterable[Taint], pod_tolerations: Sequence[Toleration]) -> float | None:
    """Seconds that a pod may stay under these NoExecute taints: 0.0 not at all, None for ever.

    The shortest tolerationSeconds among the tolerations that are used counts (Kubernetes: taint-eviction-controller).
    """
    delay: float | None = None
    for taint in node_taints:
        if taint.get("effect") != "NoExecute":
            continue
        used = [t for t in pod_tolerations if tolerates(t, taint)]
        if not used:
            return 0.0
        for toleration in used:
            seconds = toleration.get("tolerationSeconds")
            if seconds is not None:
                seconds = max(0.0, float(seconds))
                delay = seconds if delay is None else min(delay, seconds)
    return delay


# ── node selectors and affinity ──────────────────────────────────────────────


def node_matches(pod: Object, node: Object) -> bool:
    """Whether the node fits spec.nodeSelector and the required node affinity, both."""
    spec = pod.get("spec") or {}
    labels = meta.labels_of(node)
    for key, value in (spec.get("nodeSelector") or {}).items():
        if labels.get(key) != value:
            return False
    required = _node_affinity(spec).get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or node_selector_matches(required.get("nodeSelectorTerms") or (), node)


def node_selector_matches(terms: Iterable[Object], node: Object) -> bool:
    """Whether any of the nodeSelectorTerms fits; an empty term fits nothing."""
    return any(node_term_matches(term, node) for term in terms)


def node_term_matches(term: Object, node: Object) -> bool:
    """Whether all matchExpressions (labels) and matchFields (metadata.name) of one term fit."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    labels = meta.labels_of(node)
    names = {"metadata.name": meta.name_of(node)}
    return all(_node_requirement(e).matches(labels) for e in expressions) and all(
        _node_requirement(e).matches(names) for e in fields
    )


def preferred_node_affinity(pod: Object, node: Object) -> int:
    """The sum of the weights of the preferred node affinity's terms that fit; an empty term fits everything."""
    total = 0
    for entry in _node_affinity(pod.get("spec") or {}).get("preferredDuringSchedulingIgnoredDuringExecution") or ():
        term = entry.get("preference") or {}
        if not term or node_term_matches(term, node):
            total += int(entry.get("weight", 0))
    return total


def _node_affinity(spec: Object) -> dict[str, Any]:
    return (spec.get("affinity") or {}).get("nodeAffinity") or {}


def _node_requirement(expression: Object) -> Requirement:
    return Requirement(expression["key"], expression["operator"], tuple(expression.get("values") or ()))


# ── numbers ──────────────────────────────────────────────────────────────────


def int_or_percent(value: int | str, total: int, round_up: bool) -> int:
    """An absolute number, or a percentage ("25%") of `total` (Kubernetes: GetScaledValueFromIntOrPercent).

    ValueError for any other text.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdecimal():
        scaled = int(value[:-1]) * total
        return -(-scaled // 100) if round_up else scaled // 100
    raise ValueError(f"{value!r} is neither a whole number nor a percentage")


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One entry of a Service's spec.ports. `target`: the pod's port, by number or by name."""

    name: str
    protocol: str
    port: int
    target: int | str
    node_port: int


def service_ports(service: Object) -> list[ServicePort]:
    """spec.ports with their defaults filled in; node_port 0 if none."""
    return [
        ServicePort(
            name=port.get("name") or "",
            protocol=port.get("protocol") or "TCP",
            port=int(port["port"]),
            target=port.get("targetPort") or int(port["port"]),
            node_port=int(port.get("nodePort") or 0),
        )
        for port in (service.get("spec") or {}).get("ports") or ()
    ]


def target_port(pod: Object, port: ServicePort) -> int | None:
    """The number of the port that a pod serves a Service's port on; None if no container names it
    (Kubernetes: FindPort)."""
    if isinstance(port.target, int):
        return port.target
    for container in (*containers(pod), *(c for c in init_containers(pod) if is_sidecar(c))):
        for entry in container.get("ports") or ():
            if entry.get("name") == port.target and (entry.get("protocol") or "TCP") == port.protocol:
                return int(entry["containerPort"])
    return None
