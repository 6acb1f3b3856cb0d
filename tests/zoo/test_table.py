"""The page of the zoo says what the code does."""

from __future__ import annotations

from collections import Counter

from tests.test_architecture import ROOT, imports
from tests.zoo.bugs import ALL
from tests.zoo.bugs.store import PROOF
from tests.zoo.stories import STORIES
from tests.zoo.table import PAGE, page, unknown_checks
from tests.zoo.telling import tell


def test_the_tables_are_those_of_the_code() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run `python -m tests.zoo.table`"


def test_every_component_has_its_bugs() -> None:
    count = Counter(bug.component for bug in ALL.values())
    assert len(ALL) >= 60
    assert all(count[component] >= 5 for component in ("store", "apiserver", "controllers", "scheduler", "kubelet"))
    assert count["proxy"] >= 2


def test_every_name_means_something() -> None:
    assert unknown_checks() == []
    for bug in ALL.values():
        assert bug.story == PROOF or bug.check in {asked.check for asked in STORIES[bug.story].checks}, bug.name


def test_every_story_has_a_bug_that_it_brings_about() -> None:
    assert {bug.story for bug in ALL.values()} == {*STORIES, PROOF}


def test_nothing_that_is_installed_imports_the_tests() -> None:
    for folder in ("cluster", "store", "nodes", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            assert not [name for name, _ in imports(path) if name.partition(".")[0] == "tests"], path


def test_a_story_is_the_same_to_the_byte_each_time_it_is_told() -> None:
    first, second = tell("names", 3), tell("names", 3)
    assert first.digest == second.digest
    assert first.run.events == second.run.events
    assert first.digest != tell("names", 4).digest
