"""Elections: when to campaign, whom to vote for, which terms to believe (thesis 3.3, 3.4, 3.6.1, 4.2.3, 9.6).

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
    TimeoutNow,
    Vote,
    VoteReply,
)
from store.raft.quorum import Outcome, outcome
from store.raft.state import Role, State


def campaign(state: State, *, pre: bool, transfer: bool = False) -> None:
    """Ask for votes; `pre` only asks how it would go, and changes no term. Only the electable get here."""
    state.leader = ""
    state.votes = {state.id: True}
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
            state.outbox.append(PreVote(state.id, peer, state.term + 1, log.last, log.last_term))
        else:
            state.outbox.append(Vote(state.id, peer, state.term, log.last, log.last_term, transfer))
    _count(state)


def tick(state: State) -> None:
    """Whoever does not lead: the time to hear a leader is over."""
    if state.now >= state.election_at and state.electable:
        campaign(state, pre=state.config.pre_vote)


def admit(state: State, message: Message) -> bool:
    """Compare terms (3.3): False when the message is of an earlier term, or its election is not to be heard."""
    if isinstance(message, PreVote | Vote) and state.leased and message.term > state.term:
        if isinstance(message, PreVote) or not message.transfer:
            return False
    if message.term > state.term:
        if isinstance(message, PreVote) or (isinstance(message, PreVoteReply) and message.granted):
            return True
        led_by_sender = isinstance(message, Append | InstallSnapshot)
        state.follow(message.term, message.src if led_by_sender else "")
    elif message.term < state.term:
        _correct(state, message)
        return False
    return True


def _correct(state: State, message: Message) -> None:
    """Tell a peer of an earlier term which one it is, so that it catches up; answers need no answer."""
    match message:
        case Append() | InstallSnapshot():
            state.outbox.append(AppendReply(state.id, message.src, state.term, 0, rejected=True))
        case PreVote():
            state.outbox.append(PreVoteReply(state.id, message.src, state.term, False))
        case Vote():
            state.outbox.append(VoteReply(state.id, message.src, state.term, False))
        case _:
            pass


def on_prevote(state: State, message: PreVote) -> None:
    granted = message.term > state.term and state.log.up_to_date(message.last_index, message.last_term)
    term = message.term if granted else state.term
    state.outbox.append(PreVoteReply(state.id, message.src, term, granted))


def on_prevote_reply(state: State, message: PreVoteReply) -> None:
    if state.role is not Role.PRE_CANDIDATE or message.term != state.term + message.granted:
        return
    state.votes.setdefault(message.src, message.granted)
    _count(state)


def on_vote(state: State, message: Vote) -> None:
    """One vote a term, first come, first served (3.4), and none for a log that lacks what ours has (3.6.1)."""
    free = state.vote == message.src or (not state.vote and not state.leader)
    granted = free and state.log.up_to_date(message.last_index, message.last_term)
    if granted:
        state.vote = message.src
        state.wait_for_election()
    state.outbox.append(VoteReply(state.id, message.src, state.term, granted))


def on_vote_reply(state: State, message: VoteReply) -> None:
    if state.role is not Role.CANDIDATE:
        return
    state.votes.setdefault(message.src, message.granted)
    _count(state)


def on_timeout_now(state: State, message: TimeoutNow) -> None:
    """The leader hands over (3.10): no pre-vote, which the leader's own lease would refuse."""
    if state.role is Role.FOLLOWER and state.electable:
        campaign(state, pre=False, transfer=True)


def _count(state: State) -> None:
    result = outcome(state.configuration, state.votes)
    if result is Outcome.WON and state.role is Role.PRE_CANDIDATE:
        campaign(state, pre=False)
    elif result is Outcome.WON:
        leading.start(state)
    elif result is Outcome.LOST:
        # The next try is at the timer that the campaign has drawn; being a follower lets others win meanwhile.
        state.follow(state.term, "")
