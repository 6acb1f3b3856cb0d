"""A component that fails, in its task or in a callback, or halts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cluster.errors import HaltError
from cluster.world.host import Host


@dataclass(frozen=True, slots=True)
class Config:
    in_callback: bool = False
    halts: bool = False


async def run(host: Host, config: Config) -> None:
    def fail() -> None:
        raise ArithmeticError("as planned")

    await asyncio.sleep(0.02)
    if config.halts:
        raise HaltError("wal/1: no bit is right at byte 7; start anew")
    if not config.in_callback:
        fail()
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(1e6)
