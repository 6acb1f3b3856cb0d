"""A store under faults: clients on a few registers, a nemesis that crashes, pauses, cuts and loses, and the verdict.

In either world; in the sim one seed decides all of it. Must not print: the outcome is data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from cluster.errors import StatusError
from cluster.history.linearize import check
from cluster.history.record import Operation, Recorder
from cluster.rpc import Rpc
from cluster.world.faults import Delay, Loss, Partition, Rule
from cluster.world.host import Address
from cluster.world.scenario import Spec, World
from store.client import Compare, Put, StoreClient

FAULTS = ("crash", "crash-leader", "pause", "isolate", "halves", "one-way", "loss", "delay", "power")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the story does. `faults`: of which kinds; one begins about every `every` seconds, lasts up to `lasting`."""

    members: int = 3
    clients: int = 3
    seconds: float = 10.0
    keys: int = 2
    pause: float = 0.6
    """A client waits up to so long between two operations: about 110 of them are acknowledged in 10 s."""
    faults: tuple[str, ...] = FAULTS
    every: float = 1.5
    lasting: float = 1.5
    snapshot_entries: int = 30
    wal_segment_bytes: int = 4096
    settle: float = 20.0
    """Seconds that the healed store has to agree."""


@dataclass(slots=True)
class Outcome:
    """`problems`: what must not be; empty for a healthy store. `acknowledged`: operations that were answered."""

    history: tuple[Operation, ...] = ()
    acknowledged: int = 0
    faults: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def member_spec(plan: Plan) -> Spec:
    names = [f"store-{i}" for i in range(plan.members)]
    config = {
        "members": names,
        "heartbeat": 0.1,
        "election": 0.25,
        "snapshot_entries": plan.snapshot_entries,
        "retain_entries": 10,
        "wal_segment_bytes": plan.wal_segment_bytes,
    }
    return Spec("store.member:run", config)


