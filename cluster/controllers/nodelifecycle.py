"""Notice that a node has fallen silent, say so in its conditions, and taint it (Kubernetes: node-lifecycle-controller).

Must not touch pods: what a node's trouble means for its pods is `tainteviction`'s.

A node is silent when this controller has not seen its Lease's renewTime (or its Ready condition's
lastHeartbeatTime) change for node_monitor_grace, measured on its own monotonic clock: stamps are compared for
equality only, so machines need not agree on the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta, views
from cluster.controllers.controller import Context, Controller, View, changed
from cluster.controllers.plan import Action, Emit, Object, Patch, Plan, PlanBuilder, Update, Verify
from cluster.controllers.zones import Zones

LEASES = "kube-node-lease"
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
_NOTED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
"""Conditions that only the kubelet knows: Unknown when it is silent."""
_NO_SCHEDULE = {
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
}
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_OURS = frozenset({*_NO_SCHEDULE.values(), UNSCHEDULABLE})
SUSPECT = 0.75
"""Share of the grace after which a node's silence counts in its zone's state: a zone whose nodes fell together is found
node by node, and the first one found must not be evicted as if it were alone. (Kubernetes judges all nodes of one
node_monitor_period together.)"""


@dataclass(slots=True)
class Heard:
    """The last sign of life of one node: the stamps it gave, and when (monotonic seconds) they were new here."""

    renewed: str
    heartbeat: str
    at: float


@dataclass(slots=True)
class Watchman:
    """What this controller has observed; kept on a standby too, so that a new leader need not wait a whole grace.

    `down`: all zones were down at the last look (None: there was none)."""

    heard: dict[str, Heard] = field(default_factory=dict)
    zones: Zones = field(default_factory=Zones)
    down: bool | None = None

    def sign(self, node: str, renewed: str | None, heartbeat: str | None, now: float) -> Heard:
        """Takes stamps (None: not told) and notes the time if one of them is new."""
        heard = self.heard.get(node)
        if heard is None:
            heard = self.heard[node] = Heard(renewed or "", heartbeat or "", now)
        elif (renewed is not None and renewed != heard.renewed) or (
            heartbeat is not None and heartbeat != heard.heartbeat
        ):
            heard.at = now
            heard.renewed = heard.renewed if renewed is None else renewed
            heard.heartbeat = heard.heartbeat if heartbeat is None else heartbeat
        return heard

    def suspects(self, grace: float, now: float) -> tuple[str, ...]:
        return tuple(name for name, heard in self.heard.items() if now - heard.at > SUSPECT * grace)


def observe(memory: Watchman, kind: str, old: Object | None, new: Object | None, monotonic: float) -> None:
    """A Lease was renewed, a node wrote its status, or a node is gone."""
    if kind == "Node":
        if new is None:
            memory.heard.pop(meta.name_of(old or {}), None)
            memory.zones.forget(meta.name_of(old or {}))
        else:
            memory.zones.tell(meta.name_of(new), views.node_zone(new), views.node_ready(new))
            memory.sign(meta.name_of(new), None, _heartbeat(new), monotonic)
    elif kind == "Lease" and new is not None and meta.namespace_of(new) == LEASES:
        memory.sign(meta.name_of(new), _renew_time(new), None, monotonic)


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """Conditions, then taints, of one node; again when its silence would be too long."""
    memory: Watchman = ctx.memory
    node = view.get("Node", "", key)
    plan = PlanBuilder()
    if node is None:
        memory.zones.forget(key)
        memory.zones.settled(key)
        memory.heard.pop(key, None)
        _whole_cluster(plan, view, key, ctx)
        return plan.build()
    lease = view.get("Lease", LEASES, key)
    left = _silence_left(node, lease, memory, ctx)
    node = _judge(plan, node, lease, left, ctx)
    memory.zones.tell(key, views.node_zone(node), views.node_ready(node))
    _whole_cluster(plan, view, key, ctx)
    _taint(plan, node, left, ctx)
    if left > 0:
        plan.again_after(left)
    return plan.build()


def _heartbeat(node: Object) -> str:
    return str((meta.condition(node, "Ready") or {}).get("lastHeartbeatTime") or "")


def _renew_time(lease: Object | None) -> str:
    return str(((lease or {}).get("spec") or {}).get("renewTime") or "")


def _silence_left(node: Object, lease: Object | None, memory: Watchman, ctx: Context) -> float:
    """Seconds until the node counts as silent; 0 or less: it does. One that never said a word has its grace from
    its creation."""
    name = meta.name_of(node)
    new_here = name not in memory.heard
    heard = memory.sign(name, _renew_time(lease), _heartbeat(node), ctx.monotonic)
    grace = ctx.timing.node_monitor_grace
    if new_here and lease is None and meta.condition(node, "Ready") is None:
        created = node["metadata"].get("creationTimestamp")
        age = ctx.now - meta.parse_time(created) if created else 0.0
        heard.at = ctx.monotonic - min(max(0.0, age), grace)
    return heard.at + grace - ctx.monotonic


def _judge(plan: PlanBuilder, node: Object, lease: Object | None, left: float, ctx: Context) -> Object:
    """The node as its conditions have it after this plan."""
    ready = meta.condition(node, "Ready")
    if left > 0 or (ready is not None and ready.get("status") == "Unknown"):
        return node
    # A watch that lags looks like a node that is silent; a live look tells them apart.
    revision = str(lease["metadata"].get("resourceVersion", "")) if lease is not None else ""
    plan.add(Verify("Lease", LEASES, meta.name_of(node), "unchanged", resource_version=revision))
    stamp = meta.timestamp(ctx.now)
    conditions: list[dict[str, Any]] = list((node.get("status") or {}).get("conditions") or [])
    for type in _NOTED:
        known = meta.condition(node, type)
        if known is None:
            reason, message = "NodeStatusNeverUpdated", "Kubelet never posted node status."
        elif known.get("status") == "Unknown":
            continue
        else:
            reason, message = "NodeStatusUnknown", "Kubelet stopped posting node status."
        conditions = meta.set_condition(conditions, type, "Unknown", reason, message, stamp)
    node = {**node, "status": {**(node.get("status") or {}), "conditions": conditions}}
    plan.add(Update(node, "status"))
    message = f"Node {meta.name_of(node)} status is now: NodeNotReady"
    plan.add(Emit(node, "Normal", "NodeNotReady", message))
    return node


# ── taints ───────────────────────────────────────────────────────────────────────────────────────────────────


def _taint(plan: PlanBuilder, node: Object, left: float, ctx: Context) -> None:
    """NoSchedule at once, as the conditions say; NoExecute when the zone's rate allows. `left`: of its grace; a node
    that was found silent before may have it again (`_whole_cluster`)."""
    memory: Watchman = ctx.memory
    wanted = {(key, "NoSchedule") for key in _unschedulable(node)}
    held = {(t.get("key"), t.get("effect")) for t in views.taints(node)}
    execute = _execute_key(node)
    if execute is None:
        memory.zones.settled(meta.name_of(node))
    else:
        other = NOT_READY if execute == UNREACHABLE else UNREACHABLE
        if memory.zones.all_down:
            plan.again_after(ctx.timing.eviction_interval)  # nothing of its own may tell that another is back
        elif (execute, "NoExecute") in held or (other, "NoExecute") in held:
            # From not ready to unreachable, or back: its pods' time is running already.
            memory.zones.settled(meta.name_of(node))
            wanted.add((execute, "NoExecute"))
        elif execute == NOT_READY or left <= 0:
            memory.zones.suspects = memory.suspects(ctx.timing.node_monitor_grace, ctx.monotonic)
            place = (meta.name_of(node), views.node_zone(node))
            wait = memory.zones.take(*place, ctx.timing.eviction_interval, ctx.monotonic)
            if wait == 0.0:
                wanted.add((execute, "NoExecute"))
            else:
                plan.again_after(ctx.timing.eviction_interval if wait is None else wait)
    patch = _retainted(node, wanted, ctx.now)
    if patch is not None:
        plan.add(patch)


def _unschedulable(node: Object) -> list[str]:
    keys = [
        key
        for (type, status), key in _NO_SCHEDULE.items()
        if (meta.condition(node, type) or {}).get("status") == status
    ]
    return [*keys, UNSCHEDULABLE] if views.node_unschedulable(node) else keys


def _execute_key(node: Object) -> str | None:
    status = (meta.condition(node, "Ready") or {}).get("status")
    return {"False": NOT_READY, "Unknown": UNREACHABLE}.get(str(status))


def _ours(taint: Any) -> bool:
    if taint.get("effect") == "NoExecute":
        return taint.get("key") in (NOT_READY, UNREACHABLE)
    return taint.get("effect") == "NoSchedule" and taint.get("key") in _OURS


def _retainted(node: Object, wanted: set[tuple[str, str]], now: float) -> Patch | None:
    """The node with exactly these of our taints, others' untouched; None if it has them already."""
    before = views.taints(node)
    after: list[dict[str, Any]] = [dict(t) for t in before if not _ours(t) or (t.get("key"), t.get("effect")) in wanted]
    held = {(t.get("key"), t.get("effect")) for t in after}
    # Microseconds: pods are evicted so many seconds after this, and the failover chain is measured.
    stamp = meta.micro_timestamp(now)
    after.extend(
        {"key": key, "effect": effect, "timeAdded": stamp}
        for key, effect in sorted(wanted)
        if (key, effect) not in held
    )
    if after == list(before):
        return None
    # A merge patch replaces the list; somebody else's taint must not get lost with it.
    precondition = {"resourceVersion": node["metadata"].get("resourceVersion", "")}
    return Patch("Node", "", meta.name_of(node), {"metadata": precondition, "spec": {"taints": after or None}})


