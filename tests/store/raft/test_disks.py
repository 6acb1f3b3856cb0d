"""Whose disk it is (the rules of store/raft/__init__.py): a member without its disk is another server."""

from __future__ import annotations

from math import inf

import pytest

from store.raft.messages import (
    Append,
    AppendReply,
    Configuration,
    HardState,
    PreVoteReply,
    Refused,
    SnapshotReply,
    VoteReply,
)
from store.raft.node import ChangeRefusedError, Node, Role, Stored
from tests.store.raft.network import Network, commands, names
from tests.store.raft.test_paper import IDS, THREE, lead, log, member, turn
from tests.store.raft.test_paper_later import learned


def test_an_id_is_drawn_once_and_stored_before_anything_is_said_under_it() -> None:
    network = Network(THREE)
    node = network["a"]
    node.step(Append("b", "a", 0, 0, 0, (), 0, 1), 0.0)
    ready = node.ready()
    assert ready is not None
    assert not ready.early
    assert ready.must_sync
    assert ready.hard is not None
    id = ready.hard.id
    assert id > 0
    assert [message.src_id for message in ready.messages if isinstance(message, AppendReply)] == [id]
    network.run_shell("a")
    network.members["a"].disk.hard = ready.hard
    network.crash("a")
    network.boot("a")
    assert network["a"]._state.disk_id == id


def test_the_first_entry_of_a_cluster_holds_the_ids_under_which_its_founders_voted() -> None:
    node = member()
    lead(node)
    assert node.status().configuration == Configuration(THREE, (), (), IDS)
    ready = node.ready()
    assert ready is not None
    assert [entry.index for entry in ready.entries] == [1]


def test_a_cluster_is_founded_by_all_its_members_together() -> None:
    node = member()
    node.tick(10.0)
    node.step(PreVoteReply("b", "a", 1, True, 2), 10.0)
    assert node.status().role is Role.PRE_CANDIDATE
    node.step(PreVoteReply("c", "a", 1, True, 3), 10.0)
    assert node.status().role is Role.CANDIDATE
    node.step(VoteReply("b", "a", 1, True, 2), 10.0)
    assert node.status().role is Role.CANDIDATE
    node.step(VoteReply("b", "a", 1, False, 9), 10.0)
    node.step(VoteReply("c", "a", 1, True, 3), 10.0)
    assert node.role is Role.LEADER
    assert node.status().configuration.ids == IDS, "the vote and the id are of the same disk"


def test_a_cluster_cannot_be_founded_twice_over_a_lost_disk() -> None:
    """a and b commit; b loses its disk; c, who has heard of nothing, and the new b must not begin anew."""
    network = Network(THREE)
    for _ in range(30):
        network.now = network["a"].deadline()
        network["a"].tick(network.now)
        network.settle()
        if network["a"].role is Role.LEADER:
            break
    fresh = Network(THREE)
    fresh.elect("a")
    fresh.members["c"].wipe()  # as if nothing but votes had reached it
    fresh.propose(b"one")
    fresh.members["b"].wipe()
    fresh.crash("a")
    fresh.boot("b")
    fresh.boot("c")
    fresh.run(30.0)
    assert all(fresh[name].role is not Role.LEADER for name in "bc")
    fresh.boot("a")
    fresh.run(5.0)
    assert all(fresh[name].role is not Role.LEADER for name in "abc"), "two of three disks are lost: a stands still"
    assert len(fresh.members["a"].disk.entries) == 2


def test_founding_takes_longer_each_time_it_comes_to_nothing() -> None:
    node = member(Stored(HardState(5)))
    assert node.deadline() <= 1.1
    young, old = member(pre_vote=False), member(Stored(HardState(3)), pre_vote=False)
    for node, least in ((young, 0.2), (old, 0.5)):
        node.tick(9.0)
        assert 9.0 + least <= node.deadline() < 9.0 + 2 * least


