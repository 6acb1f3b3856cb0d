"""Somebody attached to a running container: what it writes from now on, and a way to type into it. Real by nature.

A container that is there for one session (stdinOnce: `kubectl run -i`) shows the first who attaches what it wrote
before too: a command that waits for nothing may be all but over by then, and its output would be lost, as it is in
Kubernetes.

Must not know who. See `nodes.kubelet.runtime.Session`; the other end is `programs/console.py`. A container that was not
started for it takes no input: what is typed is let fall, as in Kubernetes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

from nodes.kubelet.runtime import STDOUT, LogQuery
from nodes.runtime.logfile import read_log
from nodes.runtime.programs.console import HEAD, SOCKET

LOOK = 0.02
"""Seconds between looks at the log: somebody waits for the echo of a key."""


class Attachment:
    def __init__(self, folder: Path, log: Path, live: Callable[[], bool], *, whole: bool = False) -> None:
        """`folder`: where the console's socket is. `whole`: what it wrote before is shown too."""
        self._tail = None if whole else 0
        self._folder = folder
        self._log = log
        self._live = live
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Reach the console, which a container that has just been started may not have made yet."""
        while self._writer is None and self._live():
            sock = socket.socket(socket.AF_UNIX)
            try:
                place = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    sock.connect(f"/proc/self/fd/{place}/{SOCKET}")
                finally:
                    os.close(place)
            except OSError:
                sock.close()
                await asyncio.sleep(LOOK)
            else:
                _, self._writer = await asyncio.open_unix_connection(sock=sock)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        async for chunk in read_log(self._log, LogQuery(self._tail, True), self._live, LOOK):
            yield STDOUT, chunk

    async def write(self, data: bytes) -> None:
        await self._say(b"d", data)

    async def end_input(self) -> None:
        await self._say(b"e", b"")

    def resize(self, width: int, height: int) -> None:
        if self._writer is not None:
            self._writer.write(HEAD.pack(b"r", 4) + struct.pack(">HH", width & 0xFFFF, height & 0xFFFF))

    async def wait(self) -> int:
        """Who attaches learns of the end, and not how it was."""
        return 0

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def _say(self, letter: bytes, data: bytes) -> None:
        if self._writer is not None:
            with suppress(ConnectionError):
                self._writer.write(HEAD.pack(letter, len(data)) + data)
                await self._writer.drain()
