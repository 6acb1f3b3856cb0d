"""Hosts and machines: boots, crashes, pauses, power, clocks; and refusals that name what would be right."""

from __future__ import annotations

import asyncio

import pytest

from cluster.errors import StatusError, UsageError
from cluster.rpc import Rpc
from cluster.world.scenario import Spec, World, eventually
from tests.conformance.conftest import Play

PROBE = Spec("tests.conformance.probe:run")


def test_a_crash_ends_it_and_a_restart_is_the_next_boot(play: Play) -> None:
    async def scenario(world: World) -> None:
        await world.start("p", "m", PROBE)
        rpc = Rpc(await world.join("seat", "other"))
        assert (world.hosts(), world.running("p")) == (["p"], True)
        name, machine, first, dice = await rpc.call("p", "do", ["boot"], timeout=5)
        assert (name, machine) == ("p", "m")
        await world.crash("p")
        await world.crash("p")  # a second time is no harm
        assert (world.hosts(), world.running("p")) == (["p"], False)
        for _ in range(2):
            await world.restart("p")
            assert await rpc.call("p", "do", 1, timeout=5) == 1
        _, _, boot, others = await rpc.call("p", "do", ["boot"], timeout=5)
        assert boot == first + 2
        assert others != dice
        await world.remove("p")
        assert world.hosts() == []
        await world.start("p", "elsewhere", PROBE)
        assert (await rpc.call("p", "do", ["boot"], timeout=5))[1] == "elsewhere"

    play(scenario)


def test_a_paused_host_is_silent_and_goes_on_as_if_nothing_was(play: Play) -> None:
    async def scenario(world: World) -> None:
        await world.start("p", "m", PROBE)
        rpc = Rpc(await world.join("seat", "other"))
        before = await rpc.call("p", "do", ["boot"], timeout=5)
        await world.pause("p")
        assert world.running("p")
        with pytest.raises(StatusError, match="no answer"):
            await rpc.call("p", "do", ["boot"], timeout=0.3)
        await world.resume("p")
        assert (await rpc.call("p", "do", ["boot"], timeout=5))[2] == before[2]
        await world.pause("p")
        await world.crash("p")
        assert not world.running("p")

    play(scenario)


def test_a_component_that_returns_ends_its_host(play: Play) -> None:
    async def scenario(world: World) -> None:
        await world.start("p", "m", Spec(PROBE.target, {"ends_after": 0.1}))
        await eventually(lambda: not world.running("p"), within=5)
        await world.restart("p")
        assert world.running("p")

    play(scenario)


def test_power_is_a_machines(play: Play) -> None:
    async def scenario(world: World) -> None:
        rpc = Rpc(await world.join("seat", "m"))
        for name, machine in (("p", "m"), ("q", "m"), ("r", "other")):
            await world.start(name, machine, PROBE)
            assert await rpc.call(name, "do", name, timeout=5) == name
        await world.poweroff("m")
        assert [world.running(name) for name in "pqr"] == [False, False, True]
        await world.poweron("m")
        assert [world.running(name) for name in "pqr"] == [True, True, True]
        with pytest.raises(UsageError, match="no machine 'nowhere'"):
            await world.poweroff("nowhere")

    play(scenario)


def test_a_skewed_clock_is_off_and_the_loops_time_is_not(play: Play) -> None:
    async def scenario(world: World) -> None:
        for name, machine in (("p", "m"), ("q", "other")):
            await world.start(name, machine, PROBE)
        rpc = Rpc(await world.join("seat", "other"))

        async def both() -> tuple[float, float, float, float]:
            now_p, mono_p = await rpc.call("p", "do", ["clock"], timeout=5)
            now_q, mono_q = await rpc.call("q", "do", ["clock"], timeout=5)
            return now_p, mono_p, now_q, mono_q

        now_p, _, now_q, _ = await both()
        assert abs(now_p - now_q) < 2
        await world.skew("m", offset=3600.0, rate=100.0)
        begin = await both()
        assert 3599 < begin[0] - begin[2] < 3602 + 100 * 2
        await asyncio.sleep(0.1)
        await world.restart("p")  # the clock is the machine's
        end = await both()
        assert end[0] - begin[0] >= 90 * (end[1] - begin[1])
        assert abs((end[1] - begin[1]) - (end[3] - begin[3])) < 2
        await world.skew("m")
        now_p, _, now_q, _ = await both()
        assert abs(now_p - now_q) < 2

    play(scenario)


def test_what_cannot_be_meant_is_refused(play: Play) -> None:
    async def scenario(world: World) -> None:
        await world.start("p", "m", PROBE)
        with pytest.raises(UsageError, match="there is a host 'p' already"):
            await world.start("p", "m", PROBE)
        with pytest.raises(UsageError, match="no host 'x'.*p"):
            await world.crash("x")
        with pytest.raises(UsageError, match="no host 'x'"):
            world.running("x")
        with pytest.raises(UsageError, match="unknown key 'no_such'"):
            await world.start("q", "m", Spec(PROBE.target, {"no_such": 1}))
        assert world.hosts() == ["p"]

    play(scenario)


def test_a_seat_can_be_given_back_and_taken_again(play: Play) -> None:
    async def scenario(world: World) -> None:
        await world.start("p", "m", PROBE)
        first = await world.join("seat", "other")
        assert await Rpc(first).call("p", "do", 1, timeout=5) == 1
        with pytest.raises(UsageError, match="no such seat"):
            await world.leave("no such seat")
        await world.leave("seat")
        again = await world.join("seat", "other")
        assert await Rpc(again).call("p", "do", 2, timeout=5) == 2

    play(scenario)
