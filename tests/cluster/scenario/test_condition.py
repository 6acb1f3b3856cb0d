"""Conditions as they are written, and what is said of those that say nothing."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.errors import UsageError
from cluster.scenario.condition import parse
from cluster.scenario.subjects import SUBJECTS

EXAMPLES = [(s, p, spec.example) for s, subject in SUBJECTS.items() for p, spec in subject.predicates.items()]


@pytest.mark.parametrize(("subject", "predicate", "example"), EXAMPLES, ids=[e for _, _, e in EXAMPLES])
def test_the_example_of_each_predicate_says_it(subject: str, predicate: str, example: str) -> None:
    condition = parse(example)
    assert (condition.subject, condition.predicate, condition.text) == (subject, predicate, example)


SAID: list[tuple[str, dict[str, Any]]] = [
    ("node worker-2 is NotReady", {"subject": "node", "name": "worker-2", "predicate": "is NotReady"}),
    ("kubelet-2 is NotReady", {"subject": "node", "name": "worker-2", "predicate": "is NotReady"}),
    ("proxy-0 is Ready", {"subject": "node", "name": "worker-0", "predicate": "is Ready"}),
    ("kubelet-2 is down", {"subject": "host", "name": "kubelet-2", "predicate": "is down"}),
    ("worker-2 is down", {"subject": "machine", "name": "worker-2", "predicate": "is down"}),
    ("leader:store is down", {"subject": "host", "name": "leader:store", "predicate": "is down"}),
    ("node-of:web-0 is NotReady", {"subject": "node", "name": "node-of:web-0", "predicate": "is NotReady"}),
    ("worker-1 is not Ready", {"subject": "node", "predicate": "is Ready", "negated": True}),
    ("not worker-1 is not Ready", {"subject": "node", "predicate": "is Ready", "negated": False}),
    ("not store has a leader", {"subject": "store", "predicate": "has a leader", "negated": True}),
    ("store has no leader", {"subject": "store", "predicate": "has a leader", "negated": True}),
    ("all nodes are Ready", {"subject": "nodes", "name": "", "predicate": "are Ready"}),
    ("every node is Ready", {"subject": "nodes", "name": "", "predicate": "are Ready"}),
    ("nodes = 4", {"subject": "nodes", "predicate": "count", "operator": "=", "value": 4}),
    ("pods app=nginx ready>=3", {"name": "app=nginx", "predicate": "ready", "operator": ">=", "value": 3}),
    ("pods app=nginx == 3", {"predicate": "count", "operator": "=", "value": 3}),
    ("pods = 3", {"subject": "pods", "name": "", "predicate": "count", "value": 3}),
    ("pods ready = 3", {"subject": "pods", "name": "", "predicate": "ready", "value": 3}),
    ("pods app=nginx on kubelet-1 = 0", {"name": "app=nginx", "where": "worker-1", "value": 0}),
    ("pods kube-system/app=a,tier=b running < 2", {"name": "kube-system/app=a,tier=b", "operator": "<"}),
    ("pod web-0 is gone", {"subject": "pod", "name": "web-0", "predicate": "exists", "negated": True}),
    ("pod web-0 does not exist", {"predicate": "exists", "negated": True}),
    ("pod web-0 is on worker-1", {"predicate": "is on", "operator": "=", "value": "worker-1"}),
    ("leader:store is not store-0", {"predicate": "is", "operator": "!=", "value": "store-0", "negated": False}),
    ("leader:store is store-0", {"predicate": "is", "operator": "=", "value": "store-0"}),
    ("lease kube-scheduler is free", {"subject": "lease", "predicate": "is held", "negated": True}),
    ("lease kube-scheduler is not held by scheduler-1", {"predicate": "is held by", "negated": True}),
    ("event Evicted was not seen", {"subject": "event", "name": "Evicted", "negated": True}),
    ("event Evicted on pod/web-0 seen >= 2", {"where": "pod/web-0", "predicate": "seen", "value": 2}),
    ("operations of clerks unknown = 0", {"subject": "operations", "name": "clerks", "predicate": "unknown"}),
    ("STORE has a leader".lower(), {"subject": "store"}),
]


@pytest.mark.parametrize(("text", "parts"), SAID, ids=[text for text, _ in SAID])
def test_what_a_condition_says(text: str, parts: dict[str, Any]) -> None:
    condition = parse(text)
    assert {name: getattr(condition, name) for name in parts} == parts


WRONG = [
    ("", "an empty condition; such as `store has a leader` or `pods app=nginx ready >= 3`"),
    ("nod worker-1 is Ready", "unknown subject 'nod' in 'nod worker-1 is Ready'; did you mean 'node'?"),
    ("node is Ready", "'node is Ready' does not say which node; such as `node worker-2 is Ready`"),
    (
        "store is wirtable",
        "'is wirtable' cannot be said of store in 'store is wirtable'; did you mean 'is writable'?",
    ),
    (
        "pods app=nginx redy >= 3",
        "'redy >= 3' cannot be said of pods in 'pods app=nginx redy >= 3'; did you mean 'ready'?",
    ),
    (
        "pods app=nginx ready",
        "'pods app=nginx ready' does not say how it should be; such as `pods app=nginx ready >= 3`",
    ),
    (
        "pods app=nginx ready >= many",
        "'many' is not a number in 'pods app=nginx ready >= many'; such as `pods app=nginx ready >= 3`",
    ),
    (
        "store-0 is NotReady",
        "store-0 is on a master, and masters are no nodes, in 'store-0 is NotReady'; such as worker-1",
    ),
    (
        "node master-0 is Ready",
        "master-0 is a master, and masters are no nodes, in 'node master-0 is Ready'; such as worker-1",
    ),
    (
        "lease kube-scheduler is held by",
        "a word is missing after 'is held by' in 'lease kube-scheduler is held by'; such as `lease kube-scheduler "
        "is held by scheduler-1`",
    ),
    (
        "object settings exists",
        "'settings' is not an object in 'object settings exists'; KIND/NAME, as deployment/nginx",
    ),
    ("event X on web-0 was seen", "'web-0' is not an object in 'event X on web-0 was seen'; KIND/NAME, as pod/web-0"),
    ("leader:stoer changed", "there is no leader of 'stoer'; did you mean leader:store?"),
    ("worker-1", "nothing is said of worker-1; such as `node worker-2 is Ready`"),
    ("worker-1 is happy", "'is happy' cannot be said of worker-1; did you mean 'is Ready'?"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[text for text, _ in WRONG])
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(text)
    assert str(error.value) == said
