"""run and replay: a scenario told in either world, its verdict, and its folder.

Must not know what a scenario does. In the proc world the cluster is the run's own (or one that is up, with --on), and
whatever happens nothing of the run is left in it: not even when this process is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cluster.cli import output as out
from cluster.cli.session import STATE, load_spec
from cluster.cli.session import folder as cluster_folder
from cluster.errors import UsageError
from cluster.experiments import documents, folder
from cluster.experiments.runner import Runner, simulate
from cluster.experiments.stage import Venue, cluster_spec
from cluster.history.checks import CHECKS, judge
from cluster.history.finding import Verdict
from cluster.history.run import Meta, Run
from cluster.report.summary import summary
from cluster.report.verdict import to_data
from cluster.scenario import files
from cluster.scenario.model import WORLDS, Scenario, Step
from cluster.world.journal import Record

INTERRUPTED = 130
LARGE = 1 << 50
"""Bytes of one journal: none of a run's is ever cut."""


@click.command("run")
@click.argument("file")
@click.option("--world", "world", default="", help="sim or proc; default: the first that the story is for.")
@click.option("--seed", type=int, default=None, help="Of all draws; default: the story's own.")
@click.option("--out", "directory", default="", help="The run's folder; default: one under .capstan/runs.")
@click.option("--on", "on", default="", help="A cluster that is up, by its name; or dask://HOST:PORT for a campaign.")
@click.option("--schedule", "schedule", default="", help="How long messages take in the sim: pct:3 is by priority.")
@click.option("--seeds", "seeds", default="", help="A campaign in the sim: so many seeds, or A:B (A up to B - 1).")
@click.option("--jobs", default="auto", show_default=True, help="A campaign's processes.")
@click.option("--shrink", is_flag=True, help="Reduce what fails to the smallest story that does.")
@click.option("--keep", "keep", default="", help="A campaign: write the folders of failing runs into this one.")
@click.option("--report/--no-report", "report", default=True, show_default=True, help="Write report.html.")
@out.as_json
def run_command(file: str, world: str, output: str, **flags: Any) -> int:
    """Run the story in FILE (or a shipped one, by its name), judge it, and write the run's folder.

    Exit status: 0 it holds, 1 it is violated, 2 unknown."""
    scenario = files.load(file, CHECKS)
    if flags["seeds"] or flags["shrink"] or flags["on"].startswith("dask:"):
        import importlib

        campaign: Callable[..., int] = importlib.import_module("cluster.campaign.command").command
        return campaign(scenario, file=file, world=world, output=output, **flags)
    chosen = world or ("proc" if flags["on"] else scenario.worlds[0])
    if chosen not in WORLDS:
        raise UsageError(f"unknown world {world!r}", place="--world", remedy=f"one of {', '.join(WORLDS)}")
    seed = scenario.seed if flags["seed"] is None else flags["seed"]
    if flags["on"] and chosen == "sim":
        raise UsageError("a simulated run has a cluster of its own", place="--on", remedy="--world proc")
    if flags["on"]:
        load_spec(cluster_folder(flags["on"]))  # nothing is written for a cluster that is not there
    for name in ("keep", "jobs"):
        if flags[name] not in ("", "auto"):
            raise UsageError("is of a campaign, and this is one run", place=f"--{name}", remedy="with --seeds N")
    if flags["schedule"] and chosen != "sim":
        raise UsageError("real messages take as long as they take", place="--schedule", remedy="--world sim")
    telling = Telling(quiet=output == "json")
    place = Path(flags["directory"]) if flags["directory"] else _new_folder(scenario, chosen, seed)
    replay = replaying(file, chosen, seed, schedule=flags["schedule"], on=flags["on"])
    began = datetime.now(UTC).isoformat(timespec="seconds")
    venue = Venue(chosen, replay=replay, began=began, schedule=flags["schedule"])
    folder.begin(place, _meta(scenario, venue, seed), scenario.text, str(files.find(file).absolute()))
    telling.begin(scenario, venue, seed)
    if chosen == "sim":
        run = simulate(scenario, seed, venue=venue, tell=telling.line)
    else:
        run = _proc(scenario, seed, venue, place, flags["on"], telling)
    verdict = judge(run, scenario.checks, time.monotonic)
    folder.write(run, verdict, place)
    if flags["report"]:
        documents.write(run, verdict, place)
    telling.end(run, verdict, place, report=flags["report"])
    if output == "json":
        print(out.to_json({"folder": str(place), "seed": seed, "world": chosen, **to_data(verdict)}))
    return INTERRUPTED if run.meta.problem == "it was interrupted" else verdict.status


def replaying(file: str, world: str, seed: int, *, schedule: str = "", on: str = "") -> str:
    """The command that tells it again."""
    rest = (f" --schedule {schedule}" if schedule else "") + (f" --on {on}" if on else "")
    return f"launch.py run {shlex.quote(file)} --world {world} --seed {seed}{rest}"


def _new_folder(scenario: Scenario, world: str, seed: int) -> Path:
    """One that is not there yet."""
    base = Path.cwd() / STATE / "runs"
    name, count = f"{scenario.name}-{world}-{seed}", 0
    while True:
        path = base / (f"{name}-{count}" if count else name)
        if not path.exists():
            return path
        count += 1


def _meta(scenario: Scenario, venue: Venue, seed: int) -> Meta:
    shape = scenario.shape
    problem = "it goes on, or was killed"
    return Meta(
        scenario.name,
        scenario.title,
        venue.name,
        seed,
        shape.engine,
        0.0,
        venue.began,
        venue.replay,
        profile=shape.profile,
        complete=False,
        problem=problem,
    )


