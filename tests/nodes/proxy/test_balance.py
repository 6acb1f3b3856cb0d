"""Choosing endpoints."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from cluster.errors import UsageError
from nodes.proxy.balance import Balancer
from nodes.proxy.table import Endpoint, Key, Rule

KEY = Key("127.7.240.1", 80, "TCP")


def rule(*ips: str, affinity: int = 0) -> Rule:
    return Rule(KEY, "default/web", "http", tuple(Endpoint(ip, 8080, "") for ip in sorted(ips)), affinity)


def picked(balancer: Balancer, rule: Rule, client: str = "c", now: float = 0.0) -> str:
    endpoint = balancer.pick(rule, client, now)
    assert endpoint is not None
    return endpoint.ip


def test_round_robin_takes_turns_also_when_endpoints_come_and_go() -> None:
    balancer = Balancer("round-robin", Random(1))
    assert [picked(balancer, rule("a", "b", "c")) for _ in range(4)] == ["a", "b", "c", "a"]
    assert picked(balancer, rule("a", "c")) == "c"
    assert picked(balancer, rule("a", "c")) == "a"


def test_random_is_fair_and_follows_the_dice() -> None:
    balancer, again = Balancer("random", Random(7)), Balancer("random", Random(7))
    draws = [picked(balancer, rule("a", "b", "c")) for _ in range(3000)]
    assert all(900 < count < 1100 for count in Counter(draws).values())
    assert draws == [picked(again, rule("a", "b", "c")) for _ in range(3000)]


def test_no_endpoint_no_choice() -> None:
    assert Balancer("random", Random(1)).pick(rule(), "c", 0) is None


def test_a_client_keeps_its_endpoint_until_its_time_is_over() -> None:
    balancer = Balancer("round-robin", Random(1))
    sticky = rule("a", "b", affinity=10)
    assert [picked(balancer, sticky, "x", now) for now in (0, 9, 18)] == ["a", "a", "a"]
    assert picked(balancer, sticky, "y", 18) == "b"
    assert picked(balancer, sticky, "y", 19) == "b"
    balancer.pick(sticky, "z", 20)
    assert picked(balancer, sticky, "x", 28.1) == "b", "ten seconds after its last connection"


def test_affinity_ends_with_the_endpoint_and_with_the_rule() -> None:
    balancer = Balancer("round-robin", Random(1))
    assert picked(balancer, rule("a", "b", affinity=10), "x") == "a"
    assert picked(balancer, rule("b", affinity=10), "x") == "b"
    assert picked(balancer, rule("a", "b", affinity=10), "x") == "b"
    balancer.forget(KEY)
    assert picked(balancer, rule("a", "b", affinity=10), "x") == "a"


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(UsageError, match="random, round-robin"):
        Balancer("least", Random(1))
