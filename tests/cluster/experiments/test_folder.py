"""A run's folder: written, loaded again the same, half-finished ones too, and what is wrong with one is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import UsageError
from cluster.experiments import documents, folder
from cluster.history.checks import Ask, judge
from cluster.history.run import Meta, Run
from tests.cluster.experiments.stories import step, story, told

ASKED = (Ask("linearizable"), Ask("one-leader-per-term"))


STORY = story(
    step("kill", {"targets": "leader:store"}, lasting=1.0),
    step("partition", {"shape": "halves"}, lasting=1.0),
    workload="watch",
    seconds=3.0,
    text="capstan: 1\n",
)


@pytest.fixture(scope="module")
def run() -> Run:
    return told(STORY)


def test_it_is_loaded_as_it_was(run: Run, tmp_path: Path) -> None:
    verdict = judge(run, ASKED)
    folder.write(run, verdict, tmp_path)
    again, its = folder.load(tmp_path)
    assert again == run
    assert its is not None
    assert (its.outcome, its.reason) == (verdict.outcome, verdict.reason)
    assert [j.finding.said for j in its.judged] == [j.finding.said for j in verdict.judged]


def test_one_that_has_only_begun_loads_incomplete(tmp_path: Path) -> None:
    meta = Meta("s", "S", "proc", 4, "raft", 0.0, "2026-01-01T00:00:00+00:00", "launch.py run s", problem="it goes on")
    folder.begin(tmp_path / "run", meta, "capstan: 1\n", "/there/s.yaml")
    run, verdict = folder.load(tmp_path / "run")
    assert verdict is None
    assert not run.meta.complete
    assert run.meta.seed == 4
    assert folder.place_of(tmp_path / "run") == "/there/s.yaml"
    with pytest.raises(UsageError, match="there is a run in this folder already"):
        folder.begin(tmp_path / "run", meta, "", "")


def test_a_torn_journal_loads_up_to_the_tear(run: Run, tmp_path: Path) -> None:
    folder.write(run, None, tmp_path)
    path = tmp_path / folder.JOURNAL
    path.write_bytes(path.read_bytes()[:-3])
    again, _ = folder.load(tmp_path)
    assert again.records == run.records[:-1]


def test_an_interrupted_write_leaves_an_incomplete_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path, rows: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "_rows", broken)
    with pytest.raises(KeyboardInterrupt):
        folder.write(run, None, tmp_path)
    again, _ = folder.load(tmp_path)
    assert not again.meta.complete


def test_a_verdict_of_it_is_never_green(run: Run, tmp_path: Path) -> None:
    folder.write(replace(run, meta=replace(run.meta, complete=False)), None, tmp_path)
    again, _ = folder.load(tmp_path)
    assert judge(again, ASKED).outcome == "unknown"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (folder.SUMMARY, None, "there is no run here"),
        (folder.SUMMARY, "{", "cannot be read"),
        (folder.SUMMARY, "[]", "not a JSON object"),
        (folder.SUMMARY, '{"format": 9}', "not a run of this version"),
        (folder.SUMMARY, '{"format": 1, "meta": {}}', "a part of it is missing"),
        (folder.VERDICT, '{"format": 1, "outcome": "holds"}', "its checks do not"),
    ],
)
def test_what_is_wrong_names_the_file(run: Run, tmp_path: Path, file: str, text: str | None, said: str) -> None:
    folder.write(run, None, tmp_path)
    if text is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        folder.load(tmp_path)
    assert file in str(caught.value)


def test_documents_are_made_of_it(run: Run, tmp_path: Path) -> None:
    verdict = judge(run, ASKED)
    folder.write(run, verdict, tmp_path)
    documents.write(run, verdict, tmp_path)
    assert json.loads((tmp_path / documents.TOOLKIT).read_text())["status"] == "completed"
    assert "<testsuite" in (tmp_path / documents.JUNIT).read_text()
    assert (tmp_path / documents.REPORT).read_text().lstrip().lower().startswith("<!doctype html")
    assert json.loads((tmp_path / folder.SUMMARY).read_text())["counts"]["operations"] == len(run.operations)
