"""One pod on each node that is eligible, and on no other (Kubernetes: DaemonSet).

Must not bind pods: each is pinned to its node, and the scheduler binds it. Revisions are `history`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta, views
from cluster.controllers import history
from cluster.controllers.claims import claim
from cluster.controllers.controller import Context, Controller, View, changed, own_and_owned
from cluster.controllers.daemonpods import Fit, fit, pod_for, survivor_order, target_node
from cluster.controllers.plan import DONE, Create, Delete, Emit, Object, Plan, PlanBuilder, Update

BURST = 250
FAILED_FIRST, FAILED_LONGEST = 1.0, 900.0
"""Seconds that a node waits for the successor of a pod that failed: doubled each time, up to the longest."""


@dataclass(slots=True)
class Backoff:
    """When a failed pod of a set on a node may next be replaced: key -> (wait, not before, of which pod)."""

    waits: dict[str, tuple[float, float, str]] = field(default_factory=dict)

    def left(self, key: str, pod: str, now: float) -> float:
        """Seconds still to wait for the successor of `pod`; the wait doubles with each new failed pod, and begins
        anew when none has failed for twice the longest."""
        wait, until, last = self.waits.get(key, (0.0, 0.0, ""))
        if last != pod:
            if not wait or now - until > 2 * FAILED_LONGEST:
                wait, until = FAILED_FIRST, now
            else:
                wait, until = min(2 * wait, FAILED_LONGEST), now + wait
            self.waits[key] = (wait, until, pod)
        return max(0.0, until - now)


@dataclass(slots=True)
class _Round:
    daemonset: Object
    nodes: dict[str, Object]
    fits: dict[str, Fit]
    pods: dict[str, list[Object]]
    """Every pod of the set by the node it is on or meant for, terminating ones too; the survivor first."""
    hash: str
    ctx: Context
    create: list[str] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)
    events: list[Emit] = field(default_factory=list)
    wait: list[float] = field(default_factory=list)

    @property
    def min_ready(self) -> int:
        return int(self.daemonset["spec"].get("minReadySeconds") or 0)

    def available(self, pod: Object) -> bool:
        return views.pod_available(pod, self.min_ready, self.ctx.now)

    def current(self, pod: Object) -> bool:
        return meta.labels_of(pod).get(history.HASH) == self.hash


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """Revision, pods, rolling update, status; in this order."""
    daemonset = view.get("DaemonSet", *meta.split_key(key))
    if daemonset is None:
        return DONE
    plan = PlanBuilder()
    revisions = history.synced(view, daemonset)
    claimed = claim(view, daemonset, "Pod")
    plan.actions.extend([*revisions.actions, *claimed.actions])
    work = _look(view, daemonset, claimed.mine, revisions.hash, ctx)
    if meta.deleting(daemonset):
        _write_status(plan, work, 0)
        return plan.build()
    if revisions.collision:
        _write_status(plan, work, 1)
        return plan.build()
    _place(work)
    if not work.create and not work.delete:
        _roll(work)
    if ctx.failure is not None and ctx.failure.reason != "Conflict" and (work.create or work.delete):
        reason = "FailedCreate" if ctx.failure.verb == "create" else "FailedDelete"
        plan.add(Emit(daemonset, "Warning", reason, ctx.failure.message))
        _write_status(plan, work, 0)
        _carry_out(plan, work)
    else:
        _carry_out(plan, work)
        _write_status(plan, work, 0)
    plan.actions.extend(history.surplus(daemonset, revisions, claimed.mine))
    for seconds in work.wait:
        plan.again_after(seconds)
    return plan.build()


def _look(view: View, daemonset: Object, mine: list[Object], revision: str, ctx: Context) -> _Round:
    nodes = {meta.name_of(node): node for node in view.list("Node")}
    by_node: dict[str, list[Object]] = {}
    for pod in mine:
        # One that is being deleted holds its node until it is gone: its successor has the same name.
        by_node.setdefault(target_node(pod), []).append(pod)
    for pods in by_node.values():
        pods.sort(key=survivor_order)
    fits = {name: fit(daemonset, node) for name, node in nodes.items()}
    return _Round(daemonset, nodes, fits, by_node, revision, ctx)


# ── pods on nodes ────────────────────────────────────────────────────────────────────────────────────────────


def _place(work: _Round) -> None:
    for name in work.nodes:
        pods = work.pods.get(name, [])
        if work.fits[name].start and not pods:
            work.create.append(name)
        elif not work.fits[name].stay:
            work.delete.extend(pod for pod in pods if not meta.deleting(pod))
        elif pods:
            _tend(work, name, pods)
    for name, pods in work.pods.items():
        if name not in work.nodes:
            work.delete.extend(pod for pod in pods if not meta.deleting(pod))


def _tend(work: _Round, node: str, pods: list[Object]) -> None:
    """What has ended is removed, so that it can be replaced; of several that run, one stays."""
    running = []
    for pod in pods:
        if meta.deleting(pod):
            continue
        if views.pod_phase(pod) == "Failed":
            _remove_failed(work, node, pod)
        elif views.pod_phase(pod) == "Succeeded":
            message = f"Found succeeded daemon pod {meta.key_of(pod)} on node {node}, will try to delete it"
            work.events.append(Emit(work.daemonset, "Normal", "SucceededDaemonPod", message))
            work.delete.append(pod)
        else:
            running.append(pod)
    if len(running) > 1:
        kept = _kept(work, running)
        work.delete.extend(pod for pod in running if pod not in kept)


def _kept(work: _Round, running: list[Object]) -> list[Object]:
    """With maxSurge an old pod stays beside the new one until that is available; else only the first stays."""
    if not _limits(work)[0]:
        return running[:1]
    new = next((pod for pod in running if work.current(pod)), None)
    old = next((pod for pod in running if not work.current(pod)), None)
    if new is None or old is None:
        return running[:1]
    return [new] if work.available(new) or not work.available(old) else [new, old]


def _remove_failed(work: _Round, node: str, pod: Object) -> None:
    message = f"Found failed daemon pod {meta.key_of(pod)} on node {node}, will try to kill it"
    backoff: Backoff = work.ctx.memory
    key = f"{meta.uid_of(work.daemonset)}/{work.hash}/{node}"
    left = backoff.left(key, meta.uid_of(pod), work.ctx.monotonic)
    if left > 0:
        work.wait.append(left)
        return
    work.events.append(Emit(work.daemonset, "Warning", "FailedDaemonPod", message))
    work.delete.append(pod)


def _carry_out(plan: PlanBuilder, work: _Round) -> None:
    daemonset = work.daemonset
    for event in work.events:
        plan.add(event)
    # Deletions first: a pod in the way of its successor holds the successor's name.
    for pod in work.delete[:BURST]:
        plan.add(Delete("Pod", meta.namespace_of(pod), meta.name_of(pod), uid=meta.uid_of(pod)))
        plan.add(Emit(daemonset, "Normal", "SuccessfulDelete", f"Deleted pod: {meta.name_of(pod)}"))
    beside = _limits(work)[0] > 0
    for node in work.create[:BURST]:
        pod = pod_for(daemonset, node, work.hash, beside)
        plan.add(Create(pod))
        plan.add(Emit(daemonset, "Normal", "SuccessfulCreate", f"Created pod: {meta.name_of(pod)}"))


# ── rolling update ───────────────────────────────────────────────────────────────────────────────────────────


def _limits(work: _Round) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in nodes; never both 0."""
    strategy = work.daemonset["spec"].get("updateStrategy") or {}
    if (strategy.get("type") or "RollingUpdate") != "RollingUpdate":
        return 0, 0
    rolling = strategy.get("rollingUpdate") or {}
    desired = sum(1 for f in work.fits.values() if f.start)
    surge = views.int_or_percent(rolling.get("maxSurge") or 0, desired, True)
    value = rolling.get("maxUnavailable")
    unavailable = views.int_or_percent(1 if value is None else value, desired, True)
    return surge, unavailable if surge or unavailable else 1


