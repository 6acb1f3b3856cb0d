"""The checks by name, and the verdict over a run: which of them held, which did not, which could not say.

Must not know what a check looks for: each is a function of a run and its options, in a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cluster.errors import UsageError
from cluster.history import (
    availability,
    containers,
    daemons,
    endpoints,
    failovers,
    identities,
    invariants,
    latency,
    leases,
    lifecycle,
    linearizable,
    locks,
    observers,
    placement,
    proxies,
    raft,
    sessions,
    settled,
    staleness,
    told,
    transactions,
    watches,
    workloads,
    writes,
)
from cluster.history.checker import Check
from cluster.history.finding import Judged, Said, Verdict
from cluster.history.options import Clock, Options, resolve
from cluster.history.run import Run
from cluster.history.spans import explained


class Asked(Protocol):
    """A check that a scenario asks for; `cluster.scenario.model.CheckSpec` is one."""

    @property
    def place(self) -> str: ...

    @property
    def check(self) -> str: ...

    @property
    def options(self) -> Mapping[str, Any]: ...

    @property
    def expect(self) -> Said: ...

    @property
    def because(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Ask:
    """A check that somebody asks for by hand."""

    check: str
    options: Mapping[str, Any] = field(default_factory=dict)
    expect: Said = "ok"
    because: str = ""
    place: str = "check"


_MODULES = (
    linearizable,
    transactions,
    sessions,
    writes,
    staleness,
    availability,
    latency,
    locks,
    watches,
    settled,
    raft,
    failovers,
    invariants,
    daemons,
    identities,
    observers,
    containers,
    endpoints,
    leases,
    lifecycle,
    placement,
    proxies,
    told,
    workloads,
)
CHECKS: Mapping[str, Check] = {name: check for module in _MODULES for name, check in module.CHECKS.items()}


def find(name: str, place: str = "check") -> Check:
    """The check of that name; UsageError names the nearest one."""
    if name not in CHECKS:
        import difflib

        near = difflib.get_close_matches(name, CHECKS, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(CHECKS)}"
        raise UsageError(f"no check {name!r}", place=place, remedy=remedy)
    return CHECKS[name]


def validate(asked: Asked) -> None:
    """UsageError if there is no such check, no such option, or a value that it cannot have."""
    resolve(find(asked.check, asked.place).options, asked.options, asked.place)


def judge(run: Run, checks: Sequence[Asked], clock: Clock | None = None) -> Verdict:
    """Every check's finding beside what was expected of it. `clock` (seconds) bounds checks that could take long."""
    judged = tuple(_judged(run, asked, clock) for asked in checks)
    wrong = [j for j in judged if not j.as_expected and j.finding.said != "unknown"]
    if wrong:
        return Verdict("violated", _reason(wrong), judged)
    broken = [m for m in run.moments if m.outcome == "violated"]
    if broken:
        return Verdict("violated", f"{broken[0].place or 'timeline'}: {broken[0].text}", judged)
    unsure = [j for j in judged if not j.as_expected]
    if unsure:
        return Verdict("unknown", _reason(unsure), judged)
    if not run.meta.complete:
        return Verdict(
            "unknown", f"the run did not come to its end: {run.meta.problem or 'it was interrupted'}", judged
        )
    open_ = [m for m in run.moments if m.outcome == "unknown"]
    if open_:
        return Verdict("unknown", f"{open_[0].place or 'timeline'}: {open_[0].text}", judged)
    if not judged:
        return Verdict("unknown", "nothing was checked", judged)
    return Verdict("holds", _holds(judged), judged)


def _judged(run: Run, asked: Asked, clock: Clock | None) -> Judged:
    check = find(asked.check, asked.place)
    options = Options(resolve(check.options, asked.options, asked.place), clock)
    return Judged(explained(run, check.judge(run, options)), asked.expect, asked.because)


def _reason(judged: Sequence[Judged]) -> str:
    first = judged[0]
    expected = "" if first.expected == "ok" else f" (expected: {first.expected})"
    more = f"; and {len(judged) - 1} more" if len(judged) > 1 else ""
    return f"{first.finding.check}: {first.finding.summary}{expected}{more}"


def _holds(judged: Sequence[Judged]) -> str:
    if len(judged) == 1:
        return f"{judged[0].finding.check}: {judged[0].finding.summary}"
    expected = sum(j.expected == "violated" for j in judged)
    text = f"{len(judged)} checks said what was expected"
    return f"{text}, {expected} of them: violated" if expected else text
