"""A snapshot's bytes: whole or refused, wherever they are damaged."""

from __future__ import annotations

import pytest

from store.snapshot import Reader, SnapshotError, Writer, seal, snapshot_name, unseal

PARTS = [b"one", b"", b"two" * 20, b"\xff" * 9]


def written(parts: list[bytes]) -> bytes:
    writer = Writer()
    return b"".join((writer.head(b"meta"), *map(writer.part, parts), writer.tail()))


def read(data: bytes) -> list[bytes]:
    return list(Reader("snapshot/7", lambda offset, size: data[offset : offset + size]).parts())


@pytest.mark.parametrize(("meta", "state"), [(b"", b""), (b"meta", b"state" * 100)])
def test_what_was_sealed_is_unsealed(meta: bytes, state: bytes) -> None:
    assert unseal("snapshot/1", seal(meta, state)) == (meta, state)


def test_the_parts_come_back_as_they_were_given() -> None:
    assert read(written(PARTS)) == PARTS
    assert read(written([])) == []


def test_damage_at_any_byte_is_refused_and_located() -> None:
    data = written(PARTS)
    starts, at = [0], len(Writer().head(b"meta"))
    for part in PARTS:
        starts.append(at)
        at += 16 + len(part)
    starts.append(at)
    for at in range(len(data)):
        for change in (1, 0x80):
            damaged = bytearray(data)
            damaged[at] ^= change
            with pytest.raises(SnapshotError) as caught:
                read(bytes(damaged))
            assert caught.value.offset == max(start for start in starts if start <= at)
            assert "let it join again with an empty disk" in str(caught.value)
        with pytest.raises(SnapshotError):
            read(data[:at])
    with pytest.raises(SnapshotError, match="after the tail"):
        read(data + b"x")


def test_parts_that_are_missing_twice_or_in_another_order_are_refused() -> None:
    writer = Writer()
    head, one, two, tail = writer.head(b""), writer.part(b"1"), writer.part(b"2"), writer.tail()
    other = Writer()
    other.part(b"0")
    foreign = other.part(b"2")
    assert read(head + one + two + tail) == [b"1", b"2"]
    for wrong in ((one, tail), (two, one, tail), (one, one, two, tail), (tail,), (one, two, other.tail())):
        with pytest.raises(SnapshotError):
            read(head + b"".join(wrong))
    assert foreign == two
    other = Writer()
    other.part(b"!")
    with pytest.raises(SnapshotError, match="tail"):
        read(head + one + other.part(b"3") + tail)


def test_other_formats_are_refused() -> None:
    data = written([])
    with pytest.raises(SnapshotError, match="no snapshot"):
        read(b"xx" + data)
    with pytest.raises(SnapshotError, match="format 3"):
        read(data[:8] + b"\3\0\0\0" + data[12:])


def test_names_sort_by_index() -> None:
    assert sorted([snapshot_name(10), snapshot_name(9)]) == [snapshot_name(9), snapshot_name(10)]
