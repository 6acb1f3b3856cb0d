"""Failover clocks of a run: for each strike that took a node away, what happened to its pods, beside the prediction.

Pure. Must not predict (`failover`): it finds out which node and which workload, and feeds the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cluster.api.meta import controller_of, key_of, labels_of, name_of, uid_of
from cluster.api.views import pod_node, pod_terminal
from cluster.config import Timing
from cluster.history.run import Run
from cluster.report.bands import Band, bands
from cluster.report.failover import FailoverClock, Step
from cluster.report.messages import Message

LOSING = ("poweroff", "kill", "pause", "isolate", "partition", "crashLoop")
"""Actions that can take a node away from its masters."""
RENEWALS = ("lease.renew", "lease.update", "lease.patch")
_ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Clock:
    """`since`: the last renewal of the node's lease, seconds in the run; `how`: how that is known. `staying`: pods of
    DaemonSets on that node, which tolerate a lost node and are not evicted."""

    node: str
    workload: str
    strike: str
    since: float
    how: str
    steps: tuple[Step, ...]
    victims: tuple[str, ...]
    staying: tuple[str, ...]


def judged(step: Step) -> str:
    """ "not seen", "as predicted", "early by 0.310 s" or "late by 1.200 s"."""
    if step.seconds is None:
        return "not seen"
    earliest, latest = step.predicted
    if step.seconds < earliest - 1e-9:
        return f"early by {earliest - step.seconds:.3f} s"
    if step.seconds > latest + 1e-9:
        return f"late by {step.seconds - latest:.3f} s"
    return "as predicted"


def timing_of(run: Run) -> Timing | None:
    """The run's own intervals; None if it does not say them all."""
    known = {f.name for f in fields(Timing)}
    values = {name: value for name, value in run.meta.timing.items() if name in known}
    return Timing(**values) if values else None


def clocks(run: Run, messages: Sequence[Message] = ()) -> list[Clock]:
    """One for each node that a strike took away for long enough to be noticed, and each workload with pods there."""
    timing = timing_of(run)
    if timing is None or not run.events:
        return []
    found: list[Clock] = []
    for band in bands(run):
        if band.strike.action in LOSING and not band.strike.error:
            for node in _nodes(band, run):
                found.extend(_of_node(node, band, run, timing, messages))
    return found


def _nodes(band: Band, run: Run) -> list[str]:
    """Nodes among the targets, or (of a partition) on a side without the store's majority."""
    machines = run.meta.machines
    nodes = {name_of(e.object) for e in run.events if e.kind == "Node"}
    named = set(band.strike.targets)
    if band.strike.groups:
        members = [host for host in machines if host.rpartition("-")[0] == "store"]
        named = set()
        for group in band.strike.groups:
            if 2 * sum(m in group or machines[m] in group for m in members) <= len(members):
                named.update(group)
    # A node is lost with its kubelet; other processes of its machine do not matter.
    return sorted({machines.get(t, t) for t in named if t in nodes or t.startswith("kubelet-")} & nodes)


def _of_node(node: str, band: Band, run: Run, timing: Timing, messages: Sequence[Message]) -> Iterable[Clock]:
    objects = _as_of(run, band.since)
    pods = [pod for pod in objects["Pod"].values() if pod_node(pod) == node and not pod_terminal(pod)]
    staying = [pod for pod in pods if (controller_of(pod) or {}).get("kind") == "DaemonSet"]
    leaving = [pod for pod in pods if pod not in staying]
    for workload, labels, service in _workloads(leaving, objects["Service"].values()):
        clock = FailoverClock(node, labels, service)
        clock.start([pod for pod in objects["Pod"].values() if labels.items() <= labels_of(pod).items()])
        for event in run.events:
            if event.time >= band.since:
                clock.feed(event.kind, event.type, event.object, event.time)
        detected = clock.seen.get("detected")
        if detected is None and band.until - band.since < timing.node_monitor_grace:
            continue
        renewed, how = _renewed(node, band, run, messages, detected[0] if detected else band.since)
        steps = [s for s in clock.steps(renewed, timing) if service or not s.name.startswith(_ENDPOINT)]
        victims = tuple(sorted(clock.victims.values()))
        yield Clock(
            node, workload, band.strike.name or band.strike.action, renewed, how, tuple(steps), victims,
            tuple(sorted(map(name_of, staying))),
        )  # fmt: skip


def _as_of(run: Run, time: float) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Pods by uid and Services by key as they had been seen by then."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {"Pod": {}, "Service": {}}
    for event in run.events:
        if event.kind not in found or event.time > time:
            continue
        key = uid_of(event.object) if event.kind == "Pod" else key_of(event.object)
        if event.type == "DELETED":
            found[event.kind].pop(key, None)
        else:
            found[event.kind][key] = event.object
    return found


def _workloads(
    pods: Sequence[Mapping[str, Any]], services: Iterable[Mapping[str, Any]]
) -> list[tuple[str, dict[str, str], str]]:
    """(what to call it, the labels of its pods, its Service or ""), each with at least one of these pods."""
    found: list[tuple[str, dict[str, str], str]] = []
    covered: set[str] = set()
    for service in services:
        selector = dict((service.get("spec") or {}).get("selector") or {})
        mine = [pod for pod in pods if selector and selector.items() <= labels_of(pod).items()]
        if mine:
            covered.update(map(uid_of, mine))
            found.append((f"Service {name_of(service)}", selector, name_of(service)))
    for pod in pods:
        owner = controller_of(pod)
        if uid_of(pod) in covered or owner is None:
            continue
        labels = {k: v for k, v in labels_of(pod).items() if k != "pod-template-hash"}
        if labels and not any(labels == other for _, other, _ in found):
            found.append((f"{owner['kind']} {owner['name']}", labels, ""))
    return found


def _renewed(node: str, band: Band, run: Run, messages: Sequence[Message], before: float) -> tuple[float, str]:
    """The last renewal of the node's lease before its loss was noticed, and how that is known."""
    leases = [e.time for e in run.events if e.kind == "Lease" and name_of(e.object) == node and e.time <= before]
    if leases:
        return leases[-1], "its Lease as observed"
    kubelets = {host for host, machine in run.meta.machines.items() if machine == node and host.startswith("kubelet-")}
    renewals = [
        m.arrived
        for m in messages
        if m.src in kubelets and m.kind in RENEWALS and not m.fate and m.arrived is not None and m.arrived <= before
    ]
    if renewals:
        return max(renewals), "the last renewal that reached an apiserver"
    return band.since, "the strike itself: no renewal is in the journal"
