"""From a failing seed to the smallest story that fails in the same check, and the seed and schedule that show it.

Must not print or write. A story that is a little different is another run altogether, so each candidate is tried with a
few seeds, and with schedules by priority besides random latency, before it counts as one that does not fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cluster.campaign.ddmin import shrink
from cluster.campaign.job import Done, Task
from cluster.campaign.pin import pin
from cluster.campaign.pool import Executor
from cluster.campaign.result import Result
from cluster.campaign.smaller import smaller
from cluster.history.run import Run
from cluster.scenario.model import Scenario
from cluster.scenario.write import dump

SEEDS = 6
"""Seeds with which a candidate is tried: the one that failed last, and those after it."""
SCHEDULES = ("pct:2", "pct:3")
"""Each tried with two seeds, when random latency does not make a candidate fail."""
RUNS = 3000
"""The most runs that are spent."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A story, and how it fails."""

    scenario: Scenario
    seed: int
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """`runs`: how many it took. `complete`: no step further is possible, by the runs that were tried; False: the number
    of runs was used up. `pinned`: its strikes are concrete."""

    failing: Failing
    check: str
    runs: int
    complete: bool
    pinned: bool
    reason: str


class Shrinker:
    """`check`: that must go on failing ("": the outcome). `folder`, `place`: of the scenario's file. `beat` is called
    now and then with how it stands."""

    def __init__(self, executor: Executor, first: Result, place: str, folder: str) -> None:
        self.runs = 0
        self.limit = RUNS
        self.beat: Callable[[int, Failing], None] = lambda runs, best: None
        self._executor = executor
        self._first = first
        self._place = place
        self._folder = folder
        self._reason = first.reason
        self._best: Failing | None = None
        self._passed: set[str] = set()
        """Candidates that did not fail."""

    @property
    def check(self) -> str:
        return self._first.failed[0] if self._first.failed else ""

    def shrink(self, failing: Failing, run: Run) -> Shrunk:
        """`run`: what it recorded. KeyboardInterrupt ends it early, with the smallest so far."""
        self._best = failing
        interrupted = False
        pinned = False
        try:
            concrete = pin(failing.scenario, run)
            if concrete is not None:
                found = self._fails(replace(failing, scenario=concrete))
                pinned = found is not None
                self._best = found or failing
            shrink(self._best, self._smaller, self._fails)
            self._by_chance()
        except KeyboardInterrupt:
            interrupted = True
        complete = not interrupted and self.runs < self.limit
        best = self._best
        scenario = replace(best.scenario, seed=best.seed, text="")
        text = dump(scenario)
        final = replace(best, scenario=replace(scenario, text=text))
        return Shrunk(final, self.check, self.runs, complete, pinned, self._reason)

    def _smaller(self, failing: Failing) -> Sequence[Failing]:
        return [replace(failing, scenario=scenario) for scenario in smaller(failing.scenario)]

    def _by_chance(self) -> None:
        """A schedule is one thing more to explain: does the smallest one fail without it?"""
        best = self._best
        if best is not None and best.schedule and self.runs < self.limit:
            text = dump(replace(best.scenario, text=""))
            attempts = [(best.seed + n, "") for n in range(SEEDS)]
            self._first_of(replace(best, schedule=""), text, attempts)

    def _fails(self, candidate: Failing) -> Failing | None:
        """With the first seed and schedule, in their order, that make it fail in the same check."""
        text = dump(replace(candidate.scenario, text=""))
        if text in self._passed:
            return None
        rounds = [[(candidate.seed + n, candidate.schedule) for n in range(SEEDS)]]
        rounds.append([(candidate.seed + n, schedule) for schedule in SCHEDULES for n in range(2)])
        for attempts in rounds:
            if self.runs >= self.limit:
                return None
            found = self._first_of(candidate, text, attempts)
            if found is not None:
                return found
        self._passed.add(text)
        self.beat(self.runs, self._best or candidate)
        return None

    def _first_of(self, candidate: Failing, text: str, attempts: Sequence[tuple[int, str]]) -> Failing | None:
        results = self._try(text, attempts)
        for (seed, schedule), result in zip(attempts, results, strict=True):
            if result is not None and self._same(result):
                self._reason = result.reason
                self._best = replace(candidate, seed=seed, schedule=schedule)
                self.beat(self.runs, self._best)
                return self._best
        return None

    def _same(self, result: Result) -> bool:
        if self.check:
            return self.check in result.failed
        return result.outcome == self._first.outcome and not result.failed

    def _try(self, text: str, attempts: Sequence[tuple[int, str]]) -> list[Result | None]:
        """A result for each; None where its worker was lost."""
        base = {"text": text, "place": self._place, "folder": self._folder}
        tasks = [Task(seed, variant={**base, "schedule": schedule}) for seed, schedule in attempts]
        self._executor.put(tasks)
        self.runs += len(tasks)
        results: dict[tuple[int, str], Result] = {}
        missing = len(tasks)
        while missing:
            for event in self._executor.take(1.0):
                missing -= 1
                variant = event.task.variant
                if isinstance(event, Done) and variant is not None:
                    results[event.task.seed, variant["schedule"]] = event.result
        return [results.get(attempt) for attempt in attempts]
