"""The log's bytes: cut at any byte it reads as a prefix, damaged at any byte it refuses."""

from __future__ import annotations

import struct
from itertools import accumulate

import pytest
from google_crc32c import extend
from hypothesis import given, settings
from hypothesis import strategies as st

from store import wal

NAME = wal.segment_name(1)
PAYLOADS = [b"first", b"", b"third \0 one" * 3, b"x"]


def segment(payloads: list[bytes], durable: list[int] | None = None) -> tuple[bytes, list[int]]:
    """Its bytes, and where each record begins, and the end. `durable`: how many records (the head is one) were synced
    when each was written; default: all before it."""
    book = wal.Segment(1, wal.HEAD_SIZE, 0)
    pieces, starts = [wal.head(1)], [0, wal.HEAD_SIZE]
    for number, payload in enumerate(payloads):
        book.durable = starts[number + 1 if durable is None else durable[number]]
        pieces.append(book.record(wal.BATCH, payload, 0))
        starts.append(book.size)
    assert starts[1:] == list(accumulate(map(len, pieces)))
    return b"".join(pieces), starts


def payloads_of(scan: wal.Scan) -> list[bytes]:
    return [record.payload for record in scan.records if record.type != wal.HEAD]


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 2000))
def test_what_was_written_is_read(payloads: list[bytes], reserved: int) -> None:
    data, _ = segment(payloads)
    for last in (True, False):
        scan = wal.scan(NAME, data + bytes(reserved), last=last)
        assert (payloads_of(scan), scan.size, scan.torn) == (payloads, len(data), 0)


@pytest.mark.parametrize("reserved", [0, 1, 700])
def test_a_crash_at_every_byte_leaves_whole_records(reserved: int) -> None:
    data, starts = segment(PAYLOADS)
    for size in range(len(data)):
        found = data[:size] + bytes(reserved)
        scan = wal.scan(NAME, found, last=True)
        whole = sum(start <= size for start in starts[2:])
        assert payloads_of(scan) == PAYLOADS[:whole]
        assert scan.size == max((start for start in starts if start <= size), default=0)
        assert scan.torn == max(0, len(found.rstrip(b"\0")) - scan.size)
        if scan.torn:
            with pytest.raises(wal.WalError, match="successor"):
                wal.scan(NAME, found, last=False)


ZEROS = [b"k" + bytes(3000) + b"tail", bytes(512), bytes(5000)]


def test_a_flipped_bit_in_a_last_record_that_is_full_of_zeros_is_no_torn_tail() -> None:
    for payload in ZEROS:
        data, starts = segment([b"first", payload])
        at = starts[2]
        assert payloads_of(wal.scan(NAME, data + bytes(9000), last=True)) == [b"first", payload]
        for flip in range(at, len(data)):
            damaged = bytearray(data + bytes(9000))
            damaged[flip] ^= 1 << flip % 8
            with pytest.raises(wal.WalError) as caught:
                wal.scan(NAME, bytes(damaged), last=True)
            assert caught.value.offset == at


def test_a_sector_of_zeros_that_was_not_written_is_a_torn_tail_whatever_was_to_stand_there() -> None:
    for payload in ZEROS:
        data, starts = segment([b"first", payload])
        for sector in range(starts[2] - starts[2] % 512, len(data), 512):
            torn = bytearray(data + bytes(9000))
            start, end = max(sector, starts[2]), min(sector + 512, len(data))
            torn[start:end] = bytes(end - start)
            scan = wal.scan(NAME, bytes(torn), last=True)
            assert (payloads_of(scan), scan.size) == ([b"first"], starts[2])


def test_what_was_written_before_there_were_masks_is_read() -> None:
    payload = bytes(5000)
    record = wal.frame(wal.BATCH, b"x" * 5000, 1, wal.HEAD_SIZE, 0)
    header = struct.pack("<BIII", wal.BATCH, 5000, extend(0, payload), 0)
    check = struct.pack("<I", extend(extend(0, header), struct.pack("<QI", 1, wal.HEAD_SIZE)))
    old = header + check + payload + b"\xa5"
    assert len(old) == len(record)
    scan = wal.scan(NAME, wal.head(1) + old + bytes(600), last=True)
    assert payloads_of(scan) == [payload]


@given(st.binary(max_size=600), st.integers(0, 3000), st.binary(max_size=600))
def test_a_mask_is_taken_off_as_it_was_put_on(before: bytes, zeros: int, after: bytes) -> None:
    payload = before + bytes(zeros) + after
    assert wal.mask(wal.mask(payload)) == payload
    data, _ = segment([payload])
    assert payloads_of(wal.scan(NAME, data, last=True)) == [payload]


def test_old_garbage_after_the_last_record_is_refused_and_never_read_as_a_record() -> None:
    """A disk that keeps its word gives zeros there; what else stands there may have been acknowledged."""
    data, starts = segment(PAYLOADS)
    for garbage in (b"\xff" * 900, data, b"B" * 900):
        for size in range(starts[-2], len(data) + 1):
            with pytest.raises(wal.WalError) as caught:
                wal.scan(NAME, data[:size] + garbage, last=True)
            assert caught.value.offset == (starts[-2] if size < len(data) else len(data))


