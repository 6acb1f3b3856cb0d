"""Tables, cell by cell as kubectl prints them."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.kinds import KINDS
from cluster.api.meta import parse_time
from cluster.api.tables import human_duration, pod_status, table
from tests.cluster.api.samples import Object, node, obj, pod, service, workload

NOW = parse_time("2026-01-01T01:00:00Z")
BORN = {"creationTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0.4, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (600, "10m"),
        (10799, "179m"), (10800, "3h"), (12000, "3h20m"), (28800, "8h"), (172799, "47h"), (172800, "2d"),
        (180000, "2d2h"), (86400 * 8, "8d"), (86400 * 729, "729d"), (86400 * 730, "2y"), (86400 * 740, "2y10d"),
        (86400 * 365 * 9, "9y"),
    ],
)  # fmt: skip
def test_ages(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def _status(**state: Any) -> Object:
    return {"name": "main", "ready": False, "restartCount": 0, "state": state}


RUN: Object = {"name": "main", "ready": True, "restartCount": 0, "state": {"running": {}}}
DONE = _status(terminated={"exitCode": 0, "reason": "Completed"})
INIT = [{"name": "i", "image": "x"}, {"name": "j", "image": "x"}]
READY = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("status", "spec", "text"),
    [
        ({}, {}, "Pending"),
        ({"phase": "Running", "containerStatuses": [RUN]}, {}, "Running"),
        ({"phase": "Pending", "containerStatuses": [_status(waiting={"reason": "ContainerCreating"})]}, {},
         "ContainerCreating"),
        ({"phase": "Running", "containerStatuses": [_status(waiting={"reason": "CrashLoopBackOff"})]}, {},
         "CrashLoopBackOff"),
        ({"phase": "Succeeded", "containerStatuses": [DONE]}, {}, "Completed"),
        ({"phase": "Failed", "containerStatuses": [_status(terminated={"exitCode": 1, "reason": "Error"})]}, {},
         "Error"),
        ({"phase": "Failed", "containerStatuses": [_status(terminated={"exitCode": 3})]}, {}, "ExitCode:3"),
        ({"phase": "Failed", "containerStatuses": [_status(terminated={"signal": 9})]}, {}, "Signal:9"),
        ({"phase": "Failed", "reason": "Evicted"}, {}, "Evicted"),
        ({"phase": "Running", "containerStatuses": [RUN, DONE], "conditions": READY}, {}, "Running"),
        ({"phase": "Running", "containerStatuses": [RUN, DONE]}, {}, "NotReady"),
        ({"phase": "Pending", "initContainerStatuses": [DONE, _status(running={})]}, {"initContainers": INIT},
         "Init:1/2"),
        ({"phase": "Pending", "initContainerStatuses": [_status(terminated={"exitCode": 2})]}, {"initContainers": INIT},
         "Init:ExitCode:2"),
        ({"phase": "Pending", "initContainerStatuses": [_status(waiting={"reason": "CrashLoopBackOff"})]},
         {"initContainers": INIT}, "Init:CrashLoopBackOff"),
        ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]},
         {}, "SchedulingGated"),
    ],
)  # fmt: skip
def test_the_status_of_a_pod_in_one_word(status: Object, spec: Object, text: str) -> None:
    assert pod_status({**pod(**spec), "status": status}) == text


def test_a_pod_on_its_way_out() -> None:
    leaving = {**pod(), "metadata": {"name": "web", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert pod_status({**leaving, "status": {"phase": "Running", "containerStatuses": [RUN]}}) == "Terminating"
    assert pod_status({**leaving, "status": {"phase": "Failed"}}) == "Failed"
    assert pod_status({**leaving, "status": {"phase": "Running", "reason": "NodeLost"}}) == "Unknown"


def test_pods() -> None:
    ended = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:59:55Z"}}
    status = {
        "phase": "Running",
        "podIP": "127.77.16.2",
        "containerStatuses": [{**RUN, "restartCount": 1, "lastState": ended}],
    }
    found = {**pod(nodeName="worker-0"), "status": status, "metadata": {"name": "web", **BORN}}
    assert table("Pod", [found], NOW) == (
        ["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
        [["web", "1/1", "Running", "1 (5s ago)", "60m"]],
    )
    columns, [row] = table("Pod", [found], NOW, wide=True)
    assert columns[5:] == ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert row[5:] == ["127.77.16.2", "worker-0", "<none>", "<none>"]


def _cells(found: Object, wide: bool = False) -> dict[str, str]:
    metadata = {"name": "thing", **found["metadata"], **BORN}
    columns, [row] = table(found["kind"], [{**found, "metadata": metadata}], NOW, wide)
    return dict(zip(columns, row, strict=True))


def test_nodes() -> None:
    found = node(labels={"node-role.kubernetes.io/control-plane": ""}, unschedulable=True)
    found["status"]["addresses"] = [{"type": "InternalIP", "address": "127.77.1.1"}]
    found["status"]["nodeInfo"] = {"kubeletVersion": "v1"}
    cells = _cells(found, wide=True)
    assert [cells[c] for c in ("STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP", "EXTERNAL-IP")] == [
        "Ready,SchedulingDisabled", "control-plane", "60m", "v1", "127.77.1.1", "<none>",
    ]  # fmt: skip
    found["status"]["conditions"][0]["status"] = "Unknown"
    assert _cells({**found, "spec": {}})["STATUS"] == "NotReady"
    assert _cells({**found, "spec": {}, "status": {}})["STATUS"] == "Unknown"


def test_workloads() -> None:
    counts = {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1, "replicas": 3}
    assert _cells({**workload("Deployment", replicas=2), "status": counts}, wide=True) == {
        "NAME": "web", "READY": "1/2", "UP-TO-DATE": "2", "AVAILABLE": "1", "AGE": "60m",
        "CONTAINERS": "main", "IMAGES": "nginx", "SELECTOR": "app=web",
    }  # fmt: skip
    assert _cells({**workload("ReplicaSet", replicas=0), "status": counts}) == {
        "NAME": "web", "DESIRED": "0", "CURRENT": "3", "READY": "1", "AGE": "60m",
    }  # fmt: skip
    daemons = {"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "numberReady": 1, "numberAvailable": 1}
    assert _cells({**workload("DaemonSet"), "status": daemons}) == {
        "NAME": "web", "DESIRED": "3", "CURRENT": "2", "READY": "1", "UP-TO-DATE": "0", "AVAILABLE": "1",
        "NODE SELECTOR": "<none>", "AGE": "60m",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "status", "external", "ports"),
    [
        ({"clusterIP": "10.0.0.1"}, {}, "<none>", "80/TCP"),
        ({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}, {}, "<none>", "80:30080/TCP"),
        ({"type": "LoadBalancer"}, {}, "<pending>", "80/TCP"),
        ({"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, "1.2.3.4", "80/TCP"),
        ({"type": "ExternalName", "externalName": "a.b", "ports": []}, {}, "a.b", "<none>"),
    ],
)
def test_services(spec: Object, status: Object, external: str, ports: str) -> None:
    cells = _cells({**service(**spec), "status": status}, wide=True)
    assert (cells["EXTERNAL-IP"], cells["PORT(S)"]) == (external, ports)
    assert cells["CLUSTER-IP"] == spec.get("clusterIP", "<none>")
    assert cells["SELECTOR"] == "app=web"


def test_endpoints() -> None:
    addresses = [{"ip": f"10.0.0.{i}"} for i in range(5)]
    found = obj("Endpoints", subsets=[{"addresses": addresses, "ports": [{"port": 80}]}])
    assert _cells(found)["ENDPOINTS"] == "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."
    assert _cells(obj("Endpoints"))["ENDPOINTS"] == "<none>"
    part = {"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": ["10.0.0.1"]}]}
    cells = _cells(obj("EndpointSlice", "discovery.k8s.io/v1", **part))
    assert (cells["PORTS"], cells["ENDPOINTS"]) == ("80", "10.0.0.1")
    assert _cells(obj("EndpointSlice", "discovery.k8s.io/v1", addressType="IPv4"))["ENDPOINTS"] == "<unset>"


def test_events() -> None:
    event = obj(
        "Event",
        involvedObject={"kind": "Pod", "name": "web"},
        type="Warning",
        reason="FailedScheduling",
        message="no room\n",
        count=3,
        firstTimestamp="2026-01-01T00:50:00Z",
        lastTimestamp="2026-01-01T00:59:50Z",
    )
    assert _cells(event) == {
        "LAST SEEN": "10s (x3 over 10m)", "TYPE": "Warning", "REASON": "FailedScheduling", "OBJECT": "pod/web",
        "MESSAGE": "no room",
    }  # fmt: skip
    assert list(_cells(event, wide=True))[-3:] == ["FIRST SEEN", "COUNT", "NAME"]


def test_the_small_kinds() -> None:
    assert _cells(obj("Lease", "coordination.k8s.io/v1", spec={"holderIdentity": "a"}))["HOLDER"] == "a"
    assert _cells(obj("ConfigMap", data={"a": ""}, binaryData={"b": ""}))["DATA"] == "2"
    assert _cells(obj("Secret", stringData={"a": ""})) == {"NAME": "thing", "TYPE": "Opaque", "DATA": "1", "AGE": "60m"}
    assert _cells({**obj("Namespace"), "status": {"phase": "Active"}})["STATUS"] == "Active"
    ingress = obj("Ingress", "networking.k8s.io/v1", spec={"rules": [{"host": "a.b"}], "tls": [{"hosts": ["a.b"]}]})
    assert [_cells(ingress)[c] for c in ("CLASS", "HOSTS", "ADDRESS", "PORTS")] == ["<none>", "a.b", "", "80, 443"]
    assert _cells(obj("PriorityClass", "scheduling.k8s.io/v1", value=7))["VALUE"] == "7"
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "web", "uid": "u", "controller": True}
    revision = obj("ControllerRevision", "apps/v1", revision=2, metadata={"name": "r", "ownerReferences": [owner]})
    assert [_cells(revision)[c] for c in ("CONTROLLER", "REVISION")] == ["daemonset.apps/web", "2"]


@pytest.mark.parametrize("kind", list(KINDS))
def test_an_empty_object_of_any_kind_prints(kind: str) -> None:
    for wide in (False, True):
        columns, [row] = table(kind, [{"kind": kind, "metadata": {"name": "bare"}}], NOW, wide)
        assert len(columns) == len(row)
        assert all(isinstance(cell, str) for cell in row)
        assert "bare" in row or kind == "Event"
