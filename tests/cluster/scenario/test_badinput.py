"""Scenario files that are wrong: each with the one line that tells it."""

from __future__ import annotations

import pytest

from cluster.errors import UsageError
from cluster.history.checks import CHECKS
from cluster.scenario.reader import FileError, read

HEAD = "capstan: 1\nchecks: [one-leader-per-term]\n"


def problems(text: str) -> list[str]:
    try:
        read(text, "f.yaml", None, CHECKS)
    except FileError as error:
        return [str(problem) for problem in error.problems]
    except UsageError as error:
        return [str(error)]
    return []


ZONES = "such as [a, b, c]: one for each zone, and worker i is in zone i modulo their number"
NOT_YAML = [
    ("", "f.yaml: an empty file; see docs/scenarios.md, or `launch.py scenario show`"),
    ("# nothing\n", "f.yaml: an empty file; see docs/scenarios.md, or `launch.py scenario show`"),
    ("a: [1", "f.yaml:1: not YAML: expected ',' or ']', but got '<stream end>'"),
    ("a: 1\na: 2\n", "f.yaml:2: not YAML: 'a' stands here twice"),
    ("? [a]\n: 1\n", "f.yaml:1: not YAML: a key is a word"),
    ("a: \x07", "f.yaml:1: not YAML: special characters are not allowed"),
    ("a: &a [*a]\n", "f.yaml:1: not YAML: nested deeper than 60 levels"),
    ("just words", "f.yaml:1: a word where a scenario is meant; begin with `capstan: 1`"),
    ("- a\n", "f.yaml:1: a list where a scenario is meant; begin with `capstan: 1`"),
    ("capstan: 1\n---\ncapstan: 1\n", "f.yaml:3: a second document; a scenario is one document: remove the ---"),
]

WRONG = [
    (
        "checks: [one-leader-per-term]\n",
        "f.yaml:1: 'capstan' is missing; begin with `capstan: 1`, the version of the format",
    ),
    ("capstan: 2\nchecks: [one-leader-per-term]\n", "f.yaml:1: capstan: format '2' is not known; capstan: 1"),
    ("capstan: 1\n", "f.yaml:1: nothing to check; checks: [linearizable], see `launch.py check --list`"),
    (
        "capstan: 1\nchecks: []\n",
        "f.yaml:2: checks: nothing to check; checks: [linearizable], see `launch.py check --list`",
    ),
    (
        "capstan: 1\nchecks: [linearisable]\n",
        "f.yaml:2: checks[0]: unknown check 'linearisable'; did you mean 'linearizable'?",
    ),
    (
        "capstan: 1\nchecks: [linearizable: {modle: x}]\nworkload: register\n",
        "f.yaml:2: checks[0].linearizable.modle: linearizable has no option 'modle'; did you mean 'model'?",
    ),
    (
        "capstan: 1\nchecks: [faults-hit]\ntimeline:\n- partition: {shape: bridge, oneWay: true}\n",
        "f.yaml:4: timeline[0]: partition: oneWay is not for bridge: who hears whom is its shape; leave it out, or "
        "another shape",
    ),
    (
        "capstan: 1\nchecks: [linearizable: {model: lock, steps: 0}]\nworkload: lock\n",
        "f.yaml:2: checks[0].linearizable.steps: steps of 0 is not possible; more than 0",
    ),
    (
        "capstan: 1\nchecks: [linearizable]\nworkload: {type: register, name: clerks}\n"
        "timeline:\n- await: operations of clrks unknown = 0\n",
        "f.yaml:5: timeline[0].await: there is no workload 'clrks'; did you mean 'clerks'?",
    ),
    (
        "capstan: 1\nchecks: [linearizable: {model: kv}]\nworkload: register\n",
        "f.yaml:2: checks[0].linearizable.model: 'kv' is not possible here; one of register, keyspace, lock, lease",
    ),
    (
        "capstan: 1\nchecks:\n- linearizable\n",
        "f.yaml:3: checks[0]: linearizable has nothing to look at; a workload of type register or "
        "keyspace or lock or lease",
    ),
    (
        "capstan: 1\nchecks: [bound-once]\ncluster: {only: store}\n",
        "f.yaml:2: checks[0]: bound-once looks at API objects, and this cluster is the store alone; "
        "cluster.only: cluster",
    ),
    (HEAD + "worlds: [sim, prok]\n", "f.yaml:3: worlds[1]: 'prok' is not possible here; did you mean 'proc'?"),
    (HEAD + "seed: one\n", "f.yaml:3: seed: 'one' is not a whole number; such as 3"),
    (HEAD + "duration: 5 sec\n", "f.yaml:3: duration: '5 sec' is not a duration; such as 250ms, 10s, 1m30s"),
    (
        HEAD + "duration: -5s\n",
        "f.yaml:3: duration: '-5s' is not a duration: time does not run back; such as 250ms, 10s, 1m30s",
    ),
    (HEAD + "cluster: 3\n", "f.yaml:3: cluster: a word where a mapping is meant; such as {masters: 3, workers: 3}"),
    (HEAD + "cluster: {zones: 3}\n", f"f.yaml:3: cluster.zones: '3' is no zone's name; {ZONES}"),
    (HEAD + "cluster: {zones: a b}\n", f"f.yaml:3: cluster.zones: 'a b' is no zone's name; {ZONES}"),
    (HEAD + "cluster: {masters: 12}\n", "f.yaml:3: cluster.masters: 12 masters are not possible; 1 to 9"),
    (HEAD + "cluster: {masetrs: 3}\n", "f.yaml:3: cluster.masetrs: unknown field 'masetrs'; did you mean 'masters'?"),
    (
        HEAD + "cluster: {engine: raftt}\n",
        "f.yaml:3: cluster.engine: 'raftt' is not possible here; did you mean 'raft'?",
    ),
    (
        HEAD + "cluster: {options: {snapshotEntrys: 3}}\n",
        "f.yaml:3: cluster.options.snapshotEntrys: the store has no option 'snapshotEntrys'; did you mean "
        "'snapshot_entries'?",
    ),
    (
        HEAD + "cluster: {objects: [deployment-nginks.yaml]}\n",
        "f.yaml:3: cluster.objects[0]: there is no manifest 'deployment-nginks.yaml'; did you mean "
        "'deployment-nginx.yaml'?",
    ),
    (HEAD + "workload: registr\n", "f.yaml:3: workload: unknown type of workload 'registr'; did you mean 'register'?"),
    (HEAD + "workload: {type: lock, rate: 0}\n", "f.yaml:3: workload.rate: 0 a second are not possible; more than 0"),
    (
        HEAD + "workloads: [{type: lock, name: a}, {type: lock, name: a}]\n",
        "f.yaml:3: workloads[1]: two workloads are called 'a'; names that tell them apart",
    ),
    (
        HEAD + "worlds: [sim]\nworkload: http\n",
        "f.yaml:4: workload: workload http cannot be played in sim; worlds: [proc]",
    ),
    (
        HEAD + "steadyState: [operations ok >= 3]\n",
        "f.yaml:3: steadyState[0]: 'operations ok >= 3' before there are operations: the workload begins with the "
        "timeline; an `await` at the timeline's start",
    ),
    (
        HEAD + "cluster: {only: store}\nsteadyState: [all nodes are Ready]\n",
        "f.yaml:4: steadyState[0]: nodes in a cluster of the store alone; cluster.only: cluster",
    ),
]

