"""A cycle of transactions told as a proof: let T1 be this and T2 that; then T1 < T2, because ...; a contradiction.

Must not look for cycles. After the wording that made Elle's explanations easy to follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster.history.appends import Appends, steps_of
from cluster.history.cycles import NAMES, PROCESS, REALTIME, RW, WR, WW, Cycle
from cluster.history.record import NEVER, Operation, micro_text


def proof(known: Appends, cycle: Cycle) -> list[str]:
    """Sentences: who is who, each step with its reason, the last of which contradicts the others."""
    nodes = [u for u, _, _ in cycle.edges]
    names = {node: f"T{i}" for i, node in enumerate(nodes, start=1)}
    told = [f"Let {names[node]} = {transaction(known.history[node])}." for node in nodes]
    last = len(cycle.edges) - 1
    for i, (u, v, bit) in enumerate(cycle.edges):
        word = "However, " if i == last else "Then " if i == 0 else "And "
        end = ": a contradiction!" if i == last else "."
        told.append(f"{word}{names[u]} < {names[v]}, because {_reason(known, (u, v), bit, names)}{end}")
    return told


def shape(cycle: Cycle) -> str:
    """ "T1 -rw-> T2 -wr-> T1"."""
    parts = [f"T{i} -{NAMES[bit]}->" for i, (_, _, bit) in enumerate(cycle.edges, start=1)]
    return " ".join([*parts, "T1"])


def transaction(o: Operation) -> str:
    until = f"to {o.end:.3f} s" if o.end < NEVER else "on, outcome unknown"
    return f"{micro_text(steps_of(o))} by {o.client} ({o.start:.3f} {until})"


def _reason(known: Appends, edge: tuple[int, int], bit: int, names: dict[int, str]) -> str:
    u, v = edge
    a, b = names[u], names[v]
    first, second = known.history[u], known.history[v]
    if bit == REALTIME:
        return f"{a} was answered at {first.end:.3f} s, before {b} began at {second.start:.3f} s"
    if bit == PROCESS:
        return f"process {first.process} ran {a} before {b}"
    if bit == WR:
        key, element, version = _read_of(known, u, v)
        return f'{a} appended {element!r} to "{key}" and {b} read {list(version)}'
    if bit == WW:
        key, one, other = _next_append(known, u, v)
        return f'{a} appended {one!r} to "{key}", and {b} appended {other!r} after it'
    assert bit == RW
    key, version, other = _missed(known, u, v)
    return f'{a} read "{key}" as {list(version)}, without {other!r}, which {b} appended'


def _appended(o: Operation) -> list[tuple[Any, Any]]:
    return [(key, element) for name, key, element in o.value if name == "append"]


def _read_of(known: Appends, u: int, v: int) -> tuple[Any, Any, Sequence[Any]]:
    mine = set(_appended(known.history[u]))
    for key, version in known.reads[v].items():
        if version and key in known.orders and (key, version[-1]) in mine:
            return key, version[-1], version
    raise AssertionError(f"{v} read nothing of {u}")


def _next_append(known: Appends, u: int, v: int) -> tuple[Any, Any, Any]:
    """The two appends in a row; or the last that was read, and one that no read shows."""
    loose: tuple[Any, Any, Any] | None = None
    mine = set(_appended(known.history[u]))
    for key, element in _appended(known.history[v]):
        order = known.orders.get(key)
        if not order:
            continue
        if element in order:
            place = order.index(element)
            if place and (key, order[place - 1]) in mine:
                return key, order[place - 1], element
        elif (key, order[-1]) in mine:
            loose = (key, order[-1], element)
    assert loose is not None, f"{v} wrote nothing after {u}"
    return loose


def _missed(known: Appends, u: int, v: int) -> tuple[Any, Sequence[Any], Any]:
    for key, element in _appended(known.history[v]):
        version, order = known.reads[u].get(key), known.orders.get(key)
        if version is None or order is None:
            continue
        following = order[len(version)] if len(version) < len(order) else None
        if (following == element and len(version) < len(order)) or (
            len(version) == len(order) and element not in order
        ):
            return key, version, element
    raise AssertionError(f"{u} missed nothing of {v}")
