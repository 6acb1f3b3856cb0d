"""Whose turn it is: the owner of a callback, a task, a timer.

Must not know what is run: the loop asks an owner whether it is `dead` or `parked`, and nothing else.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any


class Owner:
    """`parked` is a list of handles while the owner is paused, else None. Its clock shows `offset` and `rate` times
    true time."""

    __slots__ = ("dead", "name", "offset", "parked", "rate")

    def __init__(self, name: str, rate: float = 1.0) -> None:
        self.name = name
        self.rate = rate
        self.offset = 0.0
        self.dead = False
        self.parked: list[Any] | None = None


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)
