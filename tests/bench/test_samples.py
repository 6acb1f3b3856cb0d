"""Statistics of benchmarks: percentiles, medians over rounds, ratios round by round, what is flat."""

from __future__ import annotations

import pytest

from bench.samples import Cell, Cores, Sample, medians, percentile, quarters, ratios, sample


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(i) for i in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (50, 99, 100)
    assert percentile([7.0], 99) == 7.0
    assert percentile([1.0, 2.0], 50) == 1.0
    assert percentile([1.0, 2.0, 3.0], 99) == 3.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_sample_is_of_all_latencies_in_any_order() -> None:
    got = sample([0.004, 0.001, 0.002, 0.003], 2.0, Cores(0.5, 1.0, 0.25), 3)
    assert (got.rate, got.p50, got.p99, got.errors, got.operations) == (2.0, 2.0, 4.0, 3, 4)


def test_medians_are_taken_figure_by_figure_and_errors_add_up() -> None:
    rounds = [
        Sample(10, 3.0, 9.0, Cores(0.1, 0.2, 0.3, 0.4), 1, {"each p99": 5.0}),
        Sample(30, 1.0, 8.0, Cores(0.3, 0.4, 0.1, 0.0), 0, {"each p99": 7.0}),
        Sample(20, 2.0, 99.0, Cores(0.2, 0.9, 0.2, 0.1), 2, {"each p99": 6.0}, 7),
    ]
    middle = medians(rounds)
    assert middle == Sample(20, 2.0, 9.0, Cores(0.2, 0.4, 0.2, 0.1), 3, {"each p99": 6.0}, 7)


def test_a_ratio_belongs_to_one_round() -> None:
    assert ratios([2, 9], [1, 3]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="2 rounds against 1"):
        ratios([1, 2], [1])
    with pytest.raises(ValueError, match="smallest 0"):
        ratios([1, 2], [1, 0])


def test_the_last_quarter_is_held_against_the_second() -> None:
    assert quarters([100, 100, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) == (3, 9)
    assert quarters([1, 2, 3, 4]) == (2, 4)
    with pytest.raises(ValueError, match="3 values"):
        quarters([1, 2, 3])


def test_a_cell_says_what_it_is() -> None:
    assert str(Cell("puts", 1)) == "puts, 1 client"
    assert str(Cell("gets", 16)) == "linearizable gets, 16 clients"
    assert str(Cell("watch", 100)) == "watch, 100 watchers"
