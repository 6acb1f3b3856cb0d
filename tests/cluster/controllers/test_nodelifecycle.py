"""Node lifecycle: silence, conditions, taints, rates, zones; and what becomes of the pods."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import meta
from cluster.controllers import tainteviction
from cluster.controllers.nodelifecycle import CONTROLLER, LEASES, Watchman, observe, reconcile
from cluster.controllers.plan import DONE, Delete, Emit, Object, Patch, Plan, Update, Verify
from cluster.controllers.tainteviction import Words
from cluster.controllers.zones import ZoneState, zone_state
from tests.cluster.controllers.objects import NOW, ctx, make, node, of, pod, stamp, view

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def lease(name: str, renewed: str = "a", revision: int = 5) -> Object:
    spec = {"holderIdentity": name, "renewTime": renewed}
    return make("Lease", name, spec, namespace=LEASES, resourceVersion=str(revision))


def watch(*objects: Object, at: float = 0.0) -> Watchman:
    """What the controller knows when it has seen these at that time."""
    memory = Watchman()
    for obj in objects:
        observe(memory, obj["kind"], None, obj, at)
    return memory


def look(name: str, *objects: Object, at: float, memory: Watchman) -> Plan:
    return reconcile(view(*objects), name, ctx(NOW + at, memory=memory, monotonic=at))


def tainted(plan: Plan, name: str = "n") -> list[tuple[str, str]] | None:
    """(key, effect) of the taints that the plan gives the node; None: it leaves them."""
    found = [p for p in of(plan, Patch) if p.kind == "Node" and p.name == name]
    return [(t["key"], t["effect"]) for t in found[0].patch["spec"]["taints"] or []] if found else None


def test_a_healthy_node_is_looked_at_again_at_its_deadline() -> None:
    memory = watch(node("n"), lease("n"))
    plan = look("n", node("n"), lease("n"), at=15, memory=memory)
    assert (plan.actions, plan.requeue_after) == ((), 25)
    observe(memory, "Lease", lease("n"), lease("n", "b"), 20)
    assert look("n", node("n"), lease("n", "b"), at=40, memory=memory).requeue_after == 20


def test_a_silent_node() -> None:
    other = node("other")
    memory = watch(node("n"), lease("n"), other)
    memory.sign("other", "still there", None, 35)
    plan = look("n", node("n"), lease("n"), other, at=40, memory=memory)
    assert plan.actions[0] == Verify("Lease", LEASES, "n", "unchanged", resource_version="5")
    (update,) = of(plan, Update)
    ready = meta.condition(update.obj, "Ready")
    assert ready is not None
    assert (ready["status"], ready["reason"]) == ("Unknown", "NodeStatusUnknown")
    assert ready["message"] == "Kubelet stopped posting node status."
    assert ready["lastHeartbeatTime"] == stamp()
    pressure = meta.condition(update.obj, "MemoryPressure")
    assert pressure is not None
    assert pressure["reason"] == "NodeStatusNeverUpdated"
    assert [e.reason for e in of(plan, Emit)] == ["NodeNotReady"]
    assert tainted(plan) == [(UNREACHABLE, "NoExecute"), (UNREACHABLE, "NoSchedule")]
    patch = of(plan, Patch)[0].patch
    assert patch["metadata"]["resourceVersion"]
    assert patch["spec"]["taints"][0]["timeAdded"] == meta.micro_timestamp(NOW + 40)


def test_a_node_status_is_a_sign_of_life_too() -> None:
    memory = watch(node("n"), lease("n"))
    spoke = node("n")
    spoke["status"]["conditions"][0]["lastHeartbeatTime"] = "later"
    observe(memory, "Node", node("n"), spoke, 30)
    assert look("n", spoke, lease("n"), at=40, memory=memory).requeue_after == 30


def test_a_new_leader_that_has_seen_nothing_waits_a_whole_grace() -> None:
    memory = Watchman()
    assert look("n", node("n"), lease("n"), at=1000, memory=memory).requeue_after == 40


def test_a_node_that_never_spoke_has_its_grace_from_its_creation() -> None:
    young = node("n", ready="")
    young["metadata"]["creationTimestamp"] = stamp(-10)  # ten seconds before it is looked at
    assert look("n", young, at=20, memory=Watchman()).requeue_after == 30
    young["metadata"]["creationTimestamp"] = stamp(20)
    plan = look("n", young, node("m"), at=20, memory=watch(node("m")))
    ready = meta.condition(of(plan, Update)[0].obj, "Ready")
    assert ready is not None
    assert ready["message"] == "Kubelet never posted node status."
    assert plan.actions[0] == Verify("Lease", LEASES, "n", "unchanged")


def test_unknown_is_said_once() -> None:
    down = node("n", "Unknown", taints=[{"key": UNREACHABLE, "effect": e} for e in ("NoExecute", "NoSchedule")])
    memory = watch(down, node("m"))
    plan = look("n", down, node("m"), at=500, memory=memory)
    assert (plan.actions, plan.requeue_after) == ((), None)


def test_recovery_takes_our_taints_away_and_only_ours() -> None:
    theirs = {"key": "dedicated", "effect": "NoExecute"}
    ours = [{"key": UNREACHABLE, "effect": e} for e in ("NoExecute", "NoSchedule")]
    back = node("n", taints=[ours[0], theirs, ours[1]])
    assert tainted(look("n", back, at=1, memory=watch(back))) == [("dedicated", "NoExecute")]
    back = node("n", taints=ours)
    assert of(look("n", back, at=1, memory=watch(back)), Patch)[0].patch["spec"] == {"taints": None}


CONDITIONS = [
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
]


@pytest.mark.parametrize(("type", "status", "key"), CONDITIONS)
def test_pressure_taints(type: str, status: str, key: str) -> None:
    pressed = node("n")
    pressed["status"]["conditions"].append({"type": type, "status": status})
    assert tainted(look("n", pressed, at=1, memory=watch(pressed))) == [(key, "NoSchedule")]


def test_a_cordoned_node_is_tainted() -> None:
    cordoned = node("n")
    cordoned["spec"]["unschedulable"] = True
    expected = [("node.kubernetes.io/unschedulable", "NoSchedule")]
    assert tainted(look("n", cordoned, at=1, memory=watch(cordoned))) == expected


def test_not_ready_becomes_unreachable_without_waiting_again() -> None:
    down = node("n", "Unknown", taints=[{"key": NOT_READY, "effect": e} for e in ("NoExecute", "NoSchedule")])
    memory = watch(down, node("m"))
    memory.zones.last[""] = 1.0
    plan = look("n", down, node("m"), at=1, memory=memory)
    assert tainted(plan) == [(UNREACHABLE, "NoExecute"), (UNREACHABLE, "NoSchedule")]


def test_evictions_of_a_zone_are_rate_limited() -> None:
    nodes = [node(n, "False") for n in "ab"] + [node(n) for n in "cde"]
    memory = watch(*nodes)
    assert tainted(look("a", *nodes, at=0, memory=memory), "a") == [(NOT_READY, "NoExecute"), (NOT_READY, "NoSchedule")]
    plan = look("b", *nodes, at=4, memory=memory)
    assert tainted(plan, "b") == [(NOT_READY, "NoSchedule")]
    assert plan.requeue_after == 6
    late = look("b", *nodes, at=10, memory=memory)
    assert tainted(late, "b") == [(NOT_READY, "NoExecute"), (NOT_READY, "NoSchedule")]
    # A plan that failed does not wait its turn again.
    assert tainted(look("a", *nodes, at=11, memory=memory), "a") is not None


@pytest.mark.parametrize(
    ("ready", "not_ready", "expected"),
    [
        (3, 0, ZoneState.NORMAL),
        (0, 0, ZoneState.NORMAL),
        (0, 1, ZoneState.FULL),
        (1, 2, ZoneState.NORMAL),
        (2, 3, ZoneState.PARTIAL),
        (3, 3, ZoneState.NORMAL),
        (45, 55, ZoneState.PARTIAL),
        (46, 54, ZoneState.NORMAL),
    ],
)
def test_zone_state(ready: int, not_ready: int, expected: ZoneState) -> None:
    assert zone_state(ready, not_ready) is expected


def _labelled(name: str, zone: str, ready: str) -> Object:
    obj = node(name, ready)
    obj["metadata"]["labels"] = {"topology.kubernetes.io/zone": zone}
    return obj


def test_a_small_zone_that_is_partly_down_evicts_nothing() -> None:
    nodes = [_labelled(f"a{i}", "a", "False" if i < 3 else "True") for i in range(5)]
    memory = watch(*nodes)
    assert tainted(look("a0", *nodes, at=0, memory=memory), "a0") == [(NOT_READY, "NoSchedule")]


def test_a_large_one_evicts_ten_times_slower() -> None:
    nodes = [_labelled(f"a{i}", "a", "False" if i < 40 else "True") for i in range(60)]
    memory = watch(*nodes)
    assert (NOT_READY, "NoExecute") in (tainted(look("a0", *nodes, at=0, memory=memory), "a0") or [])
    assert memory.zones.interval("a", 10.0) == 100.0
    assert tainted(look("a1", *nodes, at=29, memory=memory), "a1") == [(NOT_READY, "NoSchedule")]
    for i in range(60):
        memory.sign(f"a{i}", "still there", None, 99)
    late = tainted(look("a1", *nodes, at=100, memory=memory), "a1")
    assert "NoExecute" in [effect for _, effect in late or []]


def test_nodes_that_fell_together_are_counted_together() -> None:
    """Three of five have been silent for as long; the first to be found is not taken for the only one."""
    nodes = [_labelled(f"a{i}", "a", "True") for i in range(5)]
    memory = watch(*nodes)
    for i in (3, 4):
        memory.sign(f"a{i}", "still there", None, 35)
    found = [_labelled("a0", "a", "Unknown"), *nodes[1:]]
    assert tainted(look("a0", *found, at=40, memory=memory), "a0") == [(UNREACHABLE, "NoSchedule")]
    for i in (1, 2):
        memory.sign(f"a{i}", "back again", None, 45)
    late = tainted(look("a0", *found, at=50, memory=memory), "a0")
    assert (UNREACHABLE, "NoExecute") in (late or [])


def test_one_zone_down_of_two_evicts_normally() -> None:
    nodes = [_labelled("a", "a", "False"), _labelled("b", "b", "True")]
    plan = look("a", *nodes, at=0, memory=watch(*nodes))
    assert (NOT_READY, "NoExecute") in (tainted(plan, "a") or [])


def test_when_all_is_down_evictions_are_called_off_until_one_is_back() -> None:
    held = [{"key": UNREACHABLE, "effect": e, "timeAdded": stamp()} for e in ("NoExecute", "NoSchedule")]
    first, second = node("a", "Unknown", taints=held), node("b")
    memory = watch(first, second, lease("b"))
    look("a", first, second, lease("b"), at=1, memory=memory)
    plan = look("b", first, second, lease("b"), at=40, memory=memory)
    assert tainted(plan, "a") == [(UNREACHABLE, "NoSchedule")]
    assert tainted(plan, "b") == [(UNREACHABLE, "NoSchedule")]
    back = node("b")
    plan = look("b", first, back, lease("b", "c"), at=60, memory=memory)
    assert plan.requeue_after == 40
    assert memory.heard["a"].at == 60


def test_only_what_matters_is_looked_at() -> None:
    same = node("n")
    same["status"]["images"] = []
    cache = view()
    assert list(CONTROLLER.keys(cache, "Lease", lease("n"), lease("n", "b"))) == []
    assert list(CONTROLLER.keys(cache, "Node", node("n"), same)) == []
    assert list(CONTROLLER.keys(cache, "Node", node("n"), node("n", "False"))) == ["n"]
    assert list(CONTROLLER.keys(cache, "Node", node("n"), None)) == ["n"]


def test_a_node_that_left_is_forgotten() -> None:
    memory = watch(node("n"), lease("n"))
    assert look("n", at=1, memory=memory) == DONE
    assert (memory.heard, memory.zones.nodes) == ({}, {})


# ── pods ─────────────────────────────────────────────────────────────────────────────────────────────────────


def bad(*taints: tuple[str, float], ready: str = "True") -> Object:
    """A node with these NoExecute taints, each so many seconds old."""
    return node("n", ready, taints=[{"key": k, "effect": "NoExecute", "timeAdded": stamp(age)} for k, age in taints])


def tolerant(*tolerations: tuple[str, float | None]) -> Object:
    p = pod("p", "n", ready=True)
    p["spec"]["tolerations"] = [
        {"key": k, "operator": "Exists", "effect": "NoExecute"} | ({} if s is None else {"tolerationSeconds": s})
        for k, s in tolerations
    ]
    return p


EVICTIONS: list[tuple[str, Object, Object, float | None]] = [
    ("no taint", tolerant(), bad(), None),
    ("not tolerated", tolerant(), bad((UNREACHABLE, 5)), 0),
    ("tolerated for 300 s", tolerant((UNREACHABLE, 300)), bad((UNREACHABLE, 5)), 295),
    ("time is up", tolerant((UNREACHABLE, 300)), bad((UNREACHABLE, 300)), 0),
    ("tolerated for ever", tolerant((UNREACHABLE, None)), bad((UNREACHABLE, 5000)), None),
    ("never tolerated long", tolerant((UNREACHABLE, -3)), bad((UNREACHABLE, 0)), 0),
    ("the first end counts", tolerant(("a", 100), ("b", 50)), bad(("a", 70), ("b", 10)), 30),
    ("one is not tolerated", tolerant(("a", 100)), bad(("a", 70), ("b", 10)), 0),
]


@pytest.mark.parametrize(("why", "p", "where", "left"), EVICTIONS, ids=[row[0] for row in EVICTIONS])
def test_eviction(why: str, p: Object, where: Object, left: float | None) -> None:
    plan = tainteviction.reconcile(view(p, where), "default/p", ctx())
    if left == 0:
        assert [d.uid for d in of(plan, Delete)] == ["pod-p"], why
        assert of(plan, Emit)[0].reason == "TaintManagerEviction"
    else:
        assert plan.actions == ()
        assert plan.requeue_after == left


def test_pods_of_a_silent_node_are_not_ready() -> None:
    p = tolerant(("x", None))
    plan = tainteviction.reconcile(view(p, node("n", "Unknown")), "default/p", ctx(memory=Words()))
    (patch,) = of(plan, Patch)
    assert (patch.subresource, patch.patch["status"]["conditions"][0]["status"]) == ("status", "False")
    assert patch.patch["metadata"]["resourceVersion"]


def test_a_kubelet_that_speaks_is_not_contradicted() -> None:
    down = node("n", "False")  # since 60 s; the pod has been ready for 600 s
    p = tolerant(("x", None))
    assert of(tainteviction.reconcile(view(p, down), "default/p", ctx(memory=Words())), Patch)
    p["status"]["conditions"][0]["lastTransitionTime"] = stamp(30)
    assert tainteviction.reconcile(view(p, down), "default/p", ctx()) == DONE


def test_a_kubelet_that_came_through_for_a_moment_is_believed_for_half_a_grace() -> None:
    """It called its pod ready again, and fell silent before it could say so of its node."""
    silent, memory = node("n", "Unknown"), Words()
    quiet, speaks = pod("p", "n", ready=False), pod("p", "n", ready=True)
    tell: Any = tainteviction.CONTROLLER.observe
    keys: Any = tainteviction.CONTROLLER.keys
    tell(memory, "Node", node("n"), silent, 100.0)
    tell(memory, "Pod", quiet, speaks, 103.0)
    assert keys(view(speaks, silent), "Pod", quiet, speaks) == ["default/p"]

    def look(at: float) -> Plan:
        return tainteviction.reconcile(view(speaks, silent), "default/p", ctx(memory=memory, monotonic=at))

    assert (look(103.0).actions, look(103.0).requeue_after) == ((), 20.0)
    assert (look(122.0).actions, look(122.0).requeue_after) == ((), 1.0)
    assert of(look(123.0), Patch)


def test_what_was_said_before_the_silence_does_not_count() -> None:
    silent, memory = node("n", "Unknown"), Words()
    quiet, speaks = pod("p", "n", ready=False), pod("p", "n", ready=True)
    tell: Any = tainteviction.CONTROLLER.observe
    tell(memory, "Pod", quiet, speaks, 99.0)
    tell(memory, "Node", node("n"), silent, 100.0)
    plan = tainteviction.reconcile(view(speaks, silent), "default/p", ctx(memory=memory, monotonic=100.0))
    assert of(plan, Patch)
    tell(memory, "Node", silent, node("n"), 101.0)
    tell(memory, "Pod", speaks, None, 101.0)
    assert memory == Words()


def test_nothing_is_done_to_pods_that_are_unbound_or_leaving() -> None:
    leaving = tolerant()
    leaving["metadata"]["deletionTimestamp"] = stamp()
    for p in (pod("p"), leaving):
        assert tainteviction.reconcile(view(p, bad((UNREACHABLE, 5))), "default/p", ctx()) == DONE


def test_keys_of_a_troubled_node_are_its_pods() -> None:
    cache = view(pod("p", "n", ready=True), pod("q", "m", ready=True))
    keys: Any = tainteviction.CONTROLLER.keys
    assert list(keys(cache, "Node", node("n"), bad((UNREACHABLE, 0)))) == ["default/p"]
    assert list(keys(cache, "Node", bad((UNREACHABLE, 0)), node("n"))) == ["default/p"]
    assert list(keys(cache, "Node", node("n"), node("n", label="x"))) == []
