"""What may be observed: a table of subjects and what can be said of each, for the parser, the evaluator and the docs.

A predicate's `takes` says what follows it: "" nothing; "number" an operator and a number (`ready >= 3`); "word" one
word, the condition's `value` (`has taint KEY`). A metric (`takes` "number") gives a number that the evaluator compares;
any other predicate gives yes, no, or "nobody can say" (the object is not there, no member answers): what nobody can say
holds neither as it stands nor negated. Must not parse, and must not look at a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OPERATORS = ("=", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Predicate:
    doc: str
    takes: Literal["", "number", "word"] = ""
    example: str = ""
    """A whole condition."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`name`: what stands after the subject ("": nothing does). `where`: what may stand after `on`.

    Names of objects may be NAMESPACE/NAME (without: `default`, of Leases `kube-system`)."""

    doc: str
    predicates: Mapping[str, Predicate]
    name: str = ""
    where: str = ""
    optional: bool = False
    """The name may be left out."""


def _count(doc: str, example: str) -> Predicate:
    return Predicate(doc, "number", example)


_SET = {
    "ready": _count("its pods that are Ready", ""),
    "available": _count("its pods that are available (status)", ""),
    "updated": _count("its pods of the newest revision (status)", ""),
    "is rolled out": Predicate("what `rollout status` waits for", "", ""),
    "exists": Predicate("it does", "", ""),
}


def _set(kind: str, name: str) -> dict[str, Predicate]:
    examples = {k: f"{kind} {name} {k}" + (" >= 2" if p.takes == "number" else "") for k, p in _SET.items()}
    return {k: Predicate(p.doc, p.takes, examples[k]) for k, p in _SET.items()}


SUBJECTS: Mapping[str, Subject] = {
    "node": Subject(
        "a Node by name, by a host on it (kubelet-2 means worker-2) or by a role such as node-of:web-0",
        {
            "is Ready": Predicate("its condition Ready is True", "", "node worker-2 is Ready"),
            "is NotReady": Predicate("its condition Ready is False or Unknown", "", "kubelet-2 is NotReady"),
            "is Unknown": Predicate("its condition Ready is Unknown: no sign of life", "", "node worker-2 is Unknown"),
            "is cordoned": Predicate("spec.unschedulable", "", "node worker-2 is cordoned"),
            "has taint": Predicate(
                "a taint with that key (KEY, KEY:EFFECT)",
                "word",
                "node worker-1 has taint node.kubernetes.io/unreachable:NoExecute",
            ),
            "exists": Predicate("there is such an object", "", "node worker-3 exists"),
        },
        name="NODE",
    ),
    "nodes": Subject(
        "all Nodes, or those of a target: nodes zone:a",
        {
            "are Ready": Predicate("every one (there is at least one)", "", "all nodes are Ready"),
            "are NotReady": Predicate("every one", "", "nodes zone:a are NotReady"),
            "ready": _count("how many are Ready", "nodes ready >= 2"),
            "notready": _count("how many are not", "nodes notready = 1"),
            "count": _count("how many there are (`count` may be left out)", "nodes = 4"),
        },
        name="TARGET",
        optional=True,
    ),
    "pods": Subject(
        "Pods with labels (KEY=VALUE[,KEY=VALUE]), or all of a namespace (NAMESPACE/)",
        {
            "count": _count("how many there are (`count` may be left out)", "pods app=nginx on worker-1 = 0"),
            "ready": _count("condition Ready is True, and not being deleted", "pods app=nginx ready >= 3"),
            "running": _count("phase Running, and not being deleted", "pods app=nginx running = 3"),
            "pending": _count("phase Pending, and not being deleted", "pods app=nginx pending = 0"),
            "bound": _count("on a node, and not being deleted", "pods app=nginx bound = 3"),
            "failed": _count("phase Failed", "pods app=nginx failed = 0"),
            "terminating": _count("with a deletionTimestamp", "pods app=nginx terminating = 1"),
            "restarts": _count("of all their containers, together", "pods app=nginx restarts >= 1"),
            "nodes": _count("on how many different nodes they are", "pods app=nginx nodes >= 2"),
        },
        name="LABELS",
        where="NODE",
        optional=True,
    ),
    "pod": Subject(
        "one Pod by its name",
        {
            "is Running": Predicate("phase Running, and not being deleted", "", "pod web-0 is Running"),
            "is Ready": Predicate("condition Ready is True", "", "pod web-0 is Ready"),
            "is Pending": Predicate("phase Pending", "", "pod web-0 is Pending"),
            "is Failed": Predicate("phase Failed", "", "pod web-0 is Failed"),
            "is Terminating": Predicate("it has a deletionTimestamp", "", "pod web-0 is Terminating"),
            "is bound": Predicate("it has a node", "", "pod web-0 is bound"),
            "is on": Predicate("that is its node", "word", "pod web-0 is on worker-1"),
            "exists": Predicate("there is such an object", "", "pod web-0 exists"),
        },
        name="POD",
    ),
    "deployment": Subject("a Deployment", _set("deployment", "nginx"), name="NAME"),
    "replicaset": Subject("a ReplicaSet", _set("replicaset", "web"), name="NAME"),
    "daemonset": Subject("a DaemonSet", _set("daemonset", "kube-system/log-agent"), name="NAME"),
    "endpoints": Subject(
        "what a Service leads to",
        {"count": _count("addresses that are ready (`count` may be left out)", "endpoints nginx = 3")},
        name="SERVICE",
    ),
    "lease": Subject(
        "a Lease; of whom leads, in kube-system",
        {
            "is held": Predicate("somebody holds it, and it has not run out", "", "lease kube-scheduler is held"),
            "is held by": Predicate("that host holds it", "word", "lease kube-scheduler is held by scheduler-1"),
            "changed hands": Predicate(
                "another holds it than when the last fault struck (none yet: when the timeline began)",
                "",
                "lease kube-scheduler changed hands",
            ),
        },
        name="LEASE",
    ),
    "object": Subject(
        "any object, as deployment/nginx",
        {"exists": Predicate("there is such an object", "", "object configmap/settings exists")},
        name="KIND/NAME",
    ),
    "event": Subject(
        "Events with a reason, of any object or of one, since the timeline began",
        {
            "was seen": Predicate("at least one", "", "event TaintManagerEviction on pod/web-0 was seen"),
            "seen": _count("how many", "event Scheduled seen >= 3"),
        },
        name="REASON",
        where="KIND/NAME",
    ),
    "store": Subject(
        "the store as its members say",
        {
            "has a leader": Predicate("one that a majority follows", "", "store has no leader"),
            "is writable": Predicate("a write of the run's own observer is acknowledged", "", "store is writable"),
            "is whole": Predicate("every member answers and has applied what the leader has", "", "store is whole"),
            "members": _count("how many vote", "store members = 5"),
            "term": _count("of the newest leader", "store term >= 2"),
            "revision": _count("the newest that any member tells", "store revision >= 100"),
        },
    ),
    "role": Subject(
        "a role that one host has: leader:store, leader:scheduler, holder:LEASE, apiserver-of:HOST, node-of:POD",
        {
            "changed": Predicate(
                "somebody else has it than when the last fault struck (none yet: when the timeline began)",
                "",
                "leader:store changed",
            ),
            "is": Predicate(
                "that host has it; with `is not` (operator !=): somebody has it, and it is another",
                "word",
                "leader:store is not store-0",
            ),
            "exists": Predicate("somebody has it", "", "leader:scheduler exists"),
        },
        name="ROLE",
    ),
    "host": Subject(
        "a process: one host by name, or by a role",
        {
            "is running": Predicate("it runs, and is not stopped", "", "host store-1 is running"),
            "is down": Predicate("it does not run", "", "store-1 is down"),
            "is paused": Predicate("it is stopped (SIGSTOP)", "", "host store-1 is paused"),
        },
        name="HOST",
    ),
    "machine": Subject(
        "a machine",
        {
            "is up": Predicate("at least one of its hosts runs", "", "machine master-0 is up"),
            "is down": Predicate("none of its hosts runs", "", "machine master-0 is down"),
        },
        name="MACHINE",
    ),
    "replicas": Subject(
        "the members' key spaces",
        {"agree": Predicate("every member answers with one revision and one hash", "", "replicas agree")},
    ),
    "operations": Subject(
        "of all workloads, or of one by its name, since the timeline began",
        {
            "ok": _count("answered", "operations ok >= 100"),
            "failed": _count("that certainly did not happen", "operations failed >= 1"),
            "unknown": _count("whose fate is unknown", "operations of clerks unknown = 0"),
            "count": _count("that have ended (`count` may be left out)", "operations >= 200"),
        },
        name="of WORKLOAD",
        optional=True,
    ),
}

UNCOUNTED = ("nodes", "pods", "endpoints", "operations")
"""Subjects whose `count` may be left out."""
CLUSTER_ONLY = tuple(s for s in SUBJECTS if s not in ("store", "role", "host", "machine", "replicas", "operations"))
"""Subjects that need apiservers: nothing to ask in a cluster of the store alone."""
