"""Carrying plans out: order, batches, stops, preconditions within one plan, live looks."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from cluster.api.kinds import KINDS
from cluster.client.cache import Cache, Scope
from cluster.controllers.carry import Carrier, Stopped, steps
from cluster.controllers.plan import Action, Create, Delete, Emit, Object, Patch, Plan, Purge, Update, Verify
from cluster.errors import StatusError
from tests.cluster.controllers.objects import make, node, pod, workload
from tests.cluster.controllers.tiny import TinyServer


class Bench:
    """A server, a cache and a carrier between them."""

    def __init__(self, *objects: Object) -> None:
        self.server = TinyServer()
        self.cache = Cache()
        for kind in KINDS:
            self.cache.track(kind, Scope())
        for obj in objects:
            self.cache.written(self.server.add(obj))
        self.carrier = Carrier(cast(Any, self.server), self.cache, self.server)

    def carry(self, *actions: Action) -> Stopped | None:
        """What stopped it."""
        try:
            asyncio.run(self.carrier.carry_out(Plan(actions)))
        except Stopped as stopped:
            return stopped
        return None


def test_creates_come_in_batches_that_double() -> None:
    actions: list[Action] = [Create(pod(f"p{i}")) for i in range(9)]
    actions.append(Update(workload("ReplicaSet"), "status"))
    actions += [Delete("Pod", "default", f"p{i}") for i in range(3)]
    assert [len(batch) for batch in steps(actions)] == [1, 2, 4, 2, 1, 1, 2]


def test_events_follow_what_they_speak_of() -> None:
    bench = Bench()
    actions: list[Action] = []
    for i in range(4):
        actions += [Create(pod(f"p{i}")), Emit(workload("ReplicaSet"), "Normal", "SuccessfulCreate", f"p{i}")]
    bench.server.broken = []
    assert bench.carry(*actions) is None
    assert [message for _, message in bench.server.events] == ["p0", "p1", "p2", "p3"]


def test_a_refusal_stops_after_its_batch() -> None:
    bench = Bench()
    refusal = StatusError("Forbidden", "exceeded quota")
    bench.server.broken = [refusal]
    event = Emit(workload("ReplicaSet"), "Normal", "SuccessfulCreate", "no")
    stopped = bench.carry(Create(pod("a")), event, *(Create(pod(f"p{i}")) for i in range(9)))
    assert stopped is not None
    assert (stopped.error, stopped.failure.verb, stopped.failure.kind) == (refusal, "create", "Pod")
    assert bench.server.all("Pod") == []
    assert bench.server.events == []


def owned(name: str, uid: str) -> Object:
    made = pod(name)
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": True}
    made["metadata"]["ownerReferences"] = [reference]
    return made


@pytest.mark.parametrize("reason", ["InternalError", "Timeout"])
def test_a_create_that_may_have_happened_is_looked_for_before_another_is_made(reason: str) -> None:
    """The story api-errors: a ReplicaSet of 5 had 6 pods, because a create that was answered 500 had been done."""
    bench = Bench()
    bench.server.broken = [StatusError(reason, "who knows")]
    assert bench.carry(Create(owned("a", "mine"))) is None, "it is there"
    assert [o["metadata"]["name"] for o in bench.cache.list("Pod")] == ["a"]
    bench.server.broken = [StatusError("Forbidden", "no")]
    stopped = bench.carry(Create(owned("b", "mine")))
    assert stopped is not None
    assert stopped.error is not None
    assert stopped.error.reason == "Forbidden", "what certainly did not happen is not looked for"


def test_answers_are_in_the_cache_at_once() -> None:
    bench = Bench(pod("old"))
    assert bench.carry(Create(pod("new")), Delete("Pod", "default", "old", uid="pod-old")) is None
    assert [o["metadata"]["name"] for o in bench.cache.list("Pod")] == ["new"]


def test_what_is_gone_already_is_as_good_as_deleted() -> None:
    assert Bench().carry(Delete("Pod", "default", "p", uid="u")) is None


def test_another_of_the_same_name_is_not_deleted() -> None:
    bench = Bench(pod("p"))
    stopped = bench.carry(Delete("Pod", "default", "p", uid="earlier"))
    assert stopped is not None
    assert stopped.failure.reason == "Conflict"
    assert len(bench.server.all("Pod")) == 1


def test_a_plan_does_not_conflict_with_itself() -> None:
    bench = Bench(node("n"))
    seen = bench.cache.get("Node", "", "n")
    assert seen is not None
    stamp = {"metadata": {"resourceVersion": seen["metadata"]["resourceVersion"]}}
    taint = Patch("Node", "", "n", {**stamp, "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}})
    assert bench.carry(Update({**seen, "status": {"x": 1}}, "status"), taint) is None
    assert bench.server.read("Node", "", "n")["spec"]["taints"]
    assert bench.server.read("Node", "", "n")["status"] == {"x": 1}


def test_but_with_everybody_else() -> None:
    bench = Bench(node("n"))
    seen = bench.cache.get("Node", "", "n")
    assert seen is not None
    bench.server.merge(("Node", "", "n"), {"metadata": {"labels": {"by": "somebody"}}})
    stopped = bench.carry(Update({**seen, "status": {"x": 1}}, "status"))
    assert stopped is not None
    assert stopped.failure.reason == "Conflict"


def test_live_looks() -> None:
    bench = Bench(workload("ReplicaSet"))
    place = ("ReplicaSet", "default", "web")
    revision = bench.server.read(*place)["metadata"]["resourceVersion"]
    ok = [
        Verify(*place, "alive", uid="replicaset-web"),
        Verify(*place, "gone", uid="earlier"),
        Verify(*place, "unchanged", resource_version=revision),
        Verify("ReplicaSet", "default", "none", "gone", uid="u"),
        Verify("ReplicaSet", "default", "none", "unchanged"),
    ]
    not_ok = [
        Verify(*place, "alive", uid="earlier"),
        Verify(*place, "gone", uid="replicaset-web"),
        Verify(*place, "unchanged", resource_version="0"),
        Verify(*place, "unchanged"),
        Verify("ReplicaSet", "default", "none", "alive", uid="u"),
    ]
    for verify in ok:
        assert bench.carry(verify, Create(make("ConfigMap", f"c{ok.index(verify)}"))) is None
    for verify in not_ok:
        stopped = bench.carry(verify, Create(pod("never")))
        assert stopped is not None
        assert stopped.error is None
    assert bench.server.all("Pod") == []


def test_a_live_look_teaches_the_cache() -> None:
    bench = Bench()
    bench.server.add(workload("ReplicaSet"))
    bench.carry(Verify("ReplicaSet", "default", "web", "gone", uid="replicaset-web"))
    assert bench.cache.get("ReplicaSet", "default", "web") is not None


def test_purging_goes_on_only_when_nothing_was_there() -> None:
    bench = Bench(pod("p", "n", ready=True))
    last = Create(make("ConfigMap", "done"))
    stopped = bench.carry(Purge("default"), last)
    assert stopped is not None
    assert stopped.error is None
    assert bench.server.read("Pod", "default", "p")["metadata"]["deletionTimestamp"]
    bench.server.remove(("Pod", "default", "p"), grace=0)
    assert bench.carry(Purge("default"), last) is None


@pytest.mark.parametrize("definite", [True, False])
def test_whether_it_happened_is_handed_on(definite: bool) -> None:
    bench = Bench(pod("p"))
    bench.server.broken = [StatusError("Timeout", "no answer", definite=definite)]
    stopped = bench.carry(Delete("Pod", "default", "p"))
    assert stopped is not None
    assert stopped.error is not None
    assert stopped.error.definite is definite
