"""Journals: digests, files with torn tails, merging by Lamport time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.world.journal import Digest, frame, merge, read

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
