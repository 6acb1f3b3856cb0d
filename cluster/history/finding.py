"""What a check says, and what a run's verdict is made of.

Must not check anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Said = Literal["ok", "violated", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`looked_at`: operations, events or records that it judged; a check that saw none says "unknown", never "ok".

    `summary`: one sentence with the reason. `because`: the proof in words, sentence by sentence, with times ("pod web-0
    ran on worker-1 until 12.4 s and on worker-2 from 9.1 s", "the kubelet of worker-1 was cut off from 5.0 s on").
    `evidence`: where to look, as plain data: {"operations": [numbers in Run.operations], "records": [numbers in
    Run.records], "objects": [[kind, namespace/name, resourceVersion]], "cycle": [...]}: what reports draw.
    `figures`: what it measured ({"answered": 0.93, "p99": 0.021})."""

    check: str
    said: Said
    summary: str
    looked_at: int = 0
    because: Sequence[str] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def proof(self) -> str:
        """`because` as one text, a sentence a line."""
        return "\n".join(self.because)


def saw_nothing(check: str, what: str) -> Finding:
    """The finding of a check that had nothing to look at: unknown, never ok. `what`: "operations of a lock"."""
    return Finding(check, "unknown", f"there were no {what} to look at")


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding beside what the scenario expected."""

    finding: Finding
    expected: Said = "ok"
    reason: str = ""
    """The scenario's `because`."""

    @property
    def as_expected(self) -> bool:
        return self.finding.said == self.expected


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outcome`: "holds" if every check said what was expected, "violated" if one that had an opinion said something
    else, else "unknown" (also: nothing was checked, the run did not come to its end, an `await` could not be judged).
    Exit status 0, 1, 2 for them is the field's custom (Maelstrom)."""

    outcome: Literal["holds", "violated", "unknown"]
    reason: str
    judged: tuple[Judged, ...] = ()

    @property
    def status(self) -> int:
        return {"holds": 0, "violated": 1, "unknown": 2}[self.outcome]
