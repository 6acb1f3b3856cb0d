"""Our store beside etcd, PySyncObj and raftos in one run: what is measured, in which order.

Must not drive or judge: systems are in store_cluster.py and peers/, rows in store_results.py.

Each cell is measured with all systems one right after the other, and so five rounds; a peer that is not installed is a
row that says so. Three members as OS processes on one machine, data on a disk, load from other processes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from bench.peers import etcd_tool, pysyncobj
from bench.peers.etcd import EtcdCluster, program
from bench.processes import on_disk, sync_milliseconds
from bench.rows import Options, Row, row
from bench.samples import Cell, Sample
from bench.store_cluster import SUBNET, OwnCluster
from bench.store_loaders import System
from bench.store_results import ETCD, TOOL, Results, rate, rows_of
from bench.store_workload import KINDS
from cluster.cli.session import STATE
from cluster.errors import StatusError, UsageError
from store.engines import ENGINES

CLIENTS = (1, 16, 64, 256)
WATCHERS = (1, 100)
PARTS = (*KINDS, "watch", "failover")
PEERS = ("etcd", "pysyncobj", "raftos")
SECONDS = 2.0
ROUNDS = 5
KILLS = 6
"""Of our leader in each round; etcd's, which takes longer, a third of it."""
RAFTOS_SECONDS = 5.0
"""It commits about four writes a second."""

FAILURES = (StatusError, UsageError, OSError)
"""What ends one measurement, or one system's part, and not the whole run."""


def chosen(options: Options) -> tuple[list[str], list[str]]:
    """(parts, peers) that `--only` names; all where it names none. UsageError for an unknown word."""
    for word in options.only:
        if word not in (*PARTS, *PEERS):
            raise UsageError(f"no part {word!r}", place="--only", remedy=f"of {', '.join((*PARTS, *PEERS))}")
    parts = [part for part in PARTS if part in options.only]
    peers = [peer for peer in PEERS if peer in options.only]
    return parts or list(PARTS), peers or list(PEERS)


def cells_of(parts: Sequence[str], clients: Sequence[int]) -> list[Cell]:
    cells = [Cell(kind, n) for kind in KINDS if kind in parts for n in clients or CLIENTS]
    return cells + [Cell("watch", n) for n in WATCHERS if "watch" in parts]


