"""Raft's promises on members' notes, and how a run ended."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.history.run import LinkCount, Moment
from tests.cluster.history.runs import cut, note, run, say, strike, write


def role(time: float, host: str, term: int, name: str = "leader", boot: int = 1) -> tuple[Any, ...]:
    return note(time, host, "role", {"term": term, "role": name, "leader": host}, boot)


def log(time: float, host: str, term: int, last: int, commit: int, boot: int = 1, **more: Any) -> tuple[Any, ...]:
    data = {"term": term, "last": last, "commit": commit, "applied": more.pop("applied", commit), "snapshot": 0, **more}
    return note(time, host, "log", data, boot)


A, B = "store-0", "store-1"
STORIES: list[tuple[str, str, dict[str, Any], str]] = [
    ("one-leader-per-term", "one", {"records": [role(1, A, 1), role(2, A, 1), role(3, B, 2)]}, ""),
    (
        "one-leader-per-term",
        "two",
        {"records": [role(1, A, 1), role(2, B, 1)]},
        "term 1 has two leaders: store-0 (boot 1) from 1.000 s",
    ),
    ("one-leader-per-term", "another boot", {"records": [role(1, A, 1), role(2, A, 1, boot=2)]}, "store-0 (boot 2)"),
    ("one-leader-per-term", "followers", {"records": [role(1, A, 1), role(2, B, 1, "follower")]}, ""),
    ("term-never-back", "forward", {"records": [role(1, A, 1), role(2, A, 3, "follower")]}, ""),
    (
        "term-never-back",
        "back",
        {"records": [role(1, A, 3), role(2, A, 2, "follower")]},
        "was in term 2 at 2.000 s, and in term 3",
    ),
    (
        "term-never-back",
        "back over a restart",
        {"records": [role(1, A, 3), role(2, A, 2, "follower", 2)]},
        "was in term 2",
    ),
    (
        "term-never-back",
        "its disk was wiped",
        {
            "records": [role(1, A, 3), role(2, A, 1, "follower", 2)],
            "strikes": [strike("kill", 1.5, None, A, args={"disk": "wipe"})],
        },
        "",
    ),
    (
        "commit-never-back",
        "forward",
        {"records": [log(1, A, 1, 5, 3), log(2, A, 1, 6, 5), log(3, A, 1, 6, 0, boot=2)]},
        "",
    ),
    (
        "commit-never-back",
        "back",
        {"records": [log(1, A, 1, 5, 3), log(2, A, 1, 5, 2)]},
        "commit went back from 3 at 1.000 s to 2",
    ),
    (
        "commit-never-back",
        "cut below",
        {"records": [log(1, A, 1, 5, 3), log(2, A, 1, 2, 2)]},
        "its log ends at 2 at 2.000 s, though 3",
    ),
    (
        "commit-never-back",
        "applied too soon",
        {"records": [log(1, A, 1, 5, 3, applied=4)]},
        "applied 4 at 1.000 s with only 3 committed",
    ),
    ("commit-never-back", "beyond its log", {"records": [log(1, A, 1, 5, 6, applied=5)]}, "took 6 for committed"),
    ("leader-completeness", "complete", {"records": [log(1, A, 1, 5, 4), role(2, B, 2), log(2.1, B, 2, 6, 4)]}, ""),
    (
        "leader-completeness",
        "incomplete",
        {"records": [log(1, A, 1, 5, 4), role(2, B, 2), log(2.1, B, 2, 3, 3)]},
        "store-1 (boot 1) came to lead term 2 at 2.000 s with a log that ends at 3, though store-0 (boot 1) knew 4",
    ),
    ("removed-never-leads", "gone", {"records": [role(1, A, 1)], "strikes": [strike("shrink", 2, None, A)]}, ""),
    (
        "removed-never-leads",
        "leads",
        {"records": [role(4, A, 1)], "strikes": [strike("shrink", 2, None, A)]},
        "though it was removed by 3.000 s",
    ),
    (
        "log-matching-from-journal",
        "same",
        {"records": [log(1, A, 1, 5, 4, hash="h"), log(1, B, 1, 5, 4, hash="h")]},
        "",
    ),
    (
        "log-matching-from-journal",
        "differ",
        {"records": [log(1, A, 1, 5, 4, hash="h"), log(1, B, 1, 5, 4, hash="i")]},
        "at index 4 store-0",
    ),
    (
        "log-matching-from-journal",
        "in the end",
        {"finals": {"store": {A: {"revision": 5, "hash": "h"}, B: {"revision": 5, "hash": "i"}}}},
        "at revision 5 store-0 holds h and store-1 i",
    ),
    (
        "converged",
        "equal",
        {"finals": {"store": {A: {"revision": 5, "hash": "h"}, B: {"revision": 5, "hash": "h"}}}},
        "",
    ),
    (
        "converged",
        "behind",
        {"finals": {"store": {A: {"revision": 5, "hash": "h"}, B: {"revision": 4, "hash": "i"}}}},
        "at 2 different revisions",
    ),
    (
        "converged",
        "differ",
        {"finals": {"store": {A: {"revision": 5, "hash": "h"}, B: {"revision": 5, "hash": "i"}}}},
        "differ at one revision",
    ),
]


@pytest.mark.parametrize(("check", "story", "parts", "said"), STORIES, ids=[f"{s[0]}: {s[1]}" for s in STORIES])
def test_a_story(check: str, story: str, parts: dict[str, Any], said: str) -> None:
    finding = say(check, run(**parts))
    assert finding.said == ("violated" if said else "ok"), finding
    assert said in finding.summary + finding.proof


def test_evidence_is_where_to_look() -> None:
    finding = say("one-leader-per-term", run(records=[note(0, A, "boot"), role(1, A, 1), role(2, B, 1)]))
    assert finding.evidence["records"] == [1, 2]


def test_one_replica_alone_says_nothing() -> None:
    assert say("converged", run(finals={"store": {A: {"revision": 5, "hash": "h"}}})).said == "unknown"


def test_faults_must_hit() -> None:
    hit = strike("loss", 1, 2, "store-0", proof="confirmed", links=(LinkCount("a", "b", 3, 0),))
    idle = strike("loss", 3, 4, "store-0", proof="nothing to hit", id="s2")
    passed = strike("loss", 5, 6, "store-0", proof="not confirmed", links=(LinkCount("a", "b", 0, 4),), id="s3")
    failed = strike("pause", 5, 6, "store-0", error="no such host", id="s4")
    assert say("faults-hit", run(strikes=[hit])).said == "ok"
    assert say("faults-hit", run(strikes=[hit, idle])).said == "unknown"
    told = say("faults-hit", run(strikes=[hit, idle, passed]))
    assert (told.said, told.summary) == ("violated", "loss it at 5.0 s: not confirmed (0 hit, 4 let through)")
    told = say("faults-hit", run(strikes=[hit, idle, failed]))
    assert (told.said, told.summary) == ("unknown", "pause it at 5.0 s could not be carried out: no such host")
    assert say("faults-hit", run(strikes=[failed, passed])).said == "violated"


def test_the_steady_state_must_hold_again() -> None:
    before, after = Moment(1, "steady state: store has a leader", "", "ok"), "steady state again: store has a leader"
    assert say("steady-state", run(moments=[before, Moment(9, after, "", "ok")])).said == "ok"
    assert say("steady-state", run(moments=[before, Moment(9, after, "", "violated")])).said == "violated"
    assert say("steady-state", run(moments=[before, Moment(9, after, "", "unknown")])).said == "unknown"


FAILOVER = [role(1, A, 1), role(6.4, B, 2)]


@pytest.mark.parametrize(
    ("strikes", "within", "said"),
    [
        ([strike("kill", 6, None, A)], "500ms", "ok"),
        ([strike("kill", 6, None, A)], "300ms", "violated"),
        ([strike("kill", 6, None, B)], "300ms", "unknown"),
        ([cut(6, 9)], "300ms", "violated"),
        ([strike("partition", 6, 9, groups=(("master-2",), ("master-0", "master-1")))], "300ms", "unknown"),
        ([strike("kill", 7, None, "master-1")], "1s", "violated"),
    ],
)
def test_somebody_else_leads_in_time(strikes: list[Any], within: str, said: str) -> None:
    operations = [write(1, 6.5, 6.6)]
    finding = say("failover", run(records=FAILOVER, strikes=strikes, operations=operations), within=within)
    assert finding.said == said
    if said == "ok":
        assert finding.figures == {"seconds": pytest.approx(0.4), "firstWrite": pytest.approx(0.6)}
