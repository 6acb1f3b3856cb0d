"""`cap`: the CAP experiment, on a running cluster or on stores of its own (capcompare.py). Must not judge: the report
does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cluster.cli import output as out
from cluster.cli.session import STATE, Session, folder
from cluster.config import Etcd
from cluster.errors import UsageError
from cluster.experiments.cap import AVAILABLE, OUTSIDE, PROMISING_NOTHING, CapReport, Setup, run_cap
from cluster.report.capwords import consistency, when_cut
from cluster.topology import members
from cluster.world.proc.world import ProcWorld

DEFAULT = "dev"
"""The cluster that commands mean when none is named."""


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
    if report.engine in PROMISING_NOTHING:
        print(f"\n{' '.join(when_cut(report))} Linearizable: {consistency(report)}; {report.message}")
        for problem in report.short_of_consistent():
            print(f"a consistent store would not be told: {problem}")
        return
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
@click.option("--engines", default=None, help="Compare these on small stores of their own: raft,eventual,raftos.")
@click.option("--world", type=click.Choice(["sim", "proc"]), default=None, help="Where to compare; default: sim.")
@click.option("--seed", type=int, default=None, help="Of the comparison in the sim; default: 0.")
@click.option("--distance", type=float, default=None, help="Milliseconds between the sides while nothing is cut [10].")
@click.option("--out", "where", type=click.Path(path_type=Path), default=None, help="Folder of the comparison's page.")
@click.option("--seconds", type=float, default=None, help="How long the partition lasts [2.5; comparing: 10].")
@out.as_json
@click.option("--name", "cluster", default=None, help="Cut this running cluster.")
def cap_command(cluster: str | None, seconds: float | None, output: str, **comparing: Any) -> int:
    """Cut one member of a store from the others, ask on both sides, heal, and judge by the engine's promises.

    With --name it is the store of that running cluster, and so it is without any option when a cluster `dev` is up
    here. Else, and with any option of the comparison, small stores are started for it, in the sim unless --world proc:
    the same story on each engine, side by side, and a page to show.
    """
    given = {k: v for k, v in comparing.items() if v is not None}
    if cluster is not None and given:
        options = ", ".join(f"--{'out' if k == 'where' else k}" for k in given)
        remedy = "--name cuts a running cluster, the others start stores of their own"
        raise UsageError(f"{options} beside --name", place="cap", remedy=remedy)
    if cluster is not None or (not given and ProcWorld(folder(DEFAULT)).layout.is_up()):
        return asyncio.run(_on_running(cluster or DEFAULT, 2.5 if seconds is None else seconds, output))
    return _compared(given, seconds, output)


def _compared(given: dict[str, Any], seconds: float | None, output: str) -> int:
    from cluster.cli.capcompare import OURS, SECONDS, Comparison, compare

    names = given["engines"].split(",") if "engines" in given else OURS
    wanted = Comparison(
        tuple(name.strip() for name in names if name.strip()),
        given.get("world", "sim"),
        given.get("seed", 0),
        SECONDS if seconds is None else seconds,
        given.get("distance", 10.0) / 1000,
    )
    return compare(wanted, given.get("where", Path.cwd() / STATE / "cap"), quiet=output == "json")


async def _on_running(cluster: str, seconds: float, output: str) -> int:
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
