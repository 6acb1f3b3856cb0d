"""Worker processes of a campaign: warm, replaced when they die, and none of them left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster.campaign.campaign import Campaign
from cluster.campaign.crew import ROOT
from cluster.campaign.pool import Pool
from cluster.campaign.tally import Tally
from cluster.errors import UsageError
from tests.cluster.campaign.jobs import job

pytestmark = pytest.mark.proc

STORY = """
capstan: 1
name: short
cluster: {only: store}
workload: {type: register, clients: 2, rate: 4}
timeline:
- {kill: leader:store, at: 500ms, for: 500ms}
duration: 2s
checks: [linearizable]
"""


def play(
    count: int, workers: int, twice: frozenset[int] = frozenset(), patience: float = 600.0, **faults: object
) -> Tally:
    with Pool(job(**faults), workers, patience) as pool:
        processes = [worker.process for worker in pool._workers]
        tally = Campaign(range(count), twice, workers).run(pool)
        processes += [worker.process for worker in pool._workers]
    assert all(process.poll() is not None for process in processes)
    return tally


def test_every_seed_has_one_result_and_no_process_is_left() -> None:
    tally = play(200, 2, frozenset({3, 77}))
    assert tally.outcomes == {"holds": 200}
    assert (tally.twice, tally.divergences, tally.lost) == (2, [], [])


def test_a_worker_that_dies_is_named_with_its_seed_and_replaced() -> None:
    tally = play(40, 2, deadly=[5, 6, 30])
    assert tally.outcomes == {"holds": 37, "unknown": 3}
    assert sorted(result.seed for result in tally.failures) == [5, 6, 30]
    assert all(f"was ended by signal {signal.SIGKILL.value}" in result.reason for result in tally.failures)
    assert [line for line in tally.lost if line.endswith("at seed 30")]
    assert tally.status == 2


def test_a_seed_that_takes_for_ever_is_unknown_and_the_others_go_on() -> None:
    tally = play(6, 1, patience=1.0, stuck=[2])
    assert tally.outcomes == {"holds": 5, "unknown": 1}
    assert "for more than 1 s" in tally.failures[0].reason


@pytest.mark.parametrize("workers", [1, 2])
def test_what_depends_on_the_order_of_a_set_is_found_by_another_hash_seed(workers: int) -> None:
    """Also with one worker: another process takes its place for the second runs."""
    tally = play(10, workers, frozenset({1, 4, 7}), odd=[4])
    assert tally.twice == 3
    (found,) = tally.divergences
    assert (found.seed, found.number, found.time, found.host) == (4, 2, 2.0, "c")
    assert "word-" in found.first
    assert found.first != found.second
    assert tally.status == 1


def test_a_job_that_cannot_be_meant_is_refused_once() -> None:
    with pytest.raises(UsageError) as refused:
        play(10, 2, refused=True)
    assert (str(refused.value), refused.value.remedy) == ("here: cannot be meant; another", "another")


def test_workers_that_cannot_start_end_the_campaign() -> None:
    with pytest.raises(UsageError, match=r"workers do not start: worker-\d ended with status 7"):
        play(10, 1, dead=True)


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────


def launch(tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    story = tmp_path / "short.yaml"
    story.write_text(STORY)
    command = [sys.executable, str(ROOT / "launch.py"), "run", "short.yaml", "--world", "sim", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=tmp_path, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def test_the_command_tells_people_lines_and_programs_json(tmp_path: Path) -> None:
    out, err = launch(tmp_path, "--seeds", "10:14", "--jobs", "1").communicate()
    assert "4 of 4 seeds: 4 holds" in out, err
    assert "kill: 4 strikes: 4 confirmed" in out
    assert "run twice, in other processes with another hash seed: the same to the byte" in out
    assert "\r" not in out + err
    process = launch(tmp_path, "--seeds", "10:14", "--jobs", "1", "-o", "json")
    data = json.loads(process.communicate()[0])
    assert (data["outcome"], data["seeds"]["from"], data["seeds"]["to"]) == ("holds", 10, 13)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seeds", "x"), "--seeds: seeds 'x' are not a number"),
        (("--seeds", "5", "--jobs", "0"), "--jobs: '0' is no number of processes"),
        (("--seeds", "5", "--schedule", "pct"), "there is no schedule 'pct'"),
        (("--seeds", "5", "--on", "dask://nowhere"), "--on: 'dask://nowhere' is no Dask scheduler"),
    ],
)
def test_words_that_cannot_be_meant_are_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    process = launch(tmp_path, *words)
    _, err = process.communicate()
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert process.returncode == 2


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children of a process are listed by Linux only")
def test_ctrl_c_gives_the_summary_so_far_and_leaves_no_process(tmp_path: Path) -> None:
    process = launch(tmp_path, "--seeds", "100000", "--jobs", "2")
    children: list[int] = []
    while len(children) < 2 and process.poll() is None:
        children = [int(word) for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert "of 100000 seeds, interrupted" in out, err
    assert process.returncode == 130
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
