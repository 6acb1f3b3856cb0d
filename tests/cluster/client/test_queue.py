"""The work queue, by table and against a twin that is a sorted list."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cluster.client.queue import WorkQueue


def test_a_key_waits_once_and_has_one_worker() -> None:
    queue = WorkQueue(Random(0))
    queue.add("a")
    queue.add("b")
    queue.add("a")
    assert [queue.get(0.0), queue.get(0.0), queue.get(0.0)] == ["a", "b", None]
    queue.add("a")
    assert queue.get(0.0) is None
    assert queue.next_time(0.0) is None
    queue.done("a")
    assert queue.get(0.0) == "a"


def test_backoff_doubles_up_to_its_longest_and_forgets() -> None:
    queue = WorkQueue(Random(0), backoff_start=1.0, backoff_max=10.0)
    waits = [queue.add_backoff("a", 0.0) for _ in range(6)]
    for wait, longest in zip(waits, (1.0, 2.0, 4.0, 8.0, 10.0, 10.0), strict=True):
        assert longest / 2 <= wait <= longest
    assert queue.failures("a") == 6
    queue.forget("a")
    assert queue.add_backoff("a", 0.0) <= 1.0
    for _ in range(2000):
        assert queue.add_backoff("b", 0.0) <= 10.0


def test_the_earliest_time_counts() -> None:
    queue = WorkQueue(Random(0))
    queue.add_after("a", 0.0, 10.0)
    queue.add_after("a", 0.0, 3.0)
    queue.add_after("a", 0.0, 7.0)
    assert queue.next_time(0.0) == 3.0
    assert queue.get(2.9) is None
    assert queue.get(3.0) == "a"
    queue.done("a")
    assert queue.get(100.0) is None
    assert len(queue) == 0


class Twin:
    """Everything in one list of (time, order, key), searched from the front each time."""

    def __init__(self) -> None:
        self.ready: list[str] = []
        self.later: list[tuple[float, int, str]] = []
        self.working: list[str] = []
        self.again: list[str] = []
        self.count = 0

    def add(self, key: str) -> None:
        place = self.again if key in self.working else self.ready
        if key not in place:
            place.append(key)

    def add_after(self, key: str, now: float, seconds: float) -> None:
        if seconds <= 0:
            self.add(key)
            return
        old = [entry for entry in self.later if entry[2] == key]
        if old and old[0][0] <= now + seconds:
            return
        self.count += 1
        self.later = sorted([e for e in self.later if e[2] != key] + [(now + seconds, self.count, key)])

    def get(self, now: float) -> str | None:
        while self.later and self.later[0][0] <= now:
            self.add(self.later.pop(0)[2])
        if not self.ready:
            return None
        self.working.append(self.ready.pop(0))
        return self.working[-1]

    def done(self, key: str) -> None:
        if key in self.working:
            self.working.remove(key)
        if key in self.again:
            self.again.remove(key)
            self.ready.append(key)


keys = st.sampled_from("abcd")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), keys, st.just(0)),
        st.tuples(st.just("after"), keys, st.integers(-1, 5)),
        st.tuples(st.just("get"), st.just(""), st.integers(0, 3)),
        st.tuples(st.just("done"), keys, st.just(0)),
    ),
    max_size=60,
)


@given(steps)
def test_it_does_as_the_twin(story: list[tuple[str, str, int]]) -> None:
    queue, twin, now = WorkQueue(Random(0)), Twin(), 0.0
    for verb, key, number in story:
        match verb:
            case "add":
                queue.add(key)
                twin.add(key)
            case "after":
                queue.add_after(key, now, number)
                twin.add_after(key, now, number)
            case "done":
                queue.done(key)
                twin.done(key)
            case "get":
                now += number
                expected = queue.next_time(now)
                got = queue.get(now)
                assert got == twin.get(now)
                assert got is None or expected == now
        assert queue.working() == twin.working
        assert len(queue) == len({*twin.ready, *twin.again, *(e[2] for e in twin.later)})