@pytest.mark.parametrize("durable", [[1, 2, 3], [1, 2, 2], [1, 1, 1], [0, 0, 0]])
def test_a_sector_of_zeros_is_a_torn_tail_unless_a_whole_record_after_it_says_otherwise(durable: list[int]) -> None:
    payloads = [b"a" * 700, b"b" * 700, b"c" * 700]
    data, starts = segment(payloads, durable)
    refused = 0
    for sector in range(512, len(data) - 511, 512):
        damaged = data[:sector] + bytes(512) + data[sector + 512 :] + bytes(999)
        bad = max(number for number, start in enumerate(starts) if start <= sector)
        whole = [number for number in (1, 2, 3) if number > bad and starts[number] >= sector + 512]
        if any(starts[durable[number - 1]] > starts[bad] for number in whole):
            refused += 1
            with pytest.raises(wal.WalError, match="it was durable") as caught:
                wal.scan(NAME, damaged, last=True)
            assert caught.value.offset == starts[bad]
        else:
            assert payloads_of(wal.scan(NAME, damaged, last=True)) == payloads[: bad - 1]
    assert (refused > 0) == (durable in ([1, 2, 3], [1, 2, 2]))


def test_a_flipped_bit_anywhere_is_refused_and_located() -> None:
    """Even in the last record, which nothing proves to have been synced: no flipped bit looks like a crash."""
    for durable in (None, [1, 1, 1, 1]):
        data, starts = segment(PAYLOADS, durable)
        for at in range(len(data)):
            for bit in range(8):
                damaged = bytearray(data + bytes(600))
                damaged[at] ^= 1 << bit
                with pytest.raises(wal.WalError) as caught:
                    wal.scan(NAME, bytes(damaged), last=True)
                assert caught.value.name == NAME
                assert caught.value.offset == max(start for start in starts if start <= at)
                assert "must not start" in str(caught.value)


def test_a_flipped_bit_in_the_reserved_tail_is_no_record() -> None:
    """Near the log's end it looks like a torn header, beyond the sector like one whose first sector was lost; between
    these, like nothing known."""
    data, _ = segment(PAYLOADS)
    for at in range(len(data), len(data) + 600):
        damaged = bytearray(data + bytes(600))
        damaged[at] ^= 0x10
        if len(data) + wal.HEADER_SIZE <= at < 512:
            with pytest.raises(wal.WalError) as caught:
                wal.scan(NAME, bytes(damaged), last=True)
            assert caught.value.offset == len(data)
        else:
            assert payloads_of(wal.scan(NAME, bytes(damaged), last=True)) == PAYLOADS


def test_a_record_is_valid_at_its_own_place_only() -> None:
    data, _ = segment([b"a"])
    with pytest.raises(wal.WalError, match="header"):
        wal.scan(wal.segment_name(2), data, last=True)
    record = wal.frame(wal.BATCH, b"x", 1, wal.HEAD_SIZE, 0)
    with pytest.raises(wal.WalError, match="header"):
        wal.scan(NAME, wal.head(1) + wal.frame(wal.BATCH, b"", 1, wal.HEAD_SIZE, 0) + record, last=True)


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, with_head: bool) -> None:
    data = wal.head(1) + data if with_head else data
    try:
        scan = wal.scan(NAME, data, last=True)
    except wal.WalError:
        return
    assert scan.size + scan.torn <= len(data)


def test_foreign_segments_are_refused() -> None:
    def at(type: int, payload: bytes, offset: int = 0) -> bytes:
        return wal.frame(type, payload, 1, offset, 0)

    with pytest.raises(wal.WalError, match="number 7"):
        wal.scan(NAME, at(wal.HEAD, wal._HEAD.pack(b"capstWAL", wal.FORMAT, 7, 0)), last=True)
    with pytest.raises(wal.WalError, match="does not begin"):
        wal.scan(NAME, at(wal.BATCH, b""), last=True)
    with pytest.raises(wal.WalError, match="second head"):
        wal.scan(NAME, wal.head(1) + at(wal.HEAD, b"", wal.HEAD_SIZE), last=True)
    with pytest.raises(wal.WalError, match="unknown type 9"):
        wal.scan(NAME, wal.head(1) + at(9, b"", wal.HEAD_SIZE), last=True)
    newer = at(wal.HEAD, wal._HEAD.pack(b"capstWAL", 3, 1, 0))
    with pytest.raises(wal.WalError, match="format 3"):
        wal.scan(NAME, newer, last=True)
    with pytest.raises(wal.WalError, match="no segment"):
        wal.sequence_of("wal/lost+found")


def test_a_head_says_where_the_segment_before_it_ends() -> None:
    segment, head = wal.Segment(4, 777, 30).next()
    assert (segment.sequence, segment.size, segment.last_index) == (5, len(head), 30)
    assert wal.scan(segment.name, head, last=True).before == 777
