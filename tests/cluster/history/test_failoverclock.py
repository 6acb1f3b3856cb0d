"""The failover clock follows a lost node's pods, and nothing that happens to the workload for other reasons."""

from __future__ import annotations

from typing import Any

from cluster.config import Timing
from cluster.history.failover import FailoverClock

LABELS = {"app": "web"}


def pod(uid: str, node: str = "", **metadata: Any) -> dict[str, Any]:
    meta = {"name": uid, "namespace": "default", "uid": uid, "labels": LABELS, **metadata}
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": node}, "status": {}}


def node_state(ready: str, *taints: str) -> dict[str, Any]:
    spec = {"taints": [{"key": key, "effect": "NoExecute"} for key in taints]}
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    return {"kind": "Node", "metadata": {"name": "worker-1"}, "spec": spec, "status": status}


def started(*uids: str) -> FailoverClock:
    clock = FailoverClock("worker-1", LABELS, "web")
    clock.start([pod(uid, "worker-1") for uid in uids])
    return clock


def lose(clock: FailoverClock, now: float) -> None:
    clock.feed("Node", "MODIFIED", node_state("Unknown", "node.kubernetes.io/unreachable"), now)


def seen(clock: FailoverClock) -> dict[str, float | None]:
    return {step.name: step.seconds for step in clock.steps(0.0, Timing())}


def test_a_pod_that_replaces_an_evicted_one_is_its_successor() -> None:
    clock = started("old")
    lose(clock, 4.0)
    clock.feed("Pod", "MODIFIED", pod("old", "worker-1", deletionTimestamp="2026-01-01T00:00:09Z"), 9.0)
    clock.feed("Pod", "ADDED", pod("new"), 9.1)
    clock.feed("Pod", "MODIFIED", pod("new", "worker-2"), 9.2)
    assert seen(clock) == {
        "detected": 4.0,
        "endpoint removed": None,
        "tainted": 4.0,
        "evicted": 9.0,
        "recreated": 9.1,
        "bound": 9.2,
        "running": None,
        "endpoint added": None,
    }


def test_a_rollouts_new_pods_are_nobodys_successors() -> None:
    clock = started("old")
    clock.feed("Pod", "ADDED", pod("rolled", "worker-2"), 1.0)
    lose(clock, 4.0)
    clock.feed("Pod", "MODIFIED", pod("rolled", "worker-2"), 5.0)
    steps = seen(clock)
    assert steps["recreated"] is None
    assert steps["bound"] is None


def test_a_pod_that_a_rollout_gave_up_before_the_node_was_found_out_is_not_evicted() -> None:
    clock = started("old", "other")
    given_up = pod("old", "worker-1", deletionTimestamp="2026-01-01T00:00:01Z")
    clock.feed("Pod", "MODIFIED", given_up, 1.0)
    lose(clock, 4.0)
    clock.feed("Pod", "DELETED", given_up, 5.0)
    assert seen(clock)["evicted"] is None
    clock.feed("Pod", "DELETED", pod("other", "worker-1"), 9.0)
    assert seen(clock)["evicted"] == 9.0
