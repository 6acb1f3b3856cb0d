"""DaemonSet: eligible nodes, one pod each, replacement, rolling update, revisions, status."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import meta
from cluster.controllers import history
from cluster.controllers.daemonpods import Fit, fit, pod_for, target_node
from cluster.controllers.daemonset import CONTROLLER, Backoff, reconcile
from cluster.controllers.plan import Create, Delete, Emit, Object, Patch, Plan, Update
from tests.cluster.controllers.objects import NOW, ctx, node, of, stamp, template, view, workload

KEY = "default/web"


def look(*objects: Object, now: float = NOW, memory: Backoff | None = None) -> Plan:
    return reconcile(view(*objects), KEY, ctx(now, memory=memory or Backoff()))


def revision_of(ds: Object, number: int = 1) -> Object:
    """The ControllerRevision that the controller makes for the set's template."""
    (create,) = [a for a in history.synced(view(ds), ds).actions if isinstance(a, Create)]
    obj = {**create.obj, "revision": number}
    obj["metadata"] = {**obj["metadata"], "uid": f"rev-{number}", "creationTimestamp": stamp(100)}
    return obj


def daemon_pod(ds: Object, where: str, *, ready: bool = True, phase: str = "Running") -> Object:
    p = pod_for(ds, where, meta.template_hash(ds["spec"]["template"]), beside=True)
    p["metadata"].update(uid=f"uid-{meta.name_of(p)}", creationTimestamp=stamp(500))
    p["spec"]["nodeName"] = where
    state = "True" if ready else "False"
    p["status"] = {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": state, "lastTransitionTime": stamp(400)}],
    }
    return p


def daemonset(image: str = "agent:1", **spec: Any) -> Object:
    return workload("DaemonSet", template=template(image), **spec)


def nodes_of(plan: Plan) -> list[str]:
    return [target_node(c.obj) for c in of(plan, Create) if c.obj["kind"] == "Pod"]


TAINT = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
EVICT = {"key": "dedicated", "value": "db", "effect": "NoExecute"}
DEDICATED = {"key": "dedicated", "operator": "Exists"}


def standard(key: str, effect: str) -> dict[str, Any]:
    return {"key": f"node.kubernetes.io/{key}", "effect": effect}


NO_NETWORK = standard("network-unavailable", "NoSchedule")
ELIGIBLE: list[tuple[str, dict[str, Any], Object, Fit]] = [
    ("plain", {}, node("n"), Fit(True, True)),
    ("selector", {"nodeSelector": {"disk": "ssd"}}, node("n", disk="ssd"), Fit(True, True)),
    ("selector misses", {"nodeSelector": {"disk": "ssd"}}, node("n", disk="hdd"), Fit(False, False)),
    ("nodeName", {"nodeName": "other"}, node("n"), Fit(False, False)),
    ("taint keeps new ones away", {}, node("n", taints=[TAINT]), Fit(False, True)),
    ("NoExecute drives away", {}, node("n", taints=[EVICT]), Fit(False, False)),
    ("tolerated", {"tolerations": [DEDICATED]}, node("n", taints=[EVICT]), Fit(True, True)),
    *(
        (f"{key} is tolerated by all", {}, node("n", taints=[standard(key, effect)]), Fit(True, True))
        for key, effect in (
            ("not-ready", "NoExecute"),
            ("unreachable", "NoExecute"),
            ("disk-pressure", "NoSchedule"),
            ("memory-pressure", "NoSchedule"),
            ("pid-pressure", "NoSchedule"),
            ("unschedulable", "NoSchedule"),
        )
    ),
    ("no network", {}, node("n", taints=[NO_NETWORK]), Fit(False, True)),
    ("no network, on the host's", {"hostNetwork": True}, node("n", taints=[NO_NETWORK]), Fit(True, True)),
]


@pytest.mark.parametrize(("why", "spec", "where", "expected"), ELIGIBLE, ids=[row[0] for row in ELIGIBLE])
def test_eligible(why: str, spec: dict[str, Any], where: Object, expected: Fit) -> None:
    ds = daemonset()
    ds["spec"]["template"]["spec"].update(spec)
    assert fit(ds, where) == expected, why


