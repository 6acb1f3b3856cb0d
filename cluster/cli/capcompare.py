"""`cap` on small stores of its own: the same story on one engine after the other, side by side, and a page of it.

Must not judge: the reports do. Real processes are taken down however it ends; what a killed command has left of them is
taken down by the next one.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cluster.addresses import machine_ip
from cluster.cli import output as out
from cluster.cli.lifecycle import free_subnet
from cluster.cli.session import CLIENT_MACHINE, STATE
from cluster.config import ClusterSpec
from cluster.errors import UsageError
from cluster.experiments.cap import run_cap
from cluster.experiments.capcalm import Calm, run_calm
from cluster.experiments.capstore import spec_of, start_store
from cluster.history.record import to_text
from cluster.report.caplatency import latencies
from cluster.report.cappage import Page, page
from cluster.report.capreport import CapReport
from cluster.report.captable import latency_lines, ledger_lines, outcome_lines
from cluster.report.capwords import otherwise, what_times_are, when_cut
from cluster.topology import ENGINE_MODULES, store_machines
from cluster.world.proc.launch import down, launch
from cluster.world.proc.osprocess import is_alive
from cluster.world.proc.registry import ProcConfig
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import World
from cluster.world.sim import SimWorld
from store.engines import engine

OURS = ("raft", "eventual", "raftos")
"""Engines whose members can be started for the story."""
SECONDS = 10.0
"""How long the cut lasts: long enough for most of the elections of raftos (docs/engines.md)."""
MARKS = 50
"""Operations of one reader during the partition: so many marks are legible in a lane."""


@dataclass(frozen=True, slots=True)
class Comparison:
    engines: tuple[str, ...] = OURS
    world: str = "sim"
    seed: int = 0
    seconds: float = SECONDS
    distance: float = 0.01

    def __post_init__(self) -> None:
        for name in self.engines:
            if name not in OURS:
                why = "is not ours to start" if name == "etcd" else "is unknown"
                remedy = f"of {', '.join(OURS)}; a cluster on etcd: `cap --name NAME`"
                raise UsageError(f"engine {name!r} {why}", place="--engines", remedy=remedy)
        if not self.engines or len(set(self.engines)) < len(self.engines):
            raise UsageError("each engine once, and at least one", place="--engines", remedy=",".join(OURS))
        if not 0.5 <= self.seconds <= 60:
            raise UsageError(f"a partition of {self.seconds:g} s", place="--seconds", remedy="0.5 to 60")
        if not 0 <= self.distance <= 0.1:
            remedy = "0 to 100: with more, leaders are suspected"
            raise UsageError(f"{1000 * self.distance:g} ms between the sides", place="--distance", remedy=remedy)


def compare(wanted: Comparison, where: Path, quiet: bool) -> int:
    """Tell the story on each engine, write the page and the histories, print the tables; the exit status."""
    reports = []
    for name in wanted.engines:
        if not quiet:
            print(f"{name}: the story in the {wanted.world} world ...", file=sys.stderr, flush=True)
        reports.append(_told(wanted, name))
    files = _write(wanted, reports, where)
    if quiet:
        head = {"world": wanted.world, "seed": wanted.seed, "seconds": wanted.seconds, "page": str(files[0])}
        print(out.to_json(head | {"engines": [report.data() for report in reports]}))
    else:
        print_comparison(reports, wanted)
        print(f"\npage: {files[0]}")
    return 1 if any(report.problems() for report in reports) else 0


def print_comparison(reports: Sequence[CapReport], wanted: Comparison) -> None:
    names = [report.engine for report in reports]
    print(f"G1: one member of three (the leader's). G2: the other two. Cut from each other for {wanted.seconds:g} s.\n")
    print(out.render_table(["SIDE", "WHAT", "", *names], ledger_lines(reports)))
    print()
    print(out.render_table(["AFTERWARDS", *names], outcome_lines(reports)))
    print(f"\nWithout a partition, p50 / p99. {what_times_are(wanted.world, wanted.distance)}\n")
    print(out.render_table(["SIDE", "WHAT", *names], latency_lines(reports)))
    for report in reports:
        print()
        print(" ".join(when_cut(report)))
        print(f"Else: {otherwise(report)}")
    for report in reports:
        for problem in report.problems():
            print(f"FAILED: {report.engine}: {problem}")


def _write(wanted: Comparison, reports: Sequence[CapReport], where: Path) -> list[Path]:
    where.mkdir(parents=True, exist_ok=True)
    replay = f"launch.py cap --engines {','.join(wanted.engines)} --world {wanted.world} --seed {wanted.seed}"
    replay += f" --seconds {wanted.seconds:g} --distance {1000 * wanted.distance:g}"
    text = page(Page(tuple(reports), wanted.world, wanted.seed, wanted.seconds, wanted.distance, replay))
    files = {where / "cap.html": text}
    files[where / "cap.json"] = out.to_json([report.data() for report in reports])
    for report in reports:
        files[where / f"history-{report.engine}.jsonl"] = to_text(report.history)
    for path, content in files.items():
        path.write_text(content)
    return list(files)


# ── one engine ───────────────────────────────────────────────────────────────────────────────────────────────


def _told(wanted: Comparison, name: str) -> CapReport:
    """The story, and on a second store the calm. A store that has no leader in time is a problem, and is told."""
    spec = spec_of(name)
    try:
        report: CapReport = _in_world(wanted, spec, _Story(wanted, spec))
        calm: Calm = _in_world(wanted, spec, _Calm(wanted, spec))
    except TimeoutError:
        return CapReport(engine=name, problem="the store had no leader in time")
    report.distance = wanted.distance
    report.latency = latencies(calm.history, calm.values)
    return report


@dataclass(frozen=True, slots=True)
class _Story:
    wanted: Comparison
    spec: ClusterSpec

    async def __call__(self, world: World) -> CapReport:
        setup = await start_store(world, self.spec, self.wanted.seconds)
        return await run_cap(world, replace(setup, pause=self.wanted.seconds / MARKS))


@dataclass(frozen=True, slots=True)
class _Calm:
    wanted: Comparison
    spec: ClusterSpec

    async def __call__(self, world: World) -> Calm:
        setup = await start_store(world, self.spec, self.wanted.seconds)
        return await run_calm(world, setup, distance=self.wanted.distance)


def _in_world(wanted: Comparison, spec: ClusterSpec, story: Any) -> Any:
    if wanted.world == "sim":
        with SimWorld(wanted.seed, tolerate_exits=True) as world:
            return world.run(story(world))
    with own_tree(spec) as where:
        return asyncio.run(_in_processes(where, story))


async def _in_processes(where: Path, story: Any) -> Any:
    world = await ProcWorld.connect(where)
    try:
        return await story(world)
    finally:
        await world.close()


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def own_tree(spec: ClusterSpec) -> Iterator[Path]:
    """A tree of processes for the members, in a folder that goes with it."""
    root = Path.cwd() / STATE
    _sweep(root)
    where = root / f"cap-{spec.engine}-{os.getpid()}"
    subnet = free_subnet(str(where))
    machines = {m: machine_ip(subnet, m) for m in store_machines(spec).values()}
    machines[CLIENT_MACHINE] = f"127.{subnet}.255.1"
    preload = (engine(spec.engine).target.partition(":")[0], *ENGINE_MODULES.get(spec.engine, ()))
    try:
        launch(where, ProcConfig(preload=tuple(dict.fromkeys(preload)), machines=machines, subnet=subnet))
        yield where
    finally:
        if where.exists():
            down(where, wipe=True)


def _sweep(root: Path) -> None:
    """Trees of commands that are no more."""
    for left in root.glob("cap-*-*"):
        owner = left.name.rpartition("-")[2]
        if owner.isdecimal() and not is_alive(int(owner)):
            down(left, wipe=True)
