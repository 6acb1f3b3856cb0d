"""Objects that the tests of this folder start from. Must not assert anything."""

from __future__ import annotations

from typing import Any

from cluster.api.defaults import default

Object = dict[str, Any]


def pod(**spec: Any) -> Object:
    """A defaulted pod "web" of one container; `spec` is laid over its spec."""
    containers = [{"name": "main", "image": "nginx:1.27"}]
    return default(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
            "spec": {"containers": containers, **spec},
        }
    )


def container(**fields: Any) -> Object:
    return pod(containers=[{"name": "main", "image": "nginx", **fields}])


def workload(kind: str, **spec: Any) -> Object:
    """A defaulted Deployment, ReplicaSet or DaemonSet "web"."""
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "nginx"}]},
    }
    return default(
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
        }
    )


def service(**spec: Any) -> Object:
    return default(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec},
        }
    )


def obj(kind: str, api_version: str = "v1", **fields: Any) -> Object:
    """A defaulted object named "thing"."""
    return default({"apiVersion": api_version, "kind": kind, "metadata": {"name": "thing"}, **fields})


def node(name: str = "worker-0", labels: dict[str, str] | None = None, **spec: Any) -> Object:
    ready = {"type": "Ready", "status": "True"}
    metadata = {"name": name, "labels": labels or {}}
    capacity = {"cpu": "2", "memory": "4Gi", "pods": "110"}
    status = {"conditions": [ready], "capacity": capacity}
    return default({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status})
