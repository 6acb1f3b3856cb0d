"""scenario list, show, check, schema, convert: files of stories, without running one.

Must not run a scenario (`run.py`), nor know what is in one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from cluster.cli import output as out
from cluster.errors import UsageError
from cluster.history.checks import CHECKS
from cluster.scenario import files
from cluster.scenario.document import FileError
from cluster.scenario.model import Scenario


@click.group("scenario")
def scenario_command() -> None:
    """Stories as files: list, show, check, convert them."""


@scenario_command.command("list")
@out.as_json
def list_command(output: str) -> int:
    """The shipped stories."""
    rows = []
    for file in files.shipped():
        try:
            rows.append(_row(files.load(file)))
        except UsageError as error:
            rows.append({"name": file.stem, "title": f"cannot be read: {error}", "worlds": [], "teaches": ""})
    if output == "json":
        print(out.to_json(rows))
    else:
        print(
            out.render_table(
                ["NAME", "WORLDS", "TITLE"], [[r["name"], ",".join(r["worlds"]), r["title"]] for r in rows]
            )
        )
    return 0


def _row(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "title": scenario.title,
        "worlds": list(scenario.worlds),
        "teaches": scenario.teaches,
    }


@scenario_command.command("show")
@click.argument("name")
@click.option("-o", "--output", "output", default="yaml", type=click.Choice(["yaml", "json"]), show_default=True)
def show_command(name: str, output: str) -> int:
    """The file of a shipped story (or any other) as it is; as data with -o json."""
    if output == "json":
        from cluster.scenario import write

        print(json.dumps(write.data(files.load(name, CHECKS)), indent=2, ensure_ascii=False))
    else:
        print(files.find(name).read_text(encoding="utf-8"), end="")
    return 0


@scenario_command.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
def check_command(paths: tuple[str, ...]) -> int:
    """Read files and tell all that is wrong with them, a problem a line; exit status 2 if there is any."""
    wrong = 0
    for path in paths:
        try:
            scenario = files.load(path, CHECKS)
        except FileError as error:
            wrong += 1
            for problem in error.problems:
                print(problem, file=sys.stderr)
        except UsageError as error:
            wrong += 1
            print(error, file=sys.stderr)
        else:
            entries, checks = _count(len(scenario.timeline), "entry", "entries"), _count(len(scenario.checks), "check")
            print(f"{path}: {scenario.title}: {entries}, {checks}")
    return 2 if wrong else 0


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


@scenario_command.command("schema")
@click.option("-o", "--output", "path", default="-", help="A file; - is standard output.")
def schema_command(path: str) -> int:
    """The JSON schema of scenario files, for editors."""
    _write(path, schema_text())
    return 0


def schema_text() -> str:
    """What docs/scenario.schema.json holds."""
    from cluster.scenario.schema import schema

    return json.dumps(schema(CHECKS), indent=1, ensure_ascii=False) + "\n"


@scenario_command.command("convert")
@click.argument("path", metavar="FILE")
@click.option("--to", "form", required=True, type=click.Choice(["capstan", "chaostoolkit"]))
@click.option("-o", "--output", "target", default="-", help="A file; - is standard output.")
@click.option("--launcher", default="capstan", show_default=True, help="chaostoolkit: the program that strikes.")
@click.option("--name", "cluster", default="dev", show_default=True, help="chaostoolkit: the cluster that it strikes.")
@click.option("--partly", is_flag=True, help="chaostoolkit: leave out what cannot be expressed, and say what it was.")
def convert_command(path: str, form: str, target: str, launcher: str, cluster: str, partly: bool) -> int:
    """From our format, Chaos Mesh or Chaos Toolkit (told apart by what is in it) to ours or Chaos Toolkit's."""
    scenario = files.load(path, CHECKS)
    if form == "capstan":
        from cluster.scenario import write

        _write(target, write.dump(scenario))
        return 0
    from cluster.scenario import chaostoolkit

    without: list[str] = []
    _write(target, chaostoolkit.dump(scenario, launcher, cluster, without if partly else None))
    for reason in without:
        print(f"left out: {reason}", file=sys.stderr)
    carried = ["the workload"] if scenario.workloads else []
    carried += ["the checks"] if scenario.checks else []
    if carried:
        print(f"{' and '.join(carried)}: carried along, and not carried out by `chaos run`", file=sys.stderr)
    return 0


def _write(path: str, text: str) -> None:
    if path == "-":
        print(text, end="")
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(str(error.strerror or error), place=path, remedy="a file that can be written") from None
