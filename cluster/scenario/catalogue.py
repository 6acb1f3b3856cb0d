"""The shipped stories as a page of docs: what each is about, what it does to whom, what is checked and expected.

Pure: scenarios in, Markdown out (docs/stories.md, kept in step by tests/scenarios/test_stories.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster.scenario.actions import ACTIONS
from cluster.scenario.model import CheckSpec, Scenario, Step

QUIET = ("control", "objects")
"""Groups of actions that are no faults."""

HEAD = """# Stories

Every file of `scenarios/`: what one learns from it, what it does, what is checked. Run one with `launch.py run NAME`
(`--world sim` or `--world proc`, `--seed N`, `--seeds N` for a campaign), look at it with `launch.py scenario show
NAME`, change it as you like: the language is in docs/scenarios.md. A check that is meant to say *violated* is what its
story teaches: that something breaks, and that it is found.

This page is made from the files (`cluster/scenario/catalogue.py`); a test keeps it in step.
"""
TABLE = "| story | what happens | faults | worlds |\n| --- | --- | --- | --- |"

GROUPS = (
    ("The store", "Members of the store alone, and clients that read and write."),
    ("Other engines", "What another store engine does under the same faults (docs/engines.md)."),
    ("The cluster", "Masters, workers, and objects on them."),
)


def page(stories: Iterable[Scenario]) -> str:
    """Markdown: a table of all, then each at length."""
    ordered = sorted(stories, key=lambda story: story.name)
    parts = [HEAD]
    for title, text in GROUPS:
        mine = [story for story in ordered if group_of(story) == title]
        parts += [f"## {title}\n\n{text}\n", TABLE, *(_row(story) for story in mine), ""]
    parts.append("## Each at length\n")
    parts += [_entry(story) for story in ordered]
    return "\n".join(parts).rstrip() + "\n"


def group_of(story: Scenario) -> str:
    if story.shape.engine != "raft":
        return "Other engines"
    return "The store" if story.shape.only == "store" else "The cluster"


def faults_of(story: Scenario) -> list[str]:
    """Names of the actions that do harm, each once, in the order of the timeline; with how, where there are ways."""
    found: dict[str, None] = {}

    def look(steps: Sequence[Step]) -> None:
        for step in steps:
            look(step.steps)
            if ACTIONS[step.action].group not in QUIET:
                way = step.args.get("way") or step.args.get("shape") or ""
                found[f"{step.action} {way}".strip()] = None

    look(story.timeline)
    return list(found)


def _row(story: Scenario) -> str:
    return f"| [{story.name}](#{story.name}) | {story.title} | {_faults(story)} | {_worlds(story)} |"


def _faults(story: Scenario) -> str:
    return ", ".join(faults_of(story)) or "none"


def _worlds(story: Scenario) -> str:
    return ", ".join(story.worlds)


def _entry(story: Scenario) -> str:
    loads = ", ".join(f"{w.clients} clients of {w.type}" for w in story.workloads) or "none"
    checks = "\n".join(f"- {_check(spec)}" for spec in story.checks)
    about = f"Faults: {_faults(story)}. Workload: {loads}. Worlds: {_worlds(story)}."
    return f"### {story.name}\n\n**{story.title}.**\n\n{story.teaches}\n\n{about}\n\n{checks}\n"


def _check(spec: CheckSpec) -> str:
    options = ", ".join(f"{name}: {_value(value)}" for name, value in spec.options.items())
    said = f"`{spec.check}`" + (f" ({options})" if options else "")
    if spec.expect != "ok":
        said += f", expected to say *{spec.expect}*"
    return said + (f": {spec.because}" if spec.because else "")


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
