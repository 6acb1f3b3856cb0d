"""Numbers packed for a page come out of it as they went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.report.columns import pack, unpack

NUMBERS = st.integers(-(2**52), 2**52)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 3)), max_size=50))
def test_round_trip(rows: list[tuple[int, int, int]]) -> None:
    first, second, third = ([row[n] for row in rows] for n in range(3))
    text = pack({"what": "x"}, {"t": {"+first": first, "second": second, "third": third}, "empty": {}})
    header, tables = unpack(text)
    assert header == {"what": "x"}
    assert tables["t"] == {"first": first, "second": second, "third": third}
    assert tables["empty"] == {}


def test_texts_of_any_script_survive() -> None:
    header, _ = unpack(pack({"name": "po d-\u00fc-\u6f22-\U0001f600 </script>"}, {}))
    assert header["name"] == "po d-\u00fc-\u6f22-\U0001f600 </script>"


def test_columns_of_different_length_are_a_bug() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        pack({}, {"t": {"a": [1], "b": [1, 2]}})


def test_numbers_that_grow_cost_little() -> None:
    times = [n * 1000 + n % 7 for n in range(10_000)]
    assert len(pack({}, {"t": {"+time": times}})) < 2_000


def test_the_text_can_stand_in_a_page() -> None:
    text = pack({"x": "<>&\"'"}, {"t": {"a": [1, 2, 3]}})
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
