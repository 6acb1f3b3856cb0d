"""Frames on the unix sockets, and the blocking and asynchronous clients of the supervisor's control socket.

Must not know what is asked. A frame is a length (4 bytes, big-endian) and a msgpack map; no fault touches it.

A request is {op, req, ...}; its answer {req, ok: ...} or {req, error: {message, place, remedy, status}}. What comes
without `req` is a directive or an event (`network.py`, `service.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from cluster.errors import UsageError
from cluster.wire import WireError, pack, unpack

MAX_CONTROL = 64 * 1024 * 1024
"""Bytes of one frame; a peer that announces more is cut off."""

Message = dict[str, Any]


def frame(message: Mapping[str, Any]) -> bytes:
    data = pack(message)
    return len(data).to_bytes(4, "big") + data


class FrameReader:
    """Bytes in, maps out; WireError for what is not a frame of ours."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        self._buffer += data
        messages: list[Message] = []
        at, buffer = 0, self._buffer
        while len(buffer) - at >= 4:
            size = int.from_bytes(buffer[at : at + 4], "big")
            if size > MAX_CONTROL:
                raise WireError(f"a control frame of {size} bytes is over the limit")
            if len(buffer) - at - 4 < size:
                break
            message = unpack(bytes(buffer[at + 4 : at + 4 + size]))
            if type(message) is not dict:
                raise WireError("a control frame is a map")
            messages.append(message)
            at += 4 + size
        del buffer[:at]
        return messages


def error_body(error: Exception) -> Message:
    """An exception as data; what is not a UsageError keeps its type's name."""
    if isinstance(error, UsageError):
        text = error.args[0] if error.args else ""
        return {"message": text, "place": error.place, "remedy": error.remedy, "status": error.status}
    return {"message": f"{type(error).__name__}: {error}", "place": "", "remedy": "", "status": 1}


def error_from(body: Mapping[str, Any]) -> UsageError:
    return UsageError(
        str(body.get("message", "")),
        place=str(body.get("place", "")),
        remedy=str(body.get("remedy", "")),
        status=int(body.get("status", 1)),
    )


def _not_up(path: Path) -> UsageError:
    return UsageError("no cluster is up here", place=str(path.parent.parent), remedy="start it with `up`", status=1)


def ask(path: Path, op: str, *, timeout: float = 30.0, **fields: Any) -> Any:
    """One request on a connection of its own, blocking: for callers without a loop. UsageError when nobody listens,
    or as the supervisor says; TimeoutError after `timeout` seconds."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise _not_up(path) from None
        sock.sendall(frame({"op": op, "req": 1, **fields}))
        reader = FrameReader()
        while True:
            try:
                data = sock.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                raise UsageError("the supervisor ended before it answered", place=str(path), status=1)
            for message in reader.feed(data):
                if message.get("req") == 1:
                    return _result(message)


def _result(message: Message) -> Any:
    if "error" in message:
        raise error_from(message["error"])
    return message.get("ok")


class FrameProtocol(asyncio.Protocol):
    """An asyncio protocol that hands whole messages to a callback; a peer that sends rubbish is cut off."""

    def __init__(self, on_message: Callable[[Message], None], on_end: Callable[[], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self._on_message = on_message
        self._on_end = on_end
        self._reader = FrameReader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._reader.feed(data)
        except WireError:
            self.close()
            return
        for message in messages:
            self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._on_end()

    def send(self, message: Mapping[str, Any]) -> None:
        """Dropped when the connection has ended."""
        if self.transport is not None:
            self.transport.write(frame(message))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class ControlClient:
    """An asynchronous connection to the supervisor: many requests at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._next = 0
        self._protocol = FrameProtocol(self._receive, self._ended)

    @classmethod
    async def open(cls, path: Path) -> ControlClient:
        """UsageError when nobody listens at `path`."""
        client = cls(path)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_unix_connection(lambda: client._protocol, str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise _not_up(path) from None
        return client

    async def call(self, op: str, **fields: Any) -> Any:
        """The answer; UsageError as the supervisor says, or when it ends before it answers."""
        if self._protocol.transport is None:
            raise _not_up(self._path)
        self._next += 1
        req = self._next
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[req] = future
        self._protocol.send({"op": op, "req": req, **fields})
        try:
            return _result(await future)
        finally:
            self._waiting.pop(req, None)

    def _receive(self, message: Message) -> None:
        future = self._waiting.get(message.get("req", 0))
        if future is not None and not future.done():
            future.set_result(message)

    def _ended(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                with contextlib.suppress(asyncio.InvalidStateError):
                    future.set_exception(
                        UsageError("the supervisor ended before it answered", place=str(self._path), status=1)
                    )

    def close(self) -> None:
        self._protocol.close()
