"""Tasks over the cores of this machine: warm worker processes, fed in chunks, replaced when they die.

Must not know what is run, nor what results mean. A worker that dies, or is at one seed for too long, is named with the
seed that it was at; the other seeds of its chunk are given to others. No process is left when the pool is closed.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from cluster.campaign.crew import Worker
from cluster.campaign.job import Done, Job, Task
from cluster.errors import UsageError

CHUNK_SECONDS = 0.4
"""A chunk is about so much work: little talk, and no long wait for the last worker."""
LONGEST_CHUNK = 64
PATIENCE = 600.0
"""Seconds for one seed."""
BIRTHS = 3
"""Workers that may die, one after the other, before they are ready."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A task that nobody will finish: why."""

    task: Task
    worker: str
    why: str


Event = Done | Lost


class Executor(Protocol):
    """Where a campaign's tasks are done: here, or on a Dask cluster."""

    def put(self, tasks: Iterable[Task]) -> None:
        """To be done, those that are run again after all others."""

    def take(self, seconds: float) -> list[Event]:
        """What has been done since; waits up to so long for the first."""

    def close(self) -> None:
        """At once, whatever is under way."""


class Pool:
    def __init__(self, job: Job, size: int, patience: float = PATIENCE) -> None:
        self._job = job
        self._patience = patience
        self._born = 0
        self._stillborn = 0
        self._waiting: deque[Task] = deque()
        self._again: deque[Task] = deque()
        self._spent = 0.0
        self._finished = 0
        self._selector = selectors.DefaultSelector()
        self._workers: list[Worker] = []
        try:
            for _ in range(size):
                self._hire()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def put(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            (self._again if task.again else self._waiting).append(task)

    def take(self, seconds: float) -> list[Event]:
        """UsageError if a worker says that the job cannot be meant."""
        self._feed()
        events: list[Event] = []
        for key, _ in self._selector.select(seconds):
            worker: Worker = key.data
            heard = worker.listen()
            if heard is None:
                events += self._bury(worker, "")
            else:
                for done in heard:
                    self._spent += done.result.real
                    self._finished += 1
                    events.append(done)
                self._stillborn = 0 if worker.ready else self._stillborn
        now = time.monotonic()
        for worker in [w for w in self._workers if w.chunk and now - w.since > self._patience]:
            events += self._bury(worker, f"was at it for more than {self._patience:g} s and was ended")
        self._feed()
        return events

    def close(self) -> None:
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.end()
        self._selector.close()

    # ── who does what ────────────────────────────────────────────────────────────────────────────────────────

    def _feed(self) -> None:
        for worker in self._workers:
            if worker.ready and not worker.chunk:
                chunk = self._chunk(worker)
                if chunk:
                    worker.give(chunk)
        idle = [worker for worker in self._workers if worker.ready and not worker.chunk]
        if self._again and len(idle) == len(self._workers):
            # Only those who ran them first are there to run them again: another process is what is needed.
            self._dismiss(idle[0])
            self._hire()

    def _chunk(self, worker: Worker) -> list[Task]:
        if self._waiting:
            mean = self._spent / self._finished if self._finished else CHUNK_SECONDS
            fair = len(self._waiting) // (2 * len(self._workers)) + 1
            size = max(1, min(LONGEST_CHUNK, fair, int(CHUNK_SECONDS / max(mean, 1e-6))))
            return [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
        for at, task in enumerate(self._again):
            if task.first != worker.name:
                del self._again[at]
                return [task]
        return []

    # ── births and deaths ────────────────────────────────────────────────────────────────────────────────────

    def _hire(self) -> None:
        worker = Worker(self._job, self._born)
        self._born += 1
        self._workers.append(worker)
        self._selector.register(worker, selectors.EVENT_READ, worker)

    def _dismiss(self, worker: Worker) -> str:
        self._selector.unregister(worker)
        self._workers.remove(worker)
        return worker.end()

    def _bury(self, worker: Worker, why: str) -> list[Event]:
        """What it was at is lost; what it had still to do is for others."""
        how = self._dismiss(worker)
        lost: list[Event] = []
        if worker.chunk:
            lost.append(Lost(worker.chunk.popleft(), worker.name, why or how))
            self._waiting.extendleft(reversed([task for task in worker.chunk if not task.again]))
            self._again.extendleft(task for task in worker.chunk if task.again)
        elif not worker.ready:
            self._stillborn += 1
            if self._stillborn >= BIRTHS:
                raise UsageError(f"workers do not start: {worker.name} {how}", remedy="does `launch.py` itself start?")
        self._hire()
        return lost
