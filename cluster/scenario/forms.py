"""The parts of a scenario file as tables: which fields each has, their types, defaults and what they mean.

The reader reads by these tables, the JSON schema and the reference page are made from them; `actions` has the table of
what a timeline may do. Must not parse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.config import ENGINES, PROFILES
from cluster.scenario.actions import Field
from cluster.scenario.model import WORLDS, Shape, SteadyState, Workload

FORMAT = 1
"""Of the file: the value of `capstan`."""
READS = ("linearizable", "lease", "serializable")
EXPECTED = ("ok", "violated", "unknown")

TOP: Mapping[str, Field] = {
    "capstan": Field("integer", f"the version of this format: {FORMAT}", required=True),
    "name": Field("word", "how the scenario is called; without it: the file's name"),
    "title": Field("text", "one line that says what happens"),
    "teaches": Field("text", "what one learns, in a few sentences", ""),
    "worlds": Field("words", "in which worlds it makes sense", WORLDS, choices=WORLDS),
    "seed": Field("integer", "of the dice, unless `run --seed` says another", 0),
    "cluster": Field("mapping", "the cluster", {}),
    "workload": Field("workloads", "clients that go on asking; a type, a mapping or a list", ()),
    "workloads": Field("workloads", "the same", ()),
    "steadyState": Field("conditions", "what holds before the timeline begins, and again after healing", ()),
    "timeline": Field("steps", "what happens", ()),
    "duration": Field(
        "duration", "how long the timeline lasts at the least; without it: as its entries do, and 10 s", 10.0
    ),
    "settle": Field("duration", "how long the workload goes on after healing", 2.0),
    "checks": Field("checks", "what must be true of the run", ()),
}

CLUSTER: Mapping[str, Field] = {
    "only": Field("word", "`store`: the members of the store alone", Shape().only, choices=("store", "cluster")),
    "masters": Field("integer", "masters, each with a member of the store: 1 to 9", Shape().masters),
    "workers": Field("integer", "workers: 0 to 2000", Shape().workers),
    "zones": Field("words", "worker i is in the (i modulo their number)-th of these", ()),
    "profile": Field("word", "timing of everything", Shape().profile, choices=tuple(PROFILES)),
    "engine": Field("word", "of the store", Shape().engine, choices=tuple(e for e in ENGINES if e != "etcd")),
    "objects": Field("objects", "applied before the steady state: manifests (paths) and inline objects", ()),
    "options": Field("mapping", "of the members of the store, such as snapshotEntries", {}),
    "journal": Field("word", "what is recorded of messages", Shape().journal, choices=("messages", "events")),
}

WORKLOAD: Mapping[str, Field] = {
    "type": Field("word", "what they do", required=True, short=True),
    "name": Field("text", "told apart in the report", ""),
    "clients": Field("integer", "how many", Workload("", "").clients),
    "rate": Field("number", "operations a second of each", Workload("", "").rate),
    "keys": Field("integer", "over how many keys", Workload("", "").keys),
    "reads": Field("word", "read mode of the store", Workload("", "").reads, choices=READS),
    "at": Field("targets", "machines on which they sit; empty: one of their own that no fault names", ()),
    "timeout": Field("duration", "how long a client waits for an answer", Workload("", "").timeout),
    "options": Field("mapping", "of the type", {}),
}

STEADY: Mapping[str, Field] = {
    "conditions": Field("conditions", "what holds", required=True),
    "within": Field("duration", "before the timeline: how long it may take", SteadyState().within),
    "after": Field("duration", "after healing: how long it may take", SteadyState().after),
}

STEP: Mapping[str, Field] = {
    "name": Field("word", "for `heal`, and in the report", ""),
    "at": Field("duration", "begins so long after the timeline's start"),
    "after": Field("duration", "begins so long after the entry before it (after its end, if that one waits)", 0.0),
    "for": Field("duration", "is undone after so long; without it: when the run ends", 0.0),
    "when": Field("condition", "does not begin before this holds"),
    "within": Field("duration", "how long `when` and `await` wait before they give up", 60.0),
    "every": Field("duration", "strikes again so often", 0.0),
    "repeat": Field("integer", "so many times in all (with `every`)", 0),
    "until": Field("condition", "until this holds (with `every`)"),
    "chance": Field("share", "of each strike to happen, drawn by the dice", 1.0),
}
"""What every entry of a timeline may have beside its action."""

CHECK: Mapping[str, Field] = {
    "expect": Field("word", "what it is expected to say", "ok", choices=EXPECTED),
    "because": Field("text", "why, told in the report", ""),
}
"""What a check may have beside its options."""

STORE_OPTIONS = (
    "heartbeat",
    "election",
    "keepalive",
    "snapshot_entries",
    "snapshot_bytes",
    "retain_entries",
    "retain_bytes",
    "commit_delay",
    "wal_segment_bytes",
    "keep_revisions",
    "keep_seconds",
    "quota_bytes",
    "lease_min_ttl",
    "lease_clock_error",
    "max_request_bytes",
    "max_pending",
    "batch_operations",
    "max_append_bytes",
    "snapshot_chunk_bytes",
    "watch_chunk",
)
"""Of engine raft: all that `store.config.Config` has but who the members are."""


@dataclass(frozen=True, slots=True)
class Form:
    """A type of workload or a check: what it does, its options, and what must be there for it to make sense.

    `workloads`: it looks at operations of one of these types ("any": of any); `cluster`: it looks at API objects."""

    doc: str
    options: Mapping[str, Field] = field(default_factory=dict)
    workloads: tuple[str, ...] = ()
    cluster: bool = False


WORKLOADS: Mapping[str, Form] = {
    "register": Form(
        "reads, writes and compare-and-sets of single keys",
        {
            "writes": Field("share", "of operations that write", 0.4),
            "compareAndSets": Field("share", "of operations that compare and set", 0.2),
        },
    ),
    "append": Form(
        "transactions that append to lists and read them (Elle's list-append)",
        {
            "longest": Field("integer", "most micro-operations in one transaction", 4),
            "perKey": Field("integer", "appends to one key before the next one takes its place", 32),
        },
    ),
    "lock": Form("clients take a lock, hold it and give it back", {"hold": Field("duration", "how long", 0.2)}),
    "lease": Form("leases are granted, kept alive and let run out", {"ttl": Field("duration", "of each", 2.0)}),
    "watch": Form(
        "some clients write, others watch every key",
        {"watchers": Field("integer", "how many watch", 2), "prefix": Field("text", "of the keys", "")},
    ),
    "keyspace": Form(
        "puts, deletes, reads and transactions over a small key space with revisions",
        {"writes": Field("share", "of operations that change something", 0.6)},
    ),
    "objects": Form(
        "API objects come, change and go",
        {"kind": Field("word", "of which kind", "ConfigMap"), "namespace": Field("text", "where", "default")},
        cluster=True,
    ),
    "http": Form(
        "GETs at a Service through the proxies of workers",
        {
            "service": Field("text", "its name", required=True),
            "port": Field("integer", "0: its first", 0),
            "namespace": Field("text", "where", "default"),
        },
        cluster=True,
    ),
}

LOOKS_AT: Mapping[str, tuple[str, ...]] = {
    "linearizable": ("register", "keyspace", "lock", "lease"),
    "serializable-sessions": ("register", "keyspace"),
    "staleness": ("register", "keyspace"),
    "list-append": ("append",),
    "watch-order": ("watch",),
    "watch-complete": ("watch",),
    "lost-writes": ("register", "keyspace", "append", "watch"),
    "phantom-writes": ("register", "keyspace", "append", "watch"),
    "duplicated-writes": ("register", "keyspace", "append", "watch"),
    "lock-exclusive": ("lock",),
    "lease-not-early": ("lease",),
}
"""Checks that look at the operations of some types of workload only."""
