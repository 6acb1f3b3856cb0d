"""A cycle of transactions as a graph: circles on a ring, arrows that say why each comes after the one before.

Pure: positions and texts out. Must not find cycles, and must not know HTML or SVG.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.history.run import Run
from cluster.report.embedded import text_of


@dataclass(frozen=True, slots=True)
class Node:
    """`x`, `y`: from 0 to 100."""

    x: float
    y: float
    label: str
    told: str


@dataclass(frozen=True, slots=True)
class Edge:
    """`x`, `y`: where its label goes; from `source` to `target`, numbers of nodes."""

    source: int
    target: int
    kind: str
    why: str
    x1: float
    y1: float
    x2: float
    y2: float
    x: float
    y: float


@dataclass(slots=True)
class Graph:
    nodes: list[Node]
    edges: list[Edge]
    caption: str = ""
    shape: str = "graph"

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """(left, top, width, height) of what there is to see."""
        xs, ys = [node.x for node in self.nodes], [node.y for node in self.nodes]
        left, top = min(xs) - 16, min(ys) - 12
        return left, top, max(xs) - left + 16, max(ys) - top + 12


def graph(cycle: Any, run: Run, most: int) -> Graph:
    """`cycle`: steps {"from", "to", "type" or "edge" or "kind", "because" or "why"} with numbers of operations or
    names, or just the numbers or names in their order."""
    steps = [step for step in map(_step, _closed(cycle)) if step is not None][:most]
    names = [*dict.fromkeys(end for step in steps for end in step[:2])]
    count = len(names)
    nodes = []
    for number, name in enumerate(names):
        angle = 2 * math.pi * number / max(1, count) - math.pi / 2
        x, y = round(50 + 36 * math.cos(angle), 2), round(50 + 36 * math.sin(angle), 2)
        # As proofs call them: T1 is the first of the cycle, and so on.
        nodes.append(Node(x, y, f"T{number + 1}" if type(name) is int else str(name), _told(name, run)))
    edges = []
    for source, target, kind, why in steps:
        a, b = nodes[names.index(source)], nodes[names.index(target)]
        edges.append(_edge(names.index(source), names.index(target), kind, why, a, b))
    return Graph(nodes, edges, f"a cycle of {count}: each arrow says what must come first, so no order is possible")


def _closed(cycle: Any) -> Iterable[Any]:
    entries = list(cycle) if isinstance(cycle, list | tuple) else []
    if entries and not any(isinstance(entry, Mapping) for entry in entries):
        if all(isinstance(entry, list | tuple) and len(entry) >= 2 for entry in entries):
            return entries
        if len(entries) > 1 and entries[0] == entries[-1]:
            entries = entries[:-1]
        return [[entry, entries[(n + 1) % len(entries)]] for n, entry in enumerate(entries)]
    return entries


def _step(entry: Any) -> tuple[Any, Any, str, str] | None:
    if isinstance(entry, Mapping):
        if "from" not in entry or "to" not in entry:
            return None
        kind = str(entry.get("type") or entry.get("edge") or entry.get("kind") or "")
        return _name(entry["from"]), _name(entry["to"]), kind, str(entry.get("because") or entry.get("why") or "")
    return _name(entry[0]), _name(entry[1]), str(entry[2]) if len(entry) > 2 else "", ""


def _name(value: Any) -> Any:
    return value if isinstance(value, int | str) else text_of(value)


def _told(name: Any, run: Run) -> str:
    known = type(name) is int and 0 <= name < len(run.operations)
    return run.operations[name].sentence() if known else str(name)


def _edge(source: int, target: int, kind: str, why: str, a: Node, b: Node) -> Edge:
    """The line ends before the circles, to the left of the straight way, so that the way back is another line; its
    label stands beside its middle, on the outer side of the ring."""
    dx, dy = b.x - a.x, b.y - a.y
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    shift, cut = 2.0, min(9.0, length / 3)
    ox, oy = uy * shift, -ux * shift
    x1, y1, x2, y2 = a.x + ux * cut + ox, a.y + uy * cut + oy, b.x - ux * cut + ox, b.y - uy * cut + oy
    x, y = (x1 + x2) / 2 + uy * 4.5, (y1 + y2) / 2 - ux * 4.5 + 1.2
    return Edge(source, target, kind, why, *(round(v, 2) for v in (x1, y1, x2, y2, x, y)))
