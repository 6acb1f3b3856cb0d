"""The order of pods, their backoff, and what wakes them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.scheduler.queue import SchedulingQueue


def queue() -> SchedulingQueue:
    return SchedulingQueue(backoff_start=1, backoff_max=10, retry=60)


def test_higher_priority_first_then_who_came_first() -> None:
    q = queue()
    for key, priority, at in (("low", 0, 0.0), ("late", 5, 2.0), ("early", 5, 1.0)):
        q.add(key, priority, at)
    assert [q.pop(3) for _ in range(4)] == ["early", "late", "low", None]


def test_a_known_pod_is_not_queued_twice() -> None:
    q = queue()
    q.add("a", 0, 0)
    q.add("a", 0, 0)
    assert (q.pop(0), q.pop(0), len(q)) == ("a", None, 1)
    q.updated("a", 0, 0)
    assert q.pop(0) is None, "it is being tried"


def test_what_fits_nowhere_waits_for_the_retry() -> None:
    q = queue()
    q.add("a", 0, 0)
    q.pop(0)
    q.fits_nowhere("a", 0)
    assert q.next_deadline() == 60
    assert q.pop(59.9) is None
    assert q.pop(60) == "a"


def test_a_change_of_the_cluster_wakes_it_after_its_backoff() -> None:
    q = queue()
    q.add("a", 0, 0)
    q.pop(0)
    q.fits_nowhere("a", 0)
    q.cluster_changed(0.5)
    assert (q.counts()["backoff"], q.next_deadline(), q.pop(0.9)) == (1, 1, None)
    assert q.pop(1) == "a"
    q.fits_nowhere("a", 1)
    q.cluster_changed(30)
    assert q.pop(30) == "a", "its backoff is long over"


def test_a_change_while_it_is_tried_is_not_missed() -> None:
    q = queue()
    q.add("a", 0, 0)
    q.pop(0)
    q.cluster_changed(0)
    q.fits_nowhere("a", 0)
    assert q.counts()["backoff"] == 1


def test_backoff_doubles_up_to_its_limit() -> None:
    q = queue()
    q.add("a", 0, 0)
    now, waits = 0.0, []
    for _ in range(6):
        assert q.pop(now) == "a"
        q.failed("a", now)
        deadline = q.next_deadline()
        assert deadline is not None
        waits.append(deadline - now)
        now = deadline
    assert waits == [1, 2, 4, 8, 10, 10]


def test_an_update_wakes_what_fits_nowhere_and_a_removed_pod_never_comes_back() -> None:
    q = queue()
    for key in ("a", "b"):
        q.add(key, 0, 0)
        assert q.pop(0) == key
        q.fits_nowhere(key, 0)
    q.updated("a", 7, 5)
    assert q.pop(5) == "a"
    q.remove("a")
    q.failed("a", 5)
    q.remove("b")
    assert (q.pop(1000), q.next_deadline(), len(q)) == (None, None, 0)


moves = st.tuples(
    st.sampled_from(["add", "pop", "nowhere", "failed", "changed", "updated", "remove"]), st.sampled_from("abc")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=30))
def test_no_pod_is_ever_lost(history: list[tuple[str, str]]) -> None:
    """Whatever happens, each pod that is known and not being tried comes out again by the longest wait."""
    q = queue()
    known: set[str] = set()
    trying: set[str] = set()
    for now, (what, key) in enumerate(history):
        if what == "add":
            q.add(key, 0, now)
            known.add(key)
        elif what == "pop":
            popped = q.pop(now)
            if popped is not None:
                assert popped in known - trying
                trying.add(popped)
        elif what in ("nowhere", "failed"):
            (q.fits_nowhere if what == "nowhere" else q.failed)(key, now)
            trying.discard(key)
        elif what == "changed":
            q.cluster_changed(now)
        elif what == "updated":
            q.updated(key, 0, now)
            known.add(key)
        else:
            q.remove(key)
            known.discard(key)
            trying.discard(key)
    end = len(history) + 60.0
    left = set()
    while (key_or_none := q.pop(end)) is not None:
        left.add(key_or_none)
    assert left == known - trying
