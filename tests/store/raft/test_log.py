"""The log: what is where, what matches, what is cut, what is durable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import InvariantViolation
from store.raft.log import Log
from store.raft.messages import Configuration, Entry, SnapshotMeta

TERMS = st.lists(st.integers(1, 4), max_size=8).map(sorted)


def entries(*terms: int, after: int = 0) -> tuple[Entry, ...]:
    return tuple(Entry(term, index, b"x" * term) for index, term in enumerate(terms, after + 1))


def make(*terms: int, commit: int = 0) -> Log:
    return Log(SnapshotMeta(), entries(*terms), commit)


def compacted() -> Log:
    """Entries 5 and 6 above a snapshot at 4."""
    return Log(SnapshotMeta(4, 2, Configuration(("a",))), entries(2, 3, after=4), 4)


@pytest.mark.parametrize(("index", "want"), [(0, None), (3, None), (4, 2), (5, 2), (6, 3), (7, None)])
def test_term(index: int, want: int | None) -> None:
    assert compacted().term(index) == want


def test_an_empty_log_has_term_0_at_index_0() -> None:
    log = make()
    assert (log.first, log.last, log.last_term, log.term(0), log.term(1)) == (1, 0, 0, 0, None)


def test_stored_entries_below_the_snapshot_are_skipped() -> None:
    log = Log(SnapshotMeta(2, 1), entries(1, 1, 2), 0)
    assert (log.first, log.last, log.commit, log.applied) == (3, 3, 2, 2)


def test_a_gap_in_what_was_stored_is_refused() -> None:
    with pytest.raises(InvariantViolation, match="entry 4 where 3 is due"):
        Log(SnapshotMeta(2, 1), entries(1, after=3), 0)


def test_a_stored_log_without_what_was_committed_is_refused() -> None:
    with pytest.raises(InvariantViolation, match="ends at 2, but 3 was committed"):
        make(1, 1, commit=3)


def test_appending_must_not_leave_a_gap() -> None:
    with pytest.raises(InvariantViolation, match="appending entry 5 after 2"):
        make(1, 1).append(entries(1, after=4))


@pytest.mark.parametrize(
    ("index", "term", "want"),
    [(9, 9, (5, 3)), (5, 3, (5, 3)), (5, 2, (3, 2)), (4, 1, (1, 1)), (3, 2, (3, 2)), (5, 0, (0, 0)), (0, 1, (0, 0))],
)
def test_conflict(index: int, term: int, want: tuple[int, int]) -> None:
    assert make(1, 2, 2, 3, 3).conflict(index, term) == want


@pytest.mark.parametrize(("index", "term", "want"), [(6, 1, (4, 2)), (4, 9, (4, 2)), (2, 9, (2, 0))])
def test_conflict_never_looks_below_the_compaction(index: int, term: int, want: tuple[int, int]) -> None:
    assert compacted().conflict(index, term) == want


@given(TERMS, st.integers(0, 9), st.integers(0, 5))
def test_conflict_as_by_looking_at_every_place(terms: list[int], index: int, term: int) -> None:
    places = [place for place in range(min(index, len(terms)), 0, -1) if terms[place - 1] <= term]
    place = places[0] if places else 0
    assert make(*terms).conflict(index, term) == (place, terms[place - 1] if place else 0)


@pytest.mark.parametrize(
    ("prev", "terms", "new", "last"),
    [
        ((3, 2), (), 0, 3),
        ((3, 2), (2, 3), 2, 5),
        ((1, 1), (2, 2), 0, 3),
        ((1, 1), (2, 2, 4), 1, 4),
        ((1, 1), (3,), 1, 2),
        ((1, 1), (2, 3, 3), 2, 4),
        ((2, 2), (3, 3), 2, 4),
        ((0, 0), (1, 2, 2), 0, 3),
    ],
)
def test_match(prev: tuple[int, int], terms: tuple[int, ...], new: int, last: int) -> None:
    log = make(1, 2, 2, commit=1)
    got = log.match(*prev, entries(*terms, after=prev[0]))
    assert got is not None
    assert len(got) == new
    assert log.last == last
    assert [entry.index for entry in log.entries] == list(range(1, last + 1))


@pytest.mark.parametrize("prev", [(4, 2), (3, 1), (3, 3), (9, 2)])
def test_no_match(prev: tuple[int, int]) -> None:
    assert make(1, 2, 2).match(*prev, entries(4, after=prev[0])) is None


def test_entries_that_do_not_follow_their_place_are_refused() -> None:
    with pytest.raises(InvariantViolation, match=r"entries 5\.\.5 sent to follow 3"):
        make(1, 2, 2).match(3, 2, entries(2, after=4))


def test_what_is_committed_is_never_cut() -> None:
    with pytest.raises(InvariantViolation, match="cutting the log at 2, but 2 is committed"):
        make(1, 2, 2, commit=2).match(1, 1, entries(3, after=1))


def test_commit_must_not_pass_the_end_and_never_goes_back() -> None:
    log = make(1, 1, commit=1)
    log.commit_to(2)
    log.commit_to(1)
    assert log.commit == 2
    with pytest.raises(InvariantViolation, match="committing 3, but the log ends at 2"):
        log.commit_to(3)


@pytest.mark.parametrize(("most", "want"), [(0, 1), (1, 1), (2, 1), (3, 2), (5, 3), (99, 3)])
def test_batch_is_bounded_but_never_empty(most: int, want: int) -> None:
    batch, size = make(1, 2, 2).batch(1, most)
    assert len(batch) == want
    assert size == sum(len(entry.data) for entry in batch)


def test_entries_are_durable_once_settled() -> None:
    log = make()
    log.append(entries(1, 1))
    assert [e.index for e in log.hand_out(1)] == [1, 2]
    log.append(entries(1, after=2))
    assert log.stable == 0
    assert [e.index for e in log.hand_out(3)] == [3]
    log.settled(2)
    assert log.stable == 2
    log.settled(3)
    assert log.stable == 3
    assert log.hand_out(4) == []


def test_what_was_cut_while_it_was_written_is_not_durable() -> None:
    log = make(1)
    log.append(entries(1, 1, 1, after=1))
    log.hand_out(1)
    log.match(2, 1, entries(2, after=2))
    log.settled(1)
    assert log.stable == 2
    assert [(e.term, e.index) for e in log.hand_out(2)] == [(2, 3)]
    log.settled(2)
    assert log.stable == 3


def test_what_was_cut_and_came_back_is_not_durable_before_its_last_write() -> None:
    """On disk the write in between may have cut it off again."""
    log = make(1)
    log.append(entries(2, 2, after=1))
    log.hand_out(1)
    log.match(1, 1, entries(3, after=1))
    log.hand_out(2)
    log.match(1, 1, entries(2, 2, after=1))
    log.hand_out(3)
    assert log.term(3) == 2
    for number, stable in ((1, 1), (2, 1), (3, 3)):
        log.settled(number)
        assert log.stable == stable


def test_what_is_committed_is_given_once() -> None:
    log = make(1, 1, 1, commit=2)
    assert [e.index for e in log.give()] == [1, 2]
    assert log.give() == []
    log.commit_to(3)
    assert [e.index for e in log.give()] == [3]


def test_a_snapshot_makes_durable_what_it_holds() -> None:
    log = make()
    log.append(entries(1, 1, 1))
    log.hand_out(1)
    log.commit_to(2)
    log.applied = 2
    log.compact(SnapshotMeta(2, 1), keep_from=1)
    assert (log.stable, log.first) == (2, 1)


def test_compact_keeps_what_laggards_need() -> None:
    log = make(1, 1, 2, 2, commit=4)
    log.applied = 4
    log.compact(SnapshotMeta(3, 2), keep_from=2)
    assert (log.first, log.base_term, log.last, log.term(1), log.snapshot.index) == (2, 1, 4, 1, 3)
    log.compact(SnapshotMeta(4, 2), keep_from=9)
    assert (log.first, log.last, log.last_term) == (5, 4, 2)


@pytest.mark.parametrize("meta", [SnapshotMeta(4, 2), SnapshotMeta(3, 1)])
def test_a_snapshot_of_what_was_not_applied_is_refused(meta: SnapshotMeta) -> None:
    log = make(1, 1, 2, 2, commit=3)
    log.applied = 3
    with pytest.raises(InvariantViolation, match="applied is 3"):
        log.compact(meta, keep_from=0)


def test_restore_replaces_everything_but_goes_never_back() -> None:
    log = make(1, 1, 1, commit=2)
    log.restore(SnapshotMeta(9, 4))
    assert (log.first, log.last, log.last_term, log.commit, log.applied, log.stable) == (10, 9, 4, 9, 9, 9)
    with pytest.raises(InvariantViolation, match="snapshot at 9, but 9 is committed"):
        log.restore(SnapshotMeta(9, 4))
