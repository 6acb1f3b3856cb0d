"""Journals: digests, files with torn tails, merging by Lamport time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.world.journal import Digest, Reader, frame, merge, read

RECORDS = st.lists(st.tuples(st.floats(0, 10), st.integers(0, 50), st.sampled_from("ab"), st.just(1), st.text()))


@given(RECORDS, st.integers(0, 200))
def test_a_torn_tail_ends_the_file(records: list[tuple[object, ...]], cut: int) -> None:
    data = b"".join(frame(r) for r in records)
    whole = list(read(data))
    assert whole == [tuple(r) for r in records]
    torn = list(read(data[: max(0, len(data) - cut)]))
    assert torn == whole[: len(torn)]


def test_the_digest_tells_records_apart() -> None:
    one, two = Digest(), Digest()
    one.add((1, "a"))
    two.add((1, "b"))
    assert one.hexdigest() != two.hexdigest()


def test_merging_respects_lamport_time() -> None:
    a = [(5.0, 1, "a", 1, "send"), (6.0, 4, "a", 1, "deliver")]
    b = [(1.0, 2, "b", 1, "deliver"), (2.0, 3, "b", 1, "send")]
    assert [r[1] for r in merge([a, b])] == [1, 2, 3, 4]


def test_a_journal_that_comes_in_pieces_is_read_as_one_that_does_not() -> None:
    records = [(float(n), n, "a", 1, "role", {"term": n}) for n in range(50)]
    data = b"".join(frame(record) for record in records) + frame(records[0])[:5]
    for size in (1, 7, 64, len(data)):
        reader = Reader()
        found = [record for at in range(0, len(data), size) for record in reader.feed(data[at : at + size])]
        assert found == records
