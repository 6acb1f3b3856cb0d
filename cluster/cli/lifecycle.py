"""up, down, status, node: the life of a cluster of processes.

Must not know what the processes do; waiting for Ready asks the apiserver like anybody else.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from cluster.addresses import BALANCER, machine_ip
from cluster.api.meta import name_of, parse_time
from cluster.cli import auditing, storeoptions
from cluster.cli import output as out
from cluster.cli.certs import DAYS, KUBECONFIG, LIFETIME, PKI, make_identities
from cluster.cli.etcd import etcd_of, etcd_options, flags_of, look
from cluster.cli.roles import store_leader
from cluster.cli.session import CLIENT_MACHINE, Session, command, folder, load_spec, save_spec
from cluster.config import ENGINES, PROFILES, ClusterSpec
from cluster.errors import StatusError, UsageError
from cluster.experiments.assembly import nodes_ready
from cluster.topology import (
    ENGINE_MODULES,
    MODULES,
    PORTS,
    Folders,
    Placement,
    masters,
    placements,
    store_machines,
    worker_hosts,
    workers,
)
from cluster.world.proc.launch import down, launch
from cluster.world.proc.registry import ProcConfig, is_free
from cluster.world.proc.world import ProcWorld
from store.engines import engine

BOOT_LIMIT = 60.0
"""Seconds after which `up` gives up on Ready."""


def endpoint(spec: ClusterSpec, placement: Placement) -> tuple[str, int]:
    return machine_ip(spec.subnet, placement.machine), PORTS[placement.component]


def proc_config(spec: ClusterSpec) -> ProcConfig:
    """What the process world needs to know."""
    machines = {m: machine_ip(spec.subnet, m) for m in (*masters(spec), *workers(spec), *store_machines(spec).values())}
    machines[BALANCER] = machine_ip(spec.subnet, BALANCER)
    machines[CLIENT_MACHINE] = f"127.{spec.subnet}.255.1"
    first = {endpoint(spec, p): p for p in reversed(placements(spec))}  # a second member there gets any free port
    placed = list(reversed(first.values()))
    ports = {p.name: PORTS[p.component] for p in placed}
    places = {p.name: p.machine for p in placed}
    preload = (*MODULES, *ENGINE_MODULES.get(spec.engine, ()))
    found = ProcConfig(preload=preload, machines=machines, ports=ports, places=places, subnet=spec.subnet)
    return replace(found, curve=spec.bus_curve)


async def start_cluster(
    spec: ClusterSpec, where: Path, audit: dict[str, Any] | None = None, days: int = DAYS
) -> tuple[ProcWorld, list[Placement]]:
    """The tree of processes, every component started; not yet Ready. Nothing is left running if that fails. `audit`:
    the audit policy from now on, {} for none; None: as it was. `days`: of certificates that are not there yet."""
    world = _launch(spec, where)
    try:
        save_spec(where, spec)
        auditing.keep(where, audit)
        make_identities(where, spec, days)
        placed = placements(spec, folders(where, world))
        await asyncio.gather(*(world.start(p.name, p.machine, p.spec) for p in placed))
    except BaseException:
        await world.close()
        down(where)
        raise
    return world, placed


def _launch(spec: ClusterSpec, where: Path) -> ProcWorld:
    """The tree without hosts; a folder that had to be made for it goes if that fails."""
    new = not where.exists()
    try:
        return launch(where, proc_config(spec))
    except UsageError:
        if new:
            shutil.rmtree(where, ignore_errors=True)
        raise


def folders(where: Path, world: ProcWorld) -> Folders:
    containers = str(where / "containers"), str(world.layout.containers)
    return Folders(*containers, str(where / PKI), auditing.kept(where))


async def wait_ready(session: Session, want: list[str], limit: float = BOOT_LIMIT) -> None:
    """Until these nodes are Ready; UsageError that says where to look if they are not within `limit` seconds."""
    try:
        await nodes_ready(await session.client(), want, limit)
    except TimeoutError as error:
        logs = f"see `status` and the logs in {session.folder / 'log'}"
        raise UsageError(str(error), remedy=logs, status=1) from None


async def wait_renewed(session: Session, nodes: list[str], stamp: float, limit: float = BOOT_LIMIT) -> None:
    """Until the nodes that are stored from an earlier life have a lease of this one: their Ready is as old."""
    client = await session.client()
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            listed = await client.list("Lease", "kube-node-lease")
        except StatusError:  # nobody serves yet
            await asyncio.sleep(0.05)
            continue
        leases = {name_of(o): o for o in listed["items"]}
        known = [leases[node] for node in nodes if node in leases]
        if all(parse_time(lease["spec"].get("renewTime") or "1970-01-01T00:00:00Z") >= stamp for lease in known):
            return
        await asyncio.sleep(0.05)


@click.command("up")
@click.option("--masters", type=int, default=3, show_default=True)
@click.option("--workers", type=int, default=3, show_default=True)
@click.option("--store", "engine", default="raft", show_default=True, help=f"Store engine: {', '.join(ENGINES)}.")
@click.option("--profile", default="fast", help="Timing: fast or kubernetes.  [default: fast; raftos: kubernetes]")
@click.option("--runtime", default="process", show_default=True, help="Containers: process or simulated.")
@click.option("--zones", default="", help="Comma-separated; worker i is in the i-th (modulo).")
@click.option("--subnet", type=int, default=0, help="Addresses are 127.SUBNET.x.y; default: a free one.")
@click.option("--audit-policy", default="", help="A YAML file (audit.k8s.io/v1 Policy), or none for no audit log.")
@click.option("--cert-days", type=LIFETIME, default=DAYS, show_default=True, help="Of certificates made now.")
@click.option(
    "--bus-curve/--no-bus-curve", default=True, show_default=True, help="Encrypt the bus; who has no key is not heard."
)
@storeoptions.store_options
@etcd_options
@click.option("--wait/--no-wait", default=True, show_default=True)
@out.as_json
@command
async def up_command(cluster: str, output: str, wait: bool, audit_policy: str, cert_days: int, **flags: Any) -> int:
    """Start a cluster and wait until its nodes are Ready."""
    began, stamp = time.monotonic(), time.time()
    where, policy = folder(cluster), auditing.read(audit_policy)
    context = click.get_current_context()
    given = [k for k in flags if context.get_parameter_source(k) is not ParameterSource.DEFAULT]
    spec = make_spec(where, **as_before(where, flags, given))
    if warning := engine(spec.engine).warning:
        print(f"warning: {warning}", file=sys.stderr)
    if spec.etcd is not None:
        await look(spec.etcd, fresh=not (where / "cluster.json").exists())
    world, placed = await start_cluster(spec, where, policy, cert_days)
    started = time.monotonic()
    await world.close()
    async with Session(cluster) as session:
        if wait:
            await wait_renewed(session, workers(spec), stamp)
            await wait_ready(session, workers(spec))
    ready = time.monotonic()
    report = {
        "cluster": cluster,
        "processes": len(placed),
        "started_seconds": round(started - began, 3),
        "ready_seconds": round(ready - began, 3),
        "subnet": spec.subnet,
    }
    if output == "json":
        print(out.to_json(report))
    else:
        print(
            f"cluster {cluster!r} is up: {spec.masters} masters, {spec.workers} workers, {len(placed)} processes "
            f"in {started - began:.2f} s" + (f", all nodes Ready in {ready - began:.2f} s" if wait else "")
        )
        print(f"kubectl: export KUBECONFIG={where.relative_to(Path.cwd()) / KUBECONFIG}")
    return 0


FIXED = {"masters": "--masters", "engine": "--store", "subnet": "--subnet"}
"""What stored data depends on: members, their engine, and the addresses that objects hold."""


def as_before(where: Path, flags: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """The flags of a cluster that was down: what was not given is as it was. UsageError for what cannot change. A new
    one has the profile that its engine keeps up with."""
    if not (where / "cluster.json").exists():
        if "profile" in given or flags["engine"] not in ENGINES:
            return flags
        return {**flags, "profile": engine(flags["engine"]).profile}
    old = load_spec(where)
    before = {**asdict(old), "zones": ",".join(old.zones), **flags_of(old.etcd)}
    for name, option in FIXED.items():
        if name in given and flags[name] != before[name]:
            remedy = "`down --wipe` first, or another --name"
            raise UsageError(f"cluster {where.name!r} has {before[name]}", place=option, remedy=remedy)
    now = {name: value if name in given else before[name] for name, value in flags.items()}
    return {**now, "stores": old.stores}


def make_spec(where: Path, **flags: Any) -> ClusterSpec:
    """UsageError before anything is started."""
    engine, profile = flags["engine"], flags["profile"]
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}", place="--profile", remedy=f"one of {', '.join(PROFILES)}")
    if engine not in ENGINES:
        raise UsageError(f"unknown store engine {engine!r}", place="--store", remedy=f"one of {', '.join(ENGINES)}")
    zones = tuple(z.strip() for z in flags["zones"].split(",") if z.strip())
    subnet = flags["subnet"] or free_subnet(str(where))
    spec = ClusterSpec(
        masters=flags["masters"],
        workers=flags["workers"],
        engine=engine,
        profile=profile,
        runtime=flags["runtime"],
        timing=PROFILES[profile],
        zones=zones,
        subnet=subnet,
        etcd=etcd_of(flags),
        bus_curve=flags.get("bus_curve", True),
        stores=flags.get("stores", {}),
        store_options=flags.get("store_options", {}),
    )
    storeoptions.look(spec)
    return spec


def free_subnet(name: str) -> int:
    """A second octet whose first master's address is not in use; the same for the same cluster if possible."""
    first = zlib.crc32(name.encode()) % 200
    for step in range(200):
        subnet = 20 + (first + step) % 200
        if all(
            is_free(machine_ip(subnet, machine), port)
            for machine in ("master-0", "worker-0")
            for port in PORTS.values()
        ):
            return subnet
    raise UsageError("no subnet of 127/8 is free", place="up", remedy="end another cluster", status=1)


