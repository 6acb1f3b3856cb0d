"""Lives of objects, placement, containers, workloads, proxies, leaders: what each check passes, and what it finds.

(The zoo, tests/zoo, finds each in whole clusters with planted bugs.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cluster.history.run import Run
from tests.cluster.history.runs import node, note, obj, pod, run, say, seen

GOING = "2026-01-01T00:00:00Z"
CONTROLLER: dict[str, Any] = {"controller": True, "blockOwnerDeletion": True}


def config_map(name: str, revision: int, **meta: Any) -> dict[str, Any]:
    return obj("ConfigMap", name, revision, meta=meta)


def owned_by(uid: str, kind: str = "ConfigMap") -> list[dict[str, Any]]:
    return [{"kind": kind, "name": "owner", "uid": uid, **CONTROLLER}]


def started(time: float, id: str, ip: str = "10.0.0.1", kubelet: str = "kubelet-1") -> tuple[Any, ...]:
    return note(time, kubelet, "container", {"id": id, "state": "running", "pod": "default/p", "ip": ip})


def ended(time: float, id: str, code: int = 0, kubelet: str = "kubelet-1") -> tuple[Any, ...]:
    return note(time, kubelet, "container", {"id": id, "state": "exited", "code": code})


def wrote(revision: int, verb: str, host: str = "kubelet-1", kind: str = "Pod") -> tuple[Any, ...]:
    data = {"kind": kind, "key": "default/p", "revision": revision, "verb": verb, "message": [host, 1, 2]}
    return note(revision, "apiserver-0", "write", data)


def running(name: str = "p", revision: int = 2, **spec: Any) -> dict[str, Any]:
    """A ready pod on worker-1."""
    found = pod(name, revision, "worker-1")
    conditions = [{"type": "Ready", "status": "True"}]
    status = {"phase": "Running", "podIP": "10.0.0.1", "conditions": conditions}
    return {**found, "spec": {**found["spec"], "containers": [{"name": "main"}], **spec}, "status": status}


WORKER = seen(0.1, "ADDED", node("worker-1", 1))
UP = note(0.0, "kubelet-1", "boot")


def bound(*before: Any, tolerations: Any = (), **spec: Any) -> list[Any]:
    """A pod that waits, and is bound to worker-1 at 9 s."""
    waiting = pod("p", 7)
    waiting["spec"] = {"tolerations": list(tolerations), "containers": [], **spec}
    placed = {**waiting, "spec": {**waiting["spec"], "nodeName": "worker-1"}}
    return [WORKER, *before, seen(8, "ADDED", waiting), seen(9, "MODIFIED", placed)]


def tainted(key: str = "zoo") -> dict[str, Any]:
    return node("worker-1", 2, spec={"taints": [{"key": key, "effect": "NoSchedule"}]})


def replica_set(replicas: int, revision: int = 1) -> dict[str, Any]:
    return obj("ReplicaSet", "web", revision, spec={"replicas": replicas})


def of_web(name: str) -> dict[str, Any]:
    return pod(name, 5, "worker-1", ownerReferences=owned_by("uid-web", "ReplicaSet"))


def lease(time: float, holder: str) -> Any:
    held = obj("Lease", "kube-controller-manager", int(time), meta={"namespace": "kube-system"})
    return seen(time, "MODIFIED", {**held, "spec": {"holderIdentity": holder}})


def endpoints(time: float, *addresses: str) -> tuple[Any, ...]:
    return note(time, "proxy-1", "endpoints", {"service": "default/web", "ready": list(addresses)})


def watched(*told: Any) -> tuple[Any, ...]:
    data = {"kind": "ConfigMap", "server": "apiserver-0", "since": 1, "told": [list(each) for each in told]}
    return note(9, "viewer", "watched", data)


CHANGES = [seen(2, "ADDED", config_map("a", 2)), seen(3, "ADDED", config_map("b", 3))]


def cached(time: float, revision: int, gone: bool = False) -> tuple[Any, ...]:
    return note(time, "keeper", "cached", {"kind": "ConfigMap", "key": "default/a", "revision": revision, "gone": gone})


def with_proxy(story: Run) -> Run:
    machines = {**story.meta.machines, "proxy-1": "worker-1"}
    return replace(story, meta=replace(story.meta, machines=machines))


def probed(at: float) -> Run:
    """Its probe begins 5 s after its start at 2 s; it says that it is ready at some time."""
    status = [{"name": "main", "ready": True, "containerID": "x://uid-p/main/0"}]
    containers = [{"name": "main", "readinessProbe": {"initialDelaySeconds": 5}}]
    ready = {**running(containers=containers), "status": {"containerStatuses": status}}
    return run(events=[WORKER, seen(at, "MODIFIED", ready)], records=[UP, started(2, "uid-p/main/0")])


def evicted(at: float) -> Run:
    """worker-1 has a NoExecute taint from 3 s on, which the pod tolerates for 6 s."""
    taints = [{"key": "lost", "effect": "NoExecute"}]
    tolerations = [{"key": "lost", "operator": "Exists", "tolerationSeconds": 6}]
    event = obj("Event", "e", 5, reason="TaintManagerEviction", involvedObject={"uid": "uid-p"})
    return run(
        events=[
            seen(0.1, "ADDED", node("worker-1", 1)),
            seen(1, "ADDED", running(tolerations=tolerations)),
            seen(3, "MODIFIED", node("worker-1", 3, spec={"taints": taints})),
            seen(4, "ADDED", node("worker-2", 4, ready=False)),
            seen(at, "ADDED", event),
        ]
    )


def rolled(*lost: str) -> Run:
    """Four pods of a Deployment, of which one may be missing; these are given up at 5 s."""
    owner = obj("Deployment", "web", 1, spec={"replicas": 4})
    rs = obj("ReplicaSet", "web-1", 2, meta={"ownerReferences": owned_by("uid-web", "Deployment")})
    mine: dict[str, Any] = {"ownerReferences": owned_by("uid-web-1", "ReplicaSet")}
    pods = [{**running(name), "metadata": {**running(name)["metadata"], **mine}} for name in "abcd"]
    events = [seen(1, "ADDED", owner), seen(1, "ADDED", rs), *(seen(2, "ADDED", each) for each in pods)]
    going = [each for each in pods if each["metadata"]["name"] in lost]
    return run(events=[*events, *(seen(5, "DELETED", each) for each in going)])


FINE: Mapping[str, Run] = {
    "created-once": run(events=[*CHANGES, seen(4, "DELETED", config_map("a", 4))]),
    "finalizers-held": run(
        events=[
            seen(2, "MODIFIED", config_map("a", 2, finalizers=["x"], deletionTimestamp=GOING)),
            seen(3, "DELETED", config_map("a", 3, finalizers=["x"], deletionTimestamp=GOING)),
        ]
    ),
    "status-apart": run(
        events=[seen(1, "ADDED", pod("p", 1)), seen(2, "MODIFIED", {**pod("p", 2), "status": {"phase": "Running"}})],
        records=[wrote(2, "patch-status")],
    ),
    "deletion-announced": run(
        events=[
            WORKER,
            seen(2, "ADDED", running()),
            seen(3, "MODIFIED", pod("p", 3, "worker-1", deletionTimestamp=GOING)),
            seen(4, "DELETED", pod("p", 4, "worker-1", deletionTimestamp=GOING)),
        ]
    ),
    "foreground-waits": run(
        events=[
            seen(2, "ADDED", config_map("owner", 2, finalizers=["foregroundDeletion"], deletionTimestamp=GOING)),
            seen(3, "ADDED", config_map("a", 3, ownerReferences=owned_by("uid-owner"))),
            seen(4, "DELETED", config_map("a", 4, ownerReferences=owned_by("uid-owner"))),
            seen(5, "DELETED", config_map("owner", 5)),
        ]
    ),
    "namespaces-emptied": run(events=[seen(2, "DELETED", obj("Namespace", "other", 2, meta={"namespace": ""}))]),
    "garbage-collected": run(
        events=[
            seen(1, "ADDED", config_map("owner", 1)),
            seen(2, "ADDED", config_map("a", 2, ownerReferences=owned_by("uid-owner"))),
        ]
    ),
    "controllers-spare": run(
        events=[
            seen(1, "ADDED", config_map("owner", 1)),
            seen(2, "ADDED", config_map("a", 2, ownerReferences=owned_by("uid-owner"))),
            seen(3, "DELETED", config_map("owner", 3)),
            seen(4, "DELETED", config_map("a", 4, ownerReferences=owned_by("uid-owner"))),
        ],
        records=[wrote(4, "delete", "controller-manager-0", "ConfigMap")],
    ),
    "taints-respected": run(events=bound(seen(1, "MODIFIED", tainted()), tolerations=[{"operator": "Exists"}])),
    "placed-as-asked": run(events=bound()),
    "bound-to-what-is": run(events=bound()),
    "ports-distinct": run(events=bound(containers=[{"ports": [{"hostPort": 80}]}])),
    "no-overcommit": run(events=bound()),
    "nothing-new-on-not-ready-nodes": run(events=bound()),
    "scheduled-if-it-fits": run(events=[WORKER, seen(1, "ADDED", pod("p", 2, "worker-1"))]),
    "one-incarnation": run(records=[started(1, "u/main/0"), ended(2, "u/main/0"), started(3, "u/main/1")]),
    "addresses-distinct": run(records=[started(1, "u/main/0"), ended(2, "u/main/0"), started(3, "v/main/0")]),
    "ended-with-their-pods": run(
        events=[WORKER, seen(1, "ADDED", running()), seen(3, "DELETED", running())],
        records=[UP, started(2, "uid-p/main/0"), ended(4, "uid-p/main/0")],
    ),
    "deleted-pods-end": run(
        events=[
            WORKER,
            seen(3, "MODIFIED", pod("p", 3, "worker-1", deletionTimestamp=GOING, deletionGracePeriodSeconds=1)),
            seen(5, "DELETED", pod("p", 4, "worker-1")),
        ],
        records=[UP],
    ),
    "own-status": run(
        events=[
            seen(
                2,
                "ADDED",
                {**running(), "status": {"containerStatuses": [{"name": "main", "containerID": "x://uid-p/main/0"}]}},
            )
        ]
    ),
    "restart-policy": run(
        events=[WORKER, seen(1, "ADDED", running(restartPolicy="OnFailure"))],
        records=[started(1, "uid-p/main/0"), ended(2, "uid-p/main/0", 1), started(3, "uid-p/main/1")],
    ),
    "crash-backoff": run(
        records=[
            *(started(1, "u/main/0"), ended(2, "u/main/0", 1)),
            *(started(2.1, "u/main/1"), ended(3, "u/main/1", 1)),
            started(13.5, "u/main/2"),
        ]
    ),
    "ready-again": run(events=[WORKER, seen(1, "ADDED", running())], records=[UP, started(1, "uid-p/main/0")]),
    "replicas-not-exceeded": run(
        events=[seen(1, "ADDED", replica_set(2)), seen(2, "ADDED", of_web("a")), seen(3, "ADDED", of_web("b"))]
    ),
    "proxies-follow": with_proxy(
        run(
            events=[WORKER, seen(1, "ADDED", running()), seen(5, "DELETED", running())],
            records=[UP, endpoints(2, "10.0.0.1"), endpoints(6)],
        )
    ),
    "ready-after-probe": probed(8.0),
    "evicted-by-the-rules": evicted(9.5),
    "rollout-available": rolled("a"),
    "no-dead-endpoints": run(events=[WORKER, seen(1, "ADDED", running())]),
    "one-holder-per-lease": run(
        events=[lease(1, "controller-manager-0")], records=[wrote(5, "create", "controller-manager-0")]
    ),
    "watch-tells-all": run(
        events=CHANGES, records=[watched((2, "ADDED", "default/a"), (3, "ADDED", "default/b"), (9, "BOOKMARK", ""))]
    ),
    "caches-follow": run(events=CHANGES[:1], records=[cached(3, 2)]),
}
"""A run in which the check has something to look at, and finds nothing wrong."""
SLICE = obj("EndpointSlice", "web-1", 3, meta={"labels": {"kubernetes.io/service-name": "web"}})
TO_P = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "targetRef": {"uid": "uid-p"}}
BIG: list[dict[str, Any]] = [{"resources": {"requests": {"cpu": "3"}}}]
SMALL_NODE = {**node("worker-1", 2), "status": {"allocatable": {"cpu": "4", "pods": "9"}, "conditions": []}}

WRONG: Mapping[str, tuple[Run, str]] = {
    "created-once": (
        run(events=[CHANGES[0], seen(4, "MODIFIED", config_map("a", 4, uid="another"))]),
        "ConfigMap default/a had uid uid-a and at 4.000 s has uid another",
    ),
    "finalizers-held": (
        run(events=[seen(2, "ADDED", config_map("a", 2, finalizers=["x"])), seen(3, "DELETED", config_map("a", 3))]),
        "ConfigMap default/a was removed at 3.000 s although x had not finished with it",
    ),
    "status-apart": (
        run(
            events=[seen(1, "ADDED", pod("p", 1)), seen(2, "MODIFIED", pod("p", 2, "worker-1"))],
            records=[wrote(2, "patch-status")],
        ),
        "patch-status of Pod default/p changed its spec at 2.000 s: nodeName from None to 'worker-1'",
    ),
    "deletion-announced": (
        run(events=[WORKER, seen(2, "ADDED", running()), seen(4, "DELETED", running(revision=4))]),
        "Pod default/p was removed at 4.000 s while it ran on worker-1",
    ),
    "foreground-waits": (
        run(
            events=[
                seen(2, "ADDED", config_map("owner", 2, finalizers=["foregroundDeletion"])),
                seen(3, "ADDED", config_map("a", 3, ownerReferences=owned_by("uid-owner"))),
                seen(5, "DELETED", config_map("owner", 5)),
            ]
        ),
        "ConfigMap default/owner was removed at 5.000 s although 1 of its dependents still blocked that",
    ),
    "namespaces-emptied": (
        run(events=[*CHANGES, seen(5, "DELETED", obj("Namespace", "default", 5, meta={"namespace": ""}))]),
        "namespace default was removed at 5.000 s with 2 objects still in it",
    ),
    "garbage-collected": (
        run(
            events=[
                seen(1, "ADDED", config_map("owner", 1)),
                seen(2, "ADDED", config_map("a", 2, ownerReferences=owned_by("uid-owner"))),
                seen(3, "DELETED", config_map("owner", 3)),
            ]
        ),
        "ConfigMap default/a is still there at 20.000 s; its owner ConfigMap owner (uid uid-owner) has been gone since "
        "3.000 s",
    ),
    "controllers-spare": (
        run(
            events=[*CHANGES, seen(4, "DELETED", config_map("a", 4))],
            records=[wrote(4, "delete", "controller-manager-0", "ConfigMap")],
        ),
        "controller-manager-0 deleted ConfigMap default/a at 4.000 s, but it has no owner",
    ),
    "taints-respected": (
        run(events=bound(seen(1, "MODIFIED", tainted()))),
        "Pod default/p was bound to worker-1 at 9.000 s, which has had the taint zoo:NoSchedule since 1.000 s",
    ),
    "placed-as-asked": (
        run(events=bound(nodeSelector={"disk": "ssd"})),
        "Pod default/p asks for {'disk': 'ssd'} and was bound to worker-1 at 9.000 s",
    ),
    "bound-to-what-is": (
        run(events=bound(seen(2, "DELETED", node("worker-1", 2)))),
        "Pod default/p was bound to worker-1 at 9.000 s, which was deleted at 2.000 s",
    ),
    "ports-distinct": (
        run(
            events=bound(
                seen(2, "ADDED", running("q", containers=[{"ports": [{"hostPort": 80}]}])),
                containers=[{"ports": [{"hostPort": 80}]}],
            )
        ),
        "Pod default/p was bound to worker-1 at 9.000 s, where Pod default/q has the host's port 80 already",
    ),
    "no-overcommit": (
        run(
            events=bound(
                seen(1, "MODIFIED", SMALL_NODE), seen(2, "ADDED", running("q", containers=BIG)), containers=BIG
            )
        ),
        "Pod default/p was bound to worker-1 at 9.000 s, whose 2 pods then request 6000m of cpu; it has 4000m",
    ),
    "nothing-new-on-not-ready-nodes": (
        run(events=bound(seen(3, "MODIFIED", node("worker-1", 3, ready=False)))),
        "Pod default/p was bound to worker-1 at 9.000 s, which has not been Ready since 3.000 s",
    ),
    "scheduled-if-it-fits": (
        run(
            events=[
                seen(0.1, "ADDED", {**SMALL_NODE, "status": {**SMALL_NODE["status"], **node("x", 1)["status"]}}),
                seen(1, "ADDED", pod("p", 2)),
            ]
        ),
        "Pod default/p has waited for a node since 1.000 s, though worker-1 has had room for it since 0.100 s",
    ),
    "one-incarnation": (
        run(records=[started(1, "u/main/0"), started(3, "u/main/1")]),
        "container main (attempt 1) of pod u (?) was started on worker-1 at 3.000 s while attempt 0 ran on worker-1",
    ),
    "addresses-distinct": (
        run(records=[started(1, "u/main/0"), started(3, "v/main/0")]),
        "pod v was given 10.0.0.1 at 3.000 s on worker-1, which pod u had from 1.000 s on",
    ),
    "ended-with-their-pods": (
        run(
            events=[WORKER, seen(1, "ADDED", running()), seen(3, "DELETED", running())],
            records=[UP, started(2, "uid-p/main/0")],
        ),
        "container main (attempt 0) of pod uid-p (default/p) ran on worker-1 until 20.000 s; its pod was "
        "gone at 3.000 s",
    ),
    "deleted-pods-end": (
        run(
            events=[
                WORKER,
                seen(3, "MODIFIED", pod("p", 3, "worker-1", deletionTimestamp=GOING, deletionGracePeriodSeconds=1)),
            ],
            records=[UP],
        ),
        "Pod default/p was to end from 3.000 s on, with 1 s of grace, and was there until 20.000 s",
    ),
    "own-status": (
        run(
            events=[
                seen(
                    2,
                    "ADDED",
                    {**running(), "status": {"containerStatuses": [{"name": "main", "containerID": "x://old/main/0"}]}},
                )
            ]
        ),
        "the status of Pod default/p (uid uid-p) tells at 2.000 s of container main of uid old",
    ),
    "restart-policy": (
        run(
            events=[WORKER, seen(1, "ADDED", running(restartPolicy="Never"))],
            records=[started(1, "uid-p/main/0"), ended(2, "uid-p/main/0", 1), started(3, "uid-p/main/1")],
        ),
        "Pod default/p has restartPolicy Never, and its container main was started again at 3.000 s",
    ),
    "crash-backoff": (
        run(
            records=[
                *(started(1, "u/main/0"), ended(2, "u/main/0", 1)),
                *(started(2.1, "u/main/1"), ended(3, "u/main/1", 1)),
                started(3.5, "u/main/2"),
            ]
        ),
        "container main of pod u ended at 3.000 s and was started for the 2. time again after 0.500 s, where "
        "back-off is 10 s",
    ),
    "ready-again": (
        run(
            events=[WORKER, seen(1, "ADDED", {**running(), "status": {"phase": "Running"}})],
            records=[UP, started(1, "uid-p/main/0")],
        ),
        "Pod default/p is not ready at 20.000 s, though all its containers run since 1.000 s",
    ),
    "replicas-not-exceeded": (
        run(events=[seen(1, "ADDED", replica_set(1)), seen(2, "ADDED", of_web("a")), seen(3, "ADDED", of_web("b"))]),
        "ReplicaSet owner asks for 1 pods and had 2 at 3.000 s, when b was made",
    ),
    "proxies-follow": (
        with_proxy(
            run(
                events=[WORKER, seen(1, "ADDED", running()), seen(5, "DELETED", running())],
                records=[UP, endpoints(2, "10.0.0.1")],
            )
        ),
        "proxy-1 sent connections of default/web to 10.0.0.1 from 5.000 s to 20.000 s",
    ),
    "ready-after-probe": (
        probed(4.0),
        "Pod default/p said at 4.000 s that container main is ready; it runs since 2.000 s",
    ),
    "evicted-by-the-rules": (
        evicted(5.0),
        "Pod default/p was evicted from worker-1 at 5.000 s: it tolerates lost for 6 s, and the node has had that ",
    ),
    "rollout-available": (
        rolled("a", "b"),
        "Deployment default/web had 2 pods available at 5.000 s, when Pod default/b changed, and must keep 3",
    ),
    "no-dead-endpoints": (
        run(
            events=[
                WORKER,
                seen(1, "ADDED", running()),
                seen(3, "ADDED", {**SLICE, "endpoints": [TO_P]}),
                seen(5, "DELETED", running(revision=5)),
            ]
        ),
        "slice default/web-1 of web called 10.0.0.1 (whose pod is gone) a ready endpoint from 5.000 s to 20.000 s",
    ),
    "one-holder-per-lease": (
        run(
            events=[lease(1, "controller-manager-0"), lease(3, "controller-manager-1")],
            records=[wrote(5, "create", "controller-manager-0")],
        ),
        "controller-manager-0 acted as the leader at 5.000 s (create of Pod default/p at apiserver-0) without the "
        "Lease kube-controller-manager, which controller-manager-1 has held since 3.000 s",
    ),
    "watch-tells-all": (
        run(events=CHANGES, records=[watched((3, "ADDED", "default/b"))]),
        "viewer watched ConfigMap at apiserver-0 from version 1 on and was told of default/b at version 3, but never "
        "of default/a, ADDED at version 2 (2.000 s)",
    ),
    "caches-follow": (
        run(events=CHANGES[:1], records=[cached(3, 2), cached(4, 1)]),
        "keeper went back from version 2 of ConfigMap default/a to 1 at 4.000 s",
    ),
}
"""A run in which something is wrong, and how the check's sentence begins."""


