"""The benchmark of the sim runs through, small, and what it prints makes sense. Says nothing about speed."""

from __future__ import annotations

import pytest

import bench.sim
from bench.rows import Options


def test_a_story_has_in_it_what_its_rate_is_told_with() -> None:
    told = bench.sim.store_story(3)
    assert told.problems == 0
    assert told.acknowledged > 50
    assert told.messages > 500
    assert told.cpu > 0


def test_the_whole_cluster_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.sim, "VIRTUAL", 5.0)
    real, cpu, messages = bench.sim.whole_cluster(1)
    assert min(real, cpu) > 0
    assert messages > 10


@pytest.mark.proc
@pytest.mark.timeout(180)
def test_failing_seeds_repeat_and_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.sim.replays(3, 4, 2) == (3, 3)
    monkeypatch.setattr(bench.sim, "STORIES", 2)
    monkeypatch.setattr(bench.sim, "FAILING", 1)
    monkeypatch.setattr(bench.sim, "REPLAYS", 2)
    rows = {row.what: row for row in bench.sim.run(Options(rounds=1, only=("stories", "replays")))}
    assert rows["store stories, per core"].bar == ">= 60"
    assert rows["problems found in them"].value == 0
    assert rows["failing seeds of 1 whose 2 replays have one digest"].value == 1
