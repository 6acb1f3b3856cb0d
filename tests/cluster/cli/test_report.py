"""`launch.py report` on folders: whole ones, halves, and none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.cli.main import main
from cluster.experiments import folder
from cluster.history.checks import Ask, judge
from tests.cluster.report.runs import store_run


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of a whole run."""
    run = store_run()
    place = tmp_path / "run"
    folder.write(run, judge(run, [Ask("linearizable")]), place)
    return place


def test_the_page_goes_into_the_folder(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(made)]) == 0
    assert capsys.readouterr().out.strip() == str(made / "report.html")
    text = (made / "report.html").read_text()
    assert "A leader alone" in text
    assert 'class="verdict holds"' in text


def test_it_goes_where_it_is_told_to(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.html"
    assert main(["report", str(made), "-o", str(target)]) == 0
    assert target.exists()
    assert not (made / "report.html").exists()


def test_two_folders_make_a_comparison(made: Path, tmp_path: Path) -> None:
    run = store_run(3)
    other = tmp_path / "other"
    folder.write(run, judge(run, [Ask("linearizable")]), other)
    assert main(["report", str(made), str(other)]) == 0
    assert "Two runs beside each other" in (other / "comparison.html").read_text()


def test_a_run_that_goes_on_is_told_to_be_half(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = store_run()
    half = tmp_path / "half"
    meta = replace(run.meta, complete=False, problem="the store had no leader")
    folder.write(replace(run, meta=meta), None, half)
    assert main(["report", str(half)]) == 2
    told = capsys.readouterr().err
    assert f"not whole: {half}: the run did not come to its end: the store had no leader" in told
    assert "no verdict.json: nobody has judged it" in told
    text = (half / "report.html").read_text()
    assert "This run did not come to its end" in text
    assert 'class="verdict unknown"' in text
    assert main(["report", str(made), str(half)]) == 2


def test_a_journal_that_is_cut_off_is_noticed_and_is_not_green(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = made / folder.JOURNAL
    journal.write_bytes(journal.read_bytes()[:-1000])
    assert main(["report", str(made)]) == 2
    assert f"{folder.JOURNAL} holds " in capsys.readouterr().err
    assert 'class="verdict holds"' not in (made / "report.html").read_text()


@pytest.mark.parametrize("words", [["report"], ["report", "a", "b", "c"]])
def test_too_few_or_too_many_folders(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_without_a_run_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_verdict_that_was_made_green_by_hand_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads((made / "verdict.json").read_text())
    data["checks"][0]["said"] = "violated"
    (made / "verdict.json").write_text(json.dumps(data))
    assert main(["report", str(made)]) == 2
    assert "its checks do not" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = made / "missing" / "page.html"
    assert main(["report", str(made), "-o", str(target)]) == 2
    assert str(target) in capsys.readouterr().err
