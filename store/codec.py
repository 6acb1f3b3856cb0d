"""Between raft's types and msgpack-able bodies: its messages on the bus, and what it has the shell store.

Bodies are arrays by position, for speed. Must not know what any of it means. What comes off the bus is checked here,
field by field: StatusError BadRequest for the rest. (Operations and answers of the key space: store/commands.py.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from store.fields import Shape, bad
from store.raft.messages import (
    Append,
    AppendReply,
    Configuration,
    Entry,
    InstallSnapshot,
    Message,
    PreVote,
    PreVoteReply,
    Refused,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReply,
)

# ── raft messages ────────────────────────────────────────────────────────────────────────────────────────────


_ENTRY = Shape("an entry", term=int, kind=int, data=bytes)
_APPEND = Shape("raft.append", term=int, prev_index=int, prev_term=int, commit=int, round=int, entries=list)
_CONFIGURATION = Shape("a configuration", voters=list, learners=list, outgoing=list, ids=list)
_CHUNK = Shape(
    "raft.snapshot", term=int, index=int, snap_term=int, configuration=list, offset=int, data=bytes, done=bool
)


def _entries(first: int, rows: list[Any]) -> tuple[Entry, ...]:
    entries = []
    for at, row in enumerate(rows):
        _ENTRY.check(row, "raft.append", at)
        entries.append(Entry(row[0], first + at, row[2], row[1]))
    return tuple(entries)


def _rows(entries: Sequence[Entry]) -> list[tuple[int, int, bytes]]:
    return [(entry.term, entry.kind, entry.data) for entry in entries]


def configuration_body(configuration: Configuration) -> Any:
    return (configuration.voters, configuration.learners, configuration.outgoing, configuration.ids)


def configuration_of(body: Any) -> Configuration:
    _CONFIGURATION.check(body)
    *groups, ids = body
    if not all(type(name) is str for group in groups for name in group) or not all(type(id) is int for id in ids):
        raise bad("a configuration names members and their ids")
    voters, learners, outgoing = (tuple(group) for group in groups)
    return Configuration(voters, learners, outgoing, tuple(ids))


def _decode_append(src: str, dst: str, body: Any) -> Append:
    _APPEND.check(body)
    term, prev_index, prev_term, commit, round, rows = body
    return Append(src, dst, term, prev_index, prev_term, _entries(prev_index + 1, rows), commit, round)


def _decode_install(src: str, dst: str, body: Any) -> InstallSnapshot:
    _CHUNK.check(body)
    term, index, snap_term, configuration, offset, data, done = body
    meta = configuration_of(configuration)
    return InstallSnapshot(src, dst, term, index, snap_term, meta, offset, len(data), data, done)


def _plain(cls: Any, **types: type) -> Callable[[str, str, Any], Message]:
    shape = Shape(cls.__name__, **types)

    def decode(src: str, dst: str, body: Any) -> Message:
        shape.check(body)
        message: Message = cls(src, dst, *body)
        return message

    return decode


_Encode = Callable[[Any], Any]
_RAFT: tuple[tuple[type[Message], str, _Encode, Callable[[str, str, Any], Message]], ...] = (
    (
        Append,
        "raft.append",
        lambda m: (m.term, m.prev_index, m.prev_term, m.commit, m.round, _rows(m.entries)),
        _decode_append,
    ),
    (
        AppendReply,
        "raft.append-reply",
        lambda m: (m.term, m.index, m.rejected, m.hint_index, m.hint_term, m.round, m.src_id),
        _plain(AppendReply, term=int, index=int, rejected=bool, hint_index=int, hint_term=int, round=int, src_id=int),
    ),
    (
        PreVote,
        "raft.prevote",
        lambda m: (m.term, m.last_index, m.last_term),
        _plain(PreVote, term=int, last_index=int, last_term=int),
    ),
    (
        PreVoteReply,
        "raft.prevote-reply",
        lambda m: (m.term, m.granted, m.src_id),
        _plain(PreVoteReply, term=int, granted=bool, src_id=int),
    ),
    (
        Vote,
        "raft.vote",
        lambda m: (m.term, m.last_index, m.last_term, m.transfer),
        _plain(Vote, term=int, last_index=int, last_term=int, transfer=bool),
    ),
    (
        VoteReply,
        "raft.vote-reply",
        lambda m: (m.term, m.granted, m.src_id),
        _plain(VoteReply, term=int, granted=bool, src_id=int),
    ),
    (
        InstallSnapshot,
        "raft.snapshot",
        lambda m: (m.term, m.index, m.snap_term, configuration_body(m.configuration), m.offset, m.data, m.done),
        _decode_install,
    ),
    (
        SnapshotReply,
        "raft.snapshot-reply",
        lambda m: (m.term, m.index, m.offset, m.done, m.src_id),
        _plain(SnapshotReply, term=int, index=int, offset=int, done=bool, src_id=int),
    ),
    (TimeoutNow, "raft.timeout-now", lambda m: (m.term,), _plain(TimeoutNow, term=int)),
    (
        Refused,
        "raft.refused",
        lambda m: (m.term, m.index, m.seat, m.lost),
        _plain(Refused, term=int, index=int, seat=int, lost=int),
    ),
)
_ENCODERS = {cls: (kind, encode) for cls, kind, encode, _ in _RAFT}
_DECODERS = {kind: decode for _, kind, _, decode in _RAFT}

RAFT_KINDS = tuple(_DECODERS)
"""The bus kinds of all raft messages."""


def message_body(message: Message) -> tuple[str, Any]:
    """(kind on the bus, body)."""
    kind, encode = _ENCODERS[type(message)]
    return kind, encode(message)


def message_of(kind: str, src: str, dst: str, body: Any) -> Message:
    return _DECODERS[kind](src, dst, body)
