"""Deployment: rollout steps, scaling, revisions, conditions, undo."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import meta
from cluster.controllers import rollout
from cluster.controllers.deployment import CONTROLLER, reconcile
from cluster.controllers.plan import Create, Delete, Emit, Object, Patch, Update
from cluster.errors import UsageError
from tests.cluster.controllers.objects import NOW, ctx, of, owned, pod, stamp, template, view, workload

KEY = "default/web"


def deployment(replicas: int = 4, image: str = "nginx:2", **spec: Any) -> Object:
    spec.setdefault("progressDeadlineSeconds", 600)
    return workload("Deployment", replicas=replicas, template=template(image), **spec)


def rs_of(owner: Object, image: str, replicas: int, *, available: int | None = None, revision: int = 1) -> Object:
    """A ReplicaSet of the Deployment with that image, made `revision` minutes after the first."""
    content = template(image)
    suffix = meta.template_hash(content)
    content["metadata"]["labels"] = {"app": "web", rollout.HASH: suffix}
    surge = rollout.bounds(owner)[0]
    obj = workload("ReplicaSet", f"web-{suffix}", replicas=replicas, template=content)
    obj["metadata"].update(
        labels={"app": "web", rollout.HASH: suffix},
        creationTimestamp=stamp(3600 - 60 * revision),
        annotations={
            rollout.REVISION: str(revision),
            rollout.DESIRED: str(rollout.replicas_of(owner)),
            rollout.MAXIMUM: str(rollout.replicas_of(owner) + surge),
        },
    )
    there = replicas if available is None else available
    counts = {"replicas": replicas, "readyReplicas": there, "availableReplicas": there}
    obj["status"] = {"observedGeneration": 1, **counts}
    return owned(obj, owner)


def sizes(plan: Any) -> dict[str, int]:
    return {p.name: p.patch["spec"]["replicas"] for p in of(plan, Patch) if "replicas" in p.patch.get("spec", {})}


def condition(plan: Any, type: str) -> dict[str, Any]:
    (update,) = of(plan, Update)
    return next(c for c in update.obj["status"]["conditions"] if c["type"] == type)


def test_the_first_replicaset() -> None:
    owner = deployment(3)
    owner["metadata"]["annotations"] = {"team": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    plan = reconcile(view(owner), KEY, ctx())
    (create,) = of(plan, Create)
    suffix = meta.template_hash(owner["spec"]["template"])
    rs = create.obj
    assert meta.name_of(rs) == f"web-{suffix}"
    assert rs["spec"]["replicas"] == 3
    assert rs["spec"]["selector"] == {"matchLabels": {"app": "web", "pod-template-hash": suffix}}
    assert rs["spec"]["template"]["metadata"]["labels"] == {"app": "web", "pod-template-hash": suffix}
    assert meta.annotations_of(rs) == {
        "team": "x",
        rollout.DESIRED: "3",
        rollout.MAXIMUM: "4",
        rollout.REVISION: "1",
    }
    assert meta.controller_of(rs) == meta.owner_reference(owner)
    assert of(plan, Emit)[0].message == f"Scaled up replica set web-{suffix} from 0 to 3"
    assert condition(plan, "Progressing")["reason"] == "NewReplicaSetCreated"
    assert condition(plan, "Available")["status"] == "False"


BOUNDS = [
    (4, None, None, (1, 1)),
    (3, "25%", "25%", (1, 0)),
    (10, "30%", "30%", (3, 3)),
    (10, 2, 0, (2, 0)),
    (10, 0, "1%", (0, 1)),
    (3, 0, 7, (0, 3)),
]


@pytest.mark.parametrize(("replicas", "surge", "unavailable", "expected"), BOUNDS)
def test_bounds(replicas: int, surge: Any, unavailable: Any, expected: tuple[int, int]) -> None:
    rolling = {k: v for k, v in (("maxSurge", surge), ("maxUnavailable", unavailable)) if v is not None}
    assert rollout.bounds(deployment(replicas, strategy={"rollingUpdate": rolling})) == expected


def test_a_rolling_update_step_by_step() -> None:
    """4 replicas, surge 1, unavailable 1: never above 5 pods, never below 3 available."""
    owner = deployment(4)
    old = rs_of(owner, "nginx:1", 4)
    plan = reconcile(view(owner, old), KEY, ctx())
    (create,) = of(plan, Create)
    assert create.obj["spec"]["replicas"] == 1
    assert meta.annotations_of(create.obj)[rollout.REVISION] == "2"
    new = rs_of(owner, "nginx:2", 1, available=0, revision=2)
    assert sizes(reconcile(view(owner, old, new), KEY, ctx())) == {meta.name_of(old): 3}
    old = rs_of(owner, "nginx:1", 3)
    assert sizes(reconcile(view(owner, old, new), KEY, ctx())) == {meta.name_of(new): 2}
    new = rs_of(owner, "nginx:2", 2, available=0, revision=2)
    assert sizes(reconcile(view(owner, old, new), KEY, ctx())) == {}
    new = rs_of(owner, "nginx:2", 2, available=1, revision=2)
    assert sizes(reconcile(view(owner, old, new), KEY, ctx())) == {meta.name_of(old): 2}


def test_unhealthy_old_pods_go_first() -> None:
    """An update that was broken is replaced without waiting for its pods ever to become available."""
    owner = deployment(4)
    broken = rs_of(owner, "nginx:broken", 2, available=0, revision=2)
    good = rs_of(owner, "nginx:1", 3, revision=1)
    new = rs_of(owner, "nginx:2", 0, revision=3)
    assert sizes(reconcile(view(owner, good, broken, new), KEY, ctx())) == {meta.name_of(broken): 0}


def test_pods_that_a_set_has_just_been_told_to_give_up_count_no_more() -> None:
    """Its status still tells of them. It was found by the zoo's story "rollouts" (seed 2): two pods of four were left,
    where three must stay."""
    owner = deployment(4, image="nginx:3", strategy={"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}})
    given_up = rs_of(owner, "nginx:1", 0, available=1)
    old, new = rs_of(owner, "nginx:2", 2, available=2), rs_of(owner, "nginx:3", 3, available=2)
    assert rollout.old_sizes(owner, [given_up, old], new) == {meta.name_of(old): 1}


def test_recreate_waits_for_every_old_pod() -> None:
    owner = deployment(2, strategy={"type": "Recreate"})
    old = rs_of(owner, "nginx:1", 2)
    plan = reconcile(view(owner, old), KEY, ctx())
    assert sizes(plan) == {meta.name_of(old): 0}
    assert of(plan, Create) == []
    old = rs_of(owner, "nginx:1", 0)
    last = owned(pod("last", "n", ready=True, deletionTimestamp=stamp()), old)
    assert of(reconcile(view(owner, old, last), KEY, ctx()), Create) == []
    (create,) = of(reconcile(view(owner, old), KEY, ctx()), Create)
    assert create.obj["spec"]["replicas"] == 2
    assert list(CONTROLLER.keys(view(owner, old), "Pod", last, None)) == [KEY]


def test_a_scaling_in_the_middle_is_proportional() -> None:
    """The documentation's example: 10 replicas (surge 3) rolling as 8 + 5, scaled to 15: 11 + 7."""
    strategy = {"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    before = deployment(10, strategy=strategy)
    old, new = rs_of(before, "nginx:1", 8), rs_of(before, "nginx:2", 5, available=0, revision=2)
    owner = deployment(15, strategy=strategy)
    assert sizes(reconcile(view(owner, old, new), KEY, ctx())) == {meta.name_of(old): 11, meta.name_of(new): 7}


def test_scaling_without_a_rollout() -> None:
    before = deployment(4)
    new = rs_of(before, "nginx:2", 4)
    plan = reconcile(view(deployment(9), new), KEY, ctx())
    assert sizes(plan) == {meta.name_of(new): 9}
    (patch,) = [p for p in of(plan, Patch) if p.kind == "ReplicaSet" and "spec" in p.patch]
    assert patch.patch["metadata"]["annotations"][rollout.DESIRED] == "9"


def test_paused_is_scaled_but_not_rolled() -> None:
    before = deployment(4)
    old = rs_of(before, "nginx:1", 4)
    owner = deployment(6, paused=True)
    plan = reconcile(view(owner, old), KEY, ctx())
    assert sizes(plan) == {meta.name_of(old): 6}
    assert of(plan, Create) == []
    assert condition(plan, "Progressing")["reason"] == "DeploymentPaused"


def finished(owner: Object, *sets: Object) -> Object:
    """The Deployment as its status says after the rollout."""
    plan = reconcile(view(owner, *sets), KEY, ctx())
    status = of(plan, Update)[0].obj["status"]
    return {**owner, "status": status, "metadata": {**owner["metadata"], "resourceVersion": "99"}}


def test_complete() -> None:
    owner = deployment(4)
    new = rs_of(owner, "nginx:2", 4, revision=2)
    plan = reconcile(view(owner, new), KEY, ctx())
    (update,) = of(plan, Update)
    counts = {name: n for name, n in update.obj["status"].items() if name != "conditions"}
    same = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 4)
    assert counts == {"observedGeneration": 1, **same}
    assert condition(plan, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert condition(plan, "Available")["reason"] == "MinimumReplicasAvailable"
    assert plan.actions[-1] == Patch(
        "Deployment", "default", "web", {"metadata": {"annotations": {rollout.REVISION: "2"}}}
    )
    done = finished(owner, new)
    done["metadata"]["annotations"] = {rollout.REVISION: "2"}
    assert reconcile(view(done, new), KEY, ctx(NOW + 10_000)).actions == ()


def test_the_progress_deadline() -> None:
    owner = deployment(2, progressDeadlineSeconds=60)
    stuck = rs_of(owner, "nginx:2", 2, available=0)
    owner = finished(owner, stuck)
    assert owner["status"]["conditions"][-1]["reason"] == "ReplicaSetUpdated"
    early = reconcile(view(owner, stuck), KEY, ctx(NOW + 59))
    assert of(early, Update) == []
    assert early.requeue_after == 1
    late = reconcile(view(owner, stuck), KEY, ctx(NOW + 60))
    assert condition(late, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert condition(late, "Progressing")["status"] == "False"


def test_history_limit() -> None:
    owner = deployment(2, image="nginx:9", revisionHistoryLimit=2)
    old = [rs_of(owner, f"nginx:{n}", 0, revision=n) for n in range(1, 6)]
    new = rs_of(owner, "nginx:9", 2, revision=9)
    plan = reconcile(view(owner, *old, new), KEY, ctx())
    assert [d.name for d in of(plan, Delete)] == [meta.name_of(rs) for rs in old[:3]]
    rolling = rs_of(owner, "nginx:9", 2, available=1, revision=9)
    assert of(reconcile(view(owner, *old, rolling), KEY, ctx()), Delete) == []


def test_a_name_that_is_taken_counts_as_a_collision() -> None:
    owner = deployment(2)
    stranger = rs_of(owner, "nginx:2", 2)
    stranger["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    stranger["metadata"]["labels"] = {"app": "other"}
    del stranger["metadata"]["ownerReferences"]
    plan = reconcile(view(owner, stranger), KEY, ctx())
    assert of(plan, Create) == []
    after = of(plan, Update)[0].obj
    assert after["status"]["collisionCount"] == 1
    after = {**after, "metadata": {**after["metadata"], "resourceVersion": "50"}}
    (create,) = of(reconcile(view(after, stranger), KEY, ctx()), Create)
    assert meta.name_of(create.obj) != meta.name_of(stranger)


def test_a_template_that_comes_back_gets_the_highest_revision() -> None:
    owner = deployment(2, image="nginx:1")
    first, second = rs_of(owner, "nginx:1", 0, revision=1), rs_of(owner, "nginx:2", 2, revision=2)
    plan = reconcile(view(owner, first, second), KEY, ctx())
    annotations = [
        p.patch["metadata"]["annotations"]
        for p in of(plan, Patch)
        if p.name == meta.name_of(first) and rollout.REVISION in p.patch["metadata"].get("annotations", {})
    ]
    assert annotations[0][rollout.REVISION] == "3"
    assert annotations[0][rollout.REVISION_HISTORY] == "1"


def test_undo_and_history() -> None:
    owner = deployment(2, image="nginx:2")
    first, second = rs_of(owner, "nginx:1", 0, revision=1), rs_of(owner, "nginx:2", 2, revision=2)
    assert [row["revision"] for row in rollout.history(owner, [second, first])] == [1, 2]
    patch = rollout.undo_patch(owner, [first, second])
    assert patch[0] == {"op": "replace", "path": "/spec/template", "value": template("nginx:1")}
    assert rollout.undo_patch(owner, [first, second], 2) == []
    with pytest.raises(UsageError, match="unable to find revision 7"):
        rollout.undo_patch(owner, [first, second], 7)
    with pytest.raises(UsageError, match="no rollout history"):
        rollout.undo_patch(owner, [second])
    with pytest.raises(UsageError, match="resume it first"):
        rollout.undo_patch(deployment(2, paused=True), [first, second])


def test_an_annotation_alone_does_not_scale() -> None:
    """max-replicas follows a changed maxSurge without a ScalingReplicaSet event."""
    before = deployment(4)
    new = rs_of(before, "nginx:2", 4)
    owner = deployment(4, strategy={"rollingUpdate": {"maxSurge": 3}})
    plan = reconcile(view(owner, new), KEY, ctx())
    assert sizes(plan) == {}
    assert of(plan, Emit) == []
