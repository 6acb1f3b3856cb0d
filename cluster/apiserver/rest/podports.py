"""One connection to a port of a pod, through the kubelet that has the pod.

Shell without sockets. Must not know how clients speak (`portforward` does). Both directions wait for who is slow: a
client that does not read holds its pod up, and a pod its client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from cluster.errors import StatusError
from cluster.rpc import Rpc, Stream

TIMEOUT = 10.0
"""Seconds for a kubelet to take one piece of input; then the same piece is sent again."""
TRIES = 6
PIECE = 256 * 1024
"""Bytes of one piece."""
MOST_WAITING = 1 << 20
"""Bytes from the client that may wait."""
TELL = 256 * 1024
"""How many bytes are handed on before the kubelet is told."""

Deliver = Callable[[bytes], Awaitable[None]]


class PodPort:
    """`place`: {namespace, pod, port}. `name`: unique among the connections that this host asks of the kubelet."""

    def __init__(self, rpc: Rpc, kubelet: str, place: dict[str, Any], name: str) -> None:
        self._rpc = rpc
        self._kubelet = kubelet
        self._name = name
        self._stream: Stream = rpc.stream(kubelet, "kubelet.portforward", {**place, "session": name})
        self._waiting: list[bytes] = []
        self._size = 0
        self._ended = False
        self._deaf = False
        self._stirred = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._taken = 0
        self._told = asyncio.Event()

    async def run(self, deliver: Deliver) -> None:
        """Until both directions have ended. `deliver(data)` gets what the pod sends, b"" when it sends no more.
        StatusError in the kubelet's words, or StreamBroken when it does not answer."""
        async with self._stream as items:
            await anext(items)
            helpers = [asyncio.ensure_future(work) for work in (self._push(), self._tell())]
            try:
                async for data in items:
                    await deliver(data)
                    self._taken += len(data)
                    self._told.set()
            finally:
                for task in helpers:
                    task.cancel()
                    with suppress(asyncio.CancelledError, StatusError):
                        await task

    async def write(self, data: bytes) -> None:
        """Takes what the client sends; waits while too much of it waits. What nobody takes any more is let fall."""
        if self._deaf:
            return
        self._waiting.append(data)
        self._size += len(data)
        self._stirred.set()
        if self._size > MOST_WAITING:
            self._room.clear()
        await self._room.wait()

    def end(self) -> None:
        """The client sends no more."""
        self._ended = True
        self._stirred.set()

    async def _push(self) -> None:
        """Should it fail, then the stream ends too, or the pod takes no more but still sends."""
        try:
            await self._hand_on()
        finally:
            self._deaf = True
            self._room.set()

    async def _hand_on(self) -> None:
        number = 0
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            data = b"".join(self._waiting)
            self._waiting.clear()
            for start in range(0, len(data), PIECE):
                number += 1
                await self._ask("input", {"number": number, "data": data[start : start + PIECE]})
            self._size -= len(data)
            if self._size <= MOST_WAITING:
                self._room.set()
            if self._ended and not self._waiting:
                await self._ask("input", {"number": number + 1, "end": True})
                return

    async def _tell(self) -> None:
        told = 0
        while True:
            await self._told.wait()
            self._told.clear()
            if self._taken - told >= TELL:
                told = self._taken
                await self._ask("taken", {"bytes": told})

    async def _ask(self, what: str, body: dict[str, Any]) -> None:
        """Asking twice is asking once: the kubelet counts."""
        for attempt in range(TRIES):
            try:
                await self._rpc.call(
                    self._kubelet, f"kubelet.portforward.{what}", {"session": self._name, **body}, timeout=TIMEOUT
                )
                return
            except StatusError as error:
                if error.reason != "Timeout" or attempt == TRIES - 1:
                    raise
