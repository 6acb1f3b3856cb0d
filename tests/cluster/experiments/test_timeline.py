"""When entries begin, how often, and what an `await` makes of a run."""

from __future__ import annotations

import pytest

from cluster.errors import UsageError
from cluster.experiments.runner import simulate
from cluster.scenario.condition import parse as condition
from cluster.scenario.model import SteadyState
from tests.cluster.experiments.stories import STORE, step, story, strikes, told


def test_entries_begin_in_their_order_and_when_they_say() -> None:
    run = told(
        story(
            step("say", {"text": "one"}, at=1.0),
            step("say", {"text": "two"}, after=0.5),
            step("wait", {"for": 1.0}),
            step("say", {"text": "three"}),
            step("say", {"text": "four"}, at=2.0),
            seconds=6.0,
        )
    )
    began = run.meta.phases["timeline"][0]
    said = [(m.text, round(m.time - began, 3)) for m in run.moments if m.text in ("one", "two", "three", "four")]
    assert said == [("one", 1.0), ("two", 1.5), ("three", 2.5), ("four", 2.5)]
    assert run.meta.phases["timeline"][1] - began == pytest.approx(6.0, abs=0.01)


def test_every_so_often_until_it_is_enough_or_something_holds_or_the_timeline_is_over() -> None:
    counted = told(story(step("restart", {"targets": "store-1"}, every=0.5, repeat=4), seconds=1.0))
    assert len(strikes(counted, "restart")) == 4
    until = told(story(step("restart", {"targets": "store-1"}, every=0.7, until="operations >= 40"), seconds=1.0))
    assert 1 <= len(strikes(until, "restart")) <= 4
    over = told(story(step("restart", {"targets": "store-1"}, every=1.0), seconds=3.5))
    assert len(strikes(over, "restart")) == 4


def test_what_never_comes_to_hold_is_violated_and_what_must_not_hold_too() -> None:
    run = told(
        story(
            step("await", {"condition": "store-1 is down"}, within=0.5),
            step("await", {"condition": "store-1 is down", "expect": "never"}, within=0.5),
            step("kill", {"targets": "store-1"}),
            step("await", {"condition": "store-1 is down", "expect": "never"}, within=0.5),
        )
    )
    assert [m.outcome for m in run.moments if m.text.startswith("await")] == ["violated", "ok", "violated"]


def test_when_is_waited_for_and_given_up_as_unknown() -> None:
    run = told(
        story(
            step("kill", {"targets": "store-1"}, after=1.0, lasting=1.0),
            step("say", {"text": "it is down"}, when="store-1 is down"),
            step("say", {"text": "it is up"}, when="store-1 is running", within=3.0),
            step("say", {"text": "never"}, when="store-1 is paused", within=0.5),
        )
    )
    texts = {m.text: m for m in run.moments}
    (kill,) = run.strikes
    assert kill.until is not None
    assert texts["it is up"].time == pytest.approx(kill.until, abs=0.1)
    assert "never" not in texts
    assert [m.outcome for m in run.moments if "left out" in m.text] == ["unknown"]


def test_parallel_branches_begin_together_and_a_sequence_in_order() -> None:
    run = told(
        story(
            step(
                "parallel",
                steps=(
                    step("sequence", steps=(step("wait", {"for": 1.0}), step("say", {"text": "slow"}))),
                    step("say", {"text": "fast"}),
                ),
            ),
            step("say", {"text": "after"}),
        )
    )
    assert [m.text for m in run.moments if m.text in ("slow", "fast", "after")] == ["fast", "slow", "after"]


def test_heal_undoes_one_by_its_name_or_all() -> None:
    run = told(
        story(
            step("pause", {"targets": "store-1"}, name="nap"),
            step("loss", {"probability": 0.1}, name="noise"),
            step("heal", {"name": "nap"}, after=1.0),
            step("heal", {"name": "nobody"}, after=0.5),
            step("heal", {}, after=0.5),
        )
    )
    began = run.meta.phases["timeline"][0]
    ends = {s.name: round((s.until or 0.0) - began, 2) for s in run.strikes}
    assert ends == {"nap": 1.0, "noise": 2.0}
    assert [m.outcome for m in run.moments if "nobody" in m.text] == ["unknown"]


def test_chance_is_the_seed_s() -> None:
    scenario = story(*(step("restart", {"targets": "store-1"}, chance=0.5, after=0.2) for _ in range(12)))
    one, again, other = told(scenario, 1), told(scenario, 1), told(scenario, 2)
    assert 0 < len(one.strikes) < 12
    assert [s.since for s in one.strikes] == [s.since for s in again.strikes]
    assert [s.since for s in one.strikes] != [s.since for s in other.strikes]


def test_a_steady_state_that_does_not_come_ends_the_run_unjudged() -> None:
    scenario = story(step("kill", {"targets": "store-1"}), steady=SteadyState((condition("store members = 5"),), 1.0))
    run = simulate(scenario, 1)
    assert not run.meta.complete
    assert "store members = 5" in run.meta.problem
    assert not run.strikes


def test_what_this_world_or_cluster_cannot_do_is_refused_before_anything_starts() -> None:
    with pytest.raises(UsageError) as caught:
        simulate(story(step("drain", {"targets": "worker-0"}), shape=STORE), 1)
    assert "whole cluster" in str(caught.value)
    assert "story:drain" in str(caught.value)
    with pytest.raises(UsageError, match="http cannot be played in sim"):
        simulate(story(shape=STORE.__class__(), workload="http"), 1)
    with pytest.raises(UsageError, match="no workload .registers.; did you mean 'register'"):
        simulate(story(workload="registers"), 1)
