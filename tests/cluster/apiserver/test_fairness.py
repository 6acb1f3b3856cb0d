"""Seats, turns and refusals by table, without a clock; and that nobody starves, by hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.apiserver.auth.rules import ANONYMOUS, AUTHENTICATED, Who
from cluster.apiserver.fairness import Fairness, Level, Ticket, level_of, width_of_list
from cluster.errors import StatusError

JANE, JOE = Who("jane", (AUTHENTICATED,)), Who("joe", (AUTHENTICATED,))
KUBELET = Who("system:node:worker-0", ("system:nodes", AUTHENTICATED))
ADMIN = Who("admin", ("system:masters", AUTHENTICATED))


def small(seats: int = 2, queue: int = 2, waiting: int = 3) -> Fairness:
    levels = [Level("workload", seats, queue, waiting), Level("system", 1, 1, 1), Level("catch-all", 1, 0, 0)]
    return Fairness(levels, watches=2)


class Crowd:
    """Those who came, and in which order they were served."""

    def __init__(self, fairness: Fairness) -> None:
        self.fairness = fairness
        self.served: list[str] = []

    def comes(self, who: Who, label: str, width: int = 1) -> Ticket:
        ticket = self.fairness.arrive(who, width, lambda: self.served.append(label))
        assert ticket is not None
        if ticket.running:
            self.served.append(label)
        return ticket


@pytest.mark.parametrize(
    ("who", "level"),
    [
        (ADMIN, ""),
        (KUBELET, "system"),
        (Who("system:kube-scheduler", (AUTHENTICATED,)), "system"),
        (Who("system:serviceaccount:kube-system:x", ("system:serviceaccounts:kube-system",)), "system"),
        (JANE, "workload"),
        (ANONYMOUS, "catch-all"),
    ],
)
def test_levels(who: Who, level: str) -> None:
    assert level_of(who) == level


def test_a_seat_is_free_or_one_waits_or_is_refused() -> None:
    crowd = Crowd(small())
    first = crowd.comes(JANE, "1")
    crowd.comes(JANE, "2")
    third, _ = crowd.comes(JANE, "3"), crowd.comes(JANE, "4")
    with pytest.raises(StatusError) as caught:
        crowd.comes(JANE, "5")
    assert (caught.value.code, caught.value.details["retryAfterSeconds"]) == (429, 1)
    crowd.comes(JOE, "joe")
    with pytest.raises(StatusError):  # all that may wait
        crowd.comes(Who("jim", (AUTHENTICATED,)), "jim")
    crowd.fairness.leave(third)  # it does not want to wait any longer
    crowd.fairness.leave(first)
    assert crowd.served == ["1", "2", "joe"]


def test_who_holds_least_is_next() -> None:
    crowd = Crowd(small(seats=3, queue=5, waiting=9))
    tickets = [crowd.comes(JANE, f"jane{n}") for n in range(6)]
    crowd.comes(JOE, "joe0")
    crowd.comes(JOE, "joe1")
    for ticket in tickets[:3]:
        crowd.fairness.leave(ticket)
    assert crowd.served == ["jane0", "jane1", "jane2", "joe0", "jane3", "joe1"]


def test_levels_do_not_keep_one_another_out() -> None:
    crowd = Crowd(small(seats=1))
    crowd.comes(JANE, "jane")
    assert crowd.comes(KUBELET, "kubelet").running
    assert crowd.comes(ANONYMOUS, "anybody").running
    with pytest.raises(StatusError):
        crowd.comes(ANONYMOUS, "anybody else")
    assert all(crowd.fairness.arrive(ADMIN, 1, lambda: None) is None for _ in range(100))


def test_what_is_wide_takes_more_seats_and_comes_to_its_turn() -> None:
    assert [width_of_list(n) for n in (0, 999, 1000, 5000, 100_000)] == [1, 1, 2, 6, 10]
    crowd = Crowd(small(seats=3, queue=5, waiting=9))
    one, two = crowd.comes(JANE, "a", 2), crowd.comes(JANE, "b")
    wide = crowd.comes(JOE, "wide", 10)
    crowd.comes(JANE, "c")
    crowd.fairness.leave(one)
    assert crowd.served == ["a", "b"]
    crowd.fairness.leave(two)
    assert crowd.served == ["a", "b", "wide"]
    crowd.fairness.leave(wide)
    assert crowd.served == ["a", "b", "wide", "c"]


def test_watches_are_counted() -> None:
    fairness = small()
    assert fairness.watch(JANE)
    assert fairness.watch(JANE)
    with pytest.raises(StatusError, match="user jane has 2 watches open"):
        fairness.watch(JANE)
    assert fairness.watch(JOE)
    fairness.unwatch(JANE)
    assert fairness.watch(JANE)
    assert not fairness.watch(ADMIN)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 4), st.booleans()), max_size=60))
def test_seats_are_never_oversold_and_everybody_is_served(moves: list[tuple[str, int, bool]]) -> None:
    fairness = Fairness([Level("workload", 3, 50, 100)])
    tickets: list[Ticket] = []
    served: list[int] = []
    for number, (name, width, leaves) in enumerate(moves):
        ticket = fairness.arrive(Who(name, (AUTHENTICATED,)), width, lambda n=number: served.append(n))  # type: ignore[misc]
        assert ticket is not None
        if ticket.running:
            served.append(number)
        tickets.append(ticket)
        running = [each for each in tickets if each.running]
        assert sum(each.width for each in running) <= 3 or len(running) == 1
        if leaves and running:
            fairness.leave(running[0])
    while running := [each for each in tickets if each.running]:
        fairness.leave(running[0])
    assert sorted(served) == list(range(len(moves)))
