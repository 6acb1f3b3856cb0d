"""A store of three processes under a steady load, while it is killed, stopped and cut into parts; then the verdict.

    python -m tests.proc.nemesis --minutes 30 --rate 500 --out summary.json

Every answer is recorded; keys come and go, so that each has a short history, and each history, with a last read of its
key at the very end, must be linearizable: then nothing that was acknowledged is lost. Must not print but in `main`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from cluster.errors import StatusError
from cluster.history import linearize
from cluster.history.invariants import one_leader_per_term
from cluster.history.record import NEVER, Kind, Operation
from cluster.rpc import Rpc
from cluster.world.faults import Delay, Loss, Partition, Rule
from cluster.world.journal import read
from cluster.world.proc.layout import Layout
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec
from store.client import Compare, Put, StoreClient
from tests.proc.trees import tree

MEMBERS = ("store-0", "store-1", "store-2")
MACHINES = ("master-0", "master-1", "master-2")
NODES = ("kill", "kill", "kill leader", "stop", "stop leader", "power")
LINKS = ("isolate", "isolate leader", "one way", "loss", "delay")
CONFIG = {
    "heartbeat": 0.1,
    "election": 0.3,
    "snapshot_entries": 5000,
    "retain_entries": 500,
    "wal_segment_bytes": 1 << 20,
}
SPELL = 2.0
"""Seconds that a set of keys is in use."""
AT_ONCE = 8
"""Keys in use at a time: at 500 operations a second each gets about 125."""
WORKERS = 24
SEATS = 4
TIMEOUT = 1.0
EXPECTED = ("Timeout", "NotLeader", "NoQuorum", "Dropped", "TooManyRequests", "ServiceUnavailable")


@dataclass(slots=True)
class Summary:
    """Times in seconds. `problems` is empty for a healthy store; `gap`: longest time without an acknowledgement."""

    seconds: float = 0.0
    operations: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    rate: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    gap: float = 0.0
    keys: int = 0
    terms_with_a_leader: int = 0
    boots: int = 0
    snapshots: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    undecided: int = 0
    """Keys whose search ran out of steps."""
    check_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


class Run:
    def __init__(self, world: ProcWorld, seconds: float, rate: float, seed: int) -> None:
        self.world = world
        self.seconds = seconds
        self.summary = Summary()
        self.histories: dict[str, list[Operation]] = {}
        self._rate = rate
        self._dice = Random(f"{seed}/nemesis")
        self._seed = seed
        self._stores: list[StoreClient] = []
        self._values = 0
        self._processes = 0
        self._latest: dict[str, str] = {}
        self._acknowledged: list[float] = []
        self._latencies: list[float] = []
        self._faults: Counter[str] = Counter()

    async def play(self) -> None:
        spec = Spec("store.member:run", {**CONFIG, "members": list(MEMBERS)})
        await asyncio.gather(*(self.world.start(n, m, spec) for n, m in zip(MEMBERS, MACHINES, strict=True)))
        for number in range(SEATS):
            rpc = Rpc(await self.world.join(f"client-{number}", "desk"), keepalive=1.0)
            self._stores.append(StoreClient(rpc, MEMBERS, prefer=MEMBERS[number % 3], timeout=TIMEOUT))
        await self._stores[0].put(b"begin", b"", timeout=10.0)
        start = time.monotonic()
        end = start + self.seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(self._trouble(end))
            for number in range(WORKERS):
                group.create_task(self._work(number, start, end))
        self.summary.seconds = time.monotonic() - start
        self.summary.faults = dict(self._faults)
        await self._read_everything()
        await self._agree()

    # ── clients ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _work(self, number: int, start: float, end: float) -> None:
        dice = Random(f"{self._seed}/{number}")
        store = self._stores[number % SEATS]
        pause = WORKERS / self._rate
        due = start + pause * dice.random()
        while due < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            due = max(due + pause, now - 1.0)  # who was held up hurries, but not for ever
            key = f"k{int((now - start) / SPELL)}.{dice.randrange(AT_ONCE)}"
            await self._operate(store, key, dice.choice(("read", "read", "write", "cas")))

    async def _operate(self, store: StoreClient, key: str, kind: Kind, timeout: float | None = None) -> None:
        self._values += 1
        value, name = str(self._values), key.encode()
        start = time.monotonic()
        result: Any = None
        argument: Any = None
        try:
            if kind == "read":
                found = (await store.range(name, timeout=timeout)).kvs
                result = found[0].value.decode() if found else None
            elif kind == "write":
                argument = value
                await store.put(name, value.encode())
            else:
                expected = self._latest.get(key, "none")
                argument = (expected, value)
                compare = Compare(name, "value", "=", expected.encode())
                result = (await store.txn((compare,), (Put(name, value.encode()),))).succeeded
        except StatusError as error:
            if error.reason not in EXPECTED:
                raise
            if not error.definite and kind != "read":
                self._keep(key, kind, argument, (start, NEVER), "unknown")
            self._count(error.reason)
            return
        end = time.monotonic()
        self._acknowledged.append(end)
        self._latencies.append(end - start)
        if kind != "read" and result is not False:
            self._latest[key] = value
        self._keep(key, kind, argument, (start, end), "ok", result)
        self._count("ok")

    def _keep(
        self, key: str, kind: Kind, argument: Any, times: tuple[float, float], outcome: Any, result: Any = None
    ) -> None:
        self._processes += 1
        operation = Operation("c", self._processes, kind, key, argument, *times, outcome, result)
        self.histories.setdefault(key, []).append(operation)

    def _count(self, outcome: str) -> None:
        outcomes = self.summary.outcomes
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    # ── trouble ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _trouble(self, end: float) -> None:
        """One after the other; all is well again a little before the end."""
        dice = self._dice
        while time.monotonic() < end - 6:
            await asyncio.sleep(dice.uniform(0.2, 1.5))
            kind = dice.choice(NODES + LINKS)
            self._faults[kind] += 1
            await self._strike(kind, dice.choice((0.1, 0.5, 2.0)) * dice.uniform(0.5, 1.5))
        await self.world.heal()
        for name in MEMBERS:
            await self.world.resume(name)
            await self._up(name)

    async def _strike(self, kind: str, seconds: float) -> None:
        world, victim = self.world, self._dice.choice(MEMBERS)
        if kind.endswith("leader"):
            victim = await self._leader() or victim
        if kind.startswith("kill"):
            await world.crash(victim)
            await asyncio.sleep(seconds)
            await self._up(victim)
        elif kind.startswith("stop"):
            await world.pause(victim)
            await asyncio.sleep(seconds)
            await world.resume(victim)
        elif kind == "power":
            for name in MEMBERS:
                await world.crash(name)
            for name in MEMBERS:
                await self._up(name)
        else:
            rule = await world.fault(self._rule(kind, victim))
            await asyncio.sleep(seconds)
            await world.heal(rule)

    async def _up(self, name: str) -> None:
        if not self.world.running(name):
            await self.world.restart(name)

    def _rule(self, kind: str, victim: str) -> Rule:
        mine = MACHINES[MEMBERS.index(victim)]
        others = tuple(machine for machine in MACHINES if machine != mine)
        if kind == "loss":
            return Loss(src=MACHINES, dst=MACHINES, probability=0.2)
        if kind == "delay":
            return Delay(src=MACHINES, dst=MACHINES, seconds=0.03, distribution="exponential")
        return Partition(src=(mine,), dst=others, both=kind != "one way")

    async def _leader(self) -> str:
        for name in MEMBERS:
            try:
                if (await self._stores[0].status(name, timeout=0.1)).role == "leader":
                    return name
            except StatusError:
                continue
        return ""

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _read_everything(self) -> None:
        """What was acknowledged must be there: the last read belongs to each key's history."""
        for place in range(0, len(self.histories), 100):
            keys = list(self.histories)[place : place + 100]
            await asyncio.gather(*(self._operate(self._stores[0], key, "read", timeout=10.0) for key in keys))

    async def _agree(self) -> None:
        store = self._stores[0]
        revision = (await store.put(b"end", b"", timeout=10.0)).revision
        digests: dict[str, str] = {}
        until = time.monotonic() + 20
        while len(digests) < len(MEMBERS) and time.monotonic() < until:
            for name in MEMBERS:
                try:
                    digests[name] = (await store.hash(name, revision, timeout=5.0))[1]
                except StatusError:
                    await asyncio.sleep(0.1)
        if len(digests) < len(MEMBERS):
            self.summary.problems.append(f"only {sorted(digests)} have caught up in 20 s")
        if len(set(digests.values())) > 1:
            self.summary.problems.append(f"members differ at revision {revision}: {digests}")

    def judge(self, directory: Path) -> Summary:
        summary = self.summary
        began = time.monotonic()
        histories = list(self.histories.values())
        with ProcessPoolExecutor(2) as pool:
            chunks = [histories[at : at + 200] for at in range(0, len(histories), 200)]
            for problems, undecided in pool.map(check, chunks):
                summary.problems.extend(problems)
                summary.undecided += undecided
        summary.check_seconds = time.monotonic() - began
        summary.keys = len(histories)
        summary.operations = sum(summary.outcomes.values())
        summary.rate = round(summary.operations / summary.seconds, 1)
        ranked = sorted(self._latencies)
        summary.p50, summary.p99 = ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100]
        times = sorted(self._acknowledged)
        summary.gap = max(b - a for a, b in zip(times, times[1:], strict=False))
        folder = Layout.of(directory).root / "journal"
        records = [record for path in sorted(folder.iterdir()) for record in read(path.read_bytes())]
        summary.problems.extend(violation.sentence for violation in one_leader_per_term(records))
        notes = Counter(record[4] for record in records if record[2] in MEMBERS)
        summary.boots, summary.snapshots = notes["recovered"], notes["snapshot"]
        led = {record[5]["term"] for record in records if record[4] == "role" and record[5]["role"] == "leader"}
        summary.terms_with_a_leader = len(led)
        return summary


