"""A day of a store in the sim, scaled so that it can be waited for: as many snapshots, compactions and log segments as
a day of 100 writes/s has, with a hundredth of the writes between them.

Must not be read as a measure of speed or megabytes: it says what grows from hour to hour, and what does not.

A day at 100 writes/s is 8.6 million writes, 864 snapshots (one in 10,000 entries) and 288 compactions (an apiserver's,
every five minutes). Here it is one write a second, a snapshot in 100 entries, segments of a hundredth of their size,
and the same compactions: everything that is made and thrown away in cycles goes through as many cycles.
"""

from __future__ import annotations

import gc
from asyncio import sleep
from dataclasses import dataclass, field
from typing import Any

from bench.rows import Options, Row, row
from bench.samples import quarters
from bench.store_workload import VALUE, key
from cluster.rpc import Rpc
from cluster.world.scenario import Spec
from cluster.world.sim import SimWorld
from store.client import StoreClient
from store.config import Config
from store.engines import RaftEngine

MEMBERS = ("store-0", "store-1", "store-2")
HOURS = 24.0
SCALE = 100
COMPACT_EVERY = 300
KEYS = 100
"""Also a hundredth."""


@dataclass(slots=True)
class Day:
    """One number of each kind per look, 24 looks."""

    objects: list[float] = field(default_factory=list)
    """Python objects of the whole process that the collector knows."""
    disk: list[float] = field(default_factory=list)
    """Bytes of the largest member, the most that was seen since the look before: what goes up and down in cycles."""
    files: list[float] = field(default_factory=list)
    """The same of its files."""
    most: tuple[float, float] = (0.0, 0.0)
    """(bytes, files) since the last look."""
    snapshots: int = 0
    compactions: int = 0
    segments: int = 0
    writes: int = 0


def config() -> dict[str, Any]:
    usual = Config(MEMBERS)
    return {
        "members": list(MEMBERS),
        "keep_revisions": 0,
        "snapshot_entries": usual.snapshot_entries // SCALE,
        "retain_entries": usual.retain_entries // SCALE,
        "wal_segment_bytes": usual.wal_segment_bytes // SCALE,
    }


def numbers(world: SimWorld, kind: str) -> set[int]:
    """Of store-0's files of one kind (wal, snapshot)."""
    names = [name.partition("/") for name in world.platter(MEMBERS[0]).files]
    return {int(rest) for folder, _, rest in names if folder == kind and rest.isdecimal()}


def glance(world: SimWorld, day: Day) -> None:
    platters = [world.platter(name) for name in MEMBERS]
    size = max(sum(len(file.data) for file in each.files.values()) for each in platters)
    files = max(len(each.files) for each in platters)
    day.most = (max(size, day.most[0]), max(files, day.most[1]))


def look(day: Day) -> None:
    gc.collect()  # nothing has crashed, so nothing abandoned is closed by it
    day.objects.append(float(len(gc.get_objects())))
    day.disk.append(day.most[0])
    day.files.append(day.most[1])
    day.most = (0.0, 0.0)


async def live(world: SimWorld, hours: float) -> Day:
    """One write a second; a glance at the disk every ten, 24 looks in all."""
    for i, name in enumerate(MEMBERS):
        await world.start(name, f"master-{i}", Spec(RaftEngine().target, config()))
    store = StoreClient(Rpc(await world.join("seat", "desk")), MEMBERS, timeout=5.0)
    day, seconds = Day(), int(3600 * hours)
    seen: set[int] = set()
    compact_to = 0
    for second in range(1, seconds + 1):
        revision = (await store.put(key(second % KEYS), VALUE)).revision
        day.writes += 1
        if second % COMPACT_EVERY == 0:
            if compact_to:
                await store.compact(compact_to)
                day.compactions += 1
            compact_to = revision
        if second % 10 == 0:
            seen |= numbers(world, "snapshot")
            glance(world, day)
        if second % (seconds // 24) == 0:
            look(day)
        await sleep(1.0)
    day.snapshots, day.segments = len(seen), max(numbers(world, "wal"), default=0)
    return day


def simulate(hours: float, seed: int = 1) -> Day:
    with SimWorld(seed, keep_records=False) as world:
        return world.run(live(world, hours))


def run(options: Options) -> list[Row]:
    hours = options.minutes / 60 or HOURS
    day = simulate(hours)
    part = "" if hours >= HOURS else f", in {hours:g} hours"
    rows = []
    for what, values in (("objects in memory", day.objects), ("bytes on disk", day.disk), ("files", day.files)):
        second, last = quarters(values)
        words = f"medians {second:,.0f} and {last:,.0f}"
        rows.append(row("day", f"{what}, last quarter to second quarter", [last / second], "x", words))
    for what, number in (("writes", day.writes), ("compactions", day.compactions), ("snapshots", day.snapshots)):
        rows.append(row("day", what + part, [float(number)], ""))
    return [*rows, row("day", "log segments begun" + part, [float(day.segments)], "")]