class Story:
    def __init__(self, world: World, plan: Plan, seed: int) -> None:
        self.world = world
        self.plan = plan
        self.members = tuple(f"store-{i}" for i in range(plan.members))
        self.machines = {m: f"master-{i}" for i, m in enumerate(self.members)}
        self.recorder = Recorder()
        self.outcome = Outcome()
        self._nemesis = Random(f"{seed}/nemesis")
        self._workload = Random(f"{seed}/workload")
        self._scout: StoreClient | None = None

    async def run(self) -> Outcome:
        """The whole story; everything is healed and up again at its end."""
        spec = member_spec(self.plan)
        for name, machine in self.machines.items():
            await self.world.start(name, machine, spec)
        self._scout = StoreClient(Rpc(await self.world.join("scout", "client")), self.members)
        clients = [asyncio.ensure_future(self._client(i)) for i in range(self.plan.clients)]
        nemesis = asyncio.ensure_future(self._disturb())
        await asyncio.sleep(self.plan.seconds)
        nemesis.cancel()
        await asyncio.gather(nemesis, return_exceptions=True)
        await self._heal()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await self._converge()
        self.outcome.history = self.recorder.history()
        self.outcome.acknowledged = sum(o.outcome == "ok" for o in self.outcome.history)
        self._judge()
        return self.outcome

    # ── clients ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _client(self, number: int) -> None:
        rpc = Rpc(await self.world.join(f"client-{number}", "client"))
        store = StoreClient(rpc, self.members, prefer=self.members[number % len(self.members)], timeout=0.8)
        dice = Random(f"{self._workload.random()}/{number}")
        count = 0
        while True:
            key, kind = f"r{dice.randrange(self.plan.keys)}", dice.choice(("read", "read", "write", "cas"))
            count += 1
            value = f"{number}.{count}"
            if kind == "read":
                await self._record(number, "read", key, None, partial(_read, store, key))
            elif kind == "write":
                await self._record(number, "write", key, value, partial(_write, store, key, value))
            else:
                seen = await self._record(number, "read", key, None, partial(_read, store, key))
                pair = (seen, value)
                await self._record(number, "cas", key, pair, partial(_swap, store, key, pair))
            await asyncio.sleep(dice.random() * self.plan.pause)

    async def _record(self, number: int, kind: Any, key: str, value: Any, work: Callable[[], Any]) -> Any:
        mode = "linearizable" if kind == "read" else ""
        opened = self.recorder.invoke(f"client-{number}", kind, key, value, self.world.time(), mode=mode)
        try:
            result = await work()
        except StatusError as error:
            self.recorder.failed(opened, self.world.time(), definite=error.definite, error=error.reason)
            return None
        self.recorder.ok(opened, self.world.time(), result)
        return result

    # ── the nemesis ──────────────────────────────────────────────────────────────────────────────────────────

    async def _disturb(self) -> None:
        dice = self._nemesis
        while self.plan.faults:
            await asyncio.sleep(dice.uniform(0.3, 1.0) * self.plan.every)
            fault = dice.choice(self.plan.faults)
            lasting = dice.uniform(0.1, 1.0) * self.plan.lasting
            self.outcome.faults.append(f"{self.world.time():.2f} {fault} for {lasting:.2f} s")
            await self._strike(fault, lasting)

    async def _strike(self, fault: str, lasting: float) -> None:
        dice, world = self._nemesis, self.world
        victim = dice.choice(self.members)
        if fault == "crash-leader":
            victim = await self._leader() or victim
        if fault in ("crash", "crash-leader"):
            await world.crash(victim)
            await asyncio.sleep(lasting)
            await world.restart(victim)
        elif fault == "pause":
            await world.pause(victim)
            await asyncio.sleep(lasting)
            await world.resume(victim)
        elif fault == "power":
            for member in self.members:
                await world.crash(member)
            await asyncio.sleep(lasting / 4)
            for member in self.members:
                await world.restart(member)
        else:
            await world.fault(self._rule(fault, victim), lasting=lasting)
            await asyncio.sleep(lasting * dice.random())

    def _rule(self, fault: str, victim: Address) -> Rule:
        mine = (self.machines[victim],)
        others = tuple(m for m in self.machines.values() if m not in mine)
        if fault == "isolate":
            return Partition(src=mine, dst=others)
        if fault == "one-way":
            return Partition(src=mine, dst=others, both=False)
        if fault == "halves":
            half = tuple(self._nemesis.sample(list(self.machines.values()), len(self.members) // 2))
            return Partition(src=half, dst=tuple(m for m in self.machines.values() if m not in half))
        if fault == "loss":
            return Loss(probability=0.3)
        return Delay(seconds=0.05, distribution="exponential")

    async def _leader(self) -> Address:
        assert self._scout is not None
        for member in self.members:
            try:
                if (await self._scout.status(member, timeout=0.05)).role == "leader":
                    return member
            except StatusError:
                continue
        return ""

    async def _heal(self) -> None:
        await self.world.heal()
        for member in self.members:
            await self.world.resume(member)
            if not self.world.running(member):
                await self.world.restart(member)

    # ── the verdict ──────────────────────────────────────────────────────────────────────────────────────────

    async def _converge(self) -> None:
        """Liveness: a healed store takes writes, and its replicas become equal."""
        assert self._scout is not None
        loop = asyncio.get_running_loop()
        end = loop.time() + self.plan.settle
        last, revision = "no write was acknowledged", 0
        while loop.time() < end:
            try:
                revision = revision or (await self._scout.put(b"end", b"", timeout=2.0)).revision
                digests = {(await self._scout.hash(m, revision, timeout=1.0))[1] for m in self.members}
                if len(digests) == 1:
                    return
                self.outcome.problems.append(f"replicas differ at revision {revision}: {sorted(digests)}")
                return
            except StatusError as error:
                last = str(error)
            await asyncio.sleep(0.1)
        self.outcome.problems.append(f"the healed store did not agree within {self.plan.settle:g} s: {last}")

    def _judge(self) -> None:
        if not self.outcome.acknowledged:
            self.outcome.problems.append("no operation was acknowledged: nothing was checked")
        verdict = check(self.outcome.history)
        if verdict.outcome != "ok":
            self.outcome.problems.append(f"linearizability: {verdict.outcome}: {verdict.message}")


async def _read(store: StoreClient, key: str) -> str | None:
    found = await store.range(key.encode())
    return found.kvs[0].value.decode() if found.kvs else None


async def _write(store: StoreClient, key: str, value: str) -> None:
    await store.put(key.encode(), value.encode())


async def _swap(store: StoreClient, key: str, pair: tuple[str | None, str]) -> bool:
    expected, new = pair
    name = key.encode()
    compare = Compare(name, "version", "=", 0) if expected is None else Compare(name, "value", "=", expected.encode())
    return (await store.txn([compare], [Put(name, new.encode())])).succeeded


async def run_register(world: World, plan: Plan, seed: int) -> Outcome:
    return await Story(world, plan, seed).run()
