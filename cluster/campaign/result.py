"""What became of one seed: small enough to send and to keep by the ten thousand.

Must not judge; a `Verdict` is told in short here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["holds", "violated", "unknown"]
OUTCOMES: tuple[Outcome, ...] = ("holds", "violated", "unknown")


@dataclass(frozen=True, slots=True)
class Result:
    """`failed`: the checks that did not say what was expected. `digest`: of the journal. `virtual`, `real`: seconds of
    the run, and that it took. `strikes`: action to {proof: how often}. `worker`: who ran it."""

    seed: int
    outcome: Outcome
    reason: str
    failed: tuple[str, ...] = ()
    digest: str = ""
    virtual: float = 0.0
    real: float = 0.0
    operations: int = 0
    strikes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    worker: str = ""

    @property
    def kind(self) -> str:
        """What it is counted under: its checks, or the outcome if no check is to blame."""
        return ", ".join(self.failed) or self.outcome

    def data(self) -> dict[str, Any]:
        return asdict(self) | {"failed": list(self.failed)}


def of_data(data: Mapping[str, Any]) -> Result:
    return Result(**{**data, "failed": tuple(data["failed"])})


def unknown(seed: int, reason: str, worker: str = "") -> Result:
    """Nothing is known of it."""
    return Result(seed, "unknown", reason, worker=worker)