def check(histories: Sequence[Sequence[Operation]]) -> tuple[list[str], int]:
    """(sentences of those that are not linearizable, how many were not decided)."""
    problems, undecided = [], 0
    for history in histories:
        verdict = linearize.check(history, budget=linearize.Budget(steps=300_000))
        if verdict.outcome == "illegal":
            problems.append(verdict.message)
        undecided += verdict.outcome == "unknown"
    return problems, undecided


@asynccontextmanager
async def connected(directory: Path) -> AsyncIterator[ProcWorld]:
    world = await ProcWorld.connect(directory)
    try:
        yield world
    finally:
        await world.close()


def run(seconds: float, rate: float, seed: int, tell: Callable[[str], None] = lambda text: None) -> Summary:
    """The whole of it, in a tree of its own."""
    with tree(preload=["store.member"], journal="events", journal_bytes=1 << 30) as directory:

        async def body() -> Run:
            async with connected(directory) as world:
                story = Run(world, seconds, rate, seed)
                await story.play()
                return story

        story = asyncio.run(body())
        tell(f"{sum(story.summary.outcomes.values())} operations on {len(story.histories)} keys; now the check")
        return story.judge(directory)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proc.nemesis")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=500.0, help="operations a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the summary goes, as JSON")
    asked = parser.parse_args()
    summary = run(asked.minutes * 60, asked.rate, asked.seed, tell=print)
    text = json.dumps({name: getattr(summary, name) for name in Summary.__slots__}, indent=2)
    if asked.out is not None:
        asked.out.write_text(text + "\n")
    print(text)
    return int(bool(summary.problems))


if __name__ == "__main__":
    sys.exit(main())
