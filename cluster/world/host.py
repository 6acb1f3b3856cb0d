"""Everything that a component may touch: if it is not on `Host`, it does not happen.

This module must not know which world it runs in. See the package docstring for the contract in prose.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, Protocol

Address = str
"""A host's name, which is its address on the bus: "store-0", "apiserver-1", "kubelet-2"."""


class Envelope(NamedTuple):
    """One message as it arrives. A named tuple: one is built per delivery, at a third of a dataclass's cost.

    `kind` is a dotted name (`raft.append`, `lease.renew`) that faults, traces and statistics select by.
    `id` is unique per (src, boot); `corr` is the id of the request that this answers, or 0.
    `timeout` is how many seconds the sender will still wait (0: it does not wait). It is relative, because
    machines do not share a clock. `lamport` orders journals.
    """

    kind: str
    src: Address
    dst: Address
    boot: int
    id: int
    corr: int
    timeout: float
    lamport: int
    body: Any


Receiver = Callable[[Envelope], None]


class Clock(Protocol):
    def now(self) -> float:
        """This host's own idea of the wall time in seconds since 1970, skew and all: stamps, leases."""

    def monotonic(self) -> float:
        """Seconds that never jump: measuring how long something took, deadlines. Same as the loop's time."""


class Bus(Protocol):
    """Datagrams: may be dropped, delayed, repeated, reordered. Packed at send in both worlds, never shared."""

    def send(self, dst: Address, kind: str, body: Any, *, corr: int = 0, timeout: float = 0.0) -> int:
        """Never blocks, never raises for the network's sake, promises nothing. Returns the message's id.

        Raises TypeError for a body that msgpack cannot pack (a bug of the caller's)."""

    def listen(self, receiver: Receiver) -> None:
        """Hand every message that arrives to `receiver`, in the loop, from now on (early ones were kept).

        A callback and not `recv()`: one loop turn hands over all that has arrived, which is what a store
        member batches, and no task is woken per message."""


class Disk(Protocol):
    """Flat named files of one host ("wal/0001.log"). They survive its crash and belong to its machine."""

    def read(self, name: str) -> bytes:
        """The whole file. FileNotFoundError if there is none. OSError as the disk pleases."""

    def names(self, prefix: str = "") -> list[str]:
        """Sorted names of the files that start with `prefix`."""

    def append(self, name: str, data: bytes) -> None:
        """Buffered: a crash before `sync` returns may lose it, or tear it at any byte."""

    async def sync(self, name: str) -> None:
        """Everything appended to `name` before this call is durable on return. OSError (ENOSPC, EIO): nothing
        is known any more about what was not synced; never retry, stop the host."""

    async def replace(self, name: str, data: bytes) -> None:
        """Write aside, sync, rename, sync the folder: all or nothing, and durable on return."""

    async def truncate(self, name: str, size: int) -> None:
        """Cut to `size` bytes; durable on return."""

    async def remove(self, name: str) -> None:
        """Forget the file; durable on return. Missing is fine."""


class Links(Protocol):
    """The network as it concerns byte streams that do not pass the bus (a proxy's TCP connections)."""

    def connected(self, machine: str) -> bool:
        """May bytes flow between this host's machine and `machine` now, in both directions? Always to itself."""

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back after rules were installed, healed or expired: what is no longer connected must be cut."""


@dataclass(frozen=True, slots=True)
class Host:
    name: Address
    machine: str
    boot: int
    """Incarnation, from 1: the dead keep theirs, and reach nobody."""
    clock: Clock
    rng: Random
    """The only source of chance; differs per boot."""
    bus: Bus
    disk: Disk
    links: Links
    note: Callable[[str, Mapping[str, Any]], None]
    """note(event, data): write a line to this host's journal ("role", {"term": 3, "role": "leader"})."""


Component = Callable[[Host], Awaitable[None]]
"""The whole plug: a function of its host. Rebooting is calling it again with the same disk."""
