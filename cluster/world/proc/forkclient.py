"""The supervisor's end of the socketpair with the fork server.

Must not know hosts: pids and events. The messages are in `forkserver.py`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from cluster.world.proc.control import FrameReader, Message, error_from, frame


class ForkClient:
    def __init__(self, sock: socket.socket, on_event: Callable[[Message], None], on_end: Callable[[], None]) -> None:
        self._sock = sock
        self._on_event = on_event
        self._on_end = on_end
        self._reader = FrameReader()
        self._next = 0
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    async def call(self, op: str, *, fds: tuple[int, ...] = (), **fields: Any) -> Any:
        """The answer's value; UsageError when the fork server could not."""
        self._next += 1
        req = self._next
        future: asyncio.Future[Message] = self._loop.create_future()
        self._waiting[req] = future
        data = frame({"op": op, "req": req, **fields})
        # Blocking, and short: the fork server always reads.
        sent = socket.send_fds(self._sock, [data], list(fds)) if fds else 0
        self._sock.sendall(data[sent:])
        answer = await future
        if "error" in answer:
            raise error_from(answer["error"])
        return answer["ok"]

    def _readable(self) -> None:
        try:
            data = self._sock.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._sock.fileno())
            self._on_end()
            return
        for message in self._reader.feed(data):
            if "req" in message:
                future = self._waiting.pop(message["req"], None)
                if future is not None and not future.done():
                    future.set_result(message)
            else:
                self._on_event(message)
