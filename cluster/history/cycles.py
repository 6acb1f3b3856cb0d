"""Cycles in a graph of transactions: strongly connected components, and the shortest cycle of each kind.

Must not know transactions: nodes are numbers, edges carry bits. The kinds are those of Adya (1999) and Elle: how many
anti-dependencies (rw) a cycle has, whether two of them are adjacent, and whether it needs the order of a process or
real time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

WW, WR, RW, PROCESS, REALTIME = 1, 2, 4, 8, 16
NAMES = {WW: "ww", WR: "wr", RW: "rw", PROCESS: "process", REALTIME: "realtime"}
Graph = Sequence[dict[int, int]]
"""For each node its successors, each with the bits of the edges that lead there."""

WORK = 300_000
"""States that the search for one kind of cycle in one component visits: all starts would take quadratic time."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """`kind`: as Elle names it ("G-single-realtime"). `edges`: (from, to, bit), the last one back to the first node."""

    kind: str
    edges: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    start: int
    """The bit of an edge that it must have."""
    allowed: int
    rws: int
    """Anti-dependencies besides the start: 0 none; 1 some, never two in a row; 2 any."""


_KINDS = (
    _Kind("G0", WW, WW, 0),
    _Kind("G1c", WR, WW | WR, 0),
    _Kind("G-single", RW, WW | WR, 0),
    _Kind("G-nonadjacent", RW, WW | WR | RW, 1),
    _Kind("G2-item", RW, WW | WR | RW, 2),
)
_VARIANTS = (("", 0), ("-process", PROCESS), ("-realtime", PROCESS | REALTIME))


def components(graph: Graph, allowed: int, nodes: Iterable[int] | None = None) -> list[list[int]]:
    """Strongly connected components of two nodes or more, over edges with an allowed bit (Tarjan 1972, without
    recursion). `nodes`: only these."""
    within = None if nodes is None else set(nodes)
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []

    def successors(node: int) -> Iterator[int]:
        for other, bits in graph[node].items():
            if bits & allowed and (within is None or other in within):
                yield other

    for root in range(len(graph)) if within is None else sorted(within):
        if root in index:
            continue
        work = [(root, successors(root))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, successors(other)))
                    break
                if other in on_stack and index[other] < low[node]:
                    low[node] = index[other]
            else:
                work.pop()
                if work and low[node] < low[work[-1][0]]:
                    low[work[-1][0]] = low[node]
                if low[node] == index[node]:
                    _pop(stack, on_stack, node, found)
    return found


def _pop(stack: list[int], on_stack: set[int], node: int, found: list[list[int]]) -> None:
    component = []
    while True:
        other = stack.pop()
        on_stack.discard(other)
        component.append(other)
        if other == node:
            break
    if len(component) > 1:
        found.append(sorted(component))


def cycles(graph: Graph, allowed: int = WW | WR | RW | PROCESS | REALTIME) -> list[Cycle]:
    """For each component and each kind at most one cycle, the shortest that was found; the gravest kinds first. What
    a component has without the order of processes or time is not looked for with it. Every component has one."""
    found: list[Cycle] = []
    for component in components(graph, allowed):
        new: dict[str, Cycle] = {}
        for suffix, extra in _VARIANTS:
            if suffix and not extra & allowed:
                continue
            for kind in _KINDS:
                known = any(kind.name + before in new for before, _ in _VARIANTS)
                cycle = None if known else _shortest(graph, component, kind, suffix, extra & allowed)
                if cycle is not None:
                    new[cycle.kind] = cycle
        found += new.values() if new else [_any(graph, component, allowed)]
    order = [kind.name + suffix for suffix, _ in _VARIANTS for kind in _KINDS]
    return sorted(found, key=lambda c: (order.index(c.kind), len(c.edges)))


def _shortest(graph: Graph, component: Sequence[int], kind: _Kind, suffix: str, extra: int) -> Cycle | None:
    best: list[tuple[int, int, int]] = []
    work = [WORK]
    for part in components(graph, kind.allowed | kind.start | extra, component):
        members = set(part)
        wanted = extra if kind.name == "G0" and suffix else kind.start
        starts = [(u, v) for u in part for v, bits in graph[u].items() if v in members and bits & wanted]
        for start in starts:
            edges = _way_back(graph, members, kind, (*start, wanted, extra if suffix else 0), work)
            if edges and (not best or len(edges) < len(best)):
                best = edges
            if len(best) == 2 or work[0] <= 0:
                break
    return Cycle(kind.name + suffix, tuple(best)) if best else None


def _any(graph: Graph, component: Sequence[int], allowed: int) -> Cycle:
    """The shortest cycle through a component's first node, whatever its kind."""
    home, members = component[0], set(component)
    came: dict[int, tuple[int, int]] = {}
    queue = deque([home])
    while home not in came:
        node = queue.popleft()
        for other, bits in graph[node].items():
            if bits & allowed and other in members and other not in came:
                came[other] = (node, bits & allowed & -(bits & allowed))
                queue.append(other)
    edges: list[tuple[int, int, int]] = []
    at = home
    while not edges or at != home:
        before, bit = came[at]
        edges.append((before, at, bit))
        at = before
    return Cycle(_name([bit for _, _, bit in reversed(edges)]), tuple(edges[::-1]))


