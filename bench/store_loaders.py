"""The side of `bench store` that orders load processes about and puts their answers together with the CPU they took.

Must not know a system: what its processes are, and which of them leads, is an argument.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from bench.processes import Window
from bench.samples import Cell, Cores, Sample, percentile, sample
from bench.store_load import unpacked
from bench.store_workload import Phase, latest_of, phases
from cluster.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 1 << 26
"""Bytes of one answer."""
HEAD_START = 0.05
"""Seconds from the order to go until all go."""
PATIENCE = 60.0
"""Seconds that a load process may take longer than it was told to."""


class LoadError(UsageError):
    """A measurement that did not come about; its row says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=1)


class System(Protocol):
    """A store of three members that is up, and can be measured."""

    name: str

    async def start(self) -> None:
        """Three members, a leader among them, and the keys in it. LoadError or UsageError when that fails."""

    async def stop(self) -> None:
        """End every process, remove every file; harmless when it never started."""

    async def measure(self, cell: Cell, seconds: float) -> Sample:
        """LoadError when it fails."""


class Worker:
    """A child process that is asked by JSON lines, and answers each with one."""

    def __init__(self, process: Process, what: str) -> None:
        self._process = process
        self._what = what

    @classmethod
    async def start(cls, *words: str, log: Path | None = None) -> Worker:
        """`python -m words...`; returns when it has said that it is ready. What it has to say besides goes to `log`."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        stderr = os.open(log, flags, 0o600) if log else None
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                *words,
                stdin=PIPE,
                stdout=PIPE,
                stderr=stderr,
                limit=LONGEST,
                env=environment,
            )
        finally:
            if stderr is not None:
                os.close(stderr)
        worker = cls(process, words[0])
        try:
            await worker._answer()
        except LoadError:
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.returncode is None

    async def ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise LoadError(f"{self._what} has ended: {error}") from None
        return await self._answer(order.get("seconds", 0.0))

    async def _answer(self, seconds: float = 0.0) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE + seconds):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise LoadError(f"{self._what} did not answer within {PATIENCE + seconds:g} s") from None
        if not line:
            raise LoadError(f"{self._what} ended with status {await self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LoadError(f"{self._what}: {answer['error']}")
        return answer

    async def kill(self) -> None:
        if self.runs:
            self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        """By the end of its input, else by SIGKILL."""
        if self.runs and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                async with asyncio.timeout(3.0):
                    await self._process.wait()
            except TimeoutError:
                pass
        await self.kill()


class Loaders:
    """Two load processes for one system; one client needs only the first."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers

    @classmethod
    async def start(cls, module: str, setup: Mapping[str, Any], name: str) -> Loaders:
        names = [f"{name}-load-{i}" for i in range(2)]
        workers = await asyncio.gather(
            *(Worker.start("bench.store_load", module, json.dumps(setup), n) for n in names), return_exceptions=True
        )
        started = [w for w in workers if isinstance(w, Worker)]
        if len(started) < len(workers):
            await cls(started).stop()
            raise LoadError("; ".join(str(w) for w in workers if not isinstance(w, Worker)))
        return cls(started)

    async def stop(self) -> None:
        await asyncio.gather(*(worker.end() for worker in self._workers))

    async def measure(self, cell: Cell, seconds: float, leader: int, servers: Sequence[int], target: Any) -> Sample:
        """`leader` and `servers` are process ids; `target` is what the drivers call the leader."""
        workers = self._workers[: 1 if cell.clients == 1 else len(self._workers)]
        parts = phases(cell.kind, cell.clients, seconds, len(workers))
        await self._prepare(workers, parts, target)
        at = time.monotonic() + HEAD_START
        asked = [asyncio.ensure_future(w.ask(do="go", at=at, seconds=seconds)) for w in workers]
        try:
            await asyncio.sleep(at - time.monotonic())
            window = Window(leader, servers, [w.pid for w in workers])
            await asyncio.sleep(at + seconds - time.monotonic())
            cores = window.stop()
            answers = await asyncio.gather(*asked)
        finally:
            for each in asked:
                each.cancel()
        drained: list[dict[str, Any]] = []
        if any(part.watchers for part in parts):
            events = sum(answer["events"] for answer in answers)
            drained = await asyncio.gather(*(w.ask(do="drain", events=events) for w in workers))
        return put_together(answers, drained, cores)

    async def fill(self, target: Any) -> None:
        """Each key once."""
        parts = phases("fill", 32, PATIENCE, len(self._workers))
        await self._prepare(self._workers, parts, target)
        at = time.monotonic()
        answers = await asyncio.gather(*(w.ask(do="go", at=at) for w in self._workers))
        failed = sum(answer["errors"] for answer in answers)
        if failed:
            raise LoadError(f"{failed} of the first writes failed")

    async def _prepare(self, workers: Sequence[Worker], parts: Sequence[Phase], target: Any) -> None:
        await asyncio.gather(
            *(w.ask(do="prepare", phase=p.data(), target=target) for w, p in zip(workers, parts, strict=True))
        )


def put_together(answers: Sequence[Mapping[str, Any]], drained: Sequence[Mapping[str, Any]], cores: Cores) -> Sample:
    """One sample of all processes' answers. A mixed load lasts until the last watcher has the last event. LoadError
    when nothing succeeded."""
    latencies = [latency for answer in answers for latency in unpacked(answer["latencies"])]
    errors = sum(answer["errors"] for answer in answers)
    began, ended = min(answer["began"] for answer in answers), max(answer["ended"] for answer in answers)
    if not latencies:
        raise LoadError(f"not one operation succeeded, {errors} failed")
    if not drained:
        return sample(latencies, ended - began, cores, errors)
    ended = max(ended, *(part["latest"] for part in drained))
    delays = sorted(delay for part in drained for delay in unpacked(part["delays"]))
    lasts = sorted(latest_of([{(a, b): delay for a, b, delay in part["last"]} for part in drained]))
    if not delays:
        raise LoadError("no event came to any watcher")
    whole = sample(latencies, ended - began, cores, errors + sum(part["missing"] for part in drained))
    more = {
        "deliveries": len(delays) / (ended - began),
        "each p50": 1000 * percentile(delays, 50),
        "each p99": 1000 * percentile(delays, 99),
        "last p50": 1000 * percentile(lasts, 50),
        "last p99": 1000 * percentile(lasts, 99),
    }
    return replace(whole, more=more)
