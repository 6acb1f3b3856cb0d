"""Configuration is a value: unknown keys, wrong types and impossible values are refused by name and place."""

from __future__ import annotations

import pytest

from cluster.config import PROFILES, ClusterSpec, Timing, parse
from cluster.errors import UsageError


def test_a_spec_is_parsed_with_its_nested_timing() -> None:
    spec = parse(ClusterSpec, {"masters": 5, "timing": {"leader_lease": 3}, "zones": ["a", "b"]}, "spec")
    assert (spec.masters, spec.members, spec.timing.leader_lease, spec.zones) == (5, 5, 3.0, ("a", "b"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"mastres": 3}, "spec: unknown key 'mastres'"),
        ({"masters": "3"}, "spec.masters: '3' where int is meant"),
        ({"masters": True}, "spec.masters"),
        ({"timing": {"leader_lease": "x"}}, "spec.timing.leader_lease"),
        ({"timing": []}, "spec.timing"),
        ({"zones": "a"}, "spec.zones"),
        ({"masters": 0}, "masters=0"),
        ({"store": 4}, "store=4"),
        ({"engine": "paxos"}, "engine='paxos'"),
        ({"profile": "slow"}, "profile='slow'"),
    ],
)
def test_nonsense_is_refused_with_its_place(data: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse(ClusterSpec, data, "spec")


def test_the_fast_profile_is_a_twentieth() -> None:
    real, fast = PROFILES["kubernetes"], PROFILES["fast"]
    assert (real.node_monitor_grace, fast.node_monitor_grace) == (40.0, 2.0)
    assert (real.default_toleration, fast.default_toleration) == (300.0, 15.0)
    assert fast.raft_election == 0.2
    assert Timing() == real
