"""What was measured once, and what several such measurements say: percentiles, medians, ratios with their spread.

Pure. Must not measure.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing to measure: `kind` at so many concurrent `clients` (with kind watch: watchers)."""

    kind: str
    clients: int

    def __str__(self) -> str:
        name = {"gets": "linearizable gets", "serializable": "serializable gets"}.get(self.kind, self.kind)
        of = "watcher" if self.kind == "watch" else "client"
        return f"{name}, {self.clients} {of}{'s' * (self.clients > 1)}"


@dataclass(frozen=True, slots=True)
class Cores:
    """CPU seconds per second: of the leader, of all servers with it, of the load processes, of everything else on the
    machine. Without load processes of its own (a library) the load is part of the leader."""

    leader: float = 0.0
    servers: float = 0.0
    load: float = 0.0
    other: float = 0.0

    def __str__(self) -> str:
        return (
            f"cores {self.leader:.2f} leader, {self.servers:.2f} servers, {self.load:.2f} load, {self.other:.2f} other"
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """`rate` per second; `p50` and `p99` in milliseconds; `errors`: operations that failed, or events that never came.
    `more`: figures that only this kind has, by name. `operations`: how many succeeded, 0 where nobody counted."""

    rate: float
    p50: float
    p99: float
    cores: Cores = Cores()
    errors: int = 0
    more: dict[str, float] = field(default_factory=dict)
    operations: int = 0


def percentile(values: Sequence[float], p: float) -> float:
    """The nearest rank of sorted `values`: the smallest one that p percent are not above. ValueError for none."""
    if not values:
        raise ValueError("no values")
    rank = -(-p * len(values) // 100)  # ceil
    return values[min(len(values), max(1, int(rank))) - 1]


def sample(latencies: Iterable[float], seconds: float, cores: Cores, errors: int = 0) -> Sample:
    """Of latencies in seconds, all within `seconds`. ValueError if there is not one."""
    ordered = sorted(latencies)
    p50, p99 = (1000 * percentile(ordered, p) for p in (50, 99))
    return Sample(len(ordered) / seconds, p50, p99, cores, errors, operations=len(ordered))


def medians(samples: Sequence[Sample]) -> Sample:
    """Each figure's own median; errors and operations are added up."""

    def middle(of: Callable[[Sample], float]) -> float:
        return statistics.median(of(s) for s in samples)

    cores = Cores(
        middle(lambda s: s.cores.leader),
        middle(lambda s: s.cores.servers),
        middle(lambda s: s.cores.load),
        middle(lambda s: s.cores.other),
    )
    names = dict.fromkeys(name for s in samples for name in s.more)
    more = {name: statistics.median(s.more.get(name, 0.0) for s in samples) for name in names}
    rate, p50, p99 = middle(lambda s: s.rate), middle(lambda s: s.p50), middle(lambda s: s.p99)
    errors, operations = (sum(counted) for counted in zip(*((s.errors, s.operations) for s in samples), strict=True))
    return Sample(rate, p50, p99, cores, errors, more, operations)


def ratios(ours: Sequence[float], peers: Sequence[float]) -> list[float]:
    """Round by round: both sides of a ratio come from one window of time. ValueError for different numbers of rounds
    or a peer's 0."""
    if len(ours) != len(peers) or not all(peers):
        raise ValueError(f"{len(ours)} rounds against {len(peers)}, smallest {min(peers, default=0)}")
    return [a / b for a, b in zip(ours, peers, strict=True)]


def quarters(values: Sequence[float]) -> tuple[float, float]:
    """Medians of the second and of the last quarter: what is flat over time has two that are alike. ValueError for
    fewer than four."""
    if len(values) < 4:
        raise ValueError(f"{len(values)} values have no quarters")
    quarter = len(values) // 4
    return statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
