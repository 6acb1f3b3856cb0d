"""What a benchmark prints: rows of what, value, unit, spread, peer, ratio, bar, holds.

Must not measure. Bars are read from bars.toml beside this file, one place for all.
"""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

BARS = Path(__file__).with_name("bars.toml")


@dataclass(frozen=True, slots=True)
class Options:
    """`rounds`: how often each thing is measured, 0 for the benchmark's own number."""

    rounds: int = 0

    def times(self, default: int) -> int:
        return self.rounds or default


@dataclass(frozen=True, slots=True)
class Row:
    """`spread`: smallest to largest. `ratio`: value over peer. `holds`: None where there is no bar."""

    what: str
    value: float
    unit: str
    spread: str = ""
    peer: float | None = None
    ratio: float | None = None
    bar: str = ""
    holds: bool | None = None

    def data(self) -> dict[str, Any]:
        return asdict(self)

    def cells(self) -> list[str]:
        held = "" if self.holds is None else "yes" if self.holds else "NO"
        peer = "" if self.peer is None else number(self.peer)
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return [self.what, number(self.value), self.unit, self.spread, peer, ratio, self.bar, held]


COLUMNS = ["WHAT", "VALUE", "UNIT", "SPREAD", "PEER", "RATIO", "BAR", "HOLDS"]


def number(value: float) -> str:
    if value and abs(value) < 0.01:
        return f"{value:.4f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 100 else f"{value:.2f}"


def row(bench: str, what: str, values: Sequence[float], unit: str) -> Row:
    """The median of `values` against the bar of that name in bars.toml, if there is one."""
    value = statistics.median(values)
    spread = f"{number(min(values))} to {number(max(values))}" if len(values) > 1 else ""
    bar = bars().get(bench, {}).get(what)
    if bar is None:
        return Row(what, value, unit, spread)
    holds = True
    texts = []
    if "at_most" in bar:
        holds &= value <= bar["at_most"]
        texts.append(f"<= {bar['at_most']}")
    if "at_least" in bar:
        holds &= value >= bar["at_least"]
        texts.append(f">= {bar['at_least']}")
    if "worst" in bar:
        holds &= max(values) <= bar["worst"]
        texts.append(f"worst <= {bar['worst']}")
    return Row(what, value, unit, spread, bar=", ".join(texts), holds=holds)


def bars() -> dict[str, Any]:
    return tomllib.loads(BARS.read_text())
