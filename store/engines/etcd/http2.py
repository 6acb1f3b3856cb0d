"""One HTTP/2 connection from the client's side: frames, header blocks, flow control (RFC 9113). No bytes move here.

Pure: what arrives goes into `receive`, what is to be sent is taken with `outgoing`. Must not know gRPC. It offers what
gRPC needs and no more: no push, no priorities, request headers without compression, response headers through `hpack`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from hpack import Decoder
from hpack.exceptions import HPACKError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 0x1, 0x1, 0x4, 0x8, 0x20
SET_PUSH, SET_WINDOW, SET_FRAME = 2, 4, 5
REFUSED_STREAM, CANCEL = 7, 8
DEFAULT_WINDOW, DEFAULT_FRAME = 65535, 16384
WINDOW = 4 << 20
"""Octets that the server may send ahead on one stream; on the connection it is four times that."""
MAX_HEADERS = 1 << 18
LAST_STREAM = 1 << 30

Header = tuple[bytes, bytes]


class ProtocolError(Exception):
    """The other side does not speak HTTP/2 as it must: the connection is of no use any more."""


class Headers(NamedTuple):
    """Response headers, or trailers when `ended`."""

    stream: int
    headers: tuple[Header, ...]
    ended: bool


class Data(NamedTuple):
    stream: int
    data: bytes
    ended: bool
    credit: int
    """What to give back with `consumed`: padding counts too."""


class Reset(NamedTuple):
    stream: int
    code: int


class GoAway(NamedTuple):
    """Streams after `last` were not looked at by the server: they had no effect."""

    last: int
    code: int
    text: str


class Pong(NamedTuple):
    payload: bytes


Event = Headers | Data | Reset | GoAway | Pong


@dataclass(slots=True)
class _Stream:
    window: int
    pending: bytearray
    ending: bool = False
    """END_STREAM goes out with the last of `pending`."""
    ended: bool = False
    """It has gone out."""
    debt: int = 0
    """Octets received and consumed, not yet given back."""


def header_block(headers: Iterable[Header]) -> bytes:
    """Literal fields that nobody indexes (RFC 7541 6.2.2): the same bytes every time, so they can be made once."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in headers)


def _text(text: bytes) -> bytes:
    size = len(text)
    if size < 127:
        return bytes((size,)) + text
    size -= 127
    out = bytearray(b"\x7f")
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out) + text


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


