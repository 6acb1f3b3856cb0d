"""`bench NAME`: run one benchmark or all, print its rows. Must not measure."""

from __future__ import annotations

import importlib

import click

from bench.rows import COLUMNS, Options, Row
from cluster.cli import output as out
from cluster.errors import UsageError

NAMES = ("boot", "failover", "links", "sim")


@click.command("bench")
@click.argument("name")
@click.option("--rounds", type=click.IntRange(min=1), default=None, help="Measurements of each thing.")
@click.option("-o", "--output", "output", default="", help="json for data.")
def bench_command(name: str, rounds: int | None, output: str) -> int:
    """Measure: boot, failover, links, sim, or all. Exit status 1 if a bar does not hold."""
    if name != "all" and name not in NAMES:
        raise UsageError(f"no benchmark {name!r}", place="bench", remedy=f"one of {', '.join(NAMES)}, all")
    rows: list[Row] = []
    for each in NAMES if name == "all" else (name,):
        rows += importlib.import_module(f"bench.{each}").run(Options(rounds or 0))
    if output == "json":
        print(out.to_json([r.data() for r in rows]))
    else:
        print(out.render_table(COLUMNS, [r.cells() for r in rows]))
    return 1 if any(r.holds is False for r in rows) else 0
