"""Everything that one run of a scenario recorded, as values: what checkers judge and reports draw.

Must not read or write folders (`cluster.experiments.folder`), judge or draw. All times are seconds on one true clock,
counted from the run's beginning (the first host's start): 0.0 up to `Meta.seconds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cluster.history.record import Operation
from cluster.world.journal import Record

Proof = Literal["confirmed", "not confirmed", "nothing to hit"]
"""Confirmed: it hit something. Nothing to hit: nothing came its way. Not confirmed: something came, and passed."""


@dataclass(frozen=True, slots=True)
class Meta:
    """`phases`: name to (from, to): "boot", "steady", "timeline", "healing", "settle". `replay`: the command that does
    this run again (in the sim: to the byte). `digest`: of the journal, in the sim. `machines`: host to machine, also of
    hosts that came later. `sides`: per partition strike, its groups of machines. `timing`: `cluster.config.Timing` as
    data, for predictions. `complete`: the run came to its end; False for one that was interrupted, or still goes on."""

    scenario: str
    title: str
    world: str
    seed: int
    engine: str
    seconds: float
    began: str
    """Wall time, ISO 8601."""
    replay: str
    digest: str = ""
    profile: str = "fast"
    machines: Mapping[str, str] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    phases: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    complete: bool = True
    problem: str = ""
    """Why it ended early: one sentence."""
    schedule: str = ""
    """How long messages took, in the sim: "" random latency, "pct:3" by priority (cluster.world.sim.schedule)."""


@dataclass(frozen=True, slots=True)
class LinkCount:
    """What a rule did on one link (hosts; of a disk fault: host and file's folder; of an API fault: user and verb)."""

    src: str
    dst: str
    hit: int
    passed: int


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault as it was carried out. `id`: unique in the run ("s3"); `rules`: ids of the link, disk or API rules in
    the journal's `drop` records; `targets`: what its targets turned out to be; `until` None: it lasted to the end."""

    id: str
    action: str
    name: str
    """The entry's own name, or a short description: "partition master-0 | master-1,master-2"."""
    place: str
    since: float
    until: float | None
    targets: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    """Of a partition: its sides."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """As resolved, plain data."""
    rules: tuple[str, ...] = ()
    links: tuple[LinkCount, ...] = ()
    proof: Proof = "nothing to hit"
    error: str = ""
    """It could not be carried out: why."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that the timeline did or saw besides faults: an `await` that held or did not, a `say`, an `apply`.

    `outcome`: "ok", "violated" (it must have held), "unknown" (nobody could say), "" (nothing was expected)."""

    time: float
    text: str
    place: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One change of an API object as an observer saw it, in the order in which it saw them. `type`: ADDED, MODIFIED or
    DELETED. `observer`: whose eyes ("observer": the run's own; "watcher-1": a client of a watch workload)."""

    time: float
    kind: str
    type: str
    object: Mapping[str, Any]
    observer: str = "observer"


@dataclass(frozen=True, slots=True)
class WatchSeen:
    """One event of the store's own watch as a client of a watch workload got it."""

    time: float
    watcher: str
    revision: int
    key: str
    type: str
    """ "put" or "delete"."""
    value: Any = None
    mode: str = ""
    """"": an event; "began": it watches from after `revision` on; "lost": it had to begin anew after `revision`,
    because what was before is compacted."""


@dataclass(frozen=True, slots=True)
class Run:
    """`records`: all hosts' journals merged by Lamport time, world time made relative as above (cluster.world.journal
    has the shapes). Notes worth knowing: boot, crash, pause, resume, exit, fault, heal;
    role {term, role, leader}: of a member of the store;
    log {term, last, commit, applied, snapshot}: of a member of the store, a few times a second while it changes;
    write {kind, key, revision, verb, user, message}: an apiserver has written an object; `message` is [host, boot, id]
    of the request that asked for it;
    cached {revision}: an apiserver's watch cache now has all up to there."""

    meta: Meta
    scenario: str
    """The scenario file's text."""
    operations: tuple[Operation, ...] = ()
    strikes: tuple[Strike, ...] = ()
    moments: tuple[Moment, ...] = ()
    records: tuple[Record, ...] = ()
    events: tuple[Seen, ...] = ()
    watches: tuple[WatchSeen, ...] = ()
    finals: Mapping[str, Any] = field(default_factory=dict)
    """What was looked up after healing: "store": {member: {"revision", "hash"}}, "unanswered": {member: why} of those
    that said none, "conflicts": what an eventual store says that it lost, "keys": {key: value} as finally read."""
