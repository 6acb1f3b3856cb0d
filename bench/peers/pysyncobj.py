"""Three PySyncObj members as OS processes, in two tunings; for `bench store`. The optional extra `bench` installs it.

Must not pass for a peer that keeps what it acknowledges: it never syncs, so its row says "no sync".
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.peers.etcd import free_ports
from bench.processes import Window
from bench.samples import Cell, Sample, sample
from bench.store_load import unpacked
from bench.store_loaders import LoadError, Worker

TUNINGS: Mapping[str, Mapping[str, Any]] = {
    "at once": {"appendEntriesUseBatch": False},
    "every 5 ms": {"appendEntriesPeriod": 0.005, "autoTickPeriod": 0.001},
}
"""Which is better hangs on the number of callers; as it comes (a batch every 100 ms) is worse than both."""

DOUBTS = "its members said that they may have diverged"


def installed() -> bool:
    return importlib.util.find_spec("pysyncobj") is not None


class PySyncObjCluster:
    def __init__(self, folder: Path, tuning: str) -> None:
        self.name = f"PySyncObj, {tuning}"
        self.folder = folder / "pysyncobj"
        self._tuning = tuning
        self._nodes: list[Worker] = []
        self._addresses: list[str] = []

    async def start(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
        setup = {"addresses": self._addresses, "folder": str(self.folder), "options": TUNINGS[self._tuning]}
        for index in range(3):
            words = json.dumps(setup | {"index": index})
            log = self.folder / f"n{index}.log"
            self._nodes.append(await Worker.start("bench.peers.pysyncobj_node", words, log=log))
        await self._leader(30.0)

    async def stop(self) -> None:
        for node in self._nodes:
            await node.kill()
        self._nodes = []
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _leader(self, within: float) -> int:
        end = time.monotonic() + within
        while time.monotonic() < end:
            found = [await node.ask(do="status") for node in self._nodes]
            leaders = {answer["leader"] for answer in found}
            if all(answer["ready"] for answer in found) and len(leaders) == 1:
                leader = leaders.pop()
                if leader in self._addresses:
                    return self._addresses.index(leader)
            await asyncio.sleep(0.05)
        raise LoadError(f"{self.name}: no leader within {within:g} s")

    async def measure(self, cell: Cell, seconds: float) -> Sample:
        """Puts by callers inside of the leader."""
        leader, before = await self._leader(10.0), self._doubts()
        window = Window(self._nodes[leader].pid, [node.pid for node in self._nodes], ())
        answer = await self._nodes[leader].ask(do="load", clients=cell.clients, seconds=seconds)
        cores, latencies = window.stop(), unpacked(answer["latencies"])
        if not latencies:
            raise LoadError(f"{self.name}: not one write succeeded, {answer['errors']} failed")
        whole = sample(latencies, answer["took"], cores, answer["errors"])
        doubts = self._doubts() - before
        return replace(whole, more={DOUBTS: float(doubts)}) if doubts else whole

    def _doubts(self) -> int:
        """How often its members said that they may not hold the same any more."""
        logs = self.folder.glob("n*.log")
        return sum(log.read_text(errors="replace").count("may have diverged") for log in logs)
