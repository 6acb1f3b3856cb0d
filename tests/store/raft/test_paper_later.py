"""Sentences of Diego Ongaro's thesis after chapter 3: membership, compaction, clients, elections, performance."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from store.raft import confchange
from store.raft.messages import (
    Append,
    AppendReply,
    Entry,
    HardState,
    PreVote,
    PreVoteReply,
    Refused,
    TimeoutNow,
    Vote,
    VoteReply,
)
from store.raft.node import ChangeRefusedError, Role, Stored
from tests.store.raft.network import Configuration, Network, commands, names
from tests.store.raft.test_paper import THREE, lead, log, member, turn


def learned(*spares: str, **options: Any) -> Network:
    """a, b and c with `a` leading, and the spares as learners that have caught up."""
    network = Network(THREE, spares=spares, **options)
    network.elect("a")
    network.run(0.2)
    for place in range(1, len(spares) + 1):
        network.change(THREE, spares[:place])
        network.run(0.3)
    return network


def test_4_1_servers_use_the_latest_configuration_in_their_log_regardless_of_whether_it_is_committed() -> None:
    network = learned("d")
    leader = network["a"]
    network.partition(["a"], ["b", "c", "d"])
    index = network.change((*THREE, "d"))
    network.settle()
    assert leader.status().configuration.voters == ("a", "b", "c", "d")
    assert leader.status().commit < index
    assert leader.configuration_at(index - 1).voters == THREE
    network.now += 3
    network.elect("b")
    network.heal()
    network.run(0.5)
    assert leader.status().configuration.voters == THREE, "cutting the log takes the configuration back"


def test_4_1_a_leader_does_not_begin_a_change_before_the_last_one_is_committed() -> None:
    network = learned("d")
    network.partition(["a"], ["b", "c", "d"])
    index = network.change((*THREE, "d"))
    with pytest.raises(ChangeRefusedError, match=f"the change at {index} is not committed"):
        network.change(THREE)
    network.heal()
    network.run(0.3)
    network.change(THREE)


def test_4_1_only_one_server_at_a_time_comes_or_goes_without_a_joint_configuration() -> None:
    network = learned("d", "e")
    network.partition(["a"], ["b", "c", "d", "e"])
    network.change((*THREE, "d", "e"))
    assert network["a"].status().configuration.outgoing == THREE


def test_4_2_1_a_new_server_joins_as_a_non_voting_member_that_is_not_counted_towards_majorities() -> None:
    network = learned("d", "e")
    network.partition(["a", "d", "e"], ["b", "c"])
    leader = network["a"]
    index = leader.propose([b"one"], network.now)
    network.settle()
    assert {f.id: f.match for f in leader.status().followers}["d"] == index
    assert leader.status().commit < index
    network.run(5.0)
    assert network["d"].role is Role.FOLLOWER, "nor does it campaign"


def test_4_2_1_a_new_server_does_not_vote_before_it_has_caught_up() -> None:
    network = Network(THREE, spares=["d"])
    network.elect("a")
    with pytest.raises(ChangeRefusedError, match="d is no member: add it as a learner first"):
        network.change((*THREE, "d"))
    network.crash("d")
    network.propose(*[b"x"] * 30)
    network.change(THREE, ["d"])
    network.settle()
    with pytest.raises(ChangeRefusedError, match="d was not heard lately"):
        network.change((*THREE, "d"))
    network.boot("d")
    network["a"].tick(network["a"].deadline())
    for name in ("a", "d"):
        network.run_shell(name)
        network.deliver(next(m for m in network.wires if name == m.src and {m.src, m.dst} == {"a", "d"}))
    with pytest.raises(ChangeRefusedError, match="d lags: it has 0 of 32 entries"):
        network.change((*THREE, "d"))
    network.run(0.3)
    network.change((*THREE, "d"))


def test_4_2_2_a_leader_that_is_removed_steps_down_once_the_new_configuration_is_committed() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    network.run(0.2)
    network.change(("b", "c"))
    network.run_shell("a")
    assert leader.status().role is Role.LEADER, "it leads a configuration without itself until that is committed"
    network.settle()
    assert leader.role is Role.FOLLOWER
    assert names(network.leader().status().configuration) == Configuration(("b", "c")), "and hands over at once"
    with pytest.raises(ChangeRefusedError):
        network.leader().transfer_leader("a", network.now)


def test_4_2_2_a_leader_that_removes_itself_does_not_count_itself_in_majorities() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    network.run(0.2)
    network.partition(["a", "b"], ["c"])
    index = network.change(("b", "c"))
    network.settle()
    assert {f.id: f.match for f in leader.status().followers}["b"] == index
    assert leader.status().commit < index


def test_4_2_2_a_server_that_is_not_part_of_its_own_latest_configuration_still_starts_elections() -> None:
    """If only the removed have the entry that removes them, nobody else can win."""
    network = Network(THREE)
    leader = network.elect("a")
    network.run(0.2)
    network.partition(["a", "b"], ["c"])
    network.change(("a", "c"))
    network.settle()
    network.crash("a")
    network.heal()
    network.run(5.0)
    assert not leader.status().configuration.votes("b")
    assert network["b"].role is Role.LEADER or network["c"].role is Role.LEADER


def test_4_2_2_the_cluster_changes_also_while_a_member_is_down() -> None:
    network = learned("d")
    network.crash("c")
    network.change(("a", "b", "d"))
    network.run(1.0)
    assert names(network["a"].status().configuration) == Configuration(("a", "b", "d"))
    assert network.propose(b"one") == network["d"].status().last


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
    assert turn(node) == [VoteReply("a", "c", 7, True, src_id=1)]


def test_4_2_3_a_removed_server_cannot_disrupt_the_cluster_and_is_told_so() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    network.run(0.2)
    network.partition(["a", "b"], ["c"])
    network.change(("a", "b"))
    network.run(10.0)
    assert network["c"].deadline() < inf, "it does not know, and tries"
    network.heal()
    network.run(5.0)
    assert (leader.role, leader.term) == (Role.LEADER, 1)
    assert network["c"].deadline() == inf
    assert [(m.seat, m.index) for m in network.members["c"].refused] == [(0, leader.status().last)]


def test_4_2_3_a_server_is_told_as_soon_as_its_removal_is_committed() -> None:
    network = Network(THREE)
    network.elect("a")
    network.run(0.2)
    index = network.change(("a", "b"))
    network.settle()
    assert network.members["c"].refused == [Refused("a", "c", 1, index, 0)]
    assert network["c"].deadline() == inf


def test_4_2_3_what_is_known_of_a_later_configuration_outweighs_an_older_removal() -> None:
    network = learned("d")
    network.change((*THREE, "d"))
    network.run(0.3)
    d = network["d"]
    index = d._state.configurations.index
    d.step(Refused("b", "d", 0, index - 1, 0), network.now)
    network.run_shell("d")
    assert network.members["d"].refused == []
    assert d.deadline() < inf
    leader = network["a"]
    leader.step(Refused("b", "a", 1, index + 9, 0), network.now)
    assert leader.role is Role.LEADER
    for _ in range(2):
        d.step(Refused("b", "d", 0, index + 1, 0), network.now)
    network.run_shell("d")
    assert len(network.members["d"].refused) == 1
    assert d.deadline() == inf


def test_4_3_joint_consensus_needs_majorities_of_both_the_old_and_new_configurations() -> None:
    network = learned("d", "e")
    leader = network["a"]
    network.partition(["a", "d", "e"], ["b", "c"])
    index = network.change(("a", "d", "e"))
    network.settle()
    assert leader.status().configuration.outgoing == THREE
    assert leader.status().commit < index
    network.heal()
    network.run(1.0)
    assert names(network.leader().status().configuration) == Configuration(("a", "d", "e"))


def test_3_10_a_target_that_was_removed_meanwhile_does_not_campaign() -> None:
    node = member(Stored(HardState(1, commit=1), entries=log(1)))
    node.step(Append("b", "a", 1, 1, 1, (), 1, 1), 0.0)
    node.step(Refused("b", "a", 1, 5, 0), 0.0)
    node.step(TimeoutNow("b", "a", 1), 0.0)
    assert node.role is Role.FOLLOWER


def test_4_3_a_server_is_replaced_in_one_step() -> None:
    network = learned("d")
    leader = network["a"]
    target = confchange.replaced(leader.status().configuration, "c", "d")
    leader.propose_configuration(target, network.now)
    network.run(0.5)
    assert names(leader.status().configuration) == Configuration(("a", "b", "d"))
    assert network["c"].deadline() == inf


def test_4_3_a_new_leader_leaves_the_joint_configuration_that_it_knew_to_be_committed() -> None:
    """The entry that leaves it was lost with the leader who committed the joint one."""
    network = Network("abc", spares="d")
    network.elect("a")
    network.change("abc", "d")
    network.run(1.0)
    joint = network.change("bcd")
    for _ in range(8):
        network.now += 0.1
        network["a"].tick(network.now)
        for _ in range(4):
            for name in network.members:
                network.run_shell(name)
            wires, network.wires = network.wires, []
            for message in wires:
                if not isinstance(message, Append) or all(entry.index <= joint for entry in message.entries):
                    network.deliver(message)
    assert [network[name].status().commit for name in "abcd"] == [joint] * 4
    network.crash("a")
    network.run(8.0)
    configuration = network.leader().status().configuration
    assert (configuration.voters, configuration.outgoing) == (("b", "c", "d"), ())


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
    node.step(AppendReply("b", "a", 1, 0, round=9, src_id=2), 10.0)
    assert node.status().commit == 0
    node.step(AppendReply("b", "a", 1, 1, src_id=2), 10.0)
    rounds = [message.round for message in turn(node) if isinstance(message, Append)]
    assert set(rounds) == {2}


def test_6_4_the_leader_makes_sure_it_has_not_been_superseded_by_a_round_of_heartbeats_after_the_read() -> None:
    node = member()
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 1, 1, src_id=2), 10.0)
    turn(node)
    node.read_index(7, 10.0)
    node.step(AppendReply("b", "a", 1, 1, round=1, src_id=2), 10.0)
    early = node.ready()
    assert early is not None
    assert not early.reads
    node.step(AppendReply("b", "a", 1, 1, round=2, src_id=2), 10.0)
    ready = node.ready()
    assert ready is not None
    assert ready.reads == [(7, 1)]


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


def test_9_6_a_pre_vote_changes_no_term_and_no_vote() -> None:
    node = member(Stored(HardState(1), entries=log(1)))
    node.step(PreVote("b", "a", 7, 9, 6), 0.0)
    assert turn(node) == [PreVoteReply("a", "b", 7, True, src_id=1)]
    assert node.term == 1
    node.step(Vote("c", "a", 7, 9, 6), 0.0)
    assert turn(node) == [VoteReply("a", "c", 7, True, src_id=1)]


def test_9_6_a_pre_candidate_learns_of_a_newer_term() -> None:
    node = member()
    node.tick(1.0)
    node.step(PreVoteReply("b", "a", 8, False, src_id=2), 1.0)
    assert (node.role, node.term) == (Role.FOLLOWER, 8)


def test_10_2_1_the_leader_replicates_in_parallel_with_writing_to_its_own_disk() -> None:
    node = member()
    lead(node)
    turn(node)
    node.propose([b"one", b"two"], 10.0)
    node.step(AppendReply("b", "a", 1, 1, src_id=2), 10.0)
    ready = node.ready()
    assert ready is not None
    assert ready.must_sync
    assert [m.entries for m in ready.early if isinstance(m, Append) and m.dst == "b"] == [tuple(ready.entries)]
    node.step(AppendReply("b", "a", 1, 3, src_id=2), 10.0)
    assert node.status().commit == 1, "its own copy counts only when it is durable"
    node.durable(ready)
    assert node.status().commit == 3


def test_10_2_1_an_entry_may_be_committed_before_it_is_durable_on_the_leader() -> None:
    node = member()
    lead(node)
    turn(node)
    node.propose([b"one"], 10.0)
    written = node.ready()
    assert written is not None
    node.step(AppendReply("b", "a", 1, 2, src_id=2), 10.0)
    node.step(AppendReply("c", "a", 1, 2, src_id=3), 10.0)
    assert node.status().commit == 2
    ready = node.ready()
    assert ready is not None
    assert [entry.index for entry in ready.committed] == [1, 2]
    assert node._state.log.stable == 1


def test_10_2_1_further_entries_follow_while_earlier_ones_are_being_written() -> None:
    node = member()
    lead(node)
    turn(node)
    for name, id in (("b", 2), ("c", 3)):
        node.step(AppendReply(name, "a", 1, 1, src_id=id), 10.0)
    turn(node)
    readys = []
    for data in (b"one", b"two", b"three"):
        node.propose([data], 10.0)
        ready = node.ready()
        assert ready is not None
        readys.append(ready)
    assert [[entry.index for entry in ready.entries] for ready in readys] == [[2], [3], [4]]
    assert [[m.prev_index for m in ready.early if isinstance(m, Append)] for ready in readys] == [
        [1, 1],
        [2, 2],
        [3, 3],
    ]
    node.durable(readys[1])
    assert node._state.log.stable == 3, "a later write implies the earlier ones"
    node.durable(readys[2])
    assert node._state.log.stable == 4


def test_3_8_a_follower_acknowledges_entries_when_they_are_durable_and_heartbeats_at_once_with_what_is() -> None:
    node = member(Stored(HardState(1), entries=log(1, 1)))
    node.step(Append("b", "a", 1, 2, 1, (Entry(1, 3, b"x"),), 0, 4), 0.0)
    written = node.ready()
    assert written is not None
    assert not written.early
    assert list(written.messages) == [AppendReply("a", "b", 1, 3, round=4, src_id=1)]
    node.step(Append("b", "a", 1, 3, 1, (), 0, 5), 0.0)
    heartbeat = node.ready()
    assert heartbeat is not None
    assert list(heartbeat.early) == [AppendReply("a", "b", 1, 2, round=5, src_id=1)]
    node.durable(written)
    node.step(Append("b", "a", 1, 3, 1, (), 0, 6), 0.0)
    assert turn(node) == [AppendReply("a", "b", 1, 3, round=6, src_id=1)]


def test_3_8_nothing_leaves_early_in_a_term_that_is_not_durable() -> None:
    node = member(Stored(HardState(1), entries=log(1, 1)))
    node.step(Append("b", "a", 2, 2, 1, (), 0, 4), 0.0)
    first = node.ready()
    assert first is not None
    assert not first.early
    node.step(Append("b", "a", 2, 2, 1, (), 0, 5), 0.0)
    second = node.ready()
    assert second is not None
    assert not second.early, "its write is still under way"
    assert not second.must_sync
    node.durable(first)
    node.step(Append("b", "a", 2, 2, 1, (), 0, 6), 0.0)
    third = node.ready()
    assert third is not None
    assert list(third.early) == [AppendReply("a", "b", 2, 2, round=6, src_id=1)]


def test_3_8_entries_that_were_overwritten_meanwhile_are_not_acknowledged_by_the_older_write() -> None:
    node = member(Stored(HardState(1), entries=log(1, 1)))
    node.step(Append("b", "a", 1, 2, 1, (Entry(1, 3, b"x"), Entry(1, 4, b"x")), 0, 1), 0.0)
    old = node.ready()
    node.step(Append("c", "a", 2, 3, 1, (Entry(2, 4, b"y"), Entry(2, 5, b"y")), 0, 1), 0.0)
    new = node.ready()
    assert old is not None
    assert new is not None
    assert list(new.messages) == [AppendReply("a", "c", 2, 5, round=1, src_id=1)]
    node.durable(old)
    node.step(Append("c", "a", 2, 5, 2, (), 0, 2), 0.0)
    ready = node.ready()
    assert ready is not None
    assert [*ready.early, *ready.messages] == [AppendReply("a", "c", 2, 3, round=2, src_id=1)]
    node.durable(new)
    node.step(Append("c", "a", 2, 5, 2, (), 0, 3), 0.0)
    assert turn(node) == [AppendReply("a", "c", 2, 5, round=3, src_id=1)]