@pytest.mark.parametrize("name", [name for name in FINE if name != "no-dead-endpoints"])
def test_what_is_as_it_must_be_passes(name: str) -> None:
    finding = say(name, FINE[name])
    assert finding.said == "ok", finding.summary
    assert finding.looked_at > 0


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found_and_explained(name: str) -> None:
    story, sentence = WRONG[name]
    finding = say(name, story)
    assert finding.said == "violated", finding.summary
    assert finding.because[0].startswith(sentence), finding.because[0]


@pytest.mark.parametrize("name", WRONG)
def test_who_sees_nothing_does_not_know(name: str) -> None:
    assert say(name, run()).said == "unknown"


def test_a_bookmark_that_is_ahead_is_found() -> None:
    finding = say(
        "watch-tells-all", run(events=CHANGES, records=[watched((2, "ADDED", "default/a"), (3, "BOOKMARK", ""))])
    )
    assert finding.said == "violated"
    assert "by a bookmark that it knows all up to 3, but never of default/b" in finding.summary


def test_a_taint_that_is_new_may_not_have_been_heard_of() -> None:
    assert say("taints-respected", run(events=bound(seen(8.5, "MODIFIED", tainted())))).said == "ok"


def test_a_kubelet_that_is_down_cannot_stop_anything() -> None:
    story = run(
        events=[WORKER, seen(1, "ADDED", running()), seen(3, "DELETED", running())],
        records=[UP, started(2, "uid-p/main/0"), note(2.5, "kubelet-1", "crash")],
    )
    assert say("ended-with-their-pods", story).said == "ok"


def test_nodes_that_have_yet_to_come_up_put_no_eviction_to_the_test() -> None:
    coming = [seen(0, "ADDED", node("worker-1", 1, ready=False)), seen(1, "MODIFIED", node("worker-1", 2))]
    assert say("evicted-by-the-rules", run(events=coming)).said == "unknown"
    lost = seen(5, "MODIFIED", node("worker-1", 3, ready=False))
    assert say("evicted-by-the-rules", run(events=[*coming, lost])).said == "ok"
