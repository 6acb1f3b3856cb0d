"""How long it takes to cut links and to heal them with 18 processes, and whether anything crosses a cut."""

from __future__ import annotations

import asyncio
import time

from bench.boot import NAME, launch
from bench.rows import Options, Row, row
from cluster.cli.session import Session, folder
from cluster.world.faults import Partition
from cluster.world.journal import DELIVER, read


async def _measure(rounds: int) -> tuple[list[float], list[float], list[tuple[float, float]]]:
    cut, healed, spans = [], [], []
    async with Session(NAME) as session:
        for _ in range(rounds):
            start = time.monotonic()
            rule = await session.world.fault(Partition(src=("master-0",), dst=("master-1", "master-2")))
            cut.append((time.monotonic() - start) * 1000)
            since = time.time()
            await asyncio.sleep(0.5)
            until = time.time()
            start = time.monotonic()
            await session.world.heal(rule)
            healed.append((time.monotonic() - start) * 1000)
            spans.append((since, until))
            await asyncio.sleep(0.5)
    return cut, healed, spans


def _crossed(spans: list[tuple[float, float]]) -> tuple[int, int]:
    """Messages delivered between master-0 and the other masters within and outside of the cuts, from the journals."""
    machine = {}
    for component in ("store", "apiserver", "controller-manager", "scheduler"):
        machine.update({f"{component}-{i}": i for i in range(3)})
    within = outside = 0
    for file in sorted((folder(NAME) / "journal").iterdir()):
        for record in read(file.read_bytes()):
            if record[4] != DELIVER or record[2] not in machine or record[6] not in machine:
                continue
            if (machine[record[2]] == 0) != (machine[record[6]] == 0):
                if any(since <= record[0] <= until for since, until in spans):
                    within += 1
                else:
                    outside += 1
    return within, outside


def run(options: Options) -> list[Row]:
    launch("up")
    try:
        cut, healed, spans = asyncio.run(_measure(options.times(10)))
        within, outside = _crossed(spans)
    finally:
        launch("down", "--wipe")
    return [
        row("links", "partition installed", cut, "ms"),
        row("links", "healed", healed, "ms"),
        row("links", "messages across the cut while it lasted", [float(within)], "messages"),
        row("links", "messages on the same links before and after", [float(outside)], "messages"),
    ]
