"""Three idle store members beside busy processes: does a loaded machine make them hold elections?

Must not write anything to them.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from bench.rows import Options, Row, row
from bench.store_cluster import MEMBERS, OwnCluster, statuses
from cluster.cli.session import STATE
from store.client import MemberStatus

MINUTES = 60.0
BUSY = 3
"""Processes that do nothing but take CPU: more than the two cores that this is meant for."""
EVERY = 1.0
SUBNET = 155


class Reign:
    """What was seen of leaders: `terms` since the first look, `changes` of what a member says of its role or leader."""

    def __init__(self) -> None:
        self.looks = 0
        self.changes = 0
        self.unanswered = 0
        self._first = 0
        self._newest = 0
        self._roles: dict[str, tuple[str, str]] = {}

    @property
    def terms(self) -> int:
        return self._newest - self._first

    def look(self, found: list[MemberStatus], members: int) -> None:
        self.looks += 1
        self.unanswered += members - len(found)
        for status in found:
            self._first = self._first or status.term
            self._newest = max(self._newest, status.term)
            now = (status.role, status.leader)
            self.changes += self._roles.get(status.name, now) != now
            self._roles[status.name] = now


def busy_loops(number: int) -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(number)]


async def idle(folder: Path, minutes: float, busy: int = BUSY, every: float = EVERY) -> Reign:
    cluster = OwnCluster(folder, "idle", subnet=SUBNET)
    loops: list[subprocess.Popen[bytes]] = []
    reign = Reign()
    try:
        await cluster.start_members()
        loops = busy_loops(busy)
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            found = await statuses(cluster.store)
            reign.look(found, len(MEMBERS))
            await asyncio.sleep(every)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
        await cluster.stop()
    return reign


def run(options: Options) -> list[Row]:
    minutes = options.minutes or MINUTES
    reign = asyncio.run(idle(Path.cwd() / STATE / "bench-idle", minutes))
    words = f"{minutes:g} minutes beside {BUSY} busy processes; {reign.unanswered} questions had no answer in 0.5 s"
    return [
        row("idle", "elections", [float(reign.terms)], "", words),
        row("idle", "changes of a member's role or leader", [float(reign.changes)], ""),
    ]
