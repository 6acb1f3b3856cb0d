"""Stories on real processes: many faults on a whole cluster, and runs that are ended in the middle, by whatever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import launch
from cluster.experiments import documents, folder
from cluster.world.proc.control import ask
from cluster.world.proc.layout import Layout
from cluster.world.proc.osprocess import is_alive

pytestmark = pytest.mark.proc

LAUNCH = str(Path(launch.__file__).absolute())

MANY = """
capstan: 1
name: many
title: Many faults on real processes
cluster: {masters: 3, workers: 2, objects: [deployment-nginx.yaml]}
workload:
- {type: register, rate: 10}
- {type: objects, name: things, rate: 10}
steadyState: [all nodes are Ready, store has a leader]
timeline:
- partition: {shape: minority-with-leader}
  for: 1s
- loss: {probability: 20%, kinds: ["raft.*"]}
  for: 1s
- delay: {by: 5ms, jitter: 2ms, distribution: normal, correlation: 30%}
  for: 1s
- wait: 1500ms
- await: store has a leader
  within: 20s
- disk: {targets: [leader:store], way: slow, by: 5ms}
  for: 1s
- pause: leader:store
  for: 500ms
- kill: kubelet-1
  for: 1s
- await: kubelet-1 is down
  within: 5s
- killAfter: {targets: holder:kube-scheduler, kinds: [lease.renew], n: 2}
- api: {way: error, probability: 20%}
  for: 1s
- clockJump: {targets: [master-0], by: 3s}
  for: 1s
- clockDrift: {targets: [master-1], rate: 1.2}
  for: 1s
- await: lease kube-scheduler changed hands
  within: 20s
- await: store has a leader
  within: 20s
- moveLeader: {}
- grow: 1
- wait: 2s
- restart: {targets: [store-2], disk: wipe}
- wait: 500ms
settle: 500ms
checks:
- linearizable: {keys: [register-0, register-1]}
- one-leader-per-term
"""

LONG = """
capstan: 1
name: long
title: One that is interrupted
cluster: {only: store, masters: 3}
workload: [{type: register}]
steadyState: [store has a leader]
timeline:
- pause: store-0
- kill: store-1
- loss: 30%
- clockJump: {targets: [master-2], by: -4s}
- say: now
- wait: 60s
checks: [one-leader-per-term]
"""


SHORT = """
capstan: 1
name: short
title: One that ends
cluster: {masters: 3, workers: 1}
workload: [{type: register}, {type: objects, name: things, rate: 20}]
steadyState: [store has a leader]
timeline:
- kill: leader:store
  for: 1s
