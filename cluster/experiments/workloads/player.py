"""One client of a workload: its seat, its dice, its pace, and what becomes of each operation.

Must not know which operations. Definite and indefinite errors are kept apart as `StatusError` tells them; a client that
does not know what became of its operation goes on as another process (Jepsen).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from cluster.errors import StatusError, UsageError
from cluster.experiments.stage import Stage
from cluster.history.record import Kind
from cluster.rpc import Rpc
from cluster.scenario.model import Workload
from cluster.topology import store_machines
from cluster.world.host import Address
from store.client import StoreClient
from store.engines import Store


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation was answered, and at which revision of the store (0: nobody said)."""

    result: Any = None
    revision: int = 0


@dataclass(slots=True)
class Player:
    """`number` counts the clients of one workload from 0. `site`: the machine it sits on, "" for nowhere."""

    stage: Stage
    workload: Workload
    number: int
    name: Address
    site: str
    serial: int
    """Its number among all clients of the run."""
    rpc: Rpc
    dice: Random
    shared: dict[str, Any]
    """What all clients of the workload know."""
    _count: int = 0
    _next: float = 0.0

    def key(self) -> str:
        """One of the workload's keys."""
        return f"{self.workload.name or self.workload.type}-{self.dice.randrange(max(1, self.workload.keys))}"

    def unique(self) -> int:
        """A value that no other client of the run writes, ever."""
        self._count += 1
        return self._count * 10_000 + self.serial

    def option(self, name: str, default: Any) -> Any:
        return self.workload.options.get(name, default)

    def near(self) -> Address | None:
        """The member of the store on its machine; else one, by turns."""
        members = store_machines(self.stage.spec)
        here = next((name for name, machine in members.items() if machine == self.site), None)
        names = list(members)
        return here or (names[self.number % len(names)] if names else None)

    def store(self) -> Store:
        """A client of the store of its own, that asks the member on its machine first."""
        return self.stage.store_client(self.rpc, self.near(), self.workload.timeout)

    def raft_store(self) -> StoreClient:
        """One that knows leases. UsageError with an engine that has none."""
        store = self.store()
        if self.stage.spec.engine != "raft" or not isinstance(store, StoreClient):
            where = f"engine {self.stage.spec.engine}"
            raise UsageError(f"{self.workload.type} needs leases, {where} has none", place=self.workload.place)
        return store

    async def pace(self) -> None:
        """Until the next operation may begin: at most `rate` a second."""
        loop = asyncio.get_running_loop()
        wait = self._next - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        if self.workload.rate > 0:
            self._next = loop.time() + self.dice.uniform(1.0, 1.2) / self.workload.rate

    async def perform(
        self, kind: Kind, key: str, value: Any, work: Callable[[], Awaitable[Answer]], mode: str = ""
    ) -> Answer | None:
        """Record one operation around `work`; None if it failed, or nobody knows."""
        book = self.stage.book
        recorder, label = book.recorder, self.workload.name or self.workload.type
        opened = recorder.invoke(self.name, kind, key, value, book.now(), mode=mode, site=self.site)
        try:
            answer = await work()
        except StatusError as error:
            recorder.failed(opened, book.now(), definite=error.definite, error=error.reason)
            book.ended_as(label, "failed" if error.definite else "unknown")
            return None
        revision = answer.revision if self.stage.spec.engine != "eventual" else 0  # each replica has its own
        recorder.ok(opened, book.now(), answer.result, revision)
        book.ended_as(label, "ok")
        return answer


Play = Callable[[Player], Coroutine[Any, Any, None]]
"""For ever; cancelled when the run is over."""


@dataclass(frozen=True, slots=True)
class Kindred:
    """One row of the table: a type of workload. `options`: name to default (its type is the option's type).
    `needs`: "store", or "cluster" if there must be apiservers."""

    play: Play
    doc: str
    options: Mapping[str, Any]
    needs: str = "store"
    worlds: tuple[str, ...] = ("sim", "proc")
    only_because: str = ""