def test_no_vote_of_another_disk_counts() -> None:
    node = member(Stored(HardState(1), entries=log(1)))
    node.tick(10.0)
    node.step(PreVoteReply("b", "a", 2, True, 9), 10.0)
    assert node.status().role is Role.PRE_CANDIDATE
    node.step(PreVoteReply("b", "a", 2, True, 2), 10.0)
    assert node.status().role is Role.CANDIDATE
    node.step(VoteReply("c", "a", 2, True, 9), 10.0)
    assert node.status().role is Role.CANDIDATE
    node.step(VoteReply("c", "a", 2, True, 3), 10.0)
    assert node.role is Role.LEADER


def test_no_answer_of_another_disk_counts_and_it_is_told() -> None:
    node = member(Stored(HardState(1, commit=1), entries=log(1)))
    lead(node)
    turn(node)
    node.read_index(7, 10.0)
    turn(node)
    before = node.status().followers
    node.step(AppendReply("b", "a", 2, 2, round=9, src_id=8), 10.5)
    node.step(SnapshotReply("b", "a", 2, 1, 0, True, src_id=8), 10.5)
    assert node.status().commit == 1
    assert node.status().followers == before
    assert turn(node) == [Refused("a", "b", 2, 1, 2)]
    node.step(AppendReply("b", "a", 2, 2, round=9, src_id=2), 10.5)
    assert node.status().commit == 2


def test_nobody_is_told_of_a_configuration_that_may_not_last() -> None:
    node = member()
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 1, 1, src_id=8), 10.0)
    assert turn(node) == []


def test_a_member_with_an_empty_disk_is_refused_and_what_was_committed_stays() -> None:
    network = Network(THREE)
    network.elect("a")
    network.partition(["a", "b"], ["c"])
    network.propose(b"one")
    network.members["b"].wipe()
    network.boot("b")
    network.partition(["b", "c"], ["a"])
    network.run(30.0)
    assert all(network[name].role is not Role.LEADER for name in "bc"), "they could lose `one`"
    network.heal()
    network.run(5.0)
    leader = network.leader()
    assert commands(network.members["c"].applied) == [b"one"]
    assert network["b"].deadline() == inf
    assert [m.seat > 0 for m in network.members["b"].refused] == [True]
    assert network["b"].status().last == 0
    for voters, learners in ((("a", "c"), ()), (("a", "c"), ("b",)), (THREE, ())):
        leader.propose_configuration(Configuration(voters, learners), network.now)
        network.run(0.5)
    network.crash("c")
    network.propose(b"two")
    assert commands(network.members["b"].applied) == [b"one", b"two"]


def test_a_learner_may_come_with_another_disk_and_begins_anew() -> None:
    network = learned("d")
    leader = network["a"]
    assert {f.id: f.match for f in leader.status().followers}["d"] == leader.status().last
    network.members["d"].wipe()
    network.boot("d")
    network.run(0.25)
    assert {f.id: f.match for f in leader.status().followers}["d"] == leader.status().last
    assert network.members["d"].refused == []
    network.change((*THREE, "d"))
    network.run(0.3)
    assert leader.status().configuration.seat("d") == network["d"]._state.disk_id


def test_a_disk_that_was_swapped_behind_a_learner_has_to_catch_up_before_it_votes() -> None:
    network = learned("d")
    leader = network["a"]
    leader.step(AppendReply("d", "a", 1, 0, True, src_id=99), network.now)
    with pytest.raises(ChangeRefusedError, match="d lags: it has 0"):
        network.change((*THREE, "d"))


def test_a_voter_that_becomes_a_learner_and_a_voter_again_keeps_its_disk() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    network.run(0.2)
    seat = leader.status().configuration.seat("c")
    network.change(("a", "b"), ["c"])
    network.run(0.3)
    assert leader.status().configuration.seat("c") == 0
    network.change(THREE)
    network.run(0.3)
    assert leader.status().configuration.seat("c") == seat
    assert names(leader.status().configuration) == Configuration(THREE)


# ── the right disk, which has lost what it had acknowledged ──────────────────────────────────────────────────


