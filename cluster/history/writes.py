"""What became of writes: acknowledged ones that are lost, values that nobody wrote, writes that took effect twice.

Must not judge the order of answers (`linearizable` does). Definite and indefinite failures are kept apart: what was
refused must never be seen; what nobody knows of may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Options
from cluster.history.record import NEVER, Operation, freeze
from cluster.history.run import Run
from cluster.history.sessions import value_of

Wrong = tuple[str, tuple[int, ...]]


@dataclass(slots=True)
class _Key:
    """Numbers of operations. `changed`: those that may have changed it, deletes among them."""

    writes: dict[Any, list[int]] = field(default_factory=dict)
    refused: dict[Any, list[int]] = field(default_factory=dict)
    changed: list[int] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)


def _keys(history: Sequence[Operation]) -> dict[str, _Key]:
    keys: dict[str, _Key] = {}
    leases = {o.key for o in history if o.kind == "grant"}
    for number, o in enumerate(history):
        if o.kind not in ("read", "write", "cas", "delete") or o.key in leases:
            continue
        key = keys.setdefault(o.key, _Key())
        if o.kind == "read":
            if o.outcome == "ok":
                key.reads.append(number)
        elif o.result is not False:
            value = None if o.kind == "delete" else value_of(o)
            (key.refused if o.outcome == "fail" else key.writes).setdefault(value, []).append(number)
            if o.outcome != "fail":
                key.changed.append(number)
    return keys


def _finding(check: str, wrong: list[Wrong], looked_at: int, what: str) -> Finding:
    if not looked_at:
        return saw_nothing(check, what)
    if not wrong:
        return Finding(check, "ok", f"holds over {looked_at} {what}", looked_at)
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    evidence = {"operations": list(dict.fromkeys(n for _, numbers in wrong for n in numbers))[:100]}
    return Finding(check, "violated", wrong[0][0] + more, looked_at, [s for s, _ in wrong[:20]], evidence)


# ── lost ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _judge_lost(run: Run, _: Options) -> Finding:
    """A key's last value is older than a write that was acknowledged; an element that was appended is not in the last
    list; or the store itself names conflicts that it resolved by dropping writes."""
    wrong: list[Wrong] = []
    looked_at = 0
    finals: Mapping[str, Any] = run.finals.get("keys") or {}
    for name, key in sorted(_keys(run.operations).items()):
        last = _last(run.operations, key, name, finals)
        acknowledged = [n for n in key.changed if run.operations[n].outcome == "ok"]
        if last is not None and acknowledged:
            looked_at += len(acknowledged)
            wrong += _overtaken(run.operations, name, key, last, acknowledged)
    appended, found = _lost_elements(run.operations)
    looked_at, wrong = looked_at + appended, wrong + found
    for key_name, writes in _conflicts(run.finals.get("conflicts") or ()):
        looked_at += writes
        wrong.append((f'the store says that it dropped {writes} writes of "{key_name}" for others', ()))
    return _finding("lost-writes", wrong, looked_at, "acknowledged writes of keys whose last value is known")


def _conflicts(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """(key, writes) of each conflict once: every replica that met it names it."""
    found: dict[Any, tuple[str, int]] = {}
    for number, row in enumerate(rows):
        name, writes = str(row.get("key")), int(row.get("writes", 1))
        stamp = freeze(row["stamp"]) if "stamp" in row else number
        before = found.get((name, stamp), (name, 0))
        found[name, stamp] = max(before, (name, writes), key=lambda pair: pair[1])
    return list(found.values())


def _last(history: Sequence[Operation], key: _Key, name: str, finals: Mapping[str, Any]) -> tuple[Any, float] | None:
    """The key's last value, and the time from which on it is known to be (`NEVER`: after everything)."""
    if name in finals:
        return freeze(finals[name]), NEVER
    strong = [n for n in key.reads if history[n].mode != "serializable"]
    if not strong:
        return None
    number = max(strong, key=lambda n: history[n].start)
    return history[number].result, history[number].start


def _overtaken(
    history: Sequence[Operation], name: str, key: _Key, last: tuple[Any, float], acknowledged: Sequence[int]
) -> Iterator[Wrong]:
    """Acknowledged writes that certainly came after the one that is left."""
    value, since = last
    makers = key.writes.get(value, [])
    if not makers and value is not None:
        return
    for number in acknowledged:
        o = history[number]
        if number in makers or o.end >= since:
            continue
        if not makers:
            if o.kind != "delete":
                yield f'{o.sentence()} was acknowledged, but in the end there is no "{name}"', (number,)
        elif all(_before(history[maker], o) for maker in makers):
            maker = history[makers[-1]]
            yield (
                f'{o.sentence()} was acknowledged after the {maker.sentence()}, but in the end "{name}" is {value!r}',
                (number, makers[-1]),
            )


def _before(a: Operation, b: Operation) -> bool:
    if a.revision and b.revision:
        return a.revision < b.revision
    return a.end < b.start


def _lost_elements(history: Sequence[Operation]) -> tuple[int, list[Wrong]]:
    """Of lists: appends that were acknowledged before the last read of the key began, and are not in it."""
    reads: dict[Any, tuple[float, int, tuple[Any, ...]]] = {}
    appends: list[tuple[Any, Any, int]] = []
    for number, o in enumerate(history):
        if o.kind != "txn" or o.outcome != "ok":
            continue
        for name, key, value in o.result:
            if name == "append":
                appends.append((key, value, number))
            elif key not in reads or o.start > reads[key][0]:
                reads[key] = (o.start, number, tuple(value or ()))
    wrong: list[Wrong] = []
    looked_at = 0
    sets = {key: frozenset(version) for key, (_, _, version) in reads.items()}
    for key, element, number in appends:
        if key not in reads or history[number].end >= reads[key][0]:
            continue
        looked_at += 1
        if element not in sets[key]:
            text = f'{history[number].sentence()} was acknowledged, but the last read of "{key}" has no {element!r}'
            wrong.append((text, (number, reads[key][1])))
    return looked_at, wrong


