"""Quantities against arithmetic in Decimal, and Kubernetes' own canonical forms."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api import quantity
from cluster.api.quantity import Quantity

FACTORS = {
    "": "1", "m": "0.001", "u": "0.000001", "n": "0.000000001", "k": "1000", "M": "1e6", "G": "1e9",
    "Ki": "1024", "Mi": "1048576", "Gi": "1073741824", "e3": "1000", "E-2": "0.01",
}  # fmt: skip


@given(
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 999),
    st.sampled_from(sorted(FACTORS)),
)
def test_the_value_is_what_decimal_says(sign: str, whole: int, part: int | None, suffix: str) -> None:
    digits = str(whole) if part is None else f"{whole}.{part}"
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(digits) * Decimal(FACTORS[suffix])
        nanos = (exact * 10**9).to_integral_value("ROUND_UP")
    expected = Fraction(int(nanos), 10**9) * (-1 if sign == "-" else 1)
    assert quantity.parse(sign + digits + suffix) == expected


@pytest.mark.parametrize("text", ["", "1.2.3", "Gi", "1gi", "1 Gi", "0x1", "1e", "--1", "٣", "1Kim", "nan", True, None])
def test_what_is_no_quantity_is_refused(text: Quantity) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        quantity.parse(text)


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("1.5", "1500m"), ("1.5Gi", "1536Mi"), ("1000m", "1"), ("1024", "1024"), ("1000", "1k"), ("1024Ki", "1Mi"),
        ("0.5Ki", "512"), ("0.1Mi", "104857600m"), ("0", "0"), ("-0.5", "-500m"), ("1e3", "1e3"), ("12e4", "120e3"),
        ("1E", "1E"), ("100m", "100m"), ("0.1", "100m"), ("128974848", "128974848"), (2, "2"), (0.5, "500m"),
    ],
)  # fmt: skip
def test_the_canonical_form_is_kubernetes_own(given_text: Quantity, canonical: str) -> None:
    assert quantity.canonical(given_text) == canonical
    assert quantity.canonical(canonical) == canonical


@given(st.integers(-(10**6), 10**9), st.sampled_from(sorted(FACTORS)))
def test_the_canonical_form_is_the_same_amount(number: int, suffix: str) -> None:
    text = f"{number}{suffix}"
    assert quantity.parse(quantity.canonical(text)) == quantity.parse(text)


@given(st.integers(0, 10**9))
def test_formatting_comes_back(number: int) -> None:
    assert quantity.cpu_millis(quantity.format_cpu(number)) == number
    assert quantity.bytes_of(quantity.format_bytes(number)) == number


def test_parts_of_a_unit_are_rounded_up() -> None:
    assert quantity.cpu_millis("1u") == 1
    assert quantity.cpu_millis("0.1") == 100
    assert quantity.bytes_of("100m") == 1
    assert quantity.parse("0.1n") == Fraction(1, 10**9)


def test_the_largest_is_cut_off() -> None:
    assert quantity.parse("100E") == 2**63 - 1


def test_resource_lists() -> None:
    assert quantity.resources({"cpu": "1.5", "memory": "1Gi", "pods": 110}) == {
        "cpu": 1500,
        "memory": 1 << 30,
        "pods": 110,
    }
    assert quantity.resources(None) == {}
    assert quantity.format_resource("cpu", 1500) == "1500m"
    assert quantity.format_resource("memory", 200 << 20) == "200Mi"
    assert quantity.format_resource("pods", 2048) == "2048"
