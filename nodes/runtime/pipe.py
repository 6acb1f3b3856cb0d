"""A TCP connection to a container's port. Real by nature. See `nodes.kubelet.runtime.Pipe`."""

from __future__ import annotations

import asyncio

from nodes.kubelet.runtime import RuntimeFailure
from nodes.network.ports import here

CHUNK = 64 * 1024
DIAL_SECONDS = 10.0


class SocketPipe:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def dial(cls, ip: str, port: int) -> SocketPipe:
        """RuntimeFailure Refused."""
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                return cls(*await asyncio.open_connection(ip, here(port), limit=4 * CHUNK))
        except ConnectionRefusedError:
            why = "connect: connection refused"
        except TimeoutError:
            why = "i/o timeout"
        except OSError as error:
            why = f"connect: {error.strerror or error}"
        raise RuntimeFailure("Refused", f"failed to connect to {ip}:{port}: dial tcp4 {ip}:{port}: {why}")

    async def read(self) -> bytes:
        return await self._reader.read(CHUNK)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def end(self) -> None:
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()