# ── phantom ──────────────────────────────────────────────────────────────────────────────────────────────────


def _judge_phantom(run: Run, _: Options) -> Finding:
    """A read returns what nobody wrote, what was refused for certain, or what was only written later."""
    wrong: list[Wrong] = []
    looked_at = 0
    finals: Mapping[str, Any] = run.finals.get("keys") or {}
    for name, key in sorted(_keys(run.operations).items()):
        for number in key.reads:
            o = run.operations[number]
            if o.result is not None:
                looked_at += 1
                wrong += _no_source(run.operations, key, o.result, (o.sentence(), o.end), (number,))
        if name in finals and finals[name] is not None:
            looked_at += 1
            wrong += _no_source(run.operations, key, freeze(finals[name]), (f'the last value of "{name}"', NEVER), ())
    return _finding("phantom-writes", wrong, looked_at, "values that were read")


def _no_source(
    history: Sequence[Operation], key: _Key, value: Any, seen: tuple[str, float], numbers: tuple[int, ...]
) -> Iterator[Wrong]:
    what, end = seen
    makers = key.writes.get(value, [])
    if any(history[n].start <= end for n in makers):
        return
    refused = key.refused.get(value, [])
    if makers:
        yield f"{what}: {value!r} was only written later, by the {history[makers[0]].sentence()}", (*numbers, makers[0])
    elif refused:
        o = history[refused[0]]
        yield f"{what}: {value!r} comes from the {o.sentence()}, which was refused ({o.error})", (*numbers, refused[0])
    else:
        yield f"{what}: nobody wrote {value!r}", numbers


# ── duplicated ───────────────────────────────────────────────────────────────────────────────────────────────


def _judge_duplicated(run: Run, _: Options) -> Finding:
    """A value that was written once is there again after another one had taken its place; watches show it put twice;
    or a list has it twice."""
    keys = _keys(run.operations)
    wrong: list[Wrong] = []
    looked_at = 0
    for name, key in sorted(keys.items()):
        once = {value: numbers[0] for value, numbers in key.writes.items() if len(numbers) == 1 and value is not None}
        reads = sorted(
            (n for n in key.reads if run.operations[n].mode != "serializable"), key=lambda n: run.operations[n].start
        )
        looked_at += len(reads)
        wrong += _back_again(run.operations, name, once, reads)
    counted, put_twice = _put_twice(run, keys)
    read, twice = _twice_in_lists(run.operations)
    return _finding(
        "duplicated-writes", wrong + put_twice + twice, looked_at + counted + read, "reads and watched events"
    )


def _back_again(
    history: Sequence[Operation], name: str, once: Mapping[Any, int], reads: Sequence[int]
) -> Iterator[Wrong]:
    """Three reads, one after the other: the value, another that was written after it, the value. Not if the last says
    itself that it is of an older revision: then it is stale, and nothing was written twice."""
    latest: int | None = None
    seen: dict[Any, int] = {}
    left: dict[Any, int] = {}
    """Value to the read that found another one, written later, in its place."""
    for number in reads:
        o = history[number]
        gone = left.get(o.result)
        stale = gone is not None and 0 < o.revision < history[gone].revision
        if gone is not None and history[gone].end < o.start and o.result in once and not stale:
            other = history[gone].result
            yield (
                f'{o.result!r} was written to "{name}" once, but was there again after {other!r} had replaced it',
                (once[o.result], gone, number),
            )
            left.pop(o.result)
        if latest is not None and history[latest].result != o.result and history[latest].end < o.start:
            before = history[latest].result
            if before in once and o.result in once and _before(history[once[before]], history[once[o.result]]):
                left.setdefault(before, number)
        seen[o.result] = number
        latest = number


def _put_twice(run: Run, keys: Mapping[str, _Key]) -> tuple[int, list[Wrong]]:
    found: dict[tuple[str, Any], int] = {}
    wrong: list[Wrong] = []
    counted = 0
    for seen in run.watches:
        key = keys.get(seen.key)
        value = freeze(seen.value)
        if key is None or seen.type != "put" or seen.mode or len(key.writes.get(value, ())) != 1:
            continue
        counted += 1
        first = found.setdefault((seen.key, value), seen.revision)
        if first != seen.revision:
            writer = run.operations[key.writes[value][0]]
            text = f"the {writer.sentence()} took effect at revision {first} and again at {seen.revision}"
            wrong.append((text, (key.writes[value][0],)))
    return counted, wrong


def _twice_in_lists(history: Sequence[Operation]) -> tuple[int, list[Wrong]]:
    wrong: list[Wrong] = []
    counted = 0
    for number, o in enumerate(history):
        if o.kind != "txn" or o.outcome != "ok":
            continue
        for name, key, value in o.result:
            if name == "r":
                counted += 1
                if len(set(value or ())) < len(value or ()):
                    wrong.append((f'{o.sentence()}: an element of "{key}" is there twice', (number,)))
    return counted, wrong


OPERATIONS = ("operations",)
CHECKS: Mapping[str, Check] = {
    "lost-writes": Check("No acknowledged write is lost.", _judge_lost, ("operations", "finals")),
    "phantom-writes": Check(
        "No read returns what nobody wrote, or what was refused for certain.", _judge_phantom, ("operations", "finals")
    ),
    "duplicated-writes": Check("No write takes effect twice.", _judge_duplicated, ("operations", "watches")),
}
