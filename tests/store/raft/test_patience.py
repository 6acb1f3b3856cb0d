"""The election timeout learns from the delays that a member sees, and from nothing else."""

from __future__ import annotations

from math import inf
from random import Random
from typing import Any

import pytest

from store.raft.config import Config
from store.raft.messages import Append, AppendReply, HardState, PreVote, PreVoteReply
from store.raft.node import Node, Role, Stored
from store.raft.patience import CALM_SECONDS, FADING, MARGIN, Patience
from tests.store.raft.network import Network
from tests.store.raft.test_paper import THREE, lead, log, member, turn

HEARTBEAT, ELECTION, CAP = 0.1, 1.0, 5.0


def patience(**options: Any) -> Patience:
    return Patience(Config("a", THREE, HEARTBEAT, ELECTION, **options))


def follower(**options: Any) -> Node:
    """`a`, of b, that it heard at 10.0 in term 1."""
    node = member(Stored(HardState(1), entries=log(1)), **options)
    heartbeat(node, 10.0)
    return node


def heartbeat(node: Node, now: float, leader: str = "b", term: int = 1) -> None:
    node.step(Append(leader, "a", term, 1, 1, (), 1, 1), now)
    turn(node)


def asks(node: Node, now: float) -> bool:
    """Does c get `a`'s support then?"""
    node.step(PreVote("c", "a", 2, 9, 9), now)
    return any(isinstance(message, PreVoteReply) for message in turn(node))


def answers(node: Node, now: float, *names: str) -> None:
    for name in names:
        node.step(AppendReply(name, "a", node.term, 0, round=1, src_id=2 + (name == "c")), now)


def wait(node: Node) -> float:
    """The least of what it waits from now on: the deadline without the dice."""
    return node._state.patience.least


# ── the estimate ─────────────────────────────────────────────────────────────────────────────────────────────


def test_while_it_is_calm_the_configured_timeout_stands() -> None:
    it = patience()
    for beat in range(1000):
        it.saw(HEARTBEAT * (1 + 0.5 * (beat % 3)), beat * HEARTBEAT)
    assert (it.least, it.longest, it.review_at) == (ELECTION, ELECTION, inf)


def test_a_silence_counts_if_it_is_much_longer_than_the_longest_delay_of_late() -> None:
    it = patience()
    it.saw(0.5, 10.0)
    assert it.least == pytest.approx(HEARTBEAT + MARGIN * 0.4)
    it.saw(0.4, 10.1)
    assert it.least == pytest.approx(HEARTBEAT + MARGIN * 0.4), "the longest one"
    it.saw(0.6, 10.2)
    assert it.least == pytest.approx(HEARTBEAT + MARGIN * 0.5)


def test_it_never_grows_over_the_cap_and_never_shrinks_below_what_is_configured() -> None:
    it = patience()
    it.saw(CAP, 10.0)
    assert (it.least, it.longest) == (CAP, 2 * CAP)
    it.review(10.0 + 1000 * CALM_SECONDS)
    assert (it.least, it.longest, it.review_at) == (ELECTION, ELECTION, inf)


def test_it_comes_back_down_while_it_is_calm_step_by_step() -> None:
    it = patience()
    it.saw(1.0, 10.0)
    before = it.least
    it.review(10.0 + CALM_SECONDS)
    assert it.least == pytest.approx(HEARTBEAT + MARGIN * 0.9 * FADING)
    assert ELECTION < it.least < before
    it.review(it.review_at + 2 * CALM_SECONDS)
    assert it.least == pytest.approx(HEARTBEAT + MARGIN * 0.9 * FADING**4)


def test_a_silence_over_the_cap_was_an_outage_and_teaches_nothing() -> None:
    it = patience()
    it.saw(CAP + 0.001, 10.0)
    assert it.least == ELECTION


def test_patience_of_1_never_learns() -> None:
    it = patience(patience=1.0)
    it.saw(ELECTION, 10.0)
    assert (it.least, it.longest) == (ELECTION, ELECTION)


def test_a_delay_that_the_followers_know_not_of_yet_makes_the_leader_no_more_patient_than_its_own_timeout() -> None:
    it = patience()
    it.saw(it.notable + 0.001, 10.0)
    assert it.least == ELECTION
    assert it.longest == pytest.approx(2 * (HEARTBEAT + MARGIN * (it.notable + 0.001 - HEARTBEAT)))


# ── the follower ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_follower_whose_leader_was_late_waits_longer_from_then_on() -> None:
    node = follower()
    spread = node.deadline() - 10.0
    assert 1 <= spread < 2
    heartbeat(node, 10.9)
    assert wait(node) == pytest.approx(HEARTBEAT + MARGIN * 0.8)
    assert node.deadline() == pytest.approx(10.9 + spread * wait(node)), "times what was drawn"
    heartbeat(node, 11.0 + CALM_SECONDS)
    assert wait(node) < HEARTBEAT + MARGIN * 0.8


