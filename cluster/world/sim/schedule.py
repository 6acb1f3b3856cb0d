"""How long messages take, decided by priorities instead of one by one: schedules that chance alone hardly ever makes.

Must not know what is sent. Deterministic: dice from the seed, drawn in the order in which messages are sent.

Random latency tries every order of two messages soon, and orders that need many messages of one link to be late
together never. So, after "A randomized scheduler with probabilistic guarantees of finding bugs" (Burckhardt, Kothari,
Musuvathi, Nagarakatti; ASPLOS 2010) and its form for messages (Ozkan, Majumdar, Niksic, Befrouei, Weissenbacher; OOPSLA
2018): every link has a priority, drawn once; messages of low priority are late for as long as it is low; and at
`depth` - 1 points, drawn over the first `length` messages, the link whose message it is falls below all others.
"""

from __future__ import annotations

from random import Random
from typing import Protocol

from cluster.errors import UsageError
from cluster.world.faults import Link

QUICK = 0.0002
"""Seconds that a message of the highest priority takes."""
WINDOW = 0.04
"""Seconds that one of the lowest takes longer: many hops of the others, and less than a heartbeat's patience."""
LENGTH = 2000
"""Messages over which the points are drawn, unless the schedule says so."""
DEEPEST = 100


class Schedule(Protocol):
    def seconds(self, link: Link) -> float:
        """How long the message takes that is sent now on this link."""


class Pct:
    """`depth`: how many ordered events it takes to find the bug; 1 has no change point."""

    def __init__(self, depth: int, length: int, dice: Random) -> None:
        self._dice = dice
        self._places: dict[Link, float] = {}
        """From 0, the first, to 1; more than 1 after a fall."""
        points = sorted(dice.randrange(length) for _ in range(depth - 1))
        self._falls = dict.fromkeys(points)
        self._sent = 0
        self._fallen = 0

    def seconds(self, link: Link) -> float:
        place = self._places.get(link)
        if place is None:
            place = self._places[link] = self._dice.random()
        if self._sent in self._falls:
            self._fallen += 1
            place = self._places[link] = 1.0 + self._fallen * 0.25
        self._sent += 1
        return QUICK + WINDOW * place


def of_text(text: str, seed: int) -> Schedule | None:
    """ "pct:3" or "pct:3:5000" (depth, and messages over which its points are drawn); "" is None: random latency."""
    if not text:
        return None
    name, *numbers = text.split(":")
    wrong = UsageError(
        f"there is no schedule {text!r}", remedy=f"pct:DEPTH or pct:DEPTH:MESSAGES, depth from 1 to {DEEPEST}: pct:3"
    )
    if name != "pct" or not 1 <= len(numbers) <= 2 or not all(part.isascii() and part.isdigit() for part in numbers):
        raise wrong
    depth, length = int(numbers[0]), int(numbers[1]) if len(numbers) == 2 else LENGTH
    if not 1 <= depth <= DEEPEST or length < depth:
        raise wrong
    return Pct(depth, length, Random(f"{seed}/schedule"))