def _whole_cluster(plan: PlanBuilder, view: View, key: str, ctx: Context) -> None:
    """When the last zone goes down, it is rather this side that is cut off: all evictions are called off. When the
    first node is back, every node has its grace again (Kubernetes: master disruption mode)."""
    memory: Watchman = ctx.memory
    down = memory.zones.all_down
    before, memory.down = memory.down, down
    if down == before or (before is None and not down):
        return
    if not down:
        memory.zones.restart()
        for heard in memory.heard.values():
            heard.at = ctx.monotonic
        return
    actions: list[Action] = []
    for node in view.list("Node"):
        if meta.name_of(node) == key:
            continue
        keep = {(str(t["key"]), str(t["effect"])) for t in views.taints(node) if t.get("effect") != "NoExecute"}
        patch = _retainted(node, keep, ctx.now)
        if patch is not None:
            actions.append(patch)
    for action in actions:
        plan.add(action)


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> list[str]:
    """A renewed Lease moves a deadline and needs no look; a node that writes conditions, or is tainted, does."""
    if kind != "Node" or not changed(old, new, "status.conditions", "spec", "metadata.labels"):
        return []
    return [meta.name_of(new or old or {})]


CONTROLLER = Controller(
    name="node-lifecycle-controller",
    kinds=("Node", "Lease"),
    keys=_keys,
    reconcile=reconcile,
    memory=Watchman,
    observe=observe,
)
