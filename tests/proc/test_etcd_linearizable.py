"""Clients of a real etcd while its members die and stand still: what they were told must be linearizable.

It is the client that is on trial: a write that it calls definitely failed and that shows up later, or one that it sends
twice, is not linearizable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cluster.errors import StatusError
from cluster.history.linearize import check
from cluster.history.record import Recorder
from cluster.world.scenario import eventually
from store.engines.etcd.client import EtcdClient
from store.mvcc.values import Compare, Event, Put
from tests.proc.etcd_servers import EtcdServers, servers
from tests.proc.test_etcd import host, outcome, settled

pytestmark = pytest.mark.proc

KEYS = ("r0", "r1")
SECONDS = 10.0


class Register:
    """One client that reads, writes and swaps without end, and notes what it was told."""

    def __init__(self, number: int, store: EtcdClient, recorder: Recorder) -> None:
        self.number = number
        self.store = store
        self.recorder = recorder
        self.dice = Random(f"etcd/{number}")
        self.now = asyncio.get_running_loop().time

    async def run(self) -> None:
        count = 0
        while True:
            count += 1
            key, value = self.dice.choice(KEYS), f"{self.number}.{count}"
            match self.dice.choice(("read", "write", "write", "cas")):
                case "read":
                    await self.note("read", key, None, self.read(key))
                case "write":
                    await self.note("write", key, value, self.write(key, value))
                case _:
                    seen = await self.note("read", key, None, self.read(key))
                    await self.note("cas", key, (seen, value), self.swap(key, seen, value))
            await asyncio.sleep(self.dice.random() * 0.01)

    async def note(self, kind: Any, key: str, value: Any, call: Awaitable[Any]) -> Any:
        mode = "linearizable" if kind == "read" else ""
        number = self.recorder.invoke(f"client-{self.number}", kind, key, value, self.now(), mode=mode)
        try:
            result = await call
        except StatusError as error:
            self.recorder.failed(number, self.now(), definite=error.definite, error=error.reason)
            return None
        self.recorder.ok(number, self.now(), result)
        return result

    async def read(self, key: str) -> str | None:
        found = (await self.store.range(key.encode())).kvs
        return found[0].value.decode() if found else None

    async def write(self, key: str, value: str) -> None:
        await self.store.put(key.encode(), value.encode())

    async def swap(self, key: str, seen: str | None, value: str) -> bool:
        name = key.encode()
        guard = Compare(name, "version", "=", 0) if seen is None else Compare(name, "value", "=", seen.encode())
        return (await self.store.txn([guard], [Put(name, value.encode())])).succeeded


async def disturb(found: EtcdServers, store: EtcdClient) -> None:
    dice = Random("etcd/nemesis")
    while True:
        await asyncio.sleep(dice.uniform(0.2, 0.6))
        leader = await _leader(store)
        victim = leader if leader is not None and dice.random() < 0.8 else dice.randrange(3)
        if dice.random() < 0.5:
            found.crash(victim)
            await asyncio.sleep(dice.uniform(0.1, 0.6))
            found.start(victim)
        else:
            found.pause(victim)
            try:
                await asyncio.sleep(dice.uniform(0.2, 1.5))
            finally:
                found.resume(victim)


async def _leader(store: EtcdClient) -> int | None:
    for i, member in enumerate(store.members):
        try:
            if (await store.status(member, timeout=0.2)).role == "leader":
                return i
        except StatusError:
            continue
    return None


async def follow(store: EtcdClient, told: list[Event]) -> None:
    """A watcher that begins again where it was broken off, with whichever member."""
    revision = 1
    while True:
        try:
            async with store.watch(b"r", b"s", revision=revision + 1) as batches:
                async for batch in batches:
                    told.extend(batch.events)
                    revision = batch.revision
        except StatusError as error:
            if error.reason != "StreamBroken":
                raise
        await asyncio.sleep(0.02)


def test_the_register_stays_linearizable_and_the_watch_whole(tmp_path: Path) -> None:
    async def main(found: EtcdServers) -> None:
        stores = [EtcdClient(host(), found.config, prefer=f"etcd-{i % 3}", timeout=0.8) for i in range(7)]
        await settled(stores[0])
        recorder, told = Recorder(), list[Event]()
        tasks = [asyncio.ensure_future(Register(i, stores[i], recorder).run()) for i in range(6)]
        watching = asyncio.ensure_future(follow(stores[6], told))
        nemesis = asyncio.ensure_future(disturb(found, stores[6]))
        await asyncio.sleep(SECONDS)
        for task in (*tasks, nemesis):
            task.cancel()
        await asyncio.gather(*tasks, nemesis, return_exceptions=True)
        for i, process in enumerate(found.processes):
            if process is None:
                found.start(i)
        found.wait_healthy()
        await eventually(partial(_takes_writes, stores[0]), within=10, what="the end")
        end = {kv.key: kv.mod_revision for kv in (await stores[0].range(b"r", b"s")).kvs}
        await eventually(lambda: _last(told) == end, within=10, what="the watch at the end")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        for store in stores:
            store.close()
        await asyncio.sleep(0)
        revisions = [event.kv.mod_revision for event in told]
        assert revisions == sorted(set(revisions)), "in order, none twice"
        for key in end:
            versions = [event.kv.version for event in told if event.kv.key == key]
            assert versions == list(range(1, len(versions) + 1)), "none left out"
        history = recorder.history()
        outcomes = [o.outcome for o in history]
        assert outcomes.count("ok") > 100, outcomes
        assert set(outcomes) > {"ok"}, "the faults were felt"
        verdict = check(history)
        assert verdict.outcome == "ok", verdict.message

    with servers(tmp_path) as found:
        asyncio.run(main(found))


async def _takes_writes(store: EtcdClient) -> bool:
    return await outcome(store.put(b"end", b"")) == ("", True)


def _last(told: list[Event]) -> dict[bytes, int]:
    return {event.kv.key: event.kv.mod_revision for event in told}
