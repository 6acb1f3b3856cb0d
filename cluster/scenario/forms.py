"""The parts of a scenario file as tables: which fields each has, their types, defaults and what they mean.

The reader reads by these tables, the JSON schema and the reference page are made from them; `actions` has the table of
what a timeline may do. Must not parse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cluster.config import ENGINES, PROFILES
from cluster.scenario.actions import Field
from cluster.scenario.model import WORLDS, Shape, SteadyState, Workload, WorldName

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
    "patience",
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
    """A type of workload: what it does, its options, and what must be there for it to make sense.

    `cluster`: it needs apiservers."""

    doc: str
    options: Mapping[str, Field] = field(default_factory=dict)
    cluster: bool = False
    worlds: tuple[WorldName, ...] = WORLDS


_READS, _WRITES = Field("share", "of operations that read", 0.5), Field("share", "of operations that write", 0.25)
_SWAPS = Field("share", "of operations that compare and set", 0.25)
WORKLOADS: Mapping[str, Form] = {
    "register": Form(
        "reads, writes and compare-and-sets of registers; values are unique",
        {"reads": _READS, "writes": _WRITES, "swaps": _SWAPS},
    ),
    "append": Form(
        "transactions that read lists and append to them (Elle's list-append)",
        {
            "length": Field("integer", "most micro-operations in a transaction", 4),
            "appends": Field("share", "of micro-operations that append", 0.5),
        },
    ),
    "lock": Form(
        "locks on leases: acquire, keep alive, release",
        {
            "seconds": Field("integer", "of the lease that a lock is on", 2),
            "hold": Field("duration", "how long a lock is held at the most", 1.0),
        },
    ),
    "lease": Form(
        "leases: granted, kept alive, revoked, seen to end",
        {
            "seconds": Field("integer", "of each lease", 2),
            "grants": Field("share", "of turns that grant a new one", 0.15),
        },
    ),
    "watch": Form(
        "watchers of the store, and writers for them",
        {
            "writers": Field("integer", "of the clients, how many write", 1),
            "deletes": Field("share", "of writes that delete", 0.2),
        },
    ),
    "keyspace": Form(
        "puts, deletes, reads and compare-and-sets, with revisions",
        {
            "reads": replace(_READS, default=0.4),
            "writes": replace(_WRITES, default=0.3),
            "deletes": Field("share", "of operations that delete", 0.15),
            "swaps": replace(_SWAPS, default=0.15),
        },
    ),
    "objects": Form(
        "API objects created, updated and deleted, and observers of them",
        {"observers": Field("integer", "of the clients, how many observe", 1)},
        cluster=True,
    ),
    "http": Form(
        "GETs at a Service's address, through the real proxies",
        {
            "service": Field("text", "its name", "nginx"),
            "namespace": Field("text", "where it is", "default"),
            "path": Field("text", "what is asked for", "/"),
        },
        cluster=True,
        worlds=("proc",),
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
