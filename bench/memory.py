"""How much memory a store member takes with 100,000 keys of 1 KB: after the load, after a snapshot, and at its peak.

Must not time anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from bench.processes import memory
from bench.rows import Options, Row, row
from bench.store_cluster import MEMBERS, OwnCluster
from bench.store_load import runner
from bench.store_loaders import LoadError
from cluster.cli.session import STATE
from cluster.world.proc.layout import Layout
from store.engines import Store

KEYS = 100_000
SIZE = 1024
WRITERS = 64
SUBNET = 153
SNAPSHOT_WITHIN = 180.0


async def load(store: Store, keys: int, seed: int = 1) -> None:
    """Each key once, no two values alike, so that nothing is shared by accident."""
    dice = Random(seed)
    numbers: Iterator[int] = iter(range(keys))

    async def writer() -> None:
        for number in numbers:
            await store.put(b"/registry/pods/default/pod-%09d" % number, dice.randbytes(SIZE))

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


def snapshots(folder: Path) -> dict[str, float]:
    """Member to the time of its newest snapshot, 0 if it has none."""
    newest = {}
    for name in MEMBERS:
        files = list((Layout.of(folder).data(name) / "snapshot").glob("[0-9]*"))
        newest[name] = max((file.stat().st_mtime for file in files), default=0.0)
    return newest


async def until_snapshots(cluster: OwnCluster, since: float) -> None:
    """Write one by one, each an entry of its own, until every member has a snapshot of what was there before."""
    end = time.monotonic() + SNAPSHOT_WITHIN
    number = 0
    while min(snapshots(cluster.folder).values()) < since:
        if time.monotonic() > end:
            raise LoadError(f"not every member took a snapshot within {SNAPSHOT_WITHIN:g} s and {number} writes")
        for _ in range(200):
            await cluster.store.put(b"/registry/leases/default/lease", b"%d" % number)
            number += 1


async def measure(folder: Path, keys: int, options: Mapping[str, Any] | None = None) -> list[Row]:
    """Each figure is of the three members: median, and smallest to largest. `options`: of each member's config."""
    cluster = OwnCluster(folder, "memory", subnet=SUBNET, options=options)
    try:
        await cluster.start_members()
        pids = (await cluster.pids()).values()
        rows = [_row("empty", [memory(pid)["rss"] for pid in pids])]
        await load(cluster.store, keys)
        since = time.time()
        loaded = [memory(pid) for pid in pids]
        await until_snapshots(cluster, since)
        after = [memory(pid) for pid in pids]
    finally:
        await cluster.stop()
    of = f"{keys} keys of {SIZE} bytes"
    rows += [_row(f"{of}, loaded", [found["rss"] for found in loaded])]
    rows += [_row(f"{of}, loaded, shared pages by their share", [found["pss"] for found in loaded])]
    rows += [_row(f"{of}, after a snapshot", [found["rss"] for found in after])]
    rows += [_row(f"{of}, peak", [found["peak"] for found in after])]
    return rows


def _row(what: str, values: list[float]) -> Row:
    return row("memory", f"a member, {what}", values, "MB")


def run(options: Options) -> list[Row]:
    with runner() as run:
        return run.run(measure(Path.cwd() / STATE / "bench-memory", KEYS))
