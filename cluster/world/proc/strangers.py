"""Who was not heard, why, and how often: every one is counted, the first of each is told. Pure.

Must not grow without bound, whatever strangers do: after `MOST` of them the rest is one more.
"""

from __future__ import annotations

MOST = 50
OTHERS = "others"


class Strangers:
    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        """ "WHO: WHY" -> how often."""

    def saw(self, who: str, why: str) -> bool:
        """Count; whether it is the first time, so that it is worth a word."""
        row = f"{who}: {why}"
        if row not in self.counts and len(self.counts) >= MOST:
            row = OTHERS
        count = self.counts[row] = self.counts.get(row, 0) + 1
        return count == 1
