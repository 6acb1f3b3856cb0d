"""Sentences of Diego Ongaro's thesis ("Consensus: Bridging Theory and Practice", 2014), each as a test.

Chapter 3 is here, with leadership transfer; the later chapters are in test_paper_later.py."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from cluster.errors import InvariantViolation
from store.raft import confchange
from store.raft.config import Config
from store.raft.messages import (
    CONFIGURATION,
    NORMAL,
    Append,
    AppendReply,
    Entry,
    HardState,
    InstallSnapshot,
    PreVote,
    PreVoteReply,
    TimeoutNow,
    Vote,
    VoteReply,
)
from store.raft.node import Node, NotLeaderError, Role, Stored
from tests.store.raft.network import Configuration

THREE = ("a", "b", "c")


IDS = (1, 2, 3)
"""Of the disks of a, b and c."""


def member(stored: Stored | None = None, members: tuple[str, ...] = THREE, **options: Any) -> Node:
    """`a`, with disk 1; of a cluster that is being founded if nothing is in its log."""
    stored = stored or Stored()
    hard = replace(stored.hard, id=1)
    config = Config("a", members, **({"lease_clock_error": 0.0} | options))
    return Node(config, replace(stored, hard=hard), Random(1), 0.0)


def log(*terms: int) -> tuple[Entry, ...]:
    """Entries of those terms, the first of which is the configuration of a, b and c."""
    first = confchange.encode(Configuration(THREE, (), (), IDS))
    return tuple(
        Entry(term, index, b"x" if index > 1 else first, NORMAL if index > 1 else CONFIGURATION)
        for index, term in enumerate(terms, 1)
    )


def turn(node: Node) -> list[object]:
    """The shell's loop until it is quiet, each sync at once; all that was sent."""
    sent: list[object] = []
    while (ready := node.ready()) is not None:
        if ready.committed:
            node.applied(ready.committed[-1].index)
        node.durable(ready)
        sent.extend([*ready.early, *ready.messages])
    return sent


def lead(node: Node, now: float = 10.0) -> None:
    """`a` wins with the votes of b and c."""
    node.tick(now)
    for name, id in (("b", 2), ("c", 3)):
        node.step(PreVoteReply(name, "a", node.term + 1, True, id), now)
    turn(node)
    for name, id in (("b", 2), ("c", 3)):
        node.step(VoteReply(name, "a", node.term, True, id), now)
    assert node.role is Role.LEADER


def test_3_3_if_a_candidate_or_leader_discovers_that_its_term_is_out_of_date_it_immediately_reverts_to_follower() -> (
    None
):
    node = member()
    lead(node)
    node.step(AppendReply("b", "a", 9, 0, rejected=True, src_id=2), 10.0)
    assert (node.role, node.term) == (Role.FOLLOWER, 9)


def test_3_3_if_a_server_receives_a_request_with_a_stale_term_number_it_rejects_the_request() -> None:
    node = member(Stored(HardState(5)))
    for request in (
        Append("b", "a", 4, 0, 0, log(4), 1),
        InstallSnapshot("b", "a", 4, 9, 4, Configuration(THREE), 0, 1, b"x", True),
        Vote("b", "a", 4, 9, 9),
        PreVote("b", "a", 4, 9, 9),
    ):
        node.step(request, 0.0)
    answers = turn(node)
    refused = AppendReply("a", "b", 5, 0, rejected=True, src_id=1)
    assert answers == [
        refused,
        refused,
        VoteReply("a", "b", 5, False, src_id=1),
        PreVoteReply("a", "b", 5, False, src_id=1),
    ]
    assert node.status().last == 0


def test_3_4_if_a_follower_receives_no_communication_over_the_election_timeout_it_begins_an_election() -> None:
    node = member(Stored(HardState(1), entries=log(1)))
    assert 1.0 <= node.deadline() < 2.0
    node.tick(node.deadline() - 0.001)
    assert node.role is Role.FOLLOWER
    node.tick(node.deadline())
    assert turn(node) == [PreVote("a", "b", 2, 1, 1), PreVote("a", "c", 2, 1, 1)]


def test_3_4_a_server_remains_in_follower_state_as_long_as_it_receives_valid_rpcs_from_a_leader() -> None:
    node = member(Stored(HardState(1), entries=log(1)))
    for step in range(1, 100):
        node.step(Append("b", "a", 1, 1, 1, (), 0), step * 0.9)
        assert node.deadline() >= step * 0.9 + 1.0
    assert node.role is Role.FOLLOWER


