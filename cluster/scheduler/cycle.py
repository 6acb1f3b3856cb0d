"""One decision: filter, score, choose, or say in Kubernetes' words why a pod fits nowhere.

Must not bind, assume or wait; dice are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from cluster.scheduler import affinity, filters, scores
from cluster.scheduler.filters import StaticVerdicts
from cluster.scheduler.snapshot import NodeInfo, PodInfo, Snapshot

ALL_UP_TO = 100
"""From so many nodes on, a share of those that fit is enough (Kubernetes: percentageOfNodesToScore)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`node`: "" if it fits nowhere, and then `message` says why. `fitting`: nodes that were rated."""

    node: str
    message: str = ""
    fitting: int = 0


class Cycle:
    """Decides for one pod at a time; remembers static verdicts and where in the list of nodes it last stopped."""

    def __init__(self, snapshot: Snapshot, dice: Random, strategy: str = "least") -> None:
        self._snapshot = snapshot
        self._dice = dice
        self._strategy = strategy
        self._static = StaticVerdicts()
        self._start = 0

    def schedule(self, pod: PodInfo) -> Decision:
        snapshot = self._snapshot
        if not snapshot.nodes:
            return Decision("", "no nodes available to schedule pods")
        reasons: dict[str, int] = {}
        fitting = self._fitting(pod, reasons)
        if not fitting:
            return Decision("", fit_error(len(snapshot.nodes), reasons))
        if len(fitting) == 1:
            return Decision(fitting[0].name, fitting=1)
        totals = scores.rate(pod, fitting, snapshot, self._strategy)
        best = max(totals)
        ties = [node for node, total in zip(fitting, totals, strict=True) if total == best]
        return Decision(self._dice.choice(ties).name, fitting=len(fitting))

    def _fitting(self, pod: PodInfo, reasons: dict[str, int]) -> list[NodeInfo]:
        static = self._static.of(pod)
        rules = affinity.constraints(pod, self._snapshot)
        nodes = list(self._snapshot.nodes.values())
        enough = wanted_nodes(len(nodes))
        start = self._start % len(nodes) if enough < len(nodes) else 0
        found: list[NodeInfo] = []
        seen = 0
        for node in nodes[start:] + nodes[:start] if start else nodes:
            seen += 1
            against = static(node) or filters.run(filters.DYNAMIC, pod, node)
            if not against and rules is not None:
                against = rules.check(node)
            if not against:
                found.append(node)
                if len(found) >= enough:
                    break
            for reason in against:
                reasons[reason] = reasons.get(reason, 0) + 1
        self._start = start + seen
        return found


def wanted_nodes(count: int) -> int:
    """How many fitting nodes are worth rating: all of up to 100; else 50 % less 1 % per 125 nodes, at least 5 % and at
    least 100 (Kubernetes: numFeasibleNodesToFind)."""
    if count <= ALL_UP_TO:
        return count
    percent = max(5, 50 - count // 125)
    return max(ALL_UP_TO, count * percent // 100)


def fit_error(count: int, reasons: dict[str, int]) -> str:
    """'0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}.'"""
    told = sorted(f"{times} {reason}" for reason, times in reasons.items())
    return f"0/{count} nodes are available: {', '.join(told)}."
