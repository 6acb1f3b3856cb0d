"""Views of pods and nodes: what their fields mean."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import views
from tests.cluster.api.samples import Object, node, pod, service


def _c(cpu: str = "", limit: str = "", **fields: Any) -> Object:
    resources: Object = {}
    if cpu:
        resources["requests"] = {"cpu": cpu}
    if limit:
        resources["limits"] = {"cpu": limit}
    return {"name": f"c{cpu}{limit}", "image": "x", "resources": resources, **fields}


@pytest.mark.parametrize(
    ("containers", "init", "cpu"),
    [
        ([_c("100m"), _c("200m")], [], 300),
        ([_c("100m")], [_c("500m"), _c("50m")], 500),
        ([_c("400m")], [_c("500m", restartPolicy="Always")], 900),
        ([_c("100m")], [_c("300m", restartPolicy="Always"), _c("500m")], 800),
        ([_c("100m")], [_c("500m"), _c("300m", restartPolicy="Always")], 500),
    ],
)
def test_requests_are_the_sum_or_the_peak_of_the_start(containers: list[Object], init: list[Object], cpu: int) -> None:
    spec = {"containers": containers, "initContainers": init}
    assert views.pod_requests({"spec": spec}) == {"cpu": cpu}
    assert views.pod_requests({"spec": {**spec, "overhead": {"cpu": "10m"}}}) == {"cpu": cpu + 10}


def test_no_requests_are_no_requests() -> None:
    assert views.pod_requests({}) == {}
    assert views.pod_limits(pod(containers=[_c(limit="1")])) == {"cpu": 1000}


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}, "Burstable"),
        ({"limits": {"example.com/gpu": "1"}}, "BestEffort"),
    ],
)
def test_qos_classes(resources: Object, qos: str) -> None:
    assert views.qos_class({"spec": {"containers": [{"name": "a", "resources": resources}]}}) == qos


@pytest.mark.parametrize(
    ("toleration", "taint", "holds"),
    [
        ({"operator": "Exists"}, {"key": "a", "effect": "NoExecute"}, True),
        ({"operator": "Exists", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}, False),
        ({"key": "a", "operator": "Exists"}, {"key": "a", "value": "1", "effect": "NoExecute"}, True),
        ({"key": "b", "operator": "Exists"}, {"key": "a", "effect": "NoExecute"}, False),
        ({"key": "a", "value": "1"}, {"key": "a", "value": "1", "effect": "NoSchedule"}, True),
        ({"key": "a", "value": "2"}, {"key": "a", "value": "1", "effect": "NoSchedule"}, False),
        ({"key": "a"}, {"key": "a", "effect": "NoSchedule"}, True),
        ({}, {"key": "a", "effect": "NoSchedule"}, False),
        ({"key": "a", "operator": "Like"}, {"key": "a", "effect": "NoSchedule"}, False),
    ],
)
def test_tolerations(toleration: Object, taint: Object, holds: bool) -> None:
    assert views.tolerates(toleration, taint) is holds


def test_the_first_taint_that_nothing_bears_is_named() -> None:
    soft, hard = {"key": "soft", "effect": "PreferNoSchedule"}, {"key": "hard", "effect": "NoSchedule"}
    assert views.untolerated_taint([soft, hard], []) == hard
    assert views.untolerated_taint([soft, hard], [], ("PreferNoSchedule",)) == soft
    assert views.untolerated_taint([soft, hard], [{"key": "hard", "operator": "Exists"}]) is None


@pytest.mark.parametrize(
    ("tolerations", "delay"),
    [
        ([], 0.0),
        ([{"key": "a", "operator": "Exists"}], None),
        ([{"key": "a", "operator": "Exists", "tolerationSeconds": 30}], 30.0),
        ([{"key": "a", "operator": "Exists", "tolerationSeconds": -1}], 0.0),
        ([{"operator": "Exists"}, {"key": "a", "operator": "Exists", "tolerationSeconds": 5}], 5.0),
        ([{"key": "a", "operator": "Exists", "effect": "NoSchedule"}], 0.0),
    ],
)
def test_how_long_a_pod_may_stay(tolerations: list[Object], delay: float | None) -> None:
    found = [{"key": "a", "effect": "NoExecute"}, {"key": "b", "effect": "NoSchedule"}]
    assert views.eviction_delay(found, tolerations) == delay
    assert views.eviction_delay([], tolerations) is None


def _required(*expressions: Object, **term: Any) -> Object:
    terms = [{"matchExpressions": list(expressions), **term}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"spec": {"affinity": {"nodeAffinity": required}}}


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("In", ["ssd", "hdd"], True),
        ("NotIn", ["ssd"], False),
        ("NotIn", ["hdd"], True),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["1"], False),
    ],
)
def test_node_affinity(operator: str, values: list[str], holds: bool) -> None:
    asked = {"key": "disk", "operator": operator, "values": values}
    assert views.node_matches(_required(asked), node(labels={"disk": "ssd"})) is holds


def test_node_selectors_and_fields() -> None:
    cores = {"key": "cores", "operator": "Gt", "values": ["3"]}
    assert views.node_matches(_required(cores), node(labels={"cores": "10"}))
    by_name = [{"key": "metadata.name", "operator": "In", "values": ["worker-0"]}]
    assert views.node_matches(_required(matchFields=by_name), node())
    assert not views.node_matches(_required(matchFields=by_name), node("worker-1"))
    assert not views.node_matches(_required(), node())
    assert views.node_matches({"spec": {"nodeSelector": {"a": "1"}}}, node(labels={"a": "1"}))
    assert not views.node_matches({"spec": {"nodeSelector": {"a": "1"}}}, node())


def test_preferred_affinity_adds_its_weights() -> None:
    terms = [
        {"weight": 10, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}},
        {"weight": 5, "preference": {}},
    ]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}}
    assert views.preferred_node_affinity({"spec": {"affinity": affinity}}, node(labels={"a": ""})) == 15
    assert views.preferred_node_affinity({"spec": {"affinity": affinity}}, node()) == 5


def test_readiness_and_activity() -> None:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:10Z"}
    running = {"status": {"phase": "Running", "conditions": [ready]}}
    assert views.pod_ready(running)
    assert views.pod_available(running, 0, 0.0)
    assert not views.pod_available(running, 5, 14.9)
    assert views.pod_available(running, 5, 15.0)
    assert not views.pod_ready({})
    assert views.is_pod_active(running)
    assert not views.is_pod_active({"status": {"phase": "Failed"}})
    assert not views.is_pod_active({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    assert views.node_ready(node())
    assert not views.node_ready({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})
    assert views.node_allocatable(node()) == {"cpu": 2000, "memory": 4 << 30, "pods": 110}


@pytest.mark.parametrize(
    ("value", "total", "up", "number"),
    [(3, 10, True, 3), ("25%", 10, True, 3), ("25%", 10, False, 2), ("0%", 10, True, 0), ("100%", 7, False, 7)],
)
def test_numbers_and_percentages(value: int | str, total: int, up: bool, number: int) -> None:
    assert views.int_or_percent(value, total, up) == number


@pytest.mark.parametrize("value", ["25", "x%", "%", "", True])
def test_other_texts_are_neither(value: int | str) -> None:
    with pytest.raises(ValueError, match="percentage"):
        views.int_or_percent(value, 1, True)


def test_ports() -> None:
    ports = [{"containerPort": 80, "name": "http", "hostPort": 8080}]
    web = pod(containers=[{"name": "a", "image": "x", "ports": ports}])
    assert views.host_ports(web) == [("0.0.0.0", "TCP", 8080)]
    assert views.host_ports_clash(("0.0.0.0", "TCP", 1), ("127.0.0.1", "TCP", 1))
    assert not views.host_ports_clash(("127.0.0.2", "TCP", 1), ("127.0.0.1", "TCP", 1))
    assert not views.host_ports_clash(("0.0.0.0", "UDP", 1), ("0.0.0.0", "TCP", 1))
    [named] = views.service_ports(service(ports=[{"port": 1, "targetPort": "http"}]))
    [numbered] = views.service_ports({"spec": {"ports": [{"port": 1}]}})
    [absent] = views.service_ports(service(ports=[{"port": 1, "targetPort": "grpc"}]))
    assert [views.target_port(web, port) for port in (named, numbered, absent)] == [80, 1, None]


def test_images_are_named_once() -> None:
    found = {"spec": {"initContainers": [{"image": "a"}], "containers": [{"image": "b"}, {"image": "a"}]}}
    assert views.images(found) == ["a", "b"]
