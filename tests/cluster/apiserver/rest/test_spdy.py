"""SPDY/3.1 as port-forward needs it, against a client that is written from the specification alone."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.apiserver.rest.spdy import DICTIONARY, Data, Opened, Reset, Session
from cluster.errors import StatusError


class Peer:
    """The client's side: frames as the draft draws them."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def open(self, stream: int, **headers: str) -> bytes:
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            for text in (name, value):
                block += struct.pack(">I", len(text)) + text.encode()
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return control(1, struct.pack(">IIH", stream, 0, 0) + packed)

    def replied(self, body: bytes) -> int:
        """The number of headers in a SYN_REPLY's body."""
        return int.from_bytes(self._inflate.decompress(body[4:])[:4], "big")


def control(type: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack(">HHI", 0x8003, type, flags << 24 | len(body)) + body


def data(stream: int, body: bytes, *, fin: bool = False) -> bytes:
    return struct.pack(">II", stream, int(fin) << 24 | len(body)) + body


def frames(raw: bytes) -> list[tuple[int, int, bytes]]:
    """(type or 0 for data, flags, body with the stream's id first)."""
    found = []
    while raw:
        word, rest = struct.unpack_from(">II", raw)
        size, flags = rest & 0xFFFFFF, rest >> 24
        body, raw = raw[8 : 8 + size], raw[8 + size :]
        found.append((word & 0xFFFF, flags, body) if word >> 31 else (0, flags, struct.pack(">I", word) + body))
    return found


def test_the_dictionary_is_the_drafts() -> None:
    """Its Adler-32 stands in every header block that a peer compresses."""
    assert len(DICTIONARY) == 1423
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_streams_open_carry_data_and_end_on_both_sides() -> None:
    session, peer = Session(), Peer()
    (opened,) = session.feed(peer.open(1, streamtype="data", port="80", requestid="0"))
    assert opened == Opened(1, {"streamtype": "data", "port": "80", "requestid": "0"}, False)
    session.reply(1)
    ((kind, _, body),) = frames(session.output())
    assert kind == 2
    assert peer.replied(body) == 0
    assert session.feed(data(1, b"GET /")) == [Data(1, b"GET /", False)]
    session.send(1, b"200", fin=True)
    assert frames(session.output()) == [(0, 1, b"\0\0\0\x01200")]
    assert session.lives(1)
    assert session.feed(data(1, b"", fin=True)) == [Data(1, b"", True)]
    assert not session.lives(1)
    session.send(1, b"late")
    assert session.output() == b""


def test_later_headers_are_read_with_what_was_read_before() -> None:
    session, peer = Session(), Peer()
    for number in range(20):
        (opened,) = session.feed(peer.open(2 * number + 1, streamtype="error", port="8080", requestid=str(number)))
        assert isinstance(opened, Opened)
        assert opened.headers["requestid"] == str(number)


def test_pings_are_answered_and_resets_told() -> None:
    session, peer = Session(), Peer()
    assert session.feed(control(6, struct.pack(">I", 7))) == []
    assert frames(session.output()) == [(6, 0, struct.pack(">I", 7))]
    session.feed(peer.open(3, streamtype="data"))
    assert session.feed(control(3, struct.pack(">II", 3, 5))) == [Reset(3)]
    assert session.feed(data(3, b"x")) == []
    assert frames(session.output()) == [(3, 0, struct.pack(">II", 3, 2))], "INVALID_STREAM"


def test_a_peer_that_counts_is_not_sent_more_than_it_allows() -> None:
    session, peer = Session(), Peer()
    session.feed(peer.open(1, streamtype="data"))
    assert session.room(1) == 64 * 1024
    session.send(1, bytes(60 * 1024))
    assert session.room(1) == 64 * 1024, "kubectl does not count"
    session.feed(control(9, struct.pack(">II", 1, 1000)))
    assert session.room(1) == 4 * 1024 + 1000
    session.feed(control(4, struct.pack(">III", 1, 7, 128 * 1024)))
    assert session.room(1) == 68 * 1024 + 1000


def test_credit_is_given_for_what_was_handed_on() -> None:
    session, peer = Session(), Peer()
    session.feed(peer.open(1, streamtype="data") + data(1, bytes(40_000)))
    session.output()
    session.took(1, 20_000)
    assert session.output() == b"", "small portions are saved up"
    session.took(1, 20_000)
    assert frames(session.output()) == [(9, 0, struct.pack(">II", 1, 40_000))]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_the_borders_of_what_comes_mean_nothing(cuts: list[int]) -> None:
    peer = Peer()
    raw = peer.open(1, streamtype="data", port="80") + data(1, b"hello") + data(1, b"", fin=True)
    session, events = Session(), []
    for cut in cuts:
        events += session.feed(raw[:cut])
        raw = raw[cut:]
    events += session.feed(raw)
    assert events == [
        Opened(1, {"streamtype": "data", "port": "80"}, False),
        Data(1, b"hello", False),
        Data(1, b"", True),
    ]


@given(st.binary(max_size=200))
def test_whatever_comes_is_understood_or_refused(raw: bytes) -> None:
    with suppress(StatusError):
        Session().feed(raw)


def test_headers_that_are_none_are_refused() -> None:
    with pytest.raises(StatusError, match="headers cannot be read"):
        Session().feed(control(1, struct.pack(">IIH", 1, 0, 0) + b"nonsense"))
    with pytest.raises(StatusError, match="none of SPDY/3"):
        Session().feed(struct.pack(">HHI", 0x8002, 1, 0))
