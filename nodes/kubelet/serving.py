"""Shell: what a kubelet answers on the bus: logs, exec, stats. Must not change what runs.

    kubelet.logs   stream  {namespace, pod, container="", previous=False, tail=None, follow=False} -> items: bytes
    kubelet.exec   call    {namespace, pod, container="", argv: [str], timeout=10.0} -> {stdout, stderr, code}
    kubelet.stats  call    {} -> {"node": str, "pods": [{namespace, name, uid, phase, ip, requests}]}

Errors: NotFound (no such pod, container or log here), BadRequest (the container does not run, or no argv),
Timeout (an exec that did not end; it was killed), ServiceUnavailable (the runtime cannot be reached).
"""

from __future__ import annotations

from typing import Any

from cluster.api import meta
from cluster.errors import StatusError
from cluster.rpc import Request, Rpc, Sender
from nodes.kubelet.kit import Kit
from nodes.kubelet.pods import Pods
from nodes.kubelet.podworker import PodWorker
from nodes.kubelet.runtime import ContainerKey, LogQuery, RuntimeFailure

CHUNK = 256 * 1024
"""Bytes of one stream item."""
LONGEST_EXEC = 3600.0

_REASONS = {"NotFound": "NotFound", "NotRunning": "BadRequest", "DeadlineExceeded": "Timeout"}


class Serving:
    def __init__(self, kit: Kit, pods: Pods) -> None:
        self._kit = kit
        self._pods = pods

    def register(self, rpc: Rpc) -> None:
        rpc.serve_stream("kubelet.logs", self._logs)
        rpc.serve("kubelet.exec", self._exec)
        rpc.serve("kubelet.stats", self._stats)

    async def _logs(self, request: Request, sender: Sender) -> None:
        body = request.body
        worker, key = self._container(body)
        if body.get("previous"):
            if key.attempt < 1:
                message = f'previous terminated container "{key.name}" in pod "{meta.name_of(worker.pod)}" not found'
                raise StatusError("BadRequest", message)
            key = ContainerKey(key.pod, key.name, key.attempt - 1)
        tail = body.get("tail")
        query = LogQuery(None if tail is None else max(int(tail), 0), bool(body.get("follow")))
        try:
            async for chunk in self._kit.runtime.logs(key, query):
                for start in range(0, len(chunk), CHUNK):
                    sender.send(chunk[start : start + CHUNK])
        except RuntimeFailure as failure:
            raise _status(failure) from failure

    async def _exec(self, request: Request) -> dict[str, Any]:
        body = request.body
        _, key = self._container(body)
        argv = tuple(str(word) for word in body.get("argv") or ())
        if not argv:
            raise StatusError("BadRequest", "you must specify at least one command for the container")
        timeout = min(float(body.get("timeout") or 10.0), LONGEST_EXEC)
        try:
            done = await self._kit.runtime.execute(key, argv, timeout)
        except RuntimeFailure as failure:
            raise _status(failure) from failure
        return {"stdout": done.stdout, "stderr": done.stderr, "code": done.exit_code}

    async def _stats(self, request: Request) -> dict[str, Any]:
        pods = [
            {
                "namespace": meta.namespace_of(worker.pod),
                "name": meta.name_of(worker.pod),
                "uid": worker.uid,
                "phase": worker.phase,
                "ip": worker.facts.ip,
                "requests": dict(self._kit.admitted.get(worker.uid, {})),
            }
            for worker in self._pods.workers()
        ]
        return {"node": self._kit.config.node, "pods": pods}

    def _container(self, body: Any) -> tuple[PodWorker, ContainerKey]:
        """The newest incarnation of the container that a request names."""
        namespace, pod = str(body["namespace"]), str(body["pod"])
        worker = self._pods.find(namespace, pod)
        if worker is None:
            raise StatusError("NotFound", f'pods "{pod}" not found on {self._kit.config.node}')
        container = worker.container(str(body.get("container") or ""))
        if container is None:
            raise StatusError("BadRequest", f"container {body.get('container')} is not valid for pod {pod}")
        name = container["name"]
        facts = worker.facts.of(name)
        attempt = facts.attempt - 1 if facts.phase == "starting" and facts.attempt > 0 else facts.attempt
        if attempt < 0 or (facts.phase == "starting" and facts.attempt == 0):
            raise StatusError(
                "BadRequest", f'container "{name}" in pod "{pod}" is waiting to start: {worker.why(name)}'
            )
        return worker, ContainerKey(worker.uid, name, attempt)


def _status(failure: RuntimeFailure) -> StatusError:
    return StatusError(_REASONS.get(failure.reason, "ServiceUnavailable"), failure.message)
