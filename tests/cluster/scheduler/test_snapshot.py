"""What counts on which node, and when it stops counting."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.scheduler.snapshot import NodeInfo, PodInfo, Snapshot
from tests.cluster.scheduler.objects import Object, node, pod


def bound(wanted: Object, name: str) -> Object:
    return {**wanted, "spec": {**wanted["spec"], "nodeName": name}}


def test_an_assumed_pod_counts_until_it_is_forgotten() -> None:
    made = Snapshot()
    made.set_node(node("a"))
    info = PodInfo.of(pod("p", "1"))
    made.assume(info, "a")
    made.set_pod(pod("p", "1"))  # the watch is behind
    assert made.nodes["a"].used_cpu == 1000
    made.forget("default/p", "another uid")
    assert made.nodes["a"].used_cpu == 1000
    made.forget("default/p", info.uid)
    assert made.nodes["a"].used_cpu == 0


def test_what_the_watch_shows_replaces_what_was_assumed() -> None:
    made = Snapshot()
    made.set_node(node("a"))
    made.set_node(node("b"))
    info = PodInfo.of(pod("p", "1"))
    made.assume(info, "a")
    made.set_pod(bound(pod("p", "1"), "b"))
    made.forget("default/p", info.uid)
    assert (made.nodes["a"].used_cpu, made.nodes["b"].used_cpu) == (0, 1000)


def test_a_new_pod_of_the_same_name_ends_the_assumption() -> None:
    made = Snapshot()
    made.set_node(node("a"))
    made.assume(PodInfo.of(pod("p", "1")), "a")
    again = pod("p", "1")
    again["metadata"]["uid"] = "another"
    made.set_pod(again)
    assert made.nodes["a"].used_cpu == 0


def test_pods_may_be_known_before_their_node_and_after() -> None:
    made = Snapshot()
    made.set_pod(bound(pod("p", "1"), "a"))
    assert list(made.nodes) == []
    made.set_node(node("a"))
    assert made.nodes["a"].used_cpu == 1000
    made.remove_node("a")
    made.set_node(node("a"))
    assert made.nodes["a"].used_cpu == 1000


def facts(info: NodeInfo) -> tuple[Any, ...]:
    used = (info.used_cpu, info.used_memory, info.scored_cpu, info.scored_memory, sorted(info.ports))
    return (sorted(info.pods), {o: n for o, n in info.owners.items() if n}, *used)


steps = st.tuples(
    st.sampled_from(["bind", "remove", "assume", "forget", "node", "no node"]),
    st.sampled_from(["p", "q", "r"]),
    st.sampled_from(["a", "b"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=15))
def test_counters_equal_those_of_a_snapshot_made_anew(history: list[tuple[str, str, str]]) -> None:
    made = Snapshot()
    nodes: dict[str, Object] = {}
    places: dict[str, tuple[str, bool]] = {}
    objects = {name: pod(name, "1", owner="rs", ports=[80]) for name in "pqr"}
    for what, name, where in history:
        key = f"default/{name}"
        if what == "bind":
            made.set_pod(bound(objects[name], where))
            places[name] = (where, False)
        elif what == "remove":
            made.remove_pod(key)
            places.pop(name, None)
        elif what == "assume" and name not in places:
            made.assume(PodInfo.of(objects[name]), where)
            places[name] = (where, True)
        elif what == "forget":
            made.forget(key, f"uid-{name}")
            if places.get(name, ("", False))[1]:
                del places[name]
        elif what == "node":
            nodes[where] = node(where)
            made.set_node(nodes[where])
        elif what == "no node":
            nodes.pop(where, None)
            made.remove_node(where)
    anew = Snapshot()
    for one in nodes.values():
        anew.set_node(one)
    for name, (where, _) in places.items():
        anew.set_pod(bound(objects[name], where))
    assert {name: facts(info) for name, info in made.nodes.items()} == {n: facts(i) for n, i in anew.nodes.items()}
