"""SPDY/3.1 as far as Kubernetes' port-forward needs it: a server's side of one connection, bytes in, events out.

Pure. Must not know what the streams are for, nor what carries the bytes. Source: SPDY Protocol, Draft 3.1.

    session = Session()
    for event in session.feed(data): ...      Opened, Data or Reset; what is to be answered gathers in `output()`
    session.send(stream, data, fin=True)      goes to `output` as well

Flow control: credit for what came is given as soon as `took` says that it was handed on. What is sent is held to the
peer's windows once it has shown that it counts at all: kubectl's library does not, and would never give any back.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cluster.apiserver.refusals import bad_request

WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
).split()
WORDS += ["200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"]
REST = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in WORDS) + REST.encode()
"""Section 2.6.10.1: what both compressors begin with."""

SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 9
FIN = 0x01
INITIAL_WINDOW = 64 * 1024
SETTINGS_INITIAL_WINDOW = 7
MOST_CONTROL = 1 << 20
"""Bytes of a control frame; nobody's headers are so long."""
MOST_HEADERS = 1 << 16
CREDIT = INITIAL_WINDOW // 2
"""Credit is given in portions of at least so many bytes."""
PROTOCOL_ERROR, INVALID_STREAM, REFUSED_STREAM, CANCEL = 1, 2, 3, 5


class Opened(NamedTuple):
    stream: int
    headers: Mapping[str, str]
    fin: bool


class Data(NamedTuple):
    """`fin`: the peer sends no more on this stream."""

    stream: int
    data: bytes
    fin: bool


class Reset(NamedTuple):
    stream: int


Event = Opened | Data | Reset


@dataclass(slots=True)
class _Stream:
    window: int
    """Bytes that may still be sent, if the peer counts."""
    owed: int = 0
    """Bytes handed on that credit was not yet given for."""
    ended: bool = False
    """We have sent FIN."""
    over: bool = False
    """The peer has sent FIN."""


