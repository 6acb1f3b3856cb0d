"""The HTTP/2 client against frames made by hand: however they are cut, whatever the server's windows allow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from struct import pack, unpack
from typing import Any, cast

import pytest

from bench.peers import http2
from bench.peers.http2 import ACK, DATA, END_STREAM, HEADERS, PREFACE, SETTINGS, Connection, frame


class Wire:
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.closed = True

    def frames(self) -> list[tuple[int, int, int, bytes]]:
        """(kind, flags, stream, payload) of what was written since the last time."""
        data, self.data = self.data.removeprefix(PREFACE), b""
        found = []
        while data:
            high, low, kind, flags, stream = unpack(">BHBBI", data[:9])
            end = 9 + (high << 16) + low
            found.append((kind, flags, stream, data[9:end]))
            data = data[end:]
        return found


def message(body: bytes) -> bytes:
    return pack(">BI", 0, len(body)) + body


def answer(stream: int, body: bytes) -> bytes:
    """As a gRPC server answers: headers, data, trailers. Header blocks are anything: nobody reads them."""
    data = frame(DATA, 0, stream, message(body))
    return frame(HEADERS, 4, stream, b"\x88") + data + frame(HEADERS, 4 | END_STREAM, stream, b"\xbf")


def trial(story: Callable[[Connection, Wire], None]) -> None:
    async def run() -> None:
        connection, wire = Connection("127.0.0.1:2379"), Wire()
        connection.connection_made(cast(Any, wire))
        story(connection, wire)

    asyncio.run(run())


def settings(number: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, pack(">HI", number, value))


def test_requests_refer_to_the_headers_of_the_first() -> None:
    def story(connection: Connection, wire: Wire) -> None:
        assert wire.data.startswith(PREFACE)
        wire.frames()
        for _ in range(2):
            connection.call("/p/M", b"xyz", lambda body: None)
        connection._flush()
        (_, _, one, first), (_, flags, _, data), (_, _, three, later), _ = wire.frames()
        assert (one, three, flags, data) == (1, 3, END_STREAM, b"\0\0\0\0\x03xyz")
        line = b"\x83\x86\x04\x04/p/M"
        assert first == line + b"\x41\x0e127.0.0.1:2379\x5f\x10application/grpc\x40\x02te\x08trailers"
        assert later == line + b"\xc0\xbf\xbe"

    trial(story)


@pytest.mark.parametrize("size", [1, 2, 7, 9, 10, 1000])
def test_answers_arrive_whole_however_the_bytes_are_cut(size: int) -> None:
    def story(connection: Connection, wire: Wire) -> None:
        got: list[tuple[int, bytes | None]] = []

        def hearing(i: int) -> http2.Done:
            return lambda body: got.append((i, body))

        for i in range(3):
            connection.call("/p/M", b"", hearing(i))
        whole = answer(3, b"three") + answer(1, b"") + answer(5, bytes(300))
        for at in range(0, len(whole), size):
            connection.data_received(whole[at : at + size])
        assert got == [(1, b"three"), (0, b""), (2, bytes(300))]

    trial(story)


def test_a_call_that_is_answered_by_trailers_alone_has_failed() -> None:
    def story(connection: Connection, wire: Wire) -> None:
        got: list[bytes | None] = []
        for _ in range(3):
            connection.call("/p/M", b"", got.append)
        connection.data_received(frame(HEADERS, 4 | END_STREAM, 1, b"\xbf"))
        connection.data_received(frame(http2.RST_STREAM, 0, 3, pack(">I", 8)))
        assert got == [None, None]
        connection.connection_lost(None)
        assert got == [None] * 3

    trial(story)


def test_requests_wait_for_the_servers_window_in_their_order() -> None:
    def story(connection: Connection, wire: Wire) -> None:
        for i in range(100):
            connection.call("/p/M", bytes([i]) * 1000, lambda body: None)
        connection._flush()
        sent = [payload for kind, _, _, payload in wire.frames() if kind == DATA]
        assert len(sent) == 65_535 // 1005
        connection.data_received(frame(http2.WINDOW_UPDATE, 0, 0, pack(">I", 2010)))
        sent += [payload for kind, _, _, payload in wire.frames() if kind == DATA]
        assert len(sent) == 67
        connection.data_received(frame(http2.WINDOW_UPDATE, 0, 7, pack(">I", 100_000)))
        assert [f for f in wire.frames() if f[0] == DATA] == [], "another stream's window is not the connection's"
        connection.data_received(frame(http2.WINDOW_UPDATE, 0, 0, pack(">I", 100_000)))
        sent += [payload for kind, _, _, payload in wire.frames() if kind == DATA]
        assert [payload[5] for payload in sent] == list(range(100))

    trial(story)


def test_no_more_streams_at_once_than_the_server_allows() -> None:
    def story(connection: Connection, wire: Wire) -> None:
        connection.data_received(settings(http2.MAX_CONCURRENT_STREAMS, 2))
        got: list[bytes | None] = []
        for _ in range(3):
            connection.call("/p/M", b"", got.append)
        connection._flush()
        assert [f[2] for f in wire.frames() if f[0] == HEADERS] == [1, 3]
        connection.data_received(answer(1, b"a"))
        assert [f[2] for f in wire.frames() if f[0] == HEADERS] == [5]
        assert got == [b"a"]

    trial(story)


def test_a_message_larger_than_a_window_is_refused() -> None:
    def story(connection: Connection, wire: Wire) -> None:
        with pytest.raises(ValueError, match="larger than the server's window of 65535"):
            connection.call("/p/M", bytes(65_531), lambda body: None)
        connection.data_received(settings(http2.INITIAL_WINDOW_SIZE, 100))
        with pytest.raises(ValueError, match="window of 100"):
            connection.call("/p/M", bytes(96), lambda body: None)

    trial(story)


def test_pings_and_settings_are_acknowledged() -> None:
    def story(connection: Connection, wire: Wire) -> None:
        wire.frames()
        connection.data_received(frame(http2.PING, 0, 0, b"12345678") + settings(http2.INITIAL_WINDOW_SIZE, 1 << 20))
        assert wire.frames() == [(http2.PING, ACK, 0, b"12345678"), (SETTINGS, ACK, 0, b"")]
        connection.data_received(frame(http2.PING, ACK, 0, b"12345678") + frame(SETTINGS, ACK, 0, b""))
        assert wire.frames() == []
        connection.data_received(frame(http2.GOAWAY, 0, 0, bytes(8)))
        assert wire.closed

    trial(story)


def test_what_was_received_is_given_back_to_the_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def story(connection: Connection, wire: Wire) -> None:
        monkeypatch.setattr(http2, "TOP_UP", 1000)
        wire.frames()
        seen: list[bytes] = []
        stream = connection.stream("/p/W", seen.append)
        connection._flush()
        wire.frames()
        connection.data_received(frame(DATA, 0, stream.number, message(bytes(1500))))
        updates = [(f[2], unpack(">I", f[3])[0]) for f in wire.frames() if f[0] == http2.WINDOW_UPDATE]
        assert sorted(updates) == [(0, 1505), (stream.number, 1505)]
        assert seen == [bytes(1500)]

    trial(story)


@pytest.mark.parametrize("size", [1, 3, 5, 11, 400])
def test_messages_of_a_stream_are_put_together_whatever_their_frames(size: int) -> None:
    def story(connection: Connection, wire: Wire) -> None:
        seen: list[bytes] = []
        stream = connection.stream("/p/W", seen.append)
        stream.send(b"create")
        bodies = [b"", b"a", bytes(70), b"end"]
        whole = b"".join(map(message, bodies))
        for at in range(0, len(whole), size):
            connection.data_received(frame(DATA, 0, stream.number, whole[at : at + size]))
        assert seen == bodies
        assert not stream.ended
        connection.data_received(frame(HEADERS, 4 | END_STREAM, stream.number, b"\xbf"))
        assert stream.ended

    trial(story)


def test_what_this_client_does_not_read_is_an_error() -> None:
    def story(connection: Connection, wire: Wire) -> None:
        connection.call("/p/M", b"", lambda body: None)
        with pytest.raises(http2.ProtocolError, match="padded"):
            connection.data_received(frame(DATA, http2.PADDED, 1, b"\x01a\0"))
        stream = connection.stream("/p/W", lambda body: None)
        with pytest.raises(http2.ProtocolError, match="compressed"):
            stream.feed(pack(">BI", 1, 0))

    trial(story)
