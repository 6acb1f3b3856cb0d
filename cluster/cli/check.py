"""`check`: judge a history, or a run's folder anew; or write a history in another format. Must not judge itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cluster.cli import output as out
from cluster.errors import UsageError
from cluster.history import formats
from cluster.history.anomalies import MODELS
from cluster.history.checks import CHECKS, Ask, Asked, judge, validate
from cluster.history.finding import Judged, Verdict
from cluster.history.keyspace import has_revisions
from cluster.history.linearizable import KINDS
from cluster.history.record import Operation
from cluster.history.run import Meta, Run
from cluster.report.verdict import to_data

ALL_MODELS = (*KINDS, *MODELS)
PARTS = ("history.msgpack", "journal.msgpack", "events.msgpack", "run.json", "verdict.json")
"""Files of a run's folder that have a meaning only together."""
WORDS = {"holds": "holds", "violated": "VIOLATED", "unknown": "unknown"}
TOLD = 40
"""Sentences of one proof that are printed."""


def default_checks(history: Sequence[Operation], model: str) -> list[Ask]:
    """What a history's operations can be held against, or what the model asks for."""
    if model in MODELS:
        return [Ask("list-append", {"model": model})]
    if model:
        return [Ask("linearizable", {"model": model})]
    kinds = {o.kind for o in history}
    asked = [Ask("list-append")] if "txn" in kinds else []
    if "acquire" in kinds:
        asked += [Ask("linearizable", {"model": "lock"}), Ask("lock-exclusive")]
    if "grant" in kinds:
        asked += [Ask("linearizable", {"model": "lease"}), Ask("lease-not-early")]
    if kinds & {"write", "cas", "delete"} or not asked:
        keys = sorted({o.key for o in history if o.kind in ("write", "cas", "delete")})
        names: dict[str, Any] = {"keys": keys} if "grant" in kinds else {}
        asked.append(Ask("linearizable", {"model": "keyspace" if has_revisions(history) else "register", **names}))
    return asked


def parse_check(text: str) -> Ask:
    """NAME or NAME:option=value,option=value; UsageError for what there is not."""
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        option, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"{part!r} is no option", place=f"--check {text}", remedy="NAME:option=value")
        options[option.strip()] = {"true": True, "false": False}.get(value.strip(), value.strip())
    asked = Ask(name, options, place=f"--check {text}")
    validate(asked)
    return asked


def run_of(history: Sequence[Operation], path: Path) -> Run:
    """A run of which nothing is known but what clients saw."""
    ends = [o.end for o in history if o.outcome == "ok"]
    seconds = max([0.0, *ends, *(o.start for o in history)])
    meta = Meta(path.stem, path.name, "", 0, "", seconds, "", f"launch.py check {path}")
    return Run(meta, "", tuple(history))


def list_checks() -> str:
    """Every check with its options."""
    lines = []
    for name, check in CHECKS.items():
        lines.append(f"{name}\n    {check.doc} (looks at {', '.join(check.looks_at)})")
        for option, spec in check.options.items():
            choices = f", one of {', '.join(spec.choices)}" if spec.choices else ""
            default = "" if spec.default in (None, "", ()) else f" [{_word(spec.default)}]"
            lines.append(f"      {option}: {spec.type}: {spec.doc}{choices}{default}")
    return "\n".join(lines)


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def describe(judged: Judged) -> list[str]:
    """Lines for people: what it said, of how much, and the reasons of a violation."""
    finding = judged.finding
    word = {"ok": "ok", "violated": "VIOLATED", "unknown": "unknown"}[finding.said]
    expected = "" if judged.expected == "ok" else f" (expected: {judged.expected})"
    lines = [f"{word:<9} {finding.check}: {finding.summary}{expected}"]
    because = [sentence for sentence in finding.because if sentence != finding.summary]
    if finding.said == "violated" and because:
        lines += [f"            {sentence}" for sentence in because[:TOLD]]
        lines += [f"            ({len(because) - TOLD} more)"] if len(because) > TOLD else []
    return lines


def _of_folder(path: Path) -> tuple[Run, list[str]]:
    """A run, and what is missing of it. A run that lacks a part never holds: it is one that did not come to its end."""
    from cluster.experiments.folder import lacks, load

    run, _ = load(path)
    missing = lacks(path, run)
    if missing and run.meta.complete:
        run = replace(run, meta=replace(run.meta, complete=False, problem=missing[0]))
    return run, missing