TIMELINE = [
    ("kil: store-0", ".kil: unknown action 'kil'; did you mean 'kill'?"),
    ("name: x", ": an entry without an action; such as `kill: leader:store`"),
    ("[a]", ": a list where an entry is meant; such as `kill: leader:store`"),
    (
        "{kill: store-0, pause: store-1}",
        ".pause: kill and pause in one entry; an entry has one action: two entries, or `parallel`",
    ),
    ("kill: store-7", ".kill: this cluster has no store-7; store-0 to store-2"),
    ("kill: stroe-1", ".kill: there is no host or machine 'stroe-1'; did you mean 'store-1'?"),
    ("kill: zone:c", ".kill: there is no zone 'c'; one of a, b"),
    ("kill: 4 of members", ".kill: '4 of members': there are only 3; up to 3"),
    ("kill: minority of zone:a", ".kill: 'minority of zone:a': a minority of 2 is nobody; at least 3"),
    ("kill: members except members", ".kill: 'members except members' is nobody; `except` leaves somebody over"),
    ("{kill: store-0, disk: wip}", ".disk: 'wip' is not possible here; did you mean 'wipe'?"),
    ("{delay: {by: 3, for: 3s}}", ".delay.for: 'for' is not a field of delay; put it beside delay, not inside"),
    ("{delay: {by: 3, jiter: 3}}", ".delay.jiter: delay has no field 'jiter'; did you mean 'jitter'?"),
    ("{delay: {jitter: 3}}", ".delay: 'by' is missing; by: how much"),
    ("partition: {shape: halvs}", ".partition.shape: 'halvs' is not possible here; did you mean 'halves'?"),
    ("partition", ': partition: groups or a shape, and not both; between: "master-0 | rest", or shape: halves'),
    (
        "partition: master-0",
        '.partition: one group is no partition; such as "master-0 | rest", or [[store-0, store-1], [store-2]]',
    ),
    ("partition: master-0 | master-0", ": partition: master-0 is on two sides; each once"),
    ("partition: rest | rest", ".partition: `rest` stands twice; it is all machines that no other group names"),
    (
        "partition: {shape: bridge, of: [store-0, store-1]}",
        ": partition: bridge divides at least 3, and there are 2; a larger set, or another shape",
    ),
    (
        "{resume: store-0, for: 3s}",
        ".for: resume cannot last; it is over at once; what lasts: kill, pause, crashLoop, killAfter",
    ),
    ("heal: cut", ": heal of 'cut', which no entry is called; give an entry a `name`"),
    ("{kill: store-0, repeat: 3}", ".repeat: repeat without `every`; every: 5s says how often"),
    ("{kill: store-0, at: 1s, after: 2s}", ".after: at and after in one entry; one of the two"),
    ("{kill: store-0, within: 1s}", ".within: within without `when`; it is how long `when` or `await` waits"),
    ("{wait: 1s, at: 1h}", ": wait begins at 3600 s, and the timeline ends at 30 s; a longer `duration`, or none"),
    ("parallel: []", ".parallel: parallel of nothing; at least one entry"),
    ("drain: store-0", ": drain: store-0 is not a worker, but a store; such as worker-0"),
    ("shrink: worker-0", ": shrink: worker-0 is not a member of the store, but a worker; such as store-0"),
    ("{api: error, code: 418}", ": api: an apiserver does not answer 418; code: 429, 500, 503 or 504"),
    ("delete: {kind: Pod}", ": delete: name or labels, and not both; name: web-0, or labels: app=nginx"),
    ("dropNth: 0", ": dropNth: n of 0 is not possible; at least 1"),
    ("scale: {object: web, replicas: 1}", ": scale: 'web' is not an object; KIND/NAME, as deployment/nginx"),
    ("loss: 130%", ".loss: '130%' is not a share; 0 to 1, or a percentage such as 30%"),
    ("bandwidth: 1Mbits", ".bandwidth: '1Mbits' is not a size or a rate; such as 512, 64KB, 1MiB or 1Mbit"),
    ("await: node worker-9 is Ready", ".await: this cluster has no worker-9; worker-0 to worker-3"),
    (
        "apply: {apiVersion: v1, kind: Podd, metadata: {name: x}}",
        ".apply: no kind 'Podd' is known; did you mean 'Pod'?",
    ),
]


