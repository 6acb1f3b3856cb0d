"""The scenario's workloads, played: every client on its seat from the steady state to the end.

Must not know what a client asks.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from cluster.errors import StatusError, UsageError
from cluster.experiments.cast import Cast
from cluster.experiments.observer import Observer
from cluster.experiments.stage import CLIENTS, Stage
from cluster.experiments.workloads.player import Player
from cluster.experiments.workloads.table import find
from cluster.scenario.model import Workload
from cluster.world.host import Address


class Players:
    """`machines`: seat to its machine."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.machines: dict[Address, str] = {}
        self._kinds = [find(w, stage.scenario, stage.venue.name) for w in stage.scenario.workloads]
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """UsageError for a seat on a machine that nobody is."""
        cast = Cast(Observer(self.stage))
        for at, (workload, kind) in enumerate(zip(self.stage.scenario.workloads, self._kinds, strict=True)):
            sites = await self._sites(workload, cast)
            shared: dict[str, Any] = {}
            for number in range(workload.clients):
                label = workload.name or (workload.type if at == 0 else f"{workload.type}-{at}")
                name, site = f"{label}-client-{number}", sites[number % len(sites)] if sites else ""
                rpc = await self.stage.seat(name, site or CLIENTS)
                self.machines[name] = site or CLIENTS
                dice = self.stage.dice(f"workload/{name}")
                serial = len(self._tasks)
                player = Player(self.stage, workload, number, name, site, serial, rpc, dice, shared)
                task = asyncio.get_running_loop().create_task(kind.play(player), name=name)
                task.add_done_callback(self._done)
                self._tasks.append(task)

    async def _sites(self, workload: Workload, cast: Cast) -> tuple[str, ...]:
        if not workload.at:
            return ()
        try:
            return await cast.resolve(workload.at, self.stage.dice("sites"), "machines")
        except UsageError as error:
            raise UsageError(error.args[0], place=workload.place, remedy=error.remedy) from None

    def _done(self, task: asyncio.Task[None]) -> None:
        """A client never ends by itself; one that fails is a bug, and the run says so."""
        if not task.cancelled() and (error := task.exception()) is not None:
            book = self.stage.book
            book.problem = book.problem or f"client {task.get_name()}: {type(error).__name__}: {error}"

    async def end(self) -> None:
        """What is under way stays unknown."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, StatusError, UsageError):
                await task