class Connection:
    def __init__(self) -> None:
        self.going_away = False
        """No new streams here: the server wants to end, or numbers have run out."""
        self._in = bytearray()
        self._out = bytearray(PREFACE)
        self._streams: dict[int, _Stream] = {}
        self._next = 1
        self._window = DEFAULT_WINDOW
        self._initial = DEFAULT_WINDOW
        self._frame = DEFAULT_FRAME
        self._decoder = Decoder(max_header_list_size=MAX_HEADERS)
        self._block: tuple[int, int, bytearray] | None = None
        self._debt = 0
        settings = b"".join(
            key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in ((SET_PUSH, 0), (SET_WINDOW, WINDOW))
        )
        self._out += _frame(SETTINGS, 0, 0, settings)
        self._credit(0, 4 * WINDOW - DEFAULT_WINDOW)

    def outgoing(self) -> bytes:
        """What is to be written now; each octet is handed out once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, block: bytes) -> int:
        """A new stream that begins with these headers; its number."""
        if len(block) > self._frame:
            raise ProtocolError(f"request headers of {len(block)} octets")
        number = self._next
        self._next += 2
        if self._next > LAST_STREAM:
            self.going_away = True
        self._streams[number] = _Stream(self._initial, bytearray())
        self._out += _frame(HEADERS, END_HEADERS, number, block)
        return number

    def send(self, number: int, data: bytes, end: bool = False) -> None:
        """As far as the server's windows allow; the rest follows when they open."""
        stream = self._streams[number]
        stream.pending += data
        stream.ending = stream.ending or end
        self._pump(number, stream)

    def sent(self, number: int) -> bool:
        """Has all of the request gone out, its end included? Else the server cannot have acted on it."""
        stream = self._streams.get(number)
        return stream is None or stream.ended

    def reset(self, number: int, code: int = CANCEL) -> None:
        """Nobody waits for this stream any more."""
        if self._streams.pop(number, None) is not None:
            self._out += _frame(RST_STREAM, 0, number, code.to_bytes(4, "big"))

    def ping(self, payload: bytes) -> None:
        """8 octets, which come back in a `Pong`."""
        self._out += _frame(PING, 0, 0, payload)

    def consumed(self, number: int, credit: int) -> None:
        """The reader of this stream has room for so many octets more."""
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.debt += credit
        if stream.debt >= WINDOW // 4:
            self._credit(number, stream.debt)
            stream.debt = 0

    def _credit(self, number: int, octets: int) -> None:
        self._out += _frame(WINDOW_UPDATE, 0, number, octets.to_bytes(4, "big"))

    def _pump(self, number: int, stream: _Stream) -> None:
        while stream.pending and (room := min(self._window, stream.window, self._frame)) > 0:
            part = bytes(stream.pending[:room])
            del stream.pending[:room]
            self._window -= len(part)
            stream.window -= len(part)
            stream.ended = stream.ending and not stream.pending
            self._out += _frame(DATA, END_STREAM if stream.ended else 0, number, part)
        if stream.ending and not stream.ended and not stream.pending:
            stream.ended = True
            self._out += _frame(DATA, END_STREAM, number, b"")

    def _pump_all(self) -> None:
        for number, stream in self._streams.items():
            if stream.pending:
                self._pump(number, stream)

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes) -> list[Event]:
        """What this meant. ProtocolError: close the connection."""
        buffer = self._in
        buffer += data
        events: list[Event] = []
        at = 0
        while len(buffer) - at >= 9:
            size = buffer[at] << 16 | buffer[at + 1] << 8 | buffer[at + 2]
            if size > DEFAULT_FRAME:
                raise ProtocolError(f"a frame of {size} octets; is this an HTTP/2 server?")
            if len(buffer) - at < 9 + size:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            number = int.from_bytes(buffer[at + 5 : at + 9], "big") & 0x7FFFFFFF
            payload = bytes(buffer[at + 9 : at + 9 + size])
            at += 9 + size
            self._take(kind, flags, number, payload, events)
        del buffer[:at]
        return events

    def _take(self, kind: int, flags: int, number: int, payload: bytes, events: list[Event]) -> None:
        if self._block is not None and (kind != CONTINUATION or number != self._block[0]):
            raise ProtocolError("a header block was interrupted")
        if kind == DATA:
            self._data(flags, number, payload, events)
        elif kind == HEADERS:
            body = _unpadded(flags, payload)
            self._block = (number, flags, bytearray(body[5:] if flags & PRIORITIZED else body))
            self._headers(flags, events)
        elif kind == CONTINUATION:
            if self._block is None:
                raise ProtocolError("a continuation of nothing")
            self._block[2].extend(payload)
            self._headers(flags, events)
        elif kind == RST_STREAM:
            if self._streams.pop(number, None) is not None:
                events.append(Reset(number, _number(payload, 4)))
        elif kind == SETTINGS:
            if not flags & ACK:
                self._settings(payload)
        elif kind == PUSH_PROMISE:
            raise ProtocolError("a push that was not allowed")
        elif kind == PING:
            if flags & ACK:
                events.append(Pong(payload))
            else:
                self._out += _frame(PING, ACK, 0, payload)
        elif kind == GOAWAY:
            self.going_away = True
            last, code = _number(payload[:4], 4) & 0x7FFFFFFF, _number(payload[4:8], 4)
            events.append(GoAway(last, code, payload[8:].decode("utf-8", "replace")))
        elif kind == WINDOW_UPDATE:
            self._opened(number, _number(payload, 4) & 0x7FFFFFFF)

    def _data(self, flags: int, number: int, payload: bytes, events: list[Event]) -> None:
        size = len(payload)
        self._debt += size
        if self._debt >= WINDOW:  # the streams' own windows hold back who does not read
            self._credit(0, self._debt)
            self._debt = 0
        if number not in self._streams:
            return  # of a stream that was reset
        ended = bool(flags & END_STREAM)
        if ended:
            del self._streams[number]
        events.append(Data(number, _unpadded(flags, payload), ended, size))

    def _headers(self, flags: int, events: list[Event]) -> None:
        assert self._block is not None
        number, first, block = self._block
        if len(block) > MAX_HEADERS:
            raise ProtocolError("response headers without an end")
        if not flags & END_HEADERS:
            return
        self._block = None
        try:
            decoded = self._decoder.decode(bytes(block), raw=True)
        except HPACKError as error:
            raise ProtocolError(f"headers: {error}") from None
        ended = bool(first & END_STREAM)
        if number in self._streams:
            if ended:
                del self._streams[number]
            events.append(Headers(number, tuple((header[0], header[1]) for header in decoded), ended))

    def _settings(self, payload: bytes) -> None:
        for at in range(0, len(payload) - 5, 6):
            key = int.from_bytes(payload[at : at + 2], "big")
            value = int.from_bytes(payload[at + 2 : at + 6], "big")
            if key == SET_WINDOW:
                for stream in self._streams.values():
                    stream.window += value - self._initial
                self._initial = value
            elif key == SET_FRAME:
                self._frame = value
        self._out += _frame(SETTINGS, ACK, 0, b"")
        self._pump_all()

    def _opened(self, number: int, octets: int) -> None:
        if number == 0:
            self._window += octets
            self._pump_all()
        elif (stream := self._streams.get(number)) is not None:
            stream.window += octets
            self._pump(number, stream)


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ProtocolError("more padding than frame")
    return payload[1 : len(payload) - payload[0]]


def _number(payload: bytes, size: int) -> int:
    if len(payload) != size:
        raise ProtocolError("a frame of the wrong size")
    return int.from_bytes(payload, "big")
