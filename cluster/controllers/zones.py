"""How healthy each zone is, and how fast nodes in it may lose their pods (Kubernetes: node-lifecycle-controller).

Must not look at objects or change them: it is told what each node is like, and answers when an eviction may begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

UNHEALTHY_SHARE = 0.55
"""--unhealthy-zone-threshold"""
LARGE_CLUSTER = 50
"""--large-cluster-size-threshold: smaller clusters stop evicting in a zone that is partly down."""
SECONDARY = 10
"""In a large cluster's partly disrupted zone, evictions are this many times rarer
(--secondary-node-eviction-rate 0.01 beside --node-eviction-rate 0.1)."""


class ZoneState(Enum):
    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


def zone_state(ready: int, not_ready: int) -> ZoneState:
    """Full: none is ready. Partial: more than two are not, and these are 55 % or more (ComputeZoneState)."""
    if ready == 0 and not_ready > 0:
        return ZoneState.FULL
    if not_ready > 2 and not_ready / (ready + not_ready) >= UNHEALTHY_SHARE:
        return ZoneState.PARTIAL
    return ZoneState.NORMAL


@dataclass(slots=True)
class Zones:
    """Every node's zone and readiness as last told, counted; and when each zone last let an eviction begin."""

    nodes: dict[str, tuple[str, bool]] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=dict)
    """zone -> [ready, not ready]"""
    last: dict[str, float] = field(default_factory=dict)
    granted: dict[str, bool] = field(default_factory=dict)
    """Nodes whose eviction may begin, but has not been seen to have."""
    suspects: tuple[str, ...] = ()
    """Nodes that are about to be found silent. Those that fall together are found one after the other: how fast
    evictions may be is asked as if all of them were found."""

    def tell(self, node: str, zone: str, ready: bool) -> None:
        self.forget(node)
        self.nodes[node] = (zone, ready)
        self.counts.setdefault(zone, [0, 0])[0 if ready else 1] += 1

    def forget(self, node: str) -> None:
        known = self.nodes.pop(node, None)
        if known is not None:
            zone, ready = known
            self.counts[zone][0 if ready else 1] -= 1
            if self.counts[zone] == [0, 0]:
                del self.counts[zone]

    @property
    def all_down(self) -> bool:
        """No node anywhere is ready: then it is the master that is cut off, and nothing is evicted."""
        return bool(self.counts) and all(zone_state(*count) is ZoneState.FULL for count in self.counts.values())

    def interval(self, zone: str, normal: float) -> float | None:
        """Seconds between two nodes' evictions in the zone; None: none for now. `normal`: in a healthy zone."""
        counts = self._expected()
        if counts and all(zone_state(*count) is ZoneState.FULL for count in counts.values()):
            return None
        if zone_state(*counts.get(zone, (0, 0))) is ZoneState.PARTIAL:
            return normal * SECONDARY if len(self.nodes) > LARGE_CLUSTER else None
        return normal

    def _expected(self) -> dict[str, list[int]]:
        """`counts`, with suspects as not ready."""
        counts = {zone: list(count) for zone, count in self.counts.items()}
        for node in self.suspects:
            zone, ready = self.nodes.get(node, ("", False))
            if ready:
                counts[zone][0] -= 1
                counts[zone][1] += 1
        return counts

    def take(self, node: str, zone: str, normal: float, now: float) -> float | None:
        """0.0: the node's eviction may begin now, and counts once however often it is asked for until `settled`.
        Else seconds until it may be asked for again; None: only when the zone's state changes. The first of a zone
        never waits (burst 1)."""
        if node in self.granted:
            return 0.0
        interval = self.interval(zone, normal)
        if interval is None:
            return None
        since = self.last.get(zone)
        # A hair less than the interval is the interval: the timer that led here had to be rounded.
        if since is not None and now - since < interval - 1e-6:
            return interval - (now - since)
        self.last[zone] = now
        self.granted[node] = True
        return 0.0

    def settled(self, node: str) -> None:
        """Its eviction has begun, or is not needed any more."""
        self.granted.pop(node, None)

    def restart(self) -> None:
        """The cluster is back from being down as a whole: rates begin anew."""
        self.last.clear()
        self.granted.clear()