@pytest.mark.parametrize(("text", "said"), NOT_YAML, ids=[repr(text) for text, _ in NOT_YAML])
def test_what_is_no_scenario_at_all(text: str, said: str) -> None:
    assert problems(text) == [said]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[repr(text) for text, _ in WRONG])
def test_parts_that_are_wrong(text: str, said: str) -> None:
    assert problems(text) == [said]


@pytest.mark.parametrize(("text", "said"), TIMELINE, ids=[text for text, _ in TIMELINE])
def test_entries_that_are_wrong(text: str, said: str) -> None:
    story = HEAD + f"cluster: {{workers: 4, zones: [a, b]}}\nduration: 30s\ntimeline:\n- {text}\n"
    assert problems(story) == [f"f.yaml:6: timeline[0]{said}"]


def test_two_entries_with_one_name() -> None:
    text = HEAD + "timeline:\n- {loss: 1%, name: a}\n- {loss: 2%, name: a}\n"
    assert problems(text) == ["f.yaml:5: timeline[1]: the name 'a' is taken by f.yaml:4; another name"]


def test_healing_what_is_over() -> None:
    text = HEAD + "timeline:\n- {resume: store-0, name: a}\n- heal: a\n"
    assert problems(text) == ["f.yaml:5: timeline[1]: heal of 'a': resume is over at once; leave it out"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("drain: worker-0", "drain in a cluster of the store alone"),
        ("kill: kubelet-0", "kubelet-0 in a cluster of the store alone"),
        ("kill: leader:scheduler", "leader:scheduler in a cluster of the store alone"),
        ("kill: node-of:web-0", "node-of:web-0 in a cluster of the store alone"),
        ("await: all nodes are Ready", "nodes in a cluster of the store alone"),
    ],
)
def test_what_the_store_alone_does_not_have(entry: str, said: str) -> None:
    found = problems(HEAD + f"cluster: {{only: store}}\ntimeline:\n- {entry}\n")
    assert any(said in problem for problem in found), found


def test_a_store_without_a_leader_has_none_to_strike() -> None:
    found = problems(HEAD + "cluster: {engine: eventual}\ntimeline:\n- kill: leader:store\n")
    assert found == [
        "f.yaml:5: timeline[0].kill: leader:store: nobody leads in engine eventual; engine: raft, or `one of members`"
    ]


def test_members_and_workers_that_come_in_the_story_may_be_named() -> None:
    entries = "- grow: 2\n- kill: store-4\n- join: 1\n- kill: kubelet-3\n"
    assert problems(HEAD + "timeline:\n" + entries) == []
    assert len(problems(HEAD + "timeline:\n" + entries.replace("store-4", "store-5"))) == 1
