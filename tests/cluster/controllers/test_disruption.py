"""The disruption controller: how many pods there should be, how many are healthy, how many may go."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import meta
from cluster.controllers.disruption import CONTROLLER, reconcile
from cluster.controllers.plan import DONE, Emit, Object, Patch, Plan, Update
from tests.cluster.controllers.objects import NOW, ctx, make, of, owned, pod, stamp, view, workload

KEY = "default/guard"
WEB: Object = {"matchLabels": {"app": "web"}}


def pdb(status: Object | None = None, **spec: Any) -> Object:
    obj = make("PodDisruptionBudget", "guard", {"selector": WEB, **spec}, generation=1)
    return {**obj, "status": status} if status is not None else obj


def ready(*names: str) -> list[Object]:
    return [pod(name, "n", ready=True) for name in names]


def under(deployment: Object, *pods: Object) -> list[Object]:
    """The pods with their ReplicaSet and Deployment."""
    rs = owned(workload("ReplicaSet", "web-1", replicas=99), deployment)
    return [deployment, rs, *(owned(each, rs) for each in pods)]


def status_of(plan: Plan) -> Object:
    [update] = of(plan, Update)
    assert update.subresource == "status"
    return dict(update.obj["status"])


def counts(*objects: Object) -> tuple[int, int, int, int]:
    """(expected, desired, healthy, allowed)."""
    status = status_of(reconcile(view(*objects), KEY, ctx()))
    names = ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
    found = tuple(status[name] for name in names)
    assert len(found) == 4
    return found


DEPLOYMENT = workload("Deployment", replicas=4)
SICK = pod("sick", "n", ready=False)
OTHER = pod("b", "n", ready=True, labels={"x": "y"})


@pytest.mark.parametrize(
    ("spec", "objects", "expected"),
    [
        ({"minAvailable": 1}, [], (0, 1, 0, 0)),
        ({"minAvailable": 1}, ready("a", "b", "c"), (3, 1, 3, 2)),
        ({"minAvailable": 3}, ready("a", "b"), (2, 3, 2, 0)),
        ({"minAvailable": 1}, [*ready("a"), SICK], (2, 1, 1, 0)),
        ({"minAvailable": 0}, ready("a"), (1, 0, 1, 1)),
        ({}, ready("a"), (0, 0, 1, 0)),
        ({"maxUnavailable": 1}, under(DEPLOYMENT, *ready("a", "b", "c", "d")), (4, 3, 4, 1)),
        ({"maxUnavailable": 1}, under(DEPLOYMENT, *ready("a", "b", "c")), (4, 3, 3, 0)),
        ({"maxUnavailable": "30%"}, under(DEPLOYMENT, *ready("a", "b", "c", "d")), (4, 2, 4, 2)),
        ({"maxUnavailable": "100%"}, under(DEPLOYMENT, *ready("a")), (4, 0, 1, 1)),
        ({"minAvailable": "30%"}, under(DEPLOYMENT, *ready("a", "b", "c", "d")), (4, 2, 4, 2)),
        ({"minAvailable": "50%"}, under(workload("Deployment", replicas=0)), (0, 0, 0, 0)),
        ({"maxUnavailable": 1}, ready("alone"), (0, 0, 1, 0)),
        ({"minAvailable": 1, "selector": {}}, [*ready("a"), OTHER], (2, 1, 2, 1)),
        ({"minAvailable": 1}, [OTHER], (0, 1, 0, 0)),
        ({"minAvailable": 1}, [*ready("a"), pod("b", "n", ready=True, deletionTimestamp=stamp())], (2, 1, 1, 0)),
    ],
)  # fmt: skip
def test_counting(spec: Object, objects: list[Object], expected: tuple[int, ...]) -> None:
    assert counts(pdb(**spec), *meta.deep_copy(objects)) == expected


def test_a_lone_replicaset_and_a_statefulset_say_how_many_too() -> None:
    rs = workload("ReplicaSet", "one", replicas=2)
    sts = make("StatefulSet", "two", {"replicas": 3})
    pods = [owned(pod("a", "n", ready=True), rs), owned(pod("b", "n", ready=True), sts)]
    assert counts(pdb(maxUnavailable=1), rs, sts, *pods) == (5, 4, 2, 0)


def test_a_budget_of_another_namespace_guards_nothing_here() -> None:
    other = pod("a", "n", ready=True)
    other["metadata"]["namespace"] = "other"
    assert counts(pdb(minAvailable=1), other) == (0, 1, 0, 0)


def test_the_condition_says_whether_any_may_go() -> None:
    found = status_of(reconcile(view(pdb(minAvailable=1), *ready("a", "b")), KEY, ctx()))
    assert (found["observedGeneration"], found["conditions"]) == (
        1,
        [
            {
                "type": "DisruptionAllowed",
                "status": "True",
                "reason": "SufficientPods",
                "observedGeneration": 1,
                "lastTransitionTime": stamp(),
            }
        ],
    )
    again = reconcile(view(pdb(found, minAvailable=1), *ready("a", "b")), KEY, ctx(NOW + 60))
    assert again == DONE
    less = status_of(reconcile(view(pdb(found, minAvailable=1), *ready("a")), KEY, ctx(NOW + 60)))
    [condition] = less["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "InsufficientPods")


def test_nothing_may_go_of_what_cannot_be_counted() -> None:
    daemon = workload("DaemonSet")
    plan = reconcile(view(pdb(maxUnavailable=1), daemon, owned(ready("a")[0], daemon)), KEY, ctx())
    status = status_of(plan)
    [condition] = status["conditions"]
    assert (status["disruptionsAllowed"], condition["reason"]) == (0, "SyncFailed")
    assert condition["message"] == 'found no controllers for pod "a"'
    assert [e.reason for e in of(plan, Emit)] == ["CalculateExpectedPodCountFailed"]
    again = reconcile(view(pdb(status, maxUnavailable=1), daemon, owned(ready("a")[0], daemon)), KEY, ctx(NOW + 5))
    assert again == DONE


def test_an_owner_that_is_only_heard_of_is_not_counted() -> None:
    """Of kinds that no controller watches, only the metadata is known."""
    sts = make("StatefulSet", "two")
    plan = reconcile(view(pdb(maxUnavailable=1), sts, owned(ready("a")[0], sts)), KEY, ctx())
    assert status_of(plan)["conditions"][0]["reason"] == "SyncFailed"


def test_an_evicted_pod_is_not_healthy_until_it_is_gone_or_stays_too_long() -> None:
    evicted = {"disruptedPods": {"a": stamp(10), "gone": stamp(10)}}
    plan = reconcile(view(pdb(evicted, minAvailable=1), *ready("a", "b")), KEY, ctx())
    status = status_of(plan)
    assert (status["currentHealthy"], status["disruptedPods"]) == (1, {"a": stamp(10)})
    assert plan.requeue_after == pytest.approx(110, abs=0.1)
    later = reconcile(view(pdb(status, minAvailable=1), *ready("a", "b")), KEY, ctx(NOW + 111))
    assert status_of(later)["currentHealthy"] == 2
    assert "disruptedPods" not in status_of(later)
    assert [(e.reason, e.message) for e in of(later, Emit)] == [
        ("NotDeleted", "Pod was expected by PDB default/guard to be deleted but it wasn't")
    ]


def test_a_pod_that_was_spared_says_so() -> None:
    spared = pod("a", "n", ready=True)
    spared["status"]["conditions"].append(
        {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": stamp(100)}
    )
    early = reconcile(view(spared), "Pod default/a", ctx())
    assert early.actions == ()
    assert early.requeue_after == pytest.approx(20, abs=0.1)
    [patch] = of(reconcile(view(spared), "Pod default/a", ctx(NOW + 21)), Patch)
    assert patch.subresource == "status"
    assert [(c["type"], c["status"]) for c in patch.patch["status"]["conditions"]] == [
        ("Ready", "True"),
        ("DisruptionTarget", "False"),
    ]
    spared["metadata"]["deletionTimestamp"] = stamp()
    assert reconcile(view(spared), "Pod default/a", ctx(NOW + 21)) == DONE
    assert reconcile(view(), "Pod default/a", ctx()) == DONE


def test_what_is_looked_at() -> None:
    cache = view(pdb(minAvailable=1))
    keys = CONTROLLER.keys
    [web] = ready("a")
    other = pod("b", "n", ready=True, labels={"x": "y"})
    assert list(keys(cache, "PodDisruptionBudget", None, pdb())) == [KEY]
    assert list(keys(cache, "Pod", None, web)) == [KEY]
    assert list(keys(cache, "Pod", web, None)) == [KEY]
    assert list(keys(cache, "Pod", web, other)) == [KEY]
    assert list(keys(cache, "Pod", None, other)) == []
    assert list(keys(view(), "Pod", None, web)) == []
    bigger = workload("Deployment", replicas=5)
    assert list(keys(cache, "Deployment", DEPLOYMENT, bigger)) == [KEY]
    assert list(keys(cache, "Deployment", DEPLOYMENT, DEPLOYMENT)) == []
