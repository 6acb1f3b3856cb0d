"""A component that writes numbered records, and says which are durable."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.world.host import Host


@dataclass(frozen=True, slots=True)
class Config:
    seat: str = ""


async def run(host: Host, config: Config) -> None:
    n = len(host.disk.read("log")) // 8 if host.disk.names("log") else 0
    while True:
        for _ in range(1 + n % 5):
            n += 1
            host.disk.append("log", n.to_bytes(8, "big"))
        await host.disk.sync("log")
        await host.disk.replace("state", str(n).encode())
        host.bus.send(config.seat, "durable", n)