def _checks_of(run: Run, path: Path) -> Sequence[Asked]:
    """The checks of its scenario, in whichever format it was written."""
    from cluster.experiments.folder import SCENARIO, place_of
    from cluster.scenario.files import parse

    if not run.scenario:
        raise UsageError("it is missing, and with it the checks", place=str(path / SCENARIO), remedy="--check NAME")
    named = place_of(path)
    return parse(run.scenario, named or str(path / SCENARIO), Path(named).parent if named else path).checks


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            "no such file or folder", place=str(path), remedy="a history, or the folder of a run"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=str(path), remedy="a history") from None


def _convert(history: Sequence[Operation], to: str, output: str) -> int:
    if not output:
        raise UsageError("where to?", place="--to", remedy="-o FILE")
    data = formats.dump(history, to)
    try:
        Path(output).write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", place=f"-o {output}", remedy="a file") from None
    print(f"{output}: {len(history)} operations, {len(data)} bytes")
    return 0


@click.command("check")
@click.argument("file", required=False)
@click.option("--model", type=click.Choice(ALL_MODELS), default=None, help="What the history is held against.")
@click.option("--format", "format", type=click.Choice(formats.FORMATS), default=None, help="Instead of by content.")
@click.option("--check", "names", multiple=True, metavar="NAME[:option=value,...]", help="This check; more than once.")
@click.option("--salvage", is_flag=True, help="Judge what is before the place where the file was cut off.")
@click.option("--to", type=click.Choice(formats.WRITABLE), default=None, help="Write it in this format; judge nothing.")
@click.option("-o", "--output", "output", default="", help="The file to write; without --to: json for data.")
@click.option("--list", "listed", is_flag=True, help="Every check and its options.")
def check_command(file: str | None, names: tuple[str, ...], listed: bool, **chosen: Any) -> int:
    """Judge FILE (JSON lines, msgpack, Jepsen's EDN or log lines) or the run in a folder. Exit status: 0 it holds, 1 it
    is violated, 2 nobody can say, or the file makes no sense."""
    if listed:
        print(list_checks())
        return 0
    if file is None:
        raise UsageError("which history?", place="check", remedy="FILE, or --list for the checks that there are")
    path, asked = Path(file), [parse_check(name) for name in names]
    if path.is_dir():
        if chosen["model"] or chosen["format"]:
            remedy = "--check NAME, such as --check linearizable:model=keyspace, or a FILE"
            raise UsageError("a folder has its own format and checks", place=file, remedy=remedy)
        run, missing = _of_folder(path)
        if chosen["to"]:
            if missing and not chosen["salvage"]:
                raise UsageError(missing[0], place=file, remedy="--salvage writes the operations that are there")
            return _convert(run.operations, chosen["to"], chosen["output"])
        return _say(judge(run, asked or _checks_of(run, path), time.monotonic), chosen["output"], "; ".join(missing))
    if path.name in PARTS and (path.parent / "run.json").exists():
        remedy = f"launch.py check {path.parent}, or with --to FORMAT for its operations in another format"
        raise UsageError("a part of a run's folder", place=file, remedy=remedy)
    loaded = formats.load(_read(path), file, chosen["format"] or "", chosen["salvage"])
    if chosen["to"]:
        return _convert(loaded.history, chosen["to"], chosen["output"])
    checks = asked or default_checks(loaded.history, chosen["model"] or "")
    return _say(judge(run_of(loaded.history, path), checks, time.monotonic), chosen["output"], loaded.torn)


def _say(verdict: Verdict, output: str, torn: str) -> int:
    if output not in ("", "json"):
        raise UsageError(f"unknown output format {output!r}", place="-o", remedy="json, or --to FORMAT -o FILE")
    if output == "json":
        print(out.to_json(to_data(verdict) | ({"cutOff": torn} if torn else {})))
        return verdict.status
    if torn:
        print(f"cut off: {torn}; what is before it:")
    for judged in verdict.judged:
        print("\n".join(describe(judged)))
    print(f"{WORDS[verdict.outcome]}: {verdict.reason}")
    return verdict.status
