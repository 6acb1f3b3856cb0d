from __future__ import annotations

import pytest

from cluster.campaign.seeds import parse, sample
from cluster.errors import UsageError


def test_a_number_counts_from_the_first_seed() -> None:
    assert parse("3") == range(3)
    assert parse("3", first=7) == range(7, 10)


def test_a_range_ends_before_its_end() -> None:
    assert parse("500:502") == range(500, 502)


@pytest.mark.parametrize("text", ["", "x", "1-5", "-1", "5:5", "7:3", "0", "1:2:3", "1.5", ":", "1:", "999999999"])
def test_anything_else_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert refused.value.place == "--seeds"
    assert refused.value.remedy


def test_two_in_a_hundred_are_run_twice_and_three_at_the_least() -> None:
    assert len(sample(range(1000))) == 20
    assert len(sample(range(10))) == 3
    assert sample(range(2)) == {0, 1}
    assert sample(range(10), share=0) == frozenset()


def test_the_sample_is_the_same_for_the_same_seeds() -> None:
    assert sample(range(500, 900)) == sample(range(500, 900))
    assert sample(range(500, 900)) <= set(range(500, 900))
