"""What the rounds of `bench store` brought, and the rows that say it.

Must not measure.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bench.peers.pysyncobj import DOUBTS
from bench.rows import Row, against, missing, row
from bench.samples import Cell, Sample, medians, ratios

OURS, ETCD, TOOL = "capstan", "etcd", "etcd, its own tool"
Figure = Callable[[Sample], float]


def rate(sample: Sample) -> float:
    return sample.rate


def p99(sample: Sample) -> float:
    return sample.p99


def more(name: str) -> Figure:
    return lambda sample: sample.more[name]


@dataclass(slots=True)
class Results:
    """`samples`: of each system and cell, one of each round, None where it failed; `failures` say why. `absent`: system
    to why it is not here."""

    samples: dict[tuple[str, Cell], list[Sample | None]] = field(default_factory=dict)
    failures: dict[tuple[str, Cell], str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    failovers: dict[str, list[float]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    """System to why it did not come back after a kill."""

    def add(self, system: str, cell: Cell, sample: Sample | None, failure: str = "") -> None:
        self.samples.setdefault((system, cell), []).append(sample)
        if failure:
            self.failures[system, cell] = failure

    def of(self, system: str, cell: Cell) -> list[Sample]:
        """Those that succeeded."""
        return [sample for sample in self.samples.get((system, cell), []) if sample is not None]

    def pairs(self, a: tuple[str, Cell], b: tuple[str, Cell], figure: Figure) -> tuple[list[float], list[float]]:
        """The figure of both in each round in which both succeeded."""
        both = zip(self.samples.get(a, []), self.samples.get(b, []), strict=False)
        found = [(figure(x), figure(y)) for x, y in both if x is not None and y is not None]
        return [x for x, _ in found], [y for _, y in found]

    def best_etcd(self, cell: Cell) -> str:
        """Which of etcd's two clients brought the higher rate: the peer is what etcd can do, not what a client can."""
        found = [name for name in (ETCD, TOOL) if self.of(name, cell)]
        return max(found, key=lambda name: statistics.median(map(rate, self.of(name, cell))), default=ETCD)


def rows_of(results: Results, cells: Sequence[Cell]) -> list[Row]:
    """All rows, ours first with etcd's figure beside it, then each peer's own."""
    rows = []
    for cell in cells:
        rows += _own_rows(results, cell)
    rows += _txns_of_puts(results, cells)
    rows += _failover_rows(results)
    for (system, cell), samples in results.samples.items():
        if system != OURS:
            rows.append(_peer_row(results, system, cell, [s for s in samples if s is not None]))
    rows += [missing(system, why) for system, why in results.absent.items()]
    return rows


def describe(samples: Sequence[Sample], rounds: int) -> str:
    """In words, what is beside the rate."""
    middle = medians(samples)
    words = f"p50 {middle.p50:.2f} p99 {middle.p99:.2f} ms; {middle.cores}"
    if "deliveries" in middle.more:
        words += f"; {middle.more['deliveries']:,.0f} deliveries/s, p99 {middle.more['each p99']:.1f} ms"
    doubts = sum(s.more.get(DOUBTS, 0) for s in samples)
    if doubts:
        words += f"; {doubts:.0f} x {DOUBTS}"
    if middle.errors:
        words += f"; {middle.errors} failed"
    if len(samples) < rounds:
        words += f"; {rounds - len(samples)} of {rounds} rounds failed"
    return words


def _own_rows(results: Results, cell: Cell) -> list[Row]:
    mine = results.of(OURS, cell)
    if not mine:
        return [missing(str(cell), f"failed: {results.failures.get((OURS, cell), 'not measured')}")]
    peer = results.best_etcd(cell)
    words = describe(mine, len(results.samples[OURS, cell]))
    if cell.kind == "watch":
        figures = [(f"{cell}, event to each, {p}", more(f"each {p}"), "ms") for p in ("p50", "p99")]
        figures += [(f"{cell}, event to the last, {p}", more(f"last {p}"), "ms") for p in ("p50", "p99")]
    else:
        figures = [(str(cell), rate, "/s"), (f"{cell}, p99", p99, "ms")]
        if cell.kind == "mixed":
            figures.append((f"{cell}, event to each of 100, p99", more("each p99"), "ms"))
    rows = []
    for what, figure, unit in figures:
        a, b = results.pairs((OURS, cell), (peer, cell), figure)
        if not b:
            a = [figure(sample) for sample in mine]
        rows.append(against("store", what, a, b, unit, words))
        words = ""  # once is enough
    return rows


def _txns_of_puts(results: Results, cells: Sequence[Cell]) -> list[Row]:
    rows = []
    for cell in cells:
        if cell.kind == "txns":
            a, b = results.pairs((OURS, cell), (OURS, Cell("puts", cell.clients)), rate)
            if b:
                rows.append(row("store", f"{cell}, of puts", ratios(a, b), "x"))
    return rows


def _failover_rows(results: Results) -> list[Row]:
    rows = [
        row("store", "kill -9 of the leader to the next acknowledged write" + of, values, "ms", f"{len(values)} kills")
        for of, name in (("", OURS), (", etcd", ETCD))
        if (values := results.failovers.get(name))
    ]
    for name, why in results.lost.items():
        lost = missing(f"{name}: did not come back", why)
        rows.append(replace(lost, holds=False) if name == OURS else lost)
    return rows


def _peer_row(results: Results, system: str, cell: Cell, samples: Sequence[Sample]) -> Row:
    what = f"{system}: {cell}" + (", no sync" if system.startswith("PySyncObj") else "")
    if not samples:
        return missing(what, f"failed: {results.failures[system, cell]}")
    words = describe(samples, len(results.samples[system, cell]))
    if cell.kind == "watch":
        return row("store", f"{what}, event to each, p99", [s.more["each p99"] for s in samples], "ms", words)
    return row("store", what, [s.rate for s in samples], "/s", words)
