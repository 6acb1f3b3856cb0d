"""From a ClusterSpec to the hosts that make it: who runs on which machine, with which component and configuration.

Pure. Components are named by strings, never imported: they arrive in their world as a `Spec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cluster.addresses import BALANCER, machine_ip, pod_cidr, service_cidr, split_machine
from cluster.config import ClusterSpec
from cluster.world.host import Address
from cluster.world.scenario import Spec

PORTS = {
    "store": 7001,
    "apiserver": 7002,
    "controller-manager": 7003,
    "scheduler": 7004,
    "kubelet": 7005,
    "proxy": 7006,
    "balancer": 7007,
}
"""Bus port of each component, on its machine's address."""

MODULES = (
    "store.member",
    "store.engines.eventual.member",
    "cluster.apiserver.component",
    "cluster.apiserver.rest.door",
    "cluster.balancer.component",
    "cluster.controllers.manager",
    "cluster.scheduler.component",
    "nodes.kubelet.component",
    "nodes.proxy.component",
    "nodes.runtime.programs.nginx",
    "nodes.runtime.programs.redis",
    "nodes.runtime.programs.hello",
    "nodes.runtime.programs.placeholder",
    "nodes.runtime.programs.console",
)
"""What a fork server imports once for all."""
ENGINE_MODULES = {"etcd": ("store.engines.etcd.client",), "raftos": ("store.engines.raftos.member",)}
"""What it imports besides, when the cluster has that engine: it may need what is not installed everywhere."""


STORES = {
    "raft": "store.member:run",
    "eventual": "store.engines.eventual.member:run",
    "etcd": "",
    "raftos": "store.engines.raftos.member:run",
}
"""What each member of the store runs, by engine (the table of store/engines, which this must not import).
"": nothing, its members are not ours."""
ROAMING = ("raft", "etcd", "raftos")
"""Engines whose revisions mean the same on every member. With the others an apiserver stays with one member."""


EXERCISE_KEYS: Mapping[str, Any] = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "EncryptionConfiguration",
    "resources": [
        {
            "resources": ["secrets"],
            "providers": [
                {"aesgcm": {"keys": [{"name": "exercise", "secret": "Y2Fwc3RhbiBleGVyY2lzZSBrZXksIG5vIHNlY3JldCE="}]}}
            ],
        }
    ],
}
"""Of clusters without a folder for keys: simulations, and runs that end with all they hold. Same path, nothing kept
secret."""


@dataclass(frozen=True, slots=True)
class Placement:
    name: Address
    machine: str
    spec: Spec

    @property
    def component(self) -> str:
        return self.name.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Folders:
    """What real processes have on disk; empty in the sim."""

    containers: str = ""
    container_socket: str = ""
    pki: str = ""
    """Where certificates are; with them the apiservers open their HTTPS door."""
    audit: Mapping[str, Any] | None = None
    """The policy of the apiservers' audit logs; None: they write none."""


def masters(spec: ClusterSpec) -> list[str]:
    return [f"master-{i}" for i in range(spec.masters)]


def workers(spec: ClusterSpec) -> list[str]:
    return [f"worker-{i}" for i in range(spec.workers)]


def members(spec: ClusterSpec) -> tuple[Address, ...]:
    """Names of the store's members. A real etcd's are no hosts of the cluster."""
    if spec.etcd is not None:
        return tuple(f"etcd-{i}" for i in range(len(spec.etcd.endpoints)))
    return tuple(store_machines(spec))


def store_machines(spec: ClusterSpec) -> dict[Address, str]:
    """Each member of ours with its machine, in the order of their numbers."""
    if spec.stores:
        return dict(sorted(spec.stores.items(), key=lambda pair: (len(pair[0]), pair[0])))
    return {f"store-{i}": f"master-{i}" for i in range(spec.members)}


def apiservers(spec: ClusterSpec, first: int = 0) -> tuple[Address, ...]:
    """All of them, the `first` one (modulo their number) at the head: whom a client asks first."""
    return tuple(f"apiserver-{(first + i) % spec.masters}" for i in range(spec.masters))


def placements(spec: ClusterSpec, folders: Folders | None = None) -> list[Placement]:
    """Every host of the cluster, in the order in which they are best started."""
    result = [Placement(name, machine, store_spec(spec)) for name, machine in store_machines(spec).items()]
    for i in range(spec.masters):
        result += master_hosts(spec, i, folders)
    for i in range(spec.workers):
        result += worker_hosts(spec, f"worker-{i}", folders)
    result += balancer_hosts(spec, folders)
    order = list(PORTS)
    return sorted(result, key=lambda p: order.index(p.component))


API_PORT = 6443
"""Of each apiserver's HTTPS door, on its machine's address."""