def test_3_4_each_server_will_vote_for_at_most_one_candidate_in_a_given_term_on_a_first_come_first_served_basis() -> (
    None
):
    node = member()
    node.step(Vote("b", "a", 3, 0, 0), 0.0)
    ready = node.ready()
    assert ready is not None
    assert ready.must_sync
    assert not ready.early
    assert ready.hard == HardState(3, "b", 0, 1)
    assert list(ready.messages) == [VoteReply("a", "b", 3, True, src_id=1)]
    node.durable(ready)
    again = member(Stored(ready.hard))
    again.step(Vote("c", "a", 3, 9, 2), 0.0)
    again.step(Vote("b", "a", 3, 0, 0), 0.0)
    assert turn(again) == [VoteReply("a", "c", 3, False, src_id=1), VoteReply("a", "b", 3, True, src_id=1)]


def test_3_4_a_candidate_that_hears_a_leader_of_its_term_recognizes_it_and_returns_to_follower_state() -> None:
    node = member(pre_vote=False)
    node.tick(5.0)
    assert (node.role, node.term) == (Role.CANDIDATE, 1)
    node.step(Append("b", "a", 1, 0, 0, log(1), 0), 5.0)
    assert (node.role, node.leader) == (Role.FOLLOWER, "b")


def test_3_4_a_candidate_that_times_out_starts_a_new_election_by_incrementing_its_term() -> None:
    node = member(pre_vote=False)
    node.tick(5.0)
    node.tick(node.deadline())
    assert (node.role, node.term) == (Role.CANDIDATE, 2)


def test_3_4_votes_that_can_no_longer_win_end_the_candidacy_but_not_the_wait() -> None:
    node = member(pre_vote=False)
    node.tick(5.0)
    turn(node)
    before = node.deadline()
    for name in ("b", "c"):
        node.step(VoteReply(name, "a", 1, False), 5.0)
    assert (node.role, node.deadline()) == (Role.FOLLOWER, before)
    node.step(VoteReply("b", "a", 1, True, src_id=2), 5.0)
    assert node.role is Role.FOLLOWER


@pytest.mark.parametrize(
    ("prev_index", "prev_term", "terms", "want"),
    [
        (3, 3, (), (1, 2, 3)),
        (3, 3, (4,), (1, 2, 3, 4)),
        (1, 1, (4, 4), (1, 4, 4)),
        (0, 0, (1, 2), (1, 2, 3)),
        (0, 0, (1, 2, 3, 4), (1, 2, 3, 4)),
        (2, 2, (4,), (1, 2, 4)),
    ],
)
def test_3_5_the_leader_handles_inconsistencies_by_forcing_the_followers_logs_to_duplicate_its_own(
    prev_index: int, prev_term: int, terms: tuple[int, ...], want: tuple[int, ...]
) -> None:
    node = member(Stored(HardState(4), entries=log(1, 2, 3)))
    entries = tuple(
        log(1)[0] if index == 1 else Entry(term, index, b"x") for index, term in enumerate(terms, prev_index + 1)
    )
    node.step(Append("b", "a", 4, prev_index, prev_term, entries, 0, 1), 0.0)
    ready = node.ready()
    assert ready is not None
    assert [*ready.early, *ready.messages] == [AppendReply("a", "b", 4, prev_index + len(terms), round=1, src_id=1)]
    assert bool(ready.messages) == bool(terms), "entries are answered when they are durable"
    assert tuple(node.term_at(index) for index in range(1, len(want) + 1)) == want
    assert node.status().last == len(want)
    assert not ready.entries or ready.entries[0].term == 4


@pytest.mark.parametrize(
    ("prev_index", "prev_term", "hint_index", "hint_term"), [(9, 4, 5, 3), (4, 2, 2, 1), (5, 4, 5, 3), (3, 1, 2, 1)]
)
def test_3_5_the_follower_can_include_the_term_of_the_conflicting_entry_so_one_rpc_is_needed_per_term(
    prev_index: int, prev_term: int, hint_index: int, hint_term: int
) -> None:
    node = member(Stored(HardState(4), entries=log(1, 1, 3, 3, 3)))
    node.step(Append("b", "a", 4, prev_index, prev_term, (), 0), 0.0)
    assert turn(node) == [AppendReply("a", "b", 4, prev_index, True, hint_index, hint_term, src_id=1)]


