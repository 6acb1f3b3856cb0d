"""Shell: connections to ports of pods, over the bus. Must not know who asks for them, nor what travels.

    kubelet.portforward        stream  {namespace, pod, port, session: str}
                                       -> items: None once it is connected, then bytes; b"" when the pod sends no more
    kubelet.portforward.input  call    {session, number, data=b"", end=False} -> {}
    kubelet.portforward.taken  call    {session, bytes: total} -> {}

Input is numbered from 1 and asked one by one, again if no answer came; the answer says that the pod's side takes more.
Of what the pod sends WINDOW bytes may be on their way; `taken` says how many in total were handed on. The stream ends
when both sides have. Errors: NotFound (no such pod here), ServiceUnavailable (in the network's own words).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta
from cluster.errors import StatusError
from cluster.rpc import Request, Rpc, Sender
from nodes.kubelet.kit import Kit
from nodes.kubelet.pods import Pods
from nodes.kubelet.runtime import Pipe, RuntimeFailure

WINDOW = 1 << 20
"""Bytes that may be on their way to whoever asked."""


@dataclass(slots=True)
class _Connection:
    """`heard`: the number of the last input. `sent`, `taken`: bytes in total. `news`: one of these has changed."""

    pipe: Pipe
    heard: int = 0
    sent: int = 0
    taken: int = 0
    ended: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, what: str) -> None:
        while not (self.ended if what == "ended" else self.sent - self.taken < WINDOW):
            self.news.clear()
            await self.news.wait()


class Forwarding:
    def __init__(self, kit: Kit, pods: Pods) -> None:
        self._kit = kit
        self._pods = pods
        self._connections: dict[tuple[str, str], _Connection] = {}
        """By who asked and what he calls it."""

    def register(self, rpc: Rpc) -> None:
        rpc.serve_stream("kubelet.portforward", self._forward)
        rpc.serve("kubelet.portforward.input", self._input)
        rpc.serve("kubelet.portforward.taken", self._taken)

    async def _forward(self, request: Request, sender: Sender) -> None:
        body = request.body
        name, port = (request.src, str(body["session"])), int(body["port"])
        if name in self._connections:
            raise StatusError("BadRequest", f"a connection called {name[1]!r} goes on")
        pipe = await self._dial(str(body["namespace"]), str(body["pod"]), port)
        one = self._connections[name] = _Connection(pipe)
        sender.send(None)
        try:
            while data := await pipe.read():
                one.sent += len(data)
                sender.send(data)
                await one.until("room")
            sender.send(b"")
            await one.until("ended")
        except OSError as error:
            raise StatusError("ServiceUnavailable", f"read tcp: {error.strerror or error}") from error
        finally:
            del self._connections[name]
            pipe.close()

    async def _dial(self, namespace: str, pod: str, port: int) -> Pipe:
        worker = self._pods.find(namespace, pod)
        if worker is None:
            raise StatusError("NotFound", f'pods "{pod}" not found on {self._kit.config.node}')
        if not 1 <= port <= 65535:
            raise StatusError("BadRequest", f"{port} is no port")
        begin = f"error forwarding port {port} to pod {pod}_{namespace}, uid {worker.uid}: "
        if worker.phase != "Running" or not worker.facts.ip:
            raise StatusError("ServiceUnavailable", begin + f"the pod is {worker.phase} and not Running")
        try:
            return await self._kit.runtime.dial(meta.uid_of(worker.pod), worker.facts.ip, port)
        except RuntimeFailure as failure:
            raise StatusError("ServiceUnavailable", begin + failure.message) from failure

    async def _input(self, request: Request) -> dict[str, Any]:
        body = request.body
        one, number = self._of(request), int(body["number"])
        if number != one.heard + 1:
            return {}  # a copy
        one.heard = number
        try:
            if body.get("data"):
                await one.pipe.write(bytes(body["data"]))
            if body.get("end"):
                await one.pipe.end()
                one.ended = True
                one.news.set()
        except OSError as error:
            one.ended = True
            one.news.set()
            raise StatusError("NotFound", f"write tcp: {error.strerror or error}") from error
        return {}

    async def _taken(self, request: Request) -> dict[str, Any]:
        one = self._of(request)
        one.taken = max(one.taken, int(request.body["bytes"]))
        one.news.set()
        return {}

    def _of(self, request: Request) -> _Connection:
        one = self._connections.get((request.src, str(request.body["session"])))
        if one is None:
            raise StatusError("NotFound", "that connection is over")
        return one
