"""What the simulated world tells of its hosts: who stands how, what rules hit link by link, whom a host talks to, and
the death of a host in the middle of a turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.errors import UsageError
from cluster.rpc import Request, Rpc
from cluster.world.faults import DiskFault, KillAfter, Loss, Partition
from cluster.world.host import Host
from cluster.world.scenario import Standing
from cluster.world.sim import SimWorld


async def echo(host: Host) -> None:
    rpc = Rpc(host)

    async def answer(request: Request) -> Any:
        return request.body

    rpc.serve("echo", answer)
    await asyncio.Event().wait()


async def caller(host: Host) -> None:
    """Two messages in one turn, then something on its disk, again and again."""
    Rpc(host)
    while True:
        await asyncio.sleep(1.0)
        host.bus.send("a", "first", {})
        host.bus.send("a", "second", {})
        host.disk.append("log", b"after")


def test_who_stands_how() -> None:
    with SimWorld(1) as world:

        async def scenario() -> None:
            for name in ("a", "b", "c"):
                world.add(name, f"m-{name}", echo)
            await world.pause("b")
            await world.crash("c")
            census = await world.census()
            assert census == {
                "a": Standing("m-a", "running", 1),
                "b": Standing("m-b", "paused", 1),
                "c": Standing("m-c", "down", 1),
            }
            ended = asyncio.ensure_future(world.ended("a"))
            await world.ended("c")
            await asyncio.sleep(1.0)
            assert not ended.done()
            await world.crash("a")
            await ended

        world.run(scenario())


def test_evidence_is_kept_link_by_link_and_outlives_the_rule() -> None:
    with SimWorld(1) as world:

        async def scenario() -> None:
            world.add("a", "m1", echo)
            rpc = Rpc(await world.join("seat", "m2"))
            cut = await world.fault(Partition(src=("m1",), dst=("m2",)))
            noise = await world.fault(Loss(src=("nobody",), probability=0.5))
            for _ in range(3):
                with pytest.raises(Exception, match="no answer"):
                    await rpc.call("a", "echo", 1, timeout=0.1)
            await world.heal()
            await rpc.call("a", "echo", 1, timeout=0.1)
            evidence = await world.evidence()
            assert evidence[cut] == [("seat", "a", 3, 0)]
            assert evidence[noise] == []

        world.run(scenario())


def test_what_a_host_would_have_done_after_its_last_message_never_happens() -> None:
    with SimWorld(1) as world:

        async def scenario() -> None:
            world.add("a", "m1", echo)
            world.add("b", "m2", caller)
            rule = await world.fault(KillAfter(src=("b",), kinds=("first",), n=2))
            await world.ended("b")
            assert world.time() == pytest.approx(2.0)
            sent = [r[5] for r in world.board.records if r[2] == "b" and r[4] == "send"]
            assert sent == ["first", "second", "first"]
            assert bytes(world.platter("b").files["log"].data) in (b"", b"after")  # of the first turn at the most
            assert (await world.evidence())[rule] == [("b", "", 1, 1)]
            (crash,) = world.notes("crash")
            assert crash[5] == {"rule": rule}
            await world.heal(rule)
            await world.restart("b")
            await asyncio.sleep(3.5)
            assert world.running("b")

        world.run(scenario())


def test_a_wiped_disk_and_one_that_lost_what_it_promised() -> None:
    async def writer(host: Host) -> None:
        host.disk.append(f"boot-{host.boot}", b"x")
        await host.disk.sync(f"boot-{host.boot}")
        await asyncio.Event().wait()

    with SimWorld(1) as world:

        async def scenario() -> None:
            world.add("a", "m1", writer)
            await asyncio.sleep(1.0)
            await world.fault(DiskFault(way="lie"))
            await world.restart("a")
            await asyncio.sleep(1.0)
            await world.crash("a", lose_unsynced=True)
            assert {n: bytes(f.data) for n, f in world.platter("a").files.items()} == {"boot-1": b"x", "boot-2": b""}
            await world.restart("a", wipe=True)
            assert list(world.platter("a").files) == []

        world.run(scenario())


def test_whom_a_host_talks_to_is_in_its_journal() -> None:
    with SimWorld(1) as world:

        async def scenario() -> None:
            world.add("a", "m1", echo)
            world.add("b", "m1", caller)
            assert await world.latest_peer("b", "*") == ""
            await asyncio.sleep(1.5)
            assert await world.latest_peer("b", "a*") == "a"
            assert await world.latest_peer("b", "store-*") == ""
            with pytest.raises(UsageError):
                await world.latest_peer("nobody", "*")

        world.run(scenario())
