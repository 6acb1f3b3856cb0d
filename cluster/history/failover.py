"""The failover clock: what happened to a lost node's pods, step by step, beside what the timing profile predicts.

Pure: watch events with their times in, steps out. Must not ask anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.api.meta import condition, deleting, labels_of, name_of, parse_time, uid_of
from cluster.api.views import pod_node, pod_ready
from cluster.config import Timing

Object = Mapping[str, Any]

STEPS = (
    "detected",
    "endpoint removed",
    "tainted",
    "evicted",
    "recreated",
    "bound",
    "running",
    "endpoint added",
)


@dataclass(frozen=True, slots=True)
class Step:
    """`seconds` since the last renewal of the node's lease; None if it was not seen. `predicted`: (from, to)."""

    name: str
    seconds: float | None
    predicted: tuple[float, float]
    what: str = ""


def predictions(timing: Timing) -> dict[str, tuple[float, float]]:
    """When each step must come, in seconds since the last renewal: earliest and latest, for a quiet machine.

    The lifecycle controller sees a renewal when its watch does, and looks again at the latest one monitor period after
    the grace is over; eviction waits for tolerationSeconds; the rest is reaction, within `slack`."""
    slack = 1.5
    found = timing.node_monitor_grace
    latest = found + timing.node_monitor_period + slack
    evicted = found + timing.default_toleration
    gone = latest + timing.default_toleration + slack
    return {
        "detected": (found, latest),
        "endpoint removed": (found, latest + slack),
        "tainted": (found, latest + slack),
        "evicted": (evicted, gone),
        "recreated": (evicted, gone + slack),
        "bound": (evicted, gone + slack),
        "running": (evicted, gone + 2 * slack),
        "endpoint added": (evicted, gone + 2 * slack),
    }


@dataclass(slots=True)
class FailoverClock:
    """Feed it every watch event of nodes, pods and endpoint slices from before the fault on.

    `labels` select the workload's pods; `service` is whose endpoints count."""

    node: str
    labels: Mapping[str, str]
    service: str
    victims: dict[str, str] = field(default_factory=dict)
    """uid to name of the pods that were on the node when the clock was started."""
    seen: dict[str, tuple[float, str]] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _addresses: dict[str, str] = field(default_factory=dict)
    """Pod address to uid, of victims and successors."""
    _successors: dict[str, str] = field(default_factory=dict)
    _given_up: set[str] = field(default_factory=set)
    """uids of victims that were deleted before the node was found out: by a rollout, say."""

    def start(self, pods: Sequence[Object]) -> None:
        """The workload's pods as they are before the fault."""
        for pod in pods:
            self._known[uid_of(pod)] = name_of(pod)
            if pod_node(pod) == self.node:
                self.victims[uid_of(pod)] = name_of(pod)
                self._addresses[pod.get("status", {}).get("podIP", "")] = uid_of(pod)

    def done(self) -> bool:
        return all(step in self.seen for step in STEPS)

    def feed(self, kind: str, type: str, obj: Object, now: float) -> None:
        if kind == "Node" and name_of(obj) == self.node:
            self._node(obj, now)
        elif kind == "Pod" and self.labels.items() <= labels_of(obj).items():
            self._pod(type, obj, now)
        elif kind == "EndpointSlice" and labels_of(obj).get("kubernetes.io/service-name") == self.service:
            self._slice(obj, now)

    def _mark(self, step: str, now: float, what: str) -> None:
        self.seen.setdefault(step, (now, what))

    def _node(self, node: Object, now: float) -> None:
        ready = condition(node, "Ready")
        if ready and ready.get("status") == "Unknown":
            self._mark("detected", now, f"{self.node} Ready=Unknown")
        for taint in node.get("spec", {}).get("taints") or []:
            if taint.get("effect") == "NoExecute":
                self._mark("tainted", now, f"{taint['key']}:NoExecute")

    def _pod(self, type: str, pod: Object, now: float) -> None:
        uid = uid_of(pod)
        if uid in self.victims:
            if (deleting(pod) or type == "DELETED") and uid not in self._given_up:
                if "detected" in self.seen:
                    self._mark("evicted", now, name_of(pod))
                else:
                    self._given_up.add(uid)
            return
        if uid in self._known:
            return
        if "evicted" not in self.seen:
            self._known[uid] = name_of(pod)  # made for another reason: the workload rolls or grows
            return
        self._successors[uid] = name_of(pod)
        self._mark("recreated", now, name_of(pod))
        if pod_node(pod):
            self._mark("bound", now, f"{name_of(pod)} to {pod_node(pod)}")
        address = pod.get("status", {}).get("podIP", "")
        if address:
            self._addresses[address] = uid
        if pod_ready(pod):
            self._mark("running", now, name_of(pod))

    def _slice(self, item: Object, now: float) -> None:
        ready = [a for e in item.get("endpoints") or [] if e.get("conditions", {}).get("ready") for a in e["addresses"]]
        uids = {self._addresses.get(a, "") for a in ready}
        if not uids & set(self.victims):
            self._mark("endpoint removed", now, f"{len(ready)} ready left")
        for address in ready:
            if self._addresses.get(address, "") in self._successors:
                self._mark("endpoint added", now, address)

    def steps(self, renewed: float, timing: Timing) -> list[Step]:
        """`renewed`: time of the lease's last renewal on the clock that fed the events."""
        predicted = predictions(timing)
        result = []
        for name in STEPS:
            at, what = self.seen.get(name, (None, ""))
            result.append(Step(name, None if at is None else at - renewed, predicted[name], what))
        return result


def last_renewal(lease: Object) -> float:
    """Wall time of the renewal, seconds since 1970."""
    return parse_time(lease["spec"]["renewTime"])
