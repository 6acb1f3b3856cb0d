"""A machine that keeps its processes waiting: how often do members elect for nothing, with and without patience?

`python -m tests.store.test_stalls_sim --hours 4` prints elections an hour.
"""

from __future__ import annotations

import argparse
import asyncio
from random import Random

from cluster.world.sim import SimWorld
from store.client import MemberStatus
from tests.store.workload import leader, members, seat, start, statuses

EVERY = 1.0
"""Mean seconds between two stalls of a process."""
MEDIAN, SIGMA = 0.015, 1.1
"""Of a stall's length, log-normal: one in 18 is over 87 ms, one in 100 over 0.2 s. Real followers, for some minutes at
a load average of 15 to 26 on 2 cores, saw silences of up to 0.21 s, the longest of them within one second."""


async def stall(world: SimWorld, name: str, dice: Random, every: float) -> None:
    """One process that the machine keeps waiting now and then."""
    while True:
        await asyncio.sleep(dice.expovariate(1 / every))
        await world.pause(name)
        await asyncio.sleep(dice.lognormvariate(0.0, SIGMA) * MEDIAN)
        await world.resume(name)


def elections(seed: int, hours: float, patience: float, every: float = EVERY) -> int:
    """Terms that began in an idle cluster of three after the first."""
    with SimWorld(seed, keep_records=False) as world:

        async def main() -> int:
            await start(world, 3, patience=patience)
            store = await seat(world, "seat")
            await leader(store)
            before = max([status.term for status in await statuses(store)])
            stalls = [asyncio.create_task(stall(world, name, Random(f"{seed}/{name}"), every)) for name in members(3)]
            await asyncio.sleep(3600 * hours)
            for each in stalls:
                each.cancel()
            await asyncio.gather(*stalls, return_exceptions=True)
            for name in members(3):
                await world.resume(name)
            await leader(store)
            found: list[MemberStatus] = await statuses(store)
            return max([status.term for status in found]) - before

        return world.run(main())


def test_patience_spares_nearly_all_elections_that_stalls_cause() -> None:
    """Four times as many stalls as on the busiest machine that was looked at, so that six minutes say something."""
    without, learned = (elections(1, 0.1, patience, EVERY / 4) for patience in (1.0, 5.0))
    assert without >= 5
    assert learned <= without / 5


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--hours", type=float, default=4.0)
    hours = asked.parse_args().hours
    for patience in (1.0, 5.0):
        print(f"patience {patience:g}: {elections(1, hours, patience) / hours:.2f} elections an hour")
