"""Endpoints and EndpointSlices: who is in, under which port, ready or not, and how little changes."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import meta
from cluster.controllers import endpoints, endpointslice
from cluster.controllers.plan import DONE, Create, Delete, Object, Plan, Update
from tests.cluster.controllers.objects import ctx, make, node, of, pod, stamp, view

KEY = "default/web"


def service(**spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    obj = make("Service", "web", {"selector": {"app": "web"}, "ports": ports, "clusterIP": "127.77.240.1", **spec})
    obj["metadata"]["labels"] = {"team": "x"}
    return obj


def serving(name: str, ip: str = "", where: str = "n", ready: bool = True, **metadata: Any) -> Object:
    p = pod(name, where, ready=ready, **metadata)
    p["status"]["podIP"] = ip or f"127.77.16.{name.removeprefix('p')}"
    return p


def leaving(name: str, ready: bool = True) -> Object:
    return serving(name, ready=ready, deletionTimestamp=stamp(), deletionGracePeriodSeconds=30)


def both(*objects: Object) -> tuple[Plan, Plan]:
    return endpoints.reconcile(view(*objects), KEY, ctx()), endpointslice.reconcile(view(*objects), KEY, ctx())


def slice_of(plan: Plan) -> Object:
    (create,) = of(plan, Create)
    obj: Object = create.obj
    return obj


PODS: list[tuple[str, Object, str, tuple[bool, bool, bool] | None]] = [
    ("ready", serving("p1"), "addresses", (True, True, False)),
    ("not ready", serving("p1", ready=False), "notReadyAddresses", (False, False, False)),
    ("terminating", leaving("p1"), "", (False, True, True)),
    ("terminating, not ready", leaving("p1", ready=False), "", (False, False, True)),
    ("ended", pod("p1", "n", ready=True, phase="Succeeded"), "", None),
    ("failed", pod("p1", "n", ready=True, phase="Failed"), "", None),
    ("no address yet", pod("p1", "n"), "", None),
    ("another app", serving("p1", labels={"app": "db"}), "", None),
]


@pytest.mark.parametrize(("why", "p", "part", "conditions"), PODS, ids=[row[0] for row in PODS])
def test_who_is_in(why: str, p: Object, part: str, conditions: tuple[bool, bool, bool] | None) -> None:
    old, new = both(service(), p)
    subsets = of(old, Create)[0].obj["subsets"]
    assert [sorted(s) for s in subsets] == ([sorted([part, "ports"])] if part else []), why
    found = [e["conditions"] for e in slice_of(new)["endpoints"]]
    names = ("ready", "serving", "terminating")
    assert found == ([dict(zip(names, conditions, strict=True))] if conditions else []), why


def test_the_objects() -> None:
    zoned = node("n")
    zoned["metadata"]["labels"] = {"topology.kubernetes.io/zone": "east"}
    old, new = both(service(), serving("p1"), zoned)
    reference = {"kind": "Pod", "namespace": "default", "name": "p1", "uid": "pod-p1"}
    assert of(old, Create)[0].obj["subsets"] == [
        {
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "addresses": [{"ip": "127.77.16.1", "targetRef": reference, "nodeName": "n"}],
        }
    ]
    each = slice_of(new)
    assert each["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert each["endpoints"][0]["targetRef"] == reference
    assert (each["endpoints"][0]["nodeName"], each["endpoints"][0]["zone"]) == ("n", "east")
    assert meta.controller_of(each) == meta.owner_reference(service())
    assert meta.labels_of(each) == {
        "team": "x",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }


def test_what_is_right_is_not_written() -> None:
    svc, p = service(), serving("p1")
    old, new = both(svc, p)
    there = [{**of(plan, Create)[0].obj} for plan in (old, new)]
    for number, obj in enumerate(there):
        obj["metadata"] = {**obj["metadata"], "uid": str(number)}
    assert both(svc, p, *there) == (DONE, DONE)


def test_published_before_they_are_ready() -> None:
    old, new = both(service(publishNotReadyAddresses=True), serving("p1", ready=False))
    assert "addresses" in of(old, Create)[0].obj["subsets"][0]
    assert slice_of(new)["endpoints"][0]["conditions"] == {"ready": True, "serving": False, "terminating": False}


def test_a_named_port_is_looked_up_in_each_pod() -> None:
    def named(p: Object, number: int) -> Object:
        p["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": number}]
        return p

    svc = service(ports=[{"name": "http", "port": 80, "targetPort": "web"}])
    pods = [named(serving("p1"), 8080), named(serving("p2"), 9090), serving("p3")]
    old, new = both(svc, *pods)
    assert [s["ports"][0]["port"] for s in of(old, Create)[0].obj["subsets"]] == [8080, 9090]
    found = {c.obj["ports"][0]["port"]: [e["addresses"][0] for e in c.obj["endpoints"]] for c in of(new, Create)}
    assert found == {8080: ["127.77.16.1"], 9090: ["127.77.16.2"]}


@pytest.mark.parametrize("spec", [{"selector": None}, {"selector": {}}, {"type": "ExternalName"}])
def test_services_without_a_selector_are_left_alone(spec: dict[str, Any]) -> None:
    assert both(service(**spec), serving("p1")) == (DONE, DONE)


def test_endpoints_go_with_their_service_unless_somebody_else_wrote_them() -> None:
    mine = make("Endpoints", "web", labels={endpoints.MANAGED_BY: "endpoint-controller"})
    assert of(endpoints.reconcile(view(mine), KEY, ctx()), Delete)[0].name == "web"
    assert endpoints.reconcile(view(make("Endpoints", "web")), KEY, ctx()) == DONE


def grown(count: int) -> list[Object]:
    return [serving(f"p{i}", f"127.77.{16 + i // 250}.{1 + i % 250}") for i in range(count)]


def settled(svc: Object, pods: list[Object], slices: list[Object]) -> tuple[Plan, list[Object]]:
    """The plan, and the slices after it."""
    plan = endpointslice.reconcile(view(svc, *pods, *slices), KEY, ctx())
    after = {meta.name_of(each): each for each in slices}
    for action in plan.actions:
        if isinstance(action, Delete):
            del after[action.name]
        else:
            assert isinstance(action, Create | Update)
            after[meta.name_of(action.obj)] = {
                **action.obj,
                "metadata": {**action.obj["metadata"], "uid": meta.name_of(action.obj)},
            }
    return plan, list(after.values())


def held(slices: list[Object]) -> list[str]:
    return sorted(e["targetRef"]["name"] for each in slices for e in each["endpoints"])


def test_at_most_a_hundred_in_a_slice() -> None:
    svc, pods = service(), grown(250)
    _, slices = settled(svc, pods, [])
    assert sorted(len(each["endpoints"]) for each in slices) == [50, 100, 100]
    assert held(slices) == sorted(meta.name_of(p) for p in pods)


def test_a_change_touches_one_slice() -> None:
    svc, pods = service(), grown(250)
    _, slices = settled(svc, pods, [])
    plan, slices = settled(svc, pods[1:], slices)
    assert len(plan.actions) == 1
    plan, slices = settled(svc, [*pods[1:], serving("p999", "127.77.40.1")], slices)
    assert len(plan.actions) == 1
    assert "p999" in held(slices)
    plan, slices = settled(svc, [], slices)
    assert [len(each["endpoints"]) for each in slices] == [0]
    plan, slices = settled(svc, pods[:2], slices)
    assert [type(a) for a in plan.actions] == [Update]
    assert held(slices) == ["p0", "p1"]


def test_over_capacity() -> None:
    (create,) = of(endpoints.reconcile(view(service(), *grown(1001)), KEY, ctx()), Create)
    assert len(create.obj["subsets"][0]["addresses"]) == 1000
    assert meta.annotations_of(create.obj)[endpoints.OVER_CAPACITY] == "truncated"


def test_headless_hostnames() -> None:
    p = serving("p1")
    p["spec"].update(hostname="one", subdomain="web")
    old, new = both(service(clusterIP="None", ports=[]), p)
    assert slice_of(new)["endpoints"][0]["hostname"] == "one"
    assert endpoints.HEADLESS in meta.labels_of(slice_of(new))
    assert of(old, Create)[0].obj["subsets"][0]["addresses"][0]["hostname"] == "one"


def test_keys_of_a_pod_are_the_services_it_enters_and_leaves() -> None:
    other = make("Service", "db", {"selector": {"app": "db"}})
    cache = view(service(), other)
    keys = endpoints.CONTROLLER.keys
    assert list(keys(cache, "Pod", None, serving("p1"))) == [KEY]
    moved = serving("p1", labels={"app": "db"})
    assert sorted(keys(cache, "Pod", serving("p1"), moved)) == ["default/db", KEY]
    noisy = serving("p1", annotations={"seen": "1"})
    assert list(keys(cache, "Pod", serving("p1"), noisy)) == []
    assert list(keys(cache, "Pod", serving("p1"), leaving("p1"))) == [KEY]
