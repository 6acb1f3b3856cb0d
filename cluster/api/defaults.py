"""Defaults: the object as the server stores it, with everything filled in that nobody said (Kubernetes: SetDefaults).

Must not refuse anything: whatever the shape, it fills what it understands and leaves the rest for `validate` to name.
Constant defaults stand in the schema's lines; here is what depends on other fields.
"""

from __future__ import annotations

import base64
from typing import Any

from cluster.api import (
    defaults_workloads,
    schema_admission,
    schema_apps,
    schema_autoscaling,
    schema_batch,
    schema_certificates,
    schema_core,
    schema_events,
    schema_extensions,
    schema_flow,
    schema_limits,
    schema_network,
    schema_pod,
    schema_podparts,
    schema_policy,
    schema_rbac,
    schema_sets,
    schema_storage,
)
from cluster.api.meta import Object, deep_copy
from cluster.api.schema import REGISTRY

SCHEMAS = (
    schema_core,
    schema_extensions,
    schema_pod,
    schema_podparts,
    schema_apps,
    schema_sets,
    schema_batch,
    schema_autoscaling,
    schema_policy,
    schema_rbac,
    schema_admission,
    schema_limits,
    schema_certificates,
    schema_flow,
    schema_network,
    schema_events,
    schema_storage,
    defaults_workloads,
)
"""The tables, and what fills them in, that must have been read before a struct can be asked for."""


def default(obj: Object) -> Object:
    """A new object with defaults; nulls are dropped, quantities come in canonical form. Defaulting twice changes
    nothing. An object of an unknown kind comes back as a plain copy."""
    kind = obj.get("kind")
    if not isinstance(kind, str) or kind not in REGISTRY:
        return dict(deep_copy(obj))
    fill = REGISTRY.struct(kind).fill
    assert fill is not None  # structs always have one
    result: Object = fill(obj)
    return result


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def pull_policy(image: str) -> str:
    """Always for the tag latest or none at all, else IfNotPresent; a digest counts as a tag."""
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _container(container: dict[str, Any]) -> None:
    if "imagePullPolicy" not in container:
        container["imagePullPolicy"] = pull_policy(str(container.get("image", "")))


def _pod_spec(spec: dict[str, Any]) -> None:
    if spec.get("hostNetwork") is True:
        for container in _list(spec.get("containers")):
            for port in _list(_map(container).get("ports")):
                if isinstance(port, dict) and "containerPort" in port:
                    port.setdefault("hostPort", port["containerPort"])


def _pod(pod: dict[str, Any]) -> None:
    """What pods get and templates do not: a request where only a limit is given."""
    spec = _map(pod.get("spec"))
    if spec:
        spec.setdefault("enableServiceLinks", True)
    for container in (*_list(spec.get("containers")), *_list(spec.get("initContainers"))):
        found = _map(_map(container).get("resources"))
        limits = _map(found.get("limits"))
        if limits:
            requests = found.setdefault("requests", {})
            if isinstance(requests, dict):
                for name, amount in limits.items():
                    requests.setdefault(name, amount)


def _volume(volume: dict[str, Any]) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def _deployment_strategy(strategy: dict[str, Any]) -> None:
    if strategy.get("type") == "RollingUpdate" and "rollingUpdate" not in strategy:
        strategy["rollingUpdate"] = {"maxSurge": "25%", "maxUnavailable": "25%"}


def _daemonset_strategy(strategy: dict[str, Any]) -> None:
    if strategy.get("type") == "RollingUpdate" and "rollingUpdate" not in strategy:
        strategy["rollingUpdate"] = {"maxUnavailable": 1, "maxSurge": 0}


def _service_spec(spec: dict[str, Any]) -> None:
    type = spec.get("type")
    if spec.get("sessionAffinity") == "ClientIP":
        client = _map(_map(spec.setdefault("sessionAffinityConfig", {})).setdefault("clientIP", {}))
        client.setdefault("timeoutSeconds", 10800)
    if type in ("NodePort", "LoadBalancer") or spec.get("externalIPs"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if type == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if type != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        if spec.get("clusterIP"):
            spec.setdefault("clusterIPs", [spec["clusterIP"]])


def _service_port(port: dict[str, Any]) -> None:
    if "port" in port and port.get("targetPort") in (None, 0, ""):
        port["targetPort"] = port["port"]
    if port.get("nodePort") == 0:
        del port["nodePort"]


def _namespace(namespace: dict[str, Any]) -> None:
    metadata = _map(namespace.get("metadata"))
    if isinstance(metadata.get("name"), str):
        labels = metadata.setdefault("labels", {})
        if isinstance(labels, dict):
            labels.setdefault("kubernetes.io/metadata.name", metadata["name"])


def _secret(secret: dict[str, Any]) -> None:
    """stringData is only for writing: it goes into data, over what is there."""
    texts = secret.get("stringData")
    if isinstance(texts, dict) and all(isinstance(text, str) for text in texts.values()):
        del secret["stringData"]
        data = secret.setdefault("data", {})
        if isinstance(data, dict):
            for key, text in texts.items():
                data[key] = base64.b64encode(text.encode()).decode()


def _node_status(status: dict[str, Any]) -> None:
    if "capacity" in status:
        status.setdefault("allocatable", deep_copy(status["capacity"]))


for _name, _hook in {
    "Container": _container,
    "PodSpec": _pod_spec,
    "Pod": _pod,
    "Volume": _volume,
    "DeploymentStrategy": _deployment_strategy,
    "DaemonSetUpdateStrategy": _daemonset_strategy,
    "ServiceSpec": _service_spec,
    "ServicePort": _service_port,
    "Namespace": _namespace,
    "Secret": _secret,
    "NodeStatus": _node_status,
}.items():
    REGISTRY.on_default(_name, _hook)
