"""A simulated disk: what is durable, what is only pending, and what a crash makes of it.

Must not know who writes. At least as nasty as a real one: a crash keeps of what was not synced a random prefix, or
random sectors, with zeros for the others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from cluster.world.diskfaults import DiskRules, Harm

SECTOR = 512
ROOM = 1024
"""Bytes that are really reserved after the end: enough for a tail of zeros, little enough for thousands of runs."""


@dataclass(slots=True)
class SimFile:
    data: bytearray = field(default_factory=bytearray)
    """Durable and pending bytes, one after the other."""
    durable: int = 0
    reserved: int = 0
    """After a crash there are zeros up to here."""


class Platter:
    """The files of one host: survives its boots."""

    def __init__(self, rng: Random) -> None:
        self.files: dict[str, SimFile] = {}
        self.sync_seconds = (0.0001, 0.0005)
        self.failing: str = ""
        """Message of the OSError that appends and syncs raise, "" for a healthy disk."""
        self.rng = rng
        self.immediate: float = rng.choice((0.0, 0.0, 0.3, 1.0))
        """Share of syncs that `try_sync` does at once."""

    def crash(self, *, lose_all: bool = False) -> None:
        """What was not synced survives as a prefix (all, nothing, or torn at a byte) or as some of its sectors;
        nothing of it if `lose_all`."""
        for name in sorted(self.files):
            file = self.files[name]
            pending = len(file.data) - file.durable
            if pending:
                kept = 0 if lose_all else self.rng.choice((0, pending, self.rng.randint(0, pending), -1))
                if kept < 0:
                    self._lose_sectors(file)
                else:
                    del file.data[file.durable + kept :]
            file.data += bytes(max(0, file.reserved - len(file.data)))
            file.durable, file.reserved = len(file.data), 0

    def _lose_sectors(self, file: SimFile) -> None:
        at = file.durable
        while at < len(file.data):
            end = min(len(file.data), at - at % SECTOR + SECTOR)
            if self.rng.random() < 0.5:
                file.data[at:end] = bytes(end - at)
            at = end

    def latency(self) -> float:
        low, high = self.sync_seconds
        return low + (high - low) * self.rng.random()


class SimDisk:
    """`cluster.world.host.Disk` for one boot. `rules`: the disk faults in force."""

    def __init__(self, platter: Platter, rules: DiskRules | None = None) -> None:
        self._platter = platter
        self._rules = rules
        self._failed: dict[str, str] = {}

    def read(self, name: str) -> bytes:
        self._check(name, quiet=True)
        return bytes(self._file(name).data)

    def read_at(self, name: str, offset: int, size: int) -> bytes:
        self._check(name, quiet=True)
        return bytes(self._file(name).data[offset : offset + size])

    def size(self, name: str) -> int:
        return len(self._file(name).data)

    def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self._platter.files if name.startswith(prefix))

    def append(self, name: str, data: bytes) -> None:
        self._check(name)
        file = self._platter.files.get(name)
        if file is None:
            file = self._platter.files[name] = SimFile()
        file.data += data

    def try_sync(self, name: str) -> bool:
        self._check(name)
        file = self._file(name)
        if self._rules is not None and self._rules.any():
            return False
        if self._platter.immediate and self._platter.rng.random() < self._platter.immediate:
            file.durable = len(file.data)
            return True
        return False

    async def sync(self, name: str) -> None:
        self._check(name)
        file, size = self._file(name), len(self._file(name).data)
        harm = self._harm(name)
        await asyncio.sleep(self._platter.latency() + harm.seconds)
        self._check(name)
        size = min(size, len(file.data))
        if harm.write or harm.sync:
            if harm.tear and size > file.durable:
                # Up to a sector's end: what is written of a sector is all of it, and a crash may keep later ones.
                torn = file.durable + self._platter.rng.randrange(size - file.durable)
                file.durable = max(file.durable, torn - torn % SECTOR)
            self._fail(name, harm)
        if harm.flip and size > file.durable:
            window = slice(file.durable, size)
            file.data[window] = harm.written(bytes(file.data[window]), self._platter.rng)
        if not harm.lie:
            file.durable = max(file.durable, size)

    def reserve(self, name: str, size: int) -> None:
        self._check(name)
        file = self._platter.files.setdefault(name, SimFile())
        file.reserved = max(file.reserved, min(size, len(file.data) + ROOM))

    async def rename(self, old: str, new: str) -> None:
        self._check(old)
        self._file(old)
        await asyncio.sleep(self._platter.latency())
        self._check(old)
        self._platter.files[new] = self._platter.files.pop(old)
        self._failed.pop(new, None)

    async def replace(self, name: str, data: bytes) -> None:
        self._check(name)
        harm = self._harm(name)
        await asyncio.sleep(2 * self._platter.latency() + harm.seconds)
        self._check(name)
        if harm.write or harm.sync:
            self._fail(name, harm)
        kept = bytearray(harm.written(data, self._platter.rng))
        self._platter.files[name] = SimFile(kept, len(kept))

    async def truncate(self, name: str, size: int) -> None:
        self._check(name)
        file = self._file(name)
        await asyncio.sleep(self._platter.latency())
        self._check(name)
        if len(file.data) < size:
            raise OSError(f"{name} has {len(file.data)} bytes, cannot be cut to {size}")
        del file.data[size:]
        file.durable, file.reserved = size, 0

    async def remove(self, name: str) -> None:
        await asyncio.sleep(self._platter.latency())
        self._platter.files.pop(name, None)
        self._failed.pop(name, None)

    def detach(self) -> None:
        """Its host is dead, though it may have a turn to end: what it does now reaches no disk."""
        mine, self._platter = self._platter, Platter(Random(0))
        self._platter.files = {name: SimFile(bytearray(f.data), f.durable) for name, f in mine.files.items()}
        self._rules = None

    def _file(self, name: str) -> SimFile:
        try:
            return self._platter.files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def _harm(self, name: str) -> Harm:
        return Harm() if self._rules is None else self._rules.harm(name)

    def _fail(self, name: str, harm: Harm) -> None:
        try:
            harm.check()
        except OSError as error:
            self._failed[name] = str(error)
            error.filename = name
            raise

    def _check(self, name: str, *, quiet: bool = False) -> None:
        """`quiet`: a disk that cannot be written can be read, as far as its files have not failed."""
        if name in self._failed:
            raise OSError(f"{name}: an earlier sync failed: {self._failed[name]}")
        if self._platter.failing and not quiet:
            self._failed[name] = self._platter.failing
            raise OSError(self._platter.failing)
