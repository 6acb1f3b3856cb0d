"""The shape of an array by position: which field holds which type; what does not fit is refused by name.

Pure. Must not know what the fields mean. One C-speed look accepts what fits; only a refusal costs more.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from operator import itemgetter
from typing import Any

from cluster.errors import StatusError


def bad(what: str) -> StatusError:
    return StatusError("BadRequest", f"malformed: {what}")


def _numbers(kinds: tuple[type, ...]) -> Callable[[list[Any]], tuple[int, ...]] | None:
    places = [at for at, kind in enumerate(kinds) if kind is int]
    return (
        itemgetter(*places, *places[:1]) if places else None
    )  # one more than needed: of a single one no tuple is made


def _unfit(body: list[Any]) -> tuple[int, ...]:
    return (-1,)


class Shape:
    """`what` is its name in a refusal. Of each field the type, or the types, that it may have; exactly those, so that
    no bool passes for a number, and no number may be negative."""

    __slots__ = ("_accepted", "_types", "what")

    def __init__(self, what: str, **fields: Any) -> None:
        self.what = what
        self._types = {name: kind if type(kind) is tuple else (kind,) for name, kind in fields.items()}
        self._accepted = {kinds: _numbers(kinds) for kinds in product(*self._types.values())}
        """What each combination of types that fits has for numbers: all of them at once, or None."""

    def check(self, body: Any, where: str = "", at: int = -1) -> None:
        """StatusError BadRequest. `where` and `at`: the list that it stands in, and its place there."""
        if type(body) is list:
            numbers = self._accepted.get(tuple(map(type, body)), _unfit)
            if numbers is None or min(numbers(body)) >= 0:
                return
        raise self._refusal(body, where, at)

    def _refusal(self, body: Any, where: str, at: int) -> StatusError:
        place = f"{where}[{at}], {self.what}" if where else self.what
        if type(body) is not list or len(body) != len(self._types):
            return bad(f"{place} is an array of {len(self._types)}: {', '.join(self._types)}")
        for (name, kinds), value in zip(self._types.items(), body, strict=True):
            if type(value) not in kinds:
                wanted = " or ".join("nil" if kind is type(None) else kind.__name__ for kind in kinds)
                return bad(f"{place}: {name} is {type(value).__name__}, not {wanted}")
            if type(value) is int and value < 0:
                return bad(f"{place}: {name} is negative")
        return bad(place)
