"""The command `zoo`: what it finds, what it says, and what it does where the tests are not."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from cluster.cli.main import main
from tests.zoo import hunting


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["zoo", *words])
    streams = capsys.readouterr()
    return status, streams.out, streams.err


def test_a_bug_is_found_explained_and_can_be_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = said(capsys, "bound-again", "--seeds", "0:3")
    assert status == 0
    assert "bound-again: bound-once: pod default/tugged-" in text
    assert "launch.py zoo bound-again --seeds 0:1" in text
    assert text.endswith("1 of 1 bugs found\nthe healthy code, told 1 of the same stories: clean\n")


def test_the_same_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = said(capsys, "create-overwrites", "--seeds", "1", "-o", "json")
    data = json.loads(text)
    assert status == 0
    assert data["healthy"] == {"told": 1, "violations": []}
    (row,) = data["bugs"]
    assert row["found"]
    assert (row["component"], row["story"], row["check"]) == ("apiserver", "names", "created-once")
    assert row["because"]


def test_what_is_not_found_is_an_exit_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    escape = hunting.Escape("bound-again", 7, 1, ("created-once: another check's sentence",))
    monkeypatch.setattr(hunting, "hunt", lambda bug, seeds: escape)
    status, text, _ = said(capsys, "bound-again", "--seeds", "7")
    assert status == 1
    assert "bound-again: NOT FOUND by bound-once in 7 seeds (but: created-once: another check's sentence)" in text
    assert "0 of 1 bugs found" in text


def test_a_story_is_told_to_the_healthy_code(capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = said(capsys, "--story", "names", "--seeds", "2")
    assert (status, text) == (0, "2 stories told to the healthy code, 0 with a violation\n")


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = said(capsys, "--list", "--component", "proxy", "--component", "scheduler")
    assert status == 0
    assert "endpoints-never-leave" in text
    assert "ports-ignored" in text
    assert "lost-update" not in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["bound-agian"], "no planted bug 'bound-agian'; did you mean 'bound-again'?"),
        (["--story", "nmaes"], "no story 'nmaes'; did you mean 'names'?"),
        (["--seeds", "9:3"], "--seeds: '9:3' are no seeds; a number of them, or FROM:TO"),
        (["--seeds", "many"], "--seeds: 'many' are no seeds; a number of them, or FROM:TO"),
        (["-o", "yaml"], "-o: unknown output format 'yaml'; json"),
        (["bound-again", "--component", "proxy"], "--component: no bug of proxy among these"),
    ],
)
def test_what_is_off_is_said(capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    status, text, error = said(capsys, *words)
    assert (status, text) == (2, "")
    assert sentence in error


def test_without_the_sources_it_says_where_to_run_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        return None if name.startswith("tests") else right(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    status, text, error = said(capsys, "--list")
    assert (status, text) == (2, "")
    assert "not installed with the program" in error
    assert "in a checkout of the sources" in error
