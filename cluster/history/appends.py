"""Histories of transactions that read lists and append to them: the order of versions, dependencies, and anomalies
that need no cycle.

Must not look for cycles (`cycles`) nor tell proofs (`proofs`). After Kingsbury and Alvaro (2020), "Elle: Inferring
Isolation Anomalies from Experimental Observations": a list that was read shows every version before it, so the order
of versions is known from the longest read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.history.cycles import PROCESS, REALTIME, RW, WR, WW
from cluster.history.record import Operation

Version = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`numbers`: of the transactions in the history, as the sentences tell them."""

    kind: str
    sentence: str
    numbers: tuple[int, ...]


@dataclass(slots=True)
class Appends:
    """What a history of transactions says. Transactions are numbered as in the history."""

    history: Sequence[Operation]
    writers: dict[tuple[Any, Any], int] = field(default_factory=dict)
    """(key, element) to the transaction that appends it, whatever its outcome."""
    orders: dict[Any, Version] = field(default_factory=dict)
    """Key to its longest version that was read; without keys whose reads contradict each other."""
    anomalies: list[Anomaly] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    """Transactions of unknown outcome one of whose appends was read: they happened."""
    twice: list[tuple[Any, Any, int, int]] = field(default_factory=list)
    """(key, element, first, second): elements that two transactions append: then nothing can be said of the key."""
    reads: dict[int, dict[Any, Version]] = field(default_factory=dict)
    """Of each transaction that was answered: the version of each key that it read before it appended to it."""

    def happened(self, number: int) -> bool:
        return self.history[number].outcome == "ok" or number in self.seen


def steps_of(operation: Operation) -> Version:
    """Its micro-operations, with what reads saw if it was answered."""
    found: Version = operation.result if operation.outcome == "ok" else operation.value
    return found


def read_history(history: Sequence[Operation]) -> Appends:
    """Everything but the graph; linear in what was read."""
    known = Appends(history)
    for number, o in enumerate(history):
        for name, key, element in o.value if o.kind == "txn" else ():
            if name == "append":
                first = known.writers.setdefault((key, element), number)
                if first != number or _count(o, key, element) > 1:
                    known.twice.append((key, element, first, number))
    bad = {key for key, _, _, _ in known.twice}
    longest: dict[Any, tuple[Version, int]] = {}
    wrong: set[Any] = set(bad)
    for number, o in enumerate(history):
        if o.kind == "txn" and o.outcome == "ok":
            known.reads[number] = _external(known, number, o)
            for key, version in _all_reads(o):
                _take(known, longest, wrong, key, version, number)
    known.orders = {key: version for key, (version, _) in longest.items() if key not in wrong}
    _writes_that_were_seen(known, longest)
    _lost_updates(known)
    return known


def _count(o: Operation, key: Any, element: Any) -> int:
    return sum(step[0] == "append" and step[1:] == (key, element) for step in o.value)


def _all_reads(o: Operation) -> Iterator[tuple[Any, Version]]:
    """Also those after its own appends: they are at the end of the list, where they were put."""
    for name, key, value in o.result:
        if name == "r":
            yield key, tuple(value or ())


def _external(known: Appends, number: int, o: Operation) -> dict[Any, Version]:
    """Reads before an append of its own; and whether it saw what it had read and written itself."""
    first: dict[Any, Version] = {}
    expected: dict[Any, tuple[bool, Version]] = {}
    """Key to (is all of it known, the end that a read must have)."""
    for name, key, value in o.result:
        whole, tail = expected.get(key, (False, ()))
        if name == "append":
            expected[key] = (whole, (*tail, value))
            continue
        version = tuple(value or ())
        if version != tail if whole else version[len(version) - len(tail) :] != tail:
            wanted = f"{list(tail)}" if whole else f"a list that ends in {list(tail)}"
            text = f'after what it had done itself it had to read "{key}" as {wanted}, but read {list(version)}'
            known.anomalies.append(Anomaly("internal", text, (number,)))
        if key not in expected:
            first[key] = version
            mine = [e for e in version if known.writers.get((key, e)) == number]
            if mine:
                text = f'it read {mine[0]!r} in "{key}" before it appended it'
                known.anomalies.append(Anomaly("future-read", text, (number,)))
        expected[key] = (True, version)
    return first


def _take(
    known: Appends, longest: dict[Any, tuple[Version, int]], wrong: set[Any], key: Any, version: Version, number: int
) -> None:
    if len(set(version)) < len(version):
        again = next(e for i, e in enumerate(version) if e in version[:i])
        text = f'it read "{key}" as {list(version)}, with {again!r} twice, which was appended once'
        known.anomalies.append(Anomaly("duplicate-elements", text, (number,)))
        wrong.add(key)
        return
    before, whose = longest.get(key, ((), number))
    short, long = sorted((before, version), key=len)
    if long[: len(short)] != short:
        if key not in wrong:
            text = f'one read "{key}" as {list(before)}, the other as {list(version)}, and neither begins the other'
            known.anomalies.append(Anomaly("incompatible-order", text, (whose, number)))
        wrong.add(key)
    if len(version) > len(before) or key not in longest:
        longest[key] = (version, number)


