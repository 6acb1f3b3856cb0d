"""Rules from Services and slices: tables of cases, and a twin that looks through everything each time."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.proxy.table import Endpoint, Key, Rule, Table
from tests.nodes.proxy.objects import endpoint, service, slice_of

CLUSTER = Key("127.7.240.1", 80, "TCP")
NODE = Key("127.7.1.1", 30080, "TCP")


def table(*slices: dict[str, Any], **spec: Any) -> Table:
    made = Table("worker-0", "127.7.1.1")
    made.service(None, service(**spec))
    for one in slices:
        made.slice(None, one)
    return made


def ips(rule: Rule) -> list[str]:
    return [e.ip for e in rule.endpoints]


def test_ready_endpoints_of_all_slices_are_served() -> None:
    made = table(
        slice_of(endpoint("10.0.0.2"), endpoint("10.0.0.3", ready=False)), slice_of(endpoint("10.0.0.1"), name="b")
    )
    assert made.rules == {
        CLUSTER: Rule(
            CLUSTER,
            "default/web",
            "http",
            (Endpoint("10.0.0.1", 8080, "worker-0"), Endpoint("10.0.0.2", 8080, "worker-0")),
        )
    }


def test_a_service_without_endpoints_has_a_rule_without_endpoints() -> None:
    assert table().rules[CLUSTER].endpoints == ()


def test_an_unknown_ready_condition_counts_as_ready() -> None:
    made = table(slice_of({"addresses": ["10.0.0.1"], "conditions": {}}))
    assert ips(made.rules[CLUSTER]) == ["10.0.0.1"]


def test_terminating_endpoints_serve_only_when_no_other_is_ready() -> None:
    """Kubernetes: traffic falls back to endpoints that are serving and terminating."""
    leaving = endpoint("10.0.0.1", ready=False, serving=True, terminating=True)
    assert ips(table(slice_of(leaving, endpoint("10.0.0.2"))).rules[CLUSTER]) == ["10.0.0.2"]
    assert ips(table(slice_of(leaving)).rules[CLUSTER]) == ["10.0.0.1"]


def test_headless_and_external_services_have_no_rules() -> None:
    assert table(ip="None").rules == {}
    assert table(ip="").rules == {}
    assert table(type="ExternalName").rules == {}


def node_port(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"}]
    return {"type": "NodePort", "ports": ports, **spec}


def test_a_node_port_is_served_on_the_nodes_own_address() -> None:
    made = table(slice_of(endpoint("10.0.0.1"), endpoint("10.0.0.2", "worker-1")), **node_port())
    assert ips(made.rules[NODE]) == ["10.0.0.1", "10.0.0.2"]
    assert made.rules[NODE].node_port


def test_traffic_policies_local_keep_to_this_node() -> None:
    slices = slice_of(endpoint("10.0.0.1"), endpoint("10.0.0.2", "worker-1"))
    outside = table(slices, **node_port(externalTrafficPolicy="Local"))
    assert (ips(outside.rules[NODE]), ips(outside.rules[CLUSTER])) == (["10.0.0.1"], ["10.0.0.1", "10.0.0.2"])
    inside = table(slices, **node_port(internalTrafficPolicy="Local"))
    assert (ips(inside.rules[NODE]), ips(inside.rules[CLUSTER])) == (["10.0.0.1", "10.0.0.2"], ["10.0.0.1"])


def test_session_affinity_has_kubernetes_default_of_three_hours() -> None:
    assert table(sessionAffinity="ClientIP").rules[CLUSTER].affinity_seconds == 10800
    config = {"clientIP": {"timeoutSeconds": 5}}
    assert table(sessionAffinity="ClientIP", sessionAffinityConfig=config).rules[CLUSTER].affinity_seconds == 5


def test_changes_are_told_once_with_what_is_ready() -> None:
    made = Table("worker-0", "127.7.1.1")
    assert list(made.service(None, service()).set) == [CLUSTER]
    first = slice_of(endpoint("10.0.0.1"), endpoint("10.0.0.2", ready=False))
    assert made.slice(None, first).ready == {"default/web": ["10.0.0.1"]}
    same = made.slice(first, slice_of(endpoint("10.0.0.1"), endpoint("10.0.0.2", ready=False)))
    assert (same.set, same.removed, same.ready) == ({}, [], {})
    gone = made.service(service(), None)
    assert (gone.removed, gone.ready) == ([CLUSTER], {"default/web": []})
    assert made.rules == {}


def test_slices_may_come_before_their_service() -> None:
    made = Table("worker-0", "127.7.1.1")
    assert made.slice(None, slice_of(endpoint("10.0.0.1"))).ready == {}
    changes = made.service(None, service())
    assert changes.ready == {"default/web": ["10.0.0.1"]}
    assert ips(made.rules[CLUSTER]) == ["10.0.0.1"]


def test_a_slice_that_moves_to_another_service_leaves_the_first() -> None:
    made = table(slice_of(endpoint("10.0.0.1")))
    made.service(None, service("api", "127.7.240.2"))
    made.slice(slice_of(endpoint("10.0.0.1")), slice_of(endpoint("10.0.0.1"), service="api"))
    assert ips(made.rules[CLUSTER]) == []
    assert ips(made.rules[Key("127.7.240.2", 80, "TCP")]) == ["10.0.0.1"]


names = st.sampled_from(["a", "b"])
endpoints = st.lists(st.builds(endpoint, st.sampled_from(["10.0.0.1", "10.0.0.2"]), ready=st.booleans()), max_size=3)
steps = st.one_of(
    st.tuples(st.just("service"), names, st.sampled_from(["127.7.240.1", "127.7.240.2", "None"])),
    st.tuples(st.just("no service"), names, st.none()),
    st.tuples(st.just("slice"), names, st.tuples(names, endpoints)),
    st.tuples(st.just("no slice"), names, st.none()),
)


def from_scratch(services: dict[str, Any], slices: dict[str, Any]) -> dict[Key, list[str]]:
    """Every Service, every slice, every endpoint."""
    result = {}
    for name, one in services.items():
        if one["spec"]["clusterIP"] != "None":
            mine = [s for s in slices.values() if s["metadata"]["labels"]["kubernetes.io/service-name"] == name]
            ready = {e["addresses"][0] for s in mine for e in s["endpoints"] if e["conditions"]["ready"]}
            result[Key(one["spec"]["clusterIP"], 80, "TCP")] = sorted(ready)
    return result


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=12))
def test_the_table_equals_one_made_from_scratch(history: list[tuple[str, str, Any]]) -> None:
    made = Table("worker-0", "127.7.1.1")
    services: dict[str, Any] = {}
    slices: dict[str, Any] = {}
    for what, name, value in history:
        if what == "service":
            if any(s["spec"]["clusterIP"] == value != "None" for n, s in services.items() if n != name):
                continue  # the apiserver gives an address once
            new = service(name, value)
            made.service(services.get(name), new)
            services[name] = new
        elif what == "no service" and name in services:
            made.service(services.pop(name), None)
        elif what == "slice":
            new = slice_of(*value[1], name=f"slice-{name}", service=value[0])
            made.slice(slices.get(name), new)
            slices[name] = new
        elif what == "no slice" and name in slices:
            made.slice(slices.pop(name), None)
        assert {key: ips(rule) for key, rule in made.rules.items()} == from_scratch(services, slices)