def _roll(work: _Round) -> None:
    surge, unavailable = _limits(work)
    if surge:
        _roll_beside(work, surge)
    elif unavailable:
        _roll_in_place(work, unavailable)


def _old_and_new(work: _Round) -> Iterator[tuple[str, Object | None, Object | None]]:
    for name in work.nodes:
        if work.fits[name].start:
            pods = work.pods.get(name, [])
            old = [pod for pod in pods if not work.current(pod)]
            new = [pod for pod in pods if work.current(pod)]
            if len(old) <= 1 and len(new) <= 1:
                yield name, old[0] if old else None, new[0] if new else None


def _roll_in_place(work: _Round, allowed: int) -> None:
    """Old pods that are not available go at once; of the others as many as may be missing."""
    missing = 0
    candidates = []
    for _, old, new in _old_and_new(work):
        if old is None or new is not None:
            missing += new is None or old is not None or not work.available(new)
        elif meta.deleting(old):
            missing += 1
        elif not work.available(old):
            missing += 1
            work.delete.append(old)
        else:
            candidates.append(old)
    work.delete.extend(candidates[: max(0, allowed - missing)])


def _roll_beside(work: _Round, allowed: int) -> None:
    """New pods come beside old ones; `_kept` takes the old one away when the new one is available."""
    surging = 0
    candidates = []
    for name, old, new in _old_and_new(work):
        if old is None:
            continue
        if new is not None:
            surging += 1
        elif meta.deleting(old):
            continue
        elif not work.available(old):
            work.create.append(name)
        else:
            candidates.append(name)
    work.create.extend(candidates[: max(0, allowed - surging)])


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────


