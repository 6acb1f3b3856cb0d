"""Configuration as values: parsing mappings into frozen dataclasses, the cluster's shape, the timing profiles.

Must not read files or environment variables; unknown keys are refused with the place and the known ones.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from cluster.errors import UsageError

T = TypeVar("T")


def parse(cls: type[T], data: Mapping[str, Any], place: str = "") -> T:
    """A frozen dataclass from plain data: nested dataclasses, tuples, optionals and dicts; UsageError with the
    field's path for an unknown key, a wrong type or a missing value. Whole numbers are fine where floats are meant."""
    if not isinstance(data, Mapping):
        raise UsageError(f"{type(data).__name__} where a mapping is meant", place=place)
    hints = _hints(typing.cast(Any, cls))
    known = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls)) if f.init}
    for key in data:
        if key not in known:
            raise UsageError(f"unknown key {key!r}", place=place, remedy=f"known: {', '.join(known)}")
    values = {key: _value(hints[key], value, f"{place}.{key}") for key, value in data.items()}
    for key, spec in known.items():
        no_default = spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING
        if key not in values and no_default:
            raise UsageError(f"{key!r} is missing", place=place)
    return cls(**values)


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _value(hint: Any, value: Any, place: str) -> Any:
    origin = typing.get_origin(hint)
    args = typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        return _value(next(a for a in args if a is not type(None)), value, place)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{value!r} where a list is meant", place=place)
        return tuple(_value(args[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if origin in (dict, Mapping) or (origin is not None and issubclass(origin, Mapping)):
        if not isinstance(value, Mapping):
            raise UsageError(f"{value!r} where a mapping is meant", place=place)
        return {k: _value(args[1], v, f"{place}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, typing.cast(type, hint)) else parse(typing.cast(type, hint), value, place)
    if hint is float and type(value) is int:
        return float(value)
    if not isinstance(value, hint) or (type(value) is bool and hint is not bool):
        raise UsageError(f"{value!r} where {hint.__name__} is meant", place=place)
    return value


@dataclass(frozen=True, slots=True)
class Timing:
    """Every interval of the cluster, in seconds. The defaults are Kubernetes' own (profile `kubernetes`)."""

    node_lease_renew: float = 10.0
    """kubelet renews its Lease in kube-node-lease (a quarter of the lease's duration)."""
    node_lease_duration: float = 40.0
    node_status_update: float = 10.0
    """kubelet looks for changes of its node status this often, and writes them; unchanged status every 30th time."""
    node_monitor_period: float = 5.0
    """nodelifecycle looks at the leases this often (--node-monitor-period)."""
    node_monitor_grace: float = 40.0
    """no renewal for so long: Ready becomes Unknown (--node-monitor-grace-period)."""
    default_toleration: float = 300.0
    """tolerationSeconds that admission gives pods for not-ready and unreachable."""
    eviction_interval: float = 10.0
    """seconds between two nodes' evictions in a healthy zone (--node-eviction-rate 0.1)."""
    leader_lease: float = 15.0
    leader_renew_deadline: float = 10.0
    leader_retry: float = 2.0
    pod_sync: float = 1.0
    """kubelet's own look at all its pods, besides reacting to changes."""
    crash_backoff_start: float = 10.0
    crash_backoff_max: float = 300.0
    scheduler_backoff_start: float = 1.0
    scheduler_backoff_max: float = 10.0
    unschedulable_retry: float = 60.0
    """the scheduler tries a pod that fits nowhere again at least this often; cluster events wake it earlier."""
    queue_backoff_start: float = 0.005
    queue_backoff_max: float = 60.0
    """work queues: first and longest wait after a failed reconcile."""
    resync: float = 600.0
    """informers relist nothing; reconcilers look at every object again this often."""
    request_timeout: float = 5.0
    """how long a component waits for an apiserver before it tries another."""
    watch_keepalive: float = 5.0
    """a silent watch stream says so this often; three in a row missed break it."""
    bookmark: float = 10.0
    raft_heartbeat: float = 0.1
    raft_election: float = 1.0
    """least election timeout; each is drawn from [1, 2) of it (Raft thesis 3.4, 9.3)."""
    node_ttl_gc: float = 20.0
    """garbage collection sweeps and pods of vanished nodes are looked at this often."""
    disruption_timeout: float = 120.0
    """a pod that was evicted and is still there after this counts as staying."""

    def scaled(self, factor: float) -> Timing:
        """All intervals divided by `factor`, but for those that the machine's own speed sets a floor for."""
        floor = {
            "raft_heartbeat": 0.05,
            "raft_election": 0.2,
            "watch_keepalive": 0.5,
            "request_timeout": 1.0,
            "queue_backoff_start": 0.005,
            "pod_sync": 0.25,
            "resync": 30.0,
            "scheduler_backoff_start": 0.1,
        }
        values = {f.name: max(getattr(self, f.name) / factor, floor.get(f.name, 0.0)) for f in dataclasses.fields(self)}
        return Timing(**values)


PROFILES: Mapping[str, Timing] = {"kubernetes": Timing(), "fast": Timing().scaled(20)}

ENGINES = ("raft", "eventual", "etcd", "raftos")


@dataclass(frozen=True, slots=True)
class Etcd:
    """Where a real etcd cluster is, and how to sign in: engine `etcd` needs it, no other engine takes it."""

    endpoints: tuple[str, ...]
    """A member's client URL each, or MACHINE=URL: then a partition of that machine cuts it off from the others."""
    cacert: str = ""
    """Files, PEM: whose signature members' certificates must have; our own certificate and its key."""
    cert: str = ""
    key: str = ""
    user: str = ""
    password_file: str = ""

    def __post_init__(self) -> None:
        checks = (
            (bool(self.endpoints), "engine etcd needs a member's URL", "--etcd http://127.0.0.1:2379"),
            (bool(self.cert) == bool(self.key), "a certificate goes with its key", "--etcd-cert and --etcd-key"),
            (bool(self.user) == bool(self.password_file), "a user goes with a password", "--etcd-password-file"),
        )
        for holds, what, right in checks:
            if not holds:
                raise UsageError(what, place="etcd", remedy=right)


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """Who runs where. `store` members sit on the first `store` masters (default: every master)."""

    masters: int = 3
    workers: int = 3
    store: int | None = None
    engine: str = "raft"
    profile: str = "fast"
    runtime: str = "process"
    """kubelets' runtime: `process` (real child processes) or `simulated` (a table of stages)."""
    timing: Timing = field(default_factory=lambda: PROFILES["fast"])
    zones: tuple[str, ...] = ()
    """worker i is in zones[i % len]; empty: no zone labels."""
    subnet: int = 77
    """second octet of every address: 127.SUBNET.x.y (proc world)."""
    bus_curve: bool = True
    """The bus is encrypted, and who has no key of this cluster is not heard (proc world)."""
    etcd: Etcd | None = None
    """With engine `etcd` only: there are no members of ours then."""
    stores: Mapping[str, str] = field(default_factory=dict)
    """Members of the store (store-N) with their machines, once they are others than `store` says: `store member add`,
    `remove` and `replace` write it. Engine `raft` only."""
    store_options: Mapping[str, float] = field(default_factory=dict)
    """Of each member, by the names of `store.config.Config`. Engine `raft` only."""

    def __post_init__(self) -> None:
        checks = (
            (1 <= self.masters <= 9, "masters", "1 to 9"),
            (0 <= self.workers <= 2000, "workers", "0 to 2000"),
            (
                self.etcd is not None or bool(self.stores) or 1 <= self.members <= self.masters,
                "store",
                "1 to the number of masters",
            ),
            (not self.stores or self.engine == "raft", "stores", "none but with engine raft"),
            (not self.store_options or self.engine == "raft", "store_options", "none but with engine raft"),
            (self.engine in ENGINES, "engine", f"one of {', '.join(ENGINES)}"),
            (self.profile in PROFILES, "profile", f"one of {', '.join(PROFILES)}"),
            (self.runtime in ("process", "simulated"), "runtime", "process or simulated"),
            (1 <= self.subnet <= 254, "subnet", "1 to 254"),
            ((self.engine == "etcd") == (self.etcd is not None), "etcd", "engine etcd and its URLs (--etcd) together"),
        )
        for holds, name, right in checks:
            if not holds:
                raise UsageError(f"{name}={getattr(self, name)!r} is not possible", place="cluster", remedy=right)

    @property
    def members(self) -> int:
        """How many processes of ours keep the key space: none with a real etcd."""
        if self.etcd is not None:
            return 0
        if self.stores:
            return len(self.stores)
        return self.masters if self.store is None else self.store
