"""The shape of an array by position: which field holds which type; what does not fit is refused by name.

Pure. Must not know what the fields mean. One C-speed look accepts what fits; only a refusal costs more.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from cluster.errors import StatusError


def bad(what: str) -> StatusError:
    return StatusError("BadRequest", f"malformed: {what}")


class Shape:
    """`what` is its name in a refusal. Of each field the type, or the types, that it may have; exactly those, so that
    no bool passes for a number, and no number may be negative."""

    __slots__ = ("_accepted", "_numbers", "_types", "what")

    def __init__(self, what: str, **fields: Any) -> None:
        self.what = what
        self._types = {name: kind if type(kind) is tuple else (kind,) for name, kind in fields.items()}
        self._accepted = frozenset(product(*self._types.values()))
        self._numbers = tuple(at for at, kinds in enumerate(self._types.values()) if int in kinds)

    def check(self, body: Any, where: str = "", at: int = -1) -> None:
        """StatusError BadRequest. `where` and `at`: the list that it stands in, and its place there."""
        if type(body) is list and tuple(map(type, body)) in self._accepted:
            for number in self._numbers:
                value = body[number]
                if type(value) is int and value < 0:
                    break
            else:
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
