"""Strikes as bands over every plot: what was done to whom, from when to when, and whether it is proven that it hit.

Pure. Must not draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.history.run import Run, Strike

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "network": ("partition", "isolate", "delay", "loss", "duplicate", "reorder", "corrupt", "bandwidth", "dropNth"),
    "process": ("kill", "pause", "resume", "restart", "crashLoop", "killAfter"),
    "machine": ("poweroff", "poweron", "join", "leave", "cordon", "drain"),
    "clock": ("clockJump", "clockDrift", "clockStrobe"),
    "disk": ("disk", "loseUnsynced"),
    "membership": ("grow", "shrink", "replaceMember", "moveLeader"),
    "api": ("api",),
}
"""Family (which has one colour everywhere) to its actions; any other action is of the family "other"."""
_FAMILY = {action: family for family, actions in FAMILIES.items() for action in actions}
CUTS = ("partition", "isolate")


@dataclass(frozen=True, slots=True)
class Band:
    """`since` to `until`, seconds, clipped to the run; `open`: it was never undone. `hit`, `passed`: messages or
    operations over all links."""

    strike: Strike
    family: str
    since: float
    until: float
    open: bool
    hit: int
    passed: int

    @property
    def sentence(self) -> str:
        """The evidence in words."""
        strike = self.strike
        if strike.error:
            return f"could not be carried out: {strike.error}"
        counted = f"{self.hit} hit, {self.passed} let through"
        if strike.proof == "confirmed":
            return f"confirmed: {counted}" if self.hit or self.passed else "confirmed"
        if strike.proof == "not confirmed":
            return f"not confirmed: {counted}"
        return "nothing to hit: nothing came its way"

    def data(self) -> dict[str, Any]:
        strike = self.strike
        return {
            "id": strike.id,
            "name": strike.name or strike.action,
            "action": strike.action,
            "family": self.family,
            "since": self.since,
            "until": self.until,
            "open": self.open,
            "proof": "failed" if strike.error else strike.proof,
            "sentence": self.sentence,
            "targets": list(strike.targets),
            "groups": [list(group) for group in strike.groups],
            "rules": list(strike.rules),
            "cut": strike.action in CUTS and not strike.error,
            "oneWay": bool(strike.args.get("oneWay")) or strike.args.get("direction") in ("in", "out"),
        }


def bands(run: Run) -> list[Band]:
    """One for each strike, in the order of their beginnings."""
    found = []
    for strike in sorted(run.strikes, key=lambda s: (s.since, s.id)):
        end = run.meta.seconds if strike.until is None else strike.until
        hit, passed = sum(c.hit for c in strike.links), sum(c.passed for c in strike.links)
        family = _FAMILY.get(strike.action, "other")
        found.append(Band(strike, family, strike.since, max(end, strike.since), strike.until is None, hit, passed))
    return found
