"""When faults were in force, who was on which side of a partition, and why something did not hear of something: strikes
as causes.

Must not judge.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cluster.history.finding import Finding
from cluster.history.options import Option
from cluster.history.record import Operation
from cluster.history.run import Run, Strike

Span = tuple[float, float]

DURING = Option(
    "word", "which time counts: while a partition or any fault lasted, or all", "all", ("all", "partition", "fault")
)
STORE = "store-"
"""How hosts of the store's members are named."""


def until(strike: Strike, run: Run) -> float:
    return run.meta.seconds if strike.until is None else strike.until


def partitions(run: Run) -> list[Strike]:
    """Strikes that divided machines into sides."""
    return [s for s in run.strikes if len(s.groups) > 1 and not s.error]


def spans(run: Run, during: str) -> list[Span]:
    """The time that counts, in order and without overlap. "all" is without bounds, for histories without a run."""
    if during == "all":
        return [(-math.inf, math.inf)]
    chosen = partitions(run) if during == "partition" else [s for s in run.strikes if not s.error]
    return merged((s.since, until(s, run)) for s in chosen)


def merged(found: Iterable[Span]) -> list[Span]:
    result: list[Span] = []
    for since, end in sorted(found):
        if result and since <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((since, end))
    return result


def within(time: float, chosen: Sequence[Span]) -> bool:
    return any(since <= time < end for since, end in chosen)


def machine_of(run: Run, name: str) -> str:
    """Of a host; a machine's name is its own."""
    return run.meta.machines.get(name, name)


def side_of(run: Run, operation: Operation) -> str:
    """ "majority" or "minority" of the store's members during the partition in which it began; "side 1" where neither
    side has one; "" without a partition, or where its site is on no side."""
    for strike in partitions(run):
        if not strike.since <= operation.start < until(strike, run):
            continue
        here = machine_of(run, operation.site)
        for number, group in enumerate(strike.groups, start=1):
            if here in {machine_of(run, name) for name in group}:
                return _named(run, group, number)
    return ""


def _named(run: Run, group: Sequence[str], number: int) -> str:
    members = [host for host in run.meta.machines if host.startswith(STORE)]
    inside = {machine_of(run, name) for name in group}
    here = sum(run.meta.machines[host] in inside for host in members)
    if 2 * here > len(members):
        return "majority"
    return "minority" if members and _some_majority(run, members) else f"side {number}"


def _some_majority(run: Run, members: Sequence[str]) -> bool:
    for strike in partitions(run):
        for group in strike.groups:
            inside = {machine_of(run, name) for name in group}
            if 2 * sum(run.meta.machines[host] in inside for host in members) > len(members):
                return True
    return False


def strikes_on(run: Run, name: str, since: float, end: float) -> list[Strike]:
    """Strikes that are about this host or its machine, in force at some time from `since` to `end`."""
    names = {name, machine_of(run, name)}
    return [s for s in run.strikes if not s.error and s.since <= end and until(s, run) >= since and _about(s, names)]


def _about(strike: Strike, names: set[str]) -> bool:
    """A target; or, of a cut that has no targets, on a side of it."""
    if strike.targets or not strike.groups:
        return bool(names & set(strike.targets))
    return any(names & set(group) for group in strike.groups)


_WORDS = {
    "isolate": "was cut off",
    "kill": "was dead",
    "pause": "was stopped",
    "poweroff": "was without power",
    "crashLoop": "kept dying",
    "restart": "was being restarted",
    "delay": "was slow to reach",
    "loss": "lost messages",
    "disk": "had a bad disk",
    "clockJump": "had a wrong clock",
    "clockDrift": "had a wrong clock",
}
_API = {
    "slow": "was slow to answer",
    "overloaded": "refused requests (429)",
    "error": "answered with errors",
    "stale": "served the past",
    "missed": "left out events",
}


def because(run: Run, name: str, since: float, end: float) -> list[str]:
    """What was wrong with this host or machine then, a sentence for each strike: "worker-1 was cut off from 5.0 s to
    15.0 s"."""
    told = []
    for strike in strikes_on(run, name, since, end):
        table, key = (_API, str(strike.args.get("way"))) if strike.action == "api" else (_WORDS, strike.action)
        words = table.get(key) or _cut(run, strike, name) or f"was under {strike.action}"
        over = "on" if strike.until is None else f"to {strike.until:.1f} s"
        told.append(f"{name} {words} from {strike.since:.1f} s {over} ({strike.name})")
    return told


def _cut(run: Run, strike: Strike, name: str) -> str:
    """ "was cut off from master-0, master-2"."""
    if not strike.groups:
        return ""
    names = {name, machine_of(run, name)}
    others = [other for group in strike.groups if not names & set(group) for other in group]
    if not others:
        return ""
    more = f" and {len(others) - 4} more" if len(others) > 4 else ""
    return f"was cut off from {', '.join(others[:4])}{more}"


CAUSES = 6
"""Strikes that are told with a violation."""


def explained(run: Run, finding: Finding) -> Finding:
    """A violation with what was wrong, in all of the run, with the hosts and machines that its sentences name."""
    if finding.said != "violated" or not run.strikes:
        return finding
    text = " ".join((finding.summary, *finding.because))
    known = {*run.meta.machines, *run.meta.machines.values()} - {o.client for o in run.operations}
    named = [name for name in sorted(known) if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]
    causes = dict.fromkeys(sentence for name in named for sentence in because(run, name, -math.inf, math.inf))
    new = [sentence for sentence in causes if sentence not in text][:CAUSES]
    return replace(finding, because=(*(finding.because or (finding.summary,)), *new)) if new else finding
