"""Watches while apiservers die and the store changes its leader: nothing lost, nothing twice, nothing backwards."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from cluster.client.client import Client
from cluster.errors import StatusError
from cluster.world.faults import Partition
from cluster.world.scenario import eventually
from tests.cluster.apiserver.cluster import config_map
from tests.cluster.apiserver.real import Object, Real, on_real_store


class Resuming:
    """A reader as Kubernetes tells clients to be: watches on from the last revision, lists only when that is gone."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.state: dict[str, Object] = {}
        self.revision = 0
        self.events: list[tuple[str, str, int]] = []
        self.lists = 0
        self.breaks = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                if not self.revision:
                    await self._list()
                watch = self.client.watch("ConfigMap", "default", resource_version=str(self.revision))
                async with watch as events:
                    async for event in events:
                        self._take(event)
            except StatusError as error:
                self.breaks += 1
                if error.reason == "Expired":
                    self.revision = 0
                await asyncio.sleep(0.05)

    async def _list(self) -> None:
        answer = await self.client.list("ConfigMap", "default")
        self.state = {item["metadata"]["name"]: item for item in answer["items"]}
        self.revision = int(answer["metadata"]["resourceVersion"])
        self.events.clear()
        self.lists += 1

    def _take(self, event: Object) -> None:
        meta = event["object"]["metadata"]
        revision, name, type = int(meta["resourceVersion"]), meta["name"], event["type"]
        if type == "BOOKMARK":
            assert revision >= self.revision
            self.revision = revision
            return
        assert revision > self.revision, f"{type} {name} at {revision} after {self.revision}"
        assert (type == "ADDED") == (name not in self.state), f"{type} {name} is told twice, or one before it is lost"
        if type == "DELETED":
            del self.state[name]
        else:
            self.state[name] = event["object"]
        self.revision = revision
        self.events.append((type, name, revision))


class Writer:
    """Creates, changes and deletes; keeps what was acknowledged as (type, name, resourceVersion)."""

    def __init__(self, client: Client, dice: Random) -> None:
        self.client = client
        self.dice = dice
        self.known: list[tuple[str, str, int]] = []
        self.doubtful = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        for n in range(100_000):
            name = f"c{self.dice.randrange(5)}"
            try:
                self.known.append(await self._write(name, n))
            except StatusError as error:
                self.doubtful += not error.definite
            await asyncio.sleep(self.dice.uniform(0.01, 0.1))

    async def _write(self, name: str, n: int) -> tuple[str, str, int]:
        try:
            if self.dice.random() < 0.3:
                type, obj = "DELETED", await self.client.delete("ConfigMap", name, "default")
            else:
                patch = {"data": {"n": str(n)}}
                type, obj = "MODIFIED", await self.client.patch("ConfigMap", name, patch, namespace="default")
        except StatusError as error:
            if error.reason != "NotFound":
                raise
            type, obj = "ADDED", await self.client.create(config_map(name, n=str(n)))
        return type, name, int(obj["metadata"]["resourceVersion"])


async def _hurt(real: Real, fault: str) -> None:
    """One fault, and its end."""
    world, scout = real.world, await real.scout()
    await asyncio.sleep(2)
    for round in range(2):
        leader = await real.leader(scout)
        match fault:
            case "apiserver crash":
                await world.crash(f"apiserver-{round}")
            case "store leader crash":
                await world.crash(leader)
            case "store leader cut off":
                await world.fault(Partition(src=(leader,)))
            case "store leader paused":
                await world.pause(leader)
        await asyncio.sleep(4)
        match fault:
            case "apiserver crash":
                await world.restart(f"apiserver-{round}")
            case "store leader crash":
                await world.restart(leader)
            case "store leader cut off":
                await world.heal()
            case "store leader paused":
                await world.resume(leader)
        await asyncio.sleep(3)
        if "leader" in fault:
            assert await real.leader(scout) != ""


@pytest.mark.parametrize(
    "fault", ["apiserver crash", "store leader crash", "store leader cut off", "store leader paused"]
)
@pytest.mark.parametrize("dice", [1, 2])
def test_a_watch_tells_every_change_once_and_in_order(fault: str, dice: int) -> None:
    async def story(real: Real) -> None:
        readers = [Resuming(await real.client(f"reader-{i}", first=i)) for i in range(2)]
        writer = Writer(await real.client("writer", first=1), Random(dice))
        await _hurt(real, fault)
        writer.task.cancel()
        client = await real.client("judge")
        end = await client.list("ConfigMap", "default")
        state = {item["metadata"]["name"]: item for item in end["items"]}
        await eventually(lambda: all(r.state == state for r in readers), within=20, what="readers that know all")
        assert len(writer.known) > 50
        for reader in readers:
            assert not reader.task.done()
            first = min((e[2] for e in reader.events), default=0)
            told = dict.fromkeys(reader.events)
            missing = [
                w for w in writer.known if w[2] >= first and w not in told and w[1:] not in {e[1:] for e in told}
            ]
            assert first
            assert not missing
            assert len(told) == len(reader.events)
            if "store" in fault:
                assert reader.lists == 1, "a change of the store's leader is no reason to lose one's place"

    on_real_store(story, stores=3, apiservers=2, seed=dice)