def _writes_that_were_seen(known: Appends, longest: dict[Any, tuple[Version, int]]) -> None:
    for key, (version, number) in longest.items():
        aborted: tuple[Any, int] | None = None
        for element in version:
            writer = known.writers.get((key, element))
            if writer is None:
                text = f'it read {element!r} in "{key}", which nobody appended'
                known.anomalies.append(Anomaly("garbage", text, (number,)))
                continue
            outcome = known.history[writer].outcome
            if outcome == "unknown":
                known.seen.add(writer)
            if outcome == "fail":
                text = f'it read {element!r} in "{key}", which was appended by a transaction that failed'
                known.anomalies.append(Anomaly("G1a", text, (number, writer)))
                aborted = (element, writer)
            elif aborted is not None:
                text = f'it appended {element!r} to "{key}" after {aborted[0]!r}, which was rolled back'
                known.anomalies.append(Anomaly("dirty-update", text, (writer, aborted[1])))
                aborted = None
    for number, reads in known.reads.items():
        for key, version in reads.items():
            _intermediate(known, number, key, version)


def _intermediate(known: Appends, number: int, key: Any, version: Version) -> None:
    writer = known.writers.get((key, version[-1])) if version else None
    if writer is None or writer == number:
        return
    appended = [e for name, k, e in known.history[writer].value if name == "append" and k == key]
    if appended and appended[-1] != version[-1]:
        text = (
            f'it read "{key}" as {list(version)}, which ends in {version[-1]!r}: the other went on to append '
            f"{appended[-1]!r} to it"
        )
        known.anomalies.append(Anomaly("G1b", text, (number, writer)))


def _lost_updates(known: Appends) -> None:
    changed: dict[tuple[Any, Version], int] = {}
    for number, reads in known.reads.items():
        o = known.history[number]
        for key, version in reads.items():
            if key not in known.orders or not any(name == "append" and k == key for name, k, _ in o.result):
                continue
            first = changed.setdefault((key, version), number)
            if first != number:
                text = f'both read "{key}" as {list(version)}, and both appended to it'
                known.anomalies.append(Anomaly("lost-update", text, (first, number)))


# ── the graph ────────────────────────────────────────────────────────────────────────────────────────────────

UNREAD = 50
"""Appends to a key that no read shows, and reads of its last version, that are put in order: beyond it is enough."""


def graph_of(known: Appends) -> list[dict[int, int]]:
    """For each transaction its successors with the bits of `cycles`: what they wrote and read, each process's order,
    real time (without what follows from the rest)."""
    graph: list[dict[int, int]] = [{} for _ in known.history]
    readers: dict[Any, dict[int, list[int]]] = {}
    for number, reads in known.reads.items():
        for key, version in reads.items():
            if key in known.orders:
                readers.setdefault(key, {}).setdefault(len(version), []).append(number)
    unread = _unread(known)
    for key, version in known.orders.items():
        _key_edges(graph, known, key, version, readers.get(key, {}))
        last = known.writers.get((key, version[-1])) if version else None
        for writer in unread.get(key, ())[:UNREAD]:
            if last is not None and known.happened(last):
                _edge(graph, last, writer, WW)
            for reader in readers.get(key, {}).get(len(version), ())[:UNREAD]:
                _edge(graph, reader, writer, RW)
    _process_edges(graph, known)
    _time_edges(graph, known)
    return graph


def _edge(graph: list[dict[int, int]], u: int, v: int, bit: int) -> None:
    if u != v:
        graph[u][v] = graph[u].get(v, 0) | bit


def _key_edges(
    graph: list[dict[int, int]], known: Appends, key: Any, version: Version, readers: dict[int, list[int]]
) -> None:
    before: int | None = None
    for place, element in enumerate(version):
        writer = known.writers.get((key, element))
        if writer is None or known.history[writer].outcome == "fail":
            before = None
            continue
        if before is not None:
            _edge(graph, before, writer, WW)
        for reader in readers.get(place, ()):
            _edge(graph, reader, writer, RW)
        for reader in readers.get(place + 1, ()):
            _edge(graph, writer, reader, WR)
        before = writer


def _unread(known: Appends) -> dict[Any, list[int]]:
    """Of keys that were read: acknowledged appends that no read shows; they come after all that were."""
    shown = {(key, element) for key, version in known.orders.items() for element in version}
    found: dict[Any, list[int]] = {}
    for (key, element), writer in known.writers.items():
        if key in known.orders and (key, element) not in shown and known.history[writer].outcome == "ok":
            found.setdefault(key, []).append(writer)
    return found


def _process_edges(graph: list[dict[int, int]], known: Appends) -> None:
    last: dict[int, int] = {}
    for number in sorted(range(len(known.history)), key=lambda n: known.history[n].start):
        if known.history[number].kind == "txn" and known.happened(number):
            process = known.history[number].process
            if process in last:
                _edge(graph, last[process], number, PROCESS)
            last[process] = number


def _time_edges(graph: list[dict[int, int]], known: Appends) -> None:
    """From what was answered to what began after that; only from those that no later one stands between."""
    events: list[tuple[float, int, int]] = []
    for number, o in enumerate(known.history):
        if o.kind == "txn" and known.happened(number):
            events.append((o.start, 0, number))
            if o.outcome == "ok":
                events.append((o.end, 1, number))
    events.sort()
    frontier: dict[int, None] = {}
    before: dict[int, tuple[int, ...]] = {}
    for _, ended, number in events:
        if not ended:
            before[number] = tuple(frontier)
            for other in frontier:
                _edge(graph, other, number, REALTIME)
        else:
            for other in before.pop(number, ()):
                frontier.pop(other, None)
            frontier[number] = None
