"""What raft members say to each other and what they keep: one dataclass per message and per stored thing.

Must not know how any of it becomes bytes (store/codec.py) or what a handler does with it (election, replication).

Terms follow Ongaro's thesis. Every message has `src`, `dst` (member names, which are bus addresses) and `term`; every
reply also `src_id`, the id of the disk that answers (store/raft/__init__.py says what it is for).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

NORMAL = 0
"""`Entry.kind` of a command; one with empty data is the no-op with which every leader begins its term (3.6.2)."""
CONFIGURATION = 1
"""`Entry.kind` of a new `Configuration`, encoded by confchange.encode."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in the log. `index` counts from 1; `data` is opaque to raft."""

    term: int
    index: int
    data: bytes
    kind: int = NORMAL


@dataclass(frozen=True, slots=True)
class HardState:
    """What must survive a crash besides the log. `commit` only saves work (never beyond what was
    durable before it was written); it need not be synced. `id`: this disk's, drawn when it was empty; 0: not yet."""

    term: int = 0
    vote: str = ""
    commit: int = 0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Configuration:
    """Who decides. `outgoing` is not empty only in joint consensus (4.3): then a majority of each set is needed.

    `ids`: the disk id of each of `everyone`, in that order; 0 for learners, which decide nothing. Empty as long as the
    cluster is being founded: then nobody's id is known yet.
    """

    voters: tuple[str, ...]
    learners: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()

    @property
    def everyone(self) -> tuple[str, ...]:
        """All who are sent the log, each once, in a fixed order."""
        return tuple(dict.fromkeys(self.voters + self.outgoing + self.learners))

    @property
    def founding(self) -> bool:
        return not self.ids

    def votes(self, member: str) -> bool:
        return member in self.voters or member in self.outgoing

    def seat(self, member: str) -> int:
        """The id of the disk that may vote under that name; 0: none, or not known yet."""
        return dict(zip(self.everyone, self.ids, strict=False)).get(member, 0)

    def seats(self, member: str, id: int) -> bool:
        """Does the member with that disk vote here?"""
        return self.votes(member) and (self.founding or self.seat(member) == id)


@dataclass(frozen=True, slots=True)
class SnapshotMeta:
    """Where a snapshot stands: it holds every entry up to `index`; `configuration` was in force there."""

    index: int = 0
    term: int = 0
    configuration: Configuration = Configuration(())


@dataclass(frozen=True, slots=True)
class PreVote:
    """Would you vote for me in `term` (one more than mine)? Changes nobody's term (9.6)."""

    src: str
    dst: str
    term: int
    last_index: int
    last_term: int


@dataclass(frozen=True, slots=True)
class PreVoteReply:
    """`term`: when granted the term that was asked about, else the voter's own."""

    src: str
    dst: str
    term: int
    granted: bool
    src_id: int = 0


@dataclass(frozen=True, slots=True)
class Vote:
    """RequestVote (3.4). `transfer`: the leader itself asked for this election, so its lease does not refuse it."""

    src: str
    dst: str
    term: int
    last_index: int
    last_term: int
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class VoteReply:
    src: str
    dst: str
    term: int
    granted: bool
    src_id: int = 0


@dataclass(slots=True)  # not frozen: half of all messages, built at half the cost
class Append:
    """AppendEntries (3.5); empty `entries` is the heartbeat. `round` numbers the leader's read rounds (6.4)."""

    src: str
    dst: str
    term: int
    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit: int
    round: int = 0


@dataclass(slots=True)  # not frozen: half of all messages, built at half the cost
class AppendReply:
    """`index`: when not rejected, the log is the leader's up to here (and durable); when rejected, the `prev_index`
    that did not match. The hints (3.5): the follower's log ends at, or has a term not above the leader's
    at, `hint_index`, whose term is `hint_term`."""

    src: str
    dst: str
    term: int
    index: int
    rejected: bool = False
    hint_index: int = 0
    hint_term: int = 0
    round: int = 0
    src_id: int = 0


@dataclass(slots=True)  # not frozen: the shell fills in `data`
class InstallSnapshot:
    """One chunk (5.1): `size` bytes that belong at `offset`; `done` marks the last one. The core never holds them: the
    leader's shell reads `data` from the snapshot's file when it sends."""

    src: str
    dst: str
    term: int
    index: int
    snap_term: int
    configuration: Configuration
    offset: int
    size: int
    data: bytes = b""
    done: bool = False

    @property
    def meta(self) -> SnapshotMeta:
        return SnapshotMeta(self.index, self.snap_term, self.configuration)


@dataclass(frozen=True, slots=True)
class SnapshotReply:
    """`index`: the snapshot meant. `done`: the follower has it (or more); else it has all bytes before `offset` and
    wants those from there on."""

    src: str
    dst: str
    term: int
    index: int
    offset: int
    done: bool = False
    src_id: int = 0


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """Leadership transfer (3.10): campaign at once."""

    src: str
    dst: str
    term: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The committed configuration at `index` has no place for `dst`: it was removed (`seat` 0), or another disk than
    the one it has now is a member under its name (`seat`: that disk's id). It holds whatever the terms are.

    `lost` not 0: it is that disk, but in this very term it had acknowledged all up to that index and has it no more."""

    src: str
    dst: str
    term: int
    index: int
    seat: int
    lost: int = 0


Message: TypeAlias = (
    PreVote
    | PreVoteReply
    | Vote
    | VoteReply
    | Append
    | AppendReply
    | InstallSnapshot
    | SnapshotReply
    | TimeoutNow
    | Refused
)

MESSAGES: tuple[type[Message], ...] = (
    PreVote,
    PreVoteReply,
    Vote,
    VoteReply,
    Append,
    AppendReply,
    InstallSnapshot,
    SnapshotReply,
    TimeoutNow,
    Refused,
)
"""Every message type, for codecs and tests."""
