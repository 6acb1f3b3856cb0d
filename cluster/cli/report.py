"""`launch.py report`: the page of a run from its folder, or of two runs beside each other.

Must not judge: what the folder's verdict says is what is shown. A run that did not come to its end gets a page that
says so, and exit status 2.
"""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from cluster.errors import UsageError
from cluster.history.finding import Verdict
from cluster.history.run import Run

PAGE, COMPARISON = "report.html", "comparison.html"


@click.command("report")
@click.argument("folders", nargs=-1, required=True, metavar="DIR [DIR2]", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="Else into the (last) folder.")
@click.option("--open", "show", is_flag=True, help="Open the page in a browser.")
def report_command(folders: tuple[Path, ...], target: Path | None, show: bool) -> int:
    """Make the page of a run that `run` recorded in DIR, or compare the runs in DIR and DIR2.

    The page is one file that needs no network. Exit status 2 if a run is not whole, with what is missing."""
    if len(folders) > 2:
        raise UsageError(f"{len(folders)} folders", remedy="one for a report, two for a comparison")
    runs = [whole(folder) for folder in folders]
    if len(runs) == 1:
        from cluster.report.page import page

        text = page(*runs[0][:2])
    else:
        from cluster.report.compare import compare

        text = compare(*runs[0][:2], *runs[1][:2])
    target = target or folders[-1] / (PAGE if len(runs) == 1 else COMPARISON)
    _write(target, text)
    click.echo(str(target))
    if show and not webbrowser.open(target.resolve().as_uri()):
        click.echo("no browser was found to open it with", err=True)
    missing = [f"{folder}: {what}" for folder, run in zip(folders, runs, strict=True) for what in run[2]]
    for line in missing:
        click.echo(f"not whole: {line}", err=True)
    return 2 if missing else 0


def whole(folder: Path) -> tuple[Run, Verdict, list[str]]:
    """The run, its verdict ("unknown" if there is none), and what is missing of it. UsageError if it is no run."""
    from cluster.experiments import folder as files

    run, verdict = files.load(folder)
    missing = []
    if not run.meta.complete:
        missing.append(f"the run did not come to its end: {run.meta.problem or 'it was interrupted, or still goes on'}")
    missing += files.lacks(folder, run)
    if verdict is None:
        missing.append(f"no {files.VERDICT}: nobody has judged it")
        verdict = Verdict("unknown", "nobody has judged this run")
    if missing and verdict.outcome == "holds":
        verdict = Verdict("unknown", f"the run is not whole: {missing[0]}", verdict.judged)
    return run, verdict, missing


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", place=str(target), remedy="another -o FILE") from None
