"""The table of docs/zoo.md, made from the bugs and the seeds in which they were found.

    python -m tests.zoo.table       writes it anew

Must not hunt: `launch.py zoo` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cluster.history.checks import CHECKS
from tests.zoo.bug import COMPONENTS, Bug
from tests.zoo.bugs import ALL
from tests.zoo.bugs.store import PROOF
from tests.zoo.found import FOUND
from tests.zoo.stories import STORIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "zoo.md"
BUGS, STORY_TABLE = ("<!-- bugs -->", "<!-- end bugs -->"), ("<!-- stories -->", "<!-- end stories -->")
TITLES: Mapping[str, str] = {
    "store": "The store",
    "apiserver": "The apiserver",
    "controllers": "The controllers, their election and their caches",
    "scheduler": "The scheduler",
    "kubelet": "The kubelet",
    "proxy": "The proxy",
}


def bugs() -> str:
    """A table a component."""
    return "\n\n".join(f"### {TITLES[component]}\n\n" + "\n".join(_rows(component)) for component in COMPONENTS)


def _rows(component: str) -> Iterator[str]:
    yield "| Rule that is taken out | Source | Planted bug | Story | Found by the check | Seeds | Replay |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for bug in ALL.values():
        if bug.component == component:
            yield _row(bug)


def _row(bug: Bug) -> str:
    seed = FOUND[bug.name]
    replay = f"`launch.py zoo {bug.name} --seeds {seed}:{seed + 1}`"
    cells = (bug.rule, bug.source, f"`{bug.name}`", bug.story, bug.check, str(seed + 1), replay)
    return f"| {' | '.join(cells)} |"


def stories() -> str:
    rows = ["| Story | What happens | Checks |", "| --- | --- | --- |"]
    for story in STORIES.values():
        checks = ", ".join(f"`{asked.check}`" for asked in story.checks)
        rows.append(f"| `{story.name}` | {story.title} | {checks} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page with both tables as they are now."""
    for (begin, end), table in ((BUGS, bugs()), (STORY_TABLE, stories())):
        before, _, rest = text.partition(begin + "\n")
        text = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return text


def unknown_checks() -> list[str]:
    """Checks that a bug or a story names and that are not there (the store's proof has its own)."""
    named = {bug.check for bug in ALL.values() if bug.story != PROOF}
    named |= {asked.check for story in STORIES.values() for asked in story.checks}
    return sorted(named - set(CHECKS))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
