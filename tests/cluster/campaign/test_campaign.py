"""What a campaign makes of results, without processes."""

from __future__ import annotations

import json

import pytest

from cluster.campaign.campaign import Campaign
from cluster.campaign.job import Done, Task, perform
from cluster.campaign.pool import Event, Lost
from cluster.campaign.result import OUTCOMES, Result, of_data
from cluster.campaign.tally import Tally
from cluster.campaign.telling import lines
from cluster.campaign.twice import compare
from cluster.world.journal import Record
from tests.cluster.campaign import jobs
from tests.cluster.campaign.here import Here


def play(seeds: range, twice: frozenset[int] = frozenset(), **arguments: object) -> tuple[Tally, Here]:
    runs = jobs.prepare(arguments)

    def one(task: Task) -> tuple[Result, tuple[Record, ...]]:
        done = perform(runs, task, "again" if task.again else "first")
        return done.result, tuple(done.records)

    here = Here(one)
    return Campaign(seeds, twice, 1).run(here), here


def test_all_that_hold_make_a_campaign_that_holds() -> None:
    tally, here = play(range(5), frozenset({1, 2}))
    assert tally.outcomes == {"holds": 5}
    assert (tally.outcome, tally.status, tally.twice, tally.divergences) == ("holds", 0, 2, [])
    assert sorted(task.seed for task in here.done) == [0, 1, 1, 2, 2, 3, 4]
    assert tally.strikes == {"kill": {"confirmed": 5}}


def test_one_that_is_violated_makes_it_violated_and_is_told_as_it_comes() -> None:
    seen: list[Result] = []
    runs = jobs.prepare({"bad": [2, 4]})
    campaign = Campaign(range(5), frozenset(), 1)
    campaign.watch = seen.append
    tally = campaign.run(Here(lambda task: (runs(task.seed, False)[0], ())))
    assert [result.seed for result in seen] == [2, 4]
    assert (tally.outcome, tally.status) == ("violated", 1)
    assert tally.checks == {"linearizable": 2}


def test_a_run_that_raises_is_one_of_which_nothing_is_known() -> None:
    tally, _ = play(range(3), raising=[1])
    assert tally.outcomes == {"holds": 2, "unknown": 1}
    assert (tally.outcome, tally.status) == ("unknown", 2)
    assert "ValueError: what now" in tally.failures[0].reason
    assert "jobs.py:" in tally.failures[0].reason


def test_a_run_that_does_not_repeat_is_named_with_the_first_record_that_differs() -> None:
    count = iter(range(100))

    def one(task: Task) -> tuple[Result, tuple[Record, ...]]:
        number = next(count) if task.seed == 3 else 0
        journal: tuple[Record, ...] = ((0.0, 1, "a", 1, "boot"), (0.25, 2, "b", 1, "send", "x", "c", number, 0, 10))
        result = Result(task.seed, "holds", "good", digest=f"{number}", worker=f"w{number}")
        return result, journal if task.records else ()

    here = Here(one)
    tally = Campaign(range(5), frozenset({0, 3}), 1).run(here)
    (found,) = tally.divergences
    assert (found.seed, found.number, found.time, found.host) == (3, 1, 0.25, "b")
    assert "send x c 2 0 10" in found.first
    assert "send x c 3 0 10" in found.second
    assert (tally.outcome, tally.status) == ("violated", 1)
    assert [task.first for task in here.done if task.records] == ["", "w2"]
    assert "record 1 differs first, on b at 0.250000 s" in "\n".join(lines(tally, str))


def test_what_differed_once_is_said_even_if_it_does_not_again() -> None:
    count = iter(range(100))
    here = Here(lambda task: (Result(task.seed, "holds", "", digest="x" if next(count) == 0 else "y"), ()))
    tally = Campaign(range(1), frozenset({0}), 1).run(here)
    assert tally.divergences[0].number == -1
    assert tally.status == 1


def test_the_shorter_of_two_journals_differs_where_it_ends() -> None:
    a: list[Record] = [(0.0, 1, "a", 1, "boot"), (1.0, 2, "a", 1, "exit")]
    found = compare(1, ("x", "y"), a, a[:1])
    assert (found.number, found.time, found.second) == (1, 1.0, "")
    assert "nothing in the other" in found.sentence()


def test_a_seed_that_was_lost_is_unknown_and_its_worker_is_named() -> None:
    class Losing(Here):
        def take(self, seconds: float) -> list[Event]:
            (event,) = super().take(seconds)
            assert isinstance(event, Done)
            return [Lost(event.task, "worker-1", "ended with status 7")] if event.task.seed == 2 else [event]

    tally = Campaign(range(4), frozenset(), 1).run(
        Losing(lambda task: (Result(task.seed, "holds", "", digest="d"), ()))
    )
    assert tally.outcomes == {"holds": 3, "unknown": 1}
    assert tally.lost == ["worker-1 ended with status 7, at seed 2"]
    assert tally.status == 2


def test_ctrl_c_leaves_the_tally_so_far() -> None:
    class Interrupted(Here):
        def take(self, seconds: float) -> list[Event]:
            if len(self.done) == 3:
                raise KeyboardInterrupt
            return super().take(seconds)

    tally = Campaign(range(10), frozenset(), 1).run(Interrupted(lambda task: (Result(task.seed, "holds", ""), ())))
    assert (tally.done, tally.interrupted, tally.outcome) == (3, True, "unknown")
    assert "3 of 10 seeds, interrupted" in lines(tally, str)[0]


def test_the_summary_as_data_is_json_and_says_all_of_it() -> None:
    tally, _ = play(range(6), frozenset({0, 1, 5}), bad=[5])
    data = json.loads(json.dumps(tally.data()))
    assert data["seeds"] == {"from": 0, "to": 5, "asked": 6, "done": 6}
    assert (data["outcome"], data["outcomes"]) == ("violated", {"holds": 5, "violated": 1})
    assert data["failures"][0]["seed"] == 5
    assert of_data(data["failures"][0]).failed == ("linearizable",)
    assert data["determinism"] == {"twice": 3, "differ": []}
    assert set(data["outcomes"]) <= set(OUTCOMES)
    assert {"rate", "seconds", "strikes", "slowest", "lost", "interrupted", "workers", "operations"} <= set(data)


def test_the_summary_in_words_has_a_command_for_each_kind_of_failure() -> None:
    tally, _ = play(range(6), bad=[3, 5])
    text = "\n".join(lines(tally, lambda seed: f"launch.py run x.yaml --seed {seed}"))
    assert "6 of 6 seeds: 4 holds, 2 violated, 0 unknown" in text
    assert "2 x linearizable" in text
    assert "first of linearizable: launch.py run x.yaml --seed 3" in text
    assert "kill: 6 strikes: 6 confirmed" in text
    assert "no seed was run twice" in text


@pytest.mark.parametrize("count", [1, 3])
def test_an_empty_tally_is_unknown(count: int) -> None:
    assert Tally(range(count)).status == 2
