"""Whether a strike hit anything: confirmed, not confirmed, nothing to hit."""

from __future__ import annotations

from cluster.experiments.evidence import prove
from cluster.experiments.strikes.deed import Deed
from cluster.history.run import LinkCount, Strike
from cluster.world.journal import Record
from tests.cluster.experiments.stories import step, story, strikes, told


def struck(**fields: object) -> Strike:
    given = {"targets": ("b",), "since": 1.0, "until": 2.0, **fields}
    return Strike("s1", "kill", "kill b", "x:1", **given)  # type: ignore[arg-type]


def one(deed: Deed, records: tuple[Record, ...] = (), **evidence: list[tuple[str, str, int, int]]) -> Strike:
    return prove([struck()], {0: deed}, evidence, records)[0]


def test_rules_that_say_the_same_of_a_link_are_one_line() -> None:
    deed = Deed("", rules=("f1", "f2"))
    found = one(deed, f1=[("a", "b", 2, 1), ("b", "a", 0, 3)], f2=[("a", "b", 1, 0)], f3=[("a", "b", 9, 9)])
    assert found.links == (LinkCount("a", "b", 3, 1), LinkCount("b", "a", 0, 3))
    assert found.proof == "confirmed"
    assert one(deed, f1=[("a", "b", 0, 4)]).proof == "not confirmed"
    assert one(deed).proof == "nothing to hit"


def test_an_end_is_in_the_journal_while_it_lasts_or_it_was_none() -> None:
    deed = Deed("", proves="ends")
    crash: Record = (1.2, 7, "b", 1, "crash", {})
    lost = (1.5, 0, "b", 1, "drop", "raft.append", "a", 3, "host is down")
    given_up = (1.6, 9, "c", 1, "drop", "raft.append", "b", 4, "host is down")
    found = one(deed, (crash, lost, given_up))
    assert found.proof == "confirmed"
    assert found.links == (LinkCount("a", "b", 1, 0), LinkCount("c", "b", 1, 0))
    assert one(deed, ((0.5, 7, "b", 1, "crash", {}),)).proof == "nothing to hit"
    assert one(deed, ((1.2, 7, "c", 1, "crash", {}),)).proof == "nothing to hit"


def test_who_stands_still_is_told_nothing() -> None:
    deed = Deed("", proves="stops")
    pause: Record = (1.1, 7, "b", 1, "pause", {})
    before, during = [(t, 9, "b", 1, "deliver", "x", "a", 1, 5) for t in (1.05, 1.5)]
    assert one(deed, (pause, before)).links == (LinkCount("b", "standing still", 1, 0),)
    assert one(deed, (pause, during)).links == (LinkCount("b", "standing still", 1, 1),)


def test_a_restart_that_did_not_boot_is_not_confirmed() -> None:
    deed = Deed("", proves="boots")
    assert one(deed, ((1.5, 7, "b", 2, "boot", {}),)).proof == "confirmed"
    assert one(deed).proof == "not confirmed"


def test_in_a_run_what_had_nothing_to_hit_says_so() -> None:
    run = told(
        story(
            step("kill", {"targets": "store-1"}, after=0.5),
            step("kill", {"targets": "store-1"}, after=0.5),
            step("loss", {"probability": 1.0, "kinds": ("nobody.says.this",)}, lasting=1.0),
            step("loss", {"probability": 0.0}, lasting=1.0),
        )
    )
    assert [s.proof for s in strikes(run, "kill")] == ["confirmed", "nothing to hit"]
    assert [s.proof for s in strikes(run, "loss")] == ["nothing to hit", "not confirmed"]
