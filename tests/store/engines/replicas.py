"""Replicas of the engine `eventual` in the simulator, and a story that breaks them; `tale(seed)` is one whole run.

All of it follows from the seed. `Tale.problems` says what must not be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.faults import Delay, Duplicate, Loss, Partition, Reorder, Rule
from cluster.world.scenario import Spec, eventually
from cluster.world.sim import SimWorld
from store.client import KeyValue, LostWrite, StoreClient

TARGET = "store.engines.eventual.member:run"
FAST: Mapping[str, Any] = {"keepalive": 0.5, "gossip": 0.4, "retry": 0.1, "patience": 0.2}


def names(count: int = 3) -> tuple[str, ...]:
    return tuple(f"store-{i}" for i in range(count))


async def start(world: SimWorld, count: int = 3, **options: Any) -> tuple[str, ...]:
    """Replica store-i on master-i."""
    members = names(count)
    for i, name in enumerate(members):
        await world.start(name, f"master-{i}", Spec(TARGET, {**FAST, "members": list(members), **options}))
    return members


async def seat(world: SimWorld, name: str, members: tuple[str, ...], machine: str = "desk", **more: Any) -> StoreClient:
    return StoreClient(Rpc(await world.join(name, machine), keepalive=0.5), members, **more)


async def converged(store: StoreClient, within: float = 20.0) -> float:
    """Seconds until all replicas hold the same bytes."""
    loop = asyncio.get_running_loop()
    begun = loop.time()

    async def same() -> bool:
        try:
            return len({(await store.hash(name, timeout=0.5))[1] for name in store.members}) == 1
        except StatusError as error:
            if error.reason != "Timeout":
                raise
            return False

    await eventually(same, within=within, what="replicas that are equal")
    return loop.time() - begun


async def lost_writes(store: StoreClient) -> dict[tuple[bytes, Any], LostWrite]:
    """What all replicas together know."""
    found: dict[tuple[bytes, Any], LostWrite] = {}
    for name in store.members:
        for lost in (await store.conflicts(name)).lost:
            found[lost.key, lost.stamp] = lost
    return found


@dataclass
class Written:
    """One write as its client saw it. `value` None deletes; `outcome` ok, fail or unknown."""

    value: bytes | None
    outcome: str


@dataclass
class Tale:
    seed: int
    count: int = 3
    seconds: float = 8.0
    options: Mapping[str, Any] = field(default_factory=dict)
    writes: dict[tuple[str, bytes], list[Written]] = field(default_factory=dict)
    """By client and key, in order."""
    seen: dict[str, list[KeyValue]] = field(default_factory=dict)
    """By replica: what a watcher from the beginning was told."""
    final: dict[bytes, bytes] = field(default_factory=dict)
    lost: dict[tuple[bytes, Any], LostWrite] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    acknowledged: int = 0
    digest: str = ""

    def run(self) -> Tale:
        with SimWorld(self.seed) as world:
            world.run(self._story(world))
            self.digest = world.digest()
        return self

    async def _story(self, world: SimWorld) -> None:
        dice = Random(f"{self.seed}/tale")
        members = await start(world, self.count, keep_revisions=0, **self.options)
        for i in range(self.count):
            await world.skew(f"master-{i}", offset=dice.uniform(-2, 2), rate=dice.uniform(0.98, 1.02))
        scout = await seat(world, "scout", members, timeout=2.0)
        tasks = [asyncio.ensure_future(self._writer(world, i, (name,))) for i, name in enumerate(members)]
        tasks.append(asyncio.ensure_future(self._writer(world, self.count, members)))
        watching = [asyncio.ensure_future(self._watch(world, name)) for name in members]
        nemesis = asyncio.ensure_future(self._disturb(world, members, dice))
        await asyncio.sleep(self.seconds)
        for task in (nemesis, *tasks):
            task.cancel()
        await asyncio.gather(nemesis, *tasks, return_exceptions=True)
        await world.heal()
        for name in members:
            await world.resume(name)
            if not world.running(name):
                await world.restart(name)
        await asyncio.sleep(2.0)  # requests that were delayed arrive late
        await converged(scout)
        await self._look(scout, members)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    # ── who acts ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _writer(self, world: SimWorld, number: int, members: tuple[str, ...]) -> None:
        """Writes keys that it shares and keys of its own, one after the other; with one member it stays there."""
        client = f"client-{number}"
        store = await seat(world, client, members, prefer=members[number % len(members)], timeout=0.6)
        dice = Random(f"{self.seed}/{client}")
        count = 0
        while True:
            key = dice.choice((b"own-%d" % number, b"own-%d-b" % number, b"shared-1", b"shared-2"))
            count += 1
            value = b"%d.%d" % (number, count) if dice.random() < 0.8 else None
            note = Written(value, "unknown")
            self.writes.setdefault((client, key), []).append(note)
            try:
                await (store.delete(key) if value is None else store.put(key, value))
                note.outcome = "ok"
                self.acknowledged += 1
            except StatusError as error:
                note.outcome = "fail" if error.definite else "unknown"
            await asyncio.sleep(dice.random() * 0.1)

    async def _watch(self, world: SimWorld, name: str) -> None:
        store = await seat(world, f"watcher-{name}", (name,))
        told = self.seen[name] = []
        revision = 1
        while True:
            try:
                async with store.watch(b"\0", b"\0", revision=revision + 1) as batches:
                    async for batch in batches:
                        if batch.revision <= revision and revision > 1:
                            self.problems.append(f"{name}: batch {batch.revision} after {revision}")
                        told.extend(event.kv for event in batch.events)
                        revision = max(revision, batch.revision)
            except StatusError as error:
                if not error.retry and error.reason != "Timeout":
                    raise
            await asyncio.sleep(0.05)

    async def _disturb(self, world: SimWorld, members: tuple[str, ...], dice: Random) -> None:
        while True:
            await asyncio.sleep(dice.uniform(0.1, 0.8))
            lasting, victim = dice.uniform(0.1, 1.5), dice.choice(members)
            match dice.choice(("crash", "pause", "power", "rule", "rule", "rule")):
                case "crash":
                    await world.crash(victim)
                    await asyncio.sleep(lasting / 2)
                    await world.restart(victim)
                case "pause":
                    await world.pause(victim)
                    await asyncio.sleep(lasting / 2)
                    await world.resume(victim)
                case "power":
                    for name in members:
                        await world.crash(name)
                    await asyncio.sleep(0.1)
                    for name in members:
                        await world.restart(name)
                case _:
                    await world.fault(self._rule(dice, members.index(victim)), lasting=lasting)

    def _rule(self, dice: Random, victim: int) -> Rule:
        mine = (f"master-{victim}",)
        others = tuple(f"master-{i}" for i in range(self.count) if i != victim)
        return dice.choice(
            (
                Partition(src=mine, dst=others),
                Partition(src=mine, dst=others, both=False),
                Partition(src=("desk",), dst=mine, both=dice.random() < 0.5),
                Loss(probability=0.3),
                Duplicate(probability=0.5, spread=0.5),
                Reorder(probability=0.5, window=0.1),
                Delay(seconds=0.05, distribution="exponential"),
            )
        )

    # ── what must hold ───────────────────────────────────────────────────────────────────────────────────────

    async def _look(self, scout: StoreClient, members: tuple[str, ...]) -> None:
        found: list[dict[bytes, bytes]] = []
        for name in members:
            result = await scout.range(b"\0", b"\0", member=name)
            found.append({kv.key: kv.value for kv in result.kvs})
            await eventually(partial(self._told, name, result.kvs), within=10, what=f"{name}'s watcher")
            self._check_watch(name)
        self.final = found[0]
        if any(other != self.final for other in found):
            self.problems.append("replicas with one hash hold different values")
        self.lost = await lost_writes(scout)
        for (client, key), writes in self.writes.items():
            self._check_key(client, key, writes)

    def _told(self, name: str, kvs: tuple[KeyValue, ...]) -> bool:
        """Has the watcher been told exactly what is there now?"""
        state: dict[bytes, KeyValue] = {}
        for kv in self.seen[name]:
            state.pop(kv.key, None)
            if kv.version:
                state[kv.key] = kv
        return sorted(state.values()) == list(kvs)

    def _check_watch(self, name: str) -> None:
        """In order, nothing twice, nothing left out: each version of a key follows on the one before."""
        versions: dict[bytes, int] = {}
        last = 0
        for kv in self.seen[name]:
            if kv.mod_revision < last:
                self.problems.append(f"{name}: revision {kv.mod_revision} was told after {last}")
            expected = (versions.get(kv.key, 0) + 1,) if kv.version else (0,)
            if kv.version not in expected or (not kv.version and not versions.get(kv.key)):
                self.problems.append(f"{name}: version {kv.version} of {kv.key!r} after {versions.get(kv.key, 0)}")
            versions[kv.key] = kv.version
            last = kv.mod_revision

    def _check_key(self, client: str, key: bytes, writes: list[Written]) -> None:
        """No acknowledged write vanishes unless a later one of the same key is there instead, or it is named as lost.

        A client that stays with one replica is never overtaken by its own earlier writes, skewed clocks or not."""
        value = self.final.get(key)
        attempted = [w.value for (_, k), all_of in self.writes.items() if k == key for w in all_of]
        if value is not None and value not in attempted:
            self.problems.append(f"{key!r} holds {value!r}, which nobody wrote")
        acked = [at for at, write in enumerate(writes) if write.outcome == "ok"]
        if not acked:
            return
        # One that was not answered may still be on its way, and happen after those that were.
        possible = [w.value for at, w in enumerate(writes) if at == acked[-1] or w.outcome == "unknown"]
        named = any(lost.key == key for lost in self.lost.values())
        mine = key.startswith(b"own")
        roams = client == f"client-{self.count}"
        if mine and value not in possible and not (roams and named):
            self.problems.append(f"{key!r} holds {value!r} where {client}'s last acknowledged write left {possible}")
        before = [write.value for write in writes[: acked[-1]] if write.outcome == "ok"]
        if not mine and not roams and value is not None and value in before:
            self.problems.append(f"{key!r} holds {value!r}, which {client} itself overwrote with {possible}")
