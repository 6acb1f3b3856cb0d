"""LimitRanges and ResourceQuotas: what is filled in, what is refused and in which words, and how they print."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.defaults import default
from cluster.api.tables import table
from cluster.api.validate import validate


def made(kind: str, **spec: Any) -> dict[str, Any]:
    return default({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "n"}, "spec": spec})


def wrong(obj: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    return [str(error) for error in validate(obj, old)]


def test_defaults_of_a_container_come_from_its_bounds() -> None:
    limits = {"type": "Container", "max": {"cpu": "2", "memory": "1Gi"}, "min": {"cpu": "100m"}}
    item = made("LimitRange", limits=[{**limits, "default": {"cpu": "1000m"}}])["spec"]["limits"][0]
    assert item["default"] == {"cpu": "1", "memory": "1Gi"}
    assert item["defaultRequest"] == {"cpu": "1", "memory": "1Gi"}
    least = made("LimitRange", limits=[{"type": "Container", "min": {"cpu": "100m"}}])["spec"]["limits"][0]
    assert (least["defaultRequest"], "default" in least) == ({"cpu": "100m"}, False)
    assert "default" not in made("LimitRange", limits=[{"type": "Pod", "max": {"cpu": "2"}}])["spec"]["limits"][0]
    assert default(made("LimitRange", limits=[limits])) == made("LimitRange", limits=[limits])


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"type": "Box"}, 'type: Invalid value: "Box": must be a standard limit type or fully qualified'),
        ({"type": "Pod", "default": {"cpu": "1"}}, "default: Forbidden: may not be specified when `type` is 'Pod'"),
        ({"type": "PersistentVolumeClaim"},
         "limits: Required value: either minimum or maximum storage value is required, but neither was provided"),
        ({"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}},
         'min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'),
        ({"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}},
         'defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1'),
        ({"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}},
         'maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'),
        ({"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3"}},
         'maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000'),
    ],
)  # fmt: skip
def test_a_limit_is_refused_with_the_reason(item: dict[str, Any], message: str) -> None:
    assert wrong(made("LimitRange", limits=[item])) == ["spec.limits[0]." + message]


def test_one_limit_a_type() -> None:
    item = {"type": "Pod", "max": {"cpu": "1"}}
    assert wrong(made("LimitRange", limits=[item, item])) == ['spec.limits[1].type: Duplicate value: "Pod"']
    assert wrong(made("LimitRange", limits=[item, {**item, "type": "example.com/box"}])) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"hard": {"boxes": "1"}}, 'hard[boxes]: Invalid value: "boxes": must be a standard resource for quota'),
        ({"hard": {"pods": "500m"}}, 'hard[pods]: Invalid value: "500m": must be an integer'),
        ({"hard": {"cpu": "-1"}}, "hard[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"),
        ({"scopes": ["Odd"]}, 'scopes: Invalid value: ["Odd"]: unsupported scope'),
        ({"scopes": ["BestEffort", "NotBestEffort"], "hard": {"pods": "1"}},
         'scopes: Invalid value: ["BestEffort", "NotBestEffort"]: conflicting scopes'),
        ({"scopes": ["BestEffort"], "hard": {"cpu": "1"}},
         'scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'),
        ({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}},
         "scopeSelector.matchExpressions[0].values: Required value: must be at least one value when `operator` is "
         "'In' or 'NotIn' for scope selector"),
    ],
)  # fmt: skip
def test_a_quota_is_refused_with_the_reason(spec: dict[str, Any], message: str) -> None:
    assert wrong(made("ResourceQuota", **spec)) == ["spec." + message]


def test_what_a_quota_may_name_and_keep() -> None:
    hard = {"pods": "3", "requests.cpu": "1500m", "count/deployments.apps": "2", "requests.nvidia.com/gpu": "1"}
    assert wrong(made("ResourceQuota", hard=hard)) == []
    old = made("ResourceQuota", hard={"pods": "3"}, scopes=["BestEffort"])
    new = made("ResourceQuota", hard={"pods": "4"})
    assert wrong(new, old) == ["spec.scopes: Invalid value: []: field is immutable"]


def test_tables() -> None:
    obj = made("ResourceQuota")
    obj["metadata"]["creationTimestamp"] = "1970-01-01T00:00:00Z"
    obj["status"] = {"hard": {"pods": "3", "limits.cpu": "2", "cpu": "1"}, "used": {"pods": "1", "limits.cpu": "0"}}
    assert table("ResourceQuota", [obj], 60.0) == (
        ["NAME", "REQUEST", "LIMIT", "AGE"],
        [["x", "cpu: 0/1, pods: 1/3", "limits.cpu: 0/2", "60s"]],
    )
