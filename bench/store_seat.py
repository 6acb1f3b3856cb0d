"""Clients of our own engines for a load process: a seat on the cluster's bus, and one store client for all of them.

Must not know what is being compared. As an apiserver does, many callers share one client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count, cycle
from typing import Any

from bench.store_load import Outcome
from bench.store_workload import EVENTS, MIX, PREFIX, VALUE, Deliveries, Phase, event_key, event_of, event_value
from cluster.config import PROFILES
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.proc.world import ProcWorld
from store.engines import Store, Watching, engine
from store.mvcc.values import Compare, Put, Range, prefix_end

TIMEOUT = 5.0
GAP = 0.005
"""Seconds between an event's acknowledgement and the next event, when it is the events that are measured."""

Step = Callable[[], Awaitable[bool]]
"""One operation; whether it did what it was meant to."""


async def open_driver(setup: dict[str, Any], name: str) -> Seat:
    """`setup`: folder of the tree, members, engine."""
    world = await ProcWorld.connect(setup["folder"])
    host = await world.join(name, name)
    return Seat(world, Rpc(host, keepalive=PROFILES["fast"].watch_keepalive), setup)


class Seat:
    def __init__(self, world: ProcWorld, rpc: Rpc, setup: dict[str, Any]) -> None:
        self._world = world
        self._rpc = rpc
        self._members = tuple(setup["members"])
        self._engine = setup["engine"]
        self._store = self._client(self._members[0])
        self._target = self._members[0]
        self._mods: dict[bytes, int] = {}
        self._watching: list[asyncio.Task[None]] = []
        self._seen = Deliveries()
        self._outcome = Outcome()
        self._events = count()

    def _client(self, target: str) -> Store:
        return engine(self._engine).client(self._rpc, self._members, target, TIMEOUT)

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────

    async def prepare(self, phase: Phase, target: Any) -> None:
        await self._unwatch()
        if target != self._target:
            self._target, self._store = target, self._client(target)
        if phase.kind == "txns":
            kvs = (await self._store.range(PREFIX, prefix_end(PREFIX), keys_only=True)).kvs
            self._mods = {kv.key: kv.mod_revision for kv in kvs}
        if phase.watchers:
            self._seen = Deliveries()
            revision = await self._store.revision() + 1
            for _ in range(phase.watchers):
                watch = self._store.watch(EVENTS, prefix_end(EVENTS), revision=revision, member=target)
                self._watching.append(asyncio.create_task(self._watch(watch)))
            await asyncio.sleep(0.1)

    async def go(self, phase: Phase, at: float) -> Outcome:
        self._outcome = outcome = Outcome()
        steps = [self._step(phase, client) for client in phase.numbers]
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        outcome.began = time.monotonic()
        end = outcome.began + phase.seconds
        gap = GAP if phase.kind == "watch" else 0.0
        limit = len(phase.keys(0)) if phase.kind == "fill" else 1 << 62
        await asyncio.gather(*(self._run(step, end, gap, limit) for step in steps))
        outcome.ended = time.monotonic()
        return outcome

    def deliveries(self) -> Deliveries:
        return self._seen

    async def close(self) -> None:
        await self._unwatch()
        await self._world.close()

    async def _unwatch(self) -> None:
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        self._watching.clear()

    # ── clients ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self, step: Step, end: float, gap: float, limit: int) -> None:
        """One closed-loop client."""
        outcome, now = self._outcome, time.monotonic
        latencies = outcome.latencies
        for _ in range(limit):
            began = now()
            if began >= end:
                return
            try:
                right = await step()
            except StatusError:
                right = False
                await asyncio.sleep(0.01)
            if right:
                latencies.append(now() - began)
            else:
                outcome.errors += 1
            if gap:
                await asyncio.sleep(gap)

    def _step(self, phase: Phase, client: int) -> Step:
        keys = cycle(phase.keys(client))
        if phase.kind in ("puts", "fill"):
            return lambda: self._put(next(keys))
        if phase.kind in ("gets", "serializable"):
            read = "linearizable" if phase.kind == "gets" else "serializable"
            return lambda: self._get(next(keys), read)
        if phase.kind == "txns":
            return lambda: self._txn(next(keys))
        if phase.kind == "watch":
            return lambda: self._event(client)
        return self._mixed(phase, client)

    def _mixed(self, phase: Phase, client: int) -> Step:
        keys, letters = cycle(phase.keys(client)), cycle(MIX)
        key = b""

        async def step() -> bool:
            nonlocal key
            letter = next(letters)
            if letter == "E":
                return await self._event(client)
            if letter == "U":
                return await self._txn(key)
            key = next(keys)
            result = await self._store.range(key)
            self._mods[key] = result.kvs[0].mod_revision
            return True

        return step

    async def _put(self, key: bytes) -> bool:
        await self._store.put(key, VALUE)
        return True

    async def _get(self, key: bytes, read: str) -> bool:
        return len((await self._store.range(key, read=read)).kvs) == 1

    async def _txn(self, key: bytes) -> bool:
        guard = Compare(key, "mod", "=", self._mods.get(key, 0))
        result = await self._store.txn((guard,), (Put(key, VALUE),), (Range(key),))
        if result.succeeded:
            self._mods[key] = result.revision
        return result.succeeded

    async def _event(self, client: int) -> bool:
        value = event_value(time.monotonic(), client, next(self._events))
        await self._store.put(event_key(client), value)
        self._outcome.events += 1
        return True

    async def _watch(self, watch: Watching) -> None:
        """Until it is cancelled; a watch that breaks leaves its events missing, which is then said."""
        seen, now = self._seen, time.monotonic
        with suppress(StatusError):
            async with watch:
                async for batch in watch:
                    for event in batch.events:
                        seen.saw(now(), *event_of(event.kv.value))
