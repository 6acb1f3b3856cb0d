"""Faults of clocks: jumps, drift, strobes. A machine's clock is put right when they are undone.

Must not know how a clock is bent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cluster.experiments.stage import OBSERVER, Stage
from cluster.experiments.strikes.deed import Act, Deed, Undo, names

LEAST = 0.02
"""Seconds off by which a clock must be at the least for its skew to be told from the time that it takes to ask."""


async def _seen(stage: Stage, machine: str) -> float:
    """By how much the machine's clock is off, as somebody on it sees it beside the observer's clock."""
    mine = (await stage.host(OBSERVER, OBSERVER)).clock
    its = (await stage.host(f"clock-of-{machine}", machine)).clock
    return its.now() - mine.now()


def _righted(stage: Stage, machines: Sequence[str]) -> Undo:
    stage.bent.update(dict.fromkeys(machines))

    async def undo() -> None:
        for machine in machines:
            await stage.world.skew(machine)

    return undo


async def jump(act: Act) -> Deed:
    stage, by = act.stage, float(act.arg("by"))
    machines = await act.targets("machines")
    hits = []
    for machine in machines:
        before = await _seen(stage, machine)
        await stage.world.skew(machine, offset=by)
        moved = await _seen(stage, machine) - before
        hit = abs(moved - (by - before)) < max(LEAST, abs(by) / 2)
        hits.append((machine, f"off by {by:+g} s", int(hit), int(not hit)))
    name = f"clock of {names(machines)} off by {by:+g} s"
    return Deed(name, machines, (), act.plain(), hits=hits, proves="done", undo=_righted(stage, machines))


async def drift(act: Act) -> Deed:
    """Both what it measures with, and its wall clock."""
    stage, rate = act.stage, float(act.arg("rate"))
    if not 0.01 <= rate <= 100:
        raise act.refuse(f"a rate of {rate:g} is not possible", "0.01 to 100; 1.0 is true time")
    machines = await act.targets("machines")
    righted = _righted(stage, machines)
    census = await stage.world.census()
    hits = []
    for machine in machines:
        await stage.world.skew(machine, rate=rate)
        await stage.world.drift(machine, rate)
        there = [name for name, s in census.items() if s.machine == machine and s.state == "running"]
        hits += [(machine, f"{host} at {rate:g}", 1, 0) for host in there]

    async def undo() -> None:
        await righted()
        for machine in machines:
            await stage.world.drift(machine, 1.0)

    name = f"clocks of {names(machines)} at {rate:g} times true time"
    return Deed(name, machines, (), act.plain(), hits=hits, proves="done", undo=undo)


async def strobe(act: Act) -> Deed:
    stage, by, period = act.stage, float(act.arg("by")), float(act.arg("period"))
    if period < 0.01:
        raise act.refuse(f"a period of {period:g} s is not possible", "at least 10ms")
    machines = await act.targets("machines")
    deed = Deed(f"clocks of {names(machines)} strobe by {by:+g} s", machines, (), act.plain(), proves="done")
    jumps = {machine: 0 for machine in machines}

    async def forth() -> None:
        for machine in machines:
            await stage.world.skew(machine, offset=by)
            jumps[machine] += 1

    async def flicker() -> None:
        while True:
            await asyncio.sleep(period / 2)
            await _righted(stage, machines)()
            await asyncio.sleep(period / 2)
            await forth()

    await forth()
    deed.hits = [(m, "first jump", int(abs(await _seen(stage, m)) > abs(by) / 2), 0) for m in machines]
    task = asyncio.get_running_loop().create_task(flicker())

    async def undo() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await _righted(stage, machines)()
        deed.hits += [(machine, "jumps", count, 0) for machine, count in jumps.items()]

    deed.undo = undo
    return deed
