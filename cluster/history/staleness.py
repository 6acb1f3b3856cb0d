"""How old what reads returned was: for how long, and by how many writes, it had been superseded when the read began.

Must not say whether that is allowed but by the bounds that it is given. Needs unique values. A read is old only if a
write that certainly came later than the one it saw had been acknowledged before it began.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.latency import percentile
from cluster.history.options import Option, Options
from cluster.history.record import Operation
from cluster.history.run import Run
from cluster.history.sessions import value_of
from cluster.history.spans import DURING, side_of, spans, within


@dataclass(frozen=True, slots=True)
class Age:
    """Of one read: `number` in the history, `seconds` and `versions` by which it was old (0: not at all), the number of
    the acknowledged write that it should have known, -1 if none."""

    number: int
    seconds: float
    versions: int
    missed: int = -1


class _Writes:
    """Acknowledged writes of one key, by their start."""

    def __init__(self, history: Sequence[Operation], numbers: Sequence[int]) -> None:
        self.values: dict[Any, list[int]] = {}
        for number in numbers:
            self.values.setdefault(_left(history[number]), []).append(number)
        acknowledged = [n for n in numbers if history[n].outcome == "ok"]
        self.numbers = sorted(acknowledged, key=lambda n: history[n].start)
        self.starts = [history[n].start for n in self.numbers]
        self.longest = max((history[n].end - history[n].start for n in self.numbers), default=0.0)
        self.soonest: list[tuple[float, int]] = []
        best = (math.inf, -1)
        for number in reversed(self.numbers):
            best = min(best, (history[number].end, number))
            self.soonest.append(best)
        self.soonest.reverse()


def _left(o: Operation) -> Any:
    return None if o.kind == "delete" else value_of(o)


def _is_write(o: Operation) -> bool:
    return o.kind in ("write", "cas", "delete") and o.outcome != "fail" and o.result is not False


def ages(history: Sequence[Operation]) -> list[Age]:
    """Of every answered read whose value says which write it saw; n log n."""
    by_key: dict[str, list[int]] = {}
    for number, o in enumerate(history):
        if _is_write(o):
            by_key.setdefault(o.key, []).append(number)
    writes = {key: _Writes(history, numbers) for key, numbers in by_key.items()}
    found = []
    for number, o in enumerate(history):
        if o.kind == "read" and o.outcome == "ok":
            age = _age(history, number, o, writes.get(o.key))
            if age is not None:
                found.append(age)
    return found


def _age(history: Sequence[Operation], number: int, read: Operation, writes: _Writes | None) -> Age | None:
    if writes is None:
        return Age(number, 0.0, 0) if read.result is None else None
    makers = [n for n in writes.values.get(read.result, ()) if history[n].start <= read.end]
    if not makers and read.result is not None:
        return None
    since = max((history[n].end for n in makers), default=-math.inf)
    place = bisect_right(writes.starts, since)
    if place >= len(writes.numbers) or writes.soonest[place][0] >= read.start:
        return Age(number, 0.0, 0)
    end, missed = writes.soonest[place]
    begun = bisect_left(writes.starts, read.start)
    flying = 0
    for at in range(begun - 1, place - 1, -1):
        if writes.starts[at] < read.start - writes.longest:
            break
        flying += history[writes.numbers[at]].end >= read.start
    return Age(number, read.start - end, begun - place - flying, missed)


def _judge(run: Run, options: Options) -> Finding:
    chosen = spans(run, options["during"])
    history = run.operations
    counted = [age for age in ages(history) if _counts(run, history[age.number], options, chosen)]
    if not counted:
        return saw_nothing("staleness", "answered reads whose age can be told")
    worst = max(counted, key=lambda age: age.seconds)
    figures = _figures(counted)
    bounds = (options["atMost"], options["versions"], options["share"])
    told = _by_group(run, counted)
    stale = figures["stale"]
    summary = f"{stale:.1%} of {len(counted)} reads were stale, the oldest by {worst.seconds:.3f} s"
    if all(bound is None for bound in bounds):
        return Finding("staleness", "unknown", f"{summary}; no bound was given", len(counted), told, figures=figures)
    late = options["atMost"] is not None and figures["oldest"] > options["atMost"]
    behind = options["versions"] is not None and figures["mostVersions"] > options["versions"]
    often = options["share"] is not None and stale > options["share"]
    if not (late or behind or often):
        return Finding("staleness", "ok", summary, len(counted), told, figures=figures)
    worst = max(counted, key=lambda age: age.versions) if behind and not late else worst
    read, write = history[worst.number], history[worst.missed]
    sentence = (
        f"the {read.sentence()} began {worst.seconds:.3f} s after the {write.sentence()} had been acknowledged, and "
        f"did not know it ({worst.versions} writes behind)"
    )
    evidence = {"operations": [worst.number, worst.missed]}
    return Finding(
        "staleness", "violated", f"{summary}: {sentence}", len(counted), [sentence, *told], evidence, figures
    )


def _counts(run: Run, o: Operation, options: Options, chosen: Sequence[tuple[float, float]]) -> bool:
    site = options["site"]
    there = not site or fnmatchcase(o.site, site) or side_of(run, o) == site
    return there and (not options["mode"] or o.mode == options["mode"]) and within(o.start, chosen)


def _figures(found: Sequence[Age]) -> dict[str, float]:
    old = sorted(age.seconds for age in found)
    return {
        "stale": sum(age.versions > 0 for age in found) / len(found),
        "oldest": old[-1],
        "p50": percentile(old, 50),
        "p95": percentile(old, 95),
        "p99": percentile(old, 99),
        "mostVersions": float(max(age.versions for age in found)),
    }


def _by_group(run: Run, found: Sequence[Age]) -> list[str]:
    """A sentence for each mode and site."""
    groups: dict[tuple[str, str], list[Age]] = {}
    for age in found:
        o = run.operations[age.number]
        groups.setdefault((o.mode or "plain", o.site), []).append(age)
    return [
        f"{mode} reads{f' at {site}' if site else ''}: {sum(a.versions > 0 for a in group)} of {len(group)} stale, the "
        f"oldest by {max(a.seconds for a in group):.3f} s and {max(a.versions for a in group)} writes"
        for (mode, site), group in sorted(groups.items())
    ]


CHECKS: Mapping[str, Check] = {
    "staleness": Check(
        "How old reads were: none older than the bound (without a bound: only figures, and unknown).",
        _judge,
        ("operations",),
        {
            "mode": Option("word", "only reads of this mode", ""),
            "site": Option("text", "only at sites like this, or on this side (majority, minority)", ""),
            "during": DURING,
            "atMost": Option("duration", "the oldest read"),
            "versions": Option("integer", "the most writes behind", above=-1),
            "share": Option("share", "of reads that may be stale at all"),
        },
    )
}
