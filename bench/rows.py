"""What a benchmark prints: rows of what, value, unit, spread, peer, ratio, bar, holds, and more in words.

Must not measure. Bars are read from bars.toml beside this file, one place for all.
"""

from __future__ import annotations

import math
import statistics
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.samples import ratios

BARS = Path(__file__).with_name("bars.toml")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; each is empty or 0 for the benchmark's own choice. `rounds`: how often each thing is
    measured. `only`: of its parts. `clients`: numbers of concurrent ones. `seconds`: of one measurement. `minutes`: of
    all of it."""

    rounds: int = 0
    only: tuple[str, ...] = ()
    clients: tuple[int, ...] = ()
    seconds: float = 0.0
    minutes: float = 0.0

    def times(self, default: int) -> int:
        return self.rounds or default


@dataclass(frozen=True, slots=True)
class Row:
    """`spread`: smallest to largest. `ratio`: value over peer. `holds`: None where there is no bar, or nothing to hold
    against it. A value that could not be measured is nan, and `detail` says why."""

    what: str
    value: float
    unit: str
    spread: str = ""
    peer: float | None = None
    ratio: float | None = None
    bar: str = ""
    holds: bool | None = None
    detail: str = ""

    def data(self) -> dict[str, Any]:
        data = asdict(self)
        return data | {"value": None} if math.isnan(self.value) else data

    def cells(self) -> list[str]:
        held = "" if self.holds is None else "yes" if self.holds else "NO"
        peer = "" if self.peer is None else number(self.peer)
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return [self.what, number(self.value), self.unit, self.spread, peer, ratio, self.bar, held, self.detail]


COLUMNS = ["WHAT", "VALUE", "UNIT", "SPREAD", "PEER", "RATIO", "BAR", "HOLDS", "DETAIL"]


def number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if value and abs(value) < 0.01:
        return f"{value:.4f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 100 else f"{value:.2f}"


def row(bench: str, what: str, values: Sequence[float], unit: str, detail: str = "") -> Row:
    """The median of `values` against the bar of that name in bars.toml, if there is one."""
    value = statistics.median(values)
    bar = bars().get(bench, {}).get(what)
    if bar is None:
        return Row(what, value, unit, _spread(values), detail=detail)
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
    return Row(what, value, unit, _spread(values), bar=", ".join(texts), holds=holds, detail=detail)


def against(bench: str, what: str, values: Sequence[float], peers: Sequence[float], unit: str, detail: str = "") -> Row:
    """The median of `values`, and the median of its ratios to the peer's of the same round, against the bar of that
    name. Without a peer (`peers` is empty) a bar is not judged."""
    bar = bars().get(bench, {}).get(what, {})
    least, most = bar.get("ratio_at_least"), bar.get("ratio_at_most")
    text = ", ".join(f"{sign} {of} x peer" for sign, of in ((">=", least), ("<=", most)) if of is not None)
    value = statistics.median(values)
    if not peers:
        return Row(what, value, unit, _spread(values), bar=f"{text}, not judged" if text else "", detail=detail)
    each = ratios(values, peers)
    ratio = statistics.median(each)
    holds = (least is None or ratio >= least) and (most is None or ratio <= most) if text else None
    if len(each) > 1:
        detail = f"ratio {min(each):.2f} to {max(each):.2f}" + (f"; {detail}" if detail else "")
    return Row(what, value, unit, _spread(values), statistics.median(peers), ratio, text, holds, detail)


def missing(what: str, why: str, unit: str = "") -> Row:
    """A row that says that there is no figure, and why."""
    return Row(what, math.nan, unit, detail=why)


def _spread(values: Sequence[float]) -> str:
    return f"{number(min(values))} to {number(max(values))}" if len(values) > 1 else ""


def bars() -> dict[str, Any]:
    return tomllib.loads(BARS.read_text())
