"""What a replica keeps on its disk: a journal of batches of changes and the newest snapshot; and getting them back.

Shell over store/segments.py and store/snapshot.py, whose formats and rules it shares with raft's storage. Must not know
what changes mean. OSError from the disk passes through, and the replica must stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.wire import WireError, pack, unpack
from cluster.world.host import Disk
from store import wal
from store.segments import Segments
from store.snapshot import SnapshotError, seal, snapshot_name, unseal


@dataclass(slots=True)
class Recovered:
    """`state`: the snapshot's, None if there is none. `batches`: each one's items, in order. `torn`: bytes cut off
    the journal's end; they were never acknowledged."""

    state: bytes | None
    batches: list[list[Any]]
    torn: int


class Journal:
    """Made by `Journal.open`. `number` counts the batches of all time."""

    def __init__(self, disk: Disk, segments: Segments, number: int, saved: int) -> None:
        self.number = number
        self.saved = saved
        """The batch up to which the newest snapshot holds everything."""
        self._disk = disk
        self._segments = segments

    @classmethod
    async def open(cls, disk: Disk, segment_bytes: int) -> tuple[Journal, Recovered]:
        """WalError or SnapshotError when what is there cannot be trusted."""
        saved, state = _newest(disk)
        found = Recovered(state, [], 0)
        number = saved

        def take(name: str, record: wal.Record) -> int:
            nonlocal number
            last, items = _batch(name, record)
            if last > saved:
                if last != number + 1:
                    raise wal.WalError(name, record.offset, f"batches {number + 1} to {last - 1} are missing")
                number = last
                found.batches.append(items)
            return last

        segments, found.torn = await Segments.open(disk, segment_bytes, take)
        return cls(disk, segments, number, saved), found

    async def append(self, items: list[Any]) -> None:
        """One batch, all or nothing; durable on return."""
        self.number += 1
        self._segments.append(wal.BATCH, pack((self.number, items)), self.number)
        if not self._segments.try_sync():
            await self._segments.sync()

    async def save(self, number: int, state: bytes) -> None:
        """A snapshot of everything up to batch `number`; then what it makes superfluous goes, oldest first."""
        await self._disk.replace(snapshot_name(number), seal(pack(number), state))
        self.saved = number
        for name in self._disk.names("snapshot/"):
            if name < snapshot_name(number):
                await self._disk.remove(name)
        await self._segments.drop_up_to(number)


def _newest(disk: Disk) -> tuple[int, bytes | None]:
    names = disk.names("snapshot/")
    if not names:
        return 0, None
    meta, state = unseal(names[-1], disk.read(names[-1]))
    try:
        number = unpack(meta)
    except WireError as error:
        raise SnapshotError(names[-1], f"its head makes no sense ({error})") from error
    if type(number) is not int:
        raise SnapshotError(names[-1], "its head makes no sense (no number)")
    return number, state


def _batch(name: str, record: wal.Record) -> tuple[int, list[Any]]:
    try:
        number, items = unpack(record.payload)
    except (WireError, TypeError, ValueError) as error:
        raise wal.WalError(name, record.offset, f"a record that makes no sense ({error})") from error
    if type(number) is not int or type(items) is not list:
        raise wal.WalError(name, record.offset, "a record that is no batch of changes")
    return number, items


HINTS = "hints/"


def read_hints(disk: Disk, peer: str) -> list[bytes] | None:
    """The keys that `peer` had not answered for. None: there is a file, and it cannot be trusted; what hints would
    have told sooner, gossip finds."""
    name = HINTS + peer
    if name not in disk.names(HINTS):
        return []
    try:
        _, state = unseal(name, disk.read(name))
        keys = unpack(state)
    except (SnapshotError, WireError):
        return None
    return keys if type(keys) is list and all(type(key) is bytes for key in keys) else None


async def write_hints(disk: Disk, peer: str, keys: list[bytes]) -> None:
    """None of them: the file goes."""
    if keys:
        await disk.replace(HINTS + peer, seal(b"", pack(keys)))
    else:
        await disk.remove(HINTS + peer)
