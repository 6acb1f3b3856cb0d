"""Every planted bug (bugs.py) is found: by the test of the rule that it breaks, and most also by dice alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.errors import InvariantViolation
from tests.store.raft import test_disks as disks
from tests.store.raft import test_lease as lease
from tests.store.raft import test_node as door
from tests.store.raft import test_paper as paper
from tests.store.raft import test_paper_later as later
from tests.store.raft import test_snapshots as snapshots
from tests.store.raft.bugs import BUGS
from tests.store.raft.test_fuzz import play

BROKEN = (AssertionError, InvariantViolation, pytest.fail.Exception)

RULES: dict[str, Callable[[], None]] = {
    "vote-twice": (
        paper.test_3_4_each_server_will_vote_for_at_most_one_candidate_in_a_given_term_on_a_first_come_first_served_basis
    ),
    "vote-before-sync": (
        paper.test_3_4_each_server_will_vote_for_at_most_one_candidate_in_a_given_term_on_a_first_come_first_served_basis
    ),
    "forget-term": paper.test_3_3_if_a_server_receives_a_request_with_a_stale_term_number_it_rejects_the_request,
    "forget-vote": (
        paper.test_3_4_each_server_will_vote_for_at_most_one_candidate_in_a_given_term_on_a_first_come_first_served_basis
    ),
    "old-log-elected": lambda: (
        paper.test_3_6_1_the_voter_denies_its_vote_if_its_own_log_is_more_up_to_date_than_that_of_the_candidate(
            2, 2, False
        )
    ),
    "append-of-older-term": (
        paper.test_3_3_if_a_server_receives_a_request_with_a_stale_term_number_it_rejects_the_request
    ),
    "no-log-match-check": lambda: (
        paper.test_3_5_the_follower_can_include_the_term_of_the_conflicting_entry_so_one_rpc_is_needed_per_term(
            4, 2, 2, 1
        )
    ),
    "cut-matching-entries": lambda: (
        paper.test_3_5_the_leader_handles_inconsistencies_by_forcing_the_followers_logs_to_duplicate_its_own(
            0, 0, (1, 2), (1, 2, 3)
        )
    ),
    "ack-before-sync": (
        later.test_3_8_a_follower_acknowledges_entries_when_they_are_durable_and_heartbeats_at_once_with_what_is
    ),
    "own-copy-before-sync": later.test_10_2_1_the_leader_replicates_in_parallel_with_writing_to_its_own_disk,
    "old-write-blesses-new-entries": (
        later.test_3_8_entries_that_were_overwritten_meanwhile_are_not_acknowledged_by_the_older_write
    ),
    "count-older-terms": (
        paper.test_3_6_2_only_log_entries_from_the_leaders_current_term_are_committed_by_counting_replicas
    ),
    "minority": later.test_4_2_1_a_new_server_joins_as_a_non_voting_member_that_is_not_counted_towards_majorities,
    "one-majority-of-two": later.test_4_3_joint_consensus_needs_majorities_of_both_the_old_and_new_configurations,
    "no-joint-configuration": (later.test_4_1_only_one_server_at_a_time_comes_or_goes_without_a_joint_configuration),
    "two-changes-at-once": later.test_4_1_a_leader_does_not_begin_a_change_before_the_last_one_is_committed,
    "change-before-own-commit": door.test_no_change_before_the_first_commit_of_the_term,
    "learner-votes": (
        later.test_4_2_1_a_new_server_joins_as_a_non_voting_member_that_is_not_counted_towards_majorities
    ),
    "snapshot-without-configuration": snapshots.test_5_1_a_snapshot_brings_the_configuration_of_its_place_in_the_log,
    "another-disk": disks.test_no_answer_of_another_disk_counts_and_it_is_told,
    "accused-by-late-answer": (
        disks.test_a_rejection_that_may_have_been_sent_before_the_acknowledgement_accuses_nobody
    ),
    "read-without-round": (
        later.test_6_4_the_leader_makes_sure_it_has_not_been_superseded_by_a_round_of_heartbeats_after_the_read
    ),
    "read-before-own-commit": (
        later.test_6_4_a_leader_waits_until_it_has_committed_an_entry_of_its_term_before_it_answers_reads
    ),
    "lease-without-clock-error": (
        lease.test_6_4_1_the_lease_is_shorter_than_the_election_timeout_by_the_bound_on_clock_drift
    ),
    "lease-without-promise": lease.test_4_2_3_a_voter_keeps_its_promise_even_if_it_has_seen_a_higher_term_since,
    "lease-after-restart": lease.test_6_4_1_a_restarted_voter_promises_an_election_timeout_from_its_start,
    "lease-kept-in-transfer": (lease.test_6_4_1_the_lease_is_given_up_before_timeout_now_leaves_and_does_not_come_back),
}
"""Bug: the test of the rule that it breaks."""

DICE = {
    "vote-twice": 13,
    "forget-term": 2,
    "old-log-elected": 2,
    "no-log-match-check": 3,
    "cut-matching-entries": 4,
    "ack-before-sync": 172,
    "minority": 1,
    "read-without-round": 44,
    "change-before-own-commit": 3,
    "another-disk": 3,
    "read-before-own-commit": 3,
    "accused-by-late-answer": 4,
    "no-joint-configuration": 3,
}
"""Bug: a seed of test_fuzz that finds it."""


@pytest.mark.parametrize("name", BUGS)
def test_the_test_of_its_rule_finds_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    RULES[name]()
    with monkeypatch.context() as patch:
        BUGS[name].install(patch)
        with pytest.raises(BROKEN):
            RULES[name]()


@pytest.mark.parametrize("name", DICE)
def test_dice_find_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[name].install(monkeypatch)
    with pytest.raises(BROKEN):
        play(DICE[name])


def test_every_bug_says_which_rule_it_breaks() -> None:
    assert len(BUGS) >= 20
    assert RULES.keys() == BUGS.keys()
    for name, bug in BUGS.items():
        assert bug.name == name
        assert bug.rule
        assert bug.section
