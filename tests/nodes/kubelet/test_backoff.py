"""Crash-loop back-off: the documented series, and what forgets it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nodes.kubelet.backoff import Backoff

KUBERNETES = Backoff(10.0, 300.0)


def test_the_documented_series() -> None:
    """Kubernetes: "exponential back-off delay (10s, 20s, 40s, ...), capped at five minutes"; the first is at once."""
    assert [KUBERNETES.delay(n) for n in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_ten_minutes_without_problems_reset_it() -> None:
    assert KUBERNETES.streak(7, 599.9) == 7
    assert KUBERNETES.streak(7, 600.0) == 0


def test_what_never_worked_waits_from_the_first_time() -> None:
    assert [KUBERNETES.retry(n) for n in (1, 2, 3)] == [10, 20, 40]


@given(st.integers(-3, 10**6), st.floats(0.001, 100), st.floats(1, 1000))
def test_it_grows_to_the_longest_and_never_past(restarts: int, first: float, factor: float) -> None:
    backoff = Backoff(first, first * factor)
    assert 0 <= backoff.delay(restarts) <= backoff.delay(restarts + 1) <= backoff.longest
