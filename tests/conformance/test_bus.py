"""The bus: what arrives, what may not, and what faults do to it."""

from __future__ import annotations

import asyncio

import pytest

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.faults import Corrupt, Delay, Duplicate, Loss, Partition
from cluster.world.host import Host
from cluster.world.scenario import Spec, World, eventually
from tests.conformance.conftest import Play
from tests.conformance.probe import Collector

PROBE = Spec("tests.conformance.probe:run")


async def pair(world: World) -> tuple[Host, Host, Collector]:
    """Two seats on two machines; the second keeps what it gets."""
    a, b = await world.join("a", "left"), await world.join("b", "right")
    return a, b, Collector(b)


async def arrives(a: Host, got: Collector, kind: str) -> None:
    """Send until one has come through: a first message may be lost, the bus promises nothing."""

    def holds() -> bool:
        if kind in got.kinds():
            return True
        a.bus.send("b", kind, None)
        return False

    await eventually(holds, within=5, what=f"{kind} arrives")


def test_a_message_arrives_as_it_was_sent(play: Play) -> None:
    async def scenario(world: World) -> None:
        a, b, got = await pair(world)
        body = {"text": "ü", "blob": b"\x00\xff", "list": [1, -2, 3.5, None, True], "map": {"deep": {"er": []}}}
        id = a.bus.send("b", "some.kind", body, corr=7, timeout=1.5)
        await eventually(lambda: len(got.got) == 1, within=5)
        envelope = got.got[0]
        assert (envelope.kind, envelope.src, envelope.dst) == ("some.kind", "a", "b")
        assert (envelope.id, envelope.corr, envelope.timeout, envelope.body) == (id, 7, 1.5, body)
        assert (envelope.boot, id >> 32) == (a.boot, a.boot)
        assert envelope.lamport > 0

    play(scenario)


def test_ids_rise_and_order_between_two_is_kept_without_faults(play: Play) -> None:
    async def scenario(world: World) -> None:
        a, b, got = await pair(world)
        await arrives(a, got, "first")
        ids = [a.bus.send("b", "n", n) for n in range(500)]
        await eventually(lambda: got.kinds().count("n") == 500, within=5)
        assert ids == sorted(set(ids))
        assert sorted(e.body for e in got.got if e.kind == "n") == list(range(500))

    play(scenario)


def test_a_body_that_cannot_be_packed_is_a_type_error(play: Play) -> None:
    async def scenario(world: World) -> None:
        a = await world.join("a", "left")
        with pytest.raises(TypeError):
            a.bus.send("b", "k", object())

    play(scenario)


def test_nobody_there_is_silence(play: Play) -> None:
    async def scenario(world: World) -> None:
        a = await world.join("a", "left")
        assert a.bus.send("nobody", "k", 1) > 0
        await world.start("p", "right", PROBE)
        rpc = Rpc(a)
        assert await rpc.call("p", "do", 1, timeout=5) == 1
        await world.crash("p")
        with pytest.raises(StatusError, match="no answer") as caught:
            await rpc.call("p", "do", 1, timeout=0.3)
        assert (caught.value.reason, caught.value.definite) == ("Timeout", False)

    play(scenario)


def test_a_host_talks_to_itself(play: Play) -> None:
    async def scenario(world: World) -> None:
        b = await world.join("b", "right")
        got = Collector(b)
        b.bus.send("b", "self", [1])
        assert got.got == []  # never within send
        await eventually(lambda: got.kinds() == ["self"], within=5)

    play(scenario)


def test_what_comes_before_listen_is_kept(play: Play) -> None:
    async def scenario(world: World) -> None:
        a, b = await world.join("a", "left"), await world.join("b", "right")
        a.bus.send("b", "early", 1)
        await asyncio.sleep(0.3)
        got = Collector(b)
        await eventually(lambda: got.kinds() == ["early"], within=5)

    play(scenario)


def test_a_partition_cuts_both_ways_one_way_or_by_kind_until_it_heals(play: Play) -> None:
    async def scenario(world: World) -> None:
        a, b, got = await pair(world)
        back = Collector(a)
        await arrives(a, got, "before")
        rule = await world.fault(Partition(src=("left",), dst=("right",)))
        a.bus.send("b", "cut", 1)
        b.bus.send("a", "cut", 1)
        await world.heal(rule)
        one = await world.fault(Partition(src=("left",), dst=("right",), both=False))
        a.bus.send("b", "cut", 1)
        await eventually(lambda: b.bus.send("a", "through", 1) > 0 and "through" in back.kinds(), within=5)
        await world.heal(one)
        await world.fault(Partition(src=("left",), dst=("right",), kinds=("raft.*",)))
        a.bus.send("b", "raft.cut", 1)
        await arrives(a, got, "lease.renew")
        await world.heal()
        await arrives(a, got, "raft.append")
        assert not {"cut", "raft.cut"} & {*got.kinds(), *back.kinds()}

    play(scenario)


def test_a_fault_that_lasts_heals_by_itself(play: Play) -> None:
    async def scenario(world: World) -> None:
        a, b, got = await pair(world)
        await arrives(a, got, "before")
        begin = world.time()
        await world.fault(Partition(src=("left",)), lasting=0.4)
        await arrives(a, got, "after")
        assert world.time() - begin >= 0.4

    play(scenario)


def test_loss_duplicate_delay_and_corrupt(play: Play) -> None:
    async def scenario(world: World) -> None:
        a, b, got = await pair(world)
        await arrives(a, got, "before")
        for rule in (Loss(dst=("b",), kinds=("lost",)), Corrupt(dst=("b",), kinds=("bad",))):
            await world.fault(rule)
        await world.fault(Duplicate(dst=("b",), kinds=("twice",)))
        await world.fault(Delay(dst=("b",), kinds=("late",), seconds=0.3))
        begin = world.time()
        for kind in ("lost", "bad", "twice", "late", "plain"):
            a.bus.send("b", kind, 1)
        await eventually(lambda: "plain" in got.kinds(), within=5)
        await eventually(lambda: "late" in got.kinds(), within=5)
        assert world.time() - begin >= 0.3
        kinds = got.kinds()
        assert (kinds.count("lost"), kinds.count("bad"), kinds.count("twice")) == (0, 0, 2)

    play(scenario)


def test_links_follow_partitions_of_machines_and_say_so(play: Play) -> None:
    async def scenario(world: World) -> None:
        await world.start("p", "left", PROBE)
        rpc = Rpc(await world.join("seat", "left"))
        assert await rpc.call("p", "do", ["connected", "right"], timeout=5) == [True, 0]
        for rule in (Partition(src=("left",), dst=("right",)), Partition(src=("right",), dst=("left",), both=False)):
            id = await world.fault(rule)
            connected, changes = await rpc.call("p", "do", ["connected", "right"], timeout=5)
            assert (connected, changes > 0) == (False, True)
            assert (await rpc.call("p", "do", ["connected", "left"], timeout=5))[0]
            assert (await rpc.call("p", "do", ["connected", "elsewhere"], timeout=5))[0]
            await world.heal(id)
        assert (await rpc.call("p", "do", ["connected", "right"], timeout=5))[0]

    play(scenario)
