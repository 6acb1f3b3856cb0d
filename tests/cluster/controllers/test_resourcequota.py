"""Quotas are counted anew when they should be, from live reads, and only then."""

from __future__ import annotations

import pytest

from cluster.controllers import resourcequota
from cluster.controllers.plan import DONE, Object, Recount
from tests.cluster.controllers.objects import ctx, make, pod, stamp, view
from tests.cluster.controllers.test_carry import Bench


def quota(used: str = "", *, pods: str = "2", name: str = "q") -> Object:
    made = make("ResourceQuota", name, {"hard": {"pods": pods}})
    if used:
        made["status"] = {"hard": {"pods": pods}, "used": {"pods": used}}
    return made


def test_a_quota_is_counted_by_live_reads() -> None:
    plan = resourcequota.reconcile(view(quota()), "default/q", ctx())
    assert [type(action) for action in plan.actions] == [Recount]
    assert resourcequota.reconcile(view(), "default/q", ctx()) == DONE
    going = quota()
    going["metadata"]["deletionTimestamp"] = stamp()
    assert resourcequota.reconcile(view(going), "default/q", ctx()) == DONE


LOOKS: tuple[tuple[str, Object | None, Object | None, list[str]], ...] = (
    ("ResourceQuota", None, quota("1"), ["default/q"]),
    ("ResourceQuota", quota("1"), quota("2"), []),  # a charge
    ("ResourceQuota", quota("1"), quota("1", pods="3"), ["default/q"]),
    ("ResourceQuota", quota("1", name="other"), None, ["default/q"]),
    ("Pod", None, pod("p"), []),
    ("Pod", pod("p"), None, ["default/q"]),
    ("Pod", pod("p", phase="Running"), pod("p", phase="Failed"), ["default/q"]),
    ("Pod", pod("p", phase="Pending"), pod("p", phase="Running"), []),
    ("Pod", pod("p", namespace="elsewhere"), None, []),
    ("ConfigMap", make("ConfigMap", "c"), None, ["default/q"]),
    ("Node", make("Node", "n"), None, []),
)


@pytest.mark.parametrize(("kind", "old", "new", "keys"), LOOKS)
def test_what_is_a_reason_to_count(kind: str, old: Object | None, new: Object | None, keys: list[str]) -> None:
    assert list(resourcequota.CONTROLLER.keys(view(quota("1")), kind, old, new)) == keys


def test_a_recount_writes_what_there_is() -> None:
    bench = Bench(quota("2"), pod("a"), pod("b", phase="Succeeded"))
    recount = resourcequota.reconcile(view(quota()), "default/q", ctx()).actions
    assert bench.carry(*recount) is None
    (stored,) = bench.server.all("ResourceQuota")
    assert stored["status"] == {"hard": {"pods": "2"}, "used": {"pods": "1"}}
    revision = stored["metadata"]["resourceVersion"]
    assert bench.carry(*recount) is None
    assert bench.server.all("ResourceQuota")[0]["metadata"]["resourceVersion"] == revision


def test_one_that_is_gone_is_no_trouble() -> None:
    assert Bench().carry(*resourcequota.reconcile(view(quota()), "default/q", ctx()).actions) is None
