"""Planted bugs: each takes one safety rule out of the raft core, by putting another function in the place of the one
that holds it. For tests that show that the checks find them; nothing in the product knows of this.

Must not contain correct code. `Bug.install` is given pytest's MonkeyPatch or anything with its `setattr(target, name,
value)`; install before the members are made, undo after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Protocol

from store.raft import confchange, election, following, leading, node, quorum
from store.raft.confchange import Configurations
from store.raft.log import Log
from store.raft.messages import (
    Append,
    AppendReply,
    Configuration,
    Entry,
    Message,
    VoteReply,
)
from store.raft.node import Stored
from store.raft.progress import Progress
from store.raft.state import Role, State


class Patch(Protocol):
    def setattr(self, target: Any, name: str, value: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Bug:
    """`rule`: what holds without it; `section`: of the thesis, or who else asks for it."""

    name: str
    rule: str
    section: str
    install: Callable[[Patch], None]


BUGS: dict[str, Bug] = {}
"""All of them, by name."""


def planted(name: str, rule: str, section: str) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    def register(install: Callable[[Patch], None]) -> Callable[[Patch], None]:
        BUGS[name] = Bug(name, rule, section, install)
        return install

    return register


# ── votes and terms ──────────────────────────────────────────────────────────────────────────────────────────


@planted("vote-twice", "a server votes for at most one candidate in a term", "3.4")
def vote_twice(patch: Patch) -> None:
    patch.setattr(election, "is_free", lambda state, candidate: True)


@planted("vote-before-sync", "a vote is durable before it is told", "3.8")
def vote_before_sync(patch: Patch) -> None:
    right = node.split

    def split(state: State) -> tuple[Sequence[Message], Sequence[Message]]:
        early, messages = right(state)
        votes = [message for message in messages if isinstance(message, VoteReply)]
        return [*early, *votes], [message for message in messages if not isinstance(message, VoteReply)]

    patch.setattr(node, "split", split)


@planted("forget-term", "the current term survives a restart", "3.8")
def forget_term(patch: Patch) -> None:
    patch.setattr(node, "recall", lambda stored: replace(stored.hard, term=0, vote=""))


@planted("forget-vote", "the vote survives a restart", "3.8")
def forget_vote(patch: Patch) -> None:
    patch.setattr(node, "recall", lambda stored: replace(stored.hard, vote=""))


@planted("old-log-elected", "no vote for a log that is less up-to-date than the voter's", "3.6.1")
def old_log_elected(patch: Patch) -> None:
    patch.setattr(Log, "up_to_date", lambda log, last_index, last_term: True)


@planted("append-of-older-term", "a request of an earlier term is rejected", "3.3")
def append_of_older_term(patch: Patch) -> None:
    right = election.admit

    def admit(state: State, message: Message) -> bool:
        if isinstance(message, Append) and message.term < state.term and state.role is not Role.LEADER:
            return True
        return right(state, message)

    patch.setattr(election, "admit", admit)


# ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────


@planted("no-log-match-check", "entries are appended only where the log before them matches", "3.5")
def no_log_match_check(patch: Patch) -> None:
    patch.setattr(Log, "matches", lambda log, prev_index, prev_term: prev_index <= log.last)


@planted("cut-matching-entries", "an entry that is here already is never cut off", "3.5")
def cut_matching_entries(patch: Patch) -> None:
    """What is committed is spared, as an implementation that truncates without looking would still assert."""

    def match(log: Log, prev_index: int, prev_term: int, entries: Sequence[Entry]) -> Sequence[Entry] | None:
        if not log.matches(prev_index, prev_term):
            return None
        new = [entry for entry in entries if entry.index > log.commit]
        if new or prev_index >= log.commit:
            low = new[0].index if new else prev_index + 1
            if low <= log.last:
                log._cut(low)
            log.entries.extend(new)
            log.last += len(new)
        return new

    patch.setattr(Log, "match", match)


@planted("ack-before-sync", "entries are durable before they are acknowledged", "3.8")
def ack_before_sync(patch: Patch) -> None:
    def promise(state: State, reply: AppendReply) -> None:
        state.early.append(reply)

    patch.setattr(following, "promise", promise)


@planted("own-copy-before-sync", "the leader's own copy counts only when it is durable", "10.2.1")
def own_copy_before_sync(patch: Patch) -> None:
    patch.setattr(leading, "own_match", lambda state: state.log.last)


@planted("old-write-blesses-new-entries", "a write says nothing about entries that were overwritten meanwhile", "3.8")
def old_write_blesses_new_entries(patch: Patch) -> None:
    def settled(log: Log, number: int) -> None:
        writes = log._writes
        while writes and writes[0][0] <= number:
            writes.popleft()
            log.stable = log.handed

    patch.setattr(Log, "settled", settled)


# ── commitment and configurations ────────────────────────────────────────────────────────────────────────────


@planted("count-older-terms", "only entries of its own term are committed by counting replicas", "3.6.2")
def count_older_terms(patch: Patch) -> None:
    patch.setattr(leading, "may_count", lambda state, index: True)


@planted("minority", "it takes more than half", "3.4")
def minority(patch: Patch) -> None:
    patch.setattr(quorum, "majority", lambda size: max(1, size // 2))


@planted("one-majority-of-two", "joint consensus takes a majority of the old and one of the new", "4.3")
def one_majority_of_two(patch: Patch) -> None:
    patch.setattr(quorum, "deciding", lambda configuration: [configuration.voters])


@planted("no-joint-configuration", "several servers change only through a joint configuration", "4.1")
def no_joint_configuration(patch: Patch) -> None:
    patch.setattr(confchange, "overlapping", lambda current, target: True)


@planted("two-changes-at-once", "a change begins when the last one is committed", "4.1")
def two_changes_at_once(patch: Patch) -> None:
    patch.setattr(leading, "change_under_way", lambda state: False)


@planted(
    "change-before-own-commit", "no change before an entry of the leader's own term is committed", "raft-dev, 2015"
)
def change_before_own_commit(patch: Patch) -> None:
    """The configuration of the last leader may be uncommitted and about to vanish."""
    patch.setattr(leading, "check_change", lambda state, target: None)


@planted("learner-votes", "a learner is not counted towards majorities", "4.2.1")
def learner_votes(patch: Patch) -> None:
    """Acknowledgements of learners fill in for voters that have not answered."""
    right = quorum.agreed

    def agreed(configuration: Configuration, values: dict[str, Any], nothing: Any) -> Any:
        ranked = sorted([values.get(name, nothing) for name in configuration.everyone], reverse=True)
        return max(right(configuration, values, nothing), ranked[quorum.majority(len(configuration.voters)) - 1])

    patch.setattr(leading, "agreed", agreed)


@planted("snapshot-without-configuration", "a snapshot holds the configuration of its place in the log", "5.1")
def snapshot_without_configuration(patch: Patch) -> None:
    def restore(configurations: Configurations, index: int, configuration: Configuration) -> None:
        configurations._history = [(index, configurations.current)]

    patch.setattr(Configurations, "restore", restore)


@planted("another-disk", "what comes under a member's name from another disk counts for nothing", "store/raft, 2")
def another_disk(patch: Patch) -> None:
    def recognise(state: State, follower: Progress, id: int) -> Progress:
        return follower

    patch.setattr(leading, "recognise", recognise)
    patch.setattr(election, "counts", lambda state, name, id: state.configuration.votes(name))
    patch.setattr(Configuration, "seats", lambda configuration, name, id: configuration.votes(name))


@planted("accused-by-late-answer", "only an Append sent after an acknowledgement proves it a lie", "store/raft")
def accused_by_late_answer(patch: Patch) -> None:
    def has_lost(state: State, follower: Progress, message: AppendReply) -> bool:
        if message.rejected and 0 < message.index <= follower.match:
            follower.lose()
        return bool(follower.lost)

    patch.setattr(leading, "has_lost", has_lost)


# ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("read-without-round", "a read is confirmed by a majority after it was asked", "6.4")
def read_without_round(patch: Patch) -> None:
    patch.setattr(leading, "confirmed_round", lambda state: state.reads.round)


@planted("read-before-own-commit", "a new leader serves no read before it has committed an entry of its term", "6.4")
def read_before_own_commit(patch: Patch) -> None:
    patch.setattr(leading, "knows_commit", lambda state: True)


@planted("lease-without-clock-error", "a lease is shorter than the voters' promise by the clock error", "6.4.1")
def lease_without_clock_error(patch: Patch) -> None:
    def lease_until(state: State) -> float:
        return state.reads.confirmed_at + state.config.election_seconds

    patch.setattr(leading, "lease_until", lease_until)


@planted("lease-without-promise", "who has answered a leader elects no other for an election timeout", "4.2.3")
def lease_without_promise(patch: Patch) -> None:
    patch.setattr(election, "promised", lambda state, message: False)


@planted("lease-after-restart", "a restarted voter keeps the promise that it has forgotten", "6.4.1")
def lease_after_restart(patch: Patch) -> None:
    right = node.Node.__init__

    def init(self: node.Node, config: Any, stored: Stored, rng: Any, now: float) -> None:
        right(self, config, stored, rng, now)
        self._state.heard = -inf

    patch.setattr(node.Node, "__init__", init)


@planted("lease-kept-in-transfer", "a leader that hands over has no lease any more", "6.4.1")
def lease_kept_in_transfer(patch: Patch) -> None:
    right = leading.send_timeout_now

    def send_timeout_now(state: State, to: str) -> None:
        right(state, to)
        state.lease_given_up = False

    patch.setattr(leading, "send_timeout_now", send_timeout_now)
