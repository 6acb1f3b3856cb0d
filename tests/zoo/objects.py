"""Objects as acts make them. Must not send any."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def config_map(name: str, namespace: str = "default", **meta: Any) -> Object:
    data = meta.pop("data", {})
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **meta},
        "data": data,
    }


def pod(name: str, image: str = "nginx", **spec: Any) -> Object:
    """`cpu`, `command`, `ports`, `probe` are about its one container, `labels` about the pod; the rest is spec."""
    container: Object = {"name": "main", "image": image}
    labels = spec.pop("labels", {})
    if "cpu" in spec:
        container["resources"] = {"requests": {"cpu": spec.pop("cpu")}}
    for given, field in (("command", "command"), ("ports", "ports"), ("probe", "readinessProbe")):
        if given in spec:
            container[field] = spec.pop(given)
    meta = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container], **spec}}


def workload(kind: str, name: str, **spec: Any) -> Object:
    """A Deployment, ReplicaSet or DaemonSet of nginx pods labelled app=NAME."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec.pop("pod", pod("x")["spec"])}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def priority_class(name: str, value: int) -> Object:
    return {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value}


def service(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 80}]},
    }


def without_revision(obj: Object) -> Object:
    """As somebody sends it who does not care what has changed meanwhile."""
    meta = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    return {**obj, "metadata": meta}
