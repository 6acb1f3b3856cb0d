"""Every action of a timeline in the sim: it does what it says, has evidence, and is undone, however the run ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cluster.api.meta import name_of
from cluster.experiments.runner import Runner
from cluster.experiments.strikes.table import STRIKES
from cluster.scenario.actions import ACTIONS
from cluster.scenario.model import Scenario, Shape
from cluster.world.faults import Link
from cluster.world.sim import SimWorld
from tests.cluster.experiments.stories import CLUSTER, STORE, step, story, strikes, told, with_nginx

Look = Callable[[SimWorld, Runner], None]


def test_each_action_of_the_table_has_a_function() -> None:
    control = {"wait", "await", "heal", "parallel", "sequence", "say"}
    assert set(STRIKES) | control == set(ACTIONS)


def cut(world: SimWorld, src: str, dst: str) -> bool:
    places = world.board.places
    link = Link(src, places[src].machine.name, dst, places[dst].machine.name)
    return bool(world.board.rules.cut(link, "raft.append", world.time()))


def leader_alone(world: SimWorld, runner: Runner) -> None:
    (strike,) = runner.book.strikes
    alone = {f"store-{m.rpartition('-')[2]}" for m in strike.groups[0]}
    for one in alone:
        for other in {"store-0", "store-1", "store-2"} - alone:
            assert cut(world, one, other)
            assert cut(world, other, one)


def ruled(kind: str) -> Look:
    def look(world: SimWorld, runner: Runner) -> None:
        assert [rule.TYPE for rule in world.board.rules.rules] == [kind]
        assert all(rule.expires > world.time() for rule in world.board.rules.rules), "a rule without a deadline"

    return look


def down(*names: str) -> Look:
    def look(world: SimWorld, runner: Runner) -> None:
        assert [name for name in world.hosts() if not world.running(name)] == list(names)

    return look


def paused(world: SimWorld, runner: Runner) -> None:
    boot = world.board.places["store-1"].boot
    assert boot is not None
    assert boot.parked is not None


def clock(offset: float, rate: float = 1.0, drift: float = 1.0) -> Look:
    def look(world: SimWorld, runner: Runner) -> None:
        place = world.board.places["store-1"]
        assert place.boot is not None
        assert (place.machine.offset, place.machine.rate, place.boot.rate) == (offset, rate, drift)

    return look


LINKS: dict[str, tuple[dict[str, Any], Look]] = {
    "partition": ({"shape": "minority-with-leader"}, leader_alone),
    "isolate": ({"targets": "leader:store"}, ruled("partition")),
    "delay": ({"by": 0.02, "jitter": 0.01, "distribution": "normal", "correlation": 0.5}, ruled("delay")),
    "loss": ({"probability": 0.3, "kinds": ("raft.*",)}, ruled("loss")),
    "duplicate": ({"probability": 0.5}, ruled("duplicate")),
    "reorder": ({"probability": 0.5, "window": 0.01}, ruled("reorder")),
    "corrupt": ({"probability": 0.2, "from": "leader:store"}, ruled("corrupt")),
    "bandwidth": ({"rate": 20_000, "to": "store-0"}, ruled("bandwidth")),
    "dropNth": ({"n": 2, "thenEvery": 3}, ruled("drop-nth")),
    "kill": ({"targets": "store-1"}, down("store-1")),
    "pause": ({"targets": "store-1"}, paused),
    "poweroff": ({"targets": "master-1"}, down("store-1")),
    "clockJump": ({"targets": "master-1", "by": -3.0}, clock(-3.0)),
    "clockDrift": ({"targets": "master-1", "rate": 1.5}, clock(0.0, 1.5, 1.5)),
    "disk": ({"targets": "leader:store", "way": "slow"}, ruled("disk")),
}
"""Faults of a store alone that last: what they are given, and what is to be seen while they do."""


@pytest.mark.parametrize("action", LINKS)
def test_a_fault_is_in_force_has_hit_something_and_is_undone_in_time(action: str) -> None:
    args, look = LINKS[action]
    run = told(story(step(action, args, after=0.5, lasting=2.0)), at={1.5: look})
    (strike,) = strikes(run, action)
    assert strike.error == ""
    assert strike.proof == "confirmed", strike
    assert strike.links
    assert strike.until is not None
    assert strike.until - strike.since == pytest.approx(2.0, abs=0.05)
    assert run.meta.complete


@pytest.mark.parametrize("action", LINKS)
def test_a_fault_is_undone_when_the_run_is_interrupted(action: str) -> None:
    args, look = LINKS[action]
    run = told(story(step(action, args, after=0.5)), at={1.5: look}, cut=2.0)  # `told` looks that nothing is left
    (strike,) = strikes(run, action)
    assert strike.until == pytest.approx(run.meta.phases["timeline"][0] + 2.0, abs=0.1)
    assert not run.meta.complete
    assert run.meta.problem == "it was interrupted"


@pytest.mark.parametrize("action", LINKS)
def test_a_fault_without_an_end_of_its_own_lasts_to_the_end(action: str) -> None:
    args, look = LINKS[action]
    run = told(story(step(action, args, after=0.5)), at={3.5: look})
    (strike,) = strikes(run, action)
    assert strike.until == pytest.approx(run.meta.phases["healing"][0], abs=0.1)


ONCE: dict[str, tuple[Mapping[str, Any], Shape]] = {
    "restart": ({"targets": "store-1"}, STORE),
    "crashLoop": ({"targets": "store-1", "up": 0.4}, STORE),
    "killAfter": ({"targets": "leader:store", "kinds": ("raft.append",), "n": 3}, STORE),
    "clockStrobe": ({"targets": "master-1", "by": 2.0}, STORE),
    "loseUnsynced": ({"targets": "follower:store"}, STORE),
    "grow": ({"members": 1}, STORE),
    "shrink": ({"targets": "follower:store"}, STORE),
    "replaceMember": ({"targets": "leader:store"}, STORE),
    "moveLeader": ({}, STORE),
    "join": ({"workers": 1}, CLUSTER),
    "leave": ({"targets": "worker-2"}, CLUSTER),
    "cordon": ({"targets": "worker-0"}, CLUSTER),
    "drain": ({"targets": "one of nodes-of:app=nginx"}, with_nginx()),
    "api": ({"way": "slow", "by": 0.05}, CLUSTER),
}


def of_once(action: str) -> Scenario:
    args, shape = ONCE[action]
    return story(step(action, args, after=1.0), step("wait", {"for": 3.0}), shape=shape)


@pytest.mark.parametrize("action", ONCE)
def test_the_others_are_carried_out_with_evidence(action: str) -> None:
    run = told(of_once(action))
    (strike,) = strikes(run, action)
    assert strike.error == ""
    assert strike.proof == "confirmed", strike
    assert run.meta.complete, run.meta.problem


@pytest.mark.parametrize("action", ONCE)
def test_the_others_are_undone_when_the_run_is_interrupted(action: str) -> None:
    run = told(of_once(action), cut=1.6)
    assert run.meta.problem == "it was interrupted"


def test_resume_and_power_on_undo_what_others_did() -> None:
    run = told(
        story(
            step("pause", {"targets": "store-0"}, after=0.5),
            step("resume", {"targets": "store-0"}, after=0.5),
            step("poweroff", {"targets": "master-2"}, after=0.5),
            step("poweron", {"targets": "master-2"}, after=0.5),
        ),
        at={1.3: down(), 1.7: down("store-2"), 2.3: down()},
    )
    assert [s.proof for s in run.strikes] == ["confirmed"] * 4


def test_a_wiped_disk_is_empty_and_a_kept_one_is_not() -> None:
    run = told(
        story(
            step("restart", {"targets": "store-1"}, after=1.0),
            step("restart", {"targets": "store-2", "disk": "wipe"}, after=1.0),
        )
    )
    recovered = {(r[2], r[3]): r[5]["entries"] + r[5]["snapshot"] for r in run.records if r[4] == "recovered"}
    assert recovered["store-1", 2] > 0
    assert recovered["store-2", 2] == 0


def test_a_host_dies_right_after_its_message_and_the_message_arrives() -> None:
    run = told(of_once("killAfter"))
    (crash,) = [r for r in run.records if r[4] == "crash"]
    sent = [r for r in run.records if r[2:4] == crash[2:4] and r[4] == "send" and r[0] == crash[0]]
    assert sent[-1][5] == "raft.append"
    assert not [r for r in run.records if r[2:4] == crash[2:4] and r[4] == "send" and r[0] > crash[0]]
    assert [r for r in run.records if r[4] == "deliver" and r[6] == crash[2] and r[8] == sent[-1][7]]


def test_what_a_lying_disk_took_is_lost_and_the_member_is_found_out_when_it_comes_back() -> None:
    run = told(of_once("loseUnsynced"))
    (strike,) = run.strikes
    (host,) = strike.targets
    life = [r[4] for r in run.records if r[2] == host and r[4] in ("boot", "crash", "exit")]
    assert life[:4] == ["boot", "crash", "boot", "exit"]
    (said, *_) = [str(r[5]) for r in run.records if r[2] == host and r[4] == "exit"]
    assert f"the disk of {host} has lost entries of the log" in said


def test_objects_are_applied_scaled_changed_and_deleted() -> None:
    run = told(
        story(
            step("scale", {"object": "deployment/nginx", "replicas": 4}),
            step("await", {"condition": "pods app=nginx ready = 4"}, within=20.0),
            step("setImage", {"object": "deployment/nginx", "image": "nginx:1.27"}),
            step("await", {"condition": "deployment nginx is rolled out"}, within=20.0),
            step("patch", {"object": "deployment/nginx", "patch": {"metadata": {"labels": {"seen": "yes"}}}}),
            step("apply", {"object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}}),
            step("await", {"condition": "object configmap/settings exists"}, within=5.0),
            step("delete", {"kind": "deployment", "name": "nginx"}),
            step("await", {"condition": "pods app=nginx = 0"}, within=20.0),
            shape=with_nginx(),
            workload="",
        )
    )
    assert [m.outcome for m in run.moments if m.text.startswith("await")] == ["ok"] * 4
    assert not run.strikes
    last = [e.object for e in run.events if e.kind == "Deployment" and e.type == "MODIFIED"][-1]
    assert name_of(last) == "nginx"
    assert last["metadata"]["labels"]["seen"] == "yes"
    images = {c["image"] for e in run.events if e.kind == "Pod" for c in e.object["spec"]["containers"]}
    assert images == {"nginx", "nginx:1.27"}


def test_a_minority_with_the_leader_may_be_cut_off_one_way() -> None:
    run = told(story(step("partition", {"shape": "minority-with-leader", "oneWay": True}, lasting=1.0)))
    (cut,) = run.strikes
    (alone,), others = cut.groups
    assert cut.name == f"partition minority-with-leader: {alone} | {','.join(others)} (one way)"
    assert {run.meta.machines[link.src] for link in cut.links if link.hit} == {alone}


def test_a_strikes_name_says_how_much() -> None:
    run = told(
        story(
            step("delay", {"by": 0.02, "jitter": 0.005, "distribution": "normal"}, lasting=0.5),
            step("delay", {"by": 0.02}, lasting=0.5),
            step("loss", {"probability": 0.25, "kinds": ("raft.*",), "from": "store-0"}, lasting=0.5),
            step("bandwidth", {"rate": 1e6}, lasting=0.5),
            step("dropNth", {"n": 3, "thenEvery": 5}, lasting=0.5),
        )
    )
    assert [strike.name for strike in run.strikes] == [
        "delay 20ms normal, 5ms anyone -> anyone",
        "delay 20ms anyone -> anyone",
        "loss 25% of raft.* store-0 -> anyone",
        "bandwidth 1MB/s anyone -> anyone",
        "drop-nth 3 and each 5 anyone -> anyone",
    ]


def test_a_strike_that_cannot_be_carried_out_says_why_and_the_story_goes_on() -> None:
    run = told(
        story(
            step("kill", {"targets": "store-9"}),
            step("kill", {"targets": "4 of members"}),
            step("api", {"way": "slow"}, lasting=1.0),
            shape=CLUSTER,
        )
    )
    assert "store-9" in run.strikes[0].error
    assert "4 of 3 is not possible" in run.strikes[1].error
    assert run.strikes[2].error == ""
    assert [m.outcome for m in run.moments if "could not be carried out" in m.text] == ["unknown"] * 2
