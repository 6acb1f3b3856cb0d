"""Is a seed run twice the same run? Where two of them part.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cluster.world.journal import Record


@dataclass(frozen=True, slots=True)
class Divergence:
    """`number`: of the first record that differs, counted from 0 (-1: with the records at hand none did); `first` and
    `second` it, as text ("" where one run has no such record any more)."""

    seed: int
    digests: tuple[str, str]
    number: int = -1
    time: float = 0.0
    host: str = ""
    first: str = ""
    second: str = ""

    def sentence(self) -> str:
        if self.number < 0:
            return (
                f"seed {self.seed} is not repeatable: its digests were {self.digests[0]} and {self.digests[1]}, "
                "though two more runs with all their records are the same"
            )
        return (
            f"seed {self.seed} is not repeatable: record {self.number} differs first, on {self.host} "
            f"at {self.time:.6f} s: {self.first or 'nothing'} in one run, {self.second or 'nothing'} in the other"
        )

    def data(self) -> dict[str, Any]:
        return asdict(self)


def compare(seed: int, digests: tuple[str, str], first: Sequence[Record], second: Sequence[Record]) -> Divergence:
    """Two runs of which it is known that they were different once."""
    number = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), -1)
    if number < 0 and len(first) != len(second):
        number = min(len(first), len(second))
    if number < 0:
        return Divergence(seed, digests)
    a = first[number] if number < len(first) else ()
    b = second[number] if number < len(second) else ()
    time, host = min(((r[0], r[2]) for r in (a, b) if r), key=lambda pair: pair[0])
    return Divergence(seed, digests, number, time, host, text(a), text(b))


def text(record: Record) -> str:
    """ "store-1.2 deliver raft.append store-0 1 77 at 1.204713 s"."""
    if not record:
        return ""
    time, lamport, host, boot, event, *rest = record
    return f"{host}.{boot} {event} {' '.join(map(str, rest))} at {time:.6f} s (Lamport {lamport})"
