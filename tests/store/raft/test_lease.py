"""Lease reads (thesis 6.4.1): what the lease rests on, one test for each step of the argument in leading.py."""

from __future__ import annotations

from typing import Any

import pytest

from store.raft.messages import (
    Append,
    AppendReply,
    HardState,
    PreVote,
    PreVoteReply,
    TimeoutNow,
    Vote,
    VoteReply,
)
from store.raft.node import Node, Role, Stored
from tests.store.raft.network import Network
from tests.store.raft.test_paper import THREE, lead, log, member, turn
from tests.store.raft.test_paper_later import learned

ERROR = 0.25
LENGTH = 1.0 / (1 + ERROR)


def leased(**options: Any) -> Node:
    """A leader since 10.0 whose first entry is committed: b has answered, with the round of that Append."""
    node = member(**({"lease_clock_error": ERROR} | options))
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 1, 1, round=2, src_id=2), 10.05)
    assert node.status().commit == 1
    return node


def test_6_4_1_the_lease_begins_when_the_heartbeat_was_sent_not_when_its_answer_came() -> None:
    node = leased()
    assert node.lease_read(10.0 + LENGTH - 0.001) == 1
    assert node.lease_read(10.0 + LENGTH + 0.001) is None


def test_6_4_1_the_lease_is_shorter_than_the_election_timeout_by_the_bound_on_clock_drift() -> None:
    for error in (0.05, 0.5):
        node = leased(lease_clock_error=error)
        assert node.lease_read(10.0 + 1.0 / (1 + error) - 0.001) == 1
        assert node.lease_read(10.0 + 1.0 / (1 + error) + 0.001) is None


@pytest.mark.parametrize("options", [{"lease_clock_error": 0.0}, {"check_quorum": 0}])
def test_6_4_1_without_a_clock_bound_or_promises_there_is_no_lease(options: dict[str, float]) -> None:
    assert leased(**options).lease_read(10.05) is None


def test_6_4_1_a_majority_must_have_answered_the_heartbeat() -> None:
    network = Network(("a", "b", "c", "d", "e"), lease_clock_error=ERROR)
    leader = network.elect("a")
    network.partition(["a", "b"], ["c", "d", "e"])
    network.run(0.85)
    assert leader.role is Role.LEADER
    assert leader.lease_read(network.now) is None
    network.partition(["a", "b", "c"], ["d", "e"])
    network.run(0.2)
    assert leader.lease_read(network.now) == 1


def test_6_4_1_entries_renew_the_lease_as_heartbeats_do() -> None:
    network = Network(THREE, lease_clock_error=ERROR)
    leader = network.elect("a")
    for _ in range(200):
        network.now += 0.02
        network.propose(b"x")
        assert leader.lease_read(network.now) == leader.status().commit
        assert leader.deadline() > network.now, "no heartbeat is ever due"


def test_6_4_a_fresh_leader_has_no_lease_before_it_has_committed_an_entry_of_its_term() -> None:
    node = member(Stored(HardState(1), entries=log(1, 1)), lease_clock_error=ERROR)
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 2, 2, round=2, src_id=2), 10.05)
    assert node.lease_read(10.06) is None
    node.step(AppendReply("b", "a", 2, 3, round=2, src_id=2), 10.07)
    assert node.lease_read(10.08) == 3


def test_6_4_1_the_lease_is_given_up_before_timeout_now_leaves_and_does_not_come_back() -> None:
    node = leased()
    node.step(AppendReply("c", "a", 1, 1, round=2, src_id=3), 10.05)
    node.transfer_leader("c", 10.06)
    assert node.lease_read(10.06) is None
    assert TimeoutNow("a", "c", 1) in turn(node)
    node.step(AppendReply("b", "a", 1, 1, round=9, src_id=2), 11.0)
    node.step(AppendReply("c", "a", 1, 1, round=9, src_id=3), 11.0)
    node.tick(11.2)
    assert node.propose([b"x"], 11.2) == 2, "the transfer came to nothing"
    turn(node)
    node.step(AppendReply("b", "a", 1, 2, round=4, src_id=2), 11.2)
    node.read_index(1, 11.2)
    turn(node)
    node.step(AppendReply("b", "a", 1, 2, round=99, src_id=2), 11.2)
    assert node.lease_read(11.2) is None, "the TimeoutNow may still be on its way"


def test_4_2_3_a_voter_keeps_its_promise_even_if_it_has_seen_a_higher_term_since() -> None:
    node = member(Stored(HardState(1), entries=log(1)))
    node.step(Append("b", "a", 1, 1, 1, (), 1, 1), 0.0)
    turn(node)
    node.step(PreVoteReply("c", "a", 5, False, 3), 0.1)
    assert (node.term, node.leader) == (5, "")
    node.step(Vote("c", "a", 6, 9, 5), 0.9)
    node.step(PreVote("c", "a", 6, 9, 5), 0.9)
    assert turn(node) == []
    node.step(Vote("c", "a", 6, 9, 5), 1.0)
    assert turn(node) == [VoteReply("a", "c", 6, True, src_id=1)]


def test_6_4_1_a_restarted_voter_promises_an_election_timeout_from_its_start() -> None:
    stored = Stored(HardState(1), entries=log(1))
    node = member(stored, lease_clock_error=ERROR)
    node.step(Vote("c", "a", 2, 9, 1), 0.99)
    assert turn(node) == []
    node.step(Vote("c", "a", 2, 9, 1), 1.0)
    assert turn(node) == [VoteReply("a", "c", 2, True, src_id=1)]
    without = member(stored)
    without.step(Vote("c", "a", 2, 9, 1), 0.5)
    assert turn(without) == [VoteReply("a", "c", 2, True, src_id=1)]


def test_6_4_1_a_change_of_the_configuration_asks_the_majority_anew() -> None:
    network = learned("d", lease_clock_error=ERROR)
    leader = network["a"]
    assert leader.lease_read(network.now) is not None
    leader.propose_configuration(leader.status().configuration, network.now)
    assert leader.lease_read(network.now) is None
    network.run(0.2)
    assert leader.lease_read(network.now) is not None


def test_6_4_1_no_other_leader_while_the_lease_lasts_however_the_clocks_run() -> None:
    """The voters' clocks run fast, as far as the bound allows; the leader is cut off."""
    for seed in range(20):
        network = Network(THREE, seed, lease_clock_error=ERROR)
        network.members["b"].rate = network.members["c"].rate = 1 + ERROR
        leader = network.elect("a")
        network.run(1.0)
        leader = network.leader()
        name = leader._state.id
        network.partition([name], [other for other in THREE if other != name])
        others = [network[other] for other in THREE if other != name]
        while all(other.role is not Role.LEADER for other in others):
            held = leader.lease_read(network.clock(network.members[name])) is not None
            network.run(0.01)
        assert not held


def test_a_member_alone_has_a_lease_as_soon_as_it_leads() -> None:
    network = Network(("a",), lease_clock_error=ERROR)
    node = network.elect("a")
    assert node.lease_read(network.now) == 1
