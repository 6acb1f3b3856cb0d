"""What a campaign runs, as something that can be sent to another process: a function by its name, and its arguments.

Must not know what the function does. It is called once in each worker, and what it returns once for each seed.

    def prepare(arguments) -> Runs             # "package.module:prepare"; arguments are plain data
    result, records = runs(seed, True)         # records only if they are wanted
"""

from __future__ import annotations

import importlib
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cluster.campaign.result import Result, unknown
from cluster.errors import UsageError
from cluster.world.journal import Record

Runs = Callable[[int, bool], tuple[Result, Sequence[Record]]]


@dataclass(frozen=True, slots=True)
class Job:
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def prepare(self) -> Runs:
        """UsageError if its arguments cannot be meant."""
        module, _, name = self.target.partition(":")
        runs: Runs = getattr(importlib.import_module(module), name)(self.arguments)
        return runs


@dataclass(frozen=True, slots=True)
class Task:
    """One seed to run. `again`: it was run before, by the worker `first`, and another one is to do it now. `variant`:
    other arguments than the job's, for this task."""

    seed: int
    again: bool = False
    first: str = ""
    records: bool = False
    variant: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    task: Task
    result: Result
    records: Sequence[Record] = ()


class Hand:
    """Does one task after the other: the job's, and variants of it."""

    def __init__(self, job: Job, worker: str) -> None:
        self._job = job
        self._worker = worker
        self._runs = job.prepare()
        self._variant: tuple[Mapping[str, Any], Runs] | None = None

    def perform(self, task: Task) -> Done:
        """UsageError if the job cannot be run at all; a variant that cannot be is a run of which nothing is known."""
        if task.variant is None:
            return perform(self._runs, task, self._worker)
        try:
            if self._variant is None or self._variant[0] != task.variant:
                self._variant = task.variant, Job(self._job.target, task.variant).prepare()
            return perform(self._variant[1], task, self._worker)
        except UsageError as error:
            return Done(task, unknown(task.seed, str(error), self._worker))


def perform(runs: Runs, task: Task, worker: str) -> Done:
    """Whatever happens in it: a run that raises is a run of which nothing is known. UsageError if it cannot be run."""
    began = time.perf_counter()
    records: Sequence[Record] = ()
    try:
        result, records = runs(task.seed, task.records)
    except UsageError:
        raise
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{at.filename.rsplit('/', 1)[-1]}:{at.lineno}"
        result = unknown(task.seed, f"a bug at {where}: {type(error).__name__}: {error}")
    return Done(task, replace(result, real=time.perf_counter() - began, worker=worker), records)
