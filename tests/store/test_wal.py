"""The log's bytes: cut at any byte it reads as a prefix, damaged at any byte it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import wal

NAME = wal.segment_name(1)
PAYLOADS = [b"first", b"", b"third \0 one" * 3, b"x"]


def segment(payloads: list[bytes], sequence: int = 1) -> tuple[bytes, list[int]]:
    """Its bytes, and where each record ends."""
    data, ends = wal.head(sequence), []
    for payload in payloads:
        data += wal.frame(wal.BATCH, payload)
        ends.append(len(data))
    return data, ends


def payloads_of(scan: wal.Scan) -> list[bytes]:
    return [record.payload for record in scan.records if record.type != wal.HEAD]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_what_was_written_is_read(payloads: list[bytes]) -> None:
    data, _ = segment(payloads)
    for last in (True, False):
        scan = wal.scan(NAME, data, last=last)
        assert (payloads_of(scan), scan.size, scan.torn) == (payloads, len(data), 0)


def test_a_crash_at_every_byte_leaves_whole_records() -> None:
    data, ends = segment(PAYLOADS)
    for size in range(len(data)):
        scan = wal.scan(NAME, data[:size], last=True)
        whole = sum(end <= size for end in ends)
        assert payloads_of(scan) == PAYLOADS[:whole]
        assert scan.size + scan.torn == size
        if scan.torn:
            with pytest.raises(wal.WalError, match="successor"):
                wal.scan(NAME, data[:size], last=False)


def test_zeros_where_the_tail_should_be_are_a_torn_tail() -> None:
    data, ends = segment(PAYLOADS)
    for end in (0, ends[0], ends[-1]):
        scan = wal.scan(NAME, data[:end] + bytes(100), last=True)
        assert (scan.size, scan.torn) == (end, 100)


def test_a_payload_whose_last_sectors_are_zeros_is_torn() -> None:
    data, _ = segment([b"a", b"b" * 2000])
    scan = wal.scan(NAME, data[:-600] + bytes(600), last=True)
    assert payloads_of(scan) == [b"a"]
    with pytest.raises(wal.WalError):
        wal.scan(NAME, data[:-100] + bytes(100), last=True)


def test_a_flipped_bit_anywhere_is_refused_and_located() -> None:
    data, ends = segment(PAYLOADS)
    starts = [0, len(wal.head(1)), *ends[:-1]]
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(wal.WalError) as caught:
                wal.scan(NAME, bytes(damaged), last=True)
            assert caught.value.name == NAME
            assert caught.value.offset == max(start for start in starts if start <= at)
            assert "must not start" in str(caught.value)


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, with_head: bool) -> None:
    data = wal.head(1) + data if with_head else data
    try:
        scan = wal.scan(NAME, data, last=True)
    except wal.WalError:
        return
    assert scan.size + scan.torn == len(data)


def test_foreign_segments_are_refused() -> None:
    with pytest.raises(wal.WalError, match="number 7"):
        wal.scan(NAME, wal.head(7), last=True)
    with pytest.raises(wal.WalError, match="does not begin"):
        wal.scan(NAME, wal.frame(wal.BATCH, b""), last=True)
    with pytest.raises(wal.WalError, match="second head"):
        wal.scan(NAME, wal.head(1) * 2, last=True)
    with pytest.raises(wal.WalError, match="unknown type 9"):
        wal.scan(NAME, wal.head(1) + wal.frame(9, b""), last=True)
    newer = wal.frame(wal.HEAD, wal._HEAD.pack(b"capstWAL", 2, 1))
    with pytest.raises(wal.WalError, match="format 2"):
        wal.scan(NAME, newer, last=True)
    with pytest.raises(wal.WalError, match="no segment"):
        wal.sequence_of("wal/lost+found")


def test_segments_go_when_a_snapshot_holds_them() -> None:
    book = wal.Segments(100, [])
    assert book.full
    assert book.current is None
    for last_index in (10, 20, 30):
        book.begin()
        book.wrote(100, last_index)
        assert book.full
    assert book.drop_up_to(9) == []
    assert book.drop_up_to(20) == [wal.segment_name(1), wal.segment_name(2)]
    assert book.drop_up_to(99) == []
    assert book.begin().name == wal.segment_name(4)
    assert not book.full
