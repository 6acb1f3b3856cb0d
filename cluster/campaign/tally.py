"""What a campaign has seen so far: counts by outcome and check, rate, virtual time, the slowest, what the faults hit.

Pure: real time comes in. Must not print (`telling.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.campaign.result import Outcome, Result
from cluster.campaign.twice import Divergence

KEPT = 1000
"""Failures that are kept one by one; of more only the numbers."""
SLOWEST = 3


@dataclass(slots=True)
class Tally:
    seeds: range
    workers: int = 1
    seconds: float = 0.0
    """Real time so far."""
    outcomes: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    """Of the runs that do not hold: by the checks that are to blame."""
    strikes: dict[str, Counter[str]] = field(default_factory=dict)
    """Action to {proof: how often}."""
    failures: list[Result] = field(default_factory=list)
    slowest: list[Result] = field(default_factory=list)
    virtual: float = 0.0
    cpu: float = 0.0
    """Seconds that the runs took, all workers together."""
    operations: int = 0
    twice: int = 0
    """Seeds that were run twice and compared."""
    divergences: list[Divergence] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Workers that died: who, at which seed, how."""
    interrupted: bool = False

    @property
    def done(self) -> int:
        return sum(self.outcomes.values())

    @property
    def rate(self) -> float:
        """Seeds a second."""
        return self.done / self.seconds if self.seconds else 0.0

    def add(self, result: Result) -> None:
        self.outcomes[result.outcome] += 1
        self.virtual += result.virtual
        self.cpu += result.real
        self.operations += result.operations
        for action, proofs in result.strikes.items():
            self.strikes.setdefault(action, Counter()).update(proofs)
        if result.outcome != "holds":
            self.checks[result.kind] += 1
            if len(self.failures) < KEPT:
                self.failures.append(result)
        self.slowest = sorted([*self.slowest, result], key=lambda r: -r.real)[:SLOWEST]

    @property
    def outcome(self) -> Outcome:
        """Of the campaign: violated if one seed is, or one is not the same when it is run again; holds if all hold."""
        if self.outcomes["violated"] or self.divergences:
            return "violated"
        return "holds" if self.outcomes["holds"] == len(self.seeds) and not self.interrupted else "unknown"

    @property
    def status(self) -> int:
        """Exit status."""
        return {"holds": 0, "violated": 1, "unknown": 2}[self.outcome]

    def data(self) -> Mapping[str, Any]:
        """The summary as plain data, for --json."""
        return {
            "seeds": {"from": self.seeds.start, "to": self.seeds.stop - 1, "asked": len(self.seeds), "done": self.done},
            "outcome": self.outcome,
            "outcomes": dict(self.outcomes),
            "checks": dict(self.checks),
            "failures": [result.data() for result in sorted(self.failures, key=lambda r: r.seed)],
            "strikes": {action: dict(proofs) for action, proofs in sorted(self.strikes.items())},
            "seconds": {"real": self.seconds, "cpu": self.cpu, "virtual": self.virtual},
            "rate": self.rate,
            "operations": self.operations,
            "workers": self.workers,
            "slowest": [{"seed": r.seed, "real": r.real} for r in self.slowest],
            "determinism": {"twice": self.twice, "differ": [d.data() for d in self.divergences]},
            "lost": list(self.lost),
            "interrupted": self.interrupted,
        }
