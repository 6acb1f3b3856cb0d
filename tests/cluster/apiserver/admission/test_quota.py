"""ResourceQuota: what is used, what is refused, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import usage
from cluster.api.defaults import default
from cluster.api.kinds import KINDS
from cluster.apiserver.admission.quota import charged, handles
from cluster.apiserver.admission.review import CREATE, UPDATE
from cluster.errors import StatusError
from tests.cluster.apiserver.admission.stand import named, review_of
from tests.cluster.apiserver.cluster import config_map, deployment, pod, service

Object = dict[str, Any]


def quota(hard: Object, used: Object | None = None, **spec: Any) -> Object:
    found = named("ResourceQuota", "q", "default", spec={"hard": hard, **spec})
    if used is not None:
        found["status"] = {"hard": hard, "used": used}
    return found


def worker(cpu: str = "500m", **spec: Any) -> Object:
    resources = {"requests": {"cpu": cpu, "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    return pod("a", containers=[{"name": "main", "image": "nginx", "resources": resources}], **spec)


def used(obj: Object, *quotas: Object, old: Object | None = None) -> Object:
    """status.used of the only quota that changes, {} if none does."""
    review = review_of(default(obj), UPDATE if old else CREATE, default(old) if old else None)
    found = charged(review, quotas)
    assert len(found) <= 1
    return dict(found[0]["status"]["used"]) if found else {}


def test_what_is_used_is_added() -> None:
    hard = {"pods": "3", "requests.cpu": "2", "limits.memory": "4Gi", "count/pods": "9", "secrets": "1"}
    before = {"pods": "1", "requests.cpu": "800m", "limits.memory": "1Gi", "count/pods": "1", "secrets": "0"}
    after = {"pods": "2", "requests.cpu": "1300m", "limits.memory": "2Gi", "count/pods": "2", "secrets": "0"}
    assert used(worker(), quota(hard, before)) == after
    assert used(config_map("c"), quota(hard, before)) == {}
    assert used(deployment("d"), quota({"count/deployments.apps": "2"}, {"count/deployments.apps": "0"})) == {
        "count/deployments.apps": "1"
    }


REFUSED = (
    (
        worker(),
        quota({"pods": "2", "requests.cpu": "2"}, {"pods": "2", "requests.cpu": "1800m"}),
        "exceeded quota: q, requested: pods=1,requests.cpu=500m, used: pods=2,requests.cpu=1800m, "
        "limited: pods=2,requests.cpu=2",
    ),
    (
        pod("a"),
        quota({"requests.cpu": "2", "limits.memory": "1Gi"}, {"requests.cpu": "0", "limits.memory": "0"}),
        "failed quota: q: must specify limits.memory for: main; requests.cpu for: main",
    ),
    (worker(), quota({"pods": "2"}), "status unknown for quota: q, resources: pods"),
    (
        service("s", type="NodePort"),
        quota({"services.nodeports": "0"}, {"services.nodeports": "0"}),
        "exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=0, limited: services.nodeports=0",
    ),
    (
        named(
            "PersistentVolumeClaim",
            "c",
            "default",
            spec={"storageClassName": "gold", "resources": {"requests": {"storage": "3Gi"}}},
        ),
        quota(
            {"gold.storageclass.storage.k8s.io/requests.storage": "2Gi"},
            {"gold.storageclass.storage.k8s.io/requests.storage": "0"},
        ),
        "exceeded quota: q, requested: gold.storageclass.storage.k8s.io/requests.storage=3Gi, "
        "used: gold.storageclass.storage.k8s.io/requests.storage=0, "
        "limited: gold.storageclass.storage.k8s.io/requests.storage=2Gi",
    ),
)


@pytest.mark.parametrize(("obj", "held", "told"), REFUSED)
def test_refusals(obj: Object, held: Object, told: str) -> None:
    with pytest.raises(StatusError) as caught:
        used(obj, held)
    kind = KINDS[obj["kind"]]
    assert caught.value.message == f'{kind.qualified} "{obj["metadata"]["name"]}" is forbidden: {told}'


SCOPES = (
    (["Terminating"], worker(activeDeadlineSeconds=5), True),
    (["Terminating"], worker(), False),
    (["NotTerminating"], worker(), True),
    (["BestEffort"], pod("a"), True),
    (["BestEffort"], worker(), False),
    (["NotBestEffort"], worker(), True),
    (["NotBestEffort", "Terminating"], worker(), False),
    (["CrossNamespacePodAffinity"], worker(), False),
)


@pytest.mark.parametrize(("scopes", "obj", "counts"), SCOPES)
def test_scopes(scopes: list[str], obj: Object, counts: bool) -> None:
    assert bool(used(obj, quota({"pods": "5"}, {"pods": "0"}, scopes=scopes))) is counts
    assert used(config_map("c"), quota({"configmaps": "5"}, {"configmaps": "0"}, scopes=scopes)) == {}


@pytest.mark.parametrize(
    ("operator", "values", "counts"),
    [("In", ["high"], True), ("NotIn", ["high"], False), ("Exists", [], True), ("DoesNotExist", [], False)],
)
def test_a_scope_of_priorities(operator: str, values: list[str], counts: bool) -> None:
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}
    held = quota({"pods": "5"}, {"pods": "0"}, scopeSelector=selector)
    assert bool(used(worker(priorityClassName="high"), held)) is counts


def test_changes_cost_the_difference_and_less_is_never_refused() -> None:
    held = quota({"services.nodeports": "1", "services": "0"}, {"services.nodeports": "1", "services": "1"})
    node_port = service("s", type="NodePort")
    assert used(service("s"), held, old=node_port) == {"services.nodeports": "0", "services": "1"}
    assert used(node_port, held, old=node_port) == {}
    with pytest.raises(StatusError, match="exceeded quota"):
        used(node_port, held, old=service("s"))


def test_which_requests_are_looked_at() -> None:
    assert handles(review_of(worker()))
    assert not handles(review_of(worker(), UPDATE, worker()))
    assert handles(review_of(service("s"), UPDATE, service("s")))
    assert not handles(review_of(service("s"), UPDATE, service("s"), sub="status"))
    assert not handles(review_of(named("Node", "n")))


def test_a_count_from_nothing() -> None:
    done = {**worker(), "status": {"phase": "Succeeded"}}
    hard = {"pods": "3", "count/pods": "9", "requests.cpu": "2", "configmaps": "4", "requests.storage": "1Gi"}
    kinds = [KINDS[kind] for kind in ("Pod", "ConfigMap", "Secret", "Deployment", "PersistentVolumeClaim")]
    assert usage.kinds_counted(hard, kinds) == ["ConfigMap", "PersistentVolumeClaim", "Pod"]
    objects = [(KINDS["Pod"], default(worker())), (KINDS["Pod"], default(done)), (KINDS["ConfigMap"], config_map("c"))]
    assert usage.recounted(quota(hard), objects) == {
        "hard": dict(sorted(hard.items())),
        "used": {"configmaps": "1", "count/pods": "2", "pods": "1", "requests.cpu": "500m", "requests.storage": "0"},
    }
