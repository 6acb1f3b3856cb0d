"""A run's folder holds the journal of its experiment as Chaos Toolkit writes one."""

from __future__ import annotations

import json
from pathlib import Path

from cluster.experiments import documents
from cluster.experiments.runner import simulate
from cluster.history.checks import CHECKS, judge
from cluster.scenario import files, write
from cluster.scenario.reader import read

STORY = """\
capstan: 1
title: A follower dies
cluster: {only: store}
workload: register
steadyState: [store has a leader]
timeline:
- {kill: follower:store, for: 1s}
- wait: 1s
- await: store is writable
duration: 2s
settle: 500ms
checks: [one-leader-per-term, faults-hit]
"""


def test_the_story_is_read_back_out_of_the_journal(tmp_path: Path) -> None:
    scenario = read(STORY, "story.yaml", None, CHECKS)
    run = simulate(scenario, 1)
    documents.write(run, judge(run, scenario.checks), tmp_path)
    again = files.load(tmp_path / documents.TOOLKIT, CHECKS)
    assert write.dump(again) == write.dump(scenario)


def test_the_journal_of_a_run(tmp_path: Path) -> None:
    scenario = read(STORY, "story.yaml", None, CHECKS)
    run = simulate(scenario, 1)
    documents.write(run, judge(run, scenario.checks), tmp_path)
    journal = json.loads((tmp_path / documents.TOOLKIT).read_text())
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    assert journal["experiment"]["title"] == "A follower dies"
    assert [activity["name"] for activity in journal["experiment"]["method"]] == [
        "kill follower:store for 1s",
        "await store is writable",
    ]
    assert [activity["status"] for activity in journal["run"]] == ["succeeded", "succeeded"]
    assert [probe["activity"]["name"] for probe in journal["steady_states"]["before"]["probes"]] == [
        "store has a leader"
    ]
    assert {"one-leader-per-term", "faults-hit"} <= {
        probe["activity"]["name"] for probe in journal["steady_states"]["after"]["probes"]
    }