def test_a_pod_on_each_node_that_joins() -> None:
    ds = daemonset()
    plan = look(ds, node("a"), node("b"))
    first = of(plan, Create)[0].obj
    assert (first["kind"], first["revision"]) == ("ControllerRevision", 1)
    assert nodes_of(plan) == ["a", "b"]
    made = of(plan, Create)[1].obj
    assert meta.labels_of(made)[history.HASH] == meta.labels_of(first)[history.HASH]
    term = made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term == {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}]
    }
    assert "nodeName" not in made["spec"]
    mine = [daemon_pod(ds, "a"), daemon_pod(ds, "b")]
    assert nodes_of(look(ds, revision_of(ds), *mine, node("a"), node("b"), node("c"))) == ["c"]


def test_two_leaders_choose_the_same_name() -> None:
    one, two = (of(look(daemonset(), node("a"), now=NOW + t), Create)[1].obj for t in (0, 9))
    assert one == two


def test_the_name_leaves_no_room_for_a_second_pod() -> None:
    """A leader whose cache shows the new template but not yet the old pod runs into that pod's name."""
    names = [meta.name_of(of(look(daemonset(image), node("a")), Create)[1].obj) for image in ("agent:1", "agent:2")]
    assert names[0] == names[1]


def test_a_pod_is_reclaimed_when_its_node_leaves_or_is_eligible_no_more() -> None:
    ds = daemonset()
    mine = daemon_pod(ds, "gone")
    (delete,) = of(look(ds, revision_of(ds), mine, node("a", taints=[EVICT])), Delete)
    assert delete.uid == meta.uid_of(mine)
    (delete,) = of(look(ds, revision_of(ds), daemon_pod(ds, "a"), node("a", taints=[EVICT])), Delete)
    assert delete.name == meta.name_of(daemon_pod(ds, "a"))
    assert of(look(ds, revision_of(ds), daemon_pod(ds, "a"), node("a", taints=[TAINT])), Delete) == []


def test_a_terminating_pod_holds_its_node() -> None:
    ds = daemonset()
    leaving = daemon_pod(ds, "a")
    leaving["metadata"]["deletionTimestamp"] = stamp()
    plan = look(ds, revision_of(ds), leaving, node("a"))
    assert of(plan, Create) + of(plan, Delete) == []


def test_of_two_on_a_node_the_older_running_bound_one_stays() -> None:
    ds = daemonset()
    twins = [daemon_pod(ds, "a"), daemon_pod(ds, "a")]
    for suffix, twin in zip("xy", twins, strict=True):
        twin["metadata"].update(name=f"web-{suffix}", uid=suffix)
    twins[0]["metadata"]["creationTimestamp"] = stamp(1)
    assert [d.uid for d in of(look(ds, revision_of(ds), *twins, node("a")), Delete)] == ["x"]
    twins[1]["status"]["phase"] = "Pending"
    assert [d.uid for d in of(look(ds, revision_of(ds), *twins, node("a")), Delete)] == ["y"]


def test_a_failed_pod_is_replaced_with_growing_waits() -> None:
    ds, memory = daemonset(), Backoff()

    def failed(uid: str) -> Object:
        p = daemon_pod(ds, "a", phase="Failed")
        p["metadata"]["uid"] = uid
        return p

    base = (ds, revision_of(ds), node("a"))
    plan = look(*base, failed("one"), memory=memory)
    assert [d.uid for d in of(plan, Delete)] == ["one"]
    assert [e.reason for e in of(plan, Emit)] == ["FailedDaemonPod", "SuccessfulDelete"]
    plan = look(*base, failed("two"), memory=memory, now=NOW + 10)
    assert (of(plan, Delete), plan.requeue_after) == ([], 1)
    assert [d.uid for d in of(look(*base, failed("two"), memory=memory, now=NOW + 11), Delete)] == ["two"]
    assert look(*base, failed("three"), memory=memory, now=NOW + 20).requeue_after == 2


def rolling(old: int, new: int, **strategy: Any) -> Plan:
    """A set with `old` nodes still at version 1 and `new` at version 2, all ready."""
    before, now = daemonset("agent:1"), daemonset("agent:2", updateStrategy={"rollingUpdate": strategy})
    pods = [daemon_pod(before, f"o{i}") for i in range(old)] + [daemon_pod(now, f"n{i}") for i in range(new)]
    nodes = [node(f"o{i}") for i in range(old)] + [node(f"n{i}") for i in range(new)]
    return look(now, revision_of(before), revision_of(now, 2), *pods, *nodes)


