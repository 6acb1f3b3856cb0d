"""Faults of processes: kill, pause, resume, restart, crash loop, and death right after a message.

Must not know processes: `World` does. Whatever is dead or stands still is running again when it is undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cluster.experiments.stage import Stage
from cluster.experiments.strikes.deed import Act, Deed, names
from cluster.world.faults import KillAfter


async def kill(act: Act) -> Deed:
    targets, wipe = await act.targets("hosts"), act.arg("disk") == "wipe"
    for host in targets:
        await act.stage.world.crash(host)

    async def undo() -> None:
        await revive(act.stage, targets, wipe=wipe)

    wiped = " (its disk is lost)" if wipe else ""
    return Deed(f"kill {names(targets)}{wiped}", targets, (), act.plain(), proves="ends", undo=undo)


async def revive(stage: Stage, hosts: Sequence[str], *, wipe: bool = False) -> None:
    """Boot those that are down; the others are left alone, and so is who is no host any more."""
    census = await stage.world.census()
    for host in hosts:
        if host in census and census[host].state == "down":
            await stage.world.restart(host, wipe=wipe)


async def pause(act: Act) -> Deed:
    targets = await act.targets("hosts")
    for host in targets:
        await act.stage.world.pause(host)

    async def undo() -> None:
        census = await act.stage.world.census()
        for host in targets:
            if host in census:
                await act.stage.world.resume(host)

    return Deed(f"pause {names(targets)}", targets, (), act.plain(), proves="stops", undo=undo)


async def resume(act: Act) -> Deed:
    targets = await act.targets("hosts")
    census = await act.stage.world.census()
    hits = [(host, "resumed", int(census[host].state == "paused"), 0) for host in targets]
    for host in targets:
        await act.stage.world.resume(host)
    return Deed(f"resume {names(targets)}", targets, (), act.plain(), hits=hits, proves="done")


async def restart(act: Act) -> Deed:
    targets, wipe = await act.targets("hosts"), act.arg("disk") == "wipe"
    for host in targets:
        await act.stage.world.restart(host, wipe=wipe)
    wiped = " with an empty disk" if wipe else ""
    return Deed(f"restart {names(targets)}{wiped}", targets, (), act.plain(), proves="boots")


async def crash_loop(act: Act) -> Deed:
    targets, up, world = await act.targets("hosts"), act.arg("up"), act.stage.world

    async def loop(host: str) -> None:
        while True:
            await world.crash(host)
            await world.restart(host)
            await asyncio.sleep(up)

    for host in targets:
        await world.crash(host)
    tasks = [asyncio.get_running_loop().create_task(loop(host)) for host in targets]

    async def undo() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await revive(act.stage, targets)

    return Deed(f"crash loop of {names(targets)}", targets, (), act.plain(), proves="ends", undo=undo)


async def kill_after(act: Act) -> Deed:
    """Each target once: the rule goes when it has struck, so that the next boot lives."""
    targets, kinds, n = await act.targets("hosts"), tuple(act.arg("kinds")), act.arg("n")
    world, again = act.stage.world, act.arg("restart")
    rules = [(await act.install([KillAfter(src=(host,), kinds=kinds, n=n)]))[0] for host in targets]

    async def follow(host: str, rule: str) -> None:
        await world.ended(host)
        await world.heal(rule)
        if again > 0:
            await asyncio.sleep(again)
            await revive(act.stage, (host,))

    tasks = [
        asyncio.get_running_loop().create_task(follow(host, rule)) for host, rule in zip(targets, rules, strict=True)
    ]

    async def undo() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for rule in rules:
            await world.heal(rule)
        await revive(act.stage, targets)

    name = f"kill {names(targets)} after message {n} of {names(kinds)}"
    return Deed(name, targets, (), act.plain(), tuple(rules), undo=undo)
