"""Every type of workload: it is answered, the checks that look at it find nothing in a healthy cluster, and they see
what there is under faults."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.experiments.workloads.table import WORKLOADS
from cluster.history.checks import CHECKS, Ask, judge
from cluster.history.run import Run
from cluster.scenario.forms import WORKLOADS as FORMS
from cluster.scenario.model import Scenario, Workload
from cluster.scenario.target import parse as target
from tests.cluster.experiments.stories import CLUSTER, STORE, step, story, told

JUDGES: dict[str, tuple[Ask, ...]] = {
    "register": (Ask("linearizable"),),
    "keyspace": (Ask("linearizable", {"model": "keyspace"}),),
    "lock": (Ask("linearizable", {"model": "lock"}),),
    "lease": (Ask("linearizable", {"model": "lease"}),),
    "append": (Ask("list-append"),),
    "watch": (Ask("watch-order"), Ask("watch-complete")),
    "objects": (Ask("linearizable"), Ask("watch-tells-all")),
}


def of_type(type: str, *steps: object, **fields: object) -> Scenario:
    clients = Workload("story:workload", type, clients=4, rate=20.0, **fields)  # type: ignore[arg-type]
    shape = CLUSTER if WORKLOADS[type].needs == "cluster" else STORE
    return replace(story(*steps, shape=shape, workload="", seconds=6.0), workloads=(clients,))  # type: ignore[arg-type]


def judged(run: Run, type: str) -> None:
    asks = tuple(ask for ask in JUDGES[type] if ask.check in CHECKS)
    verdict = judge(run, asks)
    assert verdict.outcome == "holds" or not asks, verdict.reason


def test_the_language_knows_the_same_workloads_and_options() -> None:
    assert set(FORMS) == set(WORKLOADS)
    for type, form in FORMS.items():
        assert {name: field.default for name, field in form.options.items()} == WORKLOADS[type].options, type


@pytest.mark.parametrize("type", JUDGES)
def test_in_calm_weather_all_is_answered_and_holds(type: str) -> None:
    run = told(of_type(type))
    assert len([o for o in run.operations if o.outcome == "ok"]) > 50
    assert not [o for o in run.operations if o.outcome == "unknown" and o.error]
    judged(run, type)


@pytest.mark.parametrize("type", JUDGES)
def test_through_a_failover_it_goes_on_and_holds(type: str) -> None:
    kill = step("kill", {"targets": "leader:store"}, after=1.0, lasting=2.0)
    cut = step("partition", {"shape": "minority-with-leader"}, after=3.0, lasting=2.0)
    run = told(of_type(type, kill, cut), seed=3)
    after = run.strikes[1].until
    assert after is not None
    assert [o for o in run.operations if o.outcome == "ok" and o.start > after]
    judged(run, type)


def test_values_are_unique_over_all_workloads_and_rates_are_kept() -> None:
    scenario = replace(of_type("register"), workloads=(*of_type("register").workloads, *of_type("keyspace").workloads))
    run = told(scenario)
    written = [o.value for o in run.operations if o.kind == "write"]
    assert len(written) == len(set(written))
    began, ended = run.meta.phases["timeline"][0], run.meta.phases["settle"][1]
    for client in {o.client for o in run.operations if o.client.startswith("keyspace")}:
        count = len([o for o in run.operations if o.client == client])
        assert count <= 2 * 20 * (ended - began) + 2  # a swap is a read, and then the swap


def test_who_does_not_know_goes_on_as_another_process() -> None:
    run = told(of_type("register", step("isolate", {"targets": "leader:store"}, after=1.0, lasting=3.0), timeout=0.4))
    lost = [o for o in run.operations if o.outcome == "unknown" and o.error]
    for operation in lost:
        later = [o for o in run.operations if o.client == operation.client and o.start > operation.start]
        assert all(o.process != operation.process for o in later)


def test_clients_sit_where_they_are_told_and_are_cut_off_with_their_machine() -> None:
    cut = step("partition", {"between": (("master-0",), ("master-1", "master-2"))}, after=1.0, lasting=4.0)
    run = told(of_type("register", cut, at=(target("master-0"), target("master-1")), timeout=0.5))
    assert {o.site for o in run.operations} == {"master-0", "master-1"}
    assert run.meta.machines["register-client-0"] == "master-0"
    (strike,) = run.strikes
    during = [o for o in run.operations if strike.since + 1.5 < o.start < (strike.until or 0.0) - 0.6]
    assert not [o for o in during if o.site == "master-0" and o.outcome == "ok"]
    assert [o for o in during if o.site == "master-1" and o.outcome == "ok"]


def test_watchers_say_where_they_begin_and_see_every_change_in_order() -> None:
    run = told(of_type("watch", step("kill", {"targets": "leader:store"}, after=1.0, lasting=2.0)))
    watchers = {w.watcher for w in run.watches}
    assert len(watchers) == 3
    for name in watchers:
        mine = [w for w in run.watches if w.watcher == name]
        assert mine[0].mode == "began"
        revisions = [w.revision for w in mine if not w.mode]
        assert revisions == sorted(set(revisions))
    acknowledged = {o.revision for o in run.operations if o.outcome == "ok" and o.kind == "write"}
    first = max(w.revision for w in run.watches if w.mode == "began")
    seen = {w.revision for w in run.watches}
    late = max(acknowledged)
    assert {r for r in acknowledged if first < r < late} <= seen
