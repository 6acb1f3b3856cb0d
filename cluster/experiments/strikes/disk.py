"""Faults of disks: slow, full, failing, lying, flipping; and what was not synced, lost.

Must not touch a file: a rule tells each disk what to do (cluster/world/diskfaults.py).
"""

from __future__ import annotations

import asyncio

from cluster.experiments.strikes.deed import Act, Deed, names
from cluster.experiments.strikes.process import revive
from cluster.world.faults import DiskFault

LIES = 1.0
"""Seconds that a disk lies before the power goes, unless the entry says `for`."""


async def disk(act: Act) -> Deed:
    targets, way = await act.targets("hosts"), act.arg("way")
    rule = DiskFault(
        src=targets, kinds=tuple(act.arg("files")), way=way, probability=act.arg("probability"), seconds=act.arg("by")
    )
    ran = [host for host, s in (await act.stage.world.census()).items() if host in targets and s.state != "down"]
    rules = await act.install([rule])

    async def undo() -> None:
        """Who ended because of it boots again, with what its disk has kept."""
        await act.healing(rules)()
        await revive(act.stage, ran)

    return Deed(f"disk of {names(targets)}: {way}", targets, (), act.plain(), rules, undo=undo)


async def lose_unsynced(act: Act) -> Deed:
    """For a while the disk says that all is well; then the power goes, and what it had not kept is gone."""
    targets, again = await act.targets("hosts"), float(act.arg("restart"))
    rules = await act.install([DiskFault(src=targets, way="lie")])
    lost = asyncio.Event()

    async def lose() -> None:
        for host in targets:
            await act.stage.world.crash(host, lose_unsynced=True)
        await act.healing(rules)()
        lost.set()

    async def story() -> None:
        if act.step.lasting <= 0:
            await asyncio.sleep(LIES)
            await lose()
            await asyncio.sleep(again)
            await revive(act.stage, targets)

    task = asyncio.get_running_loop().create_task(story())

    async def undo() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not lost.is_set():
            await lose()
            await asyncio.sleep(again)
        await revive(act.stage, targets)

    return Deed(f"disks of {names(targets)} lie, and lose it", targets, (), act.plain(), rules, undo=undo)
