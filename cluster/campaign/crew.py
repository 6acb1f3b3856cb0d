"""One worker process as its campaign sees it: started, fed with tasks, listened to, ended.

Must not choose tasks (`pool.py`). Each process has a hash seed of its own, so that a run that depends on the order of a
set differs between two of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cluster
from cluster.campaign import frames
from cluster.campaign.job import Done, Job, Task
from cluster.campaign.result import of_data
from cluster.errors import UsageError

ROOT = Path(cluster.__file__).parents[1]
TAIL = 2000
"""Bytes of a dead worker's standard error that are looked at."""


class Worker:
    """`number`: unique in the campaign. `chunk`: what it was told to do and has not answered yet, the first now."""

    def __init__(self, job: Job, number: int) -> None:
        self.name = f"worker-{number}"
        self.chunk: deque[Task] = deque()
        self.since = time.monotonic()
        """Since when it is at what it is doing."""
        self.ready = False
        self._errors = tempfile.TemporaryFile()
        self._splitter = frames.Splitter()
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cluster.campaign.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONHASHSEED": str(number + 1), "PYTHONPATH": path},
            start_new_session=True,
        )
        self._say({"target": job.target, "arguments": dict(job.arguments), "name": self.name})

    def fileno(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def give(self, tasks: Iterable[Task]) -> None:
        tasks = list(tasks)
        self.chunk.extend(tasks)
        self.since = time.monotonic()
        self._say([tuple(asdict(task).values()) for task in tasks])

    def listen(self) -> Iterator[Done] | None:
        """What it has said, without waiting for more than one piece; None: it is gone. UsageError if it refused."""
        data = os.read(self.fileno(), 1 << 20)
        return self._heard(data) if data else None

    def _heard(self, data: bytes) -> Iterator[Done]:
        for message in self._splitter.feed(data):
            word, *rest = message
            if word == "refused":
                text, place, remedy = rest
                raise UsageError(text, place=place, remedy=remedy)
            self.ready = True
            self.since = time.monotonic()
            if word == "done":
                result, records = rest
                yield Done(self.chunk.popleft(), of_data(result), tuple(tuple(record) for record in records))

    def end(self) -> str:
        """Killed, if it still runs; how it ended, in words."""
        if self.process.poll() is None:
            self.process.kill()
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        last = self._last_words()
        return f"{how}: {last}" if last else how

    def _last_words(self) -> str:
        with self._errors as errors:
            size = errors.seek(0, os.SEEK_END)
            errors.seek(max(0, size - TAIL))
            lines = errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def _say(self, message: Any) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # its end is seen where it is listened to
            frames.write(self.process.stdin, message)
