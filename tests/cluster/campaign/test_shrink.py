"""Shrinking stories: exactly, on a predicate; and a real one, of an engine that is not linearizable."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.campaign import story
from cluster.campaign.job import Hand, Task
from cluster.campaign.pin import pin
from cluster.campaign.result import Result, unknown
from cluster.campaign.shrink import Failing, Shrinker
from cluster.campaign.smaller import smaller
from cluster.errors import UsageError
from cluster.history.run import Meta, Run, Strike
from cluster.scenario.model import Scenario
from cluster.scenario.reader import read
from cluster.scenario.write import dump
from cluster.world.journal import Record
from store.raft import leading
from tests.cluster.campaign.here import Here

LARGE = """
capstan: 1
name: large
cluster: {masters: 5, workers: 4}
workloads:
- {type: register, clients: 6, keys: 5, rate: 8}
- {type: append, clients: 3}
timeline:
- {loss: {probability: 0.5}, at: 1s, for: 4s}
- {kill: store-1, at: 2s, for: 2s}
- {pause: store-0, at: 3s, for: 1s}
- {isolate: master-2, at: 5s, for: 2s}
- {partition: {between: [[master-0], [master-1, master-2]]}, at: 8s, for: 3s}
duration: 20s
checks: [linearizable]
"""
EVENTUAL = """
capstan: 1
name: eventual
cluster: {only: store, engine: eventual}
workload: {type: register, clients: 4, rate: 6, keys: 3}
timeline:
- {loss: {probability: 0.1}, at: 1s, for: 1s}
- {partition: {shape: halves}, at: 2s, for: 1s}
- {pause: one of members, at: 3s, for: 500ms}
duration: 5s
settle: 1s
checks: [linearizable]
"""


def scenario(text: str) -> Scenario:
    return read(text, "x.yaml")


def result(seed: int, bad: bool) -> tuple[Result, tuple[Record, ...]]:
    failed = ("linearizable",) if bad else ()
    return Result(seed, "violated" if bad else "holds", "so it is", failed, digest="d"), ()


def judging(bad: Callable[[Scenario, Task], bool]) -> Here:
    """Every candidate is judged by a predicate; what cannot be read is nothing known, as in a worker."""

    def play(task: Task) -> tuple[Result, tuple[Record, ...]]:
        assert task.variant is not None
        try:
            return result(task.seed, bad(scenario(task.variant["text"]), task))
        except UsageError as error:
            return unknown(task.seed, str(error)), ()

    return Here(play)


def nothing(scenario: Scenario) -> Run:
    return Run(Meta(scenario.name, "", "sim", 0, "raft", 20.0, "", ""), scenario.text)


def test_exactly_what_makes_it_fail_is_left() -> None:
    def bad(now: Scenario, task: Task) -> bool:
        actions = {step.action for step in now.timeline}
        clients = sum(workload.clients for workload in now.workloads if workload.type == "register")
        return {"kill", "pause"} <= actions and clients >= 2 and now.shape.masters >= 3

    large = scenario(LARGE)
    shrinker = Shrinker(judging(bad), result(7, True)[0], "x.yaml", ".")
    found = shrinker.shrink(Failing(large, 7), nothing(large))
    small = found.failing.scenario
    assert [step.action for step in small.timeline] == ["kill", "pause"]
    assert [(w.type, w.clients, w.keys, w.rate) for w in small.workloads] == [("register", 2, 1, 1.0)]
    assert (small.shape.masters, small.shape.workers, small.shape.only) == (3, 0, "store")
    assert (small.seconds, small.settle) == (1.0, 0.0)
    assert all(step.lasting <= 0.05 and step.at == 0.0 for step in small.timeline)
    assert (found.complete, found.check, small.seed) == (True, "linearizable", 7)
    assert read(small.text, "minimal.yaml").timeline[0].action == "kill"


def test_what_fails_only_sometimes_is_tried_with_more_seeds_and_schedules() -> None:
    def bad(now: Scenario, task: Task) -> bool:
        assert task.variant is not None
        strikes = len(now.timeline)
        # With the last strike alone it takes another seed, and with none a schedule by priority.
        return strikes > 1 or (strikes == 1 and task.seed == 3) or task.variant["schedule"] == "pct:3"

    large = scenario(LARGE)
    shrinker = Shrinker(judging(bad), result(0, True)[0], "x.yaml", ".")
    found = shrinker.shrink(Failing(large, 0), nothing(large)).failing
    assert (found.scenario.timeline, found.schedule) == ((), "pct:3")


def test_another_check_that_fails_is_not_the_same_failure() -> None:
    def play(task: Task) -> tuple[Result, tuple[Record, ...]]:
        assert task.variant is not None
        whole = task.variant["text"].count("at: ") == 5
        return Result(task.seed, "violated", "", ("linearizable",) if whole else ("converged",)), ()

    large = scenario(LARGE)
    found = Shrinker(Here(play), result(0, True)[0], "x.yaml", ".").shrink(Failing(large, 0), nothing(large))
    assert len(found.failing.scenario.timeline) == 5


def test_it_ends_with_its_runs_and_says_so() -> None:
    large = scenario(LARGE)
    shrinker = Shrinker(Here(lambda task: result(task.seed, False)), result(0, True)[0], "x.yaml", ".")
    shrinker.limit = 20
    found = shrinker.shrink(Failing(large, 0), nothing(large))
    assert not found.complete
    assert found.runs <= 20 + 10


def test_smaller_stories_can_be_read_but_for_those_that_lack_whom_they_strike() -> None:
    large = scenario(LARGE)
    several = list(smaller(large))
    refused = []
    for one in several:
        try:
            assert len(read(dump(one), "x.yaml").timeline) == len(one.timeline)
        except UsageError as error:
            refused.append(str(error))
    assert len(several) > 60
    assert len(refused) == 3  # nobody to kill, nothing to look at, a timeline that is over before its entries


def test_strikes_are_pinned_at_their_times_and_on_their_targets() -> None:
    text = EVENTUAL.replace("{shape: halves}, at: 2s, for: 1s", "{shape: halves}, every: 2s, repeat: 2, for: 1s")
    told = scenario(text)
    places = {step.action: step.place for step in told.timeline}
    sides = (("master-1",), ("master-0", "master-2"))
    strikes = (
        Strike("s1", "loss", "", places["loss"], 3.0, 4.0),
        Strike("s2", "partition", "", places["partition"], 4.5, 5.5, ("master-1",), sides),
        Strike("s3", "partition", "", places["partition"], 6.5, 7.5, ("master-1",), sides),
        Strike("s4", "pause", "", places["pause"], 7.0, 7.5, ("store-2",)),
    )
    meta = Meta("x", "", "sim", 5, "eventual", 9.0, "", "", phases={"timeline": (2.0, 8.0)})
    pinned = pin(told, Run(meta, text, strikes=strikes))
    assert pinned is not None
    again = read(dump(pinned), "x.yaml")
    assert [(s.action, s.at, s.lasting) for s in again.timeline] == [
        ("loss", 1.0, 1.0),
        ("partition", 2.5, 1.0),
        ("partition", 4.5, 1.0),
        ("pause", 5.0, 0.5),
    ]
    assert [[t.text for t in group] for group in again.timeline[1].args["between"]] == [
        ["master-1"],
        ["master-0", "master-2"],
    ]
    assert again.timeline[3].args["targets"][0].text == "store-2"
    assert again.seed == 5


def test_a_story_that_waits_for_something_is_not_pinned() -> None:
    text = EVENTUAL.replace("timeline:", "timeline:\n- {await: store has a leader}")
    told = scenario(text)
    assert pin(told, nothing(told)) is None


def test_a_real_failure_becomes_a_file_that_fails_in_the_same_check() -> None:
    told = scenario(EVENTUAL)
    hand = Hand(story.job(told.text, "x.yaml", "."), "here")

    def play(task: Task) -> tuple[Result, tuple[Record, ...]]:
        done = hand.perform(task)
        return done.result, tuple(done.records)

    run, verdict = story.play(told, 1)
    first = story.told(run, verdict)
    assert first.failed == ("linearizable",)
    shrinker = Shrinker(Here(play), first, "x.yaml", ".")
    shrinker.limit = 60
    found = shrinker.shrink(Failing(told, 1), run)
    small = found.failing.scenario
    assert len(small.timeline) < 3
    assert sum(w.clients for w in small.workloads) < 4
    again, said = story.play(read(small.text, "minimal.yaml"), found.failing.seed, found.failing.schedule)
    assert story.told(again, said).failed == ("linearizable",)


PLANTED = """
capstan: 1
name: planted
cluster: {only: store}
workload: {type: register, clients: 3, rate: 10, keys: 1}
timeline:
- {loss: {probability: 0.05}, at: 500ms, for: 1s}
- {isolate: leader:store, at: 1s, for: 1500ms}
- {pause: one of members, at: 3s, for: 300ms}
- {isolate: leader:store, at: 4s, for: 1500ms}
duration: 6s
settle: 500ms
checks: [linearizable]
"""


def test_a_planted_bug_of_raft_is_found_and_shrunk_to_a_story_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader that answers reads without asking a majority (Raft thesis 6.4): a lone one answers with the past."""
    told = scenario(PLANTED)
    with monkeypatch.context() as patch:
        patch.setattr(leading, "confirmed_round", lambda state: state.reads.round)
        hand = Hand(story.job(told.text, "x.yaml", "."), "here")

        def play(task: Task) -> tuple[Result, tuple[Record, ...]]:
            done = hand.perform(task)
            return done.result, tuple(done.records)

        results = (hand.perform(Task(seed)).result for seed in range(60))
        first = next(result for result in results if result.failed == ("linearizable",))
        shrinker = Shrinker(Here(play), first, "x.yaml", ".")
        shrinker.limit = 60
        found = shrinker.shrink(Failing(told, first.seed), story.play(told, first.seed)[0]).failing
        small = read(found.scenario.text, "minimal.yaml")
        assert 0 < len(small.timeline) < 4
        assert story.told(*story.play(small, found.seed, found.schedule)).failed == ("linearizable",)
    assert story.play(small, found.seed, found.schedule)[1].outcome == "holds"
