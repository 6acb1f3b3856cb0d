"""Garbage collection, namespaces and forgotten pods."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import meta
from cluster.client.cache import Scope
from cluster.controllers import garbage, namespace, podgc
from cluster.controllers.plan import DONE, Delete, Object, Patch, Plan, Purge, Update, Verify
from tests.cluster.controllers.objects import NOW, ctx, make, node, of, owned, pod, stamp, view, workload


def collect(about: Object, *others: Object) -> Plan:
    return garbage.reconcile(view(about, *others), garbage.key_for(about), ctx())


def dying(obj: Object, *finalizers: str) -> Object:
    obj["metadata"].update(deletionTimestamp=stamp(), finalizers=list(finalizers))
    return obj


def test_background() -> None:
    rs = workload("ReplicaSet")
    child = owned(pod("p"), rs)
    assert collect(child, rs) == DONE
    plan = collect(child)
    assert plan.actions == (
        Verify("ReplicaSet", "default", "web", "gone", uid="replicaset-web"),
        Delete("Pod", "default", "p", uid="pod-p", propagation="Background"),
    )


def test_an_owner_of_the_same_name_is_not_the_owner() -> None:
    rs = workload("ReplicaSet")
    child = owned(pod("p"), rs)
    successor = workload("ReplicaSet")
    successor["metadata"]["uid"] = "another"
    assert len(of(collect(child, successor), Delete)) == 1


def test_an_owner_in_no_namespace() -> None:
    lease = owned(make("Lease", "n", {}, namespace="kube-node-lease"), node("n"))
    assert collect(lease, node("n")) == DONE
    assert collect(lease).actions[0] == Verify("Node", "", "n", "gone", uid="node-n")


def test_with_one_owner_left_only_references_go() -> None:
    stays, leaves = workload("ReplicaSet", "stays"), workload("ReplicaSet", "leaves")
    child = pod("p")
    child["metadata"]["ownerReferences"] = [meta.owner_reference(stays), meta.owner_reference(leaves)]
    plan = collect(child, stays)
    assert of(plan, Delete) == []
    assert of(plan, Patch)[0].patch["metadata"]["ownerReferences"] == [meta.owner_reference(stays)]


def test_an_owner_of_an_unknown_kind_is_not_judged() -> None:
    child = pod("p")
    child["metadata"]["ownerReferences"] = [{"apiVersion": "x/v1", "kind": "Gadget", "name": "g", "uid": "u"}]
    assert collect(child) == DONE


def test_foreground() -> None:
    owner = dying(workload("Deployment"), garbage.FOREGROUND)
    rs = owned(workload("ReplicaSet"), owner)
    child = owned(pod("p"), rs)
    plan = collect(owner, rs, child)
    assert plan.actions == (Delete("ReplicaSet", "default", "web", uid="replicaset-web", propagation="Foreground"),)
    alone = collect(owner, rs)
    assert of(alone, Delete)[0].propagation == "Background"
    assert of(collect(owner, dying(rs, garbage.FOREGROUND), child), Patch) == []
    (patch,) = collect(owner).actions
    assert isinstance(patch, Patch)
    assert patch.patch["metadata"]["finalizers"] is None


def test_a_dependent_that_does_not_block_is_not_waited_for() -> None:
    owner = dying(workload("Deployment"), "other", garbage.FOREGROUND)
    rs = owned(workload("ReplicaSet"), owner)
    rs["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = False
    plan = collect(owner, rs)
    assert len(of(plan, Delete)) == 1
    assert of(plan, Patch)[0].patch["metadata"]["finalizers"] == ["other"]


def test_orphan() -> None:
    owner = dying(workload("Deployment"), garbage.ORPHAN)
    rs = owned(workload("ReplicaSet"), owner)
    first, last = of(collect(owner, rs), Patch)
    assert (first.kind, first.patch["metadata"]["ownerReferences"]) == ("ReplicaSet", None)
    assert (last.kind, last.patch["metadata"]["finalizers"]) == ("Deployment", None)
    assert len(collect(owner, rs).actions) == 2


def test_keys() -> None:
    rs = workload("ReplicaSet")
    child = owned(pod("p"), rs)
    keys: Any = garbage.CONTROLLER.keys
    assert list(keys(view(child), "ReplicaSet", rs, None)) == ["Pod:default/p"]
    assert list(keys(view(rs), "Pod", None, child)) == ["Pod:default/p"]
    noisy = {**child, "status": {"phase": "Running"}}
    assert list(keys(view(rs), "Pod", child, noisy)) == []
    waiting = dying(workload("ReplicaSet"), garbage.FOREGROUND)
    assert list(keys(view(waiting), "Pod", child, None)) == ["ReplicaSet:default/web"]
    assert list(keys(view(waiting, child), "ReplicaSet", rs, waiting)) == ["ReplicaSet:default/web", "Pod:default/p"]


# ── namespaces ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_namespace_is_emptied_and_then_let_go() -> None:
    ns = make("Namespace", "team", {"finalizers": ["kubernetes", "mine"]}, deletionTimestamp=stamp())
    plan = namespace.reconcile(view(ns), "team", ctx())
    first, last = plan.actions
    assert first == Purge("team")
    assert isinstance(last, Update)
    assert (last.subresource, last.obj["spec"]["finalizers"]) == ("finalize", ["mine"])


def test_a_namespace_that_lives_is_left_alone() -> None:
    ns = make("Namespace", "team", {"finalizers": ["kubernetes"]})
    assert namespace.reconcile(view(ns), "team", ctx()) == DONE
    assert namespace.reconcile(view(), "team", ctx()) == DONE


def test_content_that_is_gone_wakes_its_terminating_namespace() -> None:
    ns = make("Namespace", "default", {"finalizers": ["kubernetes"]}, deletionTimestamp=stamp())
    keys: Any = namespace.CONTROLLER.keys
    assert list(keys(view(ns), "Pod", pod("p"), None)) == ["default"]
    assert list(keys(view(ns), "Pod", None, pod("p"))) == []
    assert list(keys(view(make("Namespace", "default", {})), "Pod", pod("p"), None)) == []


# ── pods ─────────────────────────────────────────────────────────────────────────────────────────────────────


def sweep(memory: podgc.Missing, at: float, *objects: Object) -> Plan:
    return podgc.reconcile(view(*objects), "default/p", ctx(NOW + at, memory=memory))


def test_a_pod_of_a_vanished_node_is_forced_out_after_the_quarantine() -> None:
    memory, p = podgc.Missing(), pod("p", "n", ready=True)
    assert sweep(memory, 0, p) == Plan((), 40.0)
    plan = sweep(memory, 40, p)
    verify, patch, delete = plan.actions
    assert verify == Verify("Node", "", "n", "unchanged")
    assert isinstance(patch, Patch)
    assert patch.patch["status"]["phase"] == "Failed"
    assert delete == Delete("Pod", "default", "p", uid="pod-p", grace=0)


def test_a_node_that_comes_back_begins_anew() -> None:
    memory, p = podgc.Missing(), pod("p", "n", ready=True)
    sweep(memory, 0, p)
    assert sweep(memory, 30, p, node("n")) == DONE
    assert sweep(memory, 45, p) == Plan((), 40.0)


def test_terminating_pods_nobody_will_finish() -> None:
    unbound = pod("p", deletionTimestamp=stamp(), deletionGracePeriodSeconds=30)
    assert of(sweep(podgc.Missing(), 0, unbound), Delete)[0].grace == 0
    assert sweep(podgc.Missing(), 0, pod("p")) == DONE
    leaving = pod("p", "n", ready=True, deletionTimestamp=stamp(), deletionGracePeriodSeconds=30)
    down = node("n", "Unknown", taints=[{"key": podgc.OUT_OF_SERVICE, "effect": "NoExecute"}])
    assert of(sweep(podgc.Missing(), 0, leaving, down), Delete)[0].grace == 0
    assert sweep(podgc.Missing(), 0, leaving, node("n", "Unknown")) == DONE


def test_the_oldest_finished_pods_beyond_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podgc, "THRESHOLD", 2)
    pods = [pod(f"p{i}", "n", phase="Succeeded", creationTimestamp=stamp(i)) for i in range(4)]
    plan = podgc.reconcile(view(*pods, pod("run", "n", ready=True)), podgc.FINISHED, ctx(memory=podgc.Missing()))
    assert [d.name for d in of(plan, Delete)] == ["p3", "p2"]
    assert plan.requeue_after == 20


@pytest.mark.parametrize("finalizer", ["foregroundDeletion", "orphan"])
def test_an_owner_whose_mark_came_ahead_of_the_watch_is_let_wait(finalizer: str) -> None:
    """It came as the answer to a request; dependents that are older than the mark may still be on their way."""
    owner = dying(workload("ReplicaSet"), finalizer)
    owner["metadata"]["resourceVersion"] = "9"
    cache = view(pod("p"))
    cache.track("ReplicaSet", Scope())
    cache.written(owner)
    assert garbage.reconcile(cache, garbage.key_for(owner), ctx()) == Plan(requeue_after=garbage.CATCH_UP)
    cache.event("ReplicaSet", "MODIFIED", owner)
    (action,) = garbage.reconcile(cache, garbage.key_for(owner), ctx()).actions
    assert isinstance(action, Patch)
