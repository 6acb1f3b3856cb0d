"""LimitRanger by table, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.defaults import default
from cluster.apiserver.admission.limitranger import ANNOTATION
from cluster.errors import StatusError
from tests.cluster.apiserver.admission.stand import admitted, named, review_of
from tests.cluster.apiserver.cluster import pod

Object = dict[str, Any]


def limits(*items: Object, namespace: str = "default", name: str = "limits") -> Object:
    return named("LimitRange", name, namespace, spec={"limits": list(items)})


def with_resources(*each: Object, **more: Any) -> Object:
    containers = [{"name": f"c{at}", "image": "nginx", "resources": r} for at, r in enumerate(each)]
    return pod("a", containers=containers, **more)


def test_defaults_fill_what_is_left_out_and_say_so() -> None:
    item = {"type": "Container", "default": {"cpu": "500m", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}}
    made = admitted(review_of(with_resources({}, {"limits": {"cpu": "2"}})), limits(item))
    first, second = (c["resources"] for c in made["spec"]["containers"])
    assert first == {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "100m"}}
    # A limit is a request as well, before any range has a word.
    assert second == {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "2"}}
    assert made["metadata"]["annotations"][ANNOTATION] == (
        "LimitRanger plugin set: cpu request for container c0; cpu, memory limit for container c0; "
        "memory limit for container c1"
    )


def test_a_namespace_without_ranges_pays_nothing_and_gets_nothing() -> None:
    item = {"type": "Container", "default": {"cpu": "1"}}
    made = admitted(review_of(pod("a")), limits(item, namespace="elsewhere"))
    assert "resources" not in made["spec"]["containers"][0]


CASES: tuple[tuple[Object, tuple[Object, ...], str], ...] = (
    (
        {"type": "Container", "min": {"cpu": "100m"}},
        ({"requests": {"cpu": "50m"}},),
        "minimum cpu usage per Container is 100m, but request is 50m",
    ),
    (
        {"type": "Container", "min": {"cpu": "100m"}},
        ({},),
        "minimum cpu usage per Container is 100m.  No request is specified",
    ),
    (
        {"type": "Container", "max": {"memory": "1Gi"}},
        ({"limits": {"memory": "2Gi"}},),
        "maximum memory usage per Container is 1Gi, but limit is 2Gi",
    ),
    (
        {"type": "Container", "max": {"memory": "1Gi"}},
        ({},),
        "maximum memory usage per Container is 1Gi.  No limit is specified",
    ),
    (
        {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}},
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "250m"}},),
        "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
    ),
    (
        {"type": "Pod", "max": {"cpu": "1"}},
        ({"limits": {"cpu": "600m"}}, {"limits": {"cpu": "600m"}}),
        "maximum cpu usage per Pod is 1, but limit is 1200m",
    ),
    (
        {"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "10m"}},
        ({"limits": {"cpu": "2"}, "requests": {"cpu": "5m"}},),
        "[minimum cpu usage per Container is 10m, but request is 5m, "
        "maximum cpu usage per Container is 1, but limit is 2]",
    ),
)


@pytest.mark.parametrize(("item", "containers", "told"), CASES)
def test_bounds(item: Object, containers: tuple[Object, ...], told: str) -> None:
    asked = default(with_resources(*containers))
    with pytest.raises(StatusError) as caught:
        admitted(review_of(asked), limits(item))
    assert caught.value.message == f'pods "a" is forbidden: {told}'
    assert caught.value.reason == "Forbidden"


def test_within_the_bounds() -> None:
    item = {"type": "Container", "min": {"cpu": "50m"}, "max": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "10"}}
    fine = with_resources({"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}})
    assert admitted(review_of(fine), limits(item))["spec"]["containers"] == fine["spec"]["containers"]


@pytest.mark.parametrize(("size", "told"), [("1Gi", ""), ("5Gi", "maximum storage"), ("1Mi", "minimum storage")])
def test_claims(size: str, told: str) -> None:
    item = {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}
    claim = named("PersistentVolumeClaim", "c", "default", spec={"resources": {"requests": {"storage": size}}})
    if not told:
        admitted(review_of(claim), limits(item))
        return
    with pytest.raises(StatusError, match=told):
        admitted(review_of(claim), limits(item))