def test_it_refuses_to_help_others_up_for_as_long_as_it_waits_itself_at_least() -> None:
    node = follower()
    assert asks(node, 11.0)
    heartbeat(node, 11.1)
    longer = wait(node)
    assert longer > ELECTION
    assert not asks(node, 11.1 + longer - 0.001)
    assert asks(node, 11.1 + longer)


def test_a_promise_is_never_shorter_than_the_configured_timeout_on_which_the_lease_counts() -> None:
    for silence in (0.05, 0.3, 0.9, 2.0, 4.9, 5.1):
        node = follower()
        heartbeat(node, 10.0 + silence)
        assert not asks(node, 10.0 + silence + ELECTION - 0.001)


def test_the_silence_between_two_leaders_is_no_delay() -> None:
    node = follower()
    heartbeat(node, 10.9, "c", 2)
    assert wait(node) == ELECTION


def test_who_suspected_a_leader_and_hears_it_again_in_the_same_term_was_wrong_and_learns() -> None:
    node = follower()
    node.tick(node.deadline())
    assert node.role is Role.PRE_CANDIDATE
    heartbeat(node, 12.0)
    assert wait(node) == CAP


def test_who_elected_another_leader_for_a_delay_learns_when_the_old_one_speaks() -> None:
    node = follower()
    heartbeat(node, 11.5, "c", 2)
    assert wait(node) == ELECTION
    heartbeat(node, 11.6, "b", 1)
    assert wait(node) == CAP, "1.6 s"
    heartbeat(node, 11.7, "c", 2)


def test_who_leads_instead_of_a_late_leader_learns_when_that_one_speaks() -> None:
    node = follower()
    lead(node, node.deadline())
    heartbeat(node, 12.0, "b", 1)
    assert wait(node) == CAP, "2 s"


def test_a_leader_of_a_term_in_which_it_was_never_heard_teaches_nothing() -> None:
    node = follower()
    heartbeat(node, 10.1, "c", 7)
    heartbeat(node, 10.9, "b", 5)
    assert wait(node) == ELECTION


def test_a_member_that_starts_knows_of_no_silence() -> None:
    node = Node(Config("a", THREE), Stored(HardState(1, id=1), entries=log(1)), Random(1), 0.0)
    heartbeat(node, 0.9)
    assert wait(node) == ELECTION


# ── the leader ───────────────────────────────────────────────────────────────────────────────────────────────


def test_6_2_a_leader_grants_a_majority_the_delays_that_it_has_seen() -> None:
    node = member()
    lead(node)
    turn(node)
    answers(node, 10.9, "b", "c")
    assert node._state.patience.longest == pytest.approx(2 * (HEARTBEAT + MARGIN * 0.8))
    node.tick(10.9 + 2 * ELECTION)
    assert node.role is Role.LEADER
    node.tick(10.9 + node._state.patience.longest)
    assert role(node) is Role.FOLLOWER


def role(node: Node) -> Role:
    return node.role


def test_one_follower_that_was_down_is_no_delay_while_the_majority_speaks() -> None:
    node = member()
    lead(node)
    turn(node)
    for beat in range(1, 30):
        answers(node, 10.0 + beat * HEARTBEAT, "b")
    answers(node, 13.0, "c")
    assert node._state.patience.longest == ELECTION


def test_the_lease_is_counted_from_the_configured_timeout_however_patient_the_leader_is() -> None:
    node = member(lease_clock_error=0.25)
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 1, 1, round=2, src_id=2), 10.9)
    assert node._state.patience.longest > ELECTION
    assert node.lease_read(10.0 + ELECTION / 1.25 + 0.001) is None


def test_a_leader_that_has_learned_calms_down_as_its_heartbeats_go() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    network.now += 0.9
    network.run(0.5)
    assert leader._state.patience.longest > ELECTION
    network.run(20 * CALM_SECONDS)
    assert leader.role is Role.LEADER
    assert {network[name]._state.patience.least for name in THREE} == {ELECTION}


# ── failover ─────────────────────────────────────────────────────────────────────────────────────────────────


def failovers(limit: float) -> list[float]:
    took = []
    for seed in range(20):
        network = Network(THREE, seed, patience=limit)
        network.elect("a")
        network.run(2.0)
        began = network.now
        network.members["a"].crash()
        while all(network[name].role is not Role.LEADER for name in ("b", "c")):
            network.run(0.01)
        took.append(network.now - began)
    return took


def test_on_a_calm_machine_a_dead_leader_is_replaced_as_fast_as_without() -> None:
    assert failovers(5.0) == failovers(1.0)
