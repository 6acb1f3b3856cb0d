"""Invariants on journals and on watch events."""

from __future__ import annotations

from typing import Any

from cluster.history.invariants import bound_once, one_daemon_pod_per_node, one_leader_per_term


def role(host: str, term: Any, name: str = "leader", boot: int = 1) -> tuple[Any, ...]:
    return (1.0, 1, host, boot, "role", {"term": term, "role": name})


def pod(name: str, node: str, revision: int, **status: str) -> dict[str, Any]:
    owner = {"kind": "DaemonSet", "uid": "ds", "controller": True, "name": "agent"}
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(revision)}
    return {"metadata": {**meta, "ownerReferences": [owner]}, "spec": {"nodeName": node}, "status": status}


def event(type: str, obj: dict[str, Any]) -> dict[str, Any]:
    return {"type": type, "object": obj}


def test_two_leaders_of_one_term_are_found() -> None:
    records = [role("store-0", 1), role("store-0", 1), role("store-1", 2), role("store-2", 2), role("store-1", 3)]
    (violation,) = one_leader_per_term(records)
    assert violation.sentence == "term 2 has two leaders: store-1 (boot 1) and store-2 (boot 1)"
    assert len(violation.evidence) == 2


def test_followers_other_roles_and_other_lines_do_not_count() -> None:
    send = (1.0, 1, "store-0", 1, "send", "raft.append", "store-1", 1, 0, 10)
    records = [role("store-0", 1), role("store-1", 1, "follower"), role("scheduler-0", None), send]
    assert one_leader_per_term(records) == []


def test_a_new_boot_may_not_lead_the_term_of_the_old_one() -> None:
    assert len(one_leader_per_term([role("store-0", 4), role("store-0", 4, boot=2)])) == 1


def test_a_pod_that_moves_is_found() -> None:
    events = [
        event("ADDED", pod("a", "", 1)),
        event("MODIFIED", pod("a", "n1", 2)),
        event("MODIFIED", pod("a", "n2", 3)),
    ]
    (violation,) = bound_once(events)
    assert violation.sentence == "pod default/a was bound to n1 and then to n2"
    assert bound_once(events[:2]) == []


def test_two_daemon_pods_on_one_node_are_found() -> None:
    events = [event("ADDED", pod("a", "n1", 1)), event("ADDED", pod("b", "n2", 2)), event("ADDED", pod("c", "n1", 3))]
    (violation,) = one_daemon_pod_per_node(events)
    assert violation.sentence == "node n1 has 2 pods of one DaemonSet: default/a, default/c"


def test_a_finished_or_deleted_daemon_pod_makes_room() -> None:
    for last in (event("DELETED", pod("a", "n1", 2)), event("MODIFIED", pod("a", "n1", 2, phase="Failed"))):
        events = [event("ADDED", pod("a", "n1", 1)), last, event("ADDED", pod("b", "n1", 3))]
        assert one_daemon_pod_per_node(events) == []


def test_a_daemon_pod_counts_from_its_creation() -> None:
    """The DaemonSet controller pins its pods by node affinity before the scheduler binds them."""
    pinned = pod("b", "", 2)
    field = {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    pinned["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    assert len(one_daemon_pod_per_node([event("ADDED", pod("a", "n1", 1)), event("ADDED", pinned)])) == 1
