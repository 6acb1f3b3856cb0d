"""Elections: when to campaign, whom to vote for, which terms to believe, and who is told that it has no place here
(thesis 3.3, 3.4, 3.6.1, 4.2.3, 9.6).

Must not touch the log but to ask how up-to-date it is.
"""

from __future__ import annotations

from store.raft import leading
from store.raft.messages import (
    Append,
    AppendReply,
    InstallSnapshot,
    Message,
    PreVote,
    PreVoteReply,
    Refused,
    TimeoutNow,
    Vote,
    VoteReply,
)
from store.raft.quorum import Outcome, outcome, unanimous
from store.raft.state import Role, State


def campaign(state: State, *, pre: bool, transfer: bool = False) -> None:
    """Ask for votes; `pre` only asks how it would go, and changes no term. Only the electable get here."""
    state.leader = ""
    state.votes = {state.id: True}
    state.voter_ids = {state.id: state.disk_id}
    if pre:
        state.role = Role.PRE_CANDIDATE
    else:
        state.role = Role.CANDIDATE
        state.term += 1
        state.vote = state.id
    state.wait_for_election()
    log = state.log
    for peer in state.peers():
        if pre:
            state.early.append(PreVote(state.id, peer, state.term + 1, log.last, log.last_term))
        else:
            state.outbox.append(Vote(state.id, peer, state.term, log.last, log.last_term, transfer))
    _count(state)


def tick(state: State, held_up: bool = False) -> None:
    """Whoever does not lead: the time to hear a leader is over. Who stood still himself gives him two heartbeats more:
    the whole machine may have."""
    if state.now < state.election_at or not state.electable:
        return
    if state.role is Role.FOLLOWER and state.forbear(held_up):
        state.election_at = state.now + 2 * state.config.heartbeat_seconds
    else:
        campaign(state, pre=state.config.pre_vote)


def admit(state: State, message: Message) -> bool:
    """Compare terms (3.3), when they differ: False when the message is of an earlier term, or its election is not to
    be heard."""
    if isinstance(message, Refused):
        return True
    if is_stale(state, message):
        _correct(state, message)
        return False
    if isinstance(message, PreVote | Vote) and promised(state, message):
        _tell_stranger(state, message)
        return False
    if isinstance(message, PreVote) or (isinstance(message, PreVoteReply) and message.granted):
        return True
    led_by_sender = isinstance(message, Append | InstallSnapshot)
    state.follow(message.term, message.src if led_by_sender else "")
    return True


def is_stale(state: State, message: Message) -> bool:
    """Of an earlier term: whoever sent it leads no more, or has missed that (3.3)."""
    return message.term < state.term


def promised(state: State, message: PreVote | Vote) -> bool:
    """Is that election refused because a leader may count on us (4.2.3)? Not if the leader itself asked for it."""
    return state.leased and (isinstance(message, PreVote) or not message.transfer)


def _correct(state: State, message: Message) -> None:
    """Tell a peer of an earlier term which one it is, so that it catches up; answers need no answer."""
    match message:
        case Append() | InstallSnapshot():
            state.hear_deposed(message.term)
            state.outbox.append(AppendReply(state.id, message.src, state.term, 0, True, src_id=state.disk_id))
        case PreVote():
            state.outbox.append(PreVoteReply(state.id, message.src, state.term, False, state.disk_id))
        case Vote():
            state.outbox.append(VoteReply(state.id, message.src, state.term, False, state.disk_id))
        case _:
            pass


def _tell_stranger(state: State, message: PreVote | Vote) -> None:
    """Who campaigns though it is no member may not know that it was removed. Only a leader can say so."""
    if state.role is Role.LEADER and message.src not in state.configuration.everyone:
        leading.refuse(state, message.src)


def on_prevote(state: State, message: PreVote) -> None:
    granted = message.term > state.term and state.log.up_to_date(message.last_index, message.last_term)
    term = message.term if granted else state.term
    state.early.append(PreVoteReply(state.id, message.src, term, granted, state.disk_id))


def on_prevote_reply(state: State, message: PreVoteReply) -> None:
    if state.role is Role.PRE_CANDIDATE and message.term == state.term + message.granted:
        _take_vote(state, message)


def on_vote(state: State, message: Vote) -> None:
    """One vote a term, first come, first served (3.4), and none for a log that lacks what ours has (3.6.1)."""
    granted = is_free(state, message.src) and state.log.up_to_date(message.last_index, message.last_term)
    if granted:
        state.vote = message.src
        state.wait_for_election()
    state.outbox.append(VoteReply(state.id, message.src, state.term, granted, state.disk_id))


def is_free(state: State, candidate: str) -> bool:
    """Is our vote of this term still to be had, or had by that candidate already?"""
    return state.vote == candidate or (not state.vote and not state.leader)


def on_vote_reply(state: State, message: VoteReply) -> None:
    if state.role is Role.CANDIDATE:
        _take_vote(state, message)


def _take_vote(state: State, message: PreVoteReply | VoteReply) -> None:
    """Another disk under a member's name is not that member."""
    if message.src not in state.votes and counts(state, message.src, message.src_id):
        state.votes[message.src] = message.granted
        state.voter_ids[message.src] = message.src_id
        _count(state)


def counts(state: State, name: str, id: int) -> bool:
    return state.configuration.seats(name, id)


def on_timeout_now(state: State, message: TimeoutNow) -> None:
    """The leader hands over (3.10): no pre-vote, which the leader's own lease would refuse."""
    if state.role is Role.FOLLOWER and state.electable:
        campaign(state, pre=False, transfer=True)


def on_refused(state: State, message: Refused) -> None:
    """We have no place in the configuration that is committed at that index: stop campaigning, unless our own log
    knows of a later one. What was committed stays true, so the terms do not matter. What we have lost was of this
    term."""
    if message.lost:
        if message.term == state.term and message.seat == state.disk_id:
            state.refused = message
        return
    if state.role is Role.LEADER or message.index <= state.refused_at:
        return
    if state.seated and state.configurations.index >= message.index:
        return
    state.refused_at, state.refused = message.index, message
    state.follow(state.term, state.leader)


def _count(state: State) -> None:
    """A majority elects (3.4); while the cluster is being founded only all together do (store/raft/__init__.py)."""
    configuration = state.configuration
    result = (unanimous if configuration.founding else outcome)(configuration, state.votes)
    if result is Outcome.WON and state.role is Role.PRE_CANDIDATE:
        campaign(state, pre=False)
    elif result is Outcome.WON:
        leading.start(state)
    elif result is Outcome.LOST:
        # The next try is at the timer that the campaign has drawn; being a follower lets others win meanwhile.
        state.follow(state.term, "")
