"""What a kubelet may touch: its node, its pods, what these use; and what it may write into them."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.kinds import KINDS
from cluster.apiserver.admission.noderestriction import MIRROR, restrict
from cluster.apiserver.admission.review import CREATE, DELETE, UPDATE, Review, Sources
from cluster.apiserver.auth.bususers import user_of_host
from cluster.apiserver.auth.nodes import NodeAuthorizer, node_of
from cluster.apiserver.auth.rules import AUTHENTICATED, MASTERS, NODES, Attributes, Who
from cluster.errors import StatusError
from tests.cluster.apiserver.auth.sources import Objects

Object = dict[str, Any]
KUBELET = Who("system:node:worker-1", (NODES, AUTHENTICATED))
LEASE = ("coordination.k8s.io", "leases", "", "kube-node-lease")


def pod(name: str, node: str, **spec: Any) -> Object:
    return {"kind": "Pod", "metadata": {"name": name, "namespace": "web"}, "spec": {"nodeName": node, **spec}}


def authorizer() -> NodeAuthorizer:
    env = [{"name": "x", "valueFrom": {"secretKeyRef": {"name": "of-env", "key": "k"}}}]
    projected = {"sources": [{"configMap": {"name": "of-projection"}}]}
    volumes = [
        {"name": "a", "secret": {"secretName": "of-volume"}},
        {"name": "b", "projected": projected},
        {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}},
    ]
    mine = pod("mine", "worker-1", containers=[{"env": env}], volumes=volumes, serviceAccountName="bot")
    source = Objects()
    source.add(mine, pod("other", "worker-2", volumes=[{"name": "a", "secret": {"secretName": "of-other"}}]))
    return NodeAuthorizer(source)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (Attributes("get", "", "nodes", name="worker-1"), True),
        (Attributes("update", "", "nodes", "status", name="worker-1"), True),
        (Attributes("get", "", "nodes", name="worker-2"), False),
        (Attributes("list", "", "nodes"), False),
        (Attributes("watch", "", "nodes", name="worker-1"), True),
        (Attributes("create", "", "nodes"), True),
        (Attributes("delete", "", "nodes", name="worker-1"), False),
        (Attributes("get", "", "pods", "", "web", "mine"), True),
        (Attributes("get", "", "pods", "", "web", "other"), False),
        (Attributes("list", "", "pods"), False),
        (Attributes("watch", "", "pods", node="worker-1"), True),
        (Attributes("watch", "", "pods", node="worker-2"), False),
        (Attributes("patch", "", "pods", "status", "web", "mine"), True),
        (Attributes("get", "", "secrets", "", "web", "of-env"), True),
        (Attributes("get", "", "secrets", "", "web", "of-volume"), True),
        (Attributes("get", "", "secrets", "", "web", "of-other"), False),
        (Attributes("get", "", "secrets", "", "elsewhere", "of-env"), False),
        (Attributes("list", "", "secrets", "", "web"), False),
        (Attributes("update", "", "secrets", "", "web", "of-env"), False),
        (Attributes("get", "", "configmaps", "", "web", "of-projection"), True),
        (Attributes("get", "", "configmaps", "", "web", "other"), False),
        (Attributes("get", "", "persistentvolumeclaims", "", "web", "claim"), True),
        (Attributes("create", "", "serviceaccounts", "token", "web", "bot"), True),
        (Attributes("create", "", "serviceaccounts", "token", "web", "default"), False),
        (Attributes("update", *LEASE, "worker-1"), True),
        (Attributes("update", *LEASE, "worker-2"), False),
        (Attributes("get", "apps", "deployments", "", "web", "d"), False),
        (Attributes("get", path="/metrics"), False),
    ],
)
def test_what_a_kubelet_may_touch(asked: Attributes, allowed: bool) -> None:
    assert authorizer().allows(KUBELET, asked) is allowed


def test_who_is_a_kubelet() -> None:
    assert node_of(KUBELET) == "worker-1"
    assert node_of(Who("system:node:worker-1", (AUTHENTICATED,))) == ""
    assert not authorizer().allows(Who("jane", (NODES,)), Attributes("get", "", "nodes", name="worker-1"))
    assert authorizer().explain(KUBELET, Attributes("get", "", "secrets", "", "web", "of-other")) == (
        "no relationship found between node 'worker-1' and this object"
    )


def test_hosts_on_the_bus_are_users() -> None:
    assert user_of_host("kubelet-1") == KUBELET
    assert user_of_host("scheduler-0").name == "system:kube-scheduler"
    assert user_of_host("controller-manager-2").name == "system:kube-controller-manager"
    assert user_of_host("proxy-0").name == "system:kube-proxy"
    assert MASTERS in user_of_host("cli-77").groups


def node(name: str, labels: Object | None = None, **spec: Any) -> Object:
    return {"kind": "Node", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


MINE, THEIRS = pod("mine", "worker-1"), pod("other", "worker-2")
MIRRORED = {**MINE, "metadata": {**MINE["metadata"], "annotations": {MIRROR: "x"}}}
WITH_SECRET = {**MIRRORED, "spec": {"nodeName": "worker-1", "volumes": [{"name": "a", "secret": {"secretName": "s"}}]}}
TAINTED = node("worker-1", taints=[{"key": "a", "effect": "NoSchedule"}])


@pytest.mark.parametrize(
    ("kind", "what", "new", "old", "refused"),
    [
        ("Pod", (UPDATE, "status"), MINE, MINE, ""),
        ("Pod", (UPDATE, "status"), THEIRS, THEIRS, "can only update pod status for pods with spec.nodeName set"),
        ("Pod", (DELETE, ""), None, MINE, ""),
        ("Pod", (DELETE, ""), None, THEIRS, "can only delete pods with spec.nodeName set to itself"),
        ("Pod", (CREATE, ""), MINE, None, "can only create mirror pods"),
        ("Pod", (CREATE, ""), MIRRORED, None, ""),
        ("Pod", (CREATE, ""), WITH_SECRET, None, "can not create pods that reference secrets"),
        ("Pod", (UPDATE, ""), MINE, MINE, "unexpected operation"),
        ("Node", (CREATE, ""), TAINTED, None, ""),
        ("Node", (UPDATE, ""), node("worker-1", {"mine": "x"}), node("worker-1"), ""),
        ("Node", (UPDATE, ""), node("worker-2"), node("worker-2"), 'is not allowed to modify node "worker-2"'),
        ("Node", (UPDATE, ""), TAINTED, node("worker-1"), "not allowed to modify taints"),
        ("Node", (UPDATE, ""), node("worker-1", {"node-role.kubernetes.io/x": ""}), node("worker-1"), "labels"),
        ("Node", (UPDATE, ""), node("worker-1", {"topology.kubernetes.io/zone": "a"}), node("worker-1"), ""),
        ("Node", (DELETE, ""), None, node("worker-1"), "not allowed to delete node"),
    ],
)
def test_what_a_kubelet_may_write(
    kind: str, what: tuple[str, str], new: Object | None, old: Object | None, refused: str
) -> None:
    meta = (new or old or {})["metadata"]
    review = Review(KINDS[kind], what[0], new, old, meta.get("namespace", ""), meta["name"], what[1], KUBELET)
    sources = Sources(5, lambda kind, key: None, lambda kind: (), lambda kind, namespace: ())
    if not refused:
        restrict(review, sources)
        return
    with pytest.raises(StatusError, match=refused):
        restrict(review, sources)
