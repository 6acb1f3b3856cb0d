"""Services and slices for the proxy's tests."""

from __future__ import annotations

from typing import Any


def service(name: str = "web", ip: str = "127.7.240.1", **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    meta = {"name": name, "namespace": "default", "resourceVersion": "1", "uid": f"uid-{name}"}
    return {"kind": "Service", "metadata": meta, "spec": {"clusterIP": ip, "ports": ports, **spec}}


def endpoint(ip: str, node: str = "worker-0", **conditions: bool) -> dict[str, Any]:
    return {"addresses": [ip], "nodeName": node, "conditions": {"ready": True, **conditions}}


def slice_of(*endpoints: dict[str, Any], name: str = "web-1", service: str = "web", port: int = 8080) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service}
    return {
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "default", "labels": labels, "resourceVersion": "1"},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": list(endpoints),
    }
