"""`cap`: the CAP experiment on the running cluster, and its ledger. Must not judge: the report does."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cluster.cli import output as out
from cluster.cli.session import Session, command
from cluster.config import Etcd
from cluster.errors import UsageError
from cluster.experiments.cap import AVAILABLE, OUTSIDE, CapReport, Setup, run_cap
from cluster.topology import members


def ledger_table(report: CapReport) -> str:
    rows = [
        [r.side, r.what, str(r.tried), *(r.share(c) for c in (r.answered, r.refused, r.unanswered, r.stale))]
        for r in report.rows
    ]
    return out.render_table(["SIDE", "WHAT", "TRIED", "ANSWERED", "REFUSED", "NO ANSWER", "STALE"], rows)


def print_report(report: CapReport) -> None:
    available = report.engine in AVAILABLE
    who = f"no leader, {report.leader} was cut off" if available else f"{report.leader} led"
    print(f"{','.join(report.minority)} | {','.join(report.majority)}: {who}\n")
    print(ledger_table(report))
    if report.engine in OUTSIDE:
        print(f"\netcd's own links are not the cluster's: its members went on together; {report.message}")
        return
    if not available:
        seconds_text = "-" if report.new_leader_seconds is None else f"{report.new_leader_seconds:.2f} s"
        print(f"\nnew leader {report.new_leader or 'none'} after {seconds_text}; {report.message}")
        return
    healed = "not" if report.heal_seconds is None else f"after {report.heal_seconds:.2f} s"
    print(f"\nreplicas equal again: {healed}; acknowledged writes lost: {len(report.lost)}")
    for row in report.conflicts:
        stamps = (row["stamp"], row["lost_to"])
        lost, won = (f"{replica} at {wall / 1e6:.6f}+{logical}" for wall, logical, replica in stamps)
        print(f"  {row['key']}: {lost} and what led to it, {row['writes']} writes, lost to {won}")
    print(f"linearizable, which this engine does not promise: {report.linearizable}; {report.message}")


def etcd_machines(names: Sequence[str], etcd: Etcd) -> dict[str, str]:
    """Which machine stands for each member; UsageError if a partition would concern none."""
    machines = {m: word.partition("=")[0] if "=" in word else "" for m, word in zip(names, etcd.endpoints, strict=True)}
    if not all(machines.values()) or len(set(machines.values())) < 2:
        remedy = "`up --store etcd --etcd master-0=URL,master-1=URL,master-2=URL`"
        raise UsageError("no partition comes between the cluster and this etcd", place="cap", remedy=remedy)
    return machines


@click.command("cap")
@click.option("--seconds", default=2.5, show_default=True, help="How long the partition lasts.")
@click.option("-o", "--output", "output", default="", help="json for data.")
@command
async def cap_command(seconds: float, output: str, cluster: str) -> int:
    """Cut the store leader's machine from the others, ask on both sides, heal, and judge by the engine's promises."""
    async with Session(cluster) as session:
        names = members(session.spec)
        if len(names) < 3:
            raise UsageError(f"{len(names)} members have no majority to lose", place="cap", remedy="3 or more")
        spec = session.spec
        if spec.etcd is not None:
            machines = etcd_machines(names, spec.etcd)
        else:
            hosts = {h["name"]: h["machine"] for h in (await session.world.status())["hosts"].values()}
            machines = {m: hosts[m] for m in names}
        keepalive = spec.timing.watch_keepalive
        setup = Setup(names, machines, seconds, keepalive=keepalive, engine=spec.engine, etcd=spec.etcd)
        report = await run_cap(session.world, setup)
    if output == "json":
        print(out.to_json(report.data()))
    else:
        print_report(report)
        for problem in report.problems():
            print(f"FAILED: {problem}")
    return 1 if report.problems() else 0
