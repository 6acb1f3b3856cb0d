"""ReplicaSet: number, adoption, release, whom to give up, status."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import meta
from cluster.controllers.controller import Failure
from cluster.controllers.plan import DONE, Create, Delete, Emit, Object, Patch, Update, Verify
from cluster.controllers.replicaset import CONTROLLER, reconcile, victims
from tests.cluster.controllers.objects import NOW, ctx, make, of, owned, pod, stamp, view, workload


def rs(replicas: int = 2, **spec: Any) -> Object:
    return workload("ReplicaSet", replicas=replicas, **spec)


def test_a_set_that_is_gone_needs_nothing() -> None:
    assert reconcile(view(), "default/web", ctx()) == DONE


def test_missing_pods_are_created_from_the_template() -> None:
    plan = reconcile(view(rs(3)), "default/web", ctx())
    created = [a.obj for a in of(plan, Create)]
    assert len(created) == 3
    assert len({meta.name_of(p) for p in created}) == 3
    for each in created:
        assert meta.name_of(each).startswith("web-")
        assert meta.labels_of(each) == {"app": "web"}
        assert meta.controller_of(each) == meta.owner_reference(rs())
        assert each["spec"] == rs()["spec"]["template"]["spec"]
    assert [e.reason for e in of(plan, Emit)] == ["SuccessfulCreate"] * 3


def test_ended_and_terminating_pods_do_not_count() -> None:
    owner = rs(2)
    pods = [
        pod("a", "n", ready=True),
        pod("b", "n", phase="Failed"),
        pod("c", "n", phase="Succeeded"),
        pod("d", "n", ready=True, deletionTimestamp=stamp()),
    ]
    plan = reconcile(view(owner, *(owned(p, owner) for p in pods)), "default/web", ctx())
    assert len(of(plan, Create)) == 1
    assert of(plan, Delete) == []


def test_surplus_is_deleted_by_uid() -> None:
    owner = rs(1)
    pods = [owned(pod(n, "n", ready=True), owner) for n in "abc"]
    plan = reconcile(view(owner, *pods), "default/web", ctx())
    assert len(of(plan, Delete)) == 2
    assert all(d.uid == f"pod-{d.name}" for d in of(plan, Delete))


def test_an_orphan_that_matches_is_adopted_after_a_live_look_at_the_owner() -> None:
    owner = rs(1)
    plan = reconcile(view(owner, pod("stray", "n", ready=True)), "default/web", ctx())
    assert plan.actions[0] == Verify("ReplicaSet", "default", "web", "alive", uid="replicaset-web")
    patch = of(plan, Patch)[0].patch["metadata"]
    assert patch["ownerReferences"] == [meta.owner_reference(owner)]
    assert patch["uid"] == "pod-stray"
    assert patch["resourceVersion"]
    assert of(plan, Create) == []


def test_a_pod_whose_label_is_changed_is_set_free_and_replaced() -> None:
    owner = rs(1)
    stray = owned(pod("stray", "n", ready=True, labels={"app": "debug"}), owner)
    plan = reconcile(view(owner, stray), "default/web", ctx())
    assert of(plan, Patch)[0].patch["metadata"]["ownerReferences"] is None
    assert len(of(plan, Create)) == 1


def test_a_pod_of_another_controller_is_left_alone() -> None:
    other = workload("ReplicaSet", "other")
    plan = reconcile(view(rs(1), other, owned(pod("p", "n", ready=True), other)), "default/web", ctx())
    assert of(plan, Patch) == []
    assert len(of(plan, Create)) == 1


def test_a_set_that_is_being_deleted_does_nothing_to_pods() -> None:
    owner = workload("ReplicaSet", replicas=5)
    owner["metadata"]["deletionTimestamp"] = stamp()
    plan = reconcile(view(owner, pod("stray")), "default/web", ctx())
    assert of(plan, Create) + of(plan, Delete) + of(plan, Patch) == []


def _young(p: Object) -> Object:
    p["metadata"]["creationTimestamp"] = stamp(1)
    return p


def _restarted(p: Object) -> Object:
    p["status"]["containerStatuses"] = [{"name": "c", "restartCount": 3}]
    return p


def _ready_for(p: Object, seconds: float) -> Object:
    p["status"]["conditions"][0]["lastTransitionTime"] = stamp(seconds)
    return p


RANKING = [
    ("unassigned before assigned", pod("z"), pod("a", "n")),
    ("pending before running", pod("z", "n"), pod("a", "n", phase="Running")),
    ("unknown before running", pod("z", "n", phase="Unknown"), pod("a", "n", phase="Running")),
    ("not ready before ready", pod("z", "n", ready=False), pod("a", "n", ready=True)),
    (
        "lower deletion cost first",
        pod("z", "n", ready=True, annotations={"controller.kubernetes.io/pod-deletion-cost": "-5"}),
        pod("a", "n", ready=True),
    ),
    ("ready for shorter first", _ready_for(pod("z", "n", ready=True), 5), pod("a", "n", ready=True)),
    ("more restarts first", _restarted(pod("z", "n", ready=True)), pod("a", "n", ready=True)),
    ("newer first", _young(pod("z", "n", ready=True)), pod("a", "n", ready=True)),
    ("by uid at last", pod("a", "n", ready=True), pod("z", "n", ready=True)),
]


@pytest.mark.parametrize(("why", "first", "second"), RANKING, ids=[row[0] for row in RANKING])
def test_ranking(why: str, first: Object, second: Object) -> None:
    for pods in ([first, second], [second, first]):
        assert meta.name_of(victims(pods, [])[0]) == meta.name_of(first), why


def test_pods_that_crowd_a_node_go_first() -> None:
    pods = [pod("a", "one", ready=True), pod("y", "two", ready=True), pod("z", "two", ready=True)]
    assert [meta.name_of(p) for p in victims(pods, pods)] == ["y", "z", "a"]


def test_status_counts() -> None:
    owner = rs(3, minReadySeconds=30)
    pods = [
        pod("a", "n", ready=True),
        _ready_for(pod("b", "n", ready=True), 10),
        pod("c", "n", ready=False),
    ]
    plan = reconcile(view(owner, *(owned(p, owner) for p in pods)), "default/web", ctx())
    (update,) = of(plan, Update)
    assert update.subresource == "status"
    assert update.obj["status"] == {
        "replicas": 3,
        "fullyLabeledReplicas": 3,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "observedGeneration": 1,
    }
    assert plan.requeue_after == 20


def test_status_that_is_right_is_not_written() -> None:
    owner = rs(1)
    mine = owned(pod("a", "n", ready=True), owner)
    first = of(reconcile(view(owner, mine), "default/web", ctx()), Update)[0].obj
    first["metadata"] = {**first["metadata"], "resourceVersion": "9"}
    assert reconcile(view(first, mine), "default/web", ctx()) == DONE


def test_a_create_that_failed_is_said_before_it_is_tried_again() -> None:
    failure = Failure("create", "Pod", "Forbidden", "exceeded quota")
    plan = reconcile(view(rs(1)), "default/web", ctx(failure=failure))
    assert [type(a) for a in plan.actions[:3]] == [Update, Emit, Create]
    conditions = of(plan, Update)[0].obj["status"]["conditions"]
    assert conditions[0]["type"] == "ReplicaFailure"
    assert conditions[0]["reason"] == "FailedCreate"
    assert "exceeded quota" in conditions[0]["message"]


def test_a_failure_that_has_passed_is_taken_back() -> None:
    owner = rs(0)
    owner["status"] = {"replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True"}]}
    (update,) = of(reconcile(view(owner), "default/web", ctx()), Update)
    assert "conditions" not in update.obj["status"]


def test_keys() -> None:
    owner, other = rs(), workload("ReplicaSet", "other")
    cache = view(owner, other)
    mine = owned(pod("p"), owner)
    assert list(CONTROLLER.keys(cache, "ReplicaSet", None, owner)) == ["default/web"]
    assert list(CONTROLLER.keys(cache, "Pod", None, mine)) == ["default/web"]
    assert list(CONTROLLER.keys(cache, "Pod", mine, None)) == ["default/web"]
    assert sorted(CONTROLLER.keys(cache, "Pod", None, pod("stray"))) == ["default/other", "default/web"]
    released = pod("p")
    assert "default/web" in list(CONTROLLER.keys(cache, "Pod", mine, released))
    assert list(CONTROLLER.keys(cache, "Pod", None, owned(pod("q"), make("DaemonSet", "d")))) == []


def test_one_plan_creates_at_most_a_burst() -> None:
    assert len(of(reconcile(view(rs(2000)), "default/web", ctx(NOW)), Create)) == 500
