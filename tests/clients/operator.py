"""A small operator of Ponds, run by kopf in a process of its own: `python -m kopf run operator.py`.

Each pond gets a ConfigMap that is its own, and a status that says how deep it was made; one that is deleted leaves a
ConfigMap behind that says so.
"""

from __future__ import annotations

from typing import Any

import kopf
import kubernetes

GROUP, VERSION, PLURAL = "clients.example.com", "v1", "ponds"
HERE = (GROUP, VERSION, PLURAL)


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, memo: Any, **_: Any) -> None:
    kubernetes.config.load_kube_config()
    memo.core = kubernetes.client.CoreV1Api()  # a lot of code to load: before anything waits for it
    settings.networking.error_backoffs = [0.2] * 100
    settings.watching.reconnect_backoff = 0.2
    settings.persistence.finalizer = "clients.example.com/operator"


@kopf.on.login()
def login(**kwargs: Any) -> Any:
    return kopf.login_with_kubeconfig(**kwargs)


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@kopf.on.create(*HERE)
def create(name: str, namespace: str, spec: Any, body: Any, patch: Any, memo: Any, **_: Any) -> dict[str, str]:
    child = config_map(f"{name}-water", depth=str(spec["depth"]))
    kopf.adopt(child, owner=body)
    memo.core.create_namespaced_config_map(namespace, child)
    kopf.info(body, reason="Filled", message=f"{spec['depth']} deep")
    patch.status["depth"] = spec["depth"]
    return {"water": f"{name}-water"}


@kopf.on.update(*HERE, field="spec.depth")
def deepen(new: int, patch: Any, **_: Any) -> None:
    patch.status["depth"] = new


@kopf.on.delete(*HERE)
def drain(name: str, namespace: str, memo: Any, **_: Any) -> None:
    memo.core.create_namespaced_config_map(namespace, config_map(f"{name}-drained"))


@kopf.timer(*HERE, interval=1.0)
def tick(status: Any, patch: Any, **_: Any) -> None:
    patch.status["ticks"] = status.get("ticks", 0) + 1
