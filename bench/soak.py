"""Three store members under 100 writes a second and periodic compaction: does anything grow?

Must not judge a short run: what is flat is the last quarter against the second, and an hour is the default.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.processes import memory, size_of
from bench.rows import Options, Row, missing, row
from bench.samples import percentile, quarters
from bench.store_cluster import MEMBERS, OwnCluster, statuses
from bench.store_load import runner
from bench.store_workload import VALUE, key
from cluster.cli.session import STATE
from cluster.errors import StatusError
from cluster.world.proc.layout import Layout

MINUTES = 60.0
RATE = 100.0
KEYS = 10_000
LEAST_SAMPLES = 12
SUBNET = 154


@dataclass(slots=True)
class Look:
    """All members at one moment: the largest of each figure."""

    rss: float
    disk: float
    segments: float
    lag: float
    """Revisions between the newest member and the oldest."""
    term: int


@dataclass(slots=True)
class Writes:
    latencies: list[float] = field(default_factory=list)
    failed: int = 0
    revision: int = 0


async def look(cluster: OwnCluster) -> Look:
    found = await statuses(cluster.store)
    pids = await cluster.pids()
    folders = [Layout.of(cluster.folder).data(name) for name in MEMBERS]
    revisions = [status.revision for status in found]
    return Look(
        max(memory(pid)["rss"] for pid in pids.values()),
        max(size_of(folder)[0] for folder in folders) / (1 << 20),
        max(len(list((folder / "wal").glob("[0-9]*"))) for folder in folders),
        max(revisions, default=0) - min(revisions, default=0),
        max((status.term for status in found), default=0),
    )


async def write(cluster: OwnCluster, writes: Writes, end: float) -> None:
    """100 a second whatever the answers, as clients that do not wait for each other."""
    pending: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        began = time.monotonic()
        try:
            result = await cluster.store.put(key(number % KEYS), VALUE, timeout=5.0)
        except StatusError:
            writes.failed += 1
        else:
            writes.latencies.append(time.monotonic() - began)
            writes.revision = max(writes.revision, result.revision)

    began = time.monotonic()
    for number in count():
        due = began + number / RATE
        if due >= end:
            break
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(one(number))
        pending.add(task)
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)


async def soak(folder: Path, minutes: float, keep: int = 0) -> tuple[list[Look], Writes]:
    """One look at each step (a minute, or a twelfth of all); each step compacts to where the one before ended."""
    cluster = OwnCluster(folder, "soak", subnet=SUBNET, options={"keep_revisions": keep})
    steps = max(LEAST_SAMPLES, int(minutes))
    looks, writes = [], Writes()
    try:
        await cluster.start_members()
        began = time.monotonic()
        writing = asyncio.create_task(write(cluster, writes, began + 60 * minutes))
        compact_to = 0
        for step in range(1, steps + 1):
            await asyncio.sleep(began + 60 * minutes * step / steps - time.monotonic())
            if compact_to:
                await cluster.store.compact(compact_to)
            compact_to = writes.revision
            looks.append(await look(cluster))
            said = looks[-1]
            words = f"rss {said.rss:.1f} MB, disk {said.disk:.1f} MB, {said.segments:.0f} segments, lag {said.lag:.0f}"
            print(f"# {step} of {steps}: {words}, term {said.term}", file=sys.stderr, flush=True)
        await writing
    finally:
        await cluster.stop()
    return looks, writes


def rows_of(looks: list[Look], writes: Writes, minutes: float) -> list[Row]:
    rows = []
    over = f"{minutes:g} minutes at {RATE:g} writes/s"
    for what, values in (("rss", [each.rss for each in looks]), ("disk", [each.disk for each in looks])):
        second, last = quarters(values)
        growth = f"medians {second:.1f} and {last:.1f} MB"
        rows.append(row("soak", f"{what}, largest member", values, "MB", over))
        rows.append(row("soak", f"{what}, last quarter to second quarter", [last / second], "x", growth))
    rows.append(row("soak", "write-ahead log segments, largest member", [each.segments for each in looks], "files"))
    rows.append(row("soak", "revisions between the newest member and the oldest", [each.lag for each in looks], ""))
    rows.append(row("soak", "elections", [float(looks[-1].term - looks[0].term)], "", "terms"))
    ordered = sorted(writes.latencies)
    if ordered:
        p50, p99 = (1000 * percentile(ordered, p) for p in (50, 99))
        rows.append(row("soak", "p99 of a write", [p99], "ms", f"p50 {p50:.2f} ms, {len(ordered):,} writes"))
    else:
        rows.append(missing("p99 of a write", "no write succeeded", "ms"))
    return [*rows, row("soak", "writes that failed", [float(writes.failed)], "")]


def run(options: Options) -> list[Row]:
    minutes = options.minutes or MINUTES
    with runner() as run:
        looks, writes = run.run(soak(Path.cwd() / STATE / "bench-soak", minutes))
    return rows_of(looks, writes, minutes)
