"""A scenario file, every construct of it, and what is told of a file that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.errors import UsageError
from cluster.scenario.actions import ACTIONS
from cluster.scenario.condition import parse as condition
from cluster.scenario.model import CheckSpec, Scenario, Shape, SteadyState, Step, Workload
from cluster.scenario.reader import FileError, entry, read
from cluster.scenario.target import parse as target

WHOLE = """\
capstan: 1
name: whole
title: Everything at once
teaches: |
  What one learns.
worlds: [sim]
seed: 7
cluster:
  masters: 5
  workers: 4
  zones: [a, b]
  engine: raft
  profile: kubernetes
  journal: events
  options: {snapshotEntries: 50, lease_clock_error: 0.1, commit_delay: 2ms}
  objects:
  - pod-nginx.yaml
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}
workloads:
- register
- {type: lock, name: locks, clients: 2, rate: 0.5, keys: 1, timeout: 250ms, at: [masters, worker-1],
   options: {hold: 1s}}
steadyState:
  conditions: [all nodes are Ready, store is writable]
  within: 2m
  after: 90s
timeline:
- wait: 1s
duration: 1m
settle: 500ms
checks:
- one-leader-per-term
- linearizable: {model: register, seconds: 5s}
- lock-exclusive: {keys: [a]}
  expect: violated
  because: locks without fencing are not locks
"""


def plain(text: str, **options: Any) -> Scenario:
    return read(text, "story.yaml", None, **options)


def test_every_part_of_a_file() -> None:
    scenario = plain(WHOLE)
    assert (scenario.name, scenario.title, scenario.teaches) == ("whole", "Everything at once", "What one learns.")
    assert (scenario.worlds, scenario.seed, scenario.seconds, scenario.settle) == (("sim",), 7, 60.0, 0.5)
    shape = scenario.shape
    assert shape == Shape(
        "cluster", 5, 4, ("a", "b"), "kubernetes", "raft", shape.objects,
        {"snapshot_entries": 50, "lease_clock_error": 0.1, "commit_delay": 0.002}, "events",
    )  # fmt: skip
    assert [(o["kind"], o["metadata"]["name"]) for o in shape.objects] == [("Pod", "nginx"), ("ConfigMap", "settings")]
    assert scenario.workloads == (
        Workload("story.yaml:20", "register"),
        Workload(
            "story.yaml:21", "lock", "locks", 2, 0.5, 1, at=(target("masters"), target("worker-1")), timeout=0.25,
            options={"hold": 1.0},
        ),
    )  # fmt: skip
    assert scenario.steady == SteadyState(
        (condition("all nodes are Ready"), condition("store is writable")), 120.0, 90.0
    )
    assert scenario.checks == (
        CheckSpec("story.yaml:32", "one-leader-per-term"),
        CheckSpec("story.yaml:33", "linearizable", {"model": "register", "seconds": "5s"}),
        CheckSpec(
            "story.yaml:34", "lock-exclusive", {"keys": ["a"]}, "violated", "locks without fencing are not locks"
        ),
    )
    assert scenario.text == WHOLE


def test_what_is_left_out_has_its_default() -> None:
    scenario = plain("capstan: 1\nchecks: one-leader-per-term\n")
    assert scenario == Scenario(
        "story.yaml:1", "story", "story", checks=(CheckSpec("story.yaml:2", "one-leader-per-term"),), text=scenario.text
    )


def step(text: str, **shape: Any) -> Step:
    """The one entry of a timeline, without its place."""
    return entry(text, Shape(masters=5, **shape)).timeline[0]


def given(made: Step) -> dict[str, Any]:
    """Its arguments that are not the table's defaults."""
    table = ACTIONS[made.action].fields
    return {name: value for name, value in made.args.items() if value != table[name].default}


