"""The rows of pods: kubectl's one word for all that can be the matter with one.

Must not decide anything: STATUS is for people, components read phase and conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.api import meta, views
from cluster.api.meta import Object
from cluster.api.printing import NONE, Printer, age, human_duration

Map = Mapping[str, Any]


@dataclass(slots=True)
class _Tally:
    """What goes into STATUS, READY and RESTARTS while the containers are looked at in turn."""

    reason: str
    ready: int = 0
    restarts: int = 0
    last_restart: float = 0.0

    def restarted(self, status: Map) -> None:
        self.restarts += int(status.get("restartCount", 0))
        finished = (_state(status, "terminated", "lastState") or {}).get("finishedAt")
        if finished:
            self.last_restart = max(self.last_restart, meta.parse_time(finished))


def _state(status: Map, which: str, field: str = "state") -> Map | None:
    found: Map | None = (status.get(field) or {}).get(which)
    return found


def _ended(terminated: Map) -> str:
    """The word for a container that has ended: its reason, or else what is known."""
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _tally(pod: Object) -> _Tally:
    status = pod.get("status") or {}
    tally = _Tally(str(status.get("reason") or views.pod_phase(pod)))
    scheduled = meta.condition(pod, "PodScheduled")
    if scheduled and scheduled.get("reason") == "SchedulingGated":
        tally.reason = "SchedulingGated"
    sidecars = _Tally("")
    initializing = _init_containers(pod, status.get("initContainerStatuses") or (), tally, sidecars)
    initialized = meta.condition(pod, "Initialized")
    if not initializing or (initialized and initialized.get("status") == "True"):
        tally.restarts, tally.last_restart = sidecars.restarts, sidecars.last_restart
        _containers(pod, status.get("containerStatuses") or (), tally)
    if meta.deleting(pod):
        if status.get("reason") == "NodeLost":
            tally.reason = "Unknown"
        elif not views.pod_terminal(pod):
            tally.reason = "Terminating"
    return tally


def _init_containers(pod: Object, statuses: Sequence[Map], tally: _Tally, sidecars: _Tally) -> bool:
    """Whether the first of them that is not done holds the pod up; tally.reason says with what."""
    specs = {c["name"]: c for c in views.init_containers(pod)}
    for index, status in enumerate(statuses):
        sidecar = views.is_sidecar(specs.get(status.get("name", ""), {}))
        tally.restarted(status)
        if sidecar:
            sidecars.restarted(status)
        terminated, waiting = _state(status, "terminated"), _state(status, "waiting")
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and status.get("started"):
            tally.ready += bool(status.get("ready"))
            continue
        if terminated is not None:
            tally.reason = f"Init:{_ended(terminated)}"
        elif waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            tally.reason = f"Init:{waiting['reason']}"
        else:
            tally.reason = f"Init:{index}/{len(specs)}"
        return True
    return False


def _containers(pod: Object, statuses: Sequence[Map], tally: _Tally) -> None:
    """From the last to the first, so that the first container's trouble is what shows."""
    running = False
    for status in reversed(statuses):
        tally.restarted(status)
        waiting, terminated = _state(status, "waiting"), _state(status, "terminated")
        if waiting and waiting.get("reason"):
            tally.reason = str(waiting["reason"])
        elif terminated is not None:
            tally.reason = _ended(terminated)
        elif status.get("ready") and _state(status, "running") is not None:
            running = True
            tally.ready += 1
    if tally.reason == "Completed" and running:
        tally.reason = "Running" if views.pod_ready(pod) else "NotReady"


def pod_status(pod: Object) -> str:
    """The STATUS column: Running, CrashLoopBackOff, Init:0/2, Terminating ... (Kubernetes: printPod)."""
    return _tally(pod).reason


def _row(pod: Object, now: float) -> list[str]:
    tally = _tally(pod)
    restarts = str(tally.restarts)
    if tally.restarts and tally.last_restart:
        restarts += f" ({human_duration(now - tally.last_restart)} ago)"
    total = len(views.containers(pod)) + sum(views.is_sidecar(c) for c in views.init_containers(pod))
    gates = (pod.get("spec") or {}).get("readinessGates") or ()
    met = sum((meta.condition(pod, gate["conditionType"]) or {}).get("status") == "True" for gate in gates)
    return [
        meta.name_of(pod),
        f"{tally.ready}/{total}",
        tally.reason,
        restarts,
        age(pod, now),
        views.pod_ip(pod) or NONE,
        views.pod_node(pod) or NONE,
        str((pod.get("status") or {}).get("nominatedNodeName") or NONE),
        f"{met}/{len(gates)}" if gates else NONE,
    ]


POD = Printer(
    ("NAME", "READY", "STATUS", "RESTARTS", "AGE", "*IP", "*NODE", "*NOMINATED NODE", "*READINESS GATES"), _row
)
