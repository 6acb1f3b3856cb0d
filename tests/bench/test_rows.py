"""Rows of benchmarks: medians against the bars of bars.toml; a bar that is missed says so."""

from __future__ import annotations

import pytest

from bench.rows import bars, row
from cluster.cli.bench import NAMES


def test_the_median_is_held_against_its_bar() -> None:
    held = row("boot", "up to all nodes Ready", [1.0, 1.2, 9.0], "s")
    assert (held.value, held.holds, held.spread) == (1.2, True, "1.00 to 9.00")
    missed = row("boot", "up to all nodes Ready", [3.0], "s")
    assert (missed.holds, missed.cells()[-1]) == (False, "NO")


def test_the_worst_counts_where_the_bar_says_so() -> None:
    what = "kill -9 of the store leader to the next acknowledged write"
    assert row("failover", what, [100, 200, 300], "ms").holds
    assert row("failover", what, [100, 200, 3000], "ms").holds is False


def test_without_a_bar_nothing_is_claimed() -> None:
    assert row("boot", "something else", [1.0], "s").holds is None


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_has_bars_and_every_bar_a_benchmark(name: str) -> None:
    assert bars()[name]
    assert set(bars()) == set(NAMES)
