"""What holders of locks and leases believed, and whether they were right to: exclusion, and promises kept.

Must not search an order (`linearizable` with the models lock and lease does): here the question is what two clients did
at the same moment, which is what locks are for. A holder believes from the answer to its acquire until it asks for the
release, or until what it was promised is over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.record import Operation
from cluster.history.run import Run
from cluster.history.spans import because
from cluster.history.tenures import owner_of


@dataclass(slots=True)
class Tenure:
    """`owner` believed that it held `key` from `since` to `until`; `numbers`: the operations that show it."""

    key: str
    owner: Any
    client: str
    site: str
    since: float
    until: float
    numbers: list[int]


def tenures(history: Sequence[Operation]) -> list[Tenure]:
    """Every stretch of time in which somebody believed that it held a lock, in the order of their beginnings."""
    found: list[Tenure] = []
    open_: dict[tuple[str, Any], tuple[Tenure, float]] = {}
    for number in sorted(range(len(history)), key=lambda n: (history[n].start, n)):
        o = history[number]
        if o.kind == "acquire" and o.outcome == "ok" and o.result is not False:
            owner, lasting = owner_of(o.value)
            tenure = Tenure(o.key, owner, o.client, o.site, o.end, o.start + lasting, [number])
            if tenure.until > tenure.since:
                found.append(tenure)
            open_[o.key, owner] = (tenure, lasting)
        elif o.kind in ("release", "keepalive") and (o.key, o.value) in open_:
            tenure, lasting = open_[o.key, o.value]
            tenure.numbers.append(number)
            if o.kind == "release":
                tenure.until = max(tenure.since, min(tenure.until, o.start))
                del open_[o.key, o.value]
            elif o.outcome == "ok" and o.result is False:
                tenure.until = max(tenure.since, min(tenure.until, o.end))
                del open_[o.key, o.value]
            elif o.outcome == "ok" and o.end <= tenure.until:
                tenure.until = max(tenure.until, o.start + lasting)
    return sorted(found, key=lambda t: t.since)


def _judge_exclusive(run: Run, _: Options) -> Finding:
    found = tenures(run.operations)
    if not found:
        return saw_nothing("lock-exclusive", "locks that anybody got")
    told: list[str] = []
    numbers: list[int] = []
    holding: dict[str, list[Tenure]] = {}
    for tenure in found:
        others = [t for t in holding.get(tenure.key, ()) if t.until > tenure.since]
        for other in others:
            if other.owner != tenure.owner:
                numbers += [*other.numbers, *tenure.numbers]
                told += _both(run, other, tenure)
        holding[tenure.key] = [*others, tenure]
    if not told:
        return Finding("lock-exclusive", "ok", f"{len(found)} holders, one after the other", len(found))
    return Finding("lock-exclusive", "violated", told[0], len(found), told, {"operations": numbers[:50]})


def _both(run: Run, first: Tenure, second: Tenure) -> Iterator[str]:
    until = "the end" if first.until == math.inf else f"{first.until:.3f} s"
    over = "the end" if second.until == math.inf else f"{second.until:.3f} s"
    yield (
        f'{first.owner} believed that it held "{first.key}" from {first.since:.3f} s to {until}, and {second.owner} '
        f"from {second.since:.3f} s to {over}"
    )
    for tenure in (first, second):
        yield from because(run, tenure.site, first.since, second.since)


def _judge_early(run: Run, options: Options) -> Finding:
    """A lease that was granted or kept alive is there until its seconds are over, from when it was asked for on."""
    promises: dict[str, list[tuple[int, float]]] = {}
    granted: dict[str, float] = {}
    revokes: dict[str, list[Operation]] = {}
    for o in run.operations:
        if o.kind == "revoke" and o.outcome != "fail":
            revokes.setdefault(o.key, []).append(o)
    looked_at = 0
    told: list[str] = []
    numbers: list[int] = []
    for number in sorted(range(len(run.operations)), key=lambda n: (run.operations[n].start, n)):
        o = run.operations[number]
        if o.kind == "grant" and o.outcome == "ok":
            promises[o.key], granted[o.key] = [(number, float(o.value))], o.start
        elif o.key in promises and o.outcome == "ok" and o.kind in ("keepalive", "read"):
            looked_at += 1
            if not _says_gone(o):
                if o.kind == "keepalive":
                    promises[o.key].append((number, promises[o.key][0][1]))
            elif not any(granted[o.key] <= r.end and r.start <= o.end for r in revokes.get(o.key, ())):
                broken = _broken(run.operations, promises[o.key], o, options["clockRate"])
                if broken is not None:
                    told.append(_too_early(run.operations[broken], o, promises[o.key][0][1]))
                    told += because(run, o.site, run.operations[broken].start, o.end)
                    numbers += [broken, number]
    if not looked_at:
        return saw_nothing("lease-not-early", "answers about a lease after its grant")
    if not told:
        return Finding("lease-not-early", "ok", f"holds over {looked_at} answers", looked_at)
    return Finding("lease-not-early", "violated", told[0], looked_at, told, {"operations": numbers[:50]})


def _says_gone(o: Operation) -> bool:
    return o.result is False or (o.kind == "read" and o.result is None)


def _broken(
    history: Sequence[Operation], promises: Sequence[tuple[int, float]], gone: Operation, rate: float
) -> int | None:
    """The promise that was answered before `gone` began, and lasts beyond it."""
    for number, lasting in reversed(promises):
        promise = history[number]
        if promise.end < gone.start and gone.end < promise.start + lasting / rate:
            return number
    return None


def _too_early(promise: Operation, gone: Operation, lasting: float) -> str:
    return (
        f"{gone.sentence()} found the lease gone, {gone.end - promise.start:.3f} s after the {promise.sentence()} had "
        f"been asked for, which promised {lasting:g} s"
    )


CHECKS: Mapping[str, Check] = {
    "lock-exclusive": Check(
        "No two clients believe at one moment that they hold the same lock.", _judge_exclusive, ("operations",)
    ),
    "lease-not-early": Check(
        "No lease ends before its time.",
        _judge_early,
        ("operations",),
        {"clockRate": Option("number", "how fast the fastest clock may run; 1 is true time", 1.0, above=0)},
    ),
}
