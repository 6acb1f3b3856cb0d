"""A store cluster in the simulator, clients that record what they see, and a schedule that breaks things.

`ordeal(seed)` is one whole run; `Ordeal.check` judges it. All of it follows from the seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cluster.errors import StatusError
from cluster.history import linearize
from cluster.history.invariants import one_leader_per_term
from cluster.history.record import Kind, Operation, Recorder
from cluster.rpc import Rpc
from cluster.world.faults import Delay, Duplicate, Loss, Partition, Reorder
from cluster.world.scenario import Spec, eventually
from cluster.world.sim import SimWorld
from store.client import Compare, MemberStatus, Put, StoreClient, WatchBatch

FAST: Mapping[str, Any] = {"heartbeat": 0.05, "election": 0.2, "keepalive": 0.5}


def members(count: int) -> tuple[str, ...]:
    return tuple(f"store-{i}" for i in range(count))


async def start(world: SimWorld, count: int = 3, **options: Any) -> tuple[str, ...]:
    """Members store-i on master-i."""
    names = members(count)
    for i, name in enumerate(names):
        await world.start(name, f"master-{i}", Spec("store.member:run", {**FAST, "members": list(names), **options}))
    return names


async def seat(world: SimWorld, name: str, count: int = 3, machine: str = "desk", **options: Any) -> StoreClient:
    host = await world.join(name, machine)
    return StoreClient(Rpc(host, keepalive=0.5), members(count), **options)


def unless(error: StatusError, expected: str) -> None:
    """Raise it on, unless it is what must be expected while things are broken."""
    if error.reason != expected:
        raise error


async def statuses(client: StoreClient) -> list[MemberStatus]:
    return [await client.status(name) for name in client.members]


async def leader(client: StoreClient) -> str:
    """Who leads with the highest term, once somebody does."""
    found: list[MemberStatus] = []

    async def look() -> bool:
        found.clear()
        for name in client.members:
            try:
                found.append(await client.status(name, timeout=0.1))
            except StatusError as error:
                unless(error, "Timeout")
        term = max((status.term for status in found), default=0)
        found[:] = [status for status in found if status.role == "leader" and status.term == term]
        return bool(found)

    await eventually(look, within=10, what="a leader")
    return found[0].name


async def agree(client: StoreClient, within: float = 10) -> None:
    """Wait until all members have applied the same, and compare what they hold."""

    async def same() -> bool:
        try:
            return len({(s.applied, s.revision, s.compacted) for s in await statuses(client)}) == 1
        except StatusError as error:
            unless(error, "Timeout")
            return False

    await eventually(same, within=within, what="all members at the same revision")
    assert len({await client.hash(name) for name in client.members}) == 1


@dataclass
class Ordeal:
    seed: int
    count: int = 3
    clients: int = 3
    seconds: float = 10.0
    options: Mapping[str, Any] = field(default_factory=dict)
    lose_all: bool = False
    recorder: Recorder = field(default_factory=Recorder)
    seen: dict[str, list[WatchBatch]] = field(default_factory=dict)
    digest: str = ""

    def run(self) -> Ordeal:
        with SimWorld(self.seed) as world:
            world.run(self._scenario(world))
            self.digest = world.digest()
            violations = one_leader_per_term(world.board.records)
            assert not violations, violations[0]
        return self

    def history(self) -> tuple[Operation, ...]:
        return self.recorder.history()

    def check(self) -> None:
        verdict = linearize.check(self.history(), budget=linearize.Budget(steps=400_000))
        assert verdict.outcome != "illegal", f"seed {self.seed}: {verdict.message}"
        self._check_watches()

    def _check_watches(self) -> None:
        """Every watcher that was resumed over breaks saw one sequence, and all saw the same."""
        told: dict[int, list[tuple[bytes, bytes]]] = {}
        for batches in self.seen.values():
            mine: dict[int, list[tuple[bytes, bytes]]] = {}
            for batch in batches:
                for event in batch.events:
                    mine.setdefault(event.kv.mod_revision, []).append((event.kv.key, event.kv.value))
            assert list(mine) == sorted(mine)
            if mine:
                assert list(mine) == list(range(2, max(mine) + 1)), f"seed {self.seed}: a revision was left out"
            for revision, events in mine.items():
                assert told.setdefault(revision, events) == events, f"seed {self.seed}: revision {revision} differs"

    async def _scenario(self, world: SimWorld) -> None:
        rng = Random(f"{self.seed}/ordeal")
        names = await start(world, self.count, **self.options)
        judge = await seat(world, "judge", self.count, timeout=2.0)
        async with asyncio.TaskGroup() as group:
            watchers = [group.create_task(self._watch(world, name)) for name in names[:2]]
            async with asyncio.TaskGroup() as work:
                for i in range(self.clients):
                    work.create_task(self._client(world, i, Random(f"{self.seed}/client/{i}")))
                work.create_task(self._trouble(world, names, rng))
            final = await self._final(world, judge)
            await agree(judge)
            for name in self.seen:
                await eventually(
                    lambda name=name: bool(self.seen[name]) and self.seen[name][-1].revision >= final,  # type: ignore[misc]
                    within=20,
                    what=f"the watcher at {name} has caught up with {final}",
                )
            for watcher in watchers:
                watcher.cancel()

    async def _final(self, world: SimWorld, judge: StoreClient) -> int:
        """Read everything once more: what was acknowledged must be there."""
        for key in ("r0", "r1"):
            await self._record("judge", world, judge, "read", key, None, timeout=10.0)
        return (await judge.put(b"end", b"")).revision

    async def _client(self, world: SimWorld, number: int, rng: Random) -> None:
        name = f"client-{number}"
        store = await seat(world, name, self.count, timeout=0.6, prefer=f"store-{number % self.count}")
        value = 0
        while world.time() < self.seconds:
            await asyncio.sleep(rng.uniform(0, 0.15))
            key = rng.choice(("r0", "r1"))
            value += 1
            kind: Kind = rng.choice(("read", "write", "write", "cas"))
            new = f"{number}.{value}"
            expected = f"{rng.randrange(self.clients)}.{rng.randint(max(1, value - 3), value)}"
            argument = None if kind == "read" else new if kind == "write" else (expected, new)
            await self._record(name, world, store, kind, key, argument)

    async def _record(
        self, name: str, world: SimWorld, store: StoreClient, kind: Kind, key: str, argument: Any, **options: float
    ) -> None:
        number = self.recorder.invoke(name, kind, key, argument, world.time())
        raw = key.encode()
        try:
            if kind == "read":
                found = (await store.range(raw, **options)).kvs  # type: ignore[arg-type]
                self.recorder.ok(number, world.time(), found[0].value.decode() if found else None)
            elif kind == "write":
                await store.put(raw, argument.encode())
                self.recorder.ok(number, world.time())
            else:
                expected, new = argument
                result = await store.txn((Compare(raw, "value", "=", expected.encode()),), (Put(raw, new.encode()),))
                self.recorder.ok(number, world.time(), result.succeeded)
        except StatusError as error:
            if error.reason not in ("Timeout", "NotLeader", "NoQuorum", "Dropped"):
                raise
            self.recorder.failed(number, world.time(), definite=error.definite, error=error.reason)

    async def _watch(self, world: SimWorld, near: str) -> None:
        """All events from the first revision on, resumed wherever it breaks."""
        store = await seat(world, f"watcher-{near}", self.count, prefer=near)
        seen = self.seen[near] = []
        revision = 2
        while True:
            try:
                async with store.watch(b"\0", b"\xff", revision=revision) as batches:
                    async for batch in batches:
                        seen.append(batch)
                        revision = batch.revision + 1
            except StatusError as error:
                unless(error, "StreamBroken")

    async def _trouble(self, world: SimWorld, names: tuple[str, ...], rng: Random) -> None:
        """One trouble after another; everything is well again at the end."""
        while world.time() < self.seconds - 2:
            await asyncio.sleep(rng.uniform(0.1, 0.6))
            trouble = rng.choice(
                (self._crash, self._crash, self._blackout, self._cut, self._cut, self._noise, self._stop)
            )
            await trouble(world, names, rng)
        await world.heal()
        for name in names:
            await world.resume(name) if world.running(name) else await world.restart(name)

    async def _crash(self, world: SimWorld, names: tuple[str, ...], rng: Random) -> None:
        name = rng.choice(names)
        await self._kill(world, name)
        await asyncio.sleep(rng.uniform(0, 0.8))
        await world.restart(name)

    async def _kill(self, world: SimWorld, name: str) -> None:
        if self.lose_all and world.running(name):
            world.platter(name).crash(lose_all=True)
        await world.crash(name)

    async def _blackout(self, world: SimWorld, names: tuple[str, ...], rng: Random) -> None:
        """All at once: only what is on the disks is left."""
        for name in names:
            await self._kill(world, name)
        await asyncio.sleep(rng.uniform(0, 0.2))
        for name in names:
            await world.restart(name)

    async def _cut(self, world: SimWorld, names: tuple[str, ...], rng: Random) -> None:
        side = tuple(rng.sample(names, rng.randint(1, len(names) // 2)))
        others = tuple(name for name in names if name not in side)
        both = rng.random() < 0.7
        await world.fault(Partition(src=side, dst=others, both=both, id="cut"))
        await asyncio.sleep(rng.uniform(0.1, 1.5))
        await world.heal("cut")

    async def _noise(self, world: SimWorld, names: tuple[str, ...], rng: Random) -> None:
        rules = (
            Loss(probability=0.2, id="noise-0"),
            Duplicate(probability=0.3, spread=0.3, id="noise-1"),
            Reorder(probability=0.3, window=0.1, id="noise-2"),
            Delay(seconds=0.02, distribution="exponential", id="noise-3"),
        )
        chosen = rng.sample(rules, rng.randint(1, 3))
        for rule in chosen:
            await world.fault(rule)
        await asyncio.sleep(rng.uniform(0.2, 1.0))
        for rule in chosen:
            await world.heal(rule.id)

    async def _stop(self, world: SimWorld, names: tuple[str, ...], rng: Random) -> None:
        name = rng.choice(names)
        await world.pause(name)
        await asyncio.sleep(rng.uniform(0.1, 0.8))
        await world.resume(name)
