"""Sentences of Diego Ongaro's thesis after chapter 3: membership, compaction, clients, elections, performance."""

from __future__ import annotations

import pytest

from store.raft.messages import (
    Append,
    AppendReply,
    HardState,
    PreVote,
    PreVoteReply,
    Vote,
    VoteReply,
)
from store.raft.node import ChangeRefusedError, Role, Stored
from tests.store.raft.network import Configuration, Network, commands
from tests.store.raft.test_paper import THREE, lead, log, member, turn


def test_4_1_servers_use_the_latest_configuration_in_their_log_regardless_of_whether_it_is_committed() -> None:
    network = Network(THREE, spares=["d"])
    leader = network.elect("a")
    network.partition(["a"], ["b", "c", "d"])
    index = leader.propose_configuration(Configuration(("a", "b", "c", "d")), network.now)
    network.settle()
    assert leader.status().configuration.voters == ("a", "b", "c", "d")
    assert leader.status().commit < index
    assert leader.configuration_at(index - 1).voters == THREE
    network.now += 3
    network.elect("b")
    network.heal()
    network.run(0.5)
    assert leader.status().configuration.voters == THREE, "cutting the log takes the configuration back"


def test_4_2_2_a_leader_that_is_removed_steps_down_once_the_new_configuration_is_committed() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    network.run(0.2)
    leader.propose_configuration(Configuration(("b", "c")), network.now)
    network.settle()
    assert leader.role is Role.FOLLOWER
    network.run(5.0)
    assert network.leader().status().configuration == Configuration(("b", "c"))
    with pytest.raises(ChangeRefusedError):
        network.leader().transfer_leader("a", network.now)


def test_4_2_3_if_a_server_receives_a_request_vote_within_the_minimum_election_timeout_of_hearing_a_leader_it_ignores_it() -> (  # noqa: E501
    None
):
    node = member(Stored(HardState(1), entries=log(1)))
    node.step(Append("b", "a", 1, 1, 1, (), 1), 0.0)
    turn(node)
    node.step(Vote("c", "a", 7, 9, 6), 0.99)
    node.step(PreVote("c", "a", 7, 9, 6), 0.99)
    assert turn(node) == []
    assert node.term == 1
    node.step(Vote("c", "a", 7, 9, 6), 1.0)
    assert turn(node) == [VoteReply("a", "c", 7, True)]


def test_4_3_joint_consensus_needs_majorities_of_both_the_old_and_new_configurations() -> None:
    network = Network(THREE, spares=["d", "e"])
    leader = network.elect("a")
    network.run(0.2)
    network.partition(["a", "d", "e"], ["b", "c"])
    leader.propose_configuration(Configuration(("a", "d", "e")), network.now)
    network.settle()
    assert leader.status().configuration.outgoing == THREE
    assert leader.status().commit == 1
    network.heal()
    network.run(1.0)
    assert network.leader().status().configuration == Configuration(("a", "d", "e"))


def test_5_1_a_lagging_follower_is_sent_a_snapshot_of_what_the_log_no_longer_has() -> None:
    network = Network(THREE, snapshot_chunk_bytes=50, retain_entries=0)
    network.elect("a")
    network.crash("c")
    network.propose(*(b"%d" % i for i in range(50)))
    network.members["a"].compact()
    assert network["a"].status().first == 52
    network.propose(b"last")
    network.boot("c")
    network.run(1.0)
    assert commands(network.members["c"].applied) == [*(b"%d" % i for i in range(50)), b"last"]
    assert network["c"].status().first == 53


def test_6_2_a_leader_steps_down_if_an_election_timeout_elapses_without_a_round_of_heartbeats_to_a_majority() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    network.partition(["a"], ["b", "c"])
    leader.read_index(1, network.now)
    network.run(1.2)
    assert leader.role is Role.FOLLOWER
    assert leader.leader == ""
    assert network.members["a"].reads == [(1, None)]


def test_6_4_a_leader_waits_until_it_has_committed_an_entry_of_its_term_before_it_answers_reads() -> None:
    node = member()
    lead(node)
    node.read_index(7, 10.0)
    turn(node)
    node.step(AppendReply("b", "a", 1, 0, round=9), 10.0)
    assert node.status().commit == 0
    node.step(AppendReply("b", "a", 1, 1), 10.0)
    rounds = [message.round for message in turn(node) if isinstance(message, Append)]
    assert set(rounds) == {1}


def test_6_4_the_leader_makes_sure_it_has_not_been_superseded_by_a_round_of_heartbeats_after_the_read() -> None:
    node = member()
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 1, 1), 10.0)
    turn(node)
    node.read_index(7, 10.0)
    node.step(AppendReply("b", "a", 1, 1, round=0), 10.0)
    early = node.ready()
    assert early is not None
    assert early.reads == ()
    node.advance(early)
    node.step(AppendReply("b", "a", 1, 1, round=1), 10.0)
    ready = node.ready()
    assert ready is not None
    assert ready.reads == ((7, 1),)


def test_9_6_a_server_that_cannot_win_does_not_increase_its_term() -> None:
    network = Network(THREE)
    network.elect("a")
    network.partition(["a", "b"], ["c"])
    network.run(30.0)
    assert network["c"].role is Role.PRE_CANDIDATE
    assert network["c"].term == 1
    network.heal()
    network.run(1.0)
    assert network.leader() is network["a"]
    assert network["a"].term == 1


def test_9_6_a_pre_candidate_learns_of_a_newer_term() -> None:
    node = member()
    node.tick(1.0)
    node.step(PreVoteReply("b", "a", 8, False), 1.0)
    assert (node.role, node.term) == (Role.FOLLOWER, 8)


def test_10_2_1_the_leader_replicates_in_parallel_with_writing_to_its_own_disk() -> None:
    node = member()
    lead(node)
    turn(node)
    node.propose([b"one", b"two"], 10.0)
    node.step(AppendReply("b", "a", 1, 1), 10.0)
    ready = node.ready()
    assert ready is not None
    assert ready.must_sync
    assert [m.entries for m in ready.early if isinstance(m, Append) and m.dst == "b"] == [tuple(ready.entries)]
    node.step(AppendReply("b", "a", 1, 3), 10.0)
    assert node.status().commit == 1, "its own copy counts only when it is durable"
    node.advance(ready)
    assert node.status().commit == 3


def test_10_2_1_an_entry_may_be_committed_before_it_is_durable_on_the_leader() -> None:
    node = member()
    lead(node)
    turn(node)
    node.propose([b"one"], 10.0)
    ready = node.ready()
    assert ready is not None
    node.step(AppendReply("b", "a", 1, 2), 10.0)
    node.step(AppendReply("c", "a", 1, 2), 10.0)
    assert node.status().commit == 2
