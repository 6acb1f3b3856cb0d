"""exec and attach: a client's channels on one side, a kubelet's session on the other.

Shell without sockets. Must not know framing (`channels`) or runtimes. Source: Kubernetes API, "connect GET requests to
exec of Pod".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cluster.api.meta import name_of, namespace_of
from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest import answers, channels, statuses
from cluster.apiserver.rest.flows import Client
from cluster.apiserver.rest.podlogs import container_of, kubelet_of
from cluster.apiserver.rest.requests import flag
from cluster.errors import StatusError
from cluster.rpc import Rpc

Object = dict[str, Any]
INPUT_TIMEOUT = 10.0
"""Seconds for a kubelet to take one piece of input."""
MOST_INPUT = 256 * 1024
"""Bytes of one piece."""


class Talk:
    """One exec or attach. `argv` empty: attach, which is the container's own output and input."""

    def __init__(self, rpc: Rpc, pod: Object, query: Mapping[str, str], argv: Sequence[str], name: str) -> None:
        """BadRequest if it cannot be meant."""
        if not any(flag(query, stream) for stream in ("stdin", "stdout", "stderr")):
            raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
        self._rpc = rpc
        self._kubelet = kubelet_of(pod)
        self._name = name
        self._wants = {1: flag(query, "stdout"), 2: flag(query, "stderr")}
        self._numbers = 0
        self._begun = asyncio.Event()
        """The kubelet has the session: input that came before would be for none."""
        place = {
            "namespace": namespace_of(pod),
            "pod": name_of(pod),
            "container": container_of(pod, query.get("container", "")),
        }
        rest = {"argv": list(argv), "stdin": flag(query, "stdin"), "tty": flag(query, "tty"), "session": name}
        self._stream = rpc.stream(self._kubelet, "kubelet.session", {**place, **rest})
        self._stdin = flag(query, "stdin")

    async def run(self, client: Client) -> None:
        """Until the command ends or the client leaves; the last message is a Status."""
        hearing = asyncio.ensure_future(self._hear(client))
        speaking = asyncio.ensure_future(self._speak(client))
        try:
            await asyncio.wait((hearing, speaking), return_when=asyncio.FIRST_COMPLETED)
            if not speaking.done() and not self._left(hearing):
                await speaking
            if speaking.done():
                status = speaking.result()
                await client.send(channels.STATUS, answers.json_bytes(status))
        finally:
            for task in (hearing, speaking):
                task.cancel()
                with suppress(asyncio.CancelledError, StatusError):
                    await task

    @staticmethod
    def _left(hearing: asyncio.Task[bool]) -> bool:
        return hearing.done() and not hearing.cancelled() and hearing.exception() is None and hearing.result()

    async def _speak(self, client: Client) -> Object:
        """What the command says, to the client; the Status of its end."""
        code = 0
        try:
            async with self._stream as items:
                async for item in items:
                    channel, data = item
                    self._begun.set()
                    if channel == channels.STATUS:
                        code = int(data)
                    elif channel and data and self._wants.get(channel):
                        await client.send(channel, data)
        except StatusError as error:
            return statuses.failure(error)
        return channels.ended(code)

    async def _hear(self, client: Client) -> bool:
        """What the client says, to the command. True: it has left; False: the command takes no more."""
        while (message := await client.receive()) is not None:
            channel, data = message
            if channel == channels.RESIZE:
                size = channels.size_of(data)
                if size is not None and self._stdin:
                    await self._input(size=list(size))
            elif channel == channels.CLOSE:
                if data[:1] == bytes((channels.STDIN,)) and self._stdin:
                    await self._input(end=True)
            elif channel == channels.STDIN and self._stdin:
                for start in range(0, len(data), MOST_INPUT):
                    await self._input(data=data[start : start + MOST_INPUT])
        return True

    async def _input(self, **piece: Any) -> None:
        """One after the other; input for a command that has just ended is let fall."""
        await self._begun.wait()
        self._numbers += 1
        body = {"session": self._name, "number": self._numbers, **piece}
        with suppress(StatusError):
            await self._rpc.call(self._kubelet, "kubelet.session.input", body, timeout=INPUT_TIMEOUT)
