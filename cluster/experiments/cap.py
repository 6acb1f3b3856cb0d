"""The CAP experiment: two sides, one register, v0 and v1, and what each side may still say (Gilbert and Lynch 2002).

In either world. The store leader's machine (with an engine that has no leader: the first member's) is cut from the
others; clients sit on both sides and go on asking; then the network heals. What is expected depends on what the engine
promises: consistency (the minority refuses) or availability (both sides answer, and the report names what was lost).
A store outside of the cluster (engine `etcd`) is not cut itself, only our ways to its members are: both sides are
answered, each by the member on its side, and consistently. Must not print: the report is data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from cluster.errors import StatusError
from cluster.experiments.capside import (
    TIMEOUT,
    Setup,
    Side,
    leader_of,
    leave_seats,
    settled,
    take_seats,
    until_cancelled,
)
from cluster.history.linearize import Budget, check
from cluster.history.record import Recorder
from cluster.report.capreport import AVAILABLE, OUTSIDE, PROMISING_NOTHING, CapReport
from cluster.report.ledger import ledger, lost_writes
from cluster.rpc import Rpc
from cluster.world.faults import Partition
from cluster.world.host import Address
from cluster.world.scenario import World
from store.client import MemberStatus
from store.engines import Store

__all__ = ["AVAILABLE", "OUTSIDE", "PROMISING_NOTHING", "TIMEOUT", "CapReport", "Setup", "leader_of", "run_cap"]

REGISTER = "/experiments/cap/register"
MODES = ("linearizable", "serializable")
LETTERS = {"majority": "v", "minority": "x"}
"""v1, v2, ... are written on the majority's side; x1, x2, ... on the minority's."""
TRIES = 15
"""How often v0 is written, and what was left is asked for, until somebody answers."""
STEPS = 400_000
"""Of the linearizability checker: far more than a history of this length that has an order needs."""


async def run_cap(world: World, setup: Setup) -> CapReport:
    """The whole story. Heals what it cut, however it ends. TimeoutError when the store has no leader in time."""
    scout = await world.join("cap-scout", "client")
    store = setup.client(Rpc(scout, keepalive=setup.keepalive))
    report = CapReport(engine=setup.engine)
    try:
        status = await settled(store, setup, leaderless=setup.engine in AVAILABLE)
        report.leader = status.name
        mine = setup.machines[report.leader]
        others = tuple(dict.fromkeys(m for m in setup.machines.values() if m != mine))
        report.minority, report.majority = (mine,), others
        await _Telling(world, setup, store, report).tell(status)
    finally:
        await world.leave("cap-scout")
    _judge(report)
    return report


def _judge(report: CapReport) -> None:
    """Linearizable reads and writes only: serializable reads promise nothing. Nothing seen is unknown."""
    claims = [o for o in report.history if o.kind != "read" or o.mode == "linearizable"]
    if any(o.outcome == "ok" for o in claims):
        verdict = check(claims, budget=Budget(steps=STEPS))
        report.linearizable, report.message = verdict.outcome, verdict.message
    else:
        report.message = "no operation was answered"
    during = report.during()
    if report.linearizable != "ok" and report.finals:
        report.lost = lost_writes(during, report.history, report.survivor)
    report.rows = ledger(during, report.values, report.lost)
    answers = [o for o in during if (o.site, o.mode, o.outcome) == ("minority", "serializable", "ok")]
    report.serializable_on_minority = str(answers[-1].result) if answers else ""


class _Telling:
    """One telling of the story: what its steps share."""

    def __init__(self, world: World, setup: Setup, scout: Store, report: CapReport) -> None:
        self.world = world
        self.setup = setup
        self.scout = scout
        self.report = report
        self.sides: dict[str, Side] = {}

    async def tell(self, before: MemberStatus) -> None:
        recorder = Recorder()
        seats = {"minority": self.report.minority[0], "majority": self.report.majority[0]}
        self.sides = await take_seats(self.world, self.setup, seats, recorder)
        readers: list[asyncio.Task[None]] = []
        try:
            await self._v0()
            readers = [asyncio.ensure_future(reader) for reader in self._readers()]
            await asyncio.sleep(self.setup.lead)
            await self._cut(before)
            await self._healed(readers)
        finally:
            await _end(readers)
            await leave_seats(self.world, tuple(self.sides))
            self.report.history = recorder.history()

    async def _v0(self) -> None:
        """v0 is everywhere: written, read on both sides, and on all replicas, as far as the store is able to."""
        self.report.values.append("v0")
        for _ in range(TRIES):
            if await self.sides["majority"].write(REGISTER, "v0"):
                break
            await asyncio.sleep(self.setup.pause)
        else:
            self.report.problem = "v0 was never acknowledged, with no fault at all"
        for side in self.sides.values():
            await side.read(REGISTER, "linearizable")
        await self._agreed()

    def _readers(self) -> list[Any]:
        pause = self.setup.pause
        return [side.keep_reading(REGISTER, pause, mode) for side in self.sides.values() for mode in MODES]

    def _writers(self) -> list[Any]:
        pause = 2 * self.setup.pause
        return [
            side.keep_writing(REGISTER, pause, _counter(LETTERS[side.name], self.report.values))
            for side in self.sides.values()
        ]

    async def _cut(self, before: MemberStatus) -> None:
        report = self.report
        start = self.world.time()
        rule = await self.world.fault(Partition(src=report.minority, dst=report.majority))
        report.partition_seconds = self.world.time() - start
        report.cut_from = self.world.time()
        self.sides["majority"].first_ack = None
        try:
            asking = [asyncio.ensure_future(writer) for writer in self._writers()]
            if not report.leaderless:
                asking.append(asyncio.ensure_future(self._new_leader(before)))
            await until_cancelled(asking, self.setup.seconds)
            report.cut_until = self.world.time()
        finally:
            await self.world.heal(rule)
        ack = self.sides["majority"].first_ack
        report.first_write_seconds = None if ack is None else ack - report.cut_from

    async def _healed(self, readers: Sequence[asyncio.Task[None]]) -> None:
        """Until the replicas are equal, or will not be; and what is left of all that was written."""
        report = self.report
        healed = self.world.time()
        trail = asyncio.ensure_future(until_cancelled(readers, self.setup.trail))
        report.replicas = await self._agreed()
        if len(set(report.replicas.values())) == 1 and len(report.replicas) == len(self.setup.members):
            report.heal_seconds = self.world.time() - healed
        await trail
        if self.setup.engine in AVAILABLE:
            report.conflicts = await self._conflicts()
        for side in self.sides.values():
            for _ in range(TRIES):
                answered, value = await side.read(REGISTER, "linearizable")
                if answered:
                    report.finals[side.name] = value
                    break
                await asyncio.sleep(self.setup.pause)

    async def _new_leader(self, before: MemberStatus) -> None:
        while True:
            status = await leader_of(self.scout, self.setup.members, above=before.term)
            if status is not None:
                self.report.new_leader = status.name
                self.report.new_leader_seconds = self.world.time() - self.report.cut_from
                return
            await asyncio.sleep(0.01)

    async def _agreed(self, within: float = 10.0) -> dict[Address, str]:
        """Digests of all replicas at one revision, once they are equal; the last seen after `within` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        digests: dict[Address, str] = {}
        while loop.time() < end:
            try:
                revision = await self.scout.revision(timeout=1.0)
                found = {m: (await self.scout.hash(m, revision, timeout=0.5))[1] for m in self.setup.members}
                digests = found
            except StatusError:
                digests = {}
            if digests and len(set(digests.values())) == 1:
                return digests
            await asyncio.sleep(0.02)
        return digests

    async def _conflicts(self) -> list[dict[str, Any]]:
        """The register's lost writes, each once: a conflict is met by more than one replica."""
        found: dict[Any, dict[str, Any]] = {}
        for member in self.setup.members:
            for lost in (await self.scout.conflicts(member, timeout=2.0)).lost:
                if lost.key == REGISTER.encode():
                    row = {"key": REGISTER, "stamp": lost.stamp, "lost_to": lost.lost_to, "writes": lost.writes}
                    found[lost.stamp] = max(row, found.get(lost.stamp, row), key=lambda r: int(r["writes"]))
        return [found[stamp] for stamp in sorted(found)]


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """However they stand."""
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)


def _counter(letter: str, values: list[str]) -> Callable[[], str]:
    numbers = count(1)

    def following() -> str:
        values.append(f"{letter}{next(numbers)}")
        return values[-1]

    return following
