"""The write-ahead log's bytes: records with checksums, in segments; what a crash can leave behind and what it cannot.

Pure: bytes in, bytes out. Must not know what the payloads say or touch a disk (store/segments.py does).

A segment is a run of records, then zeros (it was reserved). The first record is its HEAD, which also says where the
segment before it ends. A record is a header of 17 bytes (type; length of the payload; CRC32C of the payload; up to
which byte of this segment everything was durable when the record was made; CRC32C of these and of the record's place:
segment and offset; little-endian), its payload and one byte END. A record is valid at one place of one segment only.

A crash can only damage what was not synced, which is the end of the last segment: a *window* of it, in which the kernel
may have written any sectors, or any prefix, and left zeros elsewhere. A bad record is a torn tail, and cut, if

- no valid record after it says that it was durable (then it was acknowledged, perhaps: corruption), and
- it looks like that: the log ends with zeros before the record's END, or a whole sector of the record is zeros.

Everything else that does not check is corruption, which may hide what was acknowledged; then the member must not start.
A payload that has a sector of zeros itself is written masked, or one flipped bit in it would look like a torn tail.
What stays undecidable: damage by zeros (not a flipped bit: types and END have several bits set) to a record that was
synced, when no whole record after it says so: in the last window, or when those are damaged too. It reads as a torn
tail. Then this member forgets what it acknowledged; the raft group keeps it as long as a majority has it.

Other garbage after the last record is refused, not cut: what the disk gives back for a reserved byte is zero.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import NamedTuple

from google_crc32c import extend

from cluster.errors import HaltError

HEAD, BATCH, MARK = ord("H"), ord("B"), ord("M")
"""Types of records: a segment's first; one `Ready`'s hard state and entries; a snapshot replaced the log."""
MASKED = 0x20
"""In a type: the payload had a sector of zeros, which would look as if it had not been written, and is masked."""

FORMAT = 2
END = 0xA5
SECTOR = 512
_HEADER = struct.Struct("<BIII")
_CHECK = struct.Struct("<I")
_PLACE = struct.Struct("<QI")
_HEAD = struct.Struct("<8sIQI")
_MAGIC = b"capstWAL"
_TYPE = re.compile(b"[HBMbm]")
_KNOWN = frozenset((HEAD, BATCH, MARK, BATCH | MASKED, MARK | MASKED))
_ZEROS = bytes(SECTOR)
_MASK = bytes(range(1, 252))
"""Repeated: no zero in it, and a period that no payload is likely to have."""
_END = bytes((END,))
HEADER_SIZE = _HEADER.size + _CHECK.size
OVERHEAD = HEADER_SIZE + 1


class WalError(HaltError):
    """The log cannot be trusted. Names the file, the offset and what to do."""

    def __init__(self, name: str, offset: int, what: str) -> None:
        super().__init__(
            f"{name}: {what} at byte {offset}; this member must not start with it: "
            "let it join again with an empty disk (engine raft: `store member remove`, then `add`), or restore the file"
        )
        self.name = name
        self.offset = offset


class Record(NamedTuple):
    type: int
    payload: bytes
    offset: int


class Scan(NamedTuple):
    """`size`: bytes up to the end of the last good record. `torn`: bytes of a torn tail after it, zeros at the end not
    counted. `before`: where the segment before it ends, 0 if there was none."""

    records: list[Record]
    size: int
    torn: int
    before: int


def frame(type: int, payload: bytes, sequence: int, offset: int, durable: int) -> bytes:
    """One record for `offset` of segment `sequence`, of which `durable` bytes are known to be durable."""
    if _ZEROS in payload:
        type, payload = type | MASKED, mask(payload)
    header = _HEADER.pack(type, len(payload), extend(0, payload), durable)
    check = extend(extend(0, header), _PLACE.pack(sequence, offset))
    return b"".join((header, _CHECK.pack(check), payload, _END))


def mask(payload: bytes) -> bytes:
    """The other bytes that it is written as, and of these itself again."""
    size = len(payload)
    other = (_MASK * (size // len(_MASK) + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(other, "little")).to_bytes(size, "little")


def head(sequence: int, before: int = 0) -> bytes:
    """The first record of segment `sequence`; the one before it ends at `before`."""
    return frame(HEAD, _HEAD.pack(_MAGIC, FORMAT, sequence, before), sequence, 0, 0)


HEAD_SIZE = len(head(1))


def segment_name(sequence: int) -> str:
    return f"wal/{sequence:016d}"


def sequence_of(name: str) -> int:
    """WalError for a file that is no segment."""
    text = name.removeprefix("wal/")
    if not text.isdecimal():
        raise WalError(name, 0, "the file is no segment of the log")
    return int(text)


def scan(name: str, data: bytes, *, last: bool) -> Scan:
    """The records of a segment. Only the last segment (but for blank ones) may have a torn tail."""
    sequence = sequence_of(name)
    records: list[Record] = []
    at, end = 0, len(data.rstrip(b"\0"))
    while at < end:
        fault, size = _look(data, at, sequence)
        if fault:
            _refuse_unless_torn(name, data, _Bad(at, size, end, fault), last=last)
            break
        records.append(_record(data[at], data[at + HEADER_SIZE : at + size - 1], at))
        at += size
    return Scan(records, at, max(0, end - at), _check_head(name, sequence, records))


def _record(type: int, payload: bytes, at: int) -> Record:
    return Record(type & ~MASKED, mask(payload), at) if type & MASKED else Record(type, payload, at)


class _Bad(NamedTuple):
    """A record that does not check: its place, its size if the header is good (else 0), where only zeros are left."""

    at: int
    size: int
    end: int
    fault: str


def _look(data: bytes, at: int, sequence: int) -> tuple[str, int]:
    """(what is wrong with the record at `at`, "" if nothing; its size, 0 if its header is not to be trusted)."""
    body = at + HEADER_SIZE
    if body > len(data):
        return "a record that is cut short", 0
    type, length, checksum, _ = _HEADER.unpack_from(data, at)
    (check,) = _CHECK.unpack_from(data, at + _HEADER.size)
    if extend(extend(0, data[at : at + _HEADER.size]), _PLACE.pack(sequence, at)) != check:
        return "a record's header does not match its checksum", 0
    size = length + OVERHEAD
    if at + size > len(data):
        return "a record that is cut short", size
    if extend(0, data[body : body + length]) != checksum or data[at + size - 1] != END:
        return "a record does not match its checksum", size
    if type not in _KNOWN:
        return f"a record of unknown type {type}", size
    return "", size


def _refuse_unless_torn(name: str, data: bytes, bad: _Bad, *, last: bool) -> None:
    if not last:
        raise WalError(name, bad.at, f"{bad.fault} in a segment that has a successor")
    proof = _proof(data, bad, sequence_of(name))
    if proof:
        raise WalError(name, bad.at, f"{bad.fault}; it was durable (the record at byte {proof} says so)")
    if not _looks_torn(data, bad):
        raise WalError(name, bad.at, bad.fault)


def _proof(data: bytes, bad: _Bad, sequence: int) -> int:
    """Where a later valid record says that the bad one was durable; 0 if none does."""
    for match in _TYPE.finditer(data, bad.at + 1, bad.end):
        at = match.start()
        if not _look(data, at, sequence)[0] and _HEADER.unpack_from(data, at)[3] > bad.at:
            return at
    return 0


def _looks_torn(data: bytes, bad: _Bad) -> bool:
    """Could a crash before its sync have left the record so?"""
    stop = bad.at + (bad.size or OVERHEAD)
    if bad.end < stop:
        return True  # zeros, or the file's end, where its END should be
    sector = bad.at - bad.at % SECTOR
    while sector < stop:
        start, end = max(sector, bad.at), sector + SECTOR
        if end <= len(data) and not data[start:end].strip(b"\0"):
            return True  # a sector that was not written
        sector = end
    return False


def _check_head(name: str, sequence: int, records: list[Record]) -> int:
    if not records:
        return 0
    first = records[0]
    if first.type != HEAD or len(first.payload) != _HEAD.size:
        raise WalError(name, 0, "the segment does not begin with its head")
    magic, version, own, before = _HEAD.unpack(first.payload)
    if magic != _MAGIC or version != FORMAT:
        raise WalError(name, 0, f"format {version} of the log, this is format {FORMAT}")
    if own != sequence:
        raise WalError(name, 0, f"the segment says that it is number {own}")
    for record in records[1:]:
        if record.type == HEAD:
            raise WalError(name, record.offset, "a second head")
    return int(before)


@dataclass(slots=True)
class Segment:
    """`size`: bytes written to it, `durable`: those known to be durable. `last_index`: highest entry index in it or
    before; a segment is of no use when a snapshot holds all of that."""

    sequence: int
    size: int
    last_index: int
    durable: int = 0

    @property
    def name(self) -> str:
        return segment_name(self.sequence)

    def record(self, type: int, payload: bytes, last_index: int) -> bytes:
        """The next record of this segment. `last_index` 0: no entry in it."""
        data = frame(type, payload, self.sequence, self.size, self.durable)
        self.size += len(data)
        if last_index > self.last_index:
            self.last_index = last_index
        return data

    def next(self) -> tuple[Segment, bytes]:
        """The segment after this one, and its head."""
        data = head(self.sequence + 1, self.size)
        return Segment(self.sequence + 1, len(data), self.last_index), data
