"""Bodies off the bus: what was sent comes back; anything else is BadRequest and nothing worse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import StatusError
from cluster.wire import pack, unpack
from store import codec, commands
from store.raft.messages import (
    MESSAGES,
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

EXAMPLES: list[Message] = [
    Append("a", "b", 3, 7, 2, (Entry(2, 8, b"x"), Entry(3, 9, b"", 1)), 7, 5),
    Append("a", "b", 3, 7, 2, (), 7),
    AppendReply("a", "b", 3, 9, True, 4, 2, 6, 77),
    PreVote("a", "b", 3, 9, 2),
    PreVoteReply("a", "b", 3, True),
    Vote("a", "b", 3, 9, 2, True),
    VoteReply("a", "b", 3, False),
    InstallSnapshot("a", "b", 3, 9, 2, Configuration(("a", "b"), ("c",), ("a",), (7, 8, 0)), 100, 4, b"data", True),
    SnapshotReply("a", "b", 3, 9, 100, True),
    TimeoutNow("a", "b", 3),
    Refused("a", "b", 3, 9, 77),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_raft_messages_survive_the_wire(message: Message) -> None:
    kind, body = codec.message_body(message)
    assert codec.message_of(kind, message.src, message.dst, unpack(pack(body))) == message


def test_every_message_has_a_kind_and_an_example() -> None:
    assert {type(message) for message in EXAMPLES} == set(MESSAGES)
    assert len(set(codec.RAFT_KINDS)) == len(MESSAGES)
    assert all(kind.startswith("raft.") for kind in codec.RAFT_KINDS)


BODIES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.binary(max_size=3), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=7), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_leaves=12,
)


def message_from_b(kind: str, body: Any) -> Message:
    return codec.message_of(kind, "b", "a", body)


@settings(max_examples=300)
@given(BODIES)
def test_any_body_is_taken_or_refused(body: Any) -> None:
    readers: list[Callable[[Any], Any]] = [
        commands.check_range,
        commands.check_txn,
        commands.watch_of,
        commands.check_compact,
        commands.revision_of,
    ]
    readers += [partial(message_from_b, kind) for kind in codec.RAFT_KINDS]
    for read in readers:
        try:
            read(body)
        except StatusError as error:
            if error.reason != "BadRequest":
                raise


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_one_wrong_field_is_refused(message: Message) -> None:
    kind, body = codec.message_body(message)
    fields = unpack(pack(body))
    for at in range(len(fields)):
        for wrong in (None, -1, 1.5, {"a": 1}):
            with pytest.raises(StatusError, match="malformed"):
                codec.message_of(kind, "a", "b", [*fields[:at], wrong, *fields[at + 1 :]])
