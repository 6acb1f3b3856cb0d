"""Answers that are no single message: a flow of bytes, a conversation in channels, a tunnel of bytes both ways.

Values only. Must not know sockets, nor who talks about what.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

Write = Callable[[bytes], None]


class Client(Protocol):
    """Who talks in channels: messages from it, until it leaves; messages to it."""

    async def receive(self) -> tuple[int, bytes] | None:
        """(channel, data), or None when it has left."""

    async def send(self, channel: int, data: bytes) -> None:
        """Waits while it is behind."""


class Raw(Protocol):
    """Who sends and gets plain bytes."""

    async def receive(self) -> bytes | None:
        """Some bytes, or None when it has left."""

    async def send(self, data: bytes) -> None:
        """Waits while it is behind."""


@dataclass(frozen=True, slots=True)
class Flow:
    """An answer that goes on: `run(write)` until it is over. `protocol`: of the WebSocket whose messages it is, "" for
    one that names none; None where it is the body of an answer."""

    content_type: str
    run: Callable[[Write], Awaitable[None]]
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Duplex:
    """An answer that is a conversation over a WebSocket: `run(client)` until it is over."""

    protocol: str
    run: Callable[[Client], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The same, of bytes: the borders of messages mean nothing."""

    protocol: str
    run: Callable[[Raw], Awaitable[None]]
