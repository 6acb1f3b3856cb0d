"""Certificates of a cluster: made at `up`, looked at and renewed by `certs`.

Must not know cryptography: `cluster.pki` does.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cluster.addresses import BALANCER, machine_ip, service_cidr
from cluster.cli import output as out
from cluster.cli.session import command, folder, load_spec
from cluster.config import ClusterSpec
from cluster.errors import UsageError
from cluster.topology import API_PORT, masters, workers

if TYPE_CHECKING:
    from cluster.pki.chest import Chest, Wanted

PKI = "pki"
KUBECONFIG = "kubeconfig"
ADMIN = "admin"
DAYS = 365
LIFETIME = click.IntRange(1, 36500)
"""Days of a certificate."""


def wanted(spec: ClusterSpec) -> dict[str, Wanted]:
    """Every certificate that the cluster needs besides its authority's."""
    from cluster.pki.authority import Subject
    from cluster.pki.chest import Wanted

    first = str(IPv4Network(service_cidr(spec.subnet))[1])
    named = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", BALANCER)
    inside = (*named, first, "127.0.0.1", machine_ip(spec.subnet, BALANCER))
    found = {ADMIN: Wanted(Subject("kubernetes-admin", ("system:masters",)))}
    for component in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
        found[component] = Wanted(Subject(f"system:{component}"))
    for i, machine in enumerate(workers(spec)):
        kubelet = Subject(f"system:node:{machine}", ("system:nodes",))
        found[f"kubelet-{i}"] = Wanted(kubelet, (machine_ip(spec.subnet, machine), machine))
    for i, machine in enumerate(masters(spec)):
        hosts = (machine_ip(spec.subnet, machine), machine, *inside)
        found[f"apiserver-{i}"] = Wanted(Subject("kube-apiserver"), hosts)
    return found


def make_identities(where: Path, spec: ClusterSpec, days: int = DAYS) -> None:
    """Certificates that are missing, good for so many days, and the kubeconfig."""
    from cluster.pki.chest import Chest

    chest = Chest(where / PKI)
    made = chest.ensure(where.name, wanted(spec), datetime.now(UTC), days)
    chest.ensure_keys()
    if made or not (where / KUBECONFIG).exists():
        write_kubeconfig(where, spec, chest)


def write_kubeconfig(where: Path, spec: ClusterSpec, chest: Chest) -> None:
    from cluster.pki.chest import CA
    from cluster.pki.kubeconfig import kubeconfig

    name = where.name
    servers = {
        name if machine == BALANCER else f"{name}-{machine}": f"https://{machine_ip(spec.subnet, machine)}:{API_PORT}"
        for machine in (BALANCER, *masters(spec))
    }
    text = kubeconfig(name, servers, chest.pair(CA).cert, chest.pair(ADMIN))
    aside = where / f"{KUBECONFIG}.aside"
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    aside.replace(where / KUBECONFIG)


def _chest(cluster: str) -> tuple[Path, Chest]:
    from cluster.pki.chest import Chest

    where = folder(cluster)
    load_spec(where)
    return where, Chest(where / PKI)


@click.group("certs")
def certs_command() -> None:
    """Certificates of the cluster: certs check-expiration, certs renew."""


@certs_command.command("check-expiration")
@out.as_json
@command
async def check_command(cluster: str, output: str) -> int:
    """Who each certificate is for, and until when it is good. Exit status 1 if one has expired."""
    _, chest = _chest(cluster)
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    expired = False
    for name in chest.names():
        facts = chest.facts(name)
        left = facts.not_after - now
        expired = expired or left.total_seconds() <= 0
        rows.append(
            {
                "name": name,
                "subject": facts.subject.name,
                "groups": list(facts.subject.groups),
                "hosts": list(facts.hosts),
                "expires": f"{facts.not_after:%Y-%m-%dT%H:%M:%SZ}",
                "days": left.days,
            }
        )
    if output == "json":
        print(out.to_json(rows))
    else:
        cells = [[r["name"], r["subject"], ",".join(r["groups"]) or "-", r["expires"], f"{r['days']}d"] for r in rows]
        print(out.render_table(["CERTIFICATE", "SUBJECT", "GROUPS", "EXPIRES", "LEFT"], cells))
    return 1 if expired else 0


@certs_command.command("renew")
@click.argument("names", nargs=-1)
@click.option("--days", type=LIFETIME, default=DAYS, show_default=True, help="Good for so long from now.")
@command
async def renew_command(names: tuple[str, ...], days: int, cluster: str) -> int:
    """Make certificates anew (all, or those named) and the kubeconfig with them; servers take them at their restart."""
    from cluster.pki.chest import CA

    where, chest = _chest(cluster)
    known = [name for name in chest.names() if name != CA]
    for name in names:
        if name not in known:
            raise UsageError(f"no certificate {name!r}", place="certs renew", remedy=f"one of {', '.join(known)}")
    chosen = list(names) or known
    chest.renew(chosen, datetime.now(UTC), days)
    write_kubeconfig(where, load_spec(where), chest)
    print(f"renewed for {days} days: {', '.join(chosen)}; restart apiservers for theirs")
    return 0
