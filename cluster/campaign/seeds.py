"""Which seeds: "1000" or "500:1500", and which of them are run twice.

Pure.
"""

from __future__ import annotations

from random import Random

from cluster.errors import UsageError

MOST = 100_000_000
SHARE = 0.02
"""Of all seeds, run twice."""
LEAST = 3


def parse(text: str, first: int = 0) -> range:
    """ "N": so many from `first` on; "A:B": from A up to B - 1. UsageError for anything else."""
    left, colon, right = text.partition(":")
    try:
        numbers = [int(part) for part in ((left, right) if colon else (left,))]
    except ValueError:
        numbers = []
    if not numbers or any(n < 0 for n in numbers):
        raise UsageError(f"seeds {text!r} are not a number", place="--seeds", remedy="1000, or 500:1500 (up to 1499)")
    seeds = range(numbers[0], numbers[1]) if colon else range(first, first + numbers[0])
    if not seeds:
        raise UsageError(f"seeds {text!r} are none", place="--seeds", remedy="1000, or 500:1500 (up to 1499)")
    if len(seeds) > MOST:
        raise UsageError(f"{len(seeds)} seeds are too many", place="--seeds", remedy=f"at most {MOST}")
    return seeds


def sample(seeds: range, share: float = SHARE) -> frozenset[int]:
    """Those that are run twice: a share of them, at least three (or all), the same ones for the same seeds."""
    if share <= 0:
        return frozenset()
    count = min(len(seeds), max(LEAST, round(len(seeds) * share)))
    return frozenset(Random(f"{seeds.start}:{seeds.stop}/twice").sample(seeds, count))
