"""Folders of runs that failed, and of the smallest one: made by running them again, which gives the same to the byte.

Must not decide what failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cluster.campaign.result import Result
from cluster.campaign.shrink import Shrunk
from cluster.errors import UsageError
from cluster.experiments import documents, folder
from cluster.experiments.runner import simulate
from cluster.experiments.stage import Venue
from cluster.history.checks import judge
from cluster.history.finding import Verdict
from cluster.scenario import files
from cluster.scenario.model import Scenario, Step

MINIMAL = "minimal.yaml"
MOST = 20
"""Folders of one campaign; a folder holds every message of its run."""


class Order(Protocol):
    """What is needed of `cluster.campaign.command.Order`."""

    @property
    def schedule(self) -> str: ...

    def replay(self, seed: int, schedule: str | None = None) -> str: ...


def keep(scenario: Scenario, failures: Sequence[Result], place: Path, order: Order) -> list[str]:
    """A folder for each of the first failures; their paths. UsageError if there is no room for them."""
    chosen = sorted(failures, key=lambda r: r.seed)[:MOST]
    paths = []
    for result in chosen:
        path = place / f"seed-{result.seed}"
        if not result.digest:
            continue  # nobody saw it end
        _write(scenario, result.seed, order.schedule, order.replay(result.seed), path)
        paths.append(str(path))
    return paths


def write_minimal(before: Scenario, shrunk: Shrunk, place: Path) -> list[str]:
    """`minimal.yaml` and the folder of its run; what to tell about it."""
    failing = shrunk.failing
    file = place / MINIMAL
    try:
        place.mkdir(parents=True, exist_ok=True)
        file.write_text(failing.scenario.text)
    except OSError as error:
        raise UsageError(str(error.strerror), place=str(file), remedy="another --out") from None
    again = f"launch.py run {file} --world sim --seed {failing.seed}"
    replay = f"{again} --schedule {failing.schedule}" if failing.schedule else again
    scenario = files.parse(failing.scenario.text, str(file), place)
    verdict = _write(scenario, failing.seed, failing.schedule, replay, place / "run")
    failed = [j.finding.check for j in verdict.judged if not j.as_expected]
    same = shrunk.check in failed if shrunk.check else verdict.outcome == "violated"
    lines = [
        f"smallest: {size(scenario)} (it was {size(before)}), after {shrunk.runs} runs"
        + ("" if shrunk.complete else "; it could be smaller: the search was ended"),
        f"{verdict.outcome}: {verdict.reason}",
        f"file: {file}, run: {place / 'run'}",
        f"again: {replay}",
    ]
    if not same:
        lines.append(
            f"warning: as a file it does not fail in {shrunk.check or 'the same way'}; its run says how it ends"
        )
    return lines


def size(scenario: Scenario) -> str:
    """In words, what makes a story large."""
    shape = scenario.shape
    strikes = sum(_strikes(step) for step in scenario.timeline)
    clients = sum(workload.clients for workload in scenario.workloads)
    store = shape.only == "store"
    machines = several(shape.masters, "member") if store else f"{shape.masters} + {shape.workers} machines"
    return (
        f"{several(strikes, 'entry', 'entries')} in the timeline, {several(clients, 'client')}, {machines}, "
        f"{scenario.seconds:g} s"
    )


def several(count: int, one: str, many: str = "") -> str:
    """ "1 client", "3 clients"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _strikes(step: Step) -> int:
    if step.steps:
        return sum(_strikes(inner) for inner in step.steps)
    return max(1, step.repeat) if step.every else 1


def _write(scenario: Scenario, seed: int, schedule: str, replay: str, path: Path) -> Verdict:
    began = datetime.now(UTC).isoformat(timespec="seconds")
    run = simulate(scenario, seed, venue=Venue(replay=replay, began=began, schedule=schedule))
    verdict = judge(run, scenario.checks)
    if not (path / folder.SUMMARY).exists():
        folder.begin(path, replace(run.meta, complete=False), scenario.text, scenario.place)
    folder.write(run, verdict, path)
    documents.write(run, verdict, path)
    return verdict
