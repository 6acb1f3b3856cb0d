"""A simulated disk: what is durable, what is only pending, and what a crash makes of it.

Must not know who writes. At least as nasty as a real one: a crash keeps a random prefix of what was not synced.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class SimFile:
    data: bytearray = field(default_factory=bytearray)
    """Durable and pending bytes, one after the other."""
    durable: int = 0


class Platter:
    """The files of one host: survives its boots."""

    def __init__(self, rng: Random) -> None:
        self.files: dict[str, SimFile] = {}
        self.sync_seconds = (0.0001, 0.0005)
        self.failing: str = ""
        """Message of the OSError that appends and syncs raise, "" for a healthy disk."""
        self._rng = rng

    def crash(self, *, lose_all: bool = False) -> None:
        """What was not synced survives as a prefix: all, nothing, or torn at a byte; nothing if `lose_all`."""
        for name in sorted(self.files):
            file = self.files[name]
            pending = len(file.data) - file.durable
            if pending:
                kept = 0 if lose_all else self._rng.choice((0, pending, self._rng.randint(0, pending)))
                del file.data[file.durable + kept :]
            file.durable = len(file.data)

    def latency(self) -> float:
        low, high = self.sync_seconds
        return low + (high - low) * self._rng.random()


class SimDisk:
    """`cluster.world.host.Disk` for one boot."""

    def __init__(self, platter: Platter) -> None:
        self._platter = platter

    def read(self, name: str) -> bytes:
        return bytes(self._file(name).data)

    def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self._platter.files if name.startswith(prefix))

    def append(self, name: str, data: bytes) -> None:
        self._check()
        self._platter.files.setdefault(name, SimFile()).data += data

    async def sync(self, name: str) -> None:
        self._check()
        file = self._file(name)
        size = len(file.data)
        await asyncio.sleep(self._platter.latency())
        self._check()
        file.durable = max(file.durable, min(size, len(file.data)))

    async def replace(self, name: str, data: bytes) -> None:
        self._check()
        await asyncio.sleep(2 * self._platter.latency())
        self._check()
        self._platter.files[name] = SimFile(bytearray(data), len(data))

    async def truncate(self, name: str, size: int) -> None:
        file = self._file(name)
        await asyncio.sleep(self._platter.latency())
        del file.data[size:]
        file.durable = min(file.durable, size)
        if len(file.data) < size:
            raise OSError(f"{name} has {len(file.data)} bytes, cannot be cut to {size}")

    async def remove(self, name: str) -> None:
        await asyncio.sleep(self._platter.latency())
        self._platter.files.pop(name, None)

    def _file(self, name: str) -> SimFile:
        try:
            return self._platter.files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def _check(self) -> None:
        if self._platter.failing:
            raise OSError(self._platter.failing)