class Comparison:
    def __init__(self, options: Options, folder: Path) -> None:
        self._parts, self._peers = chosen(options)
        self._cells = cells_of(self._parts, options.clients)
        self._rounds = options.times(ROUNDS)
        self._seconds = options.seconds or SECONDS
        self._folder = folder
        self._ours = OwnCluster(folder)
        self._etcd: EtcdCluster | None = None
        self._tool = False
        self._syncs: list[float] = []
        self.results = Results()

    async def run(self) -> list[Row]:
        self._folder.mkdir(parents=True, exist_ok=True)
        kind = on_disk(self._folder)
        try:
            await self._ours.start()
            await self._start_etcd()
            for number in range(self._rounds):
                await self._round(number)
            if "failover" in self._parts:
                await self._failovers()
        finally:
            await self._ours.stop()
            if self._etcd is not None:
                await self._etcd.stop()
        disk = row("store", "append of 4 KB and fdatasync", self._syncs, "ms", f"{kind}, {self._folder}")
        return [disk, *rows_of(self.results, self._cells)]

    async def _start_etcd(self) -> None:
        if "etcd" not in self._peers:
            self.results.absent[ETCD] = "left out by --only"
            return
        if program() is None:
            self.results.absent[ETCD] = "etcd is missing: apt-get install etcd-server"
            return
        self._etcd = EtcdCluster(self._folder)
        try:
            await self._etcd.start()
            self._tool = etcd_tool.tool() is not None
        except FAILURES as error:
            await self._etcd.stop()
            self._etcd = None
            self.results.absent[ETCD] = f"failed: {error}"
            return
        if not self._tool:
            self.results.absent[TOOL] = f"missing: {etcd_tool.VARIABLE} names no build of etcd's tools/benchmark"

    # ── one round ────────────────────────────────────────────────────────────────────────────────────────────

    async def _round(self, number: int) -> None:
        """Whoever is first in one round is last in the next."""
        self._syncs.append(sync_milliseconds(self._folder))
        for _, cells in groupby(self._cells, lambda cell: cell.kind):
            await self._refresh_etcd()
            for cell in cells:
                turns = [self._measure_ours, self._measure_etcd]
                for turn in turns if number % 2 == 0 else reversed(turns):
                    await turn(number, cell)
        puts = [cell for cell in self._cells if cell.kind == "puts"]
        if puts and "pysyncobj" in self._peers:
            await self._measure_pysyncobj(number, puts)
        if puts and "raftos" in self._peers:
            await self._measure_raftos(number)

    async def _refresh_etcd(self) -> None:
        if self._etcd is None:
            return
        try:
            await self._etcd.refresh()
        except FAILURES as error:
            self.results.absent[ETCD] = f"did not come up again: {error}"
            await self._etcd.stop()
            self._etcd = None

    async def _measure_ours(self, number: int, cell: Cell) -> None:
        await self._measure(number, self._ours, cell, self._seconds)

    async def _measure_etcd(self, number: int, cell: Cell) -> None:
        if self._etcd is None:
            return
        sample = await self._measure(number, self._etcd, cell, self._seconds)
        if self._tool and cell.kind in etcd_tool.KINDS:
            total = max(50, int((rate(sample) if sample else 1000) * self._seconds))
            try:
                self._note(number, TOOL, cell, await self._etcd.measure_with_tool(cell, total))
            except FAILURES as error:
                self._note(number, TOOL, cell, None, str(error))

    async def _measure(self, number: int, system: System, cell: Cell, seconds: float) -> Sample | None:
        try:
            sample = await system.measure(cell, seconds)
        except FAILURES as error:
            self._note(number, system.name, cell, None, str(error))
            return None
        self._note(number, system.name, cell, sample)
        return sample

    def _note(self, number: int, system: str, cell: Cell, sample: Sample | None, failure: str = "") -> None:
        self.results.add(system, cell, sample, failure)
        said = failure or (f"{sample.rate:,.0f}/s, p50 {sample.p50:.2f}, p99 {sample.p99:.2f} ms" if sample else "")
        print(f"# round {number + 1}: {system}: {cell}: {said}", file=sys.stderr, flush=True)

    # ── peers that run only for their turn ───────────────────────────────────────────────────────────────────

    async def _measure_pysyncobj(self, number: int, cells: Sequence[Cell]) -> None:
        if not pysyncobj.installed():
            self.results.absent["PySyncObj"] = "missing: pip install 'capstan[bench]'"
            return
        for tuning in pysyncobj.TUNINGS:
            await self._turn(number, pysyncobj.PySyncObjCluster(self._folder, tuning), cells, self._seconds)

    async def _measure_raftos(self, number: int) -> None:
        if "raftos" not in ENGINES:
            self.results.absent["raftos"] = "missing: there is no engine of that name"
            return
        system = OwnCluster(self._folder, "raftos", "raftos", SUBNET + 1)
        await self._turn(number, system, [Cell("puts", 1)], max(self._seconds, RAFTOS_SECONDS))

    async def _turn(self, number: int, system: System, cells: Sequence[Cell], seconds: float) -> None:
        try:
            await system.start()
        except FAILURES as error:
            for cell in cells:
                self._note(number, system.name, cell, None, str(error))
        else:
            for cell in cells:
                await self._measure(number, system, cell, seconds)
        finally:
            await system.stop()

    # ── failover ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _failovers(self) -> None:
        for kill in range(KILLS * self._rounds):
            await self._failover(kill, self._ours)
            if self._etcd is not None and kill % 3 == 0:
                await self._failover(kill, self._etcd)

    async def _failover(self, kill: int, system: OwnCluster | EtcdCluster) -> None:
        """Once it did not come back, a system is not killed again."""
        if system.name in self.results.lost:
            return
        try:
            took = await system.failover()
        except FAILURES as error:
            self.results.lost[system.name] = f"after kill {kill + 1}: {error}"
            return
        self.results.failovers.setdefault(system.name, []).append(took)
        print(f"# kill {kill + 1}: {system.name}: {took:.0f} ms", file=sys.stderr, flush=True)


def run(options: Options) -> list[Row]:
    return asyncio.run(Comparison(options, Path.cwd() / STATE / "bench-store").run())