def _name(bits: Sequence[int]) -> str:
    suffix = "-realtime" if REALTIME in bits else "-process" if PROCESS in bits else ""
    count = bits.count(RW)
    if count == 0:
        return ("G1c" if WR in bits else "G0") + suffix
    if count == 1:
        return "G-single" + suffix
    adjacent = any(a == RW == b for a, b in zip(bits, (*bits[1:], bits[0]), strict=True))
    return ("G2-item" if adjacent else "G-nonadjacent") + suffix


_State = tuple[int, bool, bool, bool]
"""Node; whether an edge of a process or of time was used; whether the last edge was rw; whether more of them were."""


def _way_back(
    graph: Graph, members: set[int], kind: _Kind, start: tuple[int, int, int, int], work: list[int]
) -> list[tuple[int, int, int]]:
    """The shortest cycle of this kind that begins with the edge `start` (from, to, bits that it may count as, bits of
    the orders that the cycle needs); breadth first over nodes and what was used. `work`: states that it may visit."""
    home, first, wanted, extra = start
    bit = graph[home][first] & wanted
    bit &= -bit
    begin: _State = (first, bool(bit & (PROCESS | REALTIME)), bit == RW, False)
    came: dict[_State, tuple[_State | None, tuple[int, int, int]]] = {begin: (None, (home, first, bit))}
    queue = deque([begin])
    while queue and work[0] > 0:
        state = queue.popleft()
        work[0] -= 1
        for other, bits in graph[state[0]].items():
            if other not in members:
                continue
            for used, following in _steps(state, other, bits, kind, extra):
                if following in came:
                    continue
                came[following] = (state, (state[0], other, used))
                if other != home:
                    queue.append(following)
                elif _is_whole(following, kind, extra):
                    return _told(came, following)
    return []


def _steps(state: _State, other: int, bits: int, kind: _Kind, extra: int) -> Iterator[tuple[int, _State]]:
    _, timed, last_rw, more = state
    dependency = bits & kind.allowed & (WW | WR)
    if dependency:
        yield dependency & -dependency, (other, timed, False, more)
    if bits & RW & kind.allowed and not (kind.rws == 1 and last_rw):
        yield RW, (other, timed, True, True)
    if bits & extra and not dependency:
        yield (bits & extra) & -(bits & extra), (other, True, False, more)


def _is_whole(state: _State, kind: _Kind, extra: int) -> bool:
    _, timed, last_rw, more = state
    if extra and not timed:
        return False
    if kind.rws == 1:
        return more and not last_rw
    return more if kind.rws == 2 else True


def _told(came: dict[_State, tuple[_State | None, tuple[int, int, int]]], state: _State) -> list[tuple[int, int, int]]:
    edges: list[tuple[int, int, int]] = []
    at: _State | None = state
    while at is not None:
        at, edge = came[at]
        edges.append(edge)
    return edges[::-1]
