"""Percentiles and rates over time."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from cluster.history.record import NEVER, Operation, Outcome
from cluster.report.latency import BINS, overall, quantile, series, width_for


def operation(start: float, took: float = 0.01, outcome: Outcome = "ok") -> Operation:
    end = NEVER if outcome == "unknown" else start + took
    return Operation("c", 0, "read", "k", None, start, end, outcome)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_one_of_the_values_and_that_many_are_not_above(values: list[float], share: float) -> None:
    values.sort()
    found = quantile(values, share)
    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-9


def test_the_highest_quantile_is_the_maximum() -> None:
    assert quantile([1.0, 2.0, 9.0], 1.0) == 9.0
    assert quantile([1.0, 2.0, 9.0], 0.5) == 2.0


@given(st.floats(0.1, 100_000))
def test_a_run_has_at_most_so_many_intervals(seconds: float) -> None:
    assert seconds / width_for(seconds) <= BINS + 1e-6


def test_operations_count_where_they_were_called_by_how_they_ended() -> None:
    history = [
        operation(0.5, 0.2),
        operation(0.6, 0.4),
        operation(1.5, outcome="fail"),
        operation(2.5, outcome="unknown"),
    ]
    found = series(history, 3.0, 1.0)
    assert list(found.times) == [0.5, 1.5, 2.5]
    assert found.rates == {"ok": [2, 0, 0], "fail": [0, 1, 0], "unknown": [0, 0, 1]}
    assert [v and round(v, 3) for v in found.latency["max"]] == [0.4, None, None]
    assert found.latency["p50"][1] is None


def test_a_last_interval_that_is_shorter_has_its_own_rate() -> None:
    found = series([operation(2.2), operation(2.3)], 2.5, 1.0)
    assert found.rates["ok"][-1] == 4.0
    assert math.isclose(found.times[-1], 2.25)


def test_few_operations_get_long_intervals() -> None:
    few, many = [operation(n / 2) for n in range(20)], [operation(n / 1000) for n in range(10_000)]
    assert series(few, 10.0).width > series(many, 10.0).width


def test_nothing_answered_has_no_percentiles() -> None:
    assert overall([operation(0.0, outcome="fail")]) == {}
    assert series([], 1.0).rates["ok"] == [0.0] * len(series([], 1.0).times)
    assert set(overall([operation(0.0)])) == {"p50", "p95", "p99", "max"}
