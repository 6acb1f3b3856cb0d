"""Admission and allocation by table; the hub's index against asking everybody."""

from __future__ import annotations

from ipaddress import IPv4Network
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.kinds import KINDS
from cluster.api.selectors import parse_field_selector
from cluster.apiserver import allocation
from cluster.apiserver.admission.chain import Chain
from cluster.apiserver.admission.namespacelifecycle import check as namespace_lifecycle
from cluster.apiserver.admission.review import CREATE, DELETE, Review, Sources
from cluster.apiserver.admission.tolerationseconds import NOT_READY, UNREACHABLE
from cluster.apiserver.hub import Hub, Watcher
from cluster.apiserver.reads import PACKED
from cluster.apiserver.watchcache import Arrived, Selection, WatchCache
from cluster.errors import StatusError
from cluster.wire import unpack
from tests.cluster.apiserver.cluster import pod, service

Object = dict[str, Any]
RANGES = allocation.Ranges(IPv4Network("127.7.240.0/29"), (30000, 30001))


def sources(*objects: Object) -> Sources:
    def key(obj: Object) -> str:
        meta = obj["metadata"]
        return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else str(meta["name"])

    def of(kind: str) -> list[Object]:
        return [obj for obj in objects if obj["kind"] == kind]

    return Sources(
        15,
        lambda kind, wanted: next((obj for obj in of(kind) if key(obj) == wanted), None),
        of,
        lambda kind, namespace: [obj for obj in of(kind) if obj["metadata"].get("namespace") == namespace],
    )


def review_of(obj: Object, operation: str = CREATE, old: Object | None = None) -> Review:
    meta = obj["metadata"]
    new = None if operation == DELETE else obj
    was = obj if operation == DELETE else old
    return Review(KINDS[obj["kind"]], operation, new, was, meta.get("namespace", ""), meta["name"])


def admitted(obj: Object, *others: Object) -> Object:
    """A new object, as the plugins leave it."""
    review = review_of(obj)
    chain = Chain(sources(*others))
    chain.mutate(review)
    chain.validate(review)
    assert review.obj is not None
    return review.obj


def priority_class(name: str, value: int, **more: Any) -> Object:
    return {"kind": "PriorityClass", "metadata": {"name": name}, "value": value, **more}


def test_tolerations_are_added_once() -> None:
    tolerations = admitted(pod("a"))["spec"]["tolerations"]
    assert [(t["key"], t["tolerationSeconds"]) for t in tolerations] == [(NOT_READY, 15), (UNREACHABLE, 15)]
    own = {"key": NOT_READY, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    assert [t["key"] for t in admitted(pod("a", tolerations=[own]))["spec"]["tolerations"]] == [NOT_READY, UNREACHABLE]
    everything = {"operator": "Exists"}
    assert admitted(pod("a", tolerations=[everything]))["spec"]["tolerations"] == [everything]
    other = {"key": NOT_READY, "operator": "Exists", "effect": "NoSchedule"}
    assert len(admitted(pod("a", tolerations=[other]))["spec"]["tolerations"]) == 3


def test_priority() -> None:
    high = priority_class("high", 1000, preemptionPolicy="Never")
    plain = admitted(pod("a"))["spec"]
    assert (plain["priority"], plain["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert admitted(pod("a", preemptionPolicy="Never"))["spec"]["preemptionPolicy"] == "Never"
    spec = admitted(pod("a", priorityClassName="high"), high)["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (1000, "Never")
    assert admitted(pod("a"), priority_class("usual", 5, globalDefault=True))["spec"]["priorityClassName"] == "usual"
    assert admitted(pod("a", priorityClassName="system-node-critical"))["spec"]["priority"] == 2_000_001_000
    with pytest.raises(StatusError, match="no PriorityClass with name nope was found"):
        admitted(pod("a", priorityClassName="nope"))


def test_new_nodes_are_not_ready() -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    tainted = admitted(node)
    assert tainted["spec"]["taints"] == [{"key": NOT_READY, "effect": "NoSchedule"}]
    assert admitted(tainted) == tainted
    assert "spec" not in node


@pytest.mark.parametrize(
    ("namespace", "reason"),
    [
        (None, "NotFound"),
        ({"metadata": {"name": "default"}, "status": {"phase": "Terminating"}}, "Forbidden"),
        ({"metadata": {"name": "default", "deletionTimestamp": "t"}}, "Forbidden"),
    ],
)
def test_namespaces_must_be_there(namespace: Object | None, reason: str) -> None:
    with pytest.raises(StatusError) as caught:
        namespace_lifecycle(KINDS["Pod"], pod("a"), namespace)
    assert caught.value.reason == reason


def test_addresses_until_there_are_none() -> None:
    dice, taken = Random(1), set[str]()
    for _ in range(5):  # 8 addresses: network, kubernetes' own, broadcast, and these
        made = allocation.allocate(service("s"), taken, RANGES, dice)
        claims = allocation.claims(made)
        assert not taken.intersection(claims)
        taken.update(claims)
    assert allocation.IPS + "127.7.240.1" not in taken
    with pytest.raises(StatusError, match="range is full"):
        allocation.allocate(service("s"), taken, RANGES, dice)


def test_node_ports_until_there_are_none() -> None:
    two = service("s", type="NodePort", ports=[{"port": 1}, {"port": 2}])
    made = allocation.allocate(two, (), RANGES, Random(1))
    assert sorted(p["nodePort"] for p in made["spec"]["ports"]) == [30000, 30001]
    assert len(allocation.claims(made)) == 3
    with pytest.raises(StatusError, match="failed to allocate a nodePort"):
        allocation.allocate(two, allocation.claims(made), RANGES, Random(1))


def test_what_has_no_address() -> None:
    headless = allocation.allocate(service("s", clusterIP="None"), (), RANGES, Random(1))
    assert headless["spec"]["clusterIPs"] == ["None"]
    external = allocation.allocate(service("s", type="ExternalName", externalName="x.y"), (), RANGES, Random(1))
    assert "clusterIP" not in external["spec"]
    assert allocation.claims(headless) == allocation.claims(external) == allocation.claims(None) == ()


changes = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(("", "n1", "n2", None))), max_size=20)


@given(changes)
def test_watchers_that_are_looked_up_see_what_all_would(story: list[tuple[str, str | None]]) -> None:
    cache, hub = WatchCache(KINDS, 100), Hub()
    cache.reset(1, [])
    inboxes: dict[str, list[tuple[str, str]]] = {}
    expected: dict[str, list[tuple[str, str]]] = {}
    selectors = ("", "spec.nodeName=n1", "spec.nodeName=n2", "spec.nodeName=", "spec.nodeName!=n1", "metadata.name=a")
    selections = {text: Selection(fields=parse_field_selector(text)) for text in selectors}
    for text, selection in selections.items():
        inbox = inboxes.setdefault(text, [])
        expected[text] = []

        def send(events: list[bytes], inbox: list[tuple[str, str]] = inbox) -> None:
            inbox.extend((e["type"], e["object"]["metadata"]["name"]) for e in map(unpack, events))

        hub.add(Watcher("Pod", selection, send, lambda error: None, PACKED))
    for revision, (name, node) in enumerate(story, 2):
        obj = None if node is None else pod(name, nodeName=node)
        made = cache.apply(revision, [Arrived("Pod", f"default/{name}", revision, obj)])
        hub.publish(made)
        for change in made:
            for text, selection in selections.items():
                if seen := selection.sees(change):
                    expected[text].append((seen, name))
    assert inboxes == expected
