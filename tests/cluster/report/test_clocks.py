"""Failover clocks of a run: which node was lost, whose pods, since when, and how that compares with the prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.report.clocks import clocks, judged, timing_of
from cluster.report.failover import STEPS, Step
from cluster.report.messages import match
from tests.cluster.report.runs import cluster_run, store_run


def test_a_worker_that_lost_its_power_is_followed_to_the_last_step() -> None:
    run = cluster_run()
    (clock,) = clocks(run, match(run.records))
    assert clock.node == run.strikes[0].targets[0]
    assert clock.workload == "Service nginx"
    assert [step.name for step in clock.steps] == list(STEPS)
    assert [judged(step) for step in clock.steps] == ["as predicted"] * len(STEPS)
    assert clock.victims
    assert all(name.startswith("nginx-") for name in clock.victims)
    assert [name.rpartition("-")[0] for name in clock.staying] == ["log-agent"]
    assert clock.how == "the last renewal that reached an apiserver"
    assert run.strikes[0].since - 0.6 < clock.since <= run.strikes[0].since


def test_without_messages_the_clock_starts_with_the_strike_and_says_so() -> None:
    (clock,) = clocks(cluster_run())
    assert clock.since == cluster_run().strikes[0].since
    assert clock.how.startswith("the strike itself")


def test_a_run_that_does_not_say_its_timing_or_saw_no_objects_has_no_clock() -> None:
    run = cluster_run()
    assert clocks(replace(run, meta=replace(run.meta, timing={}))) == []
    assert clocks(replace(run, events=())) == []
    assert clocks(store_run()) == []


def test_a_strike_too_short_to_be_noticed_has_no_clock() -> None:
    run = cluster_run()
    brief = replace(run.strikes[0], until=run.strikes[0].since + 0.5)
    quiet = tuple(event for event in run.events if event.time < brief.since + 0.5)
    assert clocks(replace(run, strikes=(brief,), events=quiet)) == []


def test_a_strike_on_something_else_has_no_clock() -> None:
    run = cluster_run()
    proxy = replace(run.strikes[0], action="kill", targets=("proxy-0",))
    assert clocks(replace(run, strikes=(proxy,))) == []


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(None, "not seen"), (1.0, "early by 1.000 s"), (2.5, "as predicted"), (4.2, "late by 1.200 s")],
)
def test_a_step_beside_its_prediction(seconds: float | None, told: str) -> None:
    assert judged(Step("detected", seconds, (2.0, 3.0))) == told


def test_timing_ignores_what_later_versions_add() -> None:
    run = cluster_run()
    newer = replace(run, meta=replace(run.meta, timing={**run.meta.timing, "from_the_future": 1.0}))
    assert timing_of(newer) == timing_of(run) is not None
