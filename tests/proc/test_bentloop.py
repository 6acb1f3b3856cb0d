"""The loop whose time can be bent: how it relates to true time, at every moment and in what it waits for."""

from __future__ import annotations

import asyncio
import time

import pytest

from cluster.world.proc.bentloop import BentLoop, run

pytestmark = pytest.mark.proc


def test_its_time_is_true_time_scaled_and_never_jumps() -> None:
    loop = BentLoop()

    async def body() -> None:
        for rate in (1.0, 4.0, 0.5):
            before = loop.time()
            loop.set_rate(rate)
            true, own = time.monotonic(), loop.time()
            assert own >= before
            await asyncio.sleep(0.2)
            shown, passed = loop.time() - own, time.monotonic() - true
            assert shown >= 0.2  # it has waited as long as it says
            assert passed >= 0.2 / rate - 0.001  # and no less than that is
            assert shown == pytest.approx(passed * rate, rel=0.05, abs=0.01)

    run(body(), loop)


def test_a_timer_that_is_set_comes_as_the_rate_has_it_by_then() -> None:
    loop = BentLoop()
    came: list[float] = []

    async def body() -> None:
        done = asyncio.Event()
        start = loop.time()

        def ring() -> None:
            came.append(loop.time() - start)
            done.set()

        loop.call_later(100.0, ring)
        loop.set_rate(1000.0)
        async with asyncio.timeout(60_000.0):
            await done.wait()

    began = time.monotonic()
    run(body(), loop)
    assert came[0] >= 100.0
    assert time.monotonic() - began < 50.0