class Telling:
    """The narration on standard output."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def begin(self, scenario: Scenario, venue: Venue, seed: int) -> None:
        self._say(f"{scenario.title or scenario.name} ({venue.name}, seed {seed})")

    def line(self, when: float, text: str) -> None:
        self._say(f"{when:9.3f} s  {text}")

    def end(self, run: Run, verdict: Verdict, place: Path, *, report: bool) -> None:
        self._say(summary(run, verdict, colour=sys.stdout.isatty()))
        self._say(f"report: {place / documents.REPORT if report else place}")

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(text, flush=True)


# ── real processes ───────────────────────────────────────────────────────────────────────────────────────────


def _proc(scenario: Scenario, seed: int, venue: Venue, place: Path, on: str, telling: Telling) -> Run:
    if on:
        return asyncio.run(_on_cluster(scenario, seed, venue, on, telling))
    return asyncio.run(_own_cluster(scenario, seed, venue, place, telling))


async def _on_cluster(scenario: Scenario, seed: int, venue: Venue, name: str, telling: Telling) -> Run:
    from cluster.cli.lifecycle import folders
    from cluster.world.proc.world import ProcWorld

    where = cluster_folder(name)
    spec = load_spec(where)
    world = await ProcWorld.connect(where)
    try:
        await world.call("leash", end="heal")
        there = replace(venue, spec=spec, folders=folders(where, world), subnet=spec.subnet)
        run = await _guarded(Runner(world, scenario, seed, there, telling.line))
        await world.call("leash", end="")
        return run
    finally:
        await world.close()


async def _own_cluster(scenario: Scenario, seed: int, venue: Venue, place: Path, telling: Telling) -> Run:
    """Up in the run's folder, and down whatever happens."""
    from cluster.cli.lifecycle import folders, free_subnet, proc_config
    from cluster.world.proc.launch import down, launch

    where = (place / "cluster").absolute()
    subnet = free_subnet(str(where))
    spec = cluster_spec(scenario, replace(venue, subnet=subnet))
    config = replace(
        proc_config(spec),
        seed=str(seed),
        journal=scenario.shape.journal,
        journal_bytes=LARGE,
        drifting=_drifts(scenario.timeline),
    )
    world = launch(where, config)
    try:
        await world.call("leash", end="down")
        doorless = replace(folders(where, world), pki="")  # nobody but the run asks its apiservers
        there = replace(venue, folders=doorless, subnet=subnet)
        return await _guarded(Runner(world, scenario, seed, there, telling.line))
    finally:
        with contextlib.suppress(UsageError):
            await world.close()
        _keep_logs(where, place)
        down(where, wipe=True)


def _keep_logs(where: Path, place: Path) -> None:
    """What its processes printed, beside the run's other files."""
    with contextlib.suppress(OSError):
        shutil.copytree(where / "log", place / "log", dirs_exist_ok=True)


def _drifts(steps: tuple[Step, ...]) -> bool:
    return any(step.action == "clockDrift" or _drifts(step.steps) for step in steps)


async def _guarded(runner: Runner) -> Run:
    """The run; one that is interrupted (SIGINT, SIGTERM) is healed, and ends incomplete."""
    task = asyncio.ensure_future(runner.run())
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, task.cancel)
    try:
        await asyncio.wait((task,))
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)  # who ends it while it is taken down is heard as before
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
    run = await runner.result()
    await runner.stage.close()
    return run


# ── replay ───────────────────────────────────────────────────────────────────────────────────────────────────


@click.command("replay")
@click.argument("directory", metavar="DIR")
@out.as_json
def replay_command(directory: str, output: str) -> int:
    """Run what is in DIR again in the sim with the same seed, and compare the two to the byte."""
    place = Path(directory)
    before, _ = folder.load(place)
    if before.meta.world != "sim":
        text = f"a run in {before.meta.world} cannot be repeated to the byte"
        raise UsageError(text, place=str(place), remedy=before.meta.replay or "run it again")
    if not before.meta.digest:
        raise UsageError("this run has no digest: it did not come to its end", place=str(place))
    named = folder.place_of(place)
    beside = Path(named).parent if named else place
    scenario = files.parse(before.scenario, named or str(place / folder.SCENARIO), beside)
    again = simulate(scenario, before.meta.seed, venue=Venue(schedule=before.meta.schedule))
    same = again.meta.digest == before.meta.digest
    found = None if same else first_difference(before.records, again.records)
    if output == "json":
        print(out.to_json({"same": same, "digest": again.meta.digest, "before": before.meta.digest, "record": found}))
        return 0 if same else 1
    if same:
        print(f"the same to the byte: {len(again.records)} records, digest {again.meta.digest}")
        return 0
    print(f"another run: digest {again.meta.digest}, before {before.meta.digest}")
    print(_difference(before.records, again.records, found))
    return 1


def first_difference(one: tuple[Record, ...], other: tuple[Record, ...]) -> int | None:
    """Number of the first record that differs; the shorter one's length if it is the other's beginning."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if _plain(left) != _plain(right):
            return number
    return None if len(one) == len(other) else min(len(one), len(other))


def _plain(record: Record) -> Any:
    return [list(part) if isinstance(part, tuple) else part for part in record]


def _difference(one: tuple[Record, ...], other: tuple[Record, ...], number: int | None) -> str:
    if number is None:
        return "the records are the same; what differs is not in them (another version of this program?)"
    left = one[number] if number < len(one) else "nothing"
    right = other[number] if number < len(other) else "nothing"
    return f"the first record that differs is {number}:{os.linesep}  before: {left}{os.linesep}  now:    {right}"