def master_hosts(spec: ClusterSpec, i: int, folders: Folders | None = None) -> list[Placement]:
    """The hosts of a master, but for its member of the store."""
    timing = asdict(spec.timing)
    machine = f"master-{i}"
    store = members(spec)
    result = []
    prefer = nearest(spec, i)
    known = store if spec.engine in ROAMING else (prefer,)
    server: dict[str, Any] = {"store": known, "prefer": prefer, "timing": timing}
    server |= {
        "service_cidr": service_cidr(spec.subnet),
        "engine": spec.engine,
        "etcd": None if spec.etcd is None else asdict(spec.etcd),
    }
    server["encryption"] = {"configuration": EXERCISE_KEYS}
    if folders is not None and folders.pki:
        server["encryption"] = {"file": f"{folders.pki}/encryption.yaml"}
        files = {"cert": f"apiserver-{i}.crt", "key": f"apiserver-{i}.key", "client_ca": "ca.crt"}
        door: dict[str, Any] = {name: f"{folders.pki}/{file}" for name, file in files.items()}
        server["access"] = {"signing_key": f"{folders.pki}/sa.key", "token_file": f"{folders.pki}/tokens.csv"}
        server["disable_admission"] = ()
        server["advertise"] = machine_ip(spec.subnet, BALANCER)
        server["audit"] = None if folders.audit is None else dict(folders.audit)
        server["https"] = {"address": machine_ip(spec.subnet, machine), "port": API_PORT, **door}
    common = {"apiservers": apiservers(spec, i), "timing": timing}
    manager: dict[str, Any] = dict(common)
    if folders is not None and folders.pki:
        files = {"ca_cert": "ca.crt", "ca_key": "ca.key", "signing_key": "sa.key"}
        manager["identity"] = {name: f"{folders.pki}/{file}" for name, file in files.items()}
    result.append(Placement(f"apiserver-{i}", machine, Spec("cluster.apiserver.component:run", server)))
    result.append(Placement(f"controller-manager-{i}", machine, Spec("cluster.controllers.manager:run", manager)))
    result.append(Placement(f"scheduler-{i}", machine, Spec("cluster.scheduler.component:run", common)))
    return result


def balancer_hosts(spec: ClusterSpec, folders: Folders | None) -> list[Placement]:
    """Where there are HTTPS doors: the one address in front of them, on a machine of its own."""
    if folders is None or not folders.pki:
        return []
    doors = [{"machine": m, "address": machine_ip(spec.subnet, m), "port": API_PORT} for m in masters(spec)]
    here = {"address": machine_ip(spec.subnet, BALANCER), "port": API_PORT}
    config = {**here, "servers": doors, "ca": f"{folders.pki}/ca.crt"}
    return [Placement("balancer-0", BALANCER, Spec("cluster.balancer.component:run", config))]


def nearest(spec: ClusterSpec, i: int) -> Address:
    """The member of the store that master `i` asks first: the one on its machine, if there is one."""
    store = members(spec)
    if spec.etcd is not None:
        named = [word.partition("=")[0] for word in spec.etcd.endpoints]
        return store[named.index(f"master-{i}") if f"master-{i}" in named else i % len(store)]
    here = (name for name, machine in store_machines(spec).items() if machine == f"master-{i}")
    return next(here, store[i % len(store)])


def store_spec(spec: ClusterSpec) -> Spec:
    """What each member of the store runs."""
    return Spec(STORES[spec.engine], store_config(spec))


def store_config(spec: ClusterSpec) -> dict[str, Any]:
    """What each member of the store is told (as store/engines' `Engine.config`). Once members have come or gone the
    cluster is founded, and nobody founds it again: who they are is in the log, or comes from a leader."""
    config: dict[str, Any] = {"members": () if spec.stores else members(spec), "keepalive": spec.timing.watch_keepalive}
    if spec.engine == "raft":
        config |= {"heartbeat": spec.timing.raft_heartbeat, "election": spec.timing.raft_election}
    if spec.engine == "raftos":
        config |= {"serializer": "json"}
    return config | dict(spec.store_options)


def worker_hosts(spec: ClusterSpec, machine: str, folders: Folders | None = None) -> list[Placement]:
    """A worker's two hosts; also for a worker that joins a running cluster."""
    _, i = split_machine(machine)
    timing = asdict(spec.timing)
    real = folders is not None and spec.runtime == "process"
    kubelet: dict[str, Any] = {
        "apiservers": apiservers(spec, i),
        "timing": timing,
        "node": machine,
        "node_ip": machine_ip(spec.subnet, machine),
        "pod_cidr": pod_cidr(spec.subnet, machine),
        "runtime": "process" if real else "simulated",
        "zone": spec.zones[i % len(spec.zones)] if spec.zones else "",
    }
    if real and folders is not None:
        kubelet |= {"root": f"{folders.containers}/{machine}", "container_socket": folders.container_socket}
    proxy = {
        "apiservers": apiservers(spec, i),
        "timing": timing,
        "node": machine,
        "node_ip": machine_ip(spec.subnet, machine),
        "forward": real,
    }
    return [
        Placement(f"kubelet-{i}", machine, Spec("nodes.kubelet.component:run", kubelet)),
        Placement(f"proxy-{i}", machine, Spec("nodes.proxy.component:run", proxy)),
    ]
