"""Nodes and pods for the scheduler's tests."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def node(name: str, cpu: str = "4", memory: str = "8Gi", pods: str = "110", **more: Any) -> Object:
    """`labels`, `images` ({name: bytes}); the rest is spec."""
    labels = {"kubernetes.io/hostname": name, **more.pop("labels", {})}
    images = [{"names": [image], "sizeBytes": size} for image, size in more.pop("images", {}).items()]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": more,
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}, "images": images},
    }


def pod(name: str, cpu: str = "", memory: str = "", **more: Any) -> Object:
    """`labels`, `owner` (a uid), `ports` (host ports), `image`; the rest is spec."""
    meta: Object = {"name": name, "namespace": "default", "uid": f"uid-{name}", "labels": more.pop("labels", {})}
    if owner := more.pop("owner", ""):
        meta["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
        ]
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    ports = [{"containerPort": port, "hostPort": port} for port in more.pop("ports", ())]
    container = {"name": "main", "image": more.pop("image", "nginx"), "resources": {"requests": requests}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": [{**container, "ports": ports}], **more},
        "status": {"phase": "Pending"},
    }
