"""`store conflicts`: what availability has cost, write by write.

Must not judge what clients were told (cluster/history/writes.py does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from cluster.cli import output as out
from cluster.cli.session import Session, command
from cluster.errors import StatusError, UsageError
from cluster.topology import members
from store.client import Conflicts
from store.engines import Store

PATIENCE = 5.0
"""Seconds for a replica to name them."""


@click.command("conflicts")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="So many of each replica.")
@out.as_json
@command
async def conflicts_command(limit: int, output: str, cluster: str) -> int:
    """Acknowledged writes that lost to concurrent ones, the newest last (engine eventual)."""
    async with Session(cluster) as session:
        if session.spec.engine != "eventual":
            remedy = "a cluster of `up --store eventual`"
            raise UsageError(f"engine {session.spec.engine} has none to name", place="store conflicts", remedy=remedy)
        store, names = await session.store(), members(session.spec)
        met = await asyncio.gather(*(_ask(store, name, limit) for name in names))
    by_name = dict(zip(names, met, strict=True))
    counts = [
        {
            "member": name,
            "answers": said is not None,
            "met": said.total if said else 0,
            "refused": said.refused if said else 0,
            "hints": sum(said.hints.values()) if said else 0,
        }
        for name, said in by_name.items()
    ]
    lost = _lost(list(by_name.values()))
    tables = [
        out.render_table(
            ["MEMBER", "MET", "REFUSED", "HINTS"],
            [[c["member"], *(str(c[x]) if c["answers"] else "-" for x in ("met", "refused", "hints"))] for c in counts],
        )
    ]
    if lost:
        rows = [[one["key"], _stamp(one["stamp"]), _stamp(one["lost_to"]), str(one["writes"])] for one in lost]
        tables.append(out.render_table(["KEY", "LOST", "TO", "WRITES"], rows))
    print(out.to_json({"members": counts, "lost": lost}) if output == "json" else "\n\n".join(tables))
    return 0 if all(c["answers"] for c in counts) else 1


async def _ask(store: Store, name: str, limit: int) -> Conflicts | None:
    """None: no answer."""
    try:
        return await store.conflicts(name, limit, timeout=PATIENCE)
    except StatusError:
        return None


def _lost(met: Sequence[Conflicts | None]) -> list[dict[str, Any]]:
    """Each once: a conflict is met by more than one replica, and the one that saw the whole branch counts most."""
    found: dict[Any, dict[str, Any]] = {}
    for said in met:
        for one in said.lost if said is not None else ():
            key = one.key.decode(errors="backslashreplace")
            row = {"key": key, "stamp": list(one.stamp), "lost_to": list(one.lost_to), "writes": one.writes}
            place = (one.stamp, one.key)
            if place not in found or found[place]["writes"] < one.writes:
                found[place] = row
    return [found[place] for place in sorted(found)]


def _stamp(stamp: Sequence[Any]) -> str:
    """As in `cap`: whose write, when by its clock, and which of that microsecond."""
    wall, logical, replica = stamp
    return f"{replica} at {wall / 1e6:.6f}+{logical}"
