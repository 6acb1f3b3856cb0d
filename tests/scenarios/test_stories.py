"""Every shipped story in the sim: it says what it is expected to say, its faults struck, its checks saw something.

One seed each; `--seeds N` gives each N of them. What a story has found stays found: its seed is run here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.experiments.runner import simulate
from cluster.history.checks import CHECKS, judge
from cluster.history.finding import Verdict
from cluster.history.run import Run
from cluster.scenario.catalogue import page
from cluster.scenario.model import Scenario
from cluster.scenario.reader import read

ROOT = Path(__file__).resolve().parents[2]
FILES = {file.stem: file for file in sorted((ROOT / "scenarios").glob("*.yaml"))}
LEAST = 25
"""So many stories are shipped at the least."""
PATTERNS = {
    "partitions": "partition-one partition-halves partition-majorities-ring partition-bridge minority-with-leader "
    "partition-one-way partition-flapping split-three-two",
    "time and disks": "leader-paused clock-jump-lease-reads slow-disk-leader lost-unsynced-writes",
    "controllers": "stale-apiserver lying-apiserver missed-events crash-between-writes",
    "nodes": "node-lost-during-rollout daemonset-flapping-node identity-on-a-lost-node stays-terminating zone-lost "
    "all-zones-lost lease-renewals-dropped",
    "leaders and requests": "scheduler-split duplicate-bind thundering-herd",
}
"""What a catalogue of such stories must have."""


def load(name: str) -> Scenario:
    file = FILES[name]
    return read(file.read_text(), f"scenarios/{file.name}", file.parent, CHECKS)


def play(story: Scenario, seed: int) -> tuple[Run, Verdict]:
    run = simulate(story, seed)
    return run, judge(run, story.checks)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "story" in metafunc.fixturenames:
        asked = any(str(word).startswith("--seeds") for word in metafunc.config.invocation_params.args)
        count = int(metafunc.config.getoption("--seeds")) if asked else 1
        metafunc.parametrize("dice", range(count))
        metafunc.parametrize("story", [name for name in FILES if "sim" in load(name).worlds])


def test_a_story_says_what_it_is_expected_to_say(story: str, dice: int) -> None:
    run, verdict = play(load(story), dice)
    assert verdict.outcome == "holds", f"{verdict.reason} {run.meta.problem}"
    assert run.meta.complete
    for strike in run.strikes:
        assert (strike.proof, strike.error) == ("confirmed", ""), f"{strike.name} of {strike.place}"
    for judged in verdict.judged:
        assert judged.finding.looked_at > 0, f"{judged.finding.check} saw nothing"


def test_there_are_enough_of_them_and_each_says_what_it_teaches() -> None:
    assert len(FILES) >= LEAST
    for names in PATTERNS.values():
        assert set(names.split()) <= set(FILES)
    for name in FILES:
        story = load(name)
        assert story.name == name
        assert len(story.teaches.split()) > 30, f"{name} teaches nothing"
        assert any(check.check == "faults-hit" for check in story.checks), f"{name} does not ask whether it struck"
        for check in story.checks:
            assert check.because or check.expect == "ok", f"{check.place}: why is it expected to be {check.expect}?"
    titles = [load(name).title for name in FILES]
    assert len(set(titles)) == len(titles)


def test_the_page_of_stories_is_in_step(rewrite: bool) -> None:
    """`pytest tests/scenarios/test_stories.py --rewrite` writes it anew."""
    file = ROOT / "docs" / "stories.md"
    wanted = page(load(name) for name in FILES)
    if rewrite:
        file.write_text(wanted)
    assert file.read_text() == wanted


# ── a story can fail ──


def test_a_story_about_a_consistent_store_fails_on_one_that_is_not() -> None:
    story = load("minority-with-leader")
    timeline = tuple(step for step in story.timeline if step.action in ("wait", "partition"))
    cut = replace(timeline[1], args={**timeline[1].args, "shape": "isolate"})
    checks = tuple(check for check in story.checks if check.check in ("linearizable", "lost-writes"))
    other = replace(
        story,
        shape=replace(story.shape, engine="eventual"),
        steady=replace(story.steady, conditions=()),
        timeline=(timeline[0], cut, *timeline[2:]),
        checks=checks,
    )
    run, verdict = play(other, 0)
    assert run.meta.complete
    assert verdict.outcome == "violated"
    assert {j.finding.said for j in verdict.judged} == {"violated"}


def test_a_story_whose_fault_strikes_nothing_does_not_hold() -> None:
    story = load("duplicate-bind")
    everything, (twice, *others) = story.timeline[0], story.timeline[0].steps
    never = replace(twice, args={**twice.args, "kinds": ("no.such.kind",)})
    _, verdict = play(replace(story, timeline=(replace(everything, steps=(never, *others)),)), 0)
    assert verdict.outcome == "unknown"
    assert "faults-hit" in verdict.reason


# ── what stories have found ──


@pytest.mark.parametrize("dice", range(3))
def test_a_kubelet_that_restarts_behind_a_lagging_apiserver_starts_no_pod_that_is_gone(dice: int) -> None:
    """Its first list took what the apiserver's cache held, and web-0 ran twice (kubernetes/kubernetes#59848)."""
    run, verdict = play(load("stale-apiserver"), dice)
    said = {j.finding.check: j.finding for j in verdict.judged}
    assert said["one-running-pod-per-identity"].said == "ok"
    started = [
        r[5]["pod"]
        for r in run.records
        if r[4] == "container" and r[2] == "kubelet-0" and r[3] == 2 and r[5].get("state") == "running"
    ]
    assert started == []


@pytest.mark.parametrize("dice", [3, 4])
def test_a_create_that_was_answered_with_an_error_and_was_done_is_not_made_again(dice: int) -> None:
    """A ReplicaSet of 5 had 6 pods."""
    _, verdict = play(load("api-errors"), dice)
    said = {j.finding.check: j.finding for j in verdict.judged}
    assert said["replicas-not-exceeded"].said == "ok", said["replicas-not-exceeded"].summary


@pytest.mark.parametrize("dice", [1, 2])
def test_an_observer_that_hears_late_of_a_new_leader_does_not_accuse_it(dice: int) -> None:
    _, verdict = play(load("master-lost"), dice)
    said = {j.finding.check: j.finding for j in verdict.judged}
    assert said["one-holder-per-lease"].said == "ok", said["one-holder-per-lease"].summary