@pytest.mark.parametrize(
    ("last_index", "last_term", "granted"), [(1, 3, True), (3, 2, True), (4, 2, True), (2, 2, False), (9, 1, False)]
)
def test_3_6_1_the_voter_denies_its_vote_if_its_own_log_is_more_up_to_date_than_that_of_the_candidate(
    last_index: int, last_term: int, granted: bool
) -> None:
    node = member(Stored(HardState(3), entries=log(1, 1, 2)))
    node.step(PreVote("b", "a", 4, last_index, last_term), 0.0)
    node.step(Vote("b", "a", 4, last_index, last_term), 0.0)
    answers = sorted(turn(node), key=str)
    assert answers == [PreVoteReply("a", "b", 4 if granted else 3, granted, 1), VoteReply("a", "b", 4, granted, 1)]


def test_3_6_2_only_log_entries_from_the_leaders_current_term_are_committed_by_counting_replicas() -> None:
    node = member(Stored(HardState(2), entries=log(1, 2)))
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 3, 2, src_id=2), 10.0)
    assert node.status().commit == 0
    node.step(AppendReply("b", "a", 3, 3, src_id=2), 10.0)
    assert node.status().commit == 3


def test_3_6_2_a_leader_appends_a_no_op_entry_at_the_start_of_its_term() -> None:
    node = member(Stored(HardState(2), entries=log(1, 2)))
    lead(node)
    ready = node.ready()
    assert ready is not None
    assert list(ready.entries) == [Entry(3, 3, b"")]


def test_3_8_each_server_persists_its_current_term_and_vote_before_it_responds() -> None:
    node = member(members=("a",))
    node.tick(1.0)
    ready = node.ready()
    assert ready is not None
    assert ready.changed is not None
    assert ready.changed.role is Role.LEADER
    assert ready.hard == HardState(1, "a", 0, 1)
    assert ready.must_sync
    assert not ready.early
    assert not ready.committed
    node.durable(ready)
    after = node.ready()
    assert after is not None
    assert [entry.index for entry in after.committed] == [1]
    assert not after.must_sync


def test_3_10_the_leader_sends_timeout_now_once_the_target_has_its_whole_log_and_takes_no_requests_until_then() -> None:
    node = member()
    lead(node)
    turn(node)
    node.step(AppendReply("b", "a", 1, 1, src_id=2), 10.0)
    node.propose([b"one"], 10.0)
    node.transfer_leader("b", 10.0)
    with pytest.raises(NotLeaderError) as refused:
        node.propose([b"two"], 10.0)
    assert refused.value.leader == "b"
    assert not any(isinstance(message, TimeoutNow) for message in turn(node))
    node.step(AppendReply("b", "a", 1, 2, src_id=2), 10.0)
    assert TimeoutNow("a", "b", 1) in turn(node)
    node.step(AppendReply("c", "a", 1, 2, src_id=3), 10.9)
    node.tick(11.0)
    assert node.propose([b"two"], 11.0) == 3


def test_3_10_the_target_starts_a_new_election_at_once_and_the_lease_does_not_refuse_it() -> None:
    node = member(Stored(HardState(1), entries=log(1)))
    node.step(Append("b", "a", 1, 1, 1, (), 1), 0.0)
    turn(node)
    node.step(TimeoutNow("b", "a", 1), 0.0)
    votes = [message for message in turn(node) if isinstance(message, Vote)]
    assert votes == [Vote("a", "b", 2, 1, 1, True), Vote("a", "c", 2, 1, 1, True)]
    voter = member(Stored(HardState(1), entries=log(1)))
    voter.step(Append("b", "a", 1, 1, 1, (), 1), 0.0)
    voter.step(Vote("c", "a", 2, 1, 1, True), 0.1)
    assert VoteReply("a", "c", 2, True, src_id=1) in turn(voter)


def test_figure_3_2_election_safety_a_second_leader_in_a_term_stops_the_world() -> None:
    node = member()
    lead(node)
    with pytest.raises(InvariantViolation, match="both lead in term 1"):
        node.step(Append("b", "a", 1, 0, 0, (), 0), 10.0)


def test_figure_3_2_an_answer_for_more_than_the_leader_has_stops_the_world() -> None:
    node = member()
    lead(node)
    with pytest.raises(InvariantViolation, match="has 9"):
        node.step(AppendReply("b", "a", 1, 9, src_id=2), 10.0)


def test_figure_3_2_a_leader_that_contradicts_what_is_committed_stops_the_world() -> None:
    node = member(Stored(HardState(2, "", 2), entries=log(1, 1)))
    with pytest.raises(InvariantViolation, match="2 is committed"):
        node.step(Append("b", "a", 2, 1, 1, (Entry(2, 2, b"y"),), 0), 0.0)
