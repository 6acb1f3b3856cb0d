"""What a leader takes from an answer before it looks at what it says: a sign of life, a delay, or that a disk has lied.

Must not count what followers have (leading.py).
"""

from __future__ import annotations

from math import inf

from store.raft.messages import AppendReply, Refused
from store.raft.progress import Progress
from store.raft.quorum import agreed
from store.raft.state import State


def silence(state: State) -> float:
    """Seconds since a majority was heard last."""
    heard = {name: follower.heard for name, follower in state.followers.items()}
    heard[state.id] = state.now
    return state.now - agreed(state.configuration, heard, -inf)


def hear(state: State, follower: Progress) -> None:
    """One follower's silence says nothing: it may have been down. A majority's was a delay."""
    now = state.now
    if now - follower.heard > state.patience.notable:
        state.patience.saw(silence(state), now)
    follower.heard = now


def has_lost(state: State, follower: Progress, message: AppendReply) -> bool:
    """Does it reject what it had acknowledged before? Only a disk that loses what it had synced makes it do so, if the
    Append was sent after the acknowledgement had come: that is certain if it is of a later round. Else the answer may
    just be late. etcd panics then ("was the raft log corrupted, truncated, or lost?")."""
    if not message.rejected or message.index > follower.match:
        return False
    if message.round > follower.matched_in:
        follower.lose()
        return True
    if state.reads.round == follower.matched_in:
        state.reads.beat(state.now)  # so that the next heartbeat is of a later one
    return False


def accusation(state: State, follower: Progress) -> Refused:
    """For a follower that has lost it."""
    index = state.configurations.index
    return Refused(state.id, follower.id, state.term, index, follower.seat, follower.lost)
