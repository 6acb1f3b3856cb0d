"""A component that does on its host whatever a test asks of it over rpc."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from cluster.rpc import Request, Rpc
from cluster.world.host import Envelope, Host


@dataclass(frozen=True, slots=True)
class Config:
    ends_after: float = 0.0
    """Seconds until it returns by itself; 0: never."""


async def run(host: Host, config: Config) -> None:
    rpc = Rpc(host)
    changes = [0]

    def changed() -> None:
        changes[0] += 1

    host.links.on_change(changed)

    async def do(request: Request) -> Any:
        disk = host.disk
        match request.body:
            case ["append", name, data]:
                disk.append(name, data)
            case ["sync", name]:
                try:
                    await disk.sync(name)
                except OSError as error:
                    return str(error)
            case ["try_sync", name]:
                return disk.try_sync(name)
            case ["reserve", name, size]:
                disk.reserve(name, size)
            case ["rename", old, new]:
                await disk.rename(old, new)
            case ["read_at", name, offset, size]:
                return disk.read_at(name, offset, size)
            case ["size", name]:
                return disk.size(name)
            case ["replace", name, data]:
                await disk.replace(name, data)
            case ["truncate", name, size]:
                await disk.truncate(name, size)
            case ["remove", name]:
                await disk.remove(name)
            case ["names", prefix]:
                return disk.names(prefix)
            case ["read", name]:
                try:
                    return disk.read(name)
                except FileNotFoundError:
                    return None
            case ["clock"]:
                return [host.clock.now(), host.clock.monotonic()]
            case ["boot"]:
                return [host.name, host.machine, host.boot, host.rng.random()]
            case ["connected", machine]:
                return [host.links.connected(machine), changes[0]]
            case body:
                return body

    rpc.serve("do", do)
    await asyncio.sleep(config.ends_after or 1e6)


class Collector:
    """A receiver that keeps what arrives."""

    def __init__(self, host: Host) -> None:
        self.got: list[Envelope] = []
        host.bus.listen(self.got.append)

    def kinds(self) -> list[str]:
        return [envelope.kind for envelope in self.got]
