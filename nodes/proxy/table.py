"""From Services and EndpointSlices to rules: which addresses and ports are served, and by which endpoints.

Must not choose among endpoints, and must not know sockets. One Service is worked out again when it, or one of its
slices, changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta, views

Object = Mapping[str, Any]

SERVICE_LABEL = "kubernetes.io/service-name"
AFFINITY_SECONDS = 10_800
"""sessionAffinityConfig.clientIP.timeoutSeconds unless given (Kubernetes: three hours)."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What a client connects to."""

    ip: str
    port: int
    protocol: str


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    ip: str
    port: int
    node: str
    """The Node that it is on, "" if not known."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`endpoints`: those that connections go to, sorted: the ready ones; if there are none, those that still serve
    while they terminate. `affinity_seconds`: 0 for none. `node_port`: this is the node's own address."""

    key: Key
    service: str
    port_name: str
    endpoints: tuple[Endpoint, ...]
    affinity_seconds: int = 0
    node_port: bool = False


@dataclass(slots=True)
class Changes:
    """What one event did. `ready`: a Service's ready addresses, sorted, if they changed; [] also for one that went."""

    set: dict[Key, Rule] = field(default_factory=dict)
    removed: list[Key] = field(default_factory=list)
    ready: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _State:
    endpoint: Endpoint
    ready: bool
    serving: bool
    terminating: bool


class Table:
    """The rules of one node. `node`: its name, for traffic policies Local; `node_ip`: where NodePorts are served."""

    def __init__(self, node: str, node_ip: str) -> None:
        self.rules: dict[Key, Rule] = {}
        self._node = node
        self._node_ip = node_ip
        self._services: dict[str, Object] = {}
        self._slices: dict[str, dict[str, Object]] = {}
        """By Service, then by the slice's name."""
        self._keys: dict[str, tuple[Key, ...]] = {}
        """The rules that a Service has in the table."""
        self._ready: dict[str, list[str]] = {}

    def service(self, old: Object | None, new: Object | None) -> Changes:
        """A Service came, changed or went (new is None)."""
        obj = new if new is not None else old
        assert obj is not None
        name = meta.key_of(obj)
        if new is None:
            self._services.pop(name, None)
        else:
            self._services[name] = new
        return self._again([name])

    def slice(self, old: Object | None, new: Object | None) -> Changes:
        """An EndpointSlice came, changed or went."""
        touched = []
        for obj in (old, new):
            if obj is None:
                continue
            service = service_of(obj)
            if service not in touched:
                touched.append(service)
            slices = self._slices.setdefault(service, {})
            slices.pop(meta.name_of(obj), None)
            if obj is new:
                slices[meta.name_of(obj)] = obj
            if not slices:
                del self._slices[service]
        return self._again([service for service in touched if service])

    def _again(self, names: Iterable[str]) -> Changes:
        changes = Changes()
        for name in names:
            wanted = {rule.key: rule for rule in self._rules_of(name)}
            for key in self._keys.get(name, ()):
                if key not in wanted and self.rules[key].service == name:
                    del self.rules[key]
                    changes.removed.append(key)
            kept = []
            for key, rule in wanted.items():
                holder = self.rules.get(key)
                if holder is not None and holder.service != name:
                    continue  # two Services claim one address: the first keeps it (the apiserver allows no two)
                kept.append(key)
                if holder != rule:
                    self.rules[key] = changes.set[key] = rule
            self._keys[name] = tuple(kept)
            self._note_ready(name, changes)
        return changes

    def _note_ready(self, name: str, changes: Changes) -> None:
        states = self._endpoints(name, None) if name in self._services else []
        ready = sorted({s.endpoint.ip for s in states if s.ready})
        if ready != self._ready.get(name, []):
            changes.ready[name] = ready
        self._ready[name] = ready
        if name not in self._services:
            self._ready.pop(name)
            self._keys.pop(name)

    def _rules_of(self, name: str) -> list[Rule]:
        service = self._services.get(name)
        spec = (service or {}).get("spec") or {}
        cluster_ip = spec.get("clusterIP") or ""
        if service is None or cluster_ip in ("", "None") or spec.get("type") == "ExternalName":
            return []
        affinity = _affinity(spec)
        rules = []
        for port in views.service_ports(service):
            states = self._endpoints(name, (port.name, port.protocol))
            inside = self._usable(states, spec.get("internalTrafficPolicy") == "Local")
            key = Key(cluster_ip, port.port, port.protocol)
            rules.append(Rule(key, name, port.name, inside, affinity))
            if port.node_port:
                outside = self._usable(states, spec.get("externalTrafficPolicy") == "Local")
                key = Key(self._node_ip, port.node_port, port.protocol)
                rules.append(Rule(key, name, port.name, outside, affinity, node_port=True))
        return rules

    def _usable(self, states: list[_State], local: bool) -> tuple[Endpoint, ...]:
        """Kubernetes: CategorizeEndpoints. Local: only those on this node."""
        here = [s for s in states if not local or s.endpoint.node == self._node]
        chosen = [s for s in here if s.ready] or [s for s in here if s.serving and s.terminating]
        return tuple(sorted({s.endpoint for s in chosen}))

    def _endpoints(self, name: str, port: tuple[str, str] | None) -> list[_State]:
        """Those of one port (name, protocol), or of any port if None. An unknown condition counts as ready
        (Kubernetes: EndpointConditions)."""
        states = []
        for _, obj in sorted(self._slices.get(name, {}).items()):
            if obj.get("addressType", "IPv4") != "IPv4":
                continue
            for number in _numbers(obj, port):
                for entry in obj.get("endpoints") or ():
                    states.extend(_states(entry, number))
        return states


def service_of(slice: Object) -> str:
    """ "namespace/name" of the Service that a slice belongs to, "" if it says none."""
    name = meta.labels_of(slice).get(SERVICE_LABEL, "")
    return f"{meta.namespace_of(slice)}/{name}" if name else ""


def _numbers(slice: Object, port: tuple[str, str] | None) -> list[int]:
    ports = slice.get("ports") or ()
    if port is None:
        return [int(p.get("port") or 0) for p in ports][:1]
    return [int(p["port"]) for p in ports if ((p.get("name") or ""), p.get("protocol") or "TCP") == port]


def _states(entry: Object, port: int) -> list[_State]:
    conditions = entry.get("conditions") or {}
    ready = conditions.get("ready") is not False
    serving = ready if conditions.get("serving") is None else bool(conditions["serving"])
    terminating = bool(conditions.get("terminating"))
    node = entry.get("nodeName") or ""
    return [
        _State(Endpoint(address, port, node), ready, serving, terminating) for address in entry.get("addresses") or ()
    ]


def _affinity(spec: Object) -> int:
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return int(config.get("timeoutSeconds") or AFFINITY_SECONDS)
