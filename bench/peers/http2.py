"""gRPC over HTTP/2 as lean as a load generator needs it: one connection, many streams, answers by callback.

Must not know what is called, and is no general client: no TLS, no header decoding, no messages larger than a window.

Requests have constant header blocks: the first of a connection puts :authority, content-type and te into the server's
table (RFC 7541, 6.2.1), all others refer to them, so that the server decodes as little as with its own client. Answers'
headers are not decoded: a gRPC server sends the message of a unary call only if it succeeded (else trailers alone).
Flow control (RFC 9113, 5.2) is respected: requests wait for the connection's window; ours is kept open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import cast

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
WINDOW = 65_535
"""Octets that may be sent before the peer says anything (RFC 9113, 6.9.2)."""
LARGEST_WINDOW = (1 << 31) - 1
TOP_UP = 1 << 28
"""Octets received after which the windows are opened again."""

_HEAD = Struct(">BHBBI")
_WORD = Struct(">I")
_SETTING = Struct(">HI")
_PREFIX = Struct(">BI")
"""Of a gRPC message: compressed or not, length."""

Done = Callable[[bytes | None], None]
"""Called with the answer's protobuf bytes; None when the call failed or the connection was lost."""


class ProtocolError(Exception):
    """The server sent what this client does not read."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    size = len(payload)
    return _HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def literal(text: bytes) -> bytes:
    """A string of a header block, without Huffman coding (RFC 7541, 5.2)."""
    if len(text) >= 0x7F:
        raise ValueError(f"{len(text)} bytes are too long for a header here")
    return bytes((len(text),)) + text


class Block:
    """The header blocks of one method: `first` for a connection's first request, `later` for all others."""

    def __init__(self, authority: str, path: str) -> None:
        line = b"\x83\x86\x04" + literal(path.encode())  # :method POST, :scheme http, :path not indexed
        table = b"\x41" + literal(authority.encode()) + b"\x5f" + literal(b"application/grpc")
        self.first = line + table + b"\x40" + literal(b"te") + literal(b"trailers")
        self.later = line + b"\xc0\xbf\xbe"  # entries 64, 63, 62: the newest has the smallest number