def _write_status(plan: PlanBuilder, work: _Round, collided: int) -> None:
    counts = {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
        "updatedNumberScheduled": 0,
        "numberAvailable": 0,
        "numberUnavailable": 0,
        "collisionCount": int((work.daemonset.get("status") or {}).get("collisionCount") or 0) + collided,
        "observedGeneration": meta.generation_of(work.daemonset),
    }
    for name in work.nodes:
        pods = [pod for pod in work.pods.get(name, []) if not meta.deleting(pod)]
        if not work.fits[name].start:
            counts["numberMisscheduled"] += bool(pods)
            continue
        counts["desiredNumberScheduled"] += 1
        if pods:
            ready = next((pod for pod in pods if views.pod_ready(pod)), None)
            available = ready is not None and work.available(ready)
            counts["currentNumberScheduled"] += 1
            counts["numberReady"] += ready is not None
            counts["numberAvailable"] += available
            counts["updatedNumberScheduled"] += any(work.current(pod) for pod in pods)
            if ready is not None and not available:
                since = (meta.condition(ready, "Ready") or {}).get("lastTransitionTime")
                work.wait.append(max(0.0, meta.parse_time(since) + work.min_ready - work.ctx.now) if since else 1.0)
    counts["numberUnavailable"] = counts["desiredNumberScheduled"] - counts["numberAvailable"]
    always = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    status: dict[str, Any] = {name: n for name, n in counts.items() if n or name in always}
    old = work.daemonset.get("status") or {}
    if {name: value for name, value in old.items() if value or name in always} != status:
        plan.add(Update({**work.daemonset, "status": status}, "status"))


_WORKLOAD = own_and_owned("DaemonSet")


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> list[str]:
    """A node that comes, goes or changes what eligibility looks at concerns every set whose answer it changes."""
    if kind != "Node":
        return list(_WORKLOAD(view, kind, old, new))
    if not changed(old, new, "metadata.labels", "spec.taints", "spec.unschedulable"):
        return []
    return [
        meta.key_of(daemonset)
        for daemonset in view.list("DaemonSet")
        if old is None or new is None or fit(daemonset, old) != fit(daemonset, new)
    ]


CONTROLLER = Controller(
    name="daemonset-controller",
    kinds=("DaemonSet", "Pod", "Node", "ControllerRevision"),
    keys=_keys,
    reconcile=reconcile,
    memory=Backoff,
)
