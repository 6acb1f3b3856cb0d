"""The HTTP/2 connection against a server made of bytes: framing, windows, and what ends streams."""

from __future__ import annotations

import pytest
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from store.engines.etcd.http2 import (
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW,
    WINDOW_UPDATE,
    Connection,
    Data,
    Event,
    GoAway,
    Headers,
    Pong,
    ProtocolError,
    Reset,
    header_block,
)

Frame = tuple[int, int, int, bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def frames(data: bytes) -> list[Frame]:
    found = []
    while data:
        size = int.from_bytes(data[:3], "big")
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + size]))
        data = data[9 + size :]
    return found


def setting(key: int, value: int) -> bytes:
    return key.to_bytes(2, "big") + value.to_bytes(4, "big")


def begun() -> Connection:
    """Past the preface and both sides' settings."""
    connection = Connection()
    connection.receive(frame(SETTINGS, 0, 0))
    connection.outgoing()
    return connection


def answer(stream: int, ended: bool = False) -> bytes:
    block = Encoder().encode([(b":status", b"200"), (b"grpc-status", b"0")])
    return frame(HEADERS, 0x4 | ended, stream, block)


def test_it_begins_as_a_client_must() -> None:
    first = Connection().outgoing()
    assert first.startswith(PREFACE)
    kinds = [kind for kind, _, _, _ in frames(first[len(PREFACE) :])]
    assert kinds == [SETTINGS, WINDOW_UPDATE]


def test_a_request_and_its_answer() -> None:
    connection = begun()
    number = connection.open(header_block([(b":method", b"POST"), (b"x", b"y" * 200)]))
    connection.send(number, b"hello", end=True)
    assert connection.sent(number)
    (headers, data) = frames(connection.outgoing())
    assert headers[:3] == (HEADERS, 0x4, 1)
    assert headers[3] == b"\0\x07:method\x04POST" + b"\0\x01x\x7f\x49" + b"y" * 200
    assert data == (DATA, 0x1, 1, b"hello")
    assert connection.receive(answer(1) + frame(DATA, 0, 1, b"ok") + answer(1, True)) == [
        Headers(1, ((b":status", b"200"), (b"grpc-status", b"0")), False),
        Data(1, b"ok", False, 2),
        Headers(1, ((b":status", b"200"), (b"grpc-status", b"0")), True),
    ]
    assert connection.receive(frame(DATA, 0, 1, b"late")) == [], "the stream is over"


@given(st.lists(st.integers(1, 60), max_size=12), st.booleans())
def test_bytes_may_come_in_any_pieces(cuts: list[int], padded: bool) -> None:
    """Headers in two frames, data with padding and priorities."""
    block = Encoder().encode([(b":status", b"200"), (b"a-long-name", b"value " * 9)])
    body = frame(DATA, 0x8, 1, b"\x03data\0\0\0") if padded else frame(DATA, 0, 1, b"data")
    stream = frame(HEADERS, 0x20, 1, b"\0\0\0\0\x10" + block[:7]) + frame(9, 0x4, 1, block[7:]) + body
    stream += frame(PING, 0x1, 0, b"12345678") + frame(0x99, 0, 0, b"unknown kinds are skipped")

    def play(pieces: list[bytes]) -> list[Event]:
        connection = begun()
        connection.open(b"")
        return [event for piece in pieces for event in connection.receive(piece)]

    pieces, rest = [], stream
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    whole = play([stream])
    assert play([*pieces, rest]) == whole
    assert [type(event) for event in whole] == [Headers, Data, Pong]


def test_the_servers_windows_are_kept() -> None:
    connection = begun()
    number = connection.open(b"")
    body = bytes(range(256)) * 1000
    connection.send(number, body, end=True)
    assert not connection.sent(number)
    got = b"".join(payload for kind, _, _, payload in frames(connection.outgoing()) if kind == DATA)
    assert len(got) == 65535
    connection.receive(frame(WINDOW_UPDATE, 0, number, (100_000).to_bytes(4, "big")))
    assert connection.outgoing() == b"", "the connection's own window is still closed"
    connection.receive(frame(WINDOW_UPDATE, 0, 0, (1 << 20).to_bytes(4, "big")))
    more = [f for f in frames(connection.outgoing()) if f[0] == DATA]
    assert all(len(payload) <= 16384 for _, _, _, payload in more)
    got += b"".join(payload for _, _, _, payload in more)
    assert len(got) == 165535
    connection.receive(frame(SETTINGS, 0, 0, setting(4, 1 << 20) + setting(5, 1 << 17)))
    rest = [f for f in frames(connection.outgoing()) if f[0] == DATA]
    got += b"".join(payload for _, _, _, payload in rest)
    assert got == body
    assert rest[-1][1] == 0x1
    assert connection.sent(number)


def test_credit_goes_back_as_data_is_consumed() -> None:
    connection = begun()
    number = connection.open(b"")
    connection.outgoing()
    part = b"x" * 16384
    for _ in range(WINDOW // 16384 - 1):
        (event,) = connection.receive(frame(DATA, 0, number, part))
        assert isinstance(event, Data)
    assert connection.outgoing() == b"", "nobody has read any of it"
    connection.consumed(number, WINDOW // 4)
    assert frames(connection.outgoing()) == [(WINDOW_UPDATE, 0, number, (WINDOW // 4).to_bytes(4, "big"))]
    connection.receive(frame(DATA, 0, number, part))
    assert frames(connection.outgoing()) == [(WINDOW_UPDATE, 0, 0, WINDOW.to_bytes(4, "big"))]


def test_how_streams_end() -> None:
    connection = begun()
    first, second, third = (connection.open(b"") for _ in range(3))
    connection.outgoing()
    assert connection.receive(frame(RST_STREAM, 0, first, b"\0\0\0\x07")) == [Reset(first, 7)]
    assert connection.receive(frame(GOAWAY, 0, 0, second.to_bytes(4, "big") + b"\0\0\0\0bye")) == [
        GoAway(second, 0, "bye")
    ]
    assert connection.going_away
    connection.reset(third)
    assert frames(connection.outgoing()) == [(RST_STREAM, 0, third, b"\0\0\0\x08")]
    connection.reset(third)
    assert connection.outgoing() == b""


def test_pings_are_answered_and_settings_acknowledged() -> None:
    connection = begun()
    connection.receive(frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0))
    assert frames(connection.outgoing()) == [(PING, 0x1, 0, b"12345678"), (SETTINGS, 0x1, 0, b"")]


@pytest.mark.parametrize(
    "bad",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        frame(PUSH_PROMISE, 0, 1, b"\0\0\0\x02"),
        frame(HEADERS, 0, 1, b"") + frame(PING, 0, 0, b"12345678"),
        frame(9, 0x4, 1, b""),
        frame(WINDOW_UPDATE, 0, 0, b"\1"),
        frame(HEADERS, 0x4, 1, b"\xff\xff\xff\xff\xff"),
        frame(DATA, 0x8, 1, b"\x09x"),
    ],
)
def test_what_is_not_http2_ends_the_connection(bad: bytes) -> None:
    connection = begun()
    connection.open(b"")
    with pytest.raises(ProtocolError):
        connection.receive(bad)
