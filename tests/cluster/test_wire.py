"""A frame is an envelope or a WireError, whatever the bytes are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire import MAX_DEPTH, VERSION, WireError, decode, encode, pack, unpack

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_packed_comes_back(value: Any) -> None:
    assert unpack(pack(value)) == value


@given(VALUES)
def test_an_envelope_comes_back(body: Any) -> None:
    envelope = decode(encode("a.b", "x", "y", 1, 2, 3, 0.5, 4, body))
    assert (envelope.kind, envelope.src, envelope.dst, envelope.boot) == ("a.b", "x", "y", 1)
    assert (envelope.id, envelope.corr, envelope.timeout, envelope.lamport) == (2, 3, 0.5, 4)
    assert envelope.body == body


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_decoded(data: bytes) -> None:
    try:
        decode(data)
    except WireError:
        return


@given(st.integers(0, 60), st.integers(0, 255))
def test_a_damaged_frame_is_refused_or_decoded(at: int, byte: int) -> None:
    frame = bytearray(encode("raft.append", "store-0", "store-1", 1, 2, 0, 0.0, 4, {"entries": [b"x" * 30]}))
    frame[at % len(frame)] = byte
    try:
        decode(bytes(frame))
    except WireError:
        return


@given(st.integers(0, 59))
def test_a_truncated_frame_is_refused(size: int) -> None:
    frame = encode("raft.append", "store-0", "store-1", 1, 2, 0, 0.0, 4, {"entries": [b"x" * 30]})
    with pytest.raises(WireError):
        decode(frame[: min(size, len(frame) - 1)])


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_limited() -> None:
    decode(encode("k", "a", "b", 1, 1, 0, 0.0, 1, nested(MAX_DEPTH)))
    with pytest.raises(WireError, match="nests deeper"):
        decode(encode("k", "a", "b", 1, 1, 0, 0.0, 1, nested(MAX_DEPTH + 1)))


@pytest.mark.parametrize(
    "fields",
    [
        (VERSION + 1, "k", "a", "b", 1, 1, 0, 0.0, 1, {}),
        (VERSION, "k", "a", "b", 1, 1, 0, 0.0, 1),
        (VERSION, "", "a", "b", 1, 1, 0, 0.0, 1, {}),
        (VERSION, "k", 7, "b", 1, 1, 0, 0.0, 1, {}),
        (VERSION, "k", "a", "b" * 300, 1, 1, 0, 0.0, 1, {}),
        (VERSION, "k", "a", "b", -1, 1, 0, 0.0, 1, {}),
        (VERSION, "k", "a", "b", True, 1, 0, 0.0, 1, {}),
        (VERSION, "k", "a", "b", 1, 1, 0, float("inf"), 1, {}),
        (VERSION, "k", "a", "b", 1, 1, 0, "soon", 1, {}),
    ],
)
def test_wrong_fields_are_refused(fields: tuple[Any, ...]) -> None:
    with pytest.raises(WireError):
        decode(pack(fields))
