"""A violation, laid out to be drawn: what a finding's evidence names, with as much around it as one can look at.

Pure: a finding and its run in, drawings out (`lanes`, `graph`, a table). Must not judge, and must not know HTML or SVG.
Evidence that points outside of the run is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.history.finding import Finding
from cluster.history.run import Run
from cluster.report.embedded import text_of
from cluster.report.graph import Graph, graph
from cluster.report.lanes import Lanes, intervals, lives, operations


@dataclass(frozen=True, slots=True)
class Limits:
    """How much around is drawn: `operations` near a stuck one, `nodes` of a cycle, `lanes` of
    objects, `rows` of a table."""

    operations: int = 40
    nodes: int = 16
    lanes: int = 12
    rows: int = 40


@dataclass(slots=True)
class Table:
    """Lines of a journal, or events of a watch: (time, who, what)."""

    rows: list[tuple[float, str, str]]
    caption: str = ""
    skipped: int = 0
    shape: str = "table"


Drawing = Lanes | Graph | Table


def drawings(finding: Finding, run: Run, limits: Limits) -> list[Drawing]:
    """What there is to draw of its evidence; empty if it names nothing that can be."""
    evidence = finding.evidence
    found: list[Drawing] = []
    if evidence.get("cycle"):
        picture = graph(evidence["cycle"], run, limits.nodes)
        if picture.nodes:
            found.append(picture)
    numbers = _numbers(evidence.get("operations"), run.operations)
    order = _numbers(evidence.get("order"), run.operations)
    if numbers or order:
        found.append(operations(numbers, order, run, limits.operations))
    if evidence.get("intervals"):
        found.append(intervals(evidence["intervals"], run))
    elif evidence.get("objects"):
        picture_of_lives = lives(evidence["objects"], run, limits.lanes)
        if picture_of_lives.lanes:
            found.append(picture_of_lives)
    found.extend(_tables(finding, run, limits.rows))
    return found


def _numbers(named: Any, things: Sequence[Any]) -> list[int]:
    """Those that are places in `things`."""
    listed = named if isinstance(named, list | tuple) else ()
    return [n for n in listed if type(n) is int and 0 <= n < len(things)]


def _tables(finding: Finding, run: Run, most: int) -> list[Table]:
    found = []
    records = [run.records[n] for n in _numbers(finding.evidence.get("records"), run.records)]
    if records:
        rows = [(r[0], f"{r[2]} (boot {r[3]})", f"{r[4]} {_rest(r)}".strip()) for r in records[:most]]
        found.append(Table(rows, "lines of the journal that show it", max(0, len(records) - most)))
    watches = [run.watches[n] for n in _numbers(finding.evidence.get("watches"), run.watches)]
    if watches:
        told = [(w.time, w.watcher, f"{w.mode or w.type} {w.key}, revision {w.revision}") for w in watches[:most]]
        found.append(Table(told, "what the watchers were told", max(0, len(watches) - most)))
    return found


def _rest(record: tuple[Any, ...]) -> str:
    return text_of(record[5]) if len(record) == 6 else " ".join(str(part) for part in record[5:])
