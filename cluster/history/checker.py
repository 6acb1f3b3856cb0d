"""What a check is: one line on what it looks for, its options, and the function that judges a run.

Must not know any particular check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.run import Run

Judge = Callable[[Run, Options], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """`doc`: one line. `looks_at`: parts of the run that it needs ("operations", "records", "events", "watches",
    "strikes", "finals", "moments")."""

    doc: str
    judge: Judge
    looks_at: tuple[str, ...]
    options: Mapping[str, Option] = field(default_factory=dict)