@click.command("down")
@click.option("--wipe", is_flag=True, help="Remove its files too.")
@command
async def down_command(cluster: str, wipe: bool) -> int:
    """End every process of the cluster."""
    where = folder(cluster)
    if not where.exists():
        raise UsageError(f"there is no cluster {cluster!r} here", remedy="nothing to do", status=1)
    if not ProcWorld(where).layout.is_up() and not wipe:
        raise UsageError(f"cluster {cluster!r} is down already", remedy="`down --wipe` removes its files", status=1)
    outside = wipe and (where / "cluster.json").exists() and load_spec(where).etcd is not None
    down(where, wipe=wipe)
    print(f"cluster {cluster!r} is down{', its files are removed' if wipe else ''}")
    if outside:
        print("etcd still has its objects: `etcdctl del --prefix /registry/` there, before another cluster uses it")
    return 0


def _megabytes(octets: int) -> str:
    return f"{octets / 1e6:.0f} MB" if octets else "-"


@click.command("status")
@out.as_json
@command
async def status_command(cluster: str, output: str) -> int:
    """Machines, processes, faults in force, who leads the store."""
    async with Session(cluster) as session:
        status = dict(await session.world.status())
        status["hosts"] = list(status["hosts"].values())
        try:
            status["leader"] = await store_leader(session)
        except UsageError:
            status["leader"] = ""
    if output == "json":
        print(out.to_json(status))
        return 0
    rows = [
        [h["machine"], h["name"], str(h["pid"] or "-"), str(h["boot"]), h["state"], _megabytes(h["rss"])]
        for h in sorted(status["hosts"], key=lambda h: (h["machine"], h["name"]))
    ]
    print(out.render_table(["MACHINE", "HOST", "PID", "BOOT", "STATE", "RSS"], rows))
    print(f"\nstore leader: {status['leader'] or 'none'}; faults in force: {len(status['rules'])}")
    for host in status["hosts"]:
        for row, times in host.get("unheard", {}).items():
            print(f"not heard at {host['name']}: {row} ({times} times)")
    if session.spec.etcd is not None:
        where = ", ".join(f"etcd-{i} {word}" for i, word in enumerate(session.spec.etcd.endpoints))
        print(f"the store is a real etcd, not ours: {where}")
    return 0