- wait: 2s
settle: 500ms
checks: [linearizable, one-leader-per-term]
"""


class Started:
    """A `launch.py` of its own; what it says is read line by line."""

    def __init__(self, where: Path, *words: str) -> None:
        command = [sys.executable, LAUNCH, *words]
        self.process = subprocess.Popen(command, cwd=where, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.said: list[str] = []

    def until(self, word: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if line.rstrip().endswith(word):
                return
        raise AssertionError(f"never {word!r}: {''.join(self.said)}{self.process.communicate()[1]}")

    def end(self, status: int) -> str:
        out, error = self.process.communicate(timeout=120)
        text = "".join(self.said) + out
        assert self.process.returncode == status, f"{self.process.returncode}\n{text}\n{error}"
        assert "Traceback" not in error
        return text


def alive_in(directory: Path) -> list[int]:
    """Processes whose tree is in that folder."""
    control = Layout.of(directory).control
    if not control.exists():
        return []
    status = ask(control, "status")
    return [int(status["pid"]), *(int(h["pid"]) for h in status["hosts"].values() if h["pid"])]


def soon(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30.0
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_many_faults_on_a_whole_cluster_are_confirmed_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text(MANY)
    text = Started(tmp_path, "run", "many.yaml", "--world", "proc", "--out", "out").end(0)
    run, verdict = folder.load(tmp_path / "out")
    assert verdict is not None
    assert verdict.outcome == "holds"
    assert run.meta.complete
    assert {s.name: s.error for s in run.strikes if s.error} == {}
    assert {s.name: s.proof for s in run.strikes if s.proof != "confirmed"} == {}
    assert all(m.outcome == "ok" for m in run.moments if m.outcome), text
    assert [r for r in run.records if r[4] == "write" and r[5]["message"][0].startswith("things")]
    assert [r for r in run.records if r[4] == "log"]
    assert {e.kind for e in run.events} >= {"Node", "Pod", "Lease", "ConfigMap"}
    assert (tmp_path / "out" / documents.REPORT).exists()
    assert (tmp_path / "out" / "log" / "store-0.log").exists()
    assert not (tmp_path / "out" / "cluster").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_is_healed_and_ends_its_cluster(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "long.yaml").write_text(LONG)
    started = Started(tmp_path, "run", "long.yaml", "--world", "proc", "--out", "out")
    started.until("now")
    pids = alive_in(tmp_path / "out" / "cluster")
    assert len(pids) == 3  # the supervisor, and the two members that live
    started.process.send_signal(number)
    text = started.end(130)
    assert "it was interrupted" in text
    run, verdict = folder.load(tmp_path / "out")
    assert not run.meta.complete
    assert verdict is not None
    assert verdict.outcome == "unknown"
    assert all(s.until is not None for s in run.strikes)
    assert [r for r in run.records if r[4] == "resume" and r[2] == "store-0"]
    soon(lambda: not any(map(is_alive, pids)), "processes of the cluster are left")
    assert not (tmp_path / "out" / "cluster").exists()


def test_when_the_runner_itself_is_killed_its_cluster_ends_too(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(LONG)
    started = Started(tmp_path, "run", "long.yaml", "--world", "proc", "--out", "out")
    started.until("now")
    pids = alive_in(tmp_path / "out" / "cluster")
    os.kill(started.process.pid, signal.SIGKILL)
    started.process.communicate(timeout=30)
    soon(lambda: not any(map(is_alive, pids)), "processes of the cluster are left")
    run, verdict = folder.load(tmp_path / "out")
    assert verdict is None
    assert not run.meta.complete


def test_on_a_cluster_that_is_up_it_heals_even_when_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(LONG.replace("only: store, ", "workers: 1, "))
    Started(tmp_path, "up", "--name", "mine", "--workers", "1", "--subnet", "139").end(0)
    try:
        control = Layout.of(tmp_path / ".capstan" / "mine").control
        started = Started(tmp_path, "run", "long.yaml", "--on", "mine", "--out", "out")
        started.until("now")
        assert ask(control, "hosts")["store-1"]["state"] == "dead"
        os.kill(started.process.pid, signal.SIGKILL)
        started.process.communicate(timeout=30)

        def healed() -> bool:
            status = ask(control, "status")
            clocks = all(skew[:2] == [0.0, 1.0] for skew in status["skews"].values())
            running = all(host["state"] == "running" for host in status["hosts"].values())
            return running and clocks and not status["rules"]

        soon(healed, "it is not healed")
        (tmp_path / "short.yaml").write_text(SHORT)
        for out in ("first", "second"):  # nothing of the first is met by the second
            Started(tmp_path, "run", "short.yaml", "--on", "mine", "--out", out).end(0)
        left = Started(tmp_path, "get", "configmaps", "--name", "mine", "-l", "experiments=objects").end(0)
        assert "things" not in left
        refused = Started(tmp_path, "run", "grow.yaml", "--on", "mine", "--out", "other")
        (tmp_path / "grow.yaml").write_text(LONG.replace("- pause: store-0", "- grow: 1"))
        assert "in a cluster of its own" in refused.process.communicate(timeout=60)[1]
        assert refused.process.returncode == 2
    finally:
        Started(tmp_path, "down", "--name", "mine", "--wipe").end(0)


def test_what_cannot_be_run_says_where_and_what_would_be_right(tmp_path: Path) -> None:
    (tmp_path / "http.yaml").write_text(LONG.replace("only: store, ", "").replace("type: register", "type: http"))
    error = Started(tmp_path, "run", "http.yaml", "--world", "sim", "--out", "out").process.communicate(timeout=60)[1]
    assert "http.yaml:6" in error
    assert "--world proc" in error
    (tmp_path / "long.yaml").write_text(LONG)
    Started(tmp_path, "run", "long.yaml", "--world", "moon").end(2)
    Started(tmp_path, "run", "nowhere.yaml").end(2)
    Started(tmp_path, "replay", "nowhere").end(2)
