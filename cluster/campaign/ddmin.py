"""Delta debugging: the smallest thing that still fails, found by taking parts away (Zeller and Hildebrandt 2002).

Pure. Must not know what is shrunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(thing: T, smaller: Callable[[T], Iterable[T]], fails: Callable[[T], T | None]) -> T:
    """`smaller(x)`: candidates, the boldest first, each really smaller by some measure that cannot fall for ever.
    `fails(x)`: x (or the same with what made it fail) if it still fails, else None. Ends where no candidate fails: then
    what is left is minimal, in that no single step of `smaller` can be taken."""
    while True:
        for candidate in smaller(thing):
            found = fails(candidate)
            if found is not None:
                thing = found
                break
        else:
            return thing


def without(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """The sequence without one half, without one quarter, ... without one item; the largest parts first."""
    size = len(items)
    seen: set[tuple[int, int]] = set()
    while size:
        for start in range(0, len(items), size):
            part = (start, min(start + size, len(items)))
            if part not in seen:
                seen.add(part)
                yield (*items[: part[0]], *items[part[1] :])
        size //= 2


def lower(value: float, least: float, *, whole: bool = False) -> Iterator[float]:
    """Smaller values: the least one, half of the way to it, a quarter of the way; of a whole number one less, too."""
    if value <= least:
        return
    yield least
    seen = {least, value}
    for share in (2, 4):
        candidate = value - (value - least) / share
        candidate = float(round(candidate)) if whole else candidate
        if candidate not in seen:
            seen.add(candidate)
            yield candidate
    if whole and value - 1 not in seen:
        yield value - 1
