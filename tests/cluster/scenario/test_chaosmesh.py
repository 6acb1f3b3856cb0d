"""Chaos Mesh's resources as timelines, and what is told of fields that have no counterpart."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.errors import UsageError
from cluster.scenario import files, write
from cluster.scenario.document import FileError
from cluster.scenario.model import Scenario

PODS = {"mode": "all", "selector": {"labelSelectors": {"app": "web"}}}
STORE = {"mode": "one", "selector": {"labelSelectors": {"component": "etcd", "tier": "control-plane"}}}


def resource(kind: str, spec: dict[str, Any], **metadata: Any) -> str:
    import yaml

    body = {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": "x", **metadata}, "spec": spec}
    return yaml.safe_dump(body)


def read(text: str) -> Scenario:
    return files.parse(text, "mesh.yaml")


def timeline(kind: str, spec: dict[str, Any], **metadata: Any) -> list[Any]:
    """Its entries as we would write them."""
    scenario = read(resource(kind, spec, **metadata))
    files.parse(write.dump(scenario), "again.yaml")  # what was read can be written and read again
    found: list[Any] = write.data(scenario)["timeline"]
    return found


SELECTED = [
    (STORE, "one of kind:store"),
    ({"mode": "all", "selector": {"labelSelectors": {"k8s-app": "kube-proxy"}}}, "kind:proxy"),
    (
        {
            "mode": "all",
            "selector": {"labelSelectors": {"component": "kube-apiserver"}, "nodes": ["master-0", "master-2"]},
        },
        "apiserver-0, apiserver-2",
    ),
    ({"mode": "all", "selector": {"pods": {"kube-system": ["etcd-master-1"]}}}, "store-1"),
    (PODS, "nodes-of:default/app=web"),
    (
        {"mode": "all", "selector": {"namespaces": ["a", "b"], "labelSelectors": {"app": "web", "tier": "x"}}},
        "nodes-of:a/app=web+tier=x, nodes-of:b/app=web+tier=x",
    ),
    (
        {
            "mode": "all",
            "selector": {"expressionSelectors": [{"key": "app", "operator": "In", "values": ["web", "api"]}]},
        },
        "nodes-of:default/app=web, nodes-of:default/app=api",
    ),
    ({"mode": "all", "selector": {"namespaces": ["shop"]}}, "nodes-of:shop/"),
    ({"mode": "all", "selector": {"pods": {"shop": ["web-0"]}}}, "node-of:shop/web-0"),
    (
        {"mode": "fixed", "value": "2", "selector": {"nodes": ["worker-1", "worker-7", "worker-2"]}},
        "2 of worker-1, worker-7, worker-2",
    ),
    ({"mode": "fixed-percent", "value": "50", "selector": {"nodeSelectors": {"disk": "ssd"}}}, "50% of label:disk=ssd"),
    (
        {"mode": "random-max-percent", "value": "40", **{"selector": PODS["selector"]}},
        "up to 40% of nodes-of:default/app=web",
    ),
]


@pytest.mark.parametrize(("whom", "target"), SELECTED, ids=[target for _, target in SELECTED])
def test_whom_a_selector_means(whom: dict[str, Any], target: str) -> None:
    assert timeline("TimeChaos", {**whom, "timeOffset": "-10m", "duration": "30s"}) == [
        {"clockJump": {"targets": target, "by": "-10m"}, "for": "30s"}
    ]


def test_the_namespace_of_the_resource_is_the_selectors() -> None:
    spec = {**PODS, "timeOffset": "1s"}
    assert timeline("TimeChaos", spec, namespace="shop") == [
        {"clockJump": {"targets": "nodes-of:shop/app=web", "by": "1s"}}
    ]


NETWORK: list[tuple[dict[str, Any], list[Any]]] = [
    ({"action": "partition"}, [{"isolate": {"targets": "one of kind:store", "direction": "out"}}]),
    ({"action": "partition", "direction": "from"}, [{"isolate": {"targets": "one of kind:store", "direction": "in"}}]),
    ({"action": "partition", "direction": "both", "duration": "1m"}, [{"isolate": "one of kind:store", "for": "60s"}]),
    (
        {"action": "partition", "direction": "both", "target": PODS},
        [{"partition": ["one of kind:store", "nodes-of:default/app=web"]}],
    ),
    (
        {"action": "partition", "target": PODS},
        [{"partition": {"between": ["one of kind:store", "nodes-of:default/app=web"], "oneWay": True}}],
    ),
    (
        {"action": "partition", "direction": "from", "target": PODS},
        [{"partition": {"between": ["nodes-of:default/app=web", "one of kind:store"], "oneWay": True}}],
    ),
    (
        {"action": "delay", "delay": {"latency": "10ms", "jitter": "2ms", "correlation": "25"}},
        [
            {
                "delay": {
                    "from": "one of kind:store",
                    "by": "10ms",
                    "jitter": "2ms",
                    "distribution": "uniform",
                    "correlation": "25%",
                }
            }
        ],
    ),
    (
        {"action": "loss", "direction": "from", "target": PODS, "loss": {"loss": "30", "correlation": "0"}},
        [{"loss": {"from": "nodes-of:default/app=web", "to": "one of kind:store", "probability": "30%"}}],
    ),
    (
        {"action": "duplicate", "direction": "both", "duplicate": {"duplicate": "5"}},
        [{"duplicate": {"from": "one of kind:store", "both": True, "probability": "5%"}}],
    ),
    (
        {"action": "corrupt", "corrupt": {"corrupt": "5"}},
        [{"corrupt": {"from": "one of kind:store", "probability": "5%"}}],
    ),
    (
        {"action": "bandwidth", "bandwidth": {"rate": "1mbps", "limit": 2097152, "buffer": 10000}},
        [{"bandwidth": {"from": "one of kind:store", "rate": "1048576", "queue": "2s"}}],
    ),
    (
        {"action": "netem", "loss": {"loss": "1"}, "delay": {"latency": "1s"}},
        [
            {"delay": {"from": "one of kind:store", "by": "1s"}},
            {"loss": {"from": "one of kind:store", "probability": "1%"}},
        ],
    ),
]


@pytest.mark.parametrize(("spec", "entries"), NETWORK, ids=[str(spec) for spec, _ in NETWORK])
def test_network_chaos(spec: dict[str, Any], entries: list[Any]) -> None:
    assert timeline("NetworkChaos", {**STORE, **spec}) == entries


POD: list[tuple[dict[str, Any], list[Any]]] = [
    ({"action": "pod-kill", **STORE}, [{"restart": "one of kind:store"}]),
    ({"action": "container-kill", "containerNames": ["etcd"], **STORE}, [{"restart": "one of kind:store"}]),
    ({"action": "pod-failure", "duration": "30s", **STORE}, [{"kill": "one of kind:store", "for": "30s"}]),
    (
        {"action": "pod-kill", "gracePeriod": 0, **PODS},
        [{"delete": {"kind": "Pod", "labels": "app=web", "grace": "0"}}],
    ),
    (
        {"action": "pod-kill", **PODS, "mode": "fixed", "value": "2"},
        [{"delete": {"kind": "Pod", "labels": "app=web", "amount": "2"}}],
    ),
    (
        {"action": "pod-kill", "mode": "all", "selector": {"pods": {"shop": ["web-0", "web-1"]}}},
        [
            {"delete": {"kind": "Pod", "name": "web-0", "namespace": "shop"}},
            {"delete": {"kind": "Pod", "name": "web-1", "namespace": "shop"}},
        ],
    ),
]


@pytest.mark.parametrize(("spec", "entries"), POD, ids=[str(spec) for spec, _ in POD])
def test_pod_chaos(spec: dict[str, Any], entries: list[Any]) -> None:
    assert timeline("PodChaos", spec) == entries


DISK: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"action": "latency", "delay": "50ms", "percent": 30}, {"way": "slow", "probability": "30%"}),
    ({"action": "latency", "delay": "1s"}, {"way": "slow", "by": "1s"}),
    ({"action": "fault", "errno": 28}, {"way": "full"}),
    ({"action": "fault", "errno": 5}, {"way": "write-error"}),
    ({"action": "fault", "errno": 5, "methods": ["fsync"]}, {"way": "sync-error"}),
    ({"action": "fault", "errno": 5, "methods": ["write", "fsync"]}, {"way": "write-error"}),
    ({"action": "mistake", "mistake": {"filling": "random", "maxOccurrences": 1}}, {"way": "flip"}),
    (
        {"action": "fault", "errno": 5, "volumePath": "/var/lib/etcd", "path": "/var/lib/etcd/member/wal/**/*"},
        {"way": "write-error", "files": ["member/wal/*"]},
    ),
    (
        {"action": "fault", "errno": 5, "volumePath": "/var/lib/etcd", "path": "/var/lib/etcd/**/*"},
        {"way": "write-error"},
    ),
]


@pytest.mark.parametrize(("spec", "fault"), DISK, ids=[str(spec) for spec, _ in DISK])
def test_io_chaos(spec: dict[str, Any], fault: dict[str, Any]) -> None:
    assert timeline("IOChaos", {**STORE, **spec}) == [{"disk": {"targets": "one of kind:store", **fault}}]


@pytest.mark.parametrize(
    ("when", "every"),
    [
        ("@every 30s", "30s"),
        ("@every 1m30s", "90s"),
        ("@hourly", "60m"),
        ("* * * * *", "60s"),
        ("*/5 * * * *", "5m"),
        ("0 * * * *", "60m"),
        ("0 */6 * * *", "6h"),
    ],
)
def test_schedules(when: str, every: str) -> None:
    spec = {"schedule": when, "type": "PodChaos", "historyLimit": 2, "podChaos": {"action": "pod-kill", **STORE}}
    assert timeline("Schedule", spec) == [{"restart": "one of kind:store", "after": every, "every": every, "repeat": 3}]


CLOCK = {"templateType": "TimeChaos", "deadline": "20s", "timeChaos": {**PODS, "timeOffset": "5s"}}
JUMP = {"clockJump": {"targets": "nodes-of:default/app=web", "by": "5s"}, "for": "20s"}


def workflow(*templates: dict[str, Any]) -> dict[str, Any]:
    return {"entry": templates[0]["name"], "templates": list(templates)}


def test_a_serial_workflow_goes_from_deadline_to_deadline() -> None:
    spec = workflow(
        {"name": "all", "templateType": "Serial", "deadline": "2m", "children": ["a", "rest", "a"]},
        {"name": "a", **CLOCK},
        {"name": "rest", "templateType": "Suspend", "deadline": "5s"},
    )
    wait = {"wait": "20s"}
    assert timeline("Workflow", spec) == [{"sequence": [JUMP, wait, {"wait": "5s"}, JUMP, wait]}]


def test_a_pod_failure_in_a_workflow_lasts_as_long_as_its_deadline() -> None:
    failure = {"templateType": "PodChaos", "podChaos": {"action": "pod-failure", **STORE}}
    spec = workflow({"name": "a", "deadline": "40s", **failure})
    assert timeline("Workflow", spec) == [{"kill": "one of kind:store", "for": "40s"}, {"wait": "40s"}]


def test_a_parallel_workflow_with_a_schedule_inside() -> None:
    schedule = {"schedule": "@every 10s", "type": "PodChaos", "podChaos": {"action": "pod-kill", **STORE}}
    spec = workflow(
        {"name": "all", "templateType": "Parallel", "children": ["a", "s"]},
        {"name": "a", **CLOCK},
        {"name": "s", "templateType": "Schedule", "deadline": "35s", "schedule": schedule},
    )
    again = {"restart": "one of kind:store", "after": "10s", "every": "10s", "repeat": 3}
    assert timeline("Workflow", spec) == [
        {"parallel": [{"sequence": [JUMP, {"wait": "20s"}]}, {"parallel": [again, {"wait": "35s"}]}]}
    ]


def test_several_resources_begin_at_the_same_time() -> None:
    clock = resource("TimeChaos", {**PODS, "timeOffset": "5s"})
    scenario = read(f"{clock}---\n{clock}")
    (whole,) = scenario.timeline
    assert (whole.action, [s.action for s in whole.steps]) == ("parallel", ["clockJump", "clockJump"])


def test_what_comes_with_it_is_checked_and_as_large_as_it_must_be() -> None:
    spec = {"mode": "all", "selector": {"nodes": ["worker-7", "master-4"]}, "timeOffset": "5s"}
    scenario = read(resource("TimeChaos", spec))
    assert (scenario.shape.masters, scenario.shape.workers) == (5, 8)
    assert [check.check for check in scenario.checks] == ["faults-hit", "steady-state"]
    assert [c.text for c in scenario.steady.conditions] == ["all nodes are Ready", "store is writable"]
    assert "whole machine" in scenario.teaches


def problems(text: str) -> list[str]:
    with pytest.raises(FileError) as error:
        read(text)
    return [str(problem) for problem in error.value.problems]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "NetworkChaos",
        {**STORE, "action": "partition", "device": "eth0"},
        "'device' is a network card; our links have none",
    ),
    (
        "NetworkChaos",
        {**STORE, "action": "partition", "externalTargets": ["example.org"]},
        "'externalTargets' are outside of the cluster; nothing of ours reaches them",
    ),
    (
        "NetworkChaos",
        {**STORE, "action": "partition", "remoteCluster": "b"},
        "'remoteCluster' is another cluster; run it there",
    ),
    ("NetworkChaos", {**STORE, "action": "partition", "typo": 1}, "'typo' has no counterpart here; remove it"),
    (
        "NetworkChaos",
        {**STORE, "action": "delay", "delay": {"latency": "1s", "reorder": {"gap": 3}}},
        "'reorder' of a delay cannot be said here; an experiment of its own in our format: reorder",
    ),
    (
        "NetworkChaos",
        {**STORE, "action": "loss", "loss": {"loss": "130"}},
        "'130' is not a percentage; a number from 0 to 100",
    ),
    (
        "NetworkChaos",
        {**STORE, "action": "bandwidth", "bandwidth": {"rate": "1Mbit", "limit": 1}},
        "'1Mbit' is not a rate; such as 1mbps: bytes a second, by powers of 1024",
    ),
    (
        "NetworkChaos",
        {"action": "partition", "selector": {}},
        "'mode' is missing; one of one, all, fixed, fixed-percent",
    ),
    ("NetworkChaos", {**STORE, "action": "partition", "duration": "soon"}, "'soon' is not a duration; such as 300ms"),
    (
        "PodChaos",
        {**PODS, "action": "pod-failure", "duration": "3s"},
        "pod-failure of pods that are no component: no fault of ours ends a container by itself",
    ),
    ("PodChaos", {**STORE, "action": "pod-failure"}, "pod-failure needs a duration; duration: 30s"),
    (
        "TimeChaos",
        {**PODS, "timeOffset": "1s", "clockIds": ["CLOCK_MONOTONIC"]},
        "CLOCK_MONOTONIC cannot be moved here",
    ),
    ("TimeChaos", {**PODS, "timeOffset": "1s", "containerNames": ["a"]}, "'containerNames' cannot be said here"),
    (
        "IOChaos",
        {**STORE, "action": "attrOverride", "attr": {"perm": 72}},
        "attrOverride cannot be done: files of ours have no attributes; latency, fault or mistake",
    ),
    ("IOChaos", {**STORE, "action": "fault", "errno": 2}, "errno '2' is not possible here; 5 (EIO) or 28 (ENOSPC)"),
    ("IOChaos", {**STORE, "action": "fault", "errno": 5, "methods": ["read"]}, "method 'read' cannot fail here"),
    (
        "Schedule",
        {"schedule": "15 9 * * 1", "type": "PodChaos", "podChaos": {**STORE, "action": "pod-kill"}},
        "'15 9 * * 1' is not a plain period: a story has no wall clock; such as @every 30s",
    ),
    (
        "Schedule",
        {"schedule": "@every 5s", "type": "TimeChaos", "timeChaos": {**PODS, "timeOffset": "1s", "duration": "9s"}},
        "lasts 9 s, and is forbidden to begin again every 5 s; a shorter duration",
    ),
    (
        "Workflow",
        workflow({"name": "a", "templateType": "Task", "task": {}}),
        "templateType 'Task' cannot be done here",
    ),
    (
        "Workflow",
        workflow({"name": "a", "templateType": "Serial", "children": ["a"]}),
        "'a' is inside of itself; templates form a tree",
    ),
    ("Workflow", workflow({"name": "a", "templateType": "Serial", "children": ["b"]}), "there is no template 'b'"),
    (
        "Workflow",
        workflow({"name": "a", **CLOCK, "deadline": None}),
        "a chaos in a Workflow needs a deadline; deadline: 30s",
    ),
    ("StressChaos", {**STORE}, "kind 'StressChaos' cannot be done here; did you mean"),
    (
        "TimeChaos",
        {"mode": "all", "timeOffset": "1s", "selector": {"labelSelectors": {"a": "b"}, "nodes": ["worker-1"]}},
        "pods by labels on certain nodes cannot be said here; labels alone, or nodes alone",
    ),
    (
        "TimeChaos",
        {"mode": "all", "timeOffset": "1s", "selector": {"annotationSelectors": {"a": "b"}}},
        "'annotationSelectors' cannot be said here; use labelSelectors",
    ),
    (
        "TimeChaos",
        {"mode": "all", "timeOffset": "1s", "selector": {"nodes": ["gke-1"]}},
        "there is no node 'gke-1'; machines are called master-0, worker-0, ...",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "said"), REFUSED, ids=[said for _, _, said in REFUSED])
def test_what_has_no_counterpart_is_told_with_its_place(kind: str, spec: dict[str, Any], said: str) -> None:
    found = problems(resource(kind, spec))
    assert any(said in problem for problem in found), found
    assert all(problem.startswith("mesh.yaml:") for problem in found)


def test_what_a_cluster_has_written_is_refused() -> None:
    found = problems(resource("TimeChaos", {**PODS, "timeOffset": "1s"}, uid="1") + "status: {}\n")
    assert [f.partition("metadata")[0] for f in found if "uid" in f]
    assert any("'status' is written by a cluster; remove it" in f for f in found)


def test_a_paused_experiment_is_refused() -> None:
    annotations = {"experiment.chaos-mesh.org/pause": "true"}
    found = problems(resource("TimeChaos", {**PODS, "timeOffset": "1s"}, annotations=annotations))
    assert "the experiment is paused; remove the annotation" in found[0]


def test_a_selector_that_is_no_mapping() -> None:
    with pytest.raises(UsageError):
        read(resource("TimeChaos", {"mode": "all", "selector": [], "timeOffset": "1s"}))
