"""Pods by name, DaemonSets, observers, rollouts and lost nodes, from events and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cluster.history.run import Run, Seen
from tests.cluster.history.runs import node, note, obj, pod, run, say, seen, strike


def started(time: float, kubelet: str, uid: str) -> tuple[Any, ...]:
    return note(time, kubelet, "container", {"id": f"{uid}/main/1", "state": "running", "pod": "web-0", "ip": "1"})


def exited(time: float, kubelet: str, uid: str) -> tuple[Any, ...]:
    return note(time, kubelet, "container", {"id": f"{uid}/main/1", "state": "exited", "pod": "web-0", "code": 0})


def moved(*ends: tuple[Any, ...]) -> Run:
    """web-0 is deleted at 9.1 s while worker-1 is cut off, and runs on worker-2 from 9.2 s on."""
    events = [
        seen(1, "ADDED", pod("web-0", 1, "worker-1", "old")),
        seen(9.1, "MODIFIED", pod("web-0", 2, "worker-1", "old", deletionTimestamp="2026-01-01T00:00:00Z")),
        seen(9.15, "DELETED", pod("web-0", 2, "worker-1", "old")),
        seen(9.18, "ADDED", pod("web-0", 4, "worker-2", "new")),
    ]
    records = sorted([started(1.5, "kubelet-1", "old"), started(9.2, "kubelet-2", "new"), *ends])
    return run(events=events, records=records, strikes=[strike("isolate", 5, 15, "worker-1", name="isolate worker-1")])


def test_two_pods_of_one_name_are_found_and_explained() -> None:
    finding = say("one-running-pod-per-identity", moved(exited(12.4, "kubelet-1", "old")))
    assert finding.said == "violated"
    assert list(finding.because) == [
        "pod default/web-0 ran on worker-1 until 12.400 s and on worker-2 from 9.200 s",
        "the one on worker-1 was deleted at 9.100 s",
        "worker-1 was cut off from 5.0 s to 15.0 s (isolate worker-1), so its kubelet did not hear of the deletion at "
        "9.1 s",
    ]


def test_a_pod_that_was_started_after_its_deletion_is_explained_by_who_told_its_kubelet() -> None:
    events = [
        seen(1, "ADDED", pod("web-0", 1, "worker-1", "old")),
        seen(2, "DELETED", pod("web-0", 2, "worker-1", "old")),
        seen(3, "ADDED", pod("web-0", 4, "worker-2", "new")),
    ]
    records = [started(3.5, "kubelet-2", "new"), started(6, "kubelet-1", "old")]
    past = strike("api", 1.5, None, "apiserver-1", args={"way": "stale"}, name="past")
    again = strike("restart", 5, 5, "kubelet-1", name="restart kubelet-1")
    finding = say("one-running-pod-per-identity", run(events=events, records=records, strikes=[past, again]))
    assert list(finding.because) == [
        "pod default/web-0 ran on worker-2 until the end and on worker-1 from 6.000 s",
        "the one on worker-1 had been deleted at 2.000 s already: its kubelet did not know of that",
        "apiserver-1 served the past from 1.5 s on (past)",
        "kubelet-1 was being restarted from 5.0 s to 5.0 s (restart kubelet-1)",
    ]


def test_one_after_the_other_is_fine() -> None:
    assert say("one-running-pod-per-identity", moved(exited(9.19, "kubelet-1", "old"))).said == "ok"


def test_without_notes_of_kubelets_nobody_knows() -> None:
    assert say("one-running-pod-per-identity", run(events=moved().events)).said == "unknown"


MARKED: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 1}


def terminating(*strikes: Any, finalizers: list[str] | None = None, nodes: tuple[Seen, ...] = ()) -> Run:
    marked: dict[str, Any] = {**MARKED}
    if finalizers:
        marked["finalizers"] = finalizers
    events = [
        seen(0.5, "ADDED", node("worker-1", 1)),
        seen(1, "ADDED", pod("web-0", 1, "worker-1")),
        seen(6, "MODIFIED", pod("web-0", 2, "worker-1", **marked)),
        *nodes,
    ]
    return run(events=events, strikes=strikes)


@pytest.mark.parametrize(
    ("story", "said", "why"),
    [
        (terminating(), "violated", "and nothing that is known keeps it"),
        (terminating(strike("isolate", 5, None, "worker-1")), "ok", "worker-1 was cut off from 5.0 s on"),
        (terminating(strike("pause", 5, None, "kubelet-1")), "ok", "kubelet-1 was stopped from 5.0 s on"),
        (terminating(strike("pause", 5, None, "kubelet-2")), "violated", "nothing that is known"),
        (terminating(finalizers=["x/y"]), "ok", "it waits for its finalizers x/y"),
        (terminating(nodes=(seen(7, "MODIFIED", node("worker-1", 3, ready=False)),)), "ok", "is not Ready (Unknown)"),
        (terminating(nodes=(seen(7, "DELETED", node("worker-1", 3)),)), "ok", "its node worker-1 is gone"),
    ],
)
def test_pods_that_stay_terminating_have_a_reason(story: Run, said: str, why: str) -> None:
    finding = say("terminating-explained", story)
    assert finding.said == said
    assert why in finding.proof


def test_a_pod_that_stayed_and_then_ended_is_explained_too() -> None:
    story = terminating(strike("isolate", 5, 12, "worker-1"))
    gone = replace(story, events=(*story.events, seen(13, "DELETED", pod("web-0", 3, "worker-1", **MARKED))))
    finding = say("terminating-explained", gone)
    assert finding.said == "ok"
    assert finding.summary == (
        "no pod stays; Pod default/web-0 was Terminating from 6.0 s to 13.0 s, grace 1 s: worker-1 was cut off from "
        "5.0 s to 12.0 s (isolate it), so nobody confirms that its containers have stopped"
    )
    soon = replace(story, events=(*story.events, seen(8, "DELETED", pod("web-0", 3, "worker-1", **MARKED))))
    assert say("terminating-explained", soon).summary == "no pod stays"


def daemon_pod(name: str, revision: int, where: str) -> dict[str, Any]:
    owner = {"kind": "DaemonSet", "uid": "uid-agent", "controller": True, "name": "agent"}
    return pod(name, revision, where, ownerReferences=[owner])


AGENT = obj("DaemonSet", "agent", 1, spec={"template": {"metadata": {}, "spec": {}}})
NODES = [seen(0, "ADDED", node("worker-1", 1)), seen(0, "ADDED", node("worker-2", 2)), seen(0.5, "ADDED", AGENT)]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([seen(1, "ADDED", daemon_pod("a", 3, "worker-1")), seen(1, "ADDED", daemon_pod("b", 4, "worker-2"))], ""),
        (
            [seen(1, "ADDED", daemon_pod("a", 3, "worker-1"))],
            "worker-2 has no pod of DaemonSet default/agent at the end",
        ),
        (
            [
                seen(1, "ADDED", daemon_pod("a", 3, "worker-1")),
                seen(1, "ADDED", daemon_pod("b", 4, "worker-2")),
                seen(2, "ADDED", daemon_pod("c", 5, "worker-2")),
            ],
            "node worker-2 has 2 pods of one DaemonSet",
        ),
        (
            [seen(1, "ADDED", daemon_pod("a", 3, "worker-1")), seen(18, "MODIFIED", node("worker-2", 6, ready=False))],
            "",
        ),
        (
            [
                seen(1, "ADDED", daemon_pod("a", 3, "worker-1")),
                seen(2, "MODIFIED", node("worker-2", 6, spec={"taints": [{"key": "gpu", "effect": "NoSchedule"}]})),
            ],
            "",
        ),
    ],
)
def test_daemon_sets_cover_their_nodes(events: list[Seen], said: str) -> None:
    finding = say("daemonset-coverage", run(events=[*NODES, *events]))
    assert finding.said == ("violated" if said else "ok"), finding
    assert said in finding.proof + finding.summary


def written(time: float, revision: int) -> tuple[Any, ...]:
    return note(
        time, "apiserver-0", "write", {"kind": "Pod", "key": "default/p", "revision": revision, "verb": "update"}
    )


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"events": [seen(1, "ADDED", pod("p", 1)), seen(2, "MODIFIED", pod("p", 2))]}, ""),
        (
            {"events": [seen(1, "ADDED", pod("p", 2)), seen(2, "MODIFIED", pod("p", 1))]},
            "observer saw Pod default/p at version 1 at 2.000 s, after version 2 at 1.000 s",
        ),
        ({"events": [seen(1, "ADDED", pod("p", 2)), seen(2, "ADDED", pod("p", 1), "watcher-1")]}, ""),
        ({"events": [seen(1, "ADDED", pod("p", 2)), seen(2, "DELETED", pod("p", 1))]}, ""),
        (
            {"events": [seen(1, "ADDED", pod("p", 1))], "records": [written(2, 2)]},
            "never saw version 2 of Pod default/p",
        ),
        ({"events": [seen(1, "ADDED", pod("p", 1))], "records": [written(19.5, 2)]}, ""),
        ({"events": [seen(1, "ADDED", pod("p", 3))], "records": [written(2, 2)]}, ""),
    ],
)
def test_observers_do_not_go_back(parts: Mapping[str, Any], said: str) -> None:
    finding = say("observer-never-goes-back", run(**parts))
    assert finding.said == ("violated" if said else "ok"), finding
    assert said in finding.summary


def deployment(replicas: int, surge: Any, kind: str = "RollingUpdate") -> dict[str, Any]:
    strategy: dict[str, Any] = {"type": kind}
    if kind == "RollingUpdate":
        strategy["rollingUpdate"] = {"maxSurge": surge}
    return obj("Deployment", "web", 1, spec={"replicas": replicas, "strategy": strategy})


def replica_set(name: str, replicas: int) -> dict[str, Any]:
    owner = {"kind": "Deployment", "uid": "uid-web", "controller": True, "name": "web"}
    return obj("ReplicaSet", name, 2, meta={"ownerReferences": [owner]}, spec={"replicas": replicas})


@pytest.mark.parametrize(
    ("owner", "second", "said"),
    [
        (deployment(4, 1), 1, ""),
        (
            deployment(4, 1),
            2,
            "Deployment default/web may have 5 pods, and its 2 ReplicaSets ask for 6 from 2.000 s on",
        ),
        (deployment(4, "50%"), 2, ""),
        (deployment(4, None, "Recreate"), 1, "may have 4 pods"),
    ],
)
def test_a_rollout_surges_as_far_as_it_may(owner: dict[str, Any], second: int, said: str) -> None:
    events = [
        seen(0, "ADDED", owner),
        seen(1, "ADDED", replica_set("web-1", 4)),
        seen(2, "ADDED", replica_set("web-2", second)),
    ]
    finding = say("rollout-surge", run(events=events))
    assert finding.said == ("violated" if said else "ok"), finding
    assert said in finding.summary


def lost_node(ready_again: float) -> Run:
    """worker-1 is cut off at 5 s; its pod's successor is ready on worker-2 at `ready_again`."""
    labels = {"app": "web"}
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.0.0.2"}
    old, new = pod("web-a", 2, "worker-1", labels=labels), pod("web-b", 6, "worker-2", labels=labels)
    gone = pod("web-a", 5, "worker-1", labels=labels, deletionTimestamp="2026-01-01T00:00:00Z")
    tainted = node("worker-1", 4, ready=False, spec={"taints": [{"key": "unreachable", "effect": "NoExecute"}]})
    web = obj("Deployment", "web", 1, spec={"selector": {"matchLabels": labels}})
    lease = obj("Lease", "worker-1", 3, meta={"namespace": "kube-node-lease"})
    events = [
        seen(0, "ADDED", node("worker-1", 1)),
        seen(0, "ADDED", web),
        seen(1, "ADDED", old),
        seen(4.5, "ADDED", lease),
        seen(7, "MODIFIED", tainted),
        seen(8, "MODIFIED", gone),
        seen(8.1, "ADDED", new),
        seen(ready_again, "MODIFIED", {**new, "status": ready}),
    ]
    return run(events=events, strikes=[strike("isolate", 5, 30, "worker-1", name="isolate worker-1")])


def test_a_lost_nodes_pods_are_back_in_time() -> None:
    fine = say("failover", lost_node(9.0), workload="web", within=6)
    assert (fine.said, fine.looked_at) == ("ok", 1)
    assert fine.figures["running"] == pytest.approx(4.5)
    assert "running 4.500 s after the last renewal (wanted: within 6.0 s)" in fine.proof
    late = say("failover", lost_node(15.0), workload="web", within=6)
    assert late.said == "violated"
    assert late.figures["running"] == pytest.approx(10.5)
    assert say("failover", lost_node(9.0), workload="app=web", within=6).said == "ok"
    assert say("failover", lost_node(9.0), workload="other", within=6).said == "unknown"
    predicted = say("failover", lost_node(9.0), workload="web")
    assert predicted.said == "violated"
    assert "wanted: 40.0" in predicted.proof
