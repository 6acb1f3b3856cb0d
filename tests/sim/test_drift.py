"""Clocks that begin to run at another rate while their host lives: what it waits for comes accordingly."""

from __future__ import annotations

import asyncio

import pytest

from cluster.world.host import Host
from cluster.world.sim import SimWorld


def test_what_is_waited_for_comes_sooner_or_later_and_the_clock_never_jumps() -> None:
    ticks: list[tuple[float, float]] = []

    with SimWorld(1) as world:

        async def ticker(host: Host) -> None:
            while True:
                await asyncio.sleep(1.0)
                ticks.append((world.time(), host.clock.monotonic()))

        async def scenario() -> None:
            world.add("a", "m1", ticker)
            await asyncio.sleep(2.5)
            await world.drift("m1", 2.0)  # half a second of its next wait is left: a quarter of ours
            await asyncio.sleep(2.0)
            await world.drift("m1", 0.5)
            await asyncio.sleep(4.0)
            await world.drift("m1", 1.0)
            await asyncio.sleep(2.0)

        world.run(scenario())
    true = [round(when, 6) for when, _ in ticks]
    assert true == [1.0, 2.0, 2.75, 3.25, 3.75, 4.25, 5.5, 7.5, 9.0, 10.0]
    shown = [local for _, local in ticks]
    assert shown == sorted(shown)
    assert all(b - a == pytest.approx(1.0) for a, b in zip(shown, shown[1:], strict=False))


def test_only_hosts_of_that_machine_drift_and_later_boots_do_too() -> None:
    ticks: dict[str, int] = {"a": 0, "b": 0}

    async def ticker(host: Host) -> None:
        while True:
            await asyncio.sleep(0.1)
            ticks[host.name] += 1

    with SimWorld(1) as world:

        async def scenario() -> None:
            world.add("a", "m1", ticker)
            world.add("b", "m2", ticker)
            await world.drift("m1", 3.0)
            await world.restart("a")
            await asyncio.sleep(10.01)

        world.run(scenario())
    assert ticks == {"a": 300, "b": 100}
