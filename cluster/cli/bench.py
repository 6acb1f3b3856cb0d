"""`bench NAME`: run one benchmark or all, print its rows. Must not measure."""

from __future__ import annotations

import importlib
from typing import Any

import click

from bench.rows import COLUMNS, Options, Row
from cluster.cli import output as out
from cluster.errors import UsageError

NAMES = ("boot", "failover", "links", "sim", "store", "api", "memory", "check", "soak", "idle", "day")
LONG = ("soak", "idle", "day")
"""Not among `all`: they take as long as one lets them."""


def _words(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word for word in value.split(",") if word)


def _numbers(_: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    numbers = _words(_, parameter, value)
    if not all(word.isdecimal() and int(word) > 0 for word in numbers):
        raise UsageError(f"{value!r} are not numbers of clients", place="--clients", remedy="1,16,64,256")
    return tuple(int(word) for word in numbers)


@click.command("bench")
@click.argument("name")
@click.option("--rounds", type=click.IntRange(min=1), default=None, help="Measurements of each thing.")
@click.option("--only", callback=_words, default="", help="store: which parts, as puts,gets,watch.")
@click.option("--clients", callback=_numbers, default="", help="store: numbers of clients, as 1,16.")
@click.option("--seconds", type=click.FloatRange(min=0.05), default=None, help="store: of one measurement.")
@click.option("--minutes", type=click.FloatRange(min=0.0, min_open=True), default=None, help="soak, idle: how long.")
@out.as_json
def bench_command(name: str, output: str, **chosen: Any) -> int:
    """Measure: boot, failover, links, sim, store, api, memory, check, or all of these; soak, idle or day, which take
    longer. Exit status 1 if a bar does not hold."""
    if name != "all" and name not in NAMES:
        raise UsageError(f"no benchmark {name!r}", place="bench", remedy=f"one of {', '.join(NAMES)}, all")
    options = Options(**{option: value for option, value in chosen.items() if value is not None})
    rows: list[Row] = []
    for each in [n for n in NAMES if n not in LONG] if name == "all" else (name,):
        rows += importlib.import_module(f"bench.{each}").run(options)
    if output == "json":
        print(out.to_json([r.data() for r in rows]))
    else:
        print(out.render_table(COLUMNS, [r.cells() for r in rows]))
    return 1 if any(r.holds is False for r in rows) else 0