class Connection(asyncio.Protocol):
    """await Connection.open("127.0.0.1", 2379); connection.call("/etcdserverpb.KV/Put", message, done)"""

    def __init__(self, authority: str) -> None:
        self.authority = authority
        self.lost = False
        self._blocks: dict[str, Block] = {}
        self._indexed = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._scheduled = False
        self._rest = b""
        self._stream = 1
        self._calls: dict[int, tuple[Done, list[bytes]]] = {}
        self._readers: dict[int, Reader] = {}
        self._queue: deque[tuple[str, bytes, Done]] = deque()
        self._window = WINDOW
        self._largest = WINDOW
        self._streams = 1 << 31
        self._received = 0

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(lambda: cls(f"{host}:{port}"), host, port)
        return protocol

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, path: str, message: bytes, done: Done) -> None:
        """A unary call. `message` is protobuf bytes; ValueError if it is larger than one window."""
        cost = len(message) + 5
        if cost > self._largest:
            raise ValueError(f"a message of {len(message)} bytes is larger than the server's window of {self._largest}")
        if self.lost:
            self._loop.call_soon(done, None)
        elif cost > self._window or len(self._calls) >= self._streams or self._queue:
            self._queue.append((path, message, done))
        else:
            self._send(path, message, done)

    def _send(self, path: str, message: bytes, done: Done) -> None:
        stream, size = self._begin(path), len(message) + 5
        self._window -= size
        self._calls[stream] = (done, [])
        head = _HEAD.pack(size >> 16, size & 0xFFFF, DATA, END_STREAM, stream)
        self._write(head + _PREFIX.pack(0, size - 5) + message)

    def _begin(self, path: str) -> int:
        """Open the next stream: its HEADERS frame."""
        block = self._blocks.get(path)
        if block is None:
            block = self._blocks[path] = Block(self.authority, path)
        headers = block.later if self._indexed else block.first
        self._indexed = True
        stream = self._stream
        self._stream += 2
        self._write(frame(HEADERS, END_HEADERS, stream, headers))
        return stream

    def stream(self, path: str, on_message: Callable[[bytes], None]) -> Reader:
        """A call with a stream of messages both ways: `reader.send(message)` asks, `on_message` hears."""
        reader = Reader(self, self._begin(path), on_message)
        self._readers[reader.number] = reader
        return reader

    def push(self, stream: int, message: bytes) -> None:
        """One message of a stream that stays open."""
        size = len(message) + 5
        if size > self._window:
            raise ValueError("the connection's window is full")
        self._window -= size
        self._write(frame(DATA, 0, stream, _PREFIX.pack(0, len(message)) + message))

    def _write(self, data: bytes) -> None:
        self._out.append(data)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._transport is not None and self._out:
            out, self._out = self._out, []
            self._transport.write(b"".join(out))

    # ── hearing ──────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        settings = frame(SETTINGS, 0, 0, _SETTING.pack(INITIAL_WINDOW_SIZE, LARGEST_WINDOW))
        wide = frame(WINDOW_UPDATE, 0, 0, _WORD.pack(LARGEST_WINDOW - WINDOW))
        self._transport.write(PREFACE + settings + wide)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, size, calls = 0, len(data), self._calls
        self._scheduled = True  # what the callbacks ask goes out in one write
        while size - at >= 9:
            high, low, kind, flags, stream = _HEAD.unpack_from(data, at)
            end = at + 9 + (high << 16) + low
            if end > size:
                break
            if kind == DATA:
                if flags & PADDED:
                    raise ProtocolError("padded DATA")
                self._received += end - at - 9
                call = calls.get(stream)
                if call is not None:
                    call[1].append(data[at + 9 : end])
                elif stream in self._readers:
                    self._readers[stream].feed(data[at + 9 : end])
                if flags & END_STREAM:
                    self._finish(stream)
            elif kind == HEADERS:
                if flags & END_STREAM:
                    self._finish(stream)
            else:
                self._control(kind, flags, stream, data[at + 9 : end])
            at = end
        self._rest = data[at:]
        if self._received > TOP_UP:
            self._out.append(frame(WINDOW_UPDATE, 0, 0, _WORD.pack(self._received)))
            self._received = 0
        self._flush()

    def _finish(self, stream: int) -> None:
        call = self._calls.pop(stream, None)
        if call is not None:
            done, parts = call
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            done(body[5:] if len(body) >= 5 and not body[0] else None)
            if self._queue:
                self._go_on()
        else:
            reader = self._readers.pop(stream, None)
            if reader is not None:
                reader.ended = True

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == WINDOW_UPDATE:
            if stream == 0:
                self._window += _WORD.unpack(payload)[0]
                self._go_on()
        elif kind == PING:
            if not flags & ACK:
                self._out.append(frame(PING, ACK, 0, payload))
        elif kind == SETTINGS:
            if not flags & ACK:
                for number, value in _SETTING.iter_unpack(payload):
                    if number == INITIAL_WINDOW_SIZE:
                        self._largest = value
                    elif number == MAX_CONCURRENT_STREAMS:
                        self._streams = value
                self._out.append(frame(SETTINGS, ACK, 0, b""))
        elif kind == RST_STREAM:
            call = self._calls.pop(stream, None)
            if call is not None:
                call[0](None)
            elif stream in self._readers:
                self._readers.pop(stream).ended = True
        elif kind == GOAWAY:
            self.close()

    def _go_on(self) -> None:
        """What waited for the window, in its order."""
        while self._queue and len(self._queue[0][1]) + 5 <= self._window and len(self._calls) < self._streams:
            self._send(*self._queue.popleft())

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._transport = None
        waiting = [done for done, _ in self._calls.values()] + [done for _, _, done in self._queue]
        self._calls.clear()
        self._queue.clear()
        for reader in self._readers.values():
            reader.ended = True
        for done in waiting:
            done(None)


class Reader:
    """The reading side of a stream: puts messages together again, however they were framed."""

    def __init__(self, connection: Connection, number: int, on_message: Callable[[bytes], None]) -> None:
        self.number = number
        self.ended = False
        self._connection = connection
        self._on_message = on_message
        self._rest = b""
        self._received = 0

    def send(self, message: bytes) -> None:
        self._connection.push(self.number, message)

    def feed(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > TOP_UP:
            self._connection._write(frame(WINDOW_UPDATE, 0, self.number, _WORD.pack(self._received)))
            self._received = 0
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= 5:
            compressed, length = _PREFIX.unpack_from(data, at)
            if compressed:
                raise ProtocolError("a compressed message")
            if size - at - 5 < length:
                break
            self._on_message(data[at + 5 : at + 5 + length])
            at += 5 + length
        self._rest = data[at:]
