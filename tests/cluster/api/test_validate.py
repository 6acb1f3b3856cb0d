"""Validation rule by rule: an object that is wrong in one way, and the one error it gets."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.kinds import KINDS
from cluster.api.meta import deep_copy
from cluster.api.patch import merge
from cluster.api.validate import UNKNOWN_FIELD, invalid, validate
from tests.cluster.api.samples import Object, container, node, obj, pod, service, workload

PROBE: Object = {"tcpSocket": {"port": 80}}
C = "spec.containers[0]"
REFUSED: list[tuple[Object, str]] = [
    # pods
    (pod(containers=[]), "spec.containers: Required value"),
    (pod(containers=[{"name": "a", "image": "x"}] * 2), 'spec.containers[1].name: Duplicate value: "a"'),
    (pod(initContainers=[{"name": "main", "image": "x"}]), f'{C}.name: Duplicate value: "main"'),
    (pod(containers=[{"name": "a"}]), f"{C}.image: Required value"),
    (pod(containers=[{"name": "A_b", "image": "x"}]), f'{C}.name: Invalid value: "A_b": a lowercase RFC 1123 label'),
    (pod(restartPolicy="Sometimes"),
     'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", '),
    (pod(terminationGracePeriodSeconds=-1),
     "spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than"),
    (container(imagee="x"), f'{C}.imagee: unknown field, did you mean "image"?'),
    (container(command="sh"), f'{C}.command: Invalid value: "sh": must be of type array'),
    (container(ports=[{"containerPort": 70000}]),
     f"{C}.ports[0].containerPort: Invalid value: 70000: must be between 1"),
    (container(ports=[{"containerPort": 80, "name": "http"}, {"containerPort": 81, "name": "http"}]),
     f'{C}.ports[1].name: Duplicate value: "http"'),
    (container(ports=[{"containerPort": 80, "hostPort": 9}, {"containerPort": 81, "hostPort": 9}]),
     f"{C}.ports[1].hostPort: Duplicate value: 9"),
    (container(ports=[{"containerPort": 80, "name": "way-too-long-name"}]), f"{C}.ports[0].name: Invalid value"),
    (container(env=[{"name": "1X"}]), f'{C}.env[0].name: Invalid value: "1X": a valid environment variable name'),
    (container(env=[{"name": "X", "value": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
     f'{C}.env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'),
    (container(env=[{"name": "X", "valueFrom": {}}]), f'{C}.env[0].valueFrom: Invalid value: "": must specify one of'),
    (container(volumeMounts=[{"name": "v", "mountPath": "/v"}]), f'{C}.volumeMounts[0].name: Not found: "v"'),
    (container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
     f'{C}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'),
    (container(resources={"requests": {"cpu": "many"}}),
     f'{C}.resources.requests[cpu]: Invalid value: "many": quantities must match the regular expression'),
    (container(resources={"limits": {"gpu": "1"}, "requests": {"gpu": "1"}}),
     f'{C}.resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified'),
    (container(livenessProbe={}), f"{C}.livenessProbe: Required value: must specify a handler type"),
    (container(livenessProbe={**PROBE, "exec": {"command": ["a"]}}),
     f"{C}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"),
    (container(livenessProbe={**PROBE, "successThreshold": 2}),
     f"{C}.livenessProbe.successThreshold: Invalid value: 2: must be 1"),
    (container(readinessProbe={**PROBE, "periodSeconds": 0}), f"{C}.readinessProbe.periodSeconds: Invalid value: 0"),
    (container(restartPolicy="Always"), f"{C}.restartPolicy: Forbidden: may not be set for non-init containers"),
    (pod(initContainers=[{"name": "i", "image": "x", "livenessProbe": PROBE}]),
     "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers"),
    (pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]),
     "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"),
    (pod(volumes=[{"name": "v", "emptyDirr": {}}]),
     'spec.volumes[0].emptyDirr: unknown field, did you mean "emptyDir"?'),
    (pod(tolerations=[{"effect": "NoExecute"}]),
     'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty'),
    (pod(tolerations=[{"key": "a", "operator": "Exists", "value": "b"}]),
     "spec.tolerations[0].operator: Invalid value"),
    (pod(tolerations=[{"key": "a", "tolerationSeconds": 3}]),
     "spec.tolerations[0].effect: Invalid value: \"\": effect must"),
    (pod(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "a", "operator": "In"}]}]}}}),
     "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
     ".matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"),
    # metadata
    (obj("ConfigMap", metadata={"name": "Upper"}),
     'metadata.name: Invalid value: "Upper": a lowercase RFC 1123 subdomain'),
    (obj("ConfigMap", metadata={}), "metadata.name: Required value: name or generateName is required"),
    (obj("ConfigMap", metadata={"name": "a" * 254}), "metadata.name: Invalid value"),
    (obj("Namespace", metadata={"name": "a.b"}), 'metadata.name: Invalid value: "a.b"'),
    (obj("Namespace", metadata={"name": "a", "namespace": "b"}),
     "metadata.namespace: Forbidden: not allowed on this type"),
    (obj("ConfigMap", metadata={"name": "a", "labels": {"a b": "c"}}),
     'metadata.labels: Invalid value: "a b": name part'),
    (obj("ConfigMap", metadata={"name": "a", "labels": {"a": "-"}}),
     'metadata.labels: Invalid value: "-": a valid label'),
    (obj("ConfigMap", metadata={"name": "a", "labels": {"a": 1}}),
     "metadata.labels[a]: Invalid value: 1: must be of type"),
    (obj("ConfigMap", metadata={"name": "a", "ownerReferences": [
        {"apiVersion": "v1", "kind": "Pod", "name": n, "uid": n, "controller": True} for n in "ab"]}),
     'metadata.ownerReferences: Invalid value: ["a", "b"]: Only one reference can have Controller set to true'),
    # workloads
    (workload("Deployment", replicas=-1), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
    (workload("Deployment", replicas="2"), 'spec.replicas: Invalid value: "2": must be of type integer'),
    (workload("Deployment", selector=None), "spec.selector: Required value"),
    (workload("Deployment", selector={}), "spec.selector: Invalid value: {}: empty selector is invalid for deployment"),
    (workload("ReplicaSet", selector={"matchLabels": {"app": "other"}}),
     'spec.template.metadata.labels: Invalid value: {"app": "web"}: `selector` does not match template `labels`'),
    (workload("Deployment", strategy={"type": "Recreate", "rollingUpdate": {}}),
     "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"),
    (workload("Deployment", strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}),
     'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'),
    (workload("Deployment", strategy={"rollingUpdate": {"maxSurge": "lots"}}),
     'spec.strategy.rollingUpdate.maxSurge: Invalid value: "lots": a valid percent string'),
    (workload("Deployment", strategy={"rollingUpdate": {"maxUnavailable": "101%"}}),
     'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'),
    (workload("Deployment", minReadySeconds=600),
     "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than"),
    (workload("DaemonSet", updateStrategy={"rollingUpdate": {"maxUnavailable": 0}}),
     "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"),
    (workload("DaemonSet", updateStrategy={"rollingUpdate": {"maxSurge": 1}}),
     "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"),
    (workload("DaemonSet", template={"metadata": {"labels": {"app": "web"}}, "spec": {
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}}),
     'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'),
    (workload("Deployment", template={"metadata": {"labels": {"app": "web"}}}), "spec.template.spec: Required value"),
    # network
    (service(ports=[]), "spec.ports: Required value"),
    (service(ports=[{"port": 1}, {"port": 2, "name": "b"}]), "spec.ports[0].name: Required value"),
    (service(ports=[{"port": 1, "name": "a"}, {"port": 2, "name": "a"}]), 'spec.ports[1].name: Duplicate value: "a"'),
    (service(ports=[{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]), "spec.ports[1]: Duplicate value"),
    (service(ports=[{"port": 1, "nodePort": 30000}]),
     "spec.ports[0].nodePort: Forbidden: may not be used when `type` is"),
    (service(ports=[{"port": 1, "targetPort": 0.5}]), "spec.ports[0].targetPort: Invalid value: 0.5: must be of type"),
    (service(clusterIP="here"), 'spec.clusterIP: Invalid value: "here": must be a valid IP address'),
    (service(type="ExternalName"), "spec.externalName: Required value"),
    (service(type="NodePort", clusterIP="None"), 'spec.clusterIP: Invalid value: "None": may not be set to \'None\''),
    (service(sessionAffinityConfig={"clientIP": {"timeoutSeconds": 5}}), "spec.sessionAffinityConfig: Forbidden"),
    (obj("Service", metadata={"name": "1web"}, spec={"ports": [{"port": 1}]}), 'metadata.name: Invalid value: "1web"'),
    (obj("Endpoints", subsets=[{"ports": [{"port": 1}]}]), "subsets[0]: Required value: must specify `addresses`"),
    (obj("EndpointSlice", "discovery.k8s.io/v1", addressType="IPv4", endpoints=[{"addresses": ["x"]}]),
     'endpoints[0].addresses[0]: Invalid value: "x": must be a valid IP address'),
    (obj("Ingress", "networking.k8s.io/v1", spec={}), "spec: Invalid value: {}: either `defaultBackend` or `rules`"),
    (obj("Ingress", "networking.k8s.io/v1", spec={"rules": [{"http": {"paths": [
        {"path": "app", "pathType": "Prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]}),
     'spec.rules[0].http.paths[0].path: Invalid value: "app": must be an absolute path'),
    # the rest
    (obj("ConfigMap", data={"a/b": ""}), 'data[a/b]: Invalid value: "a/b": a valid config key'),
    (obj("ConfigMap", data={"a": 1}), "data[a]: Invalid value: 1: must be of type string"),
    (obj("ConfigMap", data={"a": "x" * (1 << 20), "b": "x"}), "Too long: may not be more than 1048576 bytes"),
    (obj("Secret", data={"a": "not base64!"}), 'data[a]: Invalid value: "...": illegal base64 data'),
    (obj("Secret", type="kubernetes.io/tls", data={"tls.crt": ""}), "data[tls.key]: Required value"),
    (node(taints=[{"key": "a", "effect": "NoSchedule"}] * 2), "spec.taints[1]: Duplicate value"),
    (node(podCIDR="10.0.0.0"), 'spec.podCIDR: Invalid value: "10.0.0.0": must be a valid CIDR value'),
    (obj("Event", involvedObject={"namespace": "b"}, metadata={"name": "e", "namespace": "a"}),
     'involvedObject.namespace: Invalid value: "b": does not match event.namespace'),
    (obj("PriorityClass", "scheduling.k8s.io/v1", value=2 * 10**9), "value: Forbidden: maximum allowed value"),
    (obj("Lease", "coordination.k8s.io/v1", spec={"renewTime": "now"}),
     'spec.renewTime: Invalid value: "now": must be a time'),
    (obj("Pod", "v2", spec={"containers": [{"name": "a", "image": "x"}]}), 'apiVersion: Unsupported value: "v2"'),
    (obj("Widget"), 'kind: Unsupported value: "Widget"'),
    ({"apiVersion": "v1"}, "kind: Required value"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_what_is_wrong_is_named_with_its_place(wrong: Object, message: str) -> None:
    found = [str(error) for error in validate(wrong)]
    assert any(text.startswith(message) for text in found), found


GOOD: list[Object] = [
    pod(),
    container(ports=[{"containerPort": 53, "protocol": p} for p in ("TCP", "UDP")]),
    pod(tolerations=[{"operator": "Exists"}], volumes=[{"name": "v"}]),
    pod(initContainers=[{"name": "side", "image": "x", "restartPolicy": "Always", "readinessProbe": PROBE}]),
    workload("Deployment"),
    workload("ReplicaSet"),
    workload("DaemonSet"),
    service(clusterIP="None", ports=[]),
    service(ports=[{"port": 53, "name": p.lower(), "protocol": p} for p in ("TCP", "UDP")]),
    service(type="LoadBalancer"),
    node(taints=[{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}]),
    obj("ServiceAccount", metadata={"generateName": "sa-"}),
    obj("Secret", stringData={"a": "text"}),
]


@pytest.mark.parametrize("good", GOOD)
def test_what_is_right_passes_and_may_be_written_again(good: Object) -> None:
    assert validate(good) == []
    assert validate(good, good) == []


@pytest.mark.parametrize("subresource", ["status"])
def test_a_status_write_is_checked_for_shape_only(subresource: str) -> None:
    changed = merge(pod(), {"spec": {"nodeName": "worker-1"}, "status": {"phase": "Running"}})
    assert validate(changed, pod(), subresource=subresource) == []
    wrong = merge(pod(), {"status": {"phase": "Walking"}})
    assert [e.path for e in validate(wrong, pod(), subresource=subresource)] == ["status.phase"]


SELECTOR = {"selector": {"matchLabels": {"tier": "x"}}, "template": {"metadata": {"labels": {"tier": "x"}}}}
DELETED = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
CHANGES: list[tuple[Object, Object, str | None]] = [
    (pod(), {"spec": {"nodeName": "worker-1"}}, "spec: Forbidden: pod updates may not change fields other than"),
    (pod(), {"spec": {"activeDeadlineSeconds": 5}}, None),
    (
        pod(activeDeadlineSeconds=5),
        {"spec": {"activeDeadlineSeconds": 9}},
        "spec.activeDeadlineSeconds: Invalid value: 9",
    ),
    (
        pod(activeDeadlineSeconds=5),
        {"spec": {"activeDeadlineSeconds": None}},
        "spec.activeDeadlineSeconds: Invalid value",
    ),
    (pod(), {"spec": {"tolerations": [{"operator": "Exists"}]}}, None),
    (pod(tolerations=[{"operator": "Exists"}]), {"spec": {"tolerations": []}}, "spec.tolerations: Forbidden"),
    (pod(), {"spec": {"containers": [{"name": "main", "image": "nginx:2", "imagePullPolicy": "IfNotPresent"}]}}, None),
    (pod(), {"metadata": {"labels": {"app": None}}}, None),
    (pod(), {"metadata": {"name": "other"}}, 'metadata.name: Invalid value: "other": field is immutable'),
    (merge(pod(), {"metadata": {"uid": "1"}}), {"metadata": {"uid": "2"}}, "metadata.uid: Invalid value"),
    (merge(pod(), DELETED), {"metadata": {"finalizers": ["a/b"]}}, "metadata.finalizers: Forbidden: no new finalizers"),
    (pod(), {"metadata": {"finalizers": ["a/b"]}}, None),
    (workload("Deployment"), {"spec": {"replicas": 5}}, None),
    (workload("Deployment"), {"spec": SELECTOR}, "spec.selector: Invalid value"),
    (workload("DaemonSet"), {"spec": SELECTOR}, "spec.selector: Invalid value"),
    (service(clusterIP="10.0.0.1"), {"spec": {"clusterIP": "10.0.0.2"}}, "spec.clusterIP"),
    (service(clusterIP="10.0.0.1"), {"spec": {"type": "NodePort"}}, None),
    (obj("ConfigMap", data={"a": "1"}), {"data": {"a": "2"}}, None),
    (obj("ConfigMap", data={"a": "1"}, immutable=True), {"data": {"a": "2"}}, "data: Forbidden: field is immutable"),
    (obj("Secret"), {"type": "other"}, 'type: Invalid value: "other": field is immutable'),
    (node(podCIDR="10.1.0.0/24"), {"spec": {"podCIDR": "10.2.0.0/24"}}, "spec.podCIDR: Forbidden"),
    (node(), {"spec": {"podCIDR": "10.2.0.0/24"}}, None),
]


@pytest.mark.parametrize(("old", "change", "message"), CHANGES)
def test_what_may_change_and_what_may_not(old: Object, change: Object, message: str | None) -> None:
    new = merge(old, change)
    if (containers := change.get("spec", {}).get("containers")) is not None:
        new["spec"]["containers"] = [{**old["spec"]["containers"][0], **c} for c in containers]
    before = deep_copy(old)
    found = [str(error) for error in validate(new, old)]
    assert old == before
    if message is None:
        assert found == []
    else:
        assert any(text.startswith(message) for text in found), found


def test_a_bad_name_is_told_beside_what_else_is_wrong() -> None:
    wrong = merge(pod(), {"metadata": {"name": "Bad_Name"}, "spec": {"restartPolicy": "Sometimes"}})
    assert [error.path for error in validate(wrong)] == ["metadata.name", "spec.restartPolicy"]


def test_the_answer_is_worded_as_kubectl_shows_it() -> None:
    errors = validate(workload("Deployment", replicas=-1))
    error = invalid(KINDS["Deployment"], "web", errors)
    text = "spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    assert error.message == f'Deployment.apps "web" is invalid: {text}'
    assert error.code == 422
    assert error.details["causes"] == [
        {"field": "spec.replicas", "reason": "FieldValueInvalid", "message": text.partition(": ")[2]}
    ]
    both: list[Any] = validate(merge(pod(), {"spec": {"a": 1, "b": 2}}))
    assert {e.reason for e in both} == {UNKNOWN_FIELD}
    assert 'Pod "web" is invalid: [spec.a: unknown field, spec.b: unknown' in invalid(KINDS["Pod"], "web", both).message
