"""A pod's status as the kubelet writes it: containers, conditions, addresses. Pure; must not decide anything.

Kubernetes: PodStatus. Conditions of others (PodScheduled, readiness gates) are carried along untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.api import meta
from nodes.kubelet.facts import Ended, Instant, Object, PodFacts, key_of
from nodes.kubelet.podstate import Outcome, is_sidecar

PREFIX = "capstan://"
"""Of a containerID."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pod runs."""

    node: str
    host_ip: str


def render(pod: Object, facts: PodFacts, outcome: Outcome, place: Place, now: Instant) -> Object:
    """The whole status, for writing and for comparing: equal inputs but for `now` give equal statuses, unless a
    condition changes."""
    spec = pod.get("spec") or {}
    old = pod.get("status") or {}
    status: Object = {
        "phase": outcome.phase,
        "hostIP": place.host_ip,
        "hostIPs": [{"ip": place.host_ip}],
        "startTime": meta.timestamp(facts.started_at),
        "qosClass": old.get("qosClass") or qos_class(spec),
    }
    if facts.ip:
        status["podIP"] = facts.ip
        status["podIPs"] = [{"ip": facts.ip}]
    if outcome.verdict is not None and outcome.phase == "Failed":
        status["reason"] = outcome.verdict.reason
        status["message"] = outcome.verdict.message
    elif outcome.terminal and old.get("reason"):
        status["reason"] = old["reason"]
        status["message"] = old.get("message", "")
    init = [_container(pod, c, facts, outcome) for c in spec.get("initContainers") or ()]
    for entry, container in zip(init, spec.get("initContainers") or (), strict=True):
        if not is_sidecar(container):  # Kubernetes: a plain init container is ready once it has succeeded
            entry["ready"] = (entry["state"].get("terminated") or {}).get("exitCode") == 0
    mains = [_container(pod, c, facts, outcome) for c in spec.get("containers") or ()]
    if facts.rejected is None:
        if init:
            status["initContainerStatuses"] = init
        status["containerStatuses"] = mains
        if spec.get("ephemeralContainers"):
            status["ephemeralContainerStatuses"] = [
                {**_container(pod, c, facts, outcome), "ready": False} for c in spec["ephemeralContainers"]
            ]
    status["conditions"] = _conditions(pod, facts, outcome, init, mains, meta.timestamp(now.wall))
    return status


def _container(pod: Object, container: Object, pod_facts: PodFacts, outcome: Outcome) -> Object:
    name = container["name"]
    facts = pod_facts.of(name)
    waiting = outcome.waiting.get(name)
    state: Object
    last: Ended | None = facts.last
    shown = facts.attempt
    if facts.phase == "running":
        state = {"running": {"startedAt": meta.timestamp(facts.started_at)}}
    elif facts.phase == "starting" and facts.last is not None and waiting is None:
        state, last, shown = _terminated(pod, name, facts.last), None, facts.attempt - 1
    elif waiting is not None:
        state = {"waiting": {"reason": waiting.reason, **({"message": waiting.message} if waiting.message else {})}}
        if facts.phase == "starting":
            shown = facts.attempt - 1
        last = facts.ended or facts.last
    elif facts.ended is not None:
        state = _terminated(pod, name, facts.ended)
    else:
        state = {"waiting": {"reason": "ContainerCreating"}}
    running = facts.phase == "running"
    entry: Object = {
        "name": name,
        "image": container.get("image", ""),
        "imageID": facts.image_id,
        "ready": running and facts.health.ready,
        "started": running and facts.health.started,
        "restartCount": max(shown, 0),
        "state": state,
        "lastState": _terminated(pod, name, last) if last is not None else {},
    }
    if shown >= 0:
        entry["containerID"] = PREFIX + key_of(pod, name, shown).id
    return entry


def _terminated(pod: Object, name: str, ended: Ended) -> Object:
    detail: Object = {
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        "startedAt": meta.timestamp(ended.started_at),
        "finishedAt": meta.timestamp(ended.finished_at),
        "containerID": PREFIX + key_of(pod, name, ended.attempt).id,
    }
    if ended.signal:
        detail["signal"] = ended.signal
    if ended.message:
        detail["message"] = ended.message
    return {"terminated": detail}


def _conditions(
    pod: Object, facts: PodFacts, outcome: Outcome, init: list[Object], mains: list[Object], now: str
) -> list[Object]:
    conditions: list[Object] = list((pod.get("status") or {}).get("conditions") or ())

    def put(type: str, holds: bool, reason: str = "", message: str = "") -> None:
        nonlocal conditions
        conditions = meta.set_condition(conditions, type, "True" if holds else "False", reason, message, now)

    waiting_for = [entry["name"] for entry in init if not entry["ready"]]
    unready = [entry["name"] for entry in mains if not entry["ready"]]
    unready += [
        entry["name"]
        for entry, container in zip(init, (pod.get("spec") or {}).get("initContainers") or (), strict=True)
        if is_sidecar(container) and not entry["ready"]
    ]
    put("PodReadyToStartContainers", bool(facts.ip) and not outcome.terminal)
    if outcome.initialized:
        put("Initialized", True, "PodCompleted" if outcome.phase == "Succeeded" else "")
    else:
        put(
            "Initialized",
            False,
            "ContainersNotInitialized",
            f"containers with incomplete status: [{' '.join(waiting_for)}]",
        )
    if outcome.terminal:
        reason, message = ("PodCompleted" if outcome.phase == "Succeeded" else "PodFailed"), ""
    else:
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    ready = not unready and not outcome.terminal and bool(mains)
    put("ContainersReady", ready, "" if ready else reason, "" if ready else message)
    closed = _closed_gates(pod)
    if ready and closed:
        put("Ready", False, "ReadinessGatesNotReady", f"the status of pod readiness gate {closed[0]!r} is not True")
    else:
        put("Ready", ready, "" if ready else reason, "" if ready else message)
    if meta.condition(pod, "PodScheduled") is None:
        put("PodScheduled", True)
    return conditions


def _closed_gates(pod: Object) -> list[str]:
    gates = [gate["conditionType"] for gate in (pod.get("spec") or {}).get("readinessGates") or ()]
    return [gate for gate in gates if (meta.condition(pod, gate) or {}).get("status") != "True"]


def qos_class(spec: Mapping[str, Any]) -> str:
    """Kubernetes: Guaranteed when every container's cpu and memory requests equal its limits, BestEffort when there
    are none at all, Burstable else."""
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    none, all_equal = True, bool(containers)
    for container in containers:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        for name in ("cpu", "memory"):
            if name in limits or name in requests:
                none = False
            if name not in limits or requests.get(name, limits[name]) != limits[name]:
                all_equal = False
    return "BestEffort" if none else "Guaranteed" if all_equal else "Burstable"
