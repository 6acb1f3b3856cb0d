"""The job of a campaign over a scenario: simulate it with a seed, judge it, and tell the result in short.

Must not print or write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.campaign.job import Job, Runs
from cluster.campaign.result import Result
from cluster.experiments.runner import simulate
from cluster.experiments.stage import Venue
from cluster.history.checks import judge
from cluster.history.finding import Verdict
from cluster.history.run import Run
from cluster.scenario import files
from cluster.scenario.model import Scenario
from cluster.world.journal import Record

TARGET = "cluster.campaign.story:prepare"


def job(text: str, place: str, folder: str, schedule: str = "") -> Job:
    """A scenario's text, the name of its file, and the folder where its manifests are, on every machine that runs
    it."""
    arguments = {"text": text, "place": place, "folder": folder, "schedule": schedule}
    return Job(TARGET, arguments)


def prepare(arguments: Mapping[str, Any]) -> Runs:
    scenario = files.parse(arguments["text"], arguments["place"], Path(arguments["folder"]))
    schedule = arguments["schedule"]

    def runs(seed: int, records: bool) -> tuple[Result, Sequence[Record]]:
        run, verdict = play(scenario, seed, schedule)
        return told(run, verdict), run.records if records else ()

    return runs


def play(scenario: Scenario, seed: int, schedule: str = "") -> tuple[Run, Verdict]:
    """Without a clock for the checks: how fast a machine is decides no verdict, only the checks' own bounds do."""
    run = simulate(scenario, seed, venue=Venue(schedule=schedule))
    return run, judge(run, scenario.checks)


def told(run: Run, verdict: Verdict) -> Result:
    strikes: dict[str, Counter[str]] = {}
    for strike in run.strikes:
        proof = "not carried out" if strike.error else strike.proof
        strikes.setdefault(strike.action, Counter())[proof] += 1
    failed = tuple(dict.fromkeys(j.finding.check for j in verdict.judged if not j.as_expected))
    return Result(
        run.meta.seed,
        verdict.outcome,
        verdict.reason,
        failed if verdict.outcome != "holds" else (),
        run.meta.digest,
        run.meta.seconds,
        operations=len(run.operations),
        strikes={action: dict(counts) for action, counts in sorted(strikes.items())},
    )
