"""Tasks over a Dask cluster that is there already: how a campaign outgrows a machine.

Must not start a cluster. Needs the optional extra `capstan[dask]` here, and the same capstan on every worker. A chunk
whose worker is lost goes to another one. What was given to worker after worker that died is suspected: it is run again,
each seed alone, and only what loses its workers then is named (Dask blames whatever a dead worker had still to do).
Every seed has exactly one result.
"""

from __future__ import annotations

import hashlib
import importlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cluster
from cluster.campaign.job import Done, Hand, Job, Task
from cluster.campaign.pool import Event, Lost
from cluster.errors import UsageError

CHUNK = 8
AHEAD = 3
"""Chunks for each thread of a worker that are handed to the scheduler at a time."""
CONNECT = 10
"""Seconds to reach the scheduler."""
FETCH = 1.0
"""Seconds for a result to come over; then others are looked at first."""
SCHEME = "dask://"

_one = threading.Lock()
"""A simulation has its process for itself (the collector stands still meanwhile): threads take turns."""
_hands: dict[str, Hand] = {}


def parse(where: str) -> str:
    """ "dask://HOST:PORT" as Dask writes it. UsageError for anything else."""
    address = where.removeprefix(SCHEME)
    host, _, port = address.rpartition(":")
    if not where.startswith(SCHEME) or not host or not port.isdigit():
        raise UsageError(
            f"{where!r} is no Dask scheduler", place="--on", remedy="dask://HOST:PORT, as dask://127.0.0.1:8786"
        )
    return f"tcp://{address}"


def work(job: Job, tasks: Sequence[Task], version: str) -> list[Done]:
    """One chunk, in a worker. UsageError if it is another capstan, or the job cannot be meant."""
    from distributed import get_worker

    name = str(get_worker().address)
    key = repr((version, job))
    with _one:
        if key not in _hands:
            if source() != version:
                raise UsageError(f"{name} has another capstan than this one", place="--on", remedy=SAME)
            _hands.clear()
            _hands[key] = Hand(job, name)
        return [_hands[key].perform(task) for task in tasks]


SAME = "install the same version on every worker, and start the workers anew"


def source() -> str:
    """What runs here: a digest of every source file that can change a run."""
    root = Path(cluster.__file__).parents[1]
    digest = hashlib.blake2b(digest_size=8)
    for package in ("cluster", "nodes", "store"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def question() -> Callable[[], str]:
    """To be run on a worker: its `source`, or "" if capstan is not there. A function inside of a function is sent with
    its code, so that a worker without capstan can say so."""

    def there() -> str:
        try:
            from cluster.campaign.ondask import source
        except ImportError:
            return ""
        return source()

    return there


class DaskPool:
    """`where`: "dask://HOST:PORT" of a scheduler."""

    def __init__(self, job: Job, where: str) -> None:
        address = parse(where)
        try:
            distributed: Any = importlib.import_module("distributed")
        except ImportError:
            raise UsageError("Dask is not installed here", place="--on", remedy="pip install 'capstan[dask]'") from None
        try:
            self._client = distributed.Client(address, timeout=CONNECT, set_as_default=False)
        except OSError as error:
            text = f"no Dask scheduler answers at {where}: {str(error).splitlines()[0]}"
            raise UsageError(text, place="--on", remedy="start one: dask scheduler, dask worker") from None
        self._job = job
        self._version = source()
        self._waiting: deque[list[Task]] = deque()
        self._flying: dict[Any, list[Task]] = {}
        self._suspects: deque[Task] = deque()
        self._alone = False
        """Is the one task that is under way a suspect?"""
        self._ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            self._check(where)
        except BaseException:
            self._client.close()
            raise

    def _check(self, where: str) -> None:
        """UsageError unless there are workers, and every one has this very capstan."""
        versions: dict[str, str] = self._client.run(question())
        if not versions:
            raise UsageError(f"the scheduler at {where} has no workers", place="--on", remedy="dask worker HOST:PORT")
        for worker, version in sorted(versions.items()):
            if not version:
                raise UsageError(f"capstan is not installed on {worker}", place="--on", remedy=SAME)
            if version != self._version:
                text = f"{worker} has another capstan ({version}) than this one ({self._version})"
                raise UsageError(text, place="--on", remedy=SAME)

    @property
    def size(self) -> int:
        """Workers."""
        return max(1, len(self._client.nthreads()))

    def put(self, tasks: Iterable[Task]) -> None:
        several = list(tasks)
        plain = [task for task in several if not task.again and task.variant is None]
        single = [[task] for task in several if task.again or task.variant is not None]
        self._waiting.extend(plain[at : at + CHUNK] for at in range(0, len(plain), CHUNK))
        self._waiting.extend(single)
        self._submit()

    def take(self, seconds: float) -> list[Event]:
        events: list[Event] = []
        try:
            future = self._ready.get(timeout=seconds)
            while True:
                events += self._finished(future)
                future = self._ready.get_nowait()
        except queue.Empty:
            self._submit()
            return events

    def close(self) -> None:
        self._waiting.clear()
        self._suspects.clear()
        flying, self._flying = list(self._flying), {}
        if flying:
            self._client.cancel(flying, force=True)
        self._client.close()

    def _submit(self) -> None:
        if self._alone and self._flying:
            return
        while self._waiting and len(self._flying) < AHEAD * self.size:
            chunk = self._waiting.popleft()
            self._send(chunk, self._others(chunk[0].first) if chunk[0].again else None)
        self._alone = not self._flying and bool(self._suspects)
        if self._alone:
            self._send([self._suspects.popleft()], None)

    def _others(self, first: str) -> list[str] | None:
        """Who may run a seed again: everybody but who ran it first; None if nobody else is there."""
        return [name for name in self._client.nthreads() if name != first] or None

    def _send(self, chunk: list[Task], workers: list[str] | None) -> None:
        where = {"workers": workers, "allow_other_workers": True} if workers else {}
        future = self._client.submit(work, self._job, chunk, self._version, pure=False, **where)
        self._flying[future] = chunk
        future.add_done_callback(self._ready.put)

    def _finished(self, future: Any) -> list[Event]:
        chunk = self._flying.get(future)
        if chunk is None:
            return []
        done: list[Done] = []
        failure: Exception | None = None
        try:
            done = future.result(timeout=FETCH)
        except UsageError:
            raise
        except TimeoutError:
            # Its worker was lost with the result: the chunk is being done anew.
            future.add_done_callback(self._ready.put)
            return []
        except Exception as error:  # whatever Dask has to say: its workers were lost, or the chunk with them
            failure = error
        del self._flying[future]
        future.release()
        return [*done] if failure is None else self._failed(chunk, failure)

    def _failed(self, chunk: list[Task], error: Exception) -> list[Event]:
        if not self._alone:
            self._suspects.extend(chunk)
            return []
        why = f"was lost with it again and again: {type(error).__name__}: {str(error).splitlines()[0]}"
        return [Lost(chunk[0], "every worker that was given it", why)]
