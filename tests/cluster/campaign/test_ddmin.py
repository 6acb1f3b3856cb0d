from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from cluster.campaign.ddmin import lower, shrink, without

Items = tuple[int, ...]


def test_exactly_what_is_needed_is_left() -> None:
    needed = {3, 17, 40}
    tried: list[Items] = []

    def fails(items: Items) -> Items | None:
        tried.append(items)
        return items if needed <= set(items) else None

    assert shrink(tuple(range(64)), lambda items: without(items), fails) == (3, 17, 40)
    assert len(tried) < 150  # of 2^64 subsets


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1))))
def test_no_single_item_can_be_left_out_of_what_is_left(case: tuple[int, set[int]]) -> None:
    count, needed = case
    found = shrink(tuple(range(count)), lambda items: without(items), lambda i: i if needed <= set(i) else None)
    assert set(found) == needed


def test_halves_come_before_single_items() -> None:
    assert list(without((1, 2, 3, 4)))[:3] == [(), (3, 4), (1, 2)]
    assert (1, 2, 3) in list(without((1, 2, 3, 4)))
    assert list(without(())) == []


def test_numbers_go_down_boldly_first() -> None:
    assert list(lower(10, 2, whole=True)) == [2, 6, 8, 9]
    assert list(lower(2, 1, whole=True)) == [1]
    assert list(lower(1, 1)) == []
    assert list(lower(8.0, 0.0)) == [0.0, 4.0, 6.0]


def test_shrinking_numbers_comes_to_an_end() -> None:
    def smaller(value: float) -> Iterator[float]:
        return lower(value, 0.0)

    found = shrink(100.0, smaller, lambda value: value if value > 7 else None)
    assert 7 < found <= 7 * 4 / 3
