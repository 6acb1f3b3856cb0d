"""PACELC's "else" (Abadi 2012): with no partition, how long do writes and reads take when the two sides are apart?

In either world: every message between the two sides comes `distance` seconds later, nothing is lost. On each side a
writer writes a key of its own and readers read the other side's, in each of the engine's read modes. Must not print.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import NamedTuple

from cluster.experiments.capside import Setup, leave_seats, settled, take_seats, until_cancelled
from cluster.history.record import Operation, Recorder
from cluster.report.capreport import AVAILABLE, SIDES
from cluster.rpc import Rpc
from cluster.world.faults import Delay
from cluster.world.scenario import World

MODES = {"raft": ("linearizable", "lease", "serializable")}
"""Engines not named have no lease reads."""
PAUSE = 0.02
"""Seconds between two operations of a client."""
SECONDS = 3.0
BRIEF = {"raftos": 1.5}
"""Seconds for engines that do not bear more: two seconds of messages that take 10 ms, and raftos' logs are cut back and
sent again with every heartbeat, longer each time (docs/engines.md); that is not what is measured here."""


class Calm(NamedTuple):
    history: tuple[Operation, ...]
    values: list[str]
    """In the order in which they were written, of both keys."""
    near: str
    """The machine of the minority's side: the leader's, where there is one."""


async def run_calm(world: World, setup: Setup, *, distance: float = 0.01) -> Calm:
    """The operations of a few seconds. TimeoutError when the store has no leader in time."""
    scout = setup.client(Rpc(await world.join("cap-scout", "client"), keepalive=setup.keepalive))
    recorder = Recorder()
    rule = ""
    seats: dict[str, str] = {}
    values: list[str] = []
    try:
        leader = (await settled(scout, setup, leaderless=setup.engine in AVAILABLE)).name
        near = setup.machines[leader]
        others = tuple(dict.fromkeys(m for m in setup.machines.values() if m != near))
        seats = {"minority": near, "majority": others[0]}
        if distance:
            rule = await world.fault(Delay(src=(near,), dst=others, both=True, seconds=distance))
        sides = await take_seats(world, setup, seats, recorder)
        work = []
        for side, other in zip(SIDES, reversed(SIDES), strict=True):
            numbers = count(1)

            def following(side: str = side, numbers: count[int] = numbers) -> str:
                values.append(f"{side}-{next(numbers)}")
                return values[-1]

            work.append(sides[side].keep_writing(_key(side), PAUSE, following))
            modes = MODES.get(setup.engine, ("linearizable", "serializable"))
            work += [sides[side].keep_reading(_key(other), PAUSE, mode) for mode in modes]
        await until_cancelled([asyncio.ensure_future(w) for w in work], BRIEF.get(setup.engine, SECONDS))
    finally:
        if rule:
            await world.heal(rule)
        await leave_seats(world, tuple(seats))
        await world.leave("cap-scout")
    return Calm(recorder.history(), values, near)


def _key(side: str) -> str:
    return f"/experiments/cap/of-{side}"
