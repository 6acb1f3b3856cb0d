"""Rows of benchmarks: medians against the bars of bars.toml; a bar that is missed says so."""

from __future__ import annotations

import pytest

from bench.rows import COLUMNS, against, bars, missing, number, row
from cluster.cli.bench import LONG, NAMES


def test_the_median_is_held_against_its_bar() -> None:
    held = row("boot", "up to all nodes Ready", [1.0, 1.2, 9.0], "s")
    assert (held.value, held.holds, held.spread) == (1.2, True, "1.00 to 9.00")
    missed = row("boot", "up to all nodes Ready", [3.0], "s")
    assert (missed.holds, missed.cells()[-2]) == (False, "NO")


def test_the_worst_counts_where_the_bar_says_so() -> None:
    what = "kill -9 of the store leader to the next acknowledged write"
    assert row("failover", what, [100, 200, 300], "ms").holds
    assert row("failover", what, [100, 200, 3000], "ms").holds is False


def test_without_a_bar_nothing_is_claimed() -> None:
    assert row("boot", "something else", [1.0], "s").holds is None
    assert against("store", "something else", [1.0], [2.0], "s").holds is None


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    held = against("store", "puts, 16 clients", [10.0, 90.0, 40.0], [10.0, 30.0, 20.0], "/s", "words")
    assert (held.value, held.peer, held.ratio, held.holds) == (40.0, 20.0, 2.0, True)
    assert held.detail == "ratio 1.00 to 3.00; words"
    missed = against("store", "puts, 16 clients, p99", [3.0], [2.0], "ms")
    assert (missed.ratio, missed.bar, missed.holds) == (1.5, "<= 1.0 x peer", False)


def test_without_a_peer_a_bar_is_not_judged() -> None:
    alone = against("store", "puts, 16 clients", [10.0], [], "/s")
    assert (alone.bar, alone.holds, alone.peer, alone.ratio) == (">= 1.5 x peer, not judged", None, None, None)


def test_what_could_not_be_measured_is_no_number() -> None:
    nothing = missing("raftos", "it hangs", "/s")
    assert nothing.cells() == ["raftos", "-", "/s", "", "", "", "", "", "it hangs"]
    assert len(nothing.cells()) == len(COLUMNS)
    assert nothing.data()["value"] is None
    assert [number(v) for v in (0.0, 0.00123, 1.234, 123.4, 12_345.6)] == ["0.00", "0.0012", "1.23", "123", "12,346"]


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_has_bars_and_every_bar_a_benchmark(name: str) -> None:
    assert bars()[name]
    assert set(bars()) == set(NAMES)
    assert set(LONG) < set(NAMES)
