"""metrics.k8s.io: what nodes and pods use, asked of the kubelets at the moment; nothing of it is kept.

Shell. Must not know how it is measured (`nodes/kubelet/usage.py`). A kubelet that does not answer has no metrics.
Served on the bus as nodemetrics.list|get and podmetrics.list|get: {namespace="", name, labels=""}.
Source: Kubernetes, metrics.k8s.io/v1beta1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cluster.api import selectors
from cluster.api.meta import key_of, name_of, timestamp
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.watchcache import WatchCache
from cluster.errors import StatusError
from cluster.rpc import Request, Rpc
from cluster.wire import pack

Object = dict[str, Any]
VERSION = "metrics.k8s.io/v1beta1"
PATIENCE = 2.0
"""Seconds that a kubelet gets."""


class Measures:
    def __init__(self, rpc: Rpc, cache: WatchCache) -> None:
        self._rpc = rpc
        self._cache = cache

    def register(self) -> None:
        for kind in ("Node", "Pod"):
            for verb in ("list", "get"):
                self._rpc.serve(f"{kind.lower()}metrics.{verb}", self._serve)

    async def _serve(self, request: Request) -> Object:
        args = Arguments(request.body)
        what, _, verb = request.kind.partition("metrics.")
        namespace, labels = args.text("namespace"), args.text("labels")
        if verb == "get":
            return await self.one(what.capitalize(), namespace, args.text("name"))
        found = await self.all(what.capitalize(), namespace, labels)
        return {**found, "items": [pack(item) for item in found["items"]]}  # as in every list on the bus

    async def all(self, kind: str, namespace: str = "", labels: str = "") -> Object:
        """NodeMetricsList or PodMetricsList. `kind`: "Node" or "Pod"; `labels`: a selector. BadRequest for none."""
        wanted = selectors.parse_label_selector(labels)
        found = {
            key_of(stored.obj): stored.obj
            for stored in self._cache.objects(kind)
            if (not namespace or (stored.obj["metadata"].get("namespace") == namespace))
            and wanted.matches(stored.obj["metadata"].get("labels") or {})
        }
        nodes = [name_of(obj) for obj in found.values()] if kind == "Node" else _nodes_of(found.values())
        answers = await self._ask(nodes)
        items = _nodes(answers, found) if kind == "Node" else _pods(answers, found)
        return {"kind": f"{kind}MetricsList", "apiVersion": VERSION, "metadata": {}, "items": items}

    async def one(self, kind: str, namespace: str, name: str) -> Object:
        """NotFound for what does not exist, or whose kubelet does not answer."""
        key = f"{namespace}/{name}" if kind == "Pod" else name
        stored = self._cache.get(kind, key)
        if stored is not None:
            found = {key: stored.obj}
            answers = await self._ask([name] if kind == "Node" else _nodes_of(found.values()))
            items = _nodes(answers, found) if kind == "Node" else _pods(answers, found)
            if items:
                return items[0]
        what = f"{kind.lower()}s.metrics.k8s.io"
        details = {"name": name, "group": "metrics.k8s.io", "kind": f"{kind.lower()}s"}
        text = f'{what} "{key}" not found' if kind == "Pod" else f'{what} "{name}" not found'
        raise StatusError("NotFound", text, details)

    async def _ask(self, nodes: list[str]) -> list[Object]:
        async def ask(node: str) -> Object | None:
            try:
                kubelet = f"kubelet-{node.rpartition('-')[2]}"
                answer: Object = await self._rpc.call(kubelet, "kubelet.usage", {}, timeout=PATIENCE)
            except StatusError:
                return None
            return answer if answer.get("node") == node else None

        found = await asyncio.gather(*(ask(node) for node in nodes))
        return [answer for answer in found if answer is not None]


def _nodes_of(pods: Any) -> list[str]:
    """Where these pods are, each node once."""
    return list(dict.fromkeys(node for pod in pods if (node := (pod.get("spec") or {}).get("nodeName"))))


def _nodes(answers: list[Object], known: Mapping[str, Object]) -> list[Object]:
    return [
        {**_head("NodeMetrics", known[answer["node"]], answer, answer["window"]), "usage": _usage(answer)}
        for answer in answers
        if answer["node"] in known
    ]


def _pods(answers: list[Object], known: Mapping[str, Object]) -> list[Object]:
    items = []
    for answer in answers:
        for pod in answer["pods"]:
            obj = known.get(f"{pod['namespace']}/{pod['name']}")
            if obj is None or (obj.get("spec") or {}).get("nodeName") != answer["node"]:
                continue
            containers = [{"name": one["name"], "usage": _usage(one)} for one in pod["containers"]]
            items.append({**_head("PodMetrics", obj, answer, pod["window"]), "containers": containers})
    return sorted(items, key=lambda item: key_of(item))


def _head(kind: str, obj: Object, answer: Object, window: float) -> Object:
    own = obj["metadata"]
    kept = {name: own[name] for name in ("name", "namespace", "labels") if own.get(name)}
    stamp = timestamp(answer["at"])
    return {
        "kind": kind,
        "apiVersion": VERSION,
        "metadata": {**kept, "creationTimestamp": stamp},
        "timestamp": stamp,
        "window": f"{window:.3f}s",
    }


def _usage(used: Object) -> Object:
    """As the metrics server writes it: nanocores and kibibytes."""
    return {"cpu": f"{round(used['cpu'] * 1e9)}n", "memory": f"{round(used['memory'] / 1024)}Ki"}
