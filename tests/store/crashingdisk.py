"""A simulated disk that dies at a chosen step, and what the medium may look like afterwards.

Must not know who writes. Steps are counted before and after each operation that changes something.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random

from cluster.world.sim.disk import Platter, SimDisk


class Crash(BaseException):
    """The process is gone. No component may catch it."""


def blank(*, immediate: float = 0.0) -> Platter:
    """A platter without latency."""
    platter = Platter(Random(0))
    platter.sync_seconds, platter.immediate = (0.0, 0.0), immediate
    return platter


class CrashingDisk(SimDisk):
    """Raises Crash at step `at` (from 0; never if negative). `log` says what was done."""

    def __init__(self, platter: Platter, at: int = -1) -> None:
        super().__init__(platter)
        self.steps = 0
        self.log: list[str] = []
        self._at = at

    def _step(self, what: str) -> None:
        self.log.append(what)
        if self.steps == self._at:
            raise Crash(what)
        self.steps += 1

    def append(self, name: str, data: bytes) -> None:
        self._step(f"append {name}")
        super().append(name, data)

    def try_sync(self, name: str) -> bool:
        self._step(f"sync {name}")
        done = super().try_sync(name)
        if done:
            self._step(f"synced {name}")
        return done

    async def sync(self, name: str) -> None:
        await super().sync(name)
        self._step(f"synced {name}")

    def reserve(self, name: str, size: int) -> None:
        self._step(f"reserve {name}")
        super().reserve(name, size)

    async def rename(self, old: str, new: str) -> None:
        self._step(f"rename {old} {new}")
        await super().rename(old, new)
        self._step(f"renamed {old} {new}")

    async def replace(self, name: str, data: bytes) -> None:
        self._step(f"replace {name}")
        await super().replace(name, data)
        self._step(f"replaced {name}")

    async def truncate(self, name: str, size: int) -> None:
        self._step(f"truncate {name}")
        await super().truncate(name, size)
        self._step(f"truncated {name}")

    async def remove(self, name: str) -> None:
        self._step(f"remove {name}")
        await super().remove(name)
        self._step(f"removed {name}")


def aftermaths(platter: Platter, variants: int) -> Iterator[Platter]:
    """Copies of the platter as a crash may leave it: nothing of what was not synced, and `variants` drawn ones."""
    for number in range(-1, variants):
        left = deepcopy(platter)
        left.rng = Random(number)
        left.crash(lose_all=number < 0)
        yield left
