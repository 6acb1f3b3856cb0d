"""Decisions: what keeps a pod from a node, in whose words, and which node is best."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api import quantity
from cluster.scheduler import scores
from cluster.scheduler.cycle import Cycle, wanted_nodes
from cluster.scheduler.snapshot import PodInfo, Snapshot
from tests.cluster.scheduler.objects import Object, node, pod


def snapshot(nodes: list[Object], pods: dict[str, list[Object]] | None = None) -> Snapshot:
    made = Snapshot()
    for one in nodes:
        made.set_node(one)
    for name, here in (pods or {}).items():
        for one in here:
            made.set_pod({**one, "spec": {**one["spec"], "nodeName": name}})
    return made


def why(wanted: Object, nodes: list[Object], pods: dict[str, list[Object]] | None = None) -> str:
    decision = Cycle(snapshot(nodes, pods), Random(0)).schedule(PodInfo.of(wanted))
    return decision.message if not decision.node else f"on {decision.node}"


def taint(key: str, value: str = "", effect: str = "NoSchedule") -> Object:
    return {"key": key, "value": value, "effect": effect}


def required(operator: str, *values: str, key: str = "disk") -> Object:
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


SSD = node("a", labels={"disk": "ssd"})
AFFINITY = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."

CASES: list[tuple[str, Object, list[Object], str]] = [
    ("room", pod("p", "1", "1Gi"), [node("a")], "on a"),
    ("cpu", pod("p", "5"), [node("a")], "0/1 nodes are available: 1 Insufficient cpu."),
    ("memory", pod("p", "1", "9Gi"), [node("a")], "0/1 nodes are available: 1 Insufficient memory."),
    (
        "both, each told",
        pod("p", "5", "9Gi"),
        [node("a"), node("b", cpu="8")],
        "0/2 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.",
    ),
    ("too many", pod("p"), [node("a", pods="0")], "0/1 nodes are available: 1 Too many pods."),
    ("exactly full", pod("p", "4", "8Gi"), [node("a")], "on a"),
    ("no nodes", pod("p"), [], "no nodes available to schedule pods"),
    ("cordoned", pod("p"), [node("a", unschedulable=True)], "0/1 nodes are available: 1 node(s) were unschedulable."),
    (
        "cordoned, tolerated",
        pod("p", tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]),
        [node("a", unschedulable=True)],
        "on a",
    ),
    (
        "taints",
        pod("p"),
        [node(n, taints=[taint("k", "v")]) for n in "ab"]
        + [node("c", taints=[taint("node.kubernetes.io/unreachable")])],
        "0/3 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, "
        "2 node(s) had untolerated taint {k: v}.",
    ),
    ("taint, tolerated", pod("p", tolerations=[{"operator": "Exists"}]), [node("a", taints=[taint("k")])], "on a"),
    ("taint, preferred", pod("p"), [node("a", taints=[taint("k", effect="PreferNoSchedule")])], "on a"),
    ("selector", pod("p", nodeSelector={"disk": "hdd"}), [SSD], AFFINITY),
    ("selector fits", pod("p", nodeSelector={"disk": "ssd"}), [SSD, node("b")], "on a"),
    ("affinity", pod("p", affinity=required("NotIn", "ssd")), [SSD], AFFINITY),
    ("affinity fits", pod("p", affinity=required("Exists")), [SSD, node("b")], "on a"),
]


@pytest.mark.parametrize(("wanted", "nodes", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_a_pod_without_company_is_told(wanted: Object, nodes: list[Object], said: str) -> None:
    assert why(wanted, nodes) == said


def test_pods_that_are_there_take_room_until_they_are_gone() -> None:
    made = snapshot([node("a")], {"a": [pod("x", "3")]})
    cycle = Cycle(made, Random(0))
    assert cycle.schedule(PodInfo.of(pod("p", "2"))).message == "0/1 nodes are available: 1 Insufficient cpu."
    made.remove_pod("default/x")
    assert cycle.schedule(PodInfo.of(pod("p", "2"))).node == "a"


def test_a_pod_that_has_run_to_its_end_takes_no_room() -> None:
    done = pod("x", "3")
    done["status"]["phase"] = "Succeeded"
    assert why(pod("p", "2"), [node("a")], {"a": [done]}) == "on a"


def test_a_pod_without_requests_fits_on_an_overcommitted_node() -> None:
    assert why(pod("p"), [node("a")], {"a": [pod("x", "9", "90Gi")]}) == "on a"


def test_host_ports_are_taken_once() -> None:
    said = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
    assert why(pod("p", ports=[80]), [node("a")], {"a": [pod("x", ports=[80])]}) == said
    assert why(pod("p", ports=[81]), [node("a")], {"a": [pod("x", ports=[80])]}) == "on a"


def test_a_daemon_pod_is_looked_at_on_its_node_only() -> None:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}
    pinned = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    assert why(pod("p", affinity=pinned), [node("a"), node("b"), node("c")]) == "on b"
    assert why(pod("p", "5", affinity=pinned), [node("a", cpu="9"), node("b")]) == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector."
    )


def test_a_static_verdict_ends_with_the_node_it_was_about() -> None:
    made = snapshot([node("a", taints=[taint("k")])])
    cycle = Cycle(made, Random(0))
    assert not cycle.schedule(PodInfo.of(pod("p"))).node
    made.set_node(node("a"))
    assert cycle.schedule(PodInfo.of(pod("p"))).node == "a"
    made.remove_node("a")
    made.set_node(node("a", taints=[taint("k")]))
    assert not cycle.schedule(PodInfo.of(pod("p"))).node


# ── between pods ─────────────────────────────────────────────────────────────────────────────────────────────


def company(which: str, app: str, key: str = "zone") -> Object:
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key}
    return {which: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


ZONES = [node("a", labels={"zone": "1"}), node("b", labels={"zone": "1"}), node("c", labels={"zone": "2"})]


def test_pod_affinity_goes_where_the_other_is() -> None:
    wanted = pod("p", affinity=company("podAffinity", "db"))
    assert why(wanted, ZONES, {"c": [pod("x", labels={"app": "db"})]}) == "on c"
    assert why(wanted, ZONES) == "0/3 nodes are available: 3 node(s) didn't match pod affinity rules."


def test_the_first_of_a_group_with_affinity_to_itself_may_start_it() -> None:
    wanted = pod("p", labels={"app": "db"}, affinity=company("podAffinity", "db"))
    assert why(wanted, ZONES).startswith("on ")


def test_pod_anti_affinity_keeps_away_in_both_directions() -> None:
    shy = pod("x", labels={"app": "db"}, affinity=company("podAntiAffinity", "db"))
    assert why(shy, ZONES, {"a": [pod("y", labels={"app": "db"})]}) == "on c"
    assert why(pod("p", labels={"app": "db"}), ZONES, {"a": [shy]}) == "on c"
    both = {"a": [pod("y", labels={"app": "db"})], "c": [pod("z", labels={"app": "db"})]}
    assert why(shy, ZONES, both) == "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules."
    assert why(pod("p", labels={"app": "db"}), ZONES[:2], {"a": [shy]}) == (
        "0/2 nodes are available: 2 node(s) didn't satisfy existing pods anti-affinity rules."
    )


def spread(max_skew: int = 1, **more: Any) -> list[Object]:
    selector = {"matchLabels": {"app": "web"}}
    rule = {"maxSkew": max_skew, "topologyKey": "zone", "labelSelector": selector, "whenUnsatisfiable": "DoNotSchedule"}
    return [{**rule, **more}]


def test_topology_spread_keeps_zones_level() -> None:
    web = pod("p", labels={"app": "web"}, topologySpreadConstraints=spread())
    there = {"a": [pod("x", labels={"app": "web"})]}
    assert why(web, ZONES, there) == "on c"
    nowhere = why(web, [*ZONES[:2], node("c", pods="0", labels={"zone": "2"}), node("d")], there)
    assert nowhere == (
        "0/4 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread constraints "
        "(missing required label), 2 node(s) didn't match pod topology spread constraints."
    )
    assert why(web, ZONES[:2], {"a": [pod("x", labels={"app": "web"})]}).startswith("on ")
    few = pod("p", labels={"app": "web"}, topologySpreadConstraints=spread(minDomains=3))
    assert "topology spread" in why(few, ZONES[:2], there)


# ── scores ───────────────────────────────────────────────────────────────────────────────────────────────────


def rated(score: scores.Score, wanted: Object, made: Snapshot) -> list[int] | None:
    return score(PodInfo.of(wanted), list(made.nodes.values()), made)


def test_least_and_most_allocated() -> None:
    made = snapshot([node("a"), node("b")], {"b": [pod("x", "2", "4Gi")]})
    assert rated(scores.least_allocated, pod("p", "1", "2Gi"), made) == [75, 25]
    assert rated(scores.most_allocated, pod("p", "1", "2Gi"), made) == [25, 75]
    assert rated(scores.most_allocated, pod("p", "3", "6Gi"), made) == [75, 0]


def test_balanced_allocation_likes_equal_shares() -> None:
    made = snapshot([node("a"), node("b")], {"b": [pod("x", "2", "1Gi")]})
    assert rated(scores.balanced_allocation, pod("p", "1", "2Gi"), made) == [100, 81]


def test_selector_spread_counts_the_same_controllers_pods() -> None:
    pods = {"a": [pod("x", owner="rs"), pod("y", owner="rs")], "b": [pod("z", owner="rs"), pod("o", owner="other")]}
    assert rated(scores.selector_spread, pod("p", owner="rs"), snapshot([node("a"), node("b")], pods)) == [0, 50]
    zone = "topology.kubernetes.io/zone"
    nodes = [node("a", labels={zone: "1"}), node("b", labels={zone: "1"}), node("c", labels={zone: "2"})]
    assert rated(scores.selector_spread, pod("p", owner="rs"), snapshot(nodes, {"a": pods["a"]})) == [0, 33, 100]


def test_image_locality_soft_taints_and_preferences() -> None:
    mega = 1024 * 1024
    made = snapshot([node("a", images={"nginx": 2000 * mega}), node("b")])
    assert rated(scores.image_locality, pod("p"), made) == [100, 0]
    assert rated(scores.image_locality, pod("p", image="other"), made) is None
    soft = snapshot([node("a", taints=[taint("k", effect="PreferNoSchedule")]), node("b")])
    assert rated(scores.taint_toleration, pod("p"), soft) == [0, 100]
    term = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    preferred = [{"weight": 5, "preference": term}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    assert rated(scores.node_affinity, pod("p", affinity=affinity), snapshot([SSD, node("b")])) == [100, 0]


@pytest.mark.parametrize(("strategy", "most"), [("least", 1), ("most", 3)])
def test_the_strategy_spreads_or_packs(strategy: str, most: int) -> None:
    made = snapshot([node(name) for name in "abc"])
    cycle = Cycle(made, Random(3), strategy)
    for i in range(3):
        info = PodInfo.of(pod(f"p{i}", "1", "2Gi"))
        made.assume(info, cycle.schedule(info).node)
    assert max(len(info.pods) for info in made.nodes.values()) == most


def test_ties_are_broken_by_the_dice_that_are_given() -> None:
    def draws(seed: int) -> list[str]:
        cycle = Cycle(snapshot([node(name) for name in "abc"]), Random(seed))
        return [cycle.schedule(PodInfo.of(pod("p"))).node for _ in range(300)]

    assert all(70 < count < 130 for count in Counter(draws(1)).values())
    assert draws(1) == draws(1) != draws(2)


def test_in_a_large_cluster_a_share_of_the_nodes_is_enough_and_all_get_their_turn() -> None:
    assert [wanted_nodes(n) for n in (3, 100, 200, 1000, 10_000)] == [3, 100, 100, 420, 500]
    made = snapshot([node(f"n{i:03}", pods="1") for i in range(300)])
    cycle = Cycle(made, Random(0))
    for i in range(300):
        info = PodInfo.of(pod(f"p{i}"))
        made.assume(info, cycle.schedule(info).node)
    assert all(len(info.pods) == 1 for info in made.nodes.values())


# ── against a twin ───────────────────────────────────────────────────────────────────────────────────────────


def twin(wanted: Object, nodes: list[Object], pods: dict[str, list[Object]]) -> list[str]:
    """Resources, ports, taints and the selector by looking through everything."""
    fitting = []
    for one in nodes:
        here = pods.get(one["metadata"]["name"], [])
        free = quantity.resources(one["status"]["allocatable"])
        for other in here:
            for name, amount in quantity.resources(other["spec"]["containers"][0]["resources"]["requests"]).items():
                free[name] -= amount
        need = quantity.resources(wanted["spec"]["containers"][0]["resources"]["requests"])
        taken = {p["hostPort"] for other in here for p in other["spec"]["containers"][0]["ports"]}
        asked = {p["hostPort"] for p in wanted["spec"]["containers"][0]["ports"]}
        if (
            len(here) < free["pods"]
            and all(amount <= free[name] for name, amount in need.items())
            and not taken & asked
            and not one["spec"].get("taints")
            and all(one["metadata"]["labels"].get(k) == v for k, v in wanted["spec"].get("nodeSelector", {}).items())
        ):
            fitting.append(one["metadata"]["name"])
    return fitting


sizes = st.sampled_from(["", "1", "2", "500m"])
memories = st.sampled_from(["", "1Gi", "3Gi"])
ports = st.sampled_from([[], [80], [81]])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_filters_agree_with_a_quadratic_loop(data: st.DataObject) -> None:
    nodes = [
        node(
            name,
            data.draw(st.sampled_from(["1", "2", "4"])),
            data.draw(st.sampled_from(["2Gi", "4Gi"])),
            data.draw(st.sampled_from(["1", "3"])),
            labels=data.draw(st.sampled_from([{}, {"disk": "ssd"}])),
            taints=data.draw(st.sampled_from([[], [], [taint("k")]])),
        )
        for name in "abc"
    ]
    pods: dict[str, list[Object]] = {}
    for i in range(data.draw(st.integers(0, 6))):
        here = pods.setdefault(data.draw(st.sampled_from("abc")), [])
        here.append(pod(f"x{i}", data.draw(sizes), data.draw(memories), ports=data.draw(ports)))
    selector = data.draw(st.sampled_from([{}, {"disk": "ssd"}]))
    wanted = pod("p", data.draw(sizes), data.draw(memories), ports=data.draw(ports), nodeSelector=selector)
    decision = Cycle(snapshot(nodes, pods), Random(0)).schedule(PodInfo.of(wanted))
    fitting = twin(wanted, nodes, pods)
    assert decision.fitting == len(fitting)
    assert (decision.node in fitting) == bool(fitting)
