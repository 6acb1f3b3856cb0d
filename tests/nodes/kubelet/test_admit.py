"""Admission: sums, and the words for what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.kubelet.admit import admit, requests
from tests.nodes.kubelet.fakes import pod

NODE = {"metadata": {"name": "worker-0", "labels": {"disk": "ssd", "size": "5"}}}
ROOM = {"cpu": 1000, "memory": 2**30, "pods": 2}


def asks(name: str, cpu: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "resources": {"requests": {"cpu": cpu}}, **more}


def test_init_containers_need_the_most_and_sidecars_add_up() -> None:
    init = [asks("s", "100m", restartPolicy="Always"), asks("i", "500m")]
    found = requests(pod(asks("a", "200m"), asks("b", "100m"), initContainers=init, overhead={"cpu": "10m"}))
    assert found == {"cpu": 610, "pods": 1}
    small = requests(pod(asks("a", "900m"), initContainers=init))
    assert small["cpu"] == 1000


def test_limits_stand_in_for_requests() -> None:
    found = requests(pod({"name": "a", "resources": {"limits": {"memory": "1Mi"}}}))
    assert found["memory"] == 2**20


@given(st.lists(st.integers(0, 700), max_size=5))
def test_admitted_pods_never_add_up_to_more_than_there_is(wishes: list[int]) -> None:
    admitted: list[dict[str, int]] = []
    for wish in wishes:
        obj = pod(asks("a", f"{wish}m"))
        verdict = admit(obj, admitted, ROOM, NODE)
        fits = len(admitted) < 2 and sum(a["cpu"] for a in admitted) + wish <= 1000
        assert (verdict is None) == fits
        if verdict is None:
            admitted.append(requests(obj))


def test_the_words() -> None:
    verdict = admit(pod(asks("a", "500m")), [{"cpu": 800, "pods": 1}], ROOM, NODE)
    assert verdict is not None
    assert verdict.reason == "OutOfcpu"
    assert verdict.message == "Node didn't have enough resource: cpu, requested: 500, used: 800, capacity: 1000"
    full = admit(pod(), [{"pods": 1}, {"pods": 1}], ROOM, NODE)
    assert full is not None
    assert full.reason == "OutOfpods"


def affinity(expression: dict[str, Any], where: str = "matchExpressions") -> dict[str, Any]:
    terms = [{where: [expression]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, True),
        ({"nodeSelector": {"disk": "hdd"}}, False),
        ({"affinity": affinity({"key": "disk", "operator": "In", "values": ["ssd"]})}, True),
        ({"affinity": affinity({"key": "disk", "operator": "NotIn", "values": ["ssd"]})}, False),
        ({"affinity": affinity({"key": "gpu", "operator": "Exists"})}, False),
        ({"affinity": affinity({"key": "size", "operator": "Gt", "values": ["4"]})}, True),
        ({"affinity": affinity({"key": "metadata.name", "operator": "In", "values": ["w"]}, "matchFields")}, False),
        ({"affinity": {"nodeAffinity": {}}}, True),
    ],
)
def test_node_affinity(spec: dict[str, Any], fits: bool) -> None:
    assert (admit(pod(**spec), [], ROOM, NODE) is None) == fits