@dataclass(slots=True)
class Session:
    """The peer opens the streams."""

    counts: bool = False
    """Whether the peer has shown that it does flow control."""
    gone: bool = False
    """The peer has said GOAWAY: no more streams."""
    _inflate: zlib._Decompress = field(default_factory=lambda: zlib.decompressobj(zdict=DICTIONARY))
    _deflate: zlib._Compress = field(default_factory=lambda: zlib.compressobj(zdict=DICTIONARY))
    _streams: dict[int, _Stream] = field(default_factory=dict)
    _initial: int = INITIAL_WINDOW
    _in: bytearray = field(default_factory=bytearray)
    _out: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> list[Event]:
        """BadRequest for what is not SPDY/3: then nothing of this connection can be understood any more."""
        self._in += data
        events: list[Event] = []
        while len(self._in) >= 8:
            word, flags, size = (
                struct.unpack_from(">IB", self._in)[0],
                self._in[4],
                int.from_bytes(self._in[5:8], "big"),
            )
            if word & 0x80000000 and (word >> 16 & 0x7FFF != 3 or size > MOST_CONTROL):
                raise bad_request("a frame that is none of SPDY/3")
            if len(self._in) < 8 + size:
                break
            body = bytes(self._in[8 : 8 + size])
            del self._in[: 8 + size]
            found = self._control(word & 0xFFFF, flags, body) if word & 0x80000000 else self._data(word, flags, body)
            if found is not None:
                events.append(found)
        return events

    def output(self) -> bytes:
        """What is to be sent, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # ── what we say ──────────────────────────────────────────────────────────────────────────────────────────

    def reply(self, stream: int) -> None:
        """Accept it; without headers of our own."""
        block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._put(SYN_REPLY, 0, struct.pack(">I", stream) + block)

    def room(self, stream: int) -> int:
        """Bytes that may be sent now; 0 or less: wait until the peer gives credit."""
        found = self._streams.get(stream)
        return 0 if found is None else found.window if self.counts else INITIAL_WINDOW

    def lives(self, stream: int) -> bool:
        """Neither reset nor ended on both sides."""
        return stream in self._streams

    def send(self, stream: int, data: bytes, *, fin: bool = False) -> None:
        """Nothing happens on a stream that was reset, or that we have ended."""
        found = self._streams.get(stream)
        if found is None or found.ended:
            return
        found.window -= len(data)
        self._out.append(struct.pack(">IB", stream, FIN if fin else 0) + len(data).to_bytes(3, "big") + data)
        found.ended = fin
        self._forget(stream, found)

    def reset(self, stream: int, status: int = CANCEL) -> None:
        if self._streams.pop(stream, None) is not None:
            self._put(RST_STREAM, 0, struct.pack(">II", stream, status))

    def took(self, stream: int, size: int) -> None:
        """So many bytes were handed on: the peer may send as many more."""
        found = self._streams.get(stream)
        if found is None or found.over:
            return
        found.owed += size
        if found.owed >= CREDIT:
            self._put(WINDOW_UPDATE, 0, struct.pack(">II", stream, found.owed))
            found.owed = 0

    # ── what they say ────────────────────────────────────────────────────────────────────────────────────────

    def _data(self, stream: int, flags: int, body: bytes) -> Event | None:
        found = self._streams.get(stream)
        if found is None or found.over:
            if found is None:
                self._put(RST_STREAM, 0, struct.pack(">II", stream, INVALID_STREAM))
            return None
        found.over = bool(flags & FIN)
        self._forget(stream, found)
        return Data(stream, body, bool(flags & FIN))

    def _control(self, type: int, flags: int, body: bytes) -> Event | None:
        if type == SYN_STREAM:
            return self._opened(flags, body)
        words = struct.unpack_from(f">{min(len(body) // 4, 2)}I", body)
        if type == PING and len(body) == 4 and words[0] & 1:  # theirs are odd; an even one answers one of ours
            self._put(PING, 0, body)
        elif type == RST_STREAM and len(words) == 2:
            if self._streams.pop(words[0] & 0x7FFFFFFF, None) is not None:
                return Reset(words[0] & 0x7FFFFFFF)
        elif type == WINDOW_UPDATE and len(words) == 2:
            self.counts = True
            found = self._streams.get(words[0] & 0x7FFFFFFF)
            if found is not None:
                found.window += words[1] & 0x7FFFFFFF
        elif type == SETTINGS:
            self._settings(body)
        elif type == GOAWAY:
            self.gone = True
        return None

    def _opened(self, flags: int, body: bytes) -> Event | None:
        if len(body) < 10:
            raise bad_request("a SYN_STREAM that is too short")
        stream = int.from_bytes(body[:4], "big") & 0x7FFFFFFF
        headers = self._headers(body[10:])
        if stream in self._streams or not stream & 1:
            self._put(RST_STREAM, 0, struct.pack(">II", stream, PROTOCOL_ERROR))
            return None
        self._streams[stream] = _Stream(self._initial, over=bool(flags & FIN))
        return Opened(stream, headers, bool(flags & FIN))

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, MOST_HEADERS)
            if self._inflate.unconsumed_tail:
                raise bad_request("a frame's headers are too long")
            (count,), at, found = struct.unpack_from(">I", plain), 4, {}
            for _ in range(count):
                pair = []
                for _ in range(2):
                    (size,) = struct.unpack_from(">I", plain, at)
                    pair.append(plain[at + 4 : at + 4 + size].decode())
                    at += 4 + size
                found[pair[0].lower()] = pair[1]
        except (zlib.error, struct.error, UnicodeDecodeError) as error:
            raise bad_request(f"a frame's headers cannot be read: {error}") from None
        return found

    def _settings(self, body: bytes) -> None:
        for at in range(4, len(body) - 7, 8):
            name, value = int.from_bytes(body[at + 1 : at + 4], "big"), int.from_bytes(body[at + 4 : at + 8], "big")
            if name == SETTINGS_INITIAL_WINDOW:
                self.counts = True
                for stream in self._streams.values():
                    stream.window += value - self._initial
                self._initial = value

    def _forget(self, stream: int, found: _Stream) -> None:
        if found.over and found.ended:
            self._streams.pop(stream, None)

    def _put(self, type: int, flags: int, body: bytes) -> None:
        self._out.append(struct.pack(">HHB", 0x8003, type, flags) + len(body).to_bytes(3, "big") + body)
