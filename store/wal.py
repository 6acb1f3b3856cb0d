"""The write-ahead log's bytes: records with checksums, in segments; what a crash can leave behind and what it cannot.

Pure: bytes in, bytes out. Must not know what the payloads say or touch a disk (store/storage.py does).

A segment is a run of records. A record is a header of 13 bytes (type, length of the payload, checksum of the
payload, checksum of these nine bytes; little-endian) and its payload. The first record of a segment is its HEAD.

A crash can only take bytes off the end of the last segment, or leave zeros there: that is a torn tail, and what it held
was never acknowledged. Everything else that does not check is corruption, which may hide what was acknowledged; then
the member must not start. The header has its own checksum so that a damaged length cannot pass for a torn tail.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

HEAD, BATCH, MARK = 1, 2, 3
"""Types of records: a segment's first; one `Ready`'s hard state and entries; a snapshot replaced the log."""

FORMAT = 1
_HEADER = struct.Struct("<BII")
_CHECK = struct.Struct("<I")
_HEAD = struct.Struct("<8sIQ")
_MAGIC = b"capstWAL"
HEADER_SIZE = _HEADER.size + _CHECK.size


class WalError(Exception):
    """The log cannot be trusted. Names the file, the offset and what to do."""

    def __init__(self, name: str, offset: int, what: str) -> None:
        super().__init__(
            f"{name}: {what} at byte {offset}; this member must not start with it: "
            "remove the member's data and let it join again, or restore the file"
        )
        self.name = name
        self.offset = offset


class Record(NamedTuple):
    type: int
    payload: bytes
    offset: int


class Scan(NamedTuple):
    """`size`: bytes up to the end of the last good record. `torn`: bytes after it, to be cut."""

    records: list[Record]
    size: int
    torn: int


def frame(type: int, payload: bytes) -> bytes:
    """One record."""
    head = _HEADER.pack(type, len(payload), crc32(payload))
    return head + _CHECK.pack(crc32(head)) + payload


def head(sequence: int) -> bytes:
    """The first record of segment `sequence`."""
    return frame(HEAD, _HEAD.pack(_MAGIC, FORMAT, sequence))


def segment_name(sequence: int) -> str:
    return f"wal/{sequence:016d}"


def sequence_of(name: str) -> int:
    """WalError for a file that is no segment."""
    text = name.removeprefix("wal/")
    if not text.isdecimal():
        raise WalError(name, 0, "this is no segment of a log")
    return int(text)


def scan(name: str, data: bytes, *, last: bool) -> Scan:
    """The records of a segment. Only the last segment may have a torn tail."""
    records: list[Record] = []
    at, end = 0, len(data)
    while at < end:
        fault, size = _look(data, at)
        if fault:
            if not last:
                raise WalError(name, at, f"{fault} in a segment that has a successor")
            if fault != "torn" and data[at:].strip(b"\0"):
                raise WalError(name, at, fault)
            break
        records.append(Record(data[at], data[at + HEADER_SIZE : at + size], at))
        at += size
    _check_head(name, records)
    return Scan(records, at, end - at)


def _look(data: bytes, at: int) -> tuple[str, int]:
    """(what is wrong with the record at `at`: "", "torn", or words; its size)."""
    body = at + HEADER_SIZE
    if body > len(data):
        return "torn", 0
    type, length, checksum = _HEADER.unpack_from(data, at)
    (check,) = _CHECK.unpack_from(data, at + _HEADER.size)
    if crc32(data[at : at + _HEADER.size]) != check:
        return "a record's header does not match its checksum", 0
    if body + length > len(data):
        return "torn", 0
    payload = data[body : body + length]
    if crc32(payload) != checksum:
        # The header reached the disk and zeros stand where the end of the payload should be: torn, if nothing follows.
        if body + length == len(data) and length and not payload[-1]:
            return _zeroed(payload), 0
        return "a record does not match its checksum", 0
    if type not in (HEAD, BATCH, MARK):
        return f"a record of unknown type {type}", 0
    return "", HEADER_SIZE + length


def _zeroed(payload: bytes) -> str:
    """A file's size can become durable before its last blocks do; those read as zeros, in whole sectors."""
    tail = len(payload) - len(payload.rstrip(b"\0"))
    return "torn" if tail >= min(512, len(payload)) else "a record does not match its checksum"


def _check_head(name: str, records: list[Record]) -> None:
    if not records:
        return
    first = records[0]
    if first.type != HEAD or len(first.payload) != _HEAD.size:
        raise WalError(name, 0, "the segment does not begin with its head")
    magic, version, sequence = _HEAD.unpack(first.payload)
    if magic != _MAGIC or version != FORMAT:
        raise WalError(name, 0, f"format {version} of the log, this is format {FORMAT}")
    if sequence != sequence_of(name):
        raise WalError(name, 0, f"the segment says that it is number {sequence}")
    for record in records[1:]:
        if record.type == HEAD:
            raise WalError(name, record.offset, "a second head")


@dataclass(slots=True)
class Segment:
    """`last_index`: highest entry index in it; a segment is of no use when a snapshot holds all of that."""

    sequence: int
    size: int
    last_index: int

    @property
    def name(self) -> str:
        return segment_name(self.sequence)


class Segments:
    """The book of segments: where the next record goes, and which files are of no use any more."""

    def __init__(self, limit: int, known: list[Segment]) -> None:
        self._limit = limit
        self._all = known

    @property
    def current(self) -> Segment | None:
        return self._all[-1] if self._all else None

    @property
    def full(self) -> bool:
        """Must a new segment be begun before the next record?"""
        return not self._all or self._all[-1].size >= self._limit

    def begin(self) -> Segment:
        sequence = self._all[-1].sequence + 1 if self._all else 1
        last_index = self._all[-1].last_index if self._all else 0
        self._all.append(Segment(sequence, 0, last_index))
        return self._all[-1]

    def wrote(self, size: int, last_index: int) -> None:
        """`size` bytes went to the current segment; `last_index` 0: no entry among them."""
        segment = self._all[-1]
        segment.size += size
        segment.last_index = max(segment.last_index, last_index)

    def drop_up_to(self, index: int) -> list[str]:
        """Forget the oldest segments whose entries a snapshot at `index` holds; their names. Never the current one."""
        count = 0
        while count < len(self._all) - 1 and self._all[count].last_index <= index:
            count += 1
        gone, self._all = self._all[:count], self._all[count:]
        return [segment.name for segment in gone]