@pytest.mark.parametrize(
    ("old", "new", "limit", "gone"), [(4, 0, 1, 1), (4, 0, "50%", 2), (3, 1, 3, 3), (0, 4, 1, 0), (10, 0, "15%", 2)]
)
def test_rolling_update(old: int, new: int, limit: int | str, gone: int) -> None:
    assert len(of(rolling(old, new, maxUnavailable=limit), Delete)) == gone


def test_pods_that_are_not_available_count_against_the_limit() -> None:
    before, now = daemonset("agent:1"), daemonset("agent:2")
    base = (now, revision_of(before), revision_of(now, 2), node("a"), node("b"), node("c"))
    waiting = daemon_pod(now, "a", ready=False)
    plan = look(*base, waiting, daemon_pod(before, "b"), daemon_pod(before, "c"))
    assert of(plan, Delete) == []
    broken = daemon_pod(before, "b", ready=False)
    plan = look(*base, waiting, broken, daemon_pod(before, "c"))
    assert [d.uid for d in of(plan, Delete)] == [meta.uid_of(broken)]


def test_on_delete_waits_for_somebody_to_delete() -> None:
    before, now = daemonset("agent:1"), daemonset("agent:2", updateStrategy={"type": "OnDelete"})
    plan = look(now, revision_of(before), revision_of(now, 2), daemon_pod(before, "a"), node("a"), node("b"))
    assert of(plan, Delete) == []
    assert nodes_of(plan) == ["b"]


def test_a_surge_makes_the_new_pod_before_the_old_one_goes() -> None:
    strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    before, now = daemonset("agent:1"), daemonset("agent:2", updateStrategy=strategy)
    base = (now, revision_of(before), revision_of(now, 2), node("a"), node("b"))
    old = [daemon_pod(before, "a"), daemon_pod(before, "b")]
    plan = look(*base, *old)
    assert (nodes_of(plan), of(plan, Delete)) == (["a"], [])
    plan = look(*base, *old, daemon_pod(now, "a", ready=False))
    assert (nodes_of(plan), of(plan, Delete)) == ([], [])
    plan = look(*base, *old, daemon_pod(now, "a"))
    assert [d.uid for d in of(plan, Delete)] == [meta.uid_of(old[0])]


def test_revisions() -> None:
    one, two = daemonset("agent:1"), daemonset("agent:2")
    revisions = [revision_of(one, 1), revision_of(two, 2)]
    back = look(one, *revisions)
    (patch,) = of(back, Patch)
    assert (patch.name, patch.patch) == (meta.name_of(revisions[0]), {"revision": 3})
    many = [revision_of(daemonset(f"agent:{n}"), n) for n in range(1, 6)]
    current = daemonset("agent:5", revisionHistoryLimit=1)
    in_use = daemon_pod(daemonset("agent:2"), "a")
    gone = [d.name for d in of(look(current, *many, in_use, node("a")), Delete) if d.kind == "ControllerRevision"]
    assert gone == [meta.name_of(many[0]), meta.name_of(many[2])]


def test_status() -> None:
    before, now = daemonset("agent:1"), daemonset("agent:2", updateStrategy={"type": "OnDelete"})
    pods = [daemon_pod(before, "a"), daemon_pod(now, "b", ready=False), daemon_pod(before, "t")]
    plan = look(
        now, revision_of(before), revision_of(now, 2), *pods, node("a"), node("b"), node("c"), node("t", taints=[TAINT])
    )
    (update,) = of(plan, Update)
    assert update.obj["status"] == {
        "currentNumberScheduled": 2,
        "numberMisscheduled": 1,
        "desiredNumberScheduled": 3,
        "numberReady": 1,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
        "numberUnavailable": 2,
        "observedGeneration": 1,
    }


def test_keys_of_a_node() -> None:
    ds = daemonset()
    ds["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    cache = view(ds)
    assert list(CONTROLLER.keys(cache, "Node", None, node("n"))) == [KEY]
    assert list(CONTROLLER.keys(cache, "Node", node("n"), node("n", other="x"))) == []
    assert list(CONTROLLER.keys(cache, "Node", node("n"), node("n", disk="ssd"))) == [KEY]
