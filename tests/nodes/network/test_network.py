"""The address plan and the pool of one node."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.addresses import machine_ip, pod_cidr, real_port, service_cidr
from cluster.errors import StatusError, UsageError
from nodes.network.ipam import Pool


def test_the_plan() -> None:
    assert machine_ip(77, "master-0") == "127.77.0.1"
    assert machine_ip(77, "worker-2") == "127.77.1.3"
    assert pod_cidr(77, "worker-2") == "127.77.18.0/24"
    assert service_cidr(77) == "127.77.240.0/20"


def test_no_two_of_two_thousand_workers_share_an_address_or_a_range() -> None:
    names = [f"worker-{i}" for i in range(2000)]
    assert len({machine_ip(77, name) for name in names}) == 2000
    ranges = {pod_cidr(77, name) for name in names}
    assert len(ranges) == 2000
    services = IPv4Network(service_cidr(77))
    assert not any(IPv4Network(cidr).overlaps(services) for cidr in ranges)


def test_plans_of_up_to_a_full_octet_of_workers_stay_in_their_subnet() -> None:
    assert all(pod_cidr(5, f"worker-{i}").startswith("127.5.") for i in range(224))


@pytest.mark.parametrize("name", ["", "worker", "worker-", "worker--1", "node-1", "worker-x"])
def test_what_is_no_machine_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a machine"):
        machine_ip(77, name)


@pytest.mark.parametrize("name", ["master-249", "master-300", "worker-3750"])
def test_a_number_without_an_address_is_refused_with_the_highest_that_has_one(name: str) -> None:
    """127.S.0.250 would be the balancer's."""
    with pytest.raises(UsageError, match=f"no address for {name}; {name[:6]}-0 to {name[:6]}-(248|3749)"):
        machine_ip(77, name)
    assert machine_ip(77, "master-248") == "127.77.0.249"
    assert machine_ip(77, "worker-3749") == "127.77.15.250"


def test_masters_have_no_pods() -> None:
    with pytest.raises(UsageError, match="runs no pods"):
        pod_cidr(77, "master-0")


@pytest.mark.parametrize(
    ("port", "euid", "real"), [(80, 1000, 20080), (80, 0, 80), (1023, 1, 21023), (1024, 1, 1024), (8080, 1, 8080)]
)
def test_privileged_ports_are_mapped_unless_root(port: int, euid: int, real: int) -> None:
    assert real_port(port, 1024, euid) == real


def test_lowest_free_first_and_late_reuse() -> None:
    pool = Pool("127.0.16.0/29", reuse_after=10)
    assert [pool.allocate(f"p{i}", 0) for i in range(3)] == ["127.0.16.1", "127.0.16.2", "127.0.16.3"]
    assert pool.release("p0", 1) == "127.0.16.1"
    assert pool.allocate("p3", 2) == "127.0.16.4"
    assert pool.allocate("p4", 11) == "127.0.16.1"
    assert pool.allocate("p4", 12) == "127.0.16.1", "the same owner keeps its address"


def test_under_pressure_the_longest_rested_goes_first_and_a_full_pool_says_so() -> None:
    pool = Pool("127.0.16.0/30", reuse_after=100)
    pool.allocate("a", 0)
    pool.allocate("b", 0)
    with pytest.raises(StatusError, match="no free address"):
        pool.allocate("c", 0)
    pool.release("b", 1)
    pool.release("a", 2)
    assert pool.allocate("c", 3) == "127.0.16.2"


def test_addresses_found_after_a_restart_are_restored() -> None:
    pool = Pool("127.0.16.0/24")
    assert pool.restore("a", "127.0.16.1")
    assert not pool.restore("b", "127.0.16.1"), "another has it"
    assert not pool.restore("b", "127.0.17.1"), "of another range"
    assert not pool.restore("b", "127.0.16.0"), "the network itself"
    assert pool.allocate("b", 0) == "127.0.16.2"
    assert pool.held() == {"a": "127.0.16.1", "b": "127.0.16.2"}


@given(st.lists(st.tuples(st.sampled_from(["take", "give", "restore"]), st.integers(0, 9), st.integers(1, 6))))
def test_no_address_has_two_owners_and_all_can_be_used(steps: list[tuple[str, int, int]]) -> None:
    pool = Pool("127.0.16.0/29", reuse_after=3)
    for now, (what, owner, host) in enumerate(steps):
        if what == "take":
            full = len(pool.held()) == 6 and str(owner) not in pool.held()
            if full:
                with pytest.raises(StatusError):
                    pool.allocate(str(owner), now)
            else:
                pool.allocate(str(owner), now)
        elif what == "give":
            pool.release(str(owner), now)
        else:
            pool.restore(str(owner), f"127.0.16.{host}")
        held = list(pool.held().values())
        assert len(held) == len(set(held))
