"""A run's journal as Chaos Toolkit writes one."""

from __future__ import annotations

import json
from dataclasses import replace

from cluster.history.finding import Finding, Judged, Verdict
from cluster.history.run import LinkCount, Meta, Moment, Run, Strike
from cluster.report.chaosjournal import write_journal

META = Meta(
    "story", "A story", "sim", 7, "raft", 20.0, "2026-11-28T12:00:00+00:00", "launch.py run story.yaml",
    phases={"healing": (15.0, 16.0)},
)  # fmt: skip
RUN = Run(
    META,
    "",
    strikes=(
        Strike("s1", "loss", "rain", "story.yaml:9", 3.0, 8.0, links=(LinkCount("a", "b", 5, 7),), proof="confirmed"),
        Strike("s2", "kill", "kill store-0", "story.yaml:12", 6.0, None, ("store-0",), args={"targets": "store-0"}),
        Strike("s3", "kill", "kill store-1", "story.yaml:14", 7.0, 7.0, error="store-1 does not run"),
    ),
    moments=(
        Moment(1.0, "steady state: store has a leader", "story.yaml:5", "ok"),
        Moment(5.0, "await store is writable", "story.yaml:11", "ok"),
        Moment(9.0, "over", "story.yaml:15"),
        Moment(16.0, "steady state again: store has a leader", "story.yaml:5", "ok"),
    ),
)
HOLDS = Judged(Finding("linearizable", "ok", "one order explains all", 40))
BREAKS = Judged(Finding("lost-writes", "violated", "a write is gone", 40, ("it was acknowledged at 4 s",)))
LESSON = Judged(BREAKS.finding, "violated", "that is the lesson")
KEYS = [
    "chaoslib-version", "platform", "node", "experiment", "start", "status", "deviated", "steady_states", "run",
    "rollbacks", "end", "duration",
]  # fmt: skip
"""As version 1.44.0 of the library writes them, in this order."""


def test_its_parts_are_those_of_chaos_toolkit() -> None:
    journal = write_journal(RUN, Verdict("holds", "", (HOLDS, LESSON)), platform="Linux", node="here")
    assert list(journal) == KEYS
    assert json.loads(json.dumps(journal)) == journal
    assert (journal["platform"], journal["node"]) == ("Linux", "here")
    assert (journal["start"], journal["end"]) == ("2026-11-28T12:00:00+00:00", "2026-11-28T12:00:20+00:00")
    assert (journal["status"], journal["deviated"], journal["duration"]) == ("completed", False, 20.0)
    assert [list(run) for run in journal["run"]][0] == ["activity", "output", "start", "status", "end", "duration"]


def test_activities_are_in_the_order_in_which_they_began() -> None:
    journal = write_journal(RUN, Verdict("holds", ""))
    told = [(r["activity"]["name"], r["activity"]["type"], r["status"]) for r in journal["run"]]
    assert told == [
        ("rain", "action", "succeeded"),
        ("await store is writable", "probe", "succeeded"),
        ("kill store-0", "action", "succeeded"),
        ("kill store-1", "action", "failed"),
        ("over", "action", "succeeded"),
    ]
    rain, _, kill, refused, _ = journal["run"]
    assert rain["output"] == {"targets": [], "proof": "confirmed", "hit": 5, "passed": 7}
    assert (rain["start"], rain["duration"], rain["activity"]["background"]) == ("2026-11-28T12:00:03+00:00", 5.0, True)
    assert kill["duration"] == 14.0
    assert kill["activity"]["provider"]["arguments"] == {"targets": "store-0"}
    assert refused["exception"] == ["store-1 does not run"]
    assert journal["rollbacks"][0]["duration"] == 1.0


def test_the_steady_state_before_and_after_with_the_checks() -> None:
    journal = write_journal(RUN, Verdict("holds", "", (HOLDS, LESSON)))
    before, after = journal["steady_states"]["before"], journal["steady_states"]["after"]
    assert [(p["activity"]["name"], p["tolerance_met"]) for p in before["probes"]] == [("store has a leader", True)]
    assert [(p["activity"]["name"], p["tolerance_met"]) for p in after["probes"]] == [
        ("store has a leader", True),
        ("linearizable", True),
        ("lost-writes", True),
    ]
    assert before["steady_state_met"] and after["steady_state_met"]  # noqa: PT018


def test_a_check_that_says_something_else_deviates() -> None:
    journal = write_journal(RUN, Verdict("violated", "", (HOLDS, BREAKS)))
    assert journal["deviated"]
    assert journal["status"] == "completed"
    assert journal["steady_states"]["after"]["probes"][-1]["output"]["because"] == ["it was acknowledged at 4 s"]


def test_a_check_that_cannot_say_is_not_met() -> None:
    unknown = Judged(Finding("linearizable", "unknown", "no operation"))
    journal = write_journal(RUN, Verdict("unknown", "", (unknown,)))
    assert journal["deviated"]
    assert journal["steady_states"]["after"]["probes"][-1]["status"] == "failed"


def test_a_steady_state_that_never_was_fails_and_one_that_does_not_return_deviates() -> None:
    never = replace(RUN, moments=(Moment(1.0, "steady state: store has a leader", "", "violated"),))
    assert write_journal(never, Verdict("unknown", ""))["status"] == "failed"
    gone = replace(RUN, moments=(*RUN.moments[:-1], replace(RUN.moments[-1], outcome="violated")))
    journal = write_journal(gone, Verdict("violated", ""))
    assert (journal["status"], journal["deviated"]) == ("completed", True)


def test_a_run_that_did_not_come_to_its_end() -> None:
    half = replace(RUN, meta=replace(META, complete=False, problem="it was interrupted"))
    assert write_journal(half, Verdict("unknown", ""))["status"] == "interrupted"
    broken = replace(RUN, meta=replace(META, complete=False, problem="no leader within 60 s"))
    assert write_journal(broken, Verdict("unknown", ""))["status"] == "aborted"


def test_without_anything_seen_there_is_no_hypothesis() -> None:
    journal = write_journal(Run(META, ""), Verdict("unknown", "nothing was checked"))
    assert journal["steady_states"] == {"before": None, "after": None, "during": []}
    assert journal["run"] == []


def test_the_experiment_is_the_exported_one_if_it_is_given() -> None:
    assert write_journal(RUN, Verdict("holds", ""), {"title": "x"})["experiment"] == {"title": "x"}
    made = write_journal(RUN, Verdict("holds", ""))["experiment"]
    assert (made["title"], made["description"]) == ("A story", "story in sim, seed 7")
    assert [activity["name"] for activity in made["method"]][0] == "rain"
