"""`launch.py strike` on a cluster of real processes, by hand and by the real Chaos Toolkit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proc.test_cli import LAUNCH, Shell

pytestmark = pytest.mark.proc

SUBNET = "142"
STORY = """\
capstan: 1
title: A follower dies and the leader naps
cluster: {workers: 1}
steadyState: [all nodes are Ready, store has a leader]
timeline:
- {kill: follower:store, for: 1s}
- wait: 500ms
- sequence:
  - {pause: leader:store, for: 3s}
  - await: leader:store changed
    within: 10s
- await: store is writable
checks: [one-leader-per-term]
"""
RUN = """\
import json, sys
from chaoslib.experiment import ensure_experiment_is_valid, run_experiment
experiment = json.load(open(sys.argv[1]))
ensure_experiment_is_valid(experiment)
json.dump(run_experiment(experiment), open(sys.argv[2], "w"))
"""
"""What `chaos run` does."""


class Striker(Shell):
    def start(self, *words: str, name: str = "struck") -> subprocess.Popen[str]:
        return super().start(*words, name=name)

    def run(self, *words: str, status: int = 0, stdin: str = "", name: str = "struck") -> str:
        return super().run(*words, status=status, stdin=stdin, name=name)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Striker]:
    shell = Striker(tmp_path_factory.mktemp("struck"))
    shell.run("up", "--workers", "1", "--subnet", SUBNET)
    yield shell
    shell.run("down", "--wipe")


def test_an_entry_is_carried_out_and_undone(shell: Striker) -> None:
    said = shell.run("strike", "pause: store-1", "--for", "300ms")
    assert said.startswith("pause store-1")
    assert '"stopped"' not in shell.run("status", "-o", "json")


def test_rules_of_a_strike_end_with_it(shell: Striker) -> None:
    shell.run("strike", '{"partition": "master-0 | rest", "for": "500ms"}')
    assert shell.run("faults") == "No faults in force.\n"


def test_an_awaited_condition_is_the_exit_status(shell: Striker) -> None:
    assert "ok" in shell.run("strike", '{"await": "all nodes are Ready", "within": "20s"}')
    assert "violated" in shell.run("strike", '{"await": "nodes = 7", "within": "200ms"}', status=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kill: store-9",), "error: entry: kill: this cluster has no store-9; store-0 to store-2\n"),
        (("kil: store-0",), "error: entry: kil: unknown action 'kil'; did you mean 'kill'?\n"),
        (
            ("kill: store-0",),
            "error: entry:1: how long does kill last?; for: 5s in the entry, or --for 5s; it is undone then\n",
        ),
        (("resume: store-0", "--for", "1s"), "error: --for: resume is over at once; leave it out\n"),
        (("[",), "error: entry:1: not YAML: "),
    ],
)
def test_what_cannot_be_meant(shell: Striker, words: tuple[str, ...], said: str) -> None:
    assert shell.run("strike", *words, status=2).startswith(said)


def test_an_experiment_runs_under_the_real_chaos_toolkit(shell: Striker) -> None:
    (shell.folder / "story.yaml").write_text(STORY)
    convert = ("scenario", "convert", "story.yaml", "--to", "chaostoolkit", "-o", "experiment.json")
    launcher = shell.folder / "capstan"
    launcher.write_text(f"#!{sys.executable}\nimport runpy, sys\nsys.path.insert(0, {str(Path(LAUNCH).parent)!r})\n"
                        f"runpy.run_path({LAUNCH!r}, run_name='__main__')\n")  # fmt: skip
    launcher.chmod(0o755)
    command = [sys.executable, LAUNCH, *convert, "--launcher", str(launcher), "--name", "struck"]
    subprocess.run(command, cwd=shell.folder, check=True, capture_output=True)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, "experiment.json", "journal.json"],
        cwd=shell.folder,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    journal = json.loads((shell.folder / "journal.json").read_text())
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    assert [(run["activity"]["name"], run["status"], run["output"]["status"]) for run in journal["run"]] == [
        ("kill follower:store for 1s", "succeeded", 0),
        (journal["run"][1]["activity"]["name"], "succeeded", 0),
        ("await store is writable", "succeeded", 0),
    ]
    for when in ("before", "after"):
        assert journal["steady_states"][when]["steady_state_met"]
