"""Defaults that depend on other fields; constant ones are the schema's."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.defaults import default, pull_policy
from tests.cluster.api.samples import Object, container, node, obj, pod, service, workload


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("host:5000/nginx", "Always"),
        ("host:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:abc", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


def test_a_pod_gets_kubernetes_defaults() -> None:
    spec = pod()["spec"]
    expected = {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
        "securityContext": {},
    }
    assert {name: spec[name] for name in expected} == expected


def test_only_pods_not_templates_get_requests_from_limits() -> None:
    resources = {"limits": {"cpu": "0.5", "memory": "1Gi"}, "requests": {"cpu": "100m"}}
    filled = container(resources=resources)["spec"]["containers"][0]["resources"]
    assert filled["requests"] == {"cpu": "100m", "memory": "1Gi"}
    assert filled["limits"] == {"cpu": "500m", "memory": "1Gi"}
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "a", "image": "b", "resources": {"limits": {"cpu": "1"}}}]},
    }
    found = workload("Deployment", template=template)["spec"]["template"]["spec"]
    assert found["containers"][0]["resources"] == {"limits": {"cpu": "1"}}
    assert found["restartPolicy"] == "Always"


def test_probes_ports_and_volumes() -> None:
    found = container(livenessProbe={"httpGet": {"port": 80}}, ports=[{"containerPort": 80}])["spec"]["containers"][0]
    assert found["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert found["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert pod(volumes=[{"name": "v"}])["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    host = pod(hostNetwork=True, containers=[{"name": "a", "image": "b", "ports": [{"containerPort": 80}]}])
    assert host["spec"]["containers"][0]["ports"][0]["hostPort"] == 80


@pytest.mark.parametrize(
    ("given_strategy", "filled"),
    [
        (None, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
        ({"type": "Recreate"}, {"type": "Recreate"}),
        (
            {"rollingUpdate": {"maxSurge": 1}},
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}},
        ),
    ],
)
def test_the_deployments_strategy(given_strategy: Any, filled: Object) -> None:
    spec = workload("Deployment", strategy=given_strategy)["spec"]
    assert spec["strategy"] == filled
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)


def test_the_daemonsets_strategy() -> None:
    strategy = workload("DaemonSet")["spec"]["updateStrategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    assert workload("DaemonSet", updateStrategy={"type": "OnDelete"})["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_services() -> None:
    spec = service()["spec"]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (spec["type"], spec["sessionAffinity"], spec["internalTrafficPolicy"]) == ("ClusterIP", "None", "Cluster")
    sticky = service(sessionAffinity="ClientIP", type="LoadBalancer")["spec"]
    assert sticky["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}
    assert sticky["externalTrafficPolicy"] == "Cluster"
    assert "internalTrafficPolicy" not in service(type="ExternalName", externalName="a.b")["spec"]


def test_the_rest() -> None:
    assert obj("Namespace")["metadata"]["labels"] == {"kubernetes.io/metadata.name": "thing"}
    assert obj("Secret", stringData={"a": "b"}, data={"a": "eA==", "c": "eQ=="})["data"] == {"a": "Yg==", "c": "eQ=="}
    assert "stringData" not in obj("Secret", stringData={"a": "b"})
    assert node()["status"]["allocatable"] == node()["status"]["capacity"]


def test_defaulting_leaves_its_argument_alone_and_copies_unknown_kinds() -> None:
    plain: Object = {"kind": "Widget", "spec": {"a": [1]}}
    copy = default(plain)
    assert copy == plain
    assert copy["spec"]["a"] is not plain["spec"]["a"]
    given_pod: Object = {"kind": "Pod", "spec": {"containers": [{"name": "a", "image": None}], "hostname": None}}
    before = repr(given_pod)
    assert "hostname" not in default(given_pod)["spec"]
    assert repr(given_pod) == before