@click.command("node")
@click.argument("action", type=click.Choice(["add", "remove"]))
@click.argument("machine", required=False)
@click.option("--wait/--no-wait", default=True, show_default=True)
@command
async def node_command(action: str, machine: str | None, wait: bool, cluster: str) -> int:
    """node add [worker-N]: a new worker joins. node remove worker-N: it leaves, and its Node object goes."""
    async with Session(cluster) as session:
        if action == "add":
            added = await add_worker(session, machine)
            if wait:
                await wait_ready(session, [added])
            print(f"{added} joined")
        else:
            if machine is None:
                raise UsageError("which worker?", place="node remove", remedy="such as worker-3")
            await remove_worker(session, machine)
            print(f"{machine} left")
    return 0


async def add_worker(session: Session, machine: str | None = None) -> str:
    """Start a worker's hosts on a new machine; its name."""
    have = await machines_of(session)
    if machine is None:
        machine = next(f"worker-{i}" for i in range(10_000) if f"worker-{i}" not in have)
    if machine in have:
        raise UsageError(f"there is a machine {machine!r} already", place="node add", status=1)
    if not machine.startswith("worker-") or not machine[7:].isdecimal():
        raise UsageError(f"{machine!r} is not a worker's name", place="node add", remedy="worker-N")
    placed = worker_hosts(session.spec, machine, folders(session.folder, session.world))
    await asyncio.gather(*(session.world.start(p.name, p.machine, p.spec) for p in placed))
    return machine


async def machines_of(session: Session) -> dict[str, list[str]]:
    """Machine to its hosts."""
    machines: dict[str, list[str]] = {}
    for host in (await session.world.status())["hosts"].values():
        machines.setdefault(host["machine"], []).append(host["name"])
    return machines


async def remove_worker(session: Session, machine: str) -> None:
    """End its hosts and containers for good, and delete the Node."""
    hosts = (await machines_of(session)).get(machine, [])
    if not hosts or not machine.startswith("worker-"):
        raise UsageError(f"there is no worker {machine!r}", place="node remove")
    await session.world.poweroff(machine)
    for host in hosts:
        await session.world.remove(host)
    client = await session.client()
    try:
        await client.delete("Node", machine)
    except StatusError as error:
        if error.reason != "NotFound":
            raise
