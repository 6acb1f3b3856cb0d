"""Rules and verdicts: which messages they hit, what they make of them, and that they compose."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import UsageError
from cluster.world.faults import (
    RULES,
    Bandwidth,
    Delay,
    DropNth,
    Duplicate,
    Link,
    Loss,
    Partition,
    Reorder,
    from_data,
    partition_groups,
    to_data,
)
from cluster.world.ruleset import PASS, RuleSet

AB = Link("store-0", "m0", "store-1", "m1")
BA = Link("store-1", "m1", "store-0", "m0")
LOCAL = Link("apiserver-0", "m0", "store-0", "m0")


def rules(*given_rules: object) -> RuleSet:
    made = RuleSet()
    for rule in given_rules:
        made.install(rule)  # type: ignore[arg-type]
    return made


def deliveries(made: RuleSet, link: Link = AB, kind: str = "raft.append", now: float = 0.0) -> tuple[float, ...]:
    return made.verdict(link, kind, 100, now, Random(1)).deliveries


def test_without_rules_everything_passes() -> None:
    assert RuleSet().verdict(AB, "x", 1, 0.0, Random(1)) is PASS


def test_a_partition_cuts_both_ways_and_says_who_did_it() -> None:
    made = rules(Partition(src=("m0",), dst=("m1",), id="f1"))
    assert made.verdict(AB, "x", 1, 0.0, Random(1)) == made.verdict(BA, "x", 1, 0.0, Random(1))
    assert made.verdict(AB, "x", 1, 0.0, Random(1)).rule == "f1"
    assert made.cut(BA, "x", 0.0) == "f1"


def test_one_way_leaves_the_other_way_alone() -> None:
    made = rules(Partition(src=("m0",), dst=("m1",), both=False, id="f1"))
    assert deliveries(made) == ()
    assert deliveries(made, BA) == (0.0,)


def test_isolating_a_machine_leaves_what_stays_on_it_alone() -> None:
    made = rules(Partition(src=("m0",), id="f1"))
    assert deliveries(made) == ()
    assert deliveries(made, LOCAL) == (0.0,)


def test_two_hosts_of_one_machine_can_be_cut_by_name() -> None:
    made = rules(Partition(src=("apiserver-0",), dst=("store-0",), id="f1"))
    assert deliveries(made, LOCAL) == ()


def test_kinds_select() -> None:
    made = rules(Loss(kinds=("raft.*",), id="f1"))
    assert deliveries(made, kind="raft.append") == ()
    assert deliveries(made, kind="lease.renew") == (0.0,)
    assert made.evidence["f1"] == [1, 0]


def test_rules_end_by_themselves() -> None:
    made = rules(Partition(src=("m0",), dst=("m1",), id="f1", expires=5.0))
    assert deliveries(made, now=4.9) == ()
    assert deliveries(made, now=5.0) == (0.0,)
    assert made.cut(AB, "x", 5.0) == ""
    assert [r.id for r in made.expire(5.0)] == ["f1"]
    assert made.rules == []


def test_delays_add_up_and_duplicates_repeat() -> None:
    made = rules(Delay(seconds=0.1, id="a"), Delay(seconds=0.2, id="b"), Duplicate(id="c"))
    assert deliveries(made) == pytest.approx((0.3, 0.3))


def test_the_nth_message_is_dropped_on_each_link() -> None:
    made = rules(DropNth(n=2, id="f1", both=True))
    assert [bool(deliveries(made)) for _ in range(4)] == [True, False, True, True]
    assert [bool(deliveries(made, BA)) for _ in range(2)] == [True, False]


def test_bandwidth_queues_and_then_drops() -> None:
    made = rules(Bandwidth(bytes_per_second=1000, queue_seconds=0.15, id="f1"))
    assert deliveries(made) == pytest.approx((0.1,))
    assert deliveries(made) == pytest.approx((0.2,))
    assert deliveries(made) == ()


@given(st.floats(0, 1), st.integers(0, 1000))
def test_loss_loses_its_share(probability: float, seed: int) -> None:
    made = rules(Loss(probability=probability, id="f1"))
    dice = Random(seed)
    lost = sum(not made.verdict(AB, "x", 1, 0.0, dice).deliveries for _ in range(300))
    assert abs(lost / 300 - probability) < 0.15
    assert made.evidence["f1"] == [lost, 300 - lost]


@given(st.sampled_from(["constant", "uniform", "normal", "exponential"]), st.integers(0, 100))
def test_delays_are_never_negative(distribution: str, seed: int) -> None:
    rule = Delay(seconds=0.01, jitter=0.05, distribution=distribution, id="f1")
    dice = Random(seed)
    assert all(rules(rule).verdict(AB, "x", 1, 0.0, dice).deliveries[0] >= 0 for _ in range(50))


@pytest.mark.parametrize("kind", sorted(RULES))
def test_rules_survive_the_wire(kind: str) -> None:
    rule = RULES[kind](src=("m0",), dst=("m1",), kinds=("a.*",), id="f7")
    assert from_data(to_data(rule)) == rule


def test_a_wrong_rule_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="unknown fault 'split'"):
        from_data({"type": "split"})
    with pytest.raises(UsageError, match="no field 'probabilty'"):
        from_data({"type": "loss", "probabilty": 1})
    with pytest.raises(UsageError):
        Loss(probability=2)
    with pytest.raises(UsageError):
        Delay(distribution="pareto")


def test_groups_are_cut_pairwise() -> None:
    made = partition_groups([["m0"], ["m1"], ["m2"]])
    assert [(r.src, r.dst) for r in made] == [(("m0",), ("m1",)), (("m0",), ("m2",)), (("m1",), ("m2",))]


def test_reordering_holds_some_back() -> None:
    made = rules(Reorder(probability=0.5, window=1.0, id="f1"))
    dice = Random(3)
    drawn = [made.verdict(AB, "x", 1, 0.0, dice).deliveries[0] for _ in range(200)]
    assert 50 < sum(d > 0 for d in drawn) < 150
    assert max(drawn) <= 1.0


def test_correlated_draws_follow_the_one_before() -> None:
    """As netem: with correlation 1 nothing changes after the first draw; with less, runs are longer than by chance."""
    stuck = rules(Loss(probability=0.5, correlation=1.0))
    dice = Random(3)
    assert len({stuck.verdict(AB, "x", 1, 0.0, dice).deliveries for _ in range(50)}) == 1
    changes = []
    for correlation in (0.0, 0.6):
        made, drawn = rules(Loss(probability=0.5, correlation=correlation)), Random(4)
        lost = [not made.verdict(AB, "x", 1, 0.0, drawn).deliveries for _ in range(2000)]
        changes.append(sum(a != b for a, b in zip(lost, lost[1:], strict=False)))
    assert changes[1] < 0.8 * changes[0]


def test_each_link_has_a_memory_of_its_own_that_other_rules_do_not_disturb() -> None:
    made = rules(from_data({"type": "drop-nth", "n": 3, "id": "third"}))
    assert deliveries(made) == deliveries(made) == (0.0,)
    made.install(from_data({"type": "loss", "probability": 0.0, "id": "other"}))
    assert deliveries(made, BA) == (0.0,)
    assert deliveries(made) == ()
    assert made.counts()["third"] == [("store-0", "store-1", 1, 2), ("store-1", "store-0", 0, 1)]


def test_a_sender_is_killed_once_after_its_n_th_message_to_whomever() -> None:
    made = rules(from_data({"type": "kill-after", "src": ["store-0"], "kinds": ["raft.*"], "n": 2, "id": "k"}))
    other = Link("store-0", "m0", "store-2", "m2")
    kills = [
        made.verdict(link, kind, 1, 0.0, Random(1)).kill
        for link, kind in (
            (AB, "raft.append"),
            (AB, "store.txn"),
            (BA, "raft.append"),
            (other, "raft.vote"),
            (AB, "raft.x"),
        )
    ]
    assert kills == ["", "", "", "k", ""]
    assert made.counts()["k"] == [("store-0", "", 1, 2)]
