"""What a member may say of a message that it does not take: certain only where it knows."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cluster.errors import StatusError
from store.leaderships import Leaderships
from store.raft.node import NotLeaderError, Role
from store.sessions import WINDOW


@dataclass
class Raft:
    """As much of a node as is looked at."""

    term: int = 7
    role: Role = Role.FOLLOWER
    leader: str = "store-1"


def member(raft: Raft, recovered: int = 7) -> Leaderships:
    return Leaderships("store-0", raft, recovered)  # type: ignore[arg-type]


def said(leaderships: Leaderships, named: int) -> tuple[str, bool]:
    with pytest.raises(StatusError) as caught:
        leaderships.check(named)
    return caught.value.reason, caught.value.definite


def lead(raft: Raft, leaderships: Leaderships, term: int) -> None:
    raft.term, raft.role, raft.leader = term, Role.LEADER, "store-0"
    leaderships.begins(term)


def test_a_follower_refuses_for_certain_what_it_cannot_have_taken() -> None:
    raft = Raft(term=9)
    leaderships = member(raft, recovered=7)
    assert said(leaderships, 0) == ("NotLeader", True), "that was never taken by anybody"
    assert said(leaderships, 9) == ("NotLeader", True), "it has not led since its start, which was in term 7"
    assert said(leaderships, 8) == ("NotLeader", True)


def test_terms_up_to_its_start_may_have_been_an_earlier_boots() -> None:
    leaderships = member(Raft(term=9), recovered=7)
    assert said(leaderships, 7) == ("Dropped", False)
    assert said(leaderships, 1) == ("Dropped", False)


def test_a_leader_takes_its_own_term_and_no_other() -> None:
    raft = Raft()
    leaderships = member(raft)
    assert leaderships.now() is None
    lead(raft, leaderships, 8)
    leaderships.check(8)
    assert leaderships.now() == leaderships.leads_in() == 8
    assert said(leaderships, 0) == ("NotLeader", True)
    assert said(leaderships, 9) == ("NotLeader", True)
    assert said(leaderships, 7) == ("Dropped", False)


def test_it_remembers_its_last_leadership_and_not_the_one_before() -> None:
    raft = Raft()
    leaderships = member(raft)
    lead(raft, leaderships, 8)
    raft.role, raft.term, raft.leader = Role.FOLLOWER, 9, ""
    assert said(leaderships, 8) == ("NotLeader", True), "it knows what it was asked since"
    lead(raft, leaderships, 12)
    assert said(leaderships, 8) == ("Dropped", False)
    assert said(leaderships, 10) == ("NotLeader", True), "somebody else's"


def test_copies_are_known_while_it_matters() -> None:
    raft = Raft()
    leaderships = member(raft)
    lead(raft, leaderships, 8)
    assert not leaderships.is_copy("client", 1, 5)
    assert leaderships.is_copy("client", 1, 5)
    assert not leaderships.is_copy("client", 2, 5), "another boot counts its messages anew"
    assert not leaderships.is_copy("other", 1, 5)
    raft.role, raft.term = Role.FOLLOWER, 9
    assert leaderships.is_copy("client", 1, 5), "also when it leads no more"
    lead(raft, leaderships, 10)
    assert not leaderships.is_copy("client", 1, 5), "what it names is an earlier term"


def test_what_is_older_than_the_memory_counts_as_a_copy() -> None:
    """It is let fall, which is never wrong; to take it could be."""
    leaderships = member(Raft())
    for id in range(1, 4 * WINDOW):
        assert not leaderships.is_copy("client", 1, id)
    assert all(leaderships.is_copy("client", 1, id) for id in range(1, 4 * WINDOW))
    assert not leaderships.is_copy("client", 1, 4 * WINDOW)


@pytest.mark.parametrize(
    ("leader", "details"),
    [("store-1", {"leader": "store-1", "term": 7}), ("", {}), ("store-0", {"leader": "store-0", "term": 7})],
)
def test_a_refusal_says_what_to_name(leader: str, details: dict[str, object]) -> None:
    assert member(Raft(leader=leader)).not_leader().details == details


def test_no_term_is_told_before_somebody_has_led_in_it() -> None:
    """The heir of a leadership leads in a term that begins later: a client that named it would be believed by whoever
    wins it."""
    raft = Raft(role=Role.LEADER, leader="store-0")
    assert member(raft).refusal(NotLeaderError("store-2")).details == {"leader": "store-2"}
    assert member(raft).refusal(NotLeaderError("store-0")).details == {"leader": "store-0", "term": 7}