FORMS: list[tuple[str, str, dict[str, Any]]] = [
    ("heal", "heal", {}),
    ("loss", "loss", {}),
    ("kill: leader:store", "kill", {"targets": (target("leader:store"),)}),
    ("kill: [store-0, one of workers]", "kill", {"targets": (target("store-0"), target("one of workers"))}),
    ("kill: store-0\ndisk: wipe", "kill", {"targets": (target("store-0"),), "disk": "wipe"}),
    ("kill: {targets: store-0, disk: wipe}", "kill", {"targets": (target("store-0"),), "disk": "wipe"}),
    ("restart: store-0\ndisk: wipe", "restart", {"targets": (target("store-0"),), "disk": "wipe"}),
    (
        "killAfter: kind:controller-manager\nkinds: [pod.create, 'replicaset.*']\nn: 2\nrestart: 3s",
        "killAfter",
        {
            "targets": (target("kind:controller-manager"),),
            "kinds": ("pod.create", "replicaset.*"),
            "n": 2,
            "restart": 3.0,
        },
    ),
    ("partition: master-0 | rest", "partition", {"between": ((target("master-0"),), (target("rest"),))}),
    (
        "partition: [[store-0, store-1], store-2]\noneWay: true",
        "partition",
        {"between": ((target("store-0"), target("store-1")), (target("store-2"),)), "oneWay": True},
    ),
    ("partition: {shape: bridge, of: members}", "partition", {"shape": "bridge", "of": (target("members"),)}),
    ("isolate: worker-1\ndirection: in", "isolate", {"targets": (target("worker-1"),), "direction": "in"}),
    (
        "delay: 100ms\nfrom: worker-1\njitter: 20ms\ndistribution: normal\ncorrelation: 25%",
        "delay",
        {"by": 0.1, "from": (target("worker-1"),), "jitter": 0.02, "distribution": "normal", "correlation": 0.25},
    ),
    ("loss: 30%\nkinds: raft.*, lease.renew", "loss", {"probability": 0.3, "kinds": ("raft.*", "lease.renew")}),
    ("bandwidth: 1Mbit", "bandwidth", {"rate": 125_000.0}),
    ("bandwidth: 64KB/s", "bandwidth", {"rate": 64_000.0}),
    ("dropNth: 3", "dropNth", {"n": 3}),
    ("clockJump: {targets: masters, by: -2s}", "clockJump", {"targets": (target("masters"),), "by": -2.0}),
    ("clockDrift: leader:store\nrate: 1.05", "clockDrift", {"targets": (target("leader:store"),), "rate": 1.05}),
    (
        "disk: {targets: store-1, way: slow, by: 20ms, files: 'wal/*'}",
        "disk",
        {"targets": (target("store-1"),), "way": "slow", "by": 0.02, "files": ("wal/*",)},
    ),
    ("join: 2", "join", {"workers": 2}),
    ("join", "join", {}),
    ("moveLeader: store-1", "moveLeader", {"to": (target("store-1"),)}),
    ("api: error\ncode: 503\nverbs: [get, list]", "api", {"way": "error", "code": 503, "verbs": ("get", "list")}),
    ("delete: {kind: Pod, name: web-0, grace: 0}", "delete", {"kind": "Pod", "name": "web-0", "grace": 0.0}),
    (
        "delete: {kind: Pod, labels: app=web, amount: 50%}",
        "delete",
        {"kind": "Pod", "labels": "app=web", "amount": "50%"},
    ),
    ("scale: {object: deployment/web, replicas: 0}", "scale", {"object": "deployment/web", "replicas": 0}),
    ("patch: {object: deployment/web, patch: {a: [1]}}", "patch", {"object": "deployment/web", "patch": {"a": [1]}}),
    ("wait: 5", "wait", {"for": 5.0}),
    ("wait:\nfor: 5s", "wait", {"for": 5.0}),
    ("await: store has a leader", "await", {"condition": condition("store has a leader")}),
    (
        "await: kubelet-2 is NotReady\nexpect: never\nwithin: 3s",
        "await",
        {"condition": condition("kubelet-2 is NotReady"), "expect": "never"},
    ),
    ("say: 'yes'", "say", {"text": "yes"}),
    ("say: yes", "say", {"text": "yes"}),
]


