"""A campaign over a Dask cluster: a scheduler and two workers on this machine, one of them killed in the middle."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.campaign import ondask
from cluster.campaign.campaign import Campaign
from cluster.campaign.crew import ROOT
from cluster.campaign.job import Done
from cluster.campaign.ondask import DaskPool, parse
from cluster.campaign.pool import Event
from cluster.errors import UsageError
from tests.cluster.campaign.jobs import job
from tests.proc.test_campaign_pool import STORY

MISSING = importlib.util.find_spec("distributed") is None
REQUIRED = os.environ.get("CAPSTAN_REQUIRE_DASK") == "1"
pytestmark = [
    pytest.mark.proc,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Dask's own, of which there are many
    pytest.mark.skipif(MISSING and not REQUIRED, reason="Dask is not installed: pip install 'capstan[dask]'"),
]


class Cluster:
    """Processes of Dask, bound to 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.where = f"dask://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"dask-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard"],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def scheduler(self) -> None:
        self.start("dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port))

    def worker(self) -> subprocess.Popen[bytes]:
        words = ("--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder))
        return self.start("dask_worker", f"tcp://127.0.0.1:{self.port}", *words)

    def wait(self, workers: int) -> None:
        """Until so many workers are there."""
        from distributed import Client

        client = Client(f"tcp://127.0.0.1:{self.port}", timeout=60, set_as_default=False)  # type: ignore[no-untyped-call]
        if workers:
            client.wait_for_workers(workers, timeout=120)
        client.close()  # type: ignore[no-untyped-call]

    def end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@contextmanager
def dask(folder: Path, workers: int) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        cluster.scheduler()
        for _ in range(workers):
            cluster.worker()
        cluster.wait(workers)
        yield cluster
    finally:
        cluster.end()


def test_dask_is_there_where_it_is_required() -> None:
    assert not MISSING


def test_every_seed_has_one_result_though_a_worker_is_killed_in_the_middle(tmp_path: Path) -> None:
    counts: Counter[int] = Counter()
    with dask(tmp_path, 2) as cluster:

        class Killing(DaskPool):
            def take(self, seconds: float) -> list[Event]:
                events = super().take(seconds)
                counts.update(event.task.seed for event in events if isinstance(event, Done) and not event.task.again)
                if len(counts) > 40 and cluster.processes[1].poll() is None:
                    cluster.processes[1].kill()
                return events

        pool = Killing(job(bad=[7]), cluster.where)
        try:
            assert pool.size == 2
            tally = Campaign(range(200), frozenset({3, 150}), pool.size).run(pool)
        finally:
            pool.close()
        assert cluster.processes[1].poll() is not None
    assert counts == dict.fromkeys(range(200), 1)
    assert tally.outcomes == {"holds": 199, "violated": 1}
    assert (tally.twice, tally.divergences, tally.lost) == (2, [], [])


def test_a_seed_that_kills_every_worker_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    with dask(tmp_path, 1) as cluster:
        pool = DaskPool(job(deadly=[5]), cluster.where)
        try:
            campaign = Campaign(range(12), frozenset(), 1)
            campaign.beat = lambda: revive(cluster)
            tally = campaign.run(pool)
        finally:
            pool.close()
    assert tally.outcomes == {"holds": 11, "unknown": 1}
    assert tally.failures[0].seed == 5
    assert "was lost with it again and again" in tally.failures[0].reason


def revive(cluster: Cluster) -> None:
    """As a nanny would."""
    if cluster.processes[-1].poll() is not None:
        cluster.worker()


def test_workers_with_another_capstan_or_none_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with dask(tmp_path, 1) as cluster:
        with monkeypatch.context() as patch:
            patch.setattr(ondask, "source", lambda: "this")
            with pytest.raises(UsageError, match=r"tcp://127.* has another capstan \(\w+\)"):
                DaskPool(job(), cluster.where)
        with monkeypatch.context() as patch:
            patch.setattr(ondask, "question", lambda: lambda: "")
            with pytest.raises(UsageError, match="capstan is not installed on tcp://127"):
                DaskPool(job(), cluster.where)


def test_a_scheduler_that_is_not_there_or_has_nobody_is_said(tmp_path: Path) -> None:
    with dask(tmp_path, 0) as cluster, pytest.raises(UsageError, match="has no workers; dask worker HOST:PORT"):
        DaskPool(job(), cluster.where)
    with pytest.raises(UsageError, match="no Dask scheduler answers at dask://127.0.0.1:1"):
        DaskPool(job(), "dask://127.0.0.1:1")


@pytest.mark.parametrize("where", ["dask://", "dask://x", "tcp://127.0.0.1:1", "dask://127.0.0.1:port", "x"])
def test_an_address_that_is_none_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match="is no Dask scheduler"):
        parse(where)


def test_the_command_runs_a_story_there(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(STORY)
    with dask(tmp_path, 1) as cluster:
        words = ["run", "short.yaml", "--world", "sim", "--seeds", "6", "--on", cluster.where, "-o", "json"]
        process = subprocess.run(
            [sys.executable, str(ROOT / "launch.py"), *words], cwd=tmp_path, capture_output=True, text=True
        )
    assert process.returncode == 0, process.stderr
    data = json.loads(process.stdout)
    assert (data["outcomes"], data["determinism"]["twice"]) == ({"holds": 6}, 3)
