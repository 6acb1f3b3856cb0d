"""`launch.py run FILE --seeds ... [--shrink]`: a campaign from the command line's words to its exit status.

Must not know how runs are made. Exit status: 0 all hold, 1 one is violated or does not repeat, 2 unknown, 130 Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.campaign import keeping, story
from cluster.campaign.campaign import Campaign
from cluster.campaign.job import Job
from cluster.campaign.pool import Executor, Pool
from cluster.campaign.result import Result
from cluster.campaign.seeds import SHARE, parse, sample
from cluster.campaign.shrink import Failing, Shrinker, Shrunk
from cluster.campaign.tally import Tally
from cluster.campaign.telling import Teller
from cluster.errors import UsageError
from cluster.experiments.setting import check
from cluster.scenario import files
from cluster.scenario.model import Scenario
from cluster.world.sim.schedule import of_text

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. `file`: as it was named. `jobs`: worker processes. `on`: a Dask scheduler, "" for this
    machine. `keep`: folder for the runs that fail, "" for none; `out`: folder for the smallest one."""

    file: str
    seeds: range
    jobs: int
    schedule: str = ""
    on: str = ""
    keep: str = ""
    out: str = ""
    shrink: bool = False
    as_json: bool = False
    twice: float = SHARE

    def replay(self, seed: int, schedule: str | None = None) -> str:
        """The one command that does a seed again."""
        schedule = self.schedule if schedule is None else schedule
        words = f"launch.py run {shlex.quote(self.file)} --world sim --seed {seed}"
        return f"{words} --schedule {schedule}" if schedule else words


def command(scenario: Scenario, *, file: str, world: str, output: str, **flags: Any) -> int:
    """As `cluster.cli.run` calls it."""
    if world not in ("", "sim"):
        text = f"a campaign needs runs that repeat, and those of {world} do not"
        raise UsageError(text, place="--world", remedy="--world sim")
    if output not in ("", "json"):
        raise UsageError(f"no output {output!r} of a campaign", place="-o", remedy="json")
    seed = scenario.seed if flags.get("seed") is None else flags["seed"]
    order = Order(
        file,
        parse(flags.get("seeds") or "1", seed),
        processes(flags.get("jobs", "auto")),
        flags.get("schedule", ""),
        flags.get("on", ""),
        flags.get("keep", ""),
        flags.get("directory", ""),
        bool(flags.get("shrink")),
        output == "json",
    )
    check(scenario, "sim")
    of_text(order.schedule, 0)  # UsageError for one that there is not
    return run(scenario, order)


def processes(text: str) -> int:
    """ "auto": one for each core."""
    if text == "auto":
        return os.cpu_count() or 1
    if not text.isdigit() or not 1 <= int(text) <= 1024:
        raise UsageError(f"{text!r} is no number of processes", place="--jobs", remedy="auto, or 1 to 1024")
    return int(text)


def run(scenario: Scenario, order: Order) -> int:
    """The campaign, told as it goes on. Ctrl-C, whenever it comes, ends it with the summary of what there is."""
    folder = str(files.find(order.file).absolute().parent)
    job = story.job(scenario.text, order.file, folder, order.schedule)
    campaign = Campaign(order.seeds, sample(order.seeds, order.twice), order.jobs)
    tally = campaign.tally
    teller = Teller(tally, order.replay, quiet=order.as_json)
    campaign.watch, campaign.beat = teller.failure, teller.bar
    kept: list[str] = []
    shrunk, place = None, Path()
    told = False
    try:
        with _executor(job, order, tally) as executor:
            campaign.run(executor)
            teller.summary()
            told = True
            if not tally.interrupted:
                if order.keep:
                    kept = keeping.keep(scenario, tally.failures, Path(order.keep), order)
                if order.shrink:
                    shrunk, place = _shrink(scenario, order, teller, executor)
    except KeyboardInterrupt:
        tally.interrupted = True
        if not told:
            teller.summary()
    if order.as_json:
        print(json.dumps({**tally.data(), "kept": kept, "shrunk": _data(shrunk, place)}, indent=1))
    return INTERRUPTED if tally.interrupted else tally.status


@contextmanager
def _executor(job: Job, order: Order, tally: Tally) -> Iterator[Executor]:
    """Where the runs are made; nothing is left of it."""
    executor: Executor | None = None
    try:
        if order.on:
            from cluster.campaign.ondask import DaskPool

            executor = dask = DaskPool(job, order.on)
            tally.workers = dask.size
        else:
            tally.workers = order.jobs if order.shrink else min(order.jobs, len(order.seeds))
            executor = Pool(job, tally.workers)
        yield executor
    finally:
        if executor is not None:
            executor.close()


# ── the smallest one ─────────────────────────────────────────────────────────────────────────────────────────


def _shrink(scenario: Scenario, order: Order, teller: Teller, executor: Executor) -> tuple[Shrunk | None, Path]:
    """Of the violated seed whose check failed most often, the first; its story made small, and written down."""
    say = (lambda text: None) if order.as_json else print
    chosen = choose(teller.tally)
    if chosen is None:
        say("nothing to shrink: no seed is violated")
        return None, Path()
    say(f"shrinking seed {chosen.seed}: {chosen.kind}")
    first, _ = story.play(scenario, chosen.seed, order.schedule)
    folder = str(files.find(order.file).absolute().parent)
    shrinker = Shrinker(executor, chosen, order.file, folder)
    shrinker.beat = lambda runs, best: teller.shrinking(runs, keeping.size(best.scenario))
    shrunk = shrinker.shrink(Failing(scenario, chosen.seed, order.schedule), first)
    teller.clear()
    place = Path(order.out or Path(order.keep or ".capstan/runs") / f"{scenario.name}-minimal-{chosen.seed}")
    for line in keeping.write_minimal(scenario, shrunk, place):
        say(line)
    return shrunk, place


def choose(tally: Tally) -> Result | None:
    violated = [result for result in tally.failures if result.outcome == "violated"]
    return min(violated, key=lambda r: (-tally.checks[r.kind], r.seed), default=None)


def _data(shrunk: Shrunk | None, place: Path) -> Any:
    if shrunk is None:
        return None
    failing = shrunk.failing
    return {
        "file": str(place / keeping.MINIMAL),
        "seed": failing.seed,
        "schedule": failing.schedule,
        "check": shrunk.check,
        "runs": shrunk.runs,
        "complete": shrunk.complete,
        "reason": shrunk.reason,
    }
