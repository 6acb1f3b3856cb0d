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

    def defer(self, callback: Callable[[], None]) -> None:
        """Call back once all that has arrived in this turn was handed over, before what was sent goes out: the place
        for whoever gathers a turn's messages into one."""

    def flush(self) -> None:
        """What was sent goes out now and not at the end of the turn: before work that holds the loop up."""


class Disk(Protocol):
    """Flat named files of one host ("wal/0001.log"). They survive its crash and belong to its machine.

    After an OSError of a write or a sync (ENOSPC, EIO) that file is failed for this boot: nothing is known any more
    about what was not synced, and every later operation on it raises (a second fsync would lie). Stop the host."""

    def read(self, name: str) -> bytes:
        """The whole file. FileNotFoundError if there is none. OSError as the disk pleases."""

    def read_at(self, name: str, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`, fewer at the end. FileNotFoundError if there is no such file."""

    def size(self, name: str) -> int:
        """Bytes that `read` would give. FileNotFoundError."""

    def names(self, prefix: str = "") -> list[str]:
        """Sorted names of the files that start with `prefix`."""

    def append(self, name: str, data: bytes) -> None:
        """Buffered: a crash before a sync returns may lose it, tear it at any byte, or lose any sector of it. Goes
        after the last byte appended; in a file that an earlier boot left, after its last byte."""

    def try_sync(self, name: str) -> bool:
        """`sync` within this turn if that is expected to be brief: True. Else do nothing: False; await `sync`."""

    async def sync(self, name: str) -> None:
        """Everything appended to `name` before this call is durable on return; appends may go on meanwhile."""

    def reserve(self, name: str, size: int) -> None:
        """Room for `size` bytes, so that a later sync writes no metadata: beside the loop, best effort, makes the
        file if there is none. What is reserved and not written is not read in this boot, and reads as zeros after
        the file's last byte in the next: `truncate` to what counts before appending then."""

    async def rename(self, old: str, new: str) -> None:
        """Atomic, replaces `new`, durable on return. Sync `old` first. FileNotFoundError."""

    async def replace(self, name: str, data: bytes) -> None:
        """Write aside, sync, rename, sync the folder: all or nothing, and durable on return."""

    async def truncate(self, name: str, size: int) -> None:
        """Cut to `size` bytes and give back what was reserved; that and all before it is durable on return."""

    async def remove(self, name: str) -> None:
        """Forget the file; durable on return. Missing is fine."""


@dataclass(frozen=True, slots=True)
class ApiHarm:
    """What is wrong with one request. `seconds` slower; `code` 0: it is served, else refused with that; `done`: it is
    carried out all the same."""

    seconds: float = 0.0
    code: int = 0
    done: bool = False


HARMLESS = ApiHarm()


class ApiFaults(Protocol):
    """The faults that a server of requests is to show of itself (cluster/world/apifaults.py)."""

    def request(self, user: Address, verb: str, kind: str) -> ApiHarm:
        """What is wrong with one request, which is counted."""

    def stale(self) -> bool:
        """Does its cache stand still?"""

    def shown(self, user: Address, verb: str, kind: str, behind: bool) -> None:
        """Its cache was read while it stands still; `behind` what there is."""

    def misses(self, user: Address, kind: str) -> bool:
        """Is one event to be left out of one watch? Counted."""


class Faultless:
    """`ApiFaults` of a host that nothing can be done to."""

    __slots__ = ()

    def request(self, user: Address, verb: str, kind: str) -> ApiHarm:
        return HARMLESS

    def stale(self) -> bool:
        return False

    def shown(self, user: Address, verb: str, kind: str, behind: bool) -> None:
        return None

    def misses(self, user: Address, kind: str) -> bool:
        return False


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
    faults: ApiFaults = Faultless()


Component = Callable[[Host], Awaitable[None]]
"""The whole plug: a function of its host. Rebooting is calling it again with the same disk."""
