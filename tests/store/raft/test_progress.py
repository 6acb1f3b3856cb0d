"""One follower as the leader sees it."""

from __future__ import annotations

import pytest

from store.raft.progress import Pace, Progress


def follower(pace: Pace = Pace.PROBE, match: int = 3, following: int = 8) -> Progress:
    return Progress("b", following, 0.0, 0.0, match=match, pace=pace)


def test_a_probe_is_one_append_until_it_is_answered() -> None:
    b = follower()
    assert not b.blocked(9, 99)
    b.sent_entries(9, 10)
    assert b.blocked(9, 99)
    assert b.next == 8
    assert b.acked(9)
    assert (b.pace, b.match, b.next) == (Pace.REPLICATE, 9, 10)


def test_replicating_goes_on_until_the_window_is_full() -> None:
    b = follower(Pace.REPLICATE)
    for last in (8, 9, 12):
        assert not b.blocked(3, 99)
        b.sent_entries(last, 10)
    assert b.blocked(3, 99)
    assert b.next == 13
    b.acked(9)
    assert not b.blocked(3, 99)
    assert list(b.inflight) == [(12, 10)]
    assert b.inflight_bytes == 10


def test_the_window_also_counts_bytes() -> None:
    b = follower(Pace.REPLICATE)
    b.sent_entries(8, 60)
    assert not b.blocked(9, 99)
    b.sent_entries(9, 60)
    assert b.blocked(9, 99)
    b.acked(8)
    assert not b.blocked(9, 99)
    b.replicate()
    assert b.inflight_bytes == 0


def test_an_answer_that_says_nothing_new_still_ends_the_probing() -> None:
    b = follower(following=4)
    assert not b.acked(3)
    assert b.pace is Pace.REPLICATE


def test_an_old_answer_does_not_end_the_probing() -> None:
    b = follower()
    assert not b.acked(2)
    assert (b.pace, b.match, b.next) == (Pace.PROBE, 3, 8)


@pytest.mark.parametrize(
    ("pace", "index", "hint", "want"),
    [
        (Pace.PROBE, 7, 5, (Pace.PROBE, 6)),
        (Pace.PROBE, 7, 1, (Pace.PROBE, 4)),
        (Pace.PROBE, 7, 9, (Pace.PROBE, 7)),
        (Pace.PROBE, 6, 5, (Pace.PROBE, 8)),
        (Pace.PROBE, 3, 0, (Pace.PROBE, 8)),
        (Pace.REPLICATE, 6, 5, (Pace.PROBE, 6)),
        (Pace.REPLICATE, 3, 0, (Pace.REPLICATE, 8)),
        (Pace.SNAPSHOT, 7, 5, (Pace.SNAPSHOT, 8)),
    ],
    ids=lambda value: str(value),
)
def test_rejected(pace: Pace, index: int, hint: int, want: tuple[Pace, int]) -> None:
    b = follower(pace)
    b.rejected(index, hint)
    assert (b.pace, b.next) == want


def test_needing_a_snapshot_forgets_what_was_under_way() -> None:
    b = follower(Pace.REPLICATE)
    b.sent_entries(9, 10)
    b.need_snapshot()
    assert b.pace is Pace.SNAPSHOT
    assert not b.inflight
    b.acked(9)
    b.replicate()
    assert (b.pace, b.next) == (Pace.REPLICATE, 10)


def sending() -> Progress:
    """Chunks of 10 bytes: 3 arrived, 2 more are under way."""
    b = follower(Pace.SNAPSHOT)
    b.start_snapshot(7)
    b.offset = 50
    b.wants(30)
    return b


def test_chunks_go_on_behind_what_arrived() -> None:
    b = sending()
    assert (b.arrived, b.offset) == (30, 50)
    b.wants(40)
    assert (b.arrived, b.offset) == (40, 50)
    b.wants(70)
    assert (b.arrived, b.offset) == (70, 70)


def test_the_same_offset_again_means_a_lost_chunk_and_is_believed_once() -> None:
    b = sending()
    b.wants(30)
    assert b.offset == 30
    b.offset = 50
    b.wants(30)
    assert b.offset == 50
    b.wants(40)
    b.wants(40)
    assert b.offset == 40


def test_a_smaller_offset_means_a_restarted_receiver() -> None:
    b = sending()
    b.wants(10)
    assert (b.arrived, b.offset) == (10, 10)


def test_a_heartbeat_without_news_sends_again() -> None:
    b = sending()
    b.stalled(90)
    assert b.offset == 50
    b.stalled(90)
    assert b.offset == 30
    b.wants(100)
    b.stalled(90)
    b.stalled(90)
    assert b.offset == 90
