"""Shell: what a kubelet answers on the bus: logs, exec, stats. Must not change what runs.

    kubelet.logs   stream  {namespace, pod, container="", previous=False, tail=None, follow=False, timestamps=False,
                            since=None (seconds since 1970), within=None (seconds until now)} -> items: bytes
    kubelet.exec   call    {namespace, pod, container="", argv: [str], timeout=10.0} -> {stdout, stderr, code}
    kubelet.session        stream  {namespace, pod, container="", argv, stdin=False, tty=False, session: str}
                                   -> items [1 or 2 for stdout or stderr, bytes], at the end [3, exit code];
                                   without argv: attached to the container itself
    kubelet.session.input  call    {session, number, data=b"", end=False, size=None or [width, height]} -> {}
    kubelet.stats  call    {} -> {"node": str, "pods": [{namespace, name, uid, phase, ip, requests}]}

A session's input is numbered from 1 and sent one by one: the bus may repeat, and may not reorder, what is answered.

Errors: NotFound (no such pod, container or log here), BadRequest (the container does not run, or no argv),
Timeout (an exec that did not end; it was killed), ServiceUnavailable (the runtime cannot be reached).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.api import meta
from cluster.errors import StatusError
from cluster.rpc import Request, Rpc, Sender
from nodes.kubelet.kit import Kit
from nodes.kubelet.pods import Pods
from nodes.kubelet.podworker import PodWorker
from nodes.kubelet.runtime import ContainerKey, LogQuery, RuntimeFailure, Session

CHUNK = 256 * 1024
"""Bytes of one stream item."""
LONGEST_EXEC = 3600.0

_REASONS = {
    "NotFound": "NotFound",
    "NotRunning": "BadRequest",
    "CannotStart": "InternalError",
    "DeadlineExceeded": "Timeout",
}


@dataclass(slots=True)
class _Talk:
    """One session, and the number of the last input that it was given."""

    session: Session
    heard: int = 0


class Serving:
    def __init__(self, kit: Kit, pods: Pods) -> None:
        self._kit = kit
        self._pods = pods
        self._sessions: dict[tuple[str, str], _Talk] = {}
        """By who talks and what he calls it."""

    def register(self, rpc: Rpc) -> None:
        rpc.serve_stream("kubelet.logs", self._logs)
        rpc.serve("kubelet.exec", self._exec)
        rpc.serve_stream("kubelet.session", self._session)
        rpc.serve("kubelet.session.input", self._input)
        rpc.serve("kubelet.stats", self._stats)

    async def _logs(self, request: Request, sender: Sender) -> None:
        body = request.body
        worker, key = self._container(body)
        if body.get("previous"):
            if key.attempt < 1:
                message = f'previous terminated container "{key.name}" in pod "{meta.name_of(worker.pod)}" not found'
                raise StatusError("BadRequest", message)
            key = ContainerKey(key.pod, key.name, key.attempt - 1)
        query = self._query(body)
        try:
            async for chunk in self._kit.runtime.logs(key, query):
                for start in range(0, len(chunk), CHUNK):
                    sender.send(chunk[start : start + CHUNK])
        except RuntimeFailure as failure:
            raise _status(failure) from failure

    def _query(self, body: dict[str, Any]) -> LogQuery:
        tail, since, within = body.get("tail"), body.get("since"), body.get("within")
        if since is None and within is not None:
            since = self._kit.host.clock.now() - float(within)
        return LogQuery(
            None if tail is None else max(int(tail), 0),
            bool(body.get("follow")),
            timestamps=bool(body.get("timestamps")),
            since=None if since is None else float(since),
        )

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

    async def _session(self, request: Request, sender: Sender) -> None:
        body = request.body
        _, key = self._container(body)
        argv = tuple(str(word) for word in body.get("argv") or ())
        name = (request.src, str(body.get("session") or ""))
        if not name[1] or name in self._sessions:
            raise StatusError("BadRequest", f"{name[1]!r} is no name for a session, or one of that name goes on")
        try:
            if argv:
                how = {"stdin": bool(body.get("stdin")), "tty": bool(body.get("tty"))}
                session = await self._kit.runtime.session(key, argv, **how)
            else:
                session = await self._kit.runtime.attach(key)
        except RuntimeFailure as failure:
            raise _status(failure) from failure
        self._sessions[name] = _Talk(session)
        sender.send([0, b""])
        try:
            async for channel, data in session.output():
                sender.send([channel, data])
            sender.send([3, await session.wait()])
        finally:
            del self._sessions[name]
            await session.close()

    async def _input(self, request: Request) -> dict[str, Any]:
        body = request.body
        talk = self._sessions.get((request.src, str(body.get("session") or "")))
        if talk is None:
            raise StatusError("NotFound", "that session is over")
        number = int(body["number"])
        if number != talk.heard + 1:
            return {}  # a copy
        talk.heard = number
        if body.get("size"):
            width, height = body["size"]
            talk.session.resize(int(width), int(height))
        if body.get("data"):
            await talk.session.write(bytes(body["data"]))
        if body.get("end"):
            await talk.session.end_input()
        return {}

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
