"""What a scenario is made of: cluster, workload, steady state, timeline, checks, expectations. Values only.

Must not parse (`reader`) nor run (`cluster.experiments`). Times are seconds, shares are numbers from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

WorldName = Literal["sim", "proc"]
WORLDS: tuple[WorldName, ...] = ("sim", "proc")
Expected = Literal["ok", "violated", "unknown"]
"""What a check is expected to say: a lesson may be that something breaks."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One way of naming hosts or machines. `role` is a key of `target.ROLES`, `arg` what it is about: ("name",
    "store-1"), ("kind", "store"), ("zone", "a"), ("label", "disk=ssd"), ("leader", "store"), ("holder",
    "kube-scheduler"), ("apiserver-of", "kubelet-2"), ("node-of", "web-0"). `machine`: the machine it is on is meant."""

    role: str
    arg: str = ""
    machine: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to strike, looked up when the fault strikes. `of` is a union, `but` what is taken out of it, `amount` how
    many of the rest: "all"; "one", "count" (`number`), "share" (`number` of 1), "up-to" (at least one and at most the
    share `number`), "some" (a random subset that is not empty), "minority", "majority": drawn from the scenario's
    dice."""

    text: str
    """As it was written, for reports."""
    of: tuple[Atom, ...]
    but: tuple[Atom, ...] = ()
    amount: str = "all"
    number: float = 0.0


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that may be observed to hold: `subject` is a key of `subjects.SUBJECTS` ("node", "pods", "store",
    "deployment", ...), `name` which one, `predicate` what of it ("is Ready", "has a leader", "ready"), compared by
    `operator` ("=", "!=", "<", "<=", ">", ">=", or "" where the predicate says all) with `value`. `where`: of pods the
    node, of events the object (KIND/NAME) that they must be on. Nodes and hosts may be roles (node-of:web-0)."""

    text: str
    subject: str
    name: str = ""
    predicate: str = ""
    operator: str = ""
    value: Any = None
    negated: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the timeline: `action` is a key of `actions.ACTIONS`, `args` its fields with durations in seconds
    and targets as `Target`. Entries begin in their order: `at` seconds after the timeline's start, or `after` seconds
    after the entry before has begun (a waiting entry, `wait`, `await`, `parallel`, `sequence`: has ended).

    `lasting`: then it is undone (0: at the run's end at the latest). `when`: not before this holds (given up as unknown
    after `within`). `every`: struck again so often, until `repeat` times, or `until` holds, or the timeline is over.
    `chance`: strikes at all. `steps`: of parallel and sequence."""

    place: str
    """ "file.yaml:12": where it is written."""
    action: str
    args: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    at: float | None = None
    after: float = 0.0
    lasting: float = 0.0
    when: Condition | None = None
    within: float = 60.0
    every: float = 0.0
    repeat: int = 0
    until: Condition | None = None
    chance: float = 1.0
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """The cluster. `only`: "store" starts the members of the store alone, "cluster" all. `objects`: manifests (paths,
    from the scenario's folder or `scenarios/manifests`, and inline objects) that are applied before the steady state.
    `options`: of store members, as `store.config.Config` names them (snapshot_entries, lease_clock_error)."""

    only: Literal["store", "cluster"] = "cluster"
    masters: int = 3
    workers: int = 3
    zones: tuple[str, ...] = ()
    profile: str = "fast"
    engine: str = "raft"
    objects: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    journal: Literal["messages", "events"] = "messages"


@dataclass(frozen=True, slots=True)
class Workload:
    """Clients that go on asking from the steady state to the end. `type` is a key of `cluster.experiments`' workloads:
    register, append, lock, lease, watch, keyspace, objects (API objects come and go), http (GETs at a Service).

    `clients` of them, each `rate` operations a second; `keys`: over so many keys; `reads`: read mode of the store;
    `at`: machines on which they sit (one after the other; empty: a machine of their own that no fault names);
    `options`: of that type."""

    place: str
    type: str
    name: str = ""
    clients: int = 3
    rate: float = 5.0
    keys: int = 2
    reads: str = "linearizable"
    at: tuple[Target, ...] = ()
    timeout: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SteadyState:
    """What must hold before the timeline begins (within `within` seconds), and again after healing (within `after`)."""

    conditions: tuple[Condition, ...] = ()
    within: float = 60.0
    after: float = 60.0


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """One check by its name in `cluster.history.checks`, with its options, and what it is expected to say."""

    place: str
    check: str
    options: Mapping[str, Any] = field(default_factory=dict)
    expect: Expected = "ok"
    because: str = ""
    """Why it is expected, in the author's words: told in the report."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`teaches`: what one learns, in a few sentences. `worlds`: where it makes sense. `seconds`: how long the timeline
    lasts at the least (its last entry may end later); `settle`: how long after healing the workload goes on."""

    place: str
    name: str
    title: str
    teaches: str = ""
    worlds: tuple[WorldName, ...] = WORLDS
    seed: int = 0
    shape: Shape = Shape()
    workloads: tuple[Workload, ...] = ()
    steady: SteadyState = SteadyState()
    timeline: tuple[Step, ...] = ()
    seconds: float = 10.0
    settle: float = 2.0
    checks: tuple[CheckSpec, ...] = ()
    text: str = ""
    """The file, as it was read."""
