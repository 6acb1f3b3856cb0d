"""The page of the zoo says what the code does."""

from __future__ import annotations

from collections import Counter

from tests.zoo.bugs import ALL
from tests.zoo.bugs.store import PROOF
from tests.zoo.stories import STORIES
from tests.zoo.table import PAGE, page, unknown_checks


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
