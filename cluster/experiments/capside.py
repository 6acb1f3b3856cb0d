"""The clients of one side of the CAP experiment, what they ask, and who leads the store that they ask.

Must not judge nor print: they record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.config import Etcd
from cluster.errors import StatusError
from cluster.history.record import Kind, Recorder
from cluster.rpc import Rpc
from cluster.world.host import Address
from cluster.world.scenario import World
from store.client import MemberStatus
from store.engines import Store, engine

TIMEOUT = 0.6
"""Seconds that a client waits for an answer: less than the partition lasts, more than an election takes."""


@dataclass(frozen=True, slots=True)
class Setup:
    """`machines`: member of the store to its machine. `seconds`: how long the partition lasts; `lead`, `trail`: how
    long reads are made before it and after healing. `patience`: how long the store may take to have a leader."""

    members: tuple[Address, ...]
    machines: dict[Address, str]
    seconds: float = 2.5
    pause: float = 0.05
    keepalive: float = 0.5
    engine: str = "raft"
    etcd: Etcd | None = None
    lead: float = 0.0
    trail: float = 0.0
    patience: float = 10.0

    def client(self, rpc: Rpc, prefer: Address | None = None, timeout: float = 1.0) -> Store:
        return engine(self.engine, self.etcd).client(rpc, self.members, prefer, timeout)

    def side_client(self, rpc: Rpc, machine: str) -> Store:
        """Of a client on that machine, that asks the member there first."""
        return self.client(rpc, next(m for m in self.members if self.machines[m] == machine), TIMEOUT)


class Side:
    """The clients of one side, each with at most one operation open; `name` is their `site`."""

    def __init__(self, name: str, store: Store, recorder: Recorder, now: Callable[[], float]) -> None:
        self.name = name
        self.store = store
        self.recorder = recorder
        self.now = now
        self.first_ack: float | None = None

    async def write(self, key: str, value: str) -> bool:
        """Whether it was acknowledged."""

        async def put() -> None:
            await self.store.put(key.encode(), value.encode(), timeout=TIMEOUT)
            self.first_ack = self.first_ack or self.now()

        return (await self._record("write", key, value, "", put))[0]

    async def read(self, key: str, mode: str) -> tuple[bool, str | None]:
        """Whether it was answered, and with what."""

        async def get() -> str | None:
            found = await self.store.range(key.encode(), read=mode, timeout=TIMEOUT)
            return found.kvs[0].value.decode() if found.kvs else None

        return await self._record("read", key, None, mode, get)

    async def _record(
        self, kind: Kind, key: str, value: str | None, mode: str, work: Callable[[], Awaitable[Any]]
    ) -> tuple[bool, Any]:
        client = f"{self.name}-{mode or 'writer'}"
        number = self.recorder.invoke(client, kind, key, value, self.now(), mode=mode, site=self.name)
        try:
            result = await work()
        except StatusError as error:
            self.recorder.failed(number, self.now(), definite=error.definite, error=error.reason)
            return False, None
        self.recorder.ok(number, self.now(), result)
        return True, result

    async def keep_writing(self, key: str, pause: float, values: Callable[[], str]) -> None:
        while True:
            await self.write(key, values())
            await asyncio.sleep(pause)

    async def keep_reading(self, key: str, pause: float, mode: str) -> None:
        while True:
            await self.read(key, mode)
            await asyncio.sleep(pause)


async def until_cancelled(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    """Let them go on for so long, then end them. What a task raised by itself is raised here."""
    try:
        await asyncio.sleep(seconds)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def leader_of(store: Store, members: Sequence[Address], above: int = -1) -> MemberStatus | None:
    """The member that leads in the highest term over `above`, as far as members answer."""
    best: MemberStatus | None = None
    for member in members:
        try:
            status = await store.status(member, timeout=0.2)
        except StatusError:
            continue
        if status.role == "leader" and status.term > max(above, best.term if best else -1):
            best = status
    return best


async def settled(store: Store, setup: Setup, *, leaderless: bool) -> MemberStatus:
    """The member whose isolation shows most: the leader, of an engine that has one; TimeoutError without any."""
    async with asyncio.timeout(setup.patience):
        while True:
            status = await (_first(store, setup) if leaderless else leader_of(store, setup.members))
            if status is not None:
                return status
            await asyncio.sleep(setup.pause)


async def _first(store: Store, setup: Setup) -> MemberStatus | None:
    try:
        return await store.status(setup.members[0], timeout=0.2)
    except StatusError:
        return None


async def take_seats(world: World, setup: Setup, seats: dict[str, str], recorder: Recorder) -> dict[str, Side]:
    """A `Side` for each name, on its machine. Give them back with `leave_seats`."""
    sides = {}
    for name, machine in seats.items():
        rpc = Rpc(await world.join(f"cap-{name}", machine), keepalive=setup.keepalive)
        sides[name] = Side(name, setup.side_client(rpc, machine), recorder, world.time)
    return sides


async def leave_seats(world: World, names: Sequence[str]) -> None:
    for name in names:
        await world.leave(f"cap-{name}")
