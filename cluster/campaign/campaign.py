"""The campaign itself: every seed once, some twice, results as they come.

Must not print, and not know where tasks are done (`pool.py`, `dask.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from cluster.campaign.job import Done, Task
from cluster.campaign.pool import Event, Executor
from cluster.campaign.result import Result, unknown
from cluster.campaign.tally import Tally
from cluster.campaign.twice import compare
from cluster.world.journal import Record

Watch = Callable[[Result], None]
"""Called with each result of a seed that does not hold, as it comes."""
STEP = 0.2
"""Seconds between two looks at the bar."""


class Campaign:
    """`tally` is what it has seen so far, at any moment. `beat` is called a few times a second."""

    def __init__(self, seeds: range, twice: frozenset[int], workers: int) -> None:
        self.tally = Tally(seeds, workers)
        self.watch: Watch = lambda result: None
        self.beat: Callable[[], None] = lambda: None
        self._twice = twice
        self._open = 0
        self._digests: dict[int, tuple[str, str]] = {}
        """Of seeds whose two runs differ."""
        self._firsts: dict[int, Result] = {}
        """First runs of those that are to be run twice."""
        self._records: dict[int, tuple[Record, ...]] = {}

    def run(self, executor: Executor) -> Tally:
        """All of it. KeyboardInterrupt ends it early: the tally says so."""
        began = time.monotonic()
        try:
            self._put(executor, *(Task(seed) for seed in self.tally.seeds))
            while self._open:
                for event in executor.take(STEP):
                    self._open -= 1
                    self._take(executor, event)
                self.tally.seconds = time.monotonic() - began
                self.beat()
        except KeyboardInterrupt:
            self.tally.interrupted = True
        finally:
            self.tally.seconds = time.monotonic() - began
        return self.tally

    def _put(self, executor: Executor, *tasks: Task) -> None:
        self._open += len(tasks)
        executor.put(tasks)

    def _take(self, executor: Executor, event: Event) -> None:
        if not isinstance(event, Done):
            seed, worker = event.task.seed, event.worker
            self.tally.lost.append(f"{worker} {event.why}, at seed {seed}")
            if not event.task.again:
                self._first(executor, unknown(seed, f"{worker} {event.why}", worker))
            elif event.task.records:
                self.tally.divergences.append(compare(seed, self._digests.pop(seed), (), ()))
        elif event.task.records:
            self._compared(executor, event)
        elif event.task.again:
            self._again(executor, event.result)
        else:
            self._first(executor, event.result)

    def _first(self, executor: Executor, result: Result) -> None:
        self.tally.add(result)
        if result.outcome != "holds":
            self.watch(result)
        if result.seed in self._twice and result.digest:
            self._firsts[result.seed] = result
            self._put(executor, Task(result.seed, again=True, first=result.worker))

    def _again(self, executor: Executor, result: Result) -> None:
        first = self._firsts.pop(result.seed)
        self.tally.twice += 1
        if first.digest != result.digest:
            self._digests[result.seed] = (first.digest, result.digest)
            self._put(executor, Task(result.seed, again=True, records=True))

    def _compared(self, executor: Executor, done: Done) -> None:
        """Two more runs, with all their records, in two processes: where do they part?"""
        seed, records = done.task.seed, tuple(done.records)
        before = self._records.pop(seed, None)
        if before is None:
            self._records[seed] = records
            self._put(executor, Task(seed, again=True, first=done.result.worker, records=True))
        else:
            self.tally.divergences.append(compare(seed, self._digests.pop(seed), before, records))