def liar(network: Network, kept: int = 1) -> None:
    """b has acknowledged all, and comes back with the first `kept` entries."""
    network.crash("b")
    del network.members["b"].disk.entries[kept:]
    network.boot("b")


@pytest.mark.parametrize("error", [0.0, 0.05])
def test_a_member_that_has_lost_what_it_acknowledged_is_told_so_and_counts_no_more(error: float) -> None:
    network = Network(THREE, lease_clock_error=error)
    leader = network.elect("a")
    for _ in range(3):
        network.propose(b"x")
    network.run(0.3)
    match = leader.status().followers[0].match
    liar(network)
    network.run(0.5)
    assert network.members["b"].refused[0] == Refused("a", "b", 1, 1, network["b"]._state.disk_id, match)
    assert leader.status().followers[0].match == 0
    network.partition(["a", "b"], ["c"])
    index = network.propose(b"y")
    network.run(0.5)
    assert leader.status().commit < index, "b is no majority with a"
    network.run(1.0)
    assert leader.status().role is Role.FOLLOWER, "and no sign of life"


def acknowledged() -> Node:
    """A leader since 10.0 of whose entries 1 and 2 b has acknowledged, then c both in a later round."""
    node = member(lease_clock_error=0.25)
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 1, 1, round=2, src_id=2), 10.0)
    node.propose([b"x"], 10.0)
    turn(node)
    node.step(AppendReply("b", "a", 1, 2, round=2, src_id=2), 10.0)
    return node


def test_a_rejection_that_may_have_been_sent_before_the_acknowledgement_accuses_nobody() -> None:
    node = acknowledged()
    assert node.status().followers[0].match == 2
    node.step(AppendReply("b", "a", 1, 2, True, 0, 0, 2, 2), 10.01)
    assert not any(isinstance(message, Refused) for message in turn(node))
    assert node.status().followers[0].match == 2


def test_one_of_a_round_that_began_after_the_acknowledgement_does() -> None:
    node = acknowledged()
    node.step(AppendReply("b", "a", 1, 2, True, 0, 0, 2, 2), 10.01)
    node.tick(10.1)
    beat = next(message for message in turn(node) if isinstance(message, Append) and message.dst == "b")
    assert beat.round > 2
    node.step(AppendReply("b", "a", 1, 2, True, 0, 0, beat.round, 2), 10.2)
    assert Refused("a", "b", 1, 1, 2, 2) in turn(node)
    node.step(AppendReply("b", "a", 1, 2, round=beat.round, src_id=2), 10.3)
    assert Refused("a", "b", 1, 1, 2, 2) in turn(node), "whatever it says"


def test_only_the_disk_that_is_meant_and_only_in_that_term_believes_it() -> None:
    node = member(Stored(HardState(1), entries=log(1)))
    for refusal in (Refused("b", "a", 2, 1, 1, 9), Refused("b", "a", 0, 1, 1, 9), Refused("b", "a", 1, 1, 7, 9)):
        node.step(refusal, 0.0)
        ready = node.ready()
        assert ready is None
    node.step(Refused("b", "a", 1, 1, 1, 9), 0.0)
    ready = node.ready()
    assert ready is not None
    assert ready.refused == Refused("b", "a", 1, 1, 1, 9)


def test_who_rejected_entries_before_a_snapshot_brought_them_is_not_accused() -> None:
    """The rejection is of a later round than the last entry that it had acknowledged, but older than the snapshot."""
    network = Network(THREE, lease_clock_error=0.05, retain_entries=0)
    leader = network.elect("a")
    network.run(0.2)
    network.crash("b")
    for _ in range(3):
        network.propose(b"x")
    network.run(0.2)
    network.members["a"].compact()
    late = leader._state.reads.round
    network.boot("b")
    network.run(1.0)
    assert leader.status().followers[0].match == leader.status().last
    seat = leader._state.followers["b"].seat
    leader.step(AppendReply("b", "a", 1, 4, True, 1, 1, late, seat), network.now)
    assert leader.status().followers[0].match == leader.status().last
