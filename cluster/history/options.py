"""The options of a check: which there are, what a scenario's file gave, and the values that the check goes by.

Must not judge. Values come from YAML: a duration is a number of seconds or "500ms", a share a number or "90%".
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cluster.errors import UsageError

OptionType = Literal["duration", "share", "number", "integer", "flag", "word", "words", "text"]
Clock = Callable[[], float]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|min|h)?")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a check, in the words that scenarios use. `choices`: of a word. duration: seconds; share: 0 to 1;
    words: a list of them, or one text with commas. `above`, `most`: of a number, what it is greater than, and the
    greatest that it may be."""

    type: OptionType
    doc: str
    default: Any = None
    choices: tuple[str, ...] = ()
    above: float | None = None
    most: float | None = None

    def bounds(self) -> str:
        """In words; "" if every number will do."""
        above = "" if self.above is None else f"more than {self.above:g}"
        most = "" if self.most is None else f"at most {self.most:g}"
        return " and ".join(filter(None, (above, most)))

    def allows(self, number: float) -> bool:
        return (self.above is None or number > self.above) and (self.most is None or number <= self.most)


@dataclass(frozen=True, slots=True)
class Options:
    """What a check goes by: every option that it has, its default where the scenario gave none. `clock`: seconds, for
    bounds on time; None: there is no such bound."""

    values: Mapping[str, Any] = field(default_factory=dict)
    clock: Clock | None = None

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def resolve(declared: Mapping[str, Option], given: Mapping[str, Any], place: str) -> dict[str, Any]:
    """All options with their values; UsageError for one that does not exist, or a value that it cannot have."""
    for name in given:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=1)
            known = f"known: {', '.join(declared)}" if declared else "it has none"
            raise UsageError(f"no option {name!r}", place=place, remedy=f"did you mean {near[0]!r}?" if near else known)
    return {
        name: _value(option, given[name], f"{place}: {name}") if name in given else option.default
        for name, option in declared.items()
    }


def _value(option: Option, value: Any, place: str) -> Any:
    try:
        return _READERS[option.type](option, value)
    except ValueError as error:
        raise UsageError(f"{value!r} is not {error}", place=place, remedy=option.doc) from None


def seconds(value: Any) -> float:
    """Of a number, or of a text such as "1.5s", "200ms", "2m"; ValueError says what it should have been."""
    if type(value) in (int, float):
        return float(value)
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a duration such as 1.5 or "200ms"')
    return float(match[1]) * _UNITS[match[2] or ""]


def _duration(_: Option, value: Any) -> float:
    return seconds(value)


def _share(_: Option, value: Any) -> float:
    if isinstance(value, str) and value.strip().endswith("%"):
        value = _plain(value.strip()[:-1], 'a share such as 0.9 or "90%"') / 100
    number = _plain(value, 'a share such as 0.9 or "90%"')
    if not 0 <= number <= 1:
        raise ValueError("a share from 0 to 1")
    return number


def _number(option: Option, value: Any) -> float:
    return _bounded(option, _plain(value, "a number"))


def _integer(option: Option, value: Any) -> int:
    number = _plain(value, "a whole number")
    if not math.isfinite(number) or number != int(number):
        raise ValueError("a whole number")
    return int(_bounded(option, number))


def _bounded(option: Option, number: float) -> float:
    if math.isnan(number) or not option.allows(number):
        raise ValueError(f"a number {option.bounds()}".rstrip())
    return number


def _flag(_: Option, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _word(option: Option, value: Any) -> str:
    if not isinstance(value, str) or (option.choices and value not in option.choices):
        raise ValueError(f"one of {', '.join(option.choices)}" if option.choices else "a word")
    return value


def _words(option: Option, value: Any) -> tuple[str, ...]:
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError("a list of words")
    return tuple(_word(option, part) for part in parts if part != "")


def _text(_: Option, value: Any) -> str:
    if isinstance(value, dict | list) or value is None:
        raise ValueError("a text")
    return str(value)


def _plain(value: Any, what: str) -> float:
    if isinstance(value, bool):
        raise ValueError(what)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(what) from None


_READERS: Mapping[str, Callable[[Option, Any], Any]] = {
    "duration": _duration,
    "share": _share,
    "number": _number,
    "integer": _integer,
    "flag": _flag,
    "word": _word,
    "words": _words,
    "text": _text,
}
