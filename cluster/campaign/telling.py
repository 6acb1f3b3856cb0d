"""A campaign in words: its bar, failures as they come, the summary.

Must not count. The bar is drawn only on a terminal; a pipe gets whole lines and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from cluster.campaign.result import Result
from cluster.campaign.tally import Tally

WIDTH = 30
SHOWN = 20
"""Failures that are told one by one as they come; of the others the summary gives the numbers."""
Replay = Callable[[int], str]
"""The one command that does a seed again."""


class Teller:
    """`out` for people; with --json nothing but the bar, on standard error."""

    def __init__(self, tally: Tally, replay: Replay, out: TextIO | None = None, *, quiet: bool = False) -> None:
        self.tally = tally
        self._replay = replay
        self._out = out or sys.stdout
        self._screen = sys.stderr if sys.stderr.isatty() else None
        self._quiet = quiet
        self._told = 0
        self._drawn = False

    def bar(self) -> None:
        if self._screen is None:
            return
        tally = self.tally
        total = len(tally.seeds)
        filled = WIDTH * tally.done // total
        left = f", {clock((total - tally.done) / tally.rate)} left" if tally.rate else ""
        bad = tally.outcomes["violated"], tally.outcomes["unknown"]
        words = "".join(f", {n} {name}" for n, name in zip(bad, ("violated", "unknown"), strict=True) if n)
        self._draw(f"[{'#' * filled}{'.' * (WIDTH - filled)}] {tally.done}/{total}, {tally.rate:.1f}/s{left}{words}")

    def shrinking(self, runs: int, size: str) -> None:
        """How small it is by now."""
        self._draw(f"{runs} runs; smallest so far: {size}")

    def _draw(self, line: str) -> None:
        if self._screen is not None:
            self._screen.write(f"\r\x1b[2K{line}")
            self._screen.flush()
            self._drawn = True

    def clear(self) -> None:
        if self._drawn and self._screen is not None:
            self._screen.write("\r\x1b[2K")
            self._screen.flush()
            self._drawn = False

    def failure(self, result: Result) -> None:
        self._told += 1
        if self._quiet or self._told > SHOWN + 1:
            return
        self.clear()
        if self._told > SHOWN:
            print("further ones are counted in the summary; --json has them all", file=self._out, flush=True)
            return
        print(f"seed {result.seed}: {result.outcome}: {result.reason}", file=self._out)
        print(f"    {self._replay(result.seed)}", file=self._out, flush=True)

    def summary(self) -> None:
        self.clear()
        if not self._quiet:
            print("\n".join(lines(self.tally, self._replay)), file=self._out, flush=True)


def lines(tally: Tally, replay: Replay) -> list[str]:
    """The summary, line by line."""
    total = len(tally.seeds)
    stopped = ", interrupted" if tally.interrupted else ""
    told = ", ".join(f"{tally.outcomes[name]} {name}" for name in ("holds", "violated", "unknown"))
    found = [f"{tally.done} of {total} seeds{stopped}: {told}"]
    found += [f"    {count} x {check}" for check, count in tally.checks.most_common()]
    firsts: dict[str, Result] = {}
    for result in sorted(tally.failures, key=lambda r: r.seed):
        firsts.setdefault(result.kind, result)
    found += [f"    first of {kind}: {replay(result.seed)}" for kind, result in firsts.items()]
    found.append(
        f"{clock(tally.seconds)}, {tally.rate:.1f} seeds a second on {tally.workers} workers; "
        f"{clock(tally.virtual)} of virtual time, {ratio(tally)} x real time; {tally.operations} operations"
    )
    if tally.slowest:
        slow = ", ".join(f"seed {r.seed} {r.real:.2f} s" for r in tally.slowest)
        found.append(f"slowest: {slow}")
    found += [f"{action}: {proofs(counts)}" for action, counts in sorted(tally.strikes.items())]
    found.append(determinism(tally))
    found += [divergence.sentence() for divergence in tally.divergences]
    found += [f"lost: {line}" for line in tally.lost]
    return found


def determinism(tally: Tally) -> str:
    if not tally.twice:
        return "no seed was run twice: whether runs repeat was not looked at"
    if tally.divergences:
        return f"{len(tally.divergences)} of {tally.twice} seeds that were run twice differ"
    return f"{tally.twice} seeds were run twice, in other processes with another hash seed: the same to the byte"


def proofs(counts: Mapping[str, int]) -> str:
    """ "12 strikes, 11 confirmed, 1 nothing to hit"."""
    total = sum(counts.values())
    parts = ", ".join(f"{count} {proof}" for proof, count in sorted(counts.items(), key=lambda pair: -pair[1]))
    return f"{total} strikes: {parts}"


def ratio(tally: Tally) -> str:
    return f"{tally.virtual / tally.seconds:.0f}" if tally.seconds else "0"


def clock(seconds: float) -> str:
    """ "4.2 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
