"""PodDisruptionBudget, RuntimeClass and HorizontalPodAutoscaler: filled in, refused, printed, and the latter's two
versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api import autoscaling
from cluster.api.defaults import default
from cluster.api.validate import validate
from tests.cluster.api.test_kinds_batch import cells, made
from tests.cluster.api.test_meta import JSON

Object = dict[str, Any]
WEB = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def pdb(**spec: Any) -> Object:
    return made("PodDisruptionBudget", spec={"selector": {"matchLabels": {"app": "web"}}, **spec})


def runtime(**fields: Any) -> Object:
    return made("RuntimeClass", **{"handler": "crun", **fields})


def cpu(percent: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def per_pod(name: str, value: str) -> Object:
    return {
        "type": "Pods",
        "pods": {"metric": {"name": name}, "target": {"type": "AverageValue", "averageValue": value}},
    }


def hpa(**spec: Any) -> Object:
    return made("HorizontalPodAutoscaler", spec={"scaleTargetRef": WEB, "maxReplicas": 5, **spec})


GOOD = [
    pdb(minAvailable=1),
    pdb(maxUnavailable="50%", unhealthyPodEvictionPolicy="AlwaysAllow"),
    pdb(),
    runtime(),
    runtime(overhead={"podFixed": {"cpu": "10m"}}, scheduling={"tolerations": [{"operator": "Exists"}]}),
    hpa(),
    hpa(minReplicas=2, metrics=[cpu(50), per_pod("requests", "10")]),
    hpa(behavior={"scaleDown": {"stabilizationWindowSeconds": 60}}),
]


@pytest.mark.parametrize("obj", GOOD, ids=lambda obj: obj["kind"])
def test_what_is_right_passes_and_defaulting_again_changes_nothing(obj: Object) -> None:
    assert [str(error) for error in validate(obj)] == []
    assert default(obj) == obj


NO_TARGET: Object = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}
WRONG: list[tuple[Object, str]] = [
    (pdb(minAvailable=1, maxUnavailable=1), "minAvailable and maxUnavailable cannot be both set"),
    (pdb(minAvailable="101%"), 'spec.minAvailable: Invalid value: "101%": must not be greater than 100%'),
    (pdb(maxUnavailable=-1), "spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0"),
    (pdb(maxUnavailable="lots"), 'spec.maxUnavailable: Invalid value: "lots": a valid percent string'),
    (pdb(unhealthyPodEvictionPolicy="Never"), 'supported values: "AlwaysAllow", "IfHealthyBudget"'),
    (pdb(selector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
     "spec.selector.matchExpressions[0].values: Required value"),
    (runtime(handler=""), "handler: Required value"),
    (runtime(handler="Not Ok"), 'handler: Invalid value: "Not Ok"'),
    (runtime(scheduling={"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}),
     'scheduling.tolerations[0].operator: Invalid value: "b": value must be empty when `operator` is'),
    (hpa(maxReplicas=0), "spec.maxReplicas: Invalid value: 0: must be greater than 0"),
    (hpa(minReplicas=6), "spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"),
    (hpa(minReplicas=0), "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"),
    (hpa(scaleTargetRef={"kind": "a/b", "name": "c"}), "spec.scaleTargetRef.kind: Invalid value: \"a/b\": may not"),
    (hpa(metrics=[{"type": "Pods"}]),
     "spec.metrics[0].pods: Required value: must populate information for the given metric source"),
    (hpa(metrics=[{**cpu(1), "pods": per_pod("a", "1")["pods"]}]),
     "spec.metrics[0].pods: Forbidden: must populate the given metric source only"),
    (hpa(metrics=[NO_TARGET]), "must set either a target raw value or a target utilization"),
    (hpa(metrics=[cpu(0)]), "averageUtilization: Invalid value: 0: must be greater than 0"),
    (hpa(behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1801}]}}),
     "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero"),
    (hpa(behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 1801}]}}),
     "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800"),
    (hpa(behavior={"scaleDown": {"stabilizationWindowSeconds": 3601}}), "must be less than or equal to 3600"),
]  # fmt: skip


@pytest.mark.parametrize(("obj", "text"), WRONG, ids=[text for _, text in WRONG])
def test_what_is_wrong_is_named_with_its_place(obj: Object, text: str) -> None:
    found = [str(error) for error in validate(obj)]
    assert any(text in error for error in found), found


def test_a_runtime_class_keeps_its_handler() -> None:
    assert [str(e) for e in validate(runtime(handler="runc"), runtime())] == [
        'handler: Invalid value: "runc": field is immutable'
    ]
    assert validate(pdb(minAvailable=2, selector={}), pdb(minAvailable=1)) == []


def test_defaults() -> None:
    assert hpa()["spec"]["metrics"] == [cpu(80)]
    assert hpa()["spec"]["minReplicas"] == 1
    assert "behavior" not in hpa()["spec"]
    behavior = hpa(behavior={"scaleDown": {"stabilizationWindowSeconds": 60}})["spec"]["behavior"]
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 60,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }
    assert [policy["value"] for policy in behavior["scaleUp"]["policies"]] == [4, 100]
    status = {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}
    assert pdb()["status"] == status


def test_rows() -> None:
    assert cells({**pdb(minAvailable="50%"), "status": {"disruptionsAllowed": 2}}) == {
        "NAME": "thing", "MIN AVAILABLE": "50%", "MAX UNAVAILABLE": "N/A", "ALLOWED DISRUPTIONS": "2", "AGE": "60m",
    }  # fmt: skip
    assert cells(pdb(maxUnavailable=0))["MAX UNAVAILABLE"] == "0"
    assert cells(runtime()) == {"NAME": "thing", "HANDLER": "crun", "AGE": "60m"}
    assert cells(hpa()) == {
        "NAME": "thing", "REFERENCE": "Deployment/web", "TARGETS": "cpu: <unknown>/80%", "MINPODS": "1", "MAXPODS": "5",
        "REPLICAS": "0", "AGE": "60m",
    }  # fmt: skip
    measured = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 20}}}
    several = hpa(metrics=[cpu(50), per_pod("requests", "10"), per_pod("b", "1")])
    status = {"currentMetrics": [measured], "currentReplicas": 3}
    assert cells({**several, "status": status})["TARGETS"] == "cpu: 20%/50%, <unknown>/10 + 1 more..."
    assert cells({**several, "status": status})["REPLICAS"] == "3"


def test_an_autoscaler_in_version_1() -> None:
    v1: Object = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": WEB, "minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
    }
    stored = autoscaling.from_v1(v1)
    assert stored["apiVersion"] == "autoscaling/v2"
    assert stored["spec"] == {"scaleTargetRef": WEB, "minReplicas": 1, "maxReplicas": 3, "metrics": [cpu(50)]}
    assert autoscaling.to_v1(stored) == v1


def test_what_version_1_does_not_know_travels_in_annotations() -> None:
    full = hpa(metrics=[per_pod("requests", "10"), cpu(50)], behavior={"scaleUp": {"selectPolicy": "Min"}})
    full["metadata"]["annotations"] = {"mine": "kept"}
    full["status"] = {
        "desiredReplicas": 2,
        "currentReplicas": 2,
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 20}}}],
        "conditions": [{"type": "AbleToScale", "status": "True"}],
    }
    shown = autoscaling.to_v1(full)
    assert shown["spec"]["targetCPUUtilizationPercentage"] == 50
    assert shown["status"]["currentCPUUtilizationPercentage"] == 20
    assert not {"metrics", "behavior"} & shown["spec"].keys()
    annotations = shown["metadata"]["annotations"]
    assert json.loads(annotations["autoscaling.alpha.kubernetes.io/metrics"]) == [per_pod("requests", "10")]
    assert annotations["mine"] == "kept"
    back = autoscaling.from_v1(shown)
    assert back["metadata"]["annotations"] == {"mine": "kept"}
    assert sorted(map(str, back["spec"].pop("metrics"))) == sorted(map(str, full["spec"].pop("metrics")))
    assert back == full


@given(JSON, st.sampled_from(["spec", "status", "metadata"]))
def test_no_value_breaks_the_conversion(value: Any, where: str) -> None:
    obj = {**hpa(metrics=[cpu(1)]), where: value}
    autoscaling.to_v1(autoscaling.from_v1(obj))
    autoscaling.from_v1(autoscaling.to_v1(obj))
