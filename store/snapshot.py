"""A snapshot file's bytes: a head that says what it is, the state in parts, a tail that says that it is whole.

Pure: bytes in, bytes out. Must not know what the parts say or touch a disk (store/snapshotfiles.py does).

Head: magic, format, length of the meta, the meta, CRC32C of all that. Part: length, number (from 0), CRC32C of the
data, CRC32C of these three; the data. Tail: the mark TAIL in the place of a length, count of the parts, their bytes
together, a CRC32C over the headers of all parts in order, CRC32C of these four. So no bit, part or order of parts can
change unseen, and each part is checked by itself before it is handed on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from google_crc32c import extend

from cluster.errors import HaltError

FORMAT = 2
TAIL = 0xFFFFFFFF
_HEAD = struct.Struct("<8sII")
_PART = struct.Struct("<III")
_TAIL = struct.Struct("<IIQI")
_CHECK = struct.Struct("<I")
_MAGIC = b"capstSNP"
_TAIL_MARK = _CHECK.pack(TAIL)
PART_SIZE = _PART.size + _CHECK.size
TAIL_SIZE = _TAIL.size + _CHECK.size
MAX_META = 1 << 20
MAX_PART = 1 << 30

Fetch = Callable[[int, int], bytes]
"""fetch(offset, size): these bytes of the file, fewer at its end."""


class SnapshotError(HaltError):
    """The file cannot be trusted; names it, the offset and what to do."""

    def __init__(self, name: str, what: str, offset: int = 0) -> None:
        super().__init__(
            f"{name}: {what} at byte {offset}; this member must not use it: "
            "let it join again with an empty disk (engine raft: `store member remove`, then `add`), or restore the file"
        )
        self.name = name
        self.what = what
        self.offset = offset


def snapshot_name(index: int) -> str:
    return f"snapshot/{index:016d}"


class Writer:
    """Frames what is to be written, in order: `head`, `part` for each, `tail`."""

    def __init__(self) -> None:
        self._count = 0
        self._total = 0
        self._chain = 0

    def head(self, meta: bytes) -> bytes:
        data = _HEAD.pack(_MAGIC, FORMAT, len(meta)) + meta
        return data + _CHECK.pack(extend(0, data))

    def part(self, data: bytes) -> bytes:
        header = _PART.pack(len(data), self._count, extend(0, data))
        self._count += 1
        self._total += len(data)
        self._chain = extend(self._chain, header)
        return b"".join((header, _CHECK.pack(extend(0, header)), data))

    def tail(self) -> bytes:
        data = _TAIL.pack(TAIL, self._count, self._total, self._chain)
        return data + _CHECK.pack(extend(0, data))


class Part(NamedTuple):
    """A checked piece: where it begins, its header with checksum, its data. The tail has no data."""

    offset: int
    header: bytes
    data: bytes
    is_tail: bool = False

    @property
    def end(self) -> int:
        return self.offset + len(self.header) + len(self.data)


class Reader:
    """Reads a file through `fetch`, piece by piece, and checks each piece before it hands it on."""

    def __init__(self, name: str, fetch: Fetch) -> None:
        """SnapshotError if the head cannot be trusted."""
        self._name = name
        self._fetch = fetch
        head = fetch(0, _HEAD.size)
        if len(head) < _HEAD.size:
            raise self._error(f"{len(head)} bytes are no snapshot", 0)
        magic, version, size = _HEAD.unpack(head)
        if magic != _MAGIC:
            raise self._error("this is no snapshot", 0)
        if version != FORMAT:
            raise self._error(f"format {version} of snapshots, this is format {FORMAT},", 0)
        self.meta = fetch(_HEAD.size, size) if size <= MAX_META else b""
        self.begin = _HEAD.size + size + _CHECK.size
        """Where the first part begins."""
        if fetch(_HEAD.size + size, _CHECK.size) != _CHECK.pack(extend(0, head + self.meta)):
            raise self._error("the head does not match its checksum", 0)

    def parts(self) -> Iterator[bytes]:
        """The data of each part; SnapshotError as soon as one is bad, at the latest at the tail."""
        for part in self.walk():
            yield part.data

    def walk(self) -> Iterator[Part]:
        """All parts up to the tail, and nothing may follow it."""
        at, count, total, chain = self.begin, 0, 0, 0
        while not (part := self.part(at, count)).is_tail:
            yield part
            chain = extend(chain, part.header[: _PART.size])
            at, count, total = part.end, count + 1, total + len(part.data)
        if part.header[: _TAIL.size] != _TAIL.pack(TAIL, count, total, chain):
            raise self._error("the tail does not fit what is before it", at)
        if self._fetch(part.end, 1):
            raise self._error("bytes after the tail", part.end)

    def part(self, at: int, number: int) -> Part:
        """The part or the tail whose header is at `at`, checked by itself."""
        header = self._fetch(at, TAIL_SIZE)
        if header.startswith(_TAIL_MARK):
            if len(header) < TAIL_SIZE or header[-4:] != _CHECK.pack(extend(0, header[:-4])):
                raise self._error("the tail does not match its checksum", at)
            return Part(at, header, b"", True)
        header = header[:PART_SIZE]
        if len(header) < PART_SIZE:
            raise self._error("the file ends where a part or the tail is meant", at)
        length, own, checksum = _PART.unpack_from(header)
        if header[-4:] != _CHECK.pack(extend(0, header[:-4])) or length > MAX_PART:
            raise self._error("a part's header does not match its checksum", at)
        if own != number:
            raise self._error(f"part {own} where part {number} is meant", at)
        data = self._fetch(at + PART_SIZE, length)
        if len(data) < length or extend(0, data) != checksum:
            raise self._error("a part does not match its checksum", at)
        return Part(at, header, data)

    def _error(self, what: str, offset: int) -> SnapshotError:
        return SnapshotError(self._name, what, offset)


def seal(meta: bytes, state: bytes) -> bytes:
    """A whole small file: one part."""
    writer = Writer()
    return b"".join((writer.head(meta), writer.part(state), writer.tail()))


def unseal(name: str, data: bytes) -> tuple[bytes, bytes]:
    """(meta, state), or SnapshotError. Such files are written all or nothing, so none is ever torn."""
    reader = Reader(name, lambda offset, size: data[offset : offset + size])
    return reader.meta, b"".join(reader.parts())
