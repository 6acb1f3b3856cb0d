"""The Node object: what is ours in it, and what counts as news."""

from __future__ import annotations

from cluster.api import meta
from cluster.config import Timing
from nodes.kubelet.config import Config
from nodes.kubelet.nodestatus import Machine, adoption, differs, lease, new_node, node_status

CONFIG = Config(("apiserver-0",), Timing(), "worker-0", "127.77.1.1", "127.77.16.0/24", zone="eu-1", labels={"x": "y"})
MACHINE = Machine("boot-1")


def test_only_heartbeats_are_no_news() -> None:
    node = new_node(CONFIG)
    first = node_status(CONFIG, node, MACHINE, 1000.0)
    later = node_status(CONFIG, {**node, "status": first}, MACHINE, 2000.0)
    assert first != later
    assert not differs(later, first)
    assert differs(node_status(CONFIG, {**node, "status": first}, Machine("boot-1", (("nginx", 1),)), 1.0), first)


def test_trouble_makes_the_node_not_ready() -> None:
    status = node_status(CONFIG, new_node(CONFIG), Machine("boot-1", trouble="runtime is down"), 1.0)
    found = meta.condition({"status": status}, "Ready") or {}
    assert (found["status"], found["reason"], found["message"]) == ("False", "KubeletNotReady", "runtime is down")


def test_conditions_of_others_stay() -> None:
    other = {"type": "NetworkUnavailable", "status": "False"}
    node = {**new_node(CONFIG), "status": {"conditions": [other]}}
    assert other in node_status(CONFIG, node, MACHINE, 1.0)["conditions"]


def test_a_node_that_is_there_is_adopted_by_what_lacks() -> None:
    node = new_node(CONFIG)
    assert adoption(CONFIG, node) is None
    bare = {**node, "metadata": {"name": "worker-0", "labels": {"own": "1"}}, "spec": {}}
    patch = adoption(CONFIG, bare) or {}
    assert patch["spec"]["podCIDR"] == "127.77.16.0/24"
    assert patch["metadata"]["labels"]["topology.kubernetes.io/zone"] == "eu-1"
    assert patch["metadata"]["labels"]["x"] == "y"
    assert "own" not in patch["metadata"]["labels"]


def test_the_lease_names_its_node() -> None:
    owner = {**new_node(CONFIG), "metadata": {"name": "worker-0", "uid": "u"}}
    made = lease(CONFIG, owner, 0.25)
    assert made["metadata"]["namespace"] == "kube-node-lease"
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert made["spec"]["leaseDurationSeconds"] == 40
    assert made["spec"]["renewTime"].endswith(".250000Z")
