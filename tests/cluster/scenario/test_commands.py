"""`launch.py scenario`: list, show, check, convert, schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.cli.main import main
from cluster.scenario import files

GOOD = (
    "capstan: 1\ntitle: Good\nworkload: register\ntimeline:\n- {kill: leader:store, for: 5s}\nchecks: [linearizable]\n"
)
BAD = "capstan: 1\nnmae: x\nchecks: [linearisable]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


def test_the_shipped_stories_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "list", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [file.stem for file in files.shipped()]
    assert all(row["title"] and row["teaches"] and row["worlds"] for row in rows)
    assert main(["scenario", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rows) + 1


def test_a_story_is_shown_by_its_name_or_its_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "show", "leader-paused"]) == 0
    assert capsys.readouterr().out == files.find("leader-paused").read_text()
    assert main(["scenario", "show", "good.yaml"]) == 0
    assert capsys.readouterr().out == GOOD
    assert main(["scenario", "show", "good.yaml", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Good"
    assert main(["scenario", "show", "leader-pausd"]) == 2
    said = "error: leader-pausd: there is no such scenario; did you mean 'leader-paused'?\n"
    assert capsys.readouterr().err == said


def test_check_tells_all_that_is_wrong_with_all_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "check", "good.yaml"]) == 0
    assert capsys.readouterr().out == "good.yaml: Good: 1 entry, 1 check\n"
    assert main(["scenario", "check", "good.yaml", "bad.yaml", "none.yaml", "."]) == 2
    out, err = capsys.readouterr()
    assert out == "good.yaml: Good: 1 entry, 1 check\n"
    assert err.splitlines() == [
        "bad.yaml:2: nmae: unknown field 'nmae'; did you mean 'name'?",
        "bad.yaml:3: checks[0]: unknown check 'linearisable'; did you mean 'linearizable'?",
        "none.yaml: there is no such scenario; a file, or a name of `launch.py scenario list`",
        ".: a folder, and no scenario; such as ./NAME.yaml",
    ]


def test_what_is_no_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "binary.yaml").write_bytes(b"capstan: 1\n\xff\xfe")
    assert main(["scenario", "check", "binary.yaml"]) == 2
    assert capsys.readouterr().err == "binary.yaml: not text: invalid start byte at byte 11\n"


def test_convert_to_an_experiment_and_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "convert", "good.yaml", "--to", "chaostoolkit", "-o", "x.json"]) == 0
    assert "the workload and the checks: carried along" in capsys.readouterr().err
    assert json.loads((folder / "x.json").read_text())["method"][0]["name"] == "kill leader:store for 5s"
    assert main(["scenario", "convert", "x.json", "--to", "capstan", "-o", "again.yaml"]) == 0
    assert main(["scenario", "convert", "good.yaml", "--to", "capstan"]) == 0
    assert capsys.readouterr().out == (folder / "again.yaml").read_text()


def test_convert_refuses_what_it_would_lose_or_lists_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "story.yaml").write_text(GOOD.replace("checks", "- await: leader:store changed\nchecks"))
    assert main(["scenario", "convert", "story.yaml", "--to", "chaostoolkit"]) == 2
    assert capsys.readouterr().err.startswith("error: story.yaml:6: 'leader:store changed': an activity is a process")
    assert main(["scenario", "convert", "story.yaml", "--to", "chaostoolkit", "--partly"]) == 0
    assert capsys.readouterr().err.startswith("left out: story.yaml:6: 'leader:store changed'")


def test_where_it_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "convert", "good.yaml", "--to", "capstan", "-o", "no/such/folder.yaml"]) == 2
    assert (
        capsys.readouterr().err == "error: no/such/folder.yaml: No such file or directory; a file that can be written\n"
    )


def test_the_schema_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Capstan scenario"