@pytest.mark.parametrize(("text", "action", "args"), FORMS, ids=[text for text, _, _ in FORMS])
def test_the_forms_of_actions(text: str, action: str, args: dict[str, Any]) -> None:
    made = step(text, workers=3)
    assert made.action == action
    assert given(made) == args
    assert set(made.args) == set(ACTIONS[action].fields)


def test_what_every_entry_may_have() -> None:
    made = step(
        "pause: leader:store\nname: nap\nafter: 2s\nfor: 1s\nwhen: store has a leader\nwithin: 9s\nevery: 3s\n"
        "repeat: 4\nuntil: operations ok >= 10\nchance: 50%"
    )
    assert made == Step(
        made.place, "pause", made.args, "nap", None, 2.0, 1.0, condition("store has a leader"), 9.0, 3.0, 4,
        condition("operations ok >= 10"), 0.5,
    )  # fmt: skip


def test_entries_inside_of_entries() -> None:
    made = step("parallel:\n- kill: store-0\n- sequence: [{wait: 1s}, {wait: 2s}]")
    assert [s.action for s in made.steps] == ["kill", "sequence"]
    assert [s.args["for"] for s in made.steps[1].steps] == [1.0, 2.0]


def test_a_name_beside_heal_is_what_is_healed() -> None:
    text = "capstan: 1\nchecks: [faults-hit]\ntimeline:\n- {loss: 10%, name: rain}\n- {heal: null, name: rain}\n"
    healing = plain(text).timeline[1]
    assert (healing.args["name"], healing.name) == ("rain", "")


def test_without_a_duration_the_timeline_lasts_as_its_entries_do() -> None:
    text = (
        "capstan: 1\nchecks: [faults-hit]\ntimeline:\n- wait: 8s\n- {kill: store-0, for: 5s, every: 10s, repeat: 2}\n"
    )
    assert plain(text).seconds == 23.0


def test_manifests_are_looked_for_beside_the_story(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\n")
    text = "capstan: 1\nchecks: [faults-hit]\ncluster: {objects: [mine.yaml, daemonset-log-agent.yaml]}\n"
    found = read(text, "story.yaml", tmp_path).shape.objects
    assert [o["metadata"]["name"] for o in found] == ["mine", "log-agent"]


def test_a_manifest_that_is_wrong_is_told_with_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("apiVersion: v1\nkind: Podd\nmetadata: {name: mine}\n")
    text = "capstan: 1\nchecks: [faults-hit]\ncluster: {objects: [mine.yaml]}\n"
    with pytest.raises(UsageError) as error:
        read(text, "story.yaml", tmp_path)
    assert str(error.value) == (
        "story.yaml:3: cluster.objects[0]: mine.yaml:1: no kind 'Podd' is known; did you mean 'Pod'?"
    )


def test_anchors_and_merges() -> None:
    text = "capstan: 1\nchecks: [faults-hit]\ntimeline:\n- &a {kill: store-0, for: 5s}\n- {<<: *a, for: 1s}\n"
    assert [s.lasting for s in plain(text).timeline] == [5.0, 1.0]


def test_all_problems_are_told_and_the_first_of_them_in_one_line() -> None:
    with pytest.raises(FileError) as error:
        plain("capstan: 1\nnmae: x\ntimeline: [{kil: store-0}]\nchecks: [faults-hit]\n")
    assert [str(problem) for problem in error.value.problems] == [
        "story.yaml:2: nmae: unknown field 'nmae'; did you mean 'name'?",
        "story.yaml:3: timeline[0].kil: unknown action 'kil'; did you mean 'kill'?",
    ]
    assert str(error.value) == (
        "story.yaml:2: nmae: unknown field 'nmae'; did you mean 'name'? (and 1 more problem: `launch.py scenario "
        "check` lists them)"
    )
