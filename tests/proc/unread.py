"""A component that writes to a connection whose reader has gone, and ends when it is told so."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

from cluster.world.host import Host


@dataclass(frozen=True, slots=True)
class Config:
    pass


async def run(host: Host, config: Config) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with suppress(BrokenPipeError):
        ours.send(b"x")
