"""API faults as data: which requests and events they strike, how often, and the evidence."""

from __future__ import annotations

from random import Random

import pytest

from cluster.errors import UsageError
from cluster.world.apifaults import ApiRules
from cluster.world.faults import ApiFault, Partition, from_data, to_data
from cluster.world.host import HARMLESS
from cluster.world.ruleset import RuleSet


def rules_of(*faults: ApiFault, now: float = 0.0) -> ApiRules:
    rules = RuleSet()
    for number, fault in enumerate(faults):
        rules.install(from_data({**to_data(fault), "id": f"f{number}"}))
    return ApiRules(rules, "apiserver-0", "master-0", lambda: now, Random(1))


def test_without_faults_nothing_is_wrong() -> None:
    made = rules_of()
    assert made.request("kubelet-0", "get", "Pod") is HARMLESS
    assert not made.stale()
    assert not made.misses("kubelet-0", "Pod")


def test_requests_are_chosen_by_who_asks_what_of_which_kind() -> None:
    made = rules_of(ApiFault(way="error", code=503, verbs=("create",), kinds=("pod",), users=("scheduler-*",)))
    assert made.request("scheduler-1", "bind", "Pod").code == 503  # a bind is a create, as Kubernetes counts
    assert made.request("scheduler-1", "get", "Pod").code == 0
    assert made.request("scheduler-1", "create", "Node").code == 0
    assert made.request("kubelet-1", "create", "Pod").code == 0
    assert made.rules.counts() == {"f0": [("scheduler-1", "create", 1, 0)]}


def test_slow_and_overloaded_come_together_and_the_spared_are_served() -> None:
    made = rules_of(ApiFault(way="slow", seconds=0.2), ApiFault(way="overloaded", spares=("observer",)))
    assert (made.request("a", "list", "Pod").seconds, made.request("a", "list", "Pod").code) == (0.2, 429)
    assert made.request("observer", "list", "Pod").code == 0


def test_what_leaves_it_open_is_done_half_of_the_time_and_what_is_definite_never() -> None:
    for code, least, most in ((504, 150, 250), (500, 150, 250), (503, 0, 0), (429, 0, 0)):
        made = rules_of(ApiFault(way="error", code=code))
        done = sum(made.request("a", "create", "Pod").done for _ in range(400))
        assert least <= done <= most, code


def test_stale_and_missed_are_of_the_apiserver_that_is_named_and_end() -> None:
    assert rules_of(ApiFault(way="stale", src=("apiserver-0",))).stale()
    assert rules_of(ApiFault(way="stale", src=("master-0",))).stale()
    assert not rules_of(ApiFault(way="stale", src=("apiserver-1",))).stale()
    assert not rules_of(ApiFault(way="stale", expires=5.0), now=5.0).stale()
    made = rules_of(ApiFault(way="missed", probability=0.25, kinds=("Pod",)))
    missed = sum(made.misses("a", "Pod") for _ in range(400))
    assert 60 <= missed <= 140
    assert not any(made.misses("a", "Node") for _ in range(50))
    assert made.rules.counts()["f0"] == [("a", "watch", missed, 400 - missed)]


def test_they_touch_no_message_and_no_partition_is_asked() -> None:
    made = rules_of(ApiFault(way="error"))
    made.rules.install(Partition(src=("a",), id="p"))
    assert made.request("a", "get", "Pod").code == 500


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown API fault"):
        ApiFault(way="angry")
    with pytest.raises(UsageError, match="code 418"):
        ApiFault(way="error", code=418)
