"""A non-blocking framed connection for a process that has no event loop, only a selector.

Must not know what is said.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from cluster.wire import WireError
from cluster.world.proc.control import FrameReader, Message, frame

MAX_PENDING = 64 * 1024 * 1024
"""Bytes that may wait for a peer that does not read; then it is cut off."""


class Peer:
    """`on_message(peer, message)`; `on_end(peer)` once, after which nothing is sent or received.

    File descriptors that came along with messages (SCM_RIGHTS) are in `fds`, in order."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        sock: socket.socket,
        on_message: Callable[[Peer, Message], None],
        on_end: Callable[[Peer], None],
    ) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.fds: deque[int] = deque()
        self.machine = ""
        self._selector = selector
        self._on_message = on_message
        self._on_end = on_end
        self._reader = FrameReader()
        self._out = bytearray()
        self._open = True
        selector.register(sock, selectors.EVENT_READ, self.ready)

    def ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE and self._open:  # it may have ended by what was handled just before
            self._flush()
        if events & selectors.EVENT_READ and self._open:
            self._receive()

    def _receive(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self.sock, 1 << 16, 16)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        for fd in fds:
            os.set_inheritable(fd, False)
            self.fds.append(fd)
        try:
            messages = self._reader.feed(data) if data else []
        except WireError:
            data, messages = b"", []
        for message in messages:
            if self._open:
                self._on_message(self, message)
        if not data:
            self.end()

    def send(self, message: Mapping[str, Any]) -> None:
        if self._open:
            self._out += frame(message)
            self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self.sock.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            self.end()
            return
        if len(self._out) > MAX_PENDING:
            self.end()
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        self._selector.modify(self.sock, wanted, self.ready)

    def end(self) -> None:
        if self._open:
            self._open = False
            self._selector.unregister(self.sock)
            self.close()
            self._on_end(self)

    def close(self) -> None:
        """Close the descriptors only: what a forked child does with its parent's connections."""
        self.sock.close()
        while self.fds:
            os.close(self.fds.popleft())
