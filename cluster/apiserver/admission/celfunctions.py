"""Functions that Kubernetes adds to CEL: strings, lists, regular expressions, sets, quantities.

Pure. Must not be imported before an expression is read: it needs cel-python.
Source: Kubernetes, "Common Expression Language in Kubernetes", sections on libraries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from celpy import celtypes
from celpy.evaluation import CELEvalError

from cluster.api import quantity

Function = Callable[..., Any]


class Quantity:
    """quantity("1Gi"): a value that is compared exactly."""

    __slots__ = ("number",)

    def __init__(self, number: Fraction) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.number == other.number

    def __hash__(self) -> int:
        return hash(self.number)


class _Namespace(celtypes.StringType):
    """What `sets` is in sets.contains(a, b)."""


NAMESPACES: Mapping[str, Any] = {"sets": _Namespace("sets")}


def _text(value: str) -> Any:
    return celtypes.StringType(value)


def _number(value: int) -> Any:
    return celtypes.IntType(value)


def _truth(value: bool) -> Any:
    return celtypes.BoolType(value)


# ── strings ──────────────────────────────────────────────────────────────────────────────────────────────────


def _ascii(change: Callable[[str], str]) -> Function:
    return lambda text: _text("".join(change(letter) if letter.isascii() else letter for letter in text))


def _char_at(text: str, at: int) -> Any:
    if not 0 <= at <= len(text):
        raise ValueError(f"index out of range: {at}")
    return _text(str(text)[at : at + 1])


def _index_of(where: Any, what: Any, start: int = 0) -> Any:
    if isinstance(where, str):
        return _number(str(where).find(str(what), start))
    return _number(next((at for at, item in enumerate(where) if item == what), -1))


def _last_index_of(where: Any, what: Any) -> Any:
    if isinstance(where, str):
        return _number(str(where).rfind(str(what)))
    return _number(next((at for at in range(len(where) - 1, -1, -1) if where[at] == what), -1))


def _substring(text: str, start: int, end: int | None = None) -> Any:
    last = len(text) if end is None else end
    if not 0 <= start <= last <= len(text):
        raise ValueError(f"index out of range: {start}, {last}")
    return _text(str(text)[start:last])


def _replace(text: str, old: str, new: str, count: int = -1) -> Any:
    return _text(str(text).replace(str(old), str(new), int(count)))


def _split(text: str, separator: str, count: int = -1) -> Any:
    if count in (0, 1):
        return celtypes.ListType([] if count == 0 else [_text(str(text))])
    parts = [*str(text)] if not separator else str(text).split(str(separator), -1 if count < 0 else count - 1)
    return celtypes.ListType([_text(part) for part in parts])


def _join(items: Any, separator: str = "") -> Any:
    return _text(str(separator).join(str(item) for item in items))


def _format(text: str, values: Any) -> Any:
    rest = iter(values)

    def one(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = next(rest)
        match match[2]:
            case "d":
                return str(int(value))
            case "f":
                return f"{float(value):.{match[1] or 6}f}"
            case "x":
                return f"{int(value):x}"
            case "X":
                return f"{int(value):X}"
            case "b":
                return f"{int(value):b}"
        return "true" if value is True else _shown(value)

    return _text(re.sub(r"%%|%(?:\.(\d+))?([sdfxXb])", one, str(text)))


def _shown(value: Any) -> str:
    if isinstance(value, celtypes.BoolType):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return str(value)


# ── regular expressions ──────────────────────────────────────────────────────────────────────────────────────


def _find(text: str, pattern: str) -> Any:
    import re2  # linear in time, whatever the pattern

    found = re2.search(str(pattern), str(text))
    return _text(found[0] if found else "")


def _find_all(text: str, pattern: str, most: int = -1) -> Any:
    import re2

    found = [match[0] for match in re2.finditer(str(pattern), str(text))]
    return celtypes.ListType([_text(each) for each in (found if most < 0 else found[:most])])


# ── lists and sets ───────────────────────────────────────────────────────────────────────────────────────────


def _sum(items: Any) -> Any:
    total: Any = None
    for item in items:
        total = item if total is None else total + item
    return _number(0) if total is None else total


def _edge(pick: Callable[..., Any], name: str) -> Function:
    def found(items: Any) -> Any:
        if not items:
            raise ValueError(f"{name} called on empty list")
        return pick(items)

    return found


def _contains(where: Any, *what: Any) -> Any:
    if isinstance(where, _Namespace):
        return _truth(all(item in what[0] for item in what[1]))
    return _truth(str(what[0]) in str(where))


def _intersects(_: Any, one: Any, other: Any) -> Any:
    return _truth(any(item in other for item in one))


def _equivalent(_: Any, one: Any, other: Any) -> Any:
    return _truth(all(item in other for item in one) and all(item in one for item in other))


# ── quantities ───────────────────────────────────────────────────────────────────────────────────────────────


def _quantity(text: Any) -> Any:
    return Quantity(quantity.parse(str(text)))


def _is_quantity(text: Any) -> Any:
    try:
        quantity.parse(str(text))
    except ValueError:
        return _truth(False)
    return _truth(True)


def _of(value: Any) -> Fraction:
    return value.number if isinstance(value, Quantity) else Fraction(int(value))


def _compare(one: Any, other: Any) -> Any:
    return _number((_of(one) > _of(other)) - (_of(one) < _of(other)))


def _as_integer(value: Quantity) -> Any:
    if value.number.denominator != 1:
        raise ValueError("cannot convert value to integer")
    return _number(int(value.number))


def _guarded(function: Function) -> Function:
    """What goes wrong in a function is an error of the expression, which `||` may get over."""

    def called(*args: Any) -> Any:
        for arg in args:
            if isinstance(arg, CELEvalError):
                return arg
        try:
            return function(*args)
        except (ValueError, TypeError, StopIteration, IndexError, AttributeError) as error:
            return CELEvalError(str(error) or type(error).__name__, type(error), error.args)

    return called


_NAMED: dict[str, Function] = {
    "charAt": _char_at,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "lowerAscii": _ascii(str.lower),
    "upperAscii": _ascii(str.upper),
    "replace": _replace,
    "split": _split,
    "join": _join,
    "substring": _substring,
    "trim": lambda text: _text(str(text).strip()),
    "reverse": lambda text: _text(str(text)[::-1]),
    "format": _format,
    "find": _find,
    "findAll": _find_all,
    "isSorted": lambda items: _truth(all(not items[at + 1] < items[at] for at in range(len(items) - 1))),
    "sum": _sum,
    "min": _edge(min, "min"),
    "max": _edge(max, "max"),
    "contains": _contains,
    "intersects": _intersects,
    "equivalent": _equivalent,
    "quantity": _quantity,
    "isQuantity": _is_quantity,
    "isLessThan": lambda one, other: _truth(_of(one) < _of(other)),
    "isGreaterThan": lambda one, other: _truth(_of(one) > _of(other)),
    "compareTo": _compare,
    "add": lambda one, other: Quantity(_of(one) + _of(other)),
    "sub": lambda one, other: Quantity(_of(one) - _of(other)),
    "sign": lambda value: _number((value.number > 0) - (value.number < 0)),
    "isInteger": lambda value: _truth(value.number.denominator == 1),
    "asInteger": _as_integer,
    "asApproximateFloat": lambda value: celtypes.DoubleType(float(value.number)),
}
FUNCTIONS: dict[str, Function] = {name: _guarded(function) for name, function in _NAMED.items()}
