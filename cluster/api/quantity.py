"""Quantities: cpu, memory and counts as Kubernetes writes them ("100m", "1Gi", "1e3"), exactly.

Must not know which resource exists where; floats go in by their shortest text and never come out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_SYNTAX = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?", re.ASCII)
_NANO = 10**9
_LARGEST = 2**63 - 1
MESSAGE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

Quantity = str | int | float


@lru_cache(maxsize=8192, typed=True)
def parse(value: Quantity) -> Fraction:
    """The exact value; ValueError for what is no quantity.

    Finer than 1n is rounded away from zero, larger than 2**63-1 is cut to that (Kubernetes: ParseQuantity).
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(MESSAGE)
    match = _SYNTAX.fullmatch(value if isinstance(value, str) else repr(value))
    if match is None:
        raise ValueError(MESSAGE)
    sign, digits, suffix, exponent = match.groups()
    number = Fraction(digits)
    if exponent:
        number *= Fraction(10) ** int(exponent)
    elif suffix in _BINARY:
        number *= 2 ** _BINARY[suffix]
    elif suffix:
        number *= Fraction(10) ** _DECIMAL[suffix]
    nanos = -((-number * _NANO) // 1)
    number = min(Fraction(nanos, _NANO), Fraction(_LARGEST))
    return -number if sign == "-" else number


@lru_cache(maxsize=8192, typed=True)
def cpu_millis(value: Quantity) -> int:
    """Thousandths of a core, rounded up."""
    number = parse(value) * 1000
    return -(-number.numerator // number.denominator)


@lru_cache(maxsize=8192, typed=True)
def bytes_of(value: Quantity) -> int:
    """Whole units (bytes, counts), rounded up."""
    number = parse(value)
    return -(-number.numerator // number.denominator)


def resources(quantities: Mapping[str, Quantity] | None) -> dict[str, int]:
    """A resource list as numbers: cpu in thousandths of a core, everything else in whole units."""
    if not quantities:
        return {}
    return {name: cpu_millis(q) if name == "cpu" else bytes_of(q) for name, q in quantities.items()}


def format_cpu(millis: int) -> str:
    """Thousandths of a core in canonical form: 100 is "100m", 2000 is "2"."""
    return _decimal(Fraction(millis, 1000))


def format_bytes(number: int) -> str:
    """Bytes in canonical binary form: 209715200 is "200Mi", 1000 is "1000" (not "1k", as these are bytes)."""
    return _binary(number)


def format_resource(name: str, number: int) -> str:
    """The inverse of `resources` for one entry."""
    if name == "cpu":
        return format_cpu(number)
    return (
        format_bytes(number) if "memory" in name or "storage" in name or name.startswith("hugepages-") else str(number)
    )


@lru_cache(maxsize=8192, typed=True)
def canonical(value: Quantity) -> str:
    """The one text of this quantity in its own family of suffixes (Kubernetes: Quantity.String).

    No fraction, the largest suffix that allows it: "1.5" is "1500m", "1.5Gi" is "1536Mi", "1000m" is "1".
    """
    number = parse(value)
    match = _SYNTAX.fullmatch(value if isinstance(value, str) else repr(value))
    assert match is not None  # parse has seen to it
    if match[3] in _BINARY and abs(number) >= 1024 and number.denominator == 1:
        return _binary(int(number))
    if match[4] is not None:
        return _decimal(number, exponential=True)
    return _decimal(number)


def _decimal(number: Fraction, exponential: bool = False) -> str:
    if number == 0:
        return "0"
    nanos = int(number * _NANO)
    exponent = -9
    while exponent < 18 and nanos % 1000 == 0:
        nanos //= 1000
        exponent += 3
    if exponential:
        return f"{nanos}e{exponent}" if exponent else str(nanos)
    return f"{nanos}{_DECIMAL_SUFFIX[exponent]}"


def _binary(number: int) -> str:
    suffix = ""
    for larger in _BINARY:
        if number == 0 or number % 1024:
            break
        number //= 1024
        suffix = larger
    return f"{number}{suffix}"
