"""Two leaders never act at the same time: what each wrote, in the store's own order, under pauses and cuts."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from contextlib import suppress
from random import Random

import pytest

from cluster.client.election import lead
from cluster.errors import StatusError
from cluster.world.faults import Partition
from cluster.world.host import Host
from cluster.world.scenario import eventually
from tests.cluster.apiserver.cluster import TIMING, config_map
from tests.cluster.apiserver.real import Real, on_real_store, refused

FAST = dataclasses.replace(TIMING, leader_lease=2.0, leader_renew_deadline=1.2, leader_retry=0.3, request_timeout=0.6)


class Busy:
    """Candidates that write without a pause for as long as they may; the store says who did, and in which order."""

    def __init__(self, real: Real) -> None:
        self.real = real
        self.count = 0

    async def run(self, host: Host) -> None:
        client = self.real.seated(host)

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(write())

        async def write() -> None:
            while True:
                self.count += 1
                with suppress(StatusError):
                    await client.create(config_map(f"{host.name}.{self.count}"))
                await asyncio.sleep(host.rng.uniform(0.0, 0.1))

        await lead(client, host, "job", FAST, work)


async def terms(real: Real) -> list[str]:
    """Names of the writers in the order of what they wrote, each as often as it was another's turn before."""
    items = (await (await real.client("judge")).list("ConfigMap", "default"))["items"]
    items.sort(key=lambda item: int(item["metadata"]["resourceVersion"]))
    found: list[str] = []
    for item in items:
        writer = item["metadata"]["name"].partition(".")[0]
        if found[-1:] != [writer]:
            found.append(writer)
    return found


def leaders(real: Real) -> list[str]:
    """In the order of their terms."""
    return [r[2] for r in real.world.notes("role") if r[5]["role"] == "leader" and r[5].get("name") == "job"]


@pytest.mark.parametrize("fault", ["pause", "cut", "deaf", "mute"])
@pytest.mark.parametrize("dice", range(2))
def test_writers_take_turns(fault: str, dice: int) -> None:
    """deaf: the leader's requests arrive and the answers do not; mute: the other way round."""

    async def story(real: Real) -> None:
        world, busy, random = real.world, Busy(real), Random(dice)
        for i in range(3):
            world.add(f"manager-{i}", f"machine-{i}", busy.run)
        await eventually(lambda: bool(leaders(real)), within=5, what="a leader")
        for _ in range(3):
            await asyncio.sleep(1 + random.random())
            first, turns = leaders(real)[-1], len(leaders(real))
            match fault:
                case "pause":
                    await world.pause(first)
                case "cut":
                    await world.fault(Partition(src=(first,)))
                case "deaf":
                    await world.fault(Partition(dst=(first,), both=False))
                case "mute":
                    await world.fault(Partition(src=(first,), both=False))
            await eventually(lambda n=turns: len(leaders(real)) > n, within=20, what="another leader")  # type: ignore[misc]
            await asyncio.sleep(random.random())
            await (world.resume(first) if fault == "pause" else world.heal())
        await asyncio.sleep(3)
        turns_of = [name for name, _ in itertools.groupby(leaders(real))]
        assert await terms(real) == turns_of
        assert len(turns_of) >= 4

    on_real_store(story, seed=dice)


def test_what_a_standby_wants_to_write_is_refused() -> None:
    """Definitely, by the client itself; it may read."""

    async def story(real: Real) -> None:
        seat = await real.world.join("standby", "desk")
        leading = await real.world.join("leader", "desk")
        hold = asyncio.create_task(
            lead(real.seated(leading), leading, "job", FAST, asyncio.get_running_loop().create_future)
        )
        await eventually(lambda: leaders(real) == ["leader"], within=5)
        client = real.seated(seat)
        wait = asyncio.create_task(lead(client, seat, "job", FAST, asyncio.Event().wait))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        error = await refused(client.create(config_map("a")), "ServiceUnavailable")
        assert error.definite
        assert "job" in error.message
        assert (await client.list("ConfigMap"))["items"] == []
        hold.cancel()
        await eventually(lambda: leaders(real)[-1] == "standby", within=10)
        await client.create(config_map("a"))
        wait.cancel()

    on_real_store(story)
