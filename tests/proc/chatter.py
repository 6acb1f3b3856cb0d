"""A component that talks to all its peers all the time: traffic for faults to stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cluster.world.host import Host


@dataclass(frozen=True, slots=True)
class Config:
    peers: tuple[str, ...] = ()
    every: float = 0.001


async def run(host: Host, config: Config) -> None:
    host.bus.listen(lambda envelope: None)
    while True:
        for peer in config.peers:
            if peer != host.name:
                host.bus.send(peer, "chat.line", {"from": host.name, "text": "x" * 100})
        await asyncio.sleep(config.every)
